//! What the judge promises of many rollouts, simulated. The generator is a plain LCG
//! with a fixed seed (Knuth's MMIX constants): no chance in the outcome.

use super::tests::{at, errors, observed, share};
use super::*;
use crate::settings::Step;

struct Generator(u64);

impl Generator {
    /// How many of so many calls fail at this rate.
    fn failures(&mut self, calls: u32, rate: f64) -> f64 {
        let mut failed = 0.0;
        for _ in 0..calls {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let chance = (self.0 >> 11) as f64 / (1_u64 << 53) as f64;
            failed += f64::from(u8::from(chance < rate));
        }
        failed
    }
}

#[test]
fn equally_good_versions_fail_no_more_often_than_the_confidence_says() {
    // 1,000 rollouts, looked at after each of 30 periods of 10 calls beside 90.
    let policy = JudgePolicy {
        confidence: 0.95,
        ..JudgePolicy::default()
    };
    let mut generator = Generator(42);
    let mut alarms = 0;
    for _ in 0..1000 {
        let mut minutes = Vec::new();
        for _ in 0..30 {
            let own = share(10.0, generator.failures(10, 0.02));
            let beside = share(90.0, generator.failures(90, 0.02));
            minutes.push((own, Some(beside)));
            let group = observed(vec![errors(&policy, &minutes)]);
            if outcome(&policy, &group) == Outcome::Fail {
                alarms += 1;
                break;
            }
        }
    }
    assert!(
        alarms <= 50,
        "{alarms} of 1000 equally good versions were rolled back; 5 % are allowed"
    );
}

/// What the defaults ask about a function whose counts are these: errors, and how long
/// calls take, of which so many are above the bounds of the median and of p95.
fn with_latency(policy: &JudgePolicy, minutes: &[[(Share, Option<Share>); 3]]) -> Observed {
    let counts = |of: usize| -> Vec<_> { minutes.iter().map(|minute| minute[of]).collect() };
    let latency = [1, 2].map(|of| {
        let Signal::Share(mut signal) = errors(policy, &counts(of)) else {
            unreachable!("errors are a share")
        };
        let limit = &policy.latency[of - 1];
        signal.name = format!("p{}", limit.percentile);
        signal.rule = ShareRule::of_latency(policy, limit, true);
        Signal::Share(signal)
    });
    let signals = [errors(policy, &counts(0))].into_iter().chain(latency);
    observed(signals.collect())
}

/// How many of 500 rollouts fail within 30 minutes of 10 calls beside 90, by the
/// defaults at 95 %, where so many of the new version's calls are above the median's
/// bound, and half of the other's.
fn alarms_of_latency(above: f64) -> u32 {
    let policy = JudgePolicy {
        confidence: 0.95,
        ..JudgePolicy::default()
    };
    let mut generator = Generator(42);
    let mut alarms = 0;
    for _ in 0..500 {
        let mut minutes = Vec::new();
        let fails = (0..30).any(|_| {
            let rates = [(0.02, 0.02), (above, 0.5), (0.05, 0.05)];
            minutes.push(rates.map(|(own, beside)| {
                let own = share(10.0, generator.failures(10, own));
                (own, Some(share(90.0, generator.failures(90, beside))))
            }));
            outcome(&policy, &with_latency(&policy, &minutes)) == Outcome::Fail
        });
        alarms += u32::from(fails);
    }
    alarms
}

#[test]
fn versions_just_as_slow_as_is_tolerated_fail_no_more_often_than_the_confidence_says() {
    let alarms = alarms_of_latency(0.5);
    assert!(alarms <= 25, "{alarms} of 500; 5 % are allowed");
}

#[test]
fn versions_whose_median_is_longer_than_that_fail() {
    let found = alarms_of_latency(0.65);
    assert!(found >= 400, "{found} of 500");
}

/// How many of 400 rollouts end with each outcome, where the new version gets a call a
/// minute beside nine and this share of its calls fails, when the extension of a step
/// of the defaults is over. What fails before then is counted as failed.
fn ends_of_a_quiet_step(own: f64, beside: f64) -> BTreeMap<Outcome, u32> {
    let policy = JudgePolicy::default();
    let step = Step::new(10.0, 600);
    let mut generator = Generator(7);
    let mut ends = BTreeMap::new();
    for _ in 0..400 {
        let minutes: Vec<(Share, Option<Share>)> = (0..70)
            .map(|_| {
                let own = share(1.0, generator.failures(1, own));
                (own, Some(share(9.0, generator.failures(9, beside))))
            })
            .collect();
        let found = (1..=70).find_map(|seen| {
            let policy = asked(&policy, &step, at(0), at(seen + 2));
            let minutes = &minutes[..usize::try_from(seen).unwrap_or_default()];
            let found = outcome(&policy, &observed(vec![errors(&policy, minutes)]));
            (found == Outcome::Fail || seen == 70).then_some(found)
        });
        *ends
            .entry(found.unwrap_or(Outcome::Inconclusive))
            .or_default() += 1;
    }
    ends
}

#[test]
fn what_is_asked_for_at_last_lets_quiet_good_releases_pass() {
    let clean = ends_of_a_quiet_step(0.0, 0.0);
    assert_eq!(clean, BTreeMap::from([(Outcome::Pass, 400)]));
    let usual = ends_of_a_quiet_step(0.005, 0.005);
    assert!(usual[&Outcome::Pass] >= 380, "{usual:?}");
    let fails = usual.get(&Outcome::Fail).copied().unwrap_or_default();
    assert!(fails <= 4, "{fails} of 400: 1 % are allowed");
}

#[test]
fn what_is_worse_by_more_than_is_asked_for_at_last_hardly_ever_passes() {
    let ends = ends_of_a_quiet_step(0.155, 0.005);
    let passes = ends.get(&Outcome::Pass).copied().unwrap_or_default();
    assert!(passes <= 4, "{passes} of 400: 1 % are allowed");
    let fails = ends.get(&Outcome::Fail).copied().unwrap_or_default();
    assert!(fails >= 300, "{ends:?}");
}
