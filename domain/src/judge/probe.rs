//! Probes: calls that Sluice makes itself at each look, and what several failures in
//! a row say.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Outcome, Signal, SignalVerdict};
use crate::document::{Problem, check_range};
use crate::manifest::SmokeTest;

/// As many probes as there is time for within one look.
const MOST_PROBES: usize = 10;

/// A test that is made at each look at a step that is judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// What is called, and what must be true of the answer. A function is called at
    /// its new version.
    #[serde(flatten)]
    pub test: SmokeTest,
    /// How many failures in a row fail the step.
    #[serde(default = "three")]
    pub failures: u32,
    /// Made and shown, and never a reason for anything.
    #[serde(default)]
    pub dry_run: bool,
}

fn three() -> u32 {
    3
}

/// What one probe found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Probed {
    /// The probe's name.
    pub name: String,
    /// What was called: a function at a version, or a URL without its query.
    pub target: String,
    /// How long the answer took, in milliseconds. None: there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<u64>,
    /// What was not as expected: what was found, and what was expected. Empty: passed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
    /// Why it could not be made: then it says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}

impl Probed {
    fn failed(&self) -> bool {
        self.fault.is_none() && !self.problems.is_empty()
    }

    /// What was called and how long it took: `shop-api:4, 35 ms`.
    fn call(&self) -> String {
        match self.latency_ms {
            Some(latency) => format!("{}, {latency} ms", self.target),
            None => self.target.clone(),
        }
    }
}

/// What the probes of a promotion found last, and how often they failed in a row.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Probing {
    /// Since when the bake of the last look ran. None: there was no look.
    #[serde(default)]
    since: Option<Timestamp>,
    /// The last look at it, from 1.
    look: u64,
    /// What was found then. A probe of a function that is not part of the release
    /// is not here.
    last: Vec<Probed>,
    /// How often each failed in a row, the last time included.
    in_a_row: BTreeMap<String, u32>,
}

impl Probing {
    /// Whether this look at the bake that began then was made already.
    #[must_use]
    pub fn is_of(&self, since: Timestamp, look: u64) -> bool {
        (self.since, self.look) == (Some(since), look)
    }

    /// How things stand after another look. Failures in a row go on from bake to
    /// bake: it is the same new version that is called. A probe that could not be made neither adds to them nor ends them.
    #[must_use]
    pub fn after(&self, since: Timestamp, look: u64, found: Vec<Probed>) -> Self {
        let runs = found.iter().map(|probed| {
            let before = self.in_a_row.get(&probed.name).copied().unwrap_or_default();
            let now = match (&probed.fault, probed.failed()) {
                (Some(_), _) => before,
                (None, true) => before.saturating_add(1),
                (None, false) => 0,
            };
            (probed.name.clone(), now)
        });
        Self {
            since: Some(since),
            look,
            in_a_row: runs.collect(),
            last: found,
        }
    }

    /// After a look at which no probe could be made.
    #[must_use]
    pub fn after_fault(&self, since: Timestamp, look: u64, probes: &[Probe], fault: &str) -> Self {
        let found = probes.iter().map(|probe| Probed {
            name: probe.test.name.clone(),
            target: String::new(),
            latency_ms: None,
            problems: Vec::new(),
            fault: Some(fault.to_owned()),
        });
        self.after(since, look, found.collect())
    }

    /// What each probe says.
    #[must_use]
    pub fn signals(&self, probes: &[Probe]) -> Vec<Signal> {
        let signal = |probe: &Probe| {
            let name = &probe.test.name;
            let last = self.last.iter().find(|probed| probed.name == *name);
            Signal::Probe(ProbeSignal {
                name: name.clone(),
                failures: probe.failures,
                last: last.cloned(),
                in_a_row: self.in_a_row.get(name).copied().unwrap_or_default(),
                dry_run: probe.dry_run,
            })
        };
        probes.iter().map(signal).collect()
    }
}

/// A probe, and how often it failed in a row.
#[derive(Debug, Clone, PartialEq)]
pub struct ProbeSignal {
    /// Its name.
    pub name: String,
    /// How many failures in a row fail the step.
    pub failures: u32,
    /// What it found last. None: its function is not part of the release.
    pub last: Option<Probed>,
    /// How often it failed in a row.
    pub in_a_row: u32,
    /// It is shown, and counts for nothing.
    pub dry_run: bool,
}

/// Judges a probe by its failures in a row. One alone is shown, and no more.
#[must_use]
pub fn judge(signal: &ProbeSignal) -> SignalVerdict {
    let (outcome, rule) = decide(signal);
    SignalVerdict {
        name: signal.name.clone(),
        outcome,
        rule,
        warning: None,
        dry_run: signal.dry_run,
        canary: None,
        baseline: None,
        effect: Some(f64::from(signal.in_a_row)),
        interval: None,
        took: None,
    }
}

fn decide(signal: &ProbeSignal) -> (Outcome, String) {
    let ProbeSignal {
        name,
        failures,
        in_a_row,
        ..
    } = signal;
    let Some(last) = &signal.last else {
        let rule = format!("probe {name}: its function is not part of this release");
        return (Outcome::Pass, rule);
    };
    if let Some(fault) = &last.fault {
        let rule = format!("probe {name} could not be made: {fault}");
        return (Outcome::Inconclusive, rule);
    }
    let call = last.call();
    if !last.failed() {
        return (Outcome::Pass, format!("probe {name} passed ({call})"));
    }
    let problems = last.problems.join("; ");
    if in_a_row >= failures {
        let rule = format!("probe {name} failed {in_a_row} times in a row ({call}): {problems}");
        (Outcome::Fail, rule)
    } else {
        let rule = format!(
            "probe {name} failed, {in_a_row} of {failures} times in a row ({call}): {problems}"
        );
        (Outcome::Pass, rule)
    }
}

/// Finds what is wrong with probes. `functions` are those of the settings.
pub(crate) fn check<T>(
    probes: &[Probe],
    functions: &BTreeMap<String, T>,
    problems: &mut Vec<Problem>,
) {
    check_range("judge.probes", probes.len(), 0, MOST_PROBES, problems);
    let mut names = BTreeSet::new();
    for (index, probe) in probes.iter().enumerate() {
        let path = format!("judge.probes[{index}]");
        let SmokeTest {
            name, url, payload, ..
        } = &probe.test;
        if name.trim().is_empty() || !names.insert(name) {
            let message = format!("found `{name}`; expected a name, each once");
            problems.push(Problem::new(format!("{path}.name"), message));
        }
        if url.is_some() && !payload.is_null() {
            let message = "found one beside `url`, which is fetched by GET; expected none";
            problems.push(Problem::new(format!("{path}.payload"), message));
        }
        probe.test.check(&path, functions, problems);
        let failures = format!("{path}.failures");
        check_range(&failures, probe.failures, 1, 10, problems);
    }
}

#[cfg(test)]
#[path = "probe_tests.rs"]
mod tests;
