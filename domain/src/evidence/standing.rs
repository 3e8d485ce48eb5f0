//! Which findings may stand: within limits, or waived by somebody who answers for them.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::{Check, CheckOutcome, EvidencePolicy, Finding, Findings, Severity, Waiver, listed};

/// Checks what looks like a secret in a bundle: none may be there, whatever else an
/// environment allows, unless somebody answers for it.
#[must_use]
pub fn assess_secrets(policy: &EvidencePolicy, found: &[Finding], today: Date) -> Vec<Check> {
    let sorted = Sorted::of(policy, found, today, |_| true);
    let named: Vec<String> = sorted
        .standing
        .iter()
        .map(|finding| format!("{} in {}", finding.id, finding.place))
        .collect();
    let told = match named.as_slice() {
        [] => "none".to_owned(),
        named => format!(
            "{} (replace it: what was in a bundle is known to others)",
            listed(named)
        ),
    };
    let expected = "nothing that looks like a secret";
    let mut checks = vec![Check::of("secrets", named.is_empty(), told, expected)];
    checks.extend(sorted.waivers("secrets", today));
    checks
}

/// What one scanner found.
pub(super) struct Found<'a> {
    /// The report, or the image.
    pub(super) file: &'a str,
    /// Who found it, as people know it.
    pub(super) tool: &'a str,
    /// All of it.
    pub(super) findings: &'a Findings,
}

/// For each scanner one check of what may not stand, and one for each waiver that was used
/// or has run out. Limits are of all of them together: who splits a report gains nothing.
pub(super) fn findings(policy: &EvidencePolicy, all: &[Found<'_>], today: Date) -> Vec<Check> {
    let limits = policy.findings.limits();
    let is_limited = |finding: &Finding| limits.contains_key(&finding.severity);
    let sorted: Vec<_> = all
        .iter()
        .map(|found| {
            let all = &found.findings.findings;
            (found, Sorted::of(policy, all, today, is_limited))
        })
        .collect();
    let over = over(&limits, sorted.iter().flat_map(|(_, one)| &one.standing));
    let expected = expected(&limits, &over, all.len());
    let checks = sorted.iter().flat_map(|(found, sorted)| {
        let check = sorted.within(&over, found, &expected);
        let checks = std::iter::once(check).chain(sorted.waivers("findings", today));
        checks.map(|check| check.in_file(found.file))
    });
    checks.collect()
}

/// How many findings there are of each severity of which there are too many.
fn over<'a>(
    limits: &BTreeMap<Severity, u64>,
    standing: impl Iterator<Item = &'a &'a Finding>,
) -> BTreeMap<Severity, u64> {
    let mut counts = counted(standing);
    counts.retain(|severity, count| limits.get(severity).is_some_and(|limit| *count > *limit));
    counts
}

fn counted<'a>(findings: impl Iterator<Item = &'a &'a Finding>) -> BTreeMap<Severity, u64> {
    let mut counts = BTreeMap::new();
    for finding in findings {
        *counts.entry(finding.severity).or_default() += 1;
    }
    counts
}

fn expected(
    limits: &BTreeMap<Severity, u64>,
    over: &BTreeMap<Severity, u64>,
    reports: usize,
) -> String {
    let limits = match limits.is_empty() {
        true => return "any number".to_owned(),
        false => in_words(limits),
    };
    match reports {
        0 | 1 => format!("at most {limits}"),
        _ if over.is_empty() => format!("at most {limits} in all {reports} reports"),
        _ => {
            let over = in_words(over);
            format!("at most {limits} in all {reports} reports, which have {over}")
        }
    }
}

impl Waiver {
    /// Whether it is about this finding, whether it has run out or not.
    fn covers(&self, finding: &Finding) -> bool {
        let place = self.place.as_ref();
        self.id == finding.id && place.is_none_or(|place| *place == finding.place)
    }
}

/// Findings, by whether somebody answers for them.
struct Sorted<'a> {
    /// Those that nobody answers for.
    standing: Vec<&'a Finding>,
    /// Each waiver that is about some of them, and which.
    waivers: Vec<(&'a Waiver, Vec<&'a Finding>)>,
}

impl<'a> Sorted<'a> {
    /// Of several waivers of one finding the one that lasts longest counts.
    fn of(
        policy: &'a EvidencePolicy,
        found: &'a [Finding],
        today: Date,
        is_limited: impl Fn(&Finding) -> bool,
    ) -> Self {
        let mut waivers: Vec<_> = policy.waivers.iter().map(|one| (one, vec![])).collect();
        waivers.sort_by_key(|(waiver, _)| std::cmp::Reverse(waiver.expires));
        let mut standing = Vec::new();
        for finding in found {
            let mut all = waivers.iter_mut().filter(|_| is_limited(finding));
            let waived = all.find(|(waiver, _)| waiver.covers(finding));
            let holds = |waiver: &Waiver| waiver.expires >= today;
            if waived.as_ref().is_none_or(|(waiver, _)| !holds(waiver)) {
                standing.push(finding);
            }
            if let Some((_, covered)) = waived {
                covered.push(finding);
            }
        }
        waivers.retain(|(_, covered)| !covered.is_empty());
        Self { standing, waivers }
    }

    fn within(
        &self,
        over: &BTreeMap<Severity, u64>,
        Found { tool, findings, .. }: &Found<'_>,
        expected: &str,
    ) -> Check {
        let counts = counted(self.standing.iter());
        let mut found = format!("{tool}: {}", in_words(&counts));
        if findings.suppressed > 0 {
            let suppressed = findings.suppressed;
            found = format!("{found}; {suppressed} suppressed in the report");
        }
        let is_over = |one: &&&Finding| over.contains_key(&one.severity);
        let too_many = self.standing.iter().filter(is_over);
        let too_many: Vec<String> = too_many
            .map(|one| format!("{} ({})", one.id, one.place))
            .collect();
        if !too_many.is_empty() {
            found = format!("{found}: {}", listed(&too_many));
        }
        Check::of("findings", too_many.is_empty(), found, expected)
    }

    /// What each waiver did. One that has run out says so: its findings stand.
    fn waivers(&self, name: &str, today: Date) -> impl Iterator<Item = Check> {
        self.waivers.iter().map(move |(waiver, covered)| {
            let Waiver {
                id,
                reason,
                owner,
                expires,
                ..
            } = waiver;
            let places: Vec<String> = covered.iter().map(|one| one.place.clone()).collect();
            let found = format!("{id} in {}", listed(&places));
            if *expires >= today {
                let until = format!("nothing until {expires}, by the waiver of {owner}: {reason}");
                Check::new(name, CheckOutcome::Waived, found, until)
            } else {
                let found = format!("{found}, and a waiver that ran out on {expires}");
                let expected = format!("no {id}, or {owner} to renew the waiver");
                Check::of(name, false, found, expected)
            }
        })
    }
}

/// `1 critical, 2 high`.
fn in_words(counts: &BTreeMap<Severity, u64>) -> String {
    let words = counts.iter().rev();
    let words: Vec<String> = words
        .map(|(severity, count)| format!("{count} {}", severity.name()))
        .collect();
    match words.as_slice() {
        [] => "none".to_owned(),
        words => words.join(", "),
    }
}
