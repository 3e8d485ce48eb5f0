//! Whether a build's evidence is what an environment asks for.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use super::licences::components;
use super::origin::{origin, proven, reviews};
use super::standing::{Found, findings};
use super::{
    Assessment, Called, Check, CheckOutcome, Content, Counter, Coverage, EvidencePolicy, Findings,
    Kind, Reading, Tests, UnknownKind, listed,
};
use crate::digest::Digest;

/// One file of evidence.
#[derive(Debug, Clone, PartialEq)]
pub struct File {
    /// Its key within the bundle.
    pub key: String,
    /// Its digest: what is there twice counts once.
    pub digest: Digest,
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
    /// What it says, if that proves anything.
    fn proof(&self) -> Option<&Reading> {
        match self {
            Self::Reading(reading) => reading.idle.is_none().then_some(reading),
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
    /// What AWS found in the bundle's images, by image; or why that can't be told.
    pub scans: &'a BTreeMap<String, Result<Findings, String>>,
    /// The trusted keys that are not at hand, by name: what they signed can't be told
    /// from what nobody signed.
    pub absent_keys: &'a [String],
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
            Content::Tests(_) | Content::Coverage(_) | Content::Findings(_) => Vec::new(),
            Content::Sbom(sbom) => vec![components(policy, sbom)],
            Content::Provenance(statement) => origin(policy, reading, statement, context),
            Content::Reviews(found) => vec![reviews(policy, reading, found, context)],
        };
        checks.extend(more.into_iter().map(|check| check.in_file(key)));
    }
    checks.extend(proven(policy, files, context));
    checks.extend(findings(policy, &found(files, context), context.today));
    checks.extend(not_scanned(context));
    Assessment::of(checks)
}

/// What scanners found, by the report or the image in which they did.
fn found<'a>(files: &'a [File], context: &Context<'a>) -> Vec<Found<'a>> {
    let reports = read(files).filter_map(|(file, reading)| match &reading.content {
        Content::Findings(findings) => Some(Found {
            file,
            tool: tool(reading),
            findings,
        }),
        _ => None,
    });
    let scans = context.scans.iter();
    let scans = scans.filter_map(|(image, scan)| {
        Some(Found {
            file: image,
            tool: "Amazon ECR",
            findings: scan.as_ref().ok()?,
        })
    });
    reports.chain(scans).collect()
}

/// An image whose scan was asked for and can't be had is not known to be clean.
fn not_scanned(context: &Context<'_>) -> impl Iterator<Item = Check> {
    let expected = "a scan of the image by Amazon ECR that is complete";
    let check = move |(image, scan): (&String, &Result<Findings, String>)| {
        let why = scan.as_ref().err()?;
        Some(Check::of("findings", false, why, expected).in_file(image))
    };
    context.scans.iter().filter_map(check)
}

/// Who wrote a report, as people know it.
fn tool(reading: &Reading) -> &str {
    let first = reading.tools.first();
    first.map_or(reading.format.name(), |tool| &tool.name)
}

/// What reports prove, each content once: a report that is named again counts no more.
pub(super) fn read(files: &[File]) -> impl Iterator<Item = (&str, &Reading)> {
    let mut seen = BTreeSet::new();
    let proofs = files
        .iter()
        .filter_map(|file| Some((file, file.said.proof()?)));
    proofs
        .filter(move |(file, _)| seen.insert(&file.digest))
        .map(|(file, reading)| (file.key.as_str(), reading))
}

/// What can't be read proves nothing, whoever asked for it; nor does what is there again.
fn unread(files: &[File]) -> Vec<Check> {
    let mut first: BTreeMap<&Digest, &str> = BTreeMap::new();
    let check = |file| Some(unread_one(file, &mut first)?.in_file(&file.key));
    files.iter().filter_map(check).collect()
}

fn unread_one<'f>(file: &'f File, first: &mut BTreeMap<&'f Digest, &'f str>) -> Option<Check> {
    let not_run = |found: String, expected| {
        Some(Check::new(
            "evidence",
            CheckOutcome::NotRun,
            found,
            expected,
        ))
    };
    match &file.said {
        Said::Broken(why) => {
            let expected = "a report that can be read";
            Some(Check::of("evidence", false, why, expected))
        }
        Said::NotRead(unknown) => {
            not_run(format!("`{}`, which is not read", unknown.word), "nothing")
        }
        Said::Reading(Reading {
            idle: Some(why), ..
        }) => not_run(
            why.clone(),
            "nothing: it neither proves nor refuses anything",
        ),
        Said::Reading(_) => {
            let other = first.get(&file.digest).copied();
            first.entry(&file.digest).or_insert(&file.key);
            let expected = "each report once: it is not counted again";
            not_run(format!("the content of `{}` once more", other?), expected)
        }
    }
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
        let least = before - drop;
        let holds = lines.is_some_and(|lines| lines >= least);
        let found = percent(lines, least);
        checks.push(Check::of("coverage drop", holds, found, expected));
    }
    checks
}

fn at_least(name: &str, of: &str, share: Option<f64>, least: f64) -> Check {
    let holds = share.is_some_and(|share| share >= least);
    let expected = format!("at least {least} % of {of}");
    Check::of(name, holds, percent(share, least), expected)
}

/// A share as it is told: rounded, unless it would look like the least that is asked.
fn percent(share: Option<f64>, least: f64) -> String {
    match share {
        None => "nothing to cover".to_owned(),
        Some(share) if share < least && (share * 100.0).round() / 100.0 >= least => {
            format!("{share} %")
        }
        Some(share) => format!("{share:.2} %"),
    }
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
