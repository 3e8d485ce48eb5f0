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
        named => listed(named),
    };
    let expected =
        "nothing that looks like a secret: replace it, for what was in a bundle is known to others";
    let mut checks = vec![Check::of("secrets", named.is_empty(), told, expected)];
    checks.extend(sorted.waivers("secrets", today));
    checks
}

/// Checks what a scan by AWS found in an image.
#[must_use]
pub fn assess_scan(
    policy: &EvidencePolicy,
    image: &str,
    found: &Findings,
    today: Date,
) -> Vec<Check> {
    let checks = findings(policy, "Amazon ECR", found, today).into_iter();
    checks.map(|check| check.in_file(image)).collect()
}

/// One check for what may not stand, and one for each waiver that was used or has run
/// out.
pub(super) fn findings(
    policy: &EvidencePolicy,
    tool: &str,
    found: &Findings,
    today: Date,
) -> Vec<Check> {
    let limits = policy.findings.limits();
    let is_limited = |finding: &Finding| limits.contains_key(&finding.severity);
    let sorted = Sorted::of(policy, &found.findings, today, is_limited);
    let mut checks = vec![sorted.within(&limits, tool, found.suppressed)];
    checks.extend(sorted.waivers("findings", today));
    checks
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

    fn within(&self, limits: &BTreeMap<Severity, u64>, tool: &str, suppressed: u64) -> Check {
        let mut counts: BTreeMap<Severity, u64> = BTreeMap::new();
        for finding in &self.standing {
            *counts.entry(finding.severity).or_default() += 1;
        }
        let is_over = |severity: Severity| {
            let count = counts.get(&severity).copied().unwrap_or_default();
            limits.get(&severity).is_some_and(|limit| count > *limit)
        };
        let mut found = format!("{tool}: {}", in_words(&counts));
        if suppressed > 0 {
            found = format!("{found}; {suppressed} suppressed in the report");
        }
        let over = self.standing.iter().filter(|one| is_over(one.severity));
        let over: Vec<String> = over
            .map(|one| format!("{} ({})", one.id, one.place))
            .collect();
        if !over.is_empty() {
            found = format!("{found}: {}", listed(&over));
        }
        let expected = match limits.is_empty() {
            true => "any number".to_owned(),
            false => format!("at most {}", in_words(limits)),
        };
        Check::of("findings", over.is_empty(), found, expected)
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
