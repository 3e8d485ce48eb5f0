//! Whether a build's evidence is what an environment asks for.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use super::licences::components;
use super::origin::{origin, proven, reviews};
use super::standing::findings;
use super::{
    Assessment, Called, Check, CheckOutcome, Content, Counter, Coverage, EvidencePolicy, Kind,
    Reading, Tests, UnknownKind, listed,
};
use crate::digest::Digest;

/// One file of evidence.
#[derive(Debug, Clone, PartialEq)]
pub struct File {
    /// Its key within the bundle.
    pub key: String,
    /// What it says.
    pub said: Said,
}

/// What a file of evidence says.
#[derive(Debug, Clone, PartialEq)]
pub enum Said {
    /// This.
    Reading(Reading),
    /// It can't be read: why.
    Broken(String),
    /// It is called something that Sluice does not read. It is kept with the rest.
    NotRead(UnknownKind),
}

impl Said {
    const fn reading(&self) -> Option<&Reading> {
        match self {
            Self::Reading(reading) => Some(reading),
            _ => None,
        }
    }
}

/// What evidence is held against, beside the policy.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The day, in UTC.
    pub today: Date,
    /// The digests of the bundle's code, which provenance must be about, by what people
    /// call it.
    pub artifacts: &'a BTreeMap<String, Digest>,
    /// The coverage of lines of the release that was promoted here last, in percent.
    pub coverage_before: Option<f64>,
}

/// Checks a build's evidence. No order of files or findings changes what comes of it, and
/// one more finding never makes it better.
#[must_use]
pub fn assess(policy: &EvidencePolicy, files: &[File], context: &Context<'_>) -> Assessment {
    let mut checks = unread(files);
    checks.extend(missing(policy, files));
    checks.extend(tests(policy, files));
    checks.extend(coverage(policy, files, context));
    for (key, reading) in read(files) {
        let more = match &reading.content {
            Content::Tests(_) | Content::Coverage(_) => Vec::new(),
            Content::Findings(found) => findings(policy, tool(reading), found, context.today),
            Content::Sbom(sbom) => vec![components(policy, sbom)],
            Content::Provenance(statement) => origin(policy, reading, statement),
            Content::Reviews(found) => vec![reviews(policy, reading, found, context)],
        };
        checks.extend(more.into_iter().map(|check| check.in_file(key)));
    }
    checks.extend(proven(policy, files, context));
    Assessment::of(checks)
}

/// Who wrote a report, as people know it.
fn tool(reading: &Reading) -> &str {
    let first = reading.tools.first();
    first.map_or(reading.format.name(), |tool| &tool.name)
}

pub(super) fn read(files: &[File]) -> impl Iterator<Item = (&str, &Reading)> {
    files
        .iter()
        .filter_map(|file| Some((file.key.as_str(), file.said.reading()?)))
}

/// What can't be read proves nothing, whoever asked for it.
fn unread(files: &[File]) -> Vec<Check> {
    let check = |file: &File| {
        let check = match &file.said {
            Said::Reading(_) => return None,
            Said::Broken(why) => Check::of("evidence", false, why, "a report that can be read"),
            Said::NotRead(unknown) => {
                let found = format!("`{}`, which is not read", unknown.word);
                Check::new("evidence", CheckOutcome::NotRun, found, "nothing")
            }
        };
        Some(check.in_file(&file.key))
    };
    files.iter().filter_map(check).collect()
}

/// What is required and not there refuses; what is not there otherwise is told.
fn missing(policy: &EvidencePolicy, files: &[File]) -> Vec<Check> {
    let is_there = |called: Called| {
        read(files).any(|(_, reading)| match called {
            Called::Kind(kind) => kind == reading.kind(),
            Called::Format(format) => format == reading.format,
        })
    };
    let required: BTreeSet<Called> = policy.require.iter().copied().collect();
    let optional = Kind::ALL.map(Called::Kind).into_iter();
    let optional = optional.filter(|called| !required.contains(called));
    let outcomes = [CheckOutcome::Refuse, CheckOutcome::NotRun];
    let required = required.iter().map(|called| (*called, outcomes[0]));
    let all = required.chain(optional.map(|called| (called, outcomes[1])));
    all.filter(|(called, _)| !is_there(*called))
        .map(|(called, outcome)| {
            let expected = match outcome {
                CheckOutcome::Refuse => {
                    format!("a report of `{called}` in the bundle's `evidence`")
                }
                _ => "nothing: it is not required here".to_owned(),
            };
            Check::new(called.name(), outcome, "none", expected)
        })
        .collect()
}

fn tests(policy: &EvidencePolicy, files: &[File]) -> Option<Check> {
    let mut all: Option<Tests> = None;
    for (_, reading) in read(files) {
        if let Content::Tests(tests) = &reading.content {
            all.get_or_insert_default().add(tests);
        }
    }
    let (all, policy) = (all?, &policy.tests);
    let within = |count: u64, limit: Option<u64>| limit.is_none_or(|limit| count <= limit);
    let holds = all.failed == 0
        && all.errored == 0
        && all.ran() >= policy.min.max(1)
        && within(all.skipped, policy.max_skipped)
        && within(all.flaky, policy.max_flaky);
    let mut found = format!(
        "{} passed, {} failed, {} errored, {} skipped, {} flaky",
        all.passed, all.failed, all.errored, all.skipped, all.flaky
    );
    if !all.broken.is_empty() {
        found = format!("{found}: {}", listed(&all.broken));
    }
    let mut expected = format!("none failed or errored, at least {} ran", policy.min.max(1));
    for (limit, what) in [(policy.max_skipped, "skipped"), (policy.max_flaky, "flaky")] {
        if let Some(limit) = limit {
            expected = format!("{expected}, at most {limit} {what}");
        }
    }
    Some(Check::of("tests", holds, found, expected))
}

/// The coverage of all reports together. None: there is no report of it.
#[must_use]
pub fn covered(files: &[File]) -> Option<Coverage> {
    let mut all: Option<Coverage> = None;
    for (_, reading) in read(files) {
        if let Content::Coverage(coverage) = &reading.content {
            all.get_or_insert_default().add(coverage);
        }
    }
    all
}

fn coverage(policy: &EvidencePolicy, files: &[File], context: &Context<'_>) -> Vec<Check> {
    let Some(all) = covered(files) else {
        return Vec::new();
    };
    let policy = &policy.coverage;
    let lines = all.lines.percent();
    let mut checks = vec![at_least("coverage", "lines", lines, policy.min_percent)];
    if let Some(least) = policy.min_branch_percent {
        let share = all.branches.and_then(|branches| branches.percent());
        checks.push(at_least("branch coverage", "branches", share, least));
    }
    if let (Some(drop), Some(before)) = (policy.max_drop, context.coverage_before) {
        let expected = format!("at most {drop} points below the {before:.2} % of the last release");
        let holds = lines.is_some_and(|lines| lines >= before - drop);
        checks.push(Check::of("coverage drop", holds, percent(lines), expected));
    }
    checks
}

fn at_least(name: &str, of: &str, share: Option<f64>, least: f64) -> Check {
    let holds = share.is_some_and(|share| share >= least);
    let expected = format!("at least {least} % of {of}");
    Check::of(name, holds, percent(share), expected)
}

fn percent(share: Option<f64>) -> String {
    share.map_or_else(
        || "nothing to cover".to_owned(),
        |share| format!("{share:.2} %"),
    )
}

impl Tests {
    /// These, too.
    fn add(&mut self, more: &Self) {
        let pairs = [
            (&mut self.passed, more.passed),
            (&mut self.failed, more.failed),
            (&mut self.errored, more.errored),
            (&mut self.skipped, more.skipped),
            (&mut self.flaky, more.flaky),
        ];
        for (count, more) in pairs {
            *count = count.saturating_add(more);
        }
        self.broken.extend(more.broken.iter().cloned());
    }
}

impl Coverage {
    /// This, too.
    fn add(&mut self, more: &Self) {
        self.lines.add(&more.lines);
        if let Some(branches) = &more.branches {
            self.branches.get_or_insert_default().add(branches);
        }
    }
}

impl Counter {
    fn add(&mut self, more: &Self) {
        self.covered = self.covered.saturating_add(more.covered);
        self.total = self.total.saturating_add(more.total);
    }
}

#[cfg(test)]
#[path = "assess_tests.rs"]
mod tests;
