//! What a step can find out at a given traffic.

use serde::Serialize;

use super::{JudgePolicy, OnInconclusive};
use crate::document::LONGEST_WAIT;
use crate::sequential::{Bets, Block, Counts, interval, share_interval};
use crate::settings::Step;

/// What a step can find out, if not one call fails.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Feasibility {
    /// Calls of the new version during the bake, about.
    pub calls: f64,
    /// The smallest error rate that so many calls exclude.
    pub excludes: f64,
    /// The rate that must be excluded before the step passes.
    pub wanted: f64,
    /// How long the step would have to bake to exclude it, in seconds. None: it
    /// gets no calls.
    pub seconds_wanted: Option<u64>,
}

/// How a step ends at best: if not one call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Prospect {
    /// It has no bake, and is not judged.
    NotJudged,
    /// It passes when its bake is over.
    Passes,
    /// It is extended, and passes then.
    PassesLater,
    /// It is extended to the end, and passes there because less is asked for then.
    PassesAtLast,
    /// It is still inconclusive when its extension is over, and goes on.
    GoesOn,
    /// It is still inconclusive when its extension is over, and waits for a person.
    Waits,
    /// It is still inconclusive when its extension is over, and is rolled back.
    RollsBack,
}

impl Feasibility {
    /// Whether the bake can suffice.
    #[must_use]
    pub fn suffices(&self, policy: &JudgePolicy) -> bool {
        self.excludes < self.wanted && self.calls >= policy.min_invocations as f64
    }

    /// Whether bake and extension suffice for what is asked for at their end.
    fn suffices_at_last(&self, policy: &JudgePolicy, step: &Step) -> bool {
        let longer = (step.bake_seconds + policy.extend_seconds) as f64 / step.bake_seconds as f64;
        let calls = self.calls * longer;
        let enough = calls >= policy.min_invocations as f64;
        enough && excluded(policy, step.weight, calls) < wanted_at_last(policy, step.weight)
    }

    /// How the step ends at best.
    #[must_use]
    pub fn prospect(&self, policy: &JudgePolicy, step: &Step) -> Prospect {
        let most = step.bake_seconds + policy.extend_seconds;
        if step.bake_seconds == 0 {
            Prospect::NotJudged
        } else if self.suffices(&policy.for_step(step)) {
            Prospect::Passes
        } else if self.seconds_wanted.is_some_and(|wanted| wanted <= most) {
            Prospect::PassesLater
        } else if self.suffices_at_last(policy, step) {
            Prospect::PassesAtLast
        } else {
            match policy.on_inconclusive {
                OnInconclusive::Advance => Prospect::GoesOn,
                OnInconclusive::Pause => Prospect::Waits,
                OnInconclusive::RollBack => Prospect::RollsBack,
            }
        }
    }
}

/// A change of the settings that lets a step pass which otherwise can't.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Remedy {
    /// The step's `bake_seconds`, at least.
    BakeSeconds(u64),
    /// `judge.min_invocations`, or the step's own, at most.
    MinInvocations(u64),
    /// `judge.errors.max_increase`, at least.
    MaxIncrease(f64),
    /// `judge.errors.fail_above`, at least.
    FailAbove(f64),
    /// `judge.confidence`, at most.
    Confidence(f64),
}

/// The lowest confidence that settings take, in hundredths.
const LEAST_CONFIDENCE: u32 = 80;

/// What would let a step pass that can't. Each is enough alone; the limits
/// count what the extension brings, too. None: nothing of that kind would.
#[must_use]
pub fn remedies(policy: &JudgePolicy, step: &Step, calls_per_second: f64) -> Vec<Remedy> {
    let policy = &policy.for_step(step);
    let rate = calls_per_second.max(0.0) * step.weight / 100.0;
    let calls = rate * (step.bake_seconds + policy.extend_seconds) as f64;
    let mut found = Vec::new();
    let seconds = feasibility(policy, step, calls_per_second).seconds_wanted;
    let whole = seconds.map(|seconds| seconds.div_ceil(60) * 60);
    found.extend(
        whole
            .filter(|seconds| *seconds <= LONGEST_WAIT)
            .map(Remedy::BakeSeconds),
    );
    let wanted = wanted(policy, step.weight);
    let is_excluded = excluded(policy, step.weight, calls) < wanted;
    if calls < policy.min_invocations as f64 {
        // As long as too few calls are asked for, no limit helps.
        if is_excluded && calls >= 1.0 {
            found.push(Remedy::MinInvocations(calls as u64));
        }
        return found;
    }
    // What is excluded must lie below the limit: the next tenth of a point.
    let limit = (excluded(policy, step.weight, calls) * 1000.0).floor() / 1000.0 + 0.001;
    if limit < 1.0 {
        found.push(if step.weight < 100.0 {
            Remedy::MaxIncrease(limit)
        } else {
            Remedy::FailAbove(limit)
        });
    }
    let below = (policy.confidence * 100.0).ceil() as u32;
    let suffices = |confidence: &f64| {
        let policy = JudgePolicy {
            confidence: *confidence,
            ..policy.clone()
        };
        excluded(&policy, step.weight, calls) < wanted
    };
    let lower = (LEAST_CONFIDENCE..below).rev();
    let mut lower = lower.map(|hundredths| f64::from(hundredths) / 100.0);
    found.extend(lower.find(suffices).map(Remedy::Confidence));
    found
}

/// The rate, or the rise, that must be excluded before a step of this weight
/// passes.
fn wanted(policy: &JudgePolicy, weight: f64) -> f64 {
    if weight < 100.0 {
        policy.errors.max_increase
    } else {
        let limit = policy.errors.fail_above.unwrap_or_default();
        limit.max(policy.errors.max_increase)
    }
}

/// The same where the step's extension is over.
#[must_use]
pub fn wanted_at_last(policy: &JudgePolicy, weight: f64) -> f64 {
    if weight < 100.0 && policy.extend_seconds > 0 {
        policy.errors.max_increase_at_last()
    } else {
        wanted(policy, weight)
    }
}

/// What a step can find out about a function that gets so many calls a second
/// through its alias.
#[must_use]
pub fn feasibility(policy: &JudgePolicy, step: &Step, calls_per_second: f64) -> Feasibility {
    let policy = &policy.for_step(step);
    let rate = calls_per_second.max(0.0) * step.weight / 100.0;
    let calls = rate * step.bake_seconds as f64;
    let wanted = wanted(policy, step.weight);
    let needed = calls_to_exclude(policy, step.weight, wanted).max(policy.min_invocations as f64);
    Feasibility {
        calls,
        excludes: excluded(policy, step.weight, calls),
        wanted,
        seconds_wanted: (rate > 0.0).then(|| (needed / rate).ceil() as u64),
    }
}

/// The smallest rate, or rise where another version serves beside it, that so
/// many calls without an error exclude at this weight.
fn excluded(policy: &JudgePolicy, weight: f64, calls: f64) -> f64 {
    let clean = |calls: f64| Counts::new(0.0, calls / f64::from(policy.attempts));
    let alpha = 1.0 - policy.confidence;
    if weight >= 100.0 {
        return share_interval(clean(calls), alpha).high;
    }
    let beside = Block {
        canary: clean(calls),
        baseline: clean(calls * (100.0 - weight) / weight),
    };
    interval(Bets::OnFew, &[beside], alpha).high
}

/// A billion calls exclude any rate that settings can name.
const MOST_CALLS: f64 = 1e9;

/// How many calls without an error exclude this rate.
fn calls_to_exclude(policy: &JudgePolicy, weight: f64, rate: f64) -> f64 {
    let (mut few, mut enough) = (0.0, MOST_CALLS);
    while enough - few > 1.0 {
        let calls = f64::midpoint(few, enough).floor();
        if excluded(policy, weight, calls) < rate {
            enough = calls;
        } else {
            few = calls;
        }
    }
    enough
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::ErrorLimits;

    #[test]
    fn little_traffic_excludes_little_and_says_how_long_it_would_take() {
        let policy = JudgePolicy::default();
        let found = feasibility(&policy, &Step::new(10.0, 300), 1.33);
        assert!((39.0..41.0).contains(&found.calls));
        assert!(found.excludes > 0.05, "{found:?}");
        assert!(!found.suffices(&policy));
        let longer = found.seconds_wanted.expect("some traffic");
        let then = feasibility(&policy, &Step::new(10.0, longer), 1.33);
        assert!(then.suffices(&policy), "{then:?}");
    }

    #[test]
    fn much_traffic_suffices() {
        let policy = JudgePolicy::default();
        assert!(feasibility(&policy, &Step::new(10.0, 300), 100.0).suffices(&policy));
        assert!(feasibility(&policy, &Step::new(100.0, 300), 100.0).suffices(&policy));
    }

    #[test]
    fn no_traffic_finds_out_nothing() {
        let found = feasibility(&JudgePolicy::default(), &Step::new(10.0, 300), 0.0);
        assert_eq!(
            (found.calls, found.excludes, found.seconds_wanted),
            (0.0, 1.0, None)
        );
    }

    #[test]
    fn a_step_passes_in_time_or_when_extended_or_does_what_the_settings_say() {
        let prospect = |policy: &JudgePolicy, bake, rate| {
            let step = Step::new(10.0, bake);
            feasibility(policy, &step, rate).prospect(policy, &step)
        };
        let mut policy = JudgePolicy::default();
        assert_eq!(prospect(&policy, 0, 100.0), Prospect::NotJudged);
        assert_eq!(prospect(&policy, 600, 100.0), Prospect::Passes);
        assert_eq!(prospect(&policy, 600, 1.0), Prospect::PassesLater);
        assert_eq!(prospect(&policy, 600, 0.2), Prospect::PassesAtLast);
        assert_eq!(prospect(&policy, 600, 0.1), Prospect::RollsBack);
        assert_eq!(prospect(&policy, 600, 0.0), Prospect::RollsBack);
        policy.errors.max_increase_extended = None;
        assert_eq!(prospect(&policy, 600, 0.2), Prospect::RollsBack);
        policy.on_inconclusive = OnInconclusive::Advance;
        assert_eq!(prospect(&policy, 600, 0.1), Prospect::GoesOn);
        policy.on_inconclusive = OnInconclusive::Pause;
        assert_eq!(prospect(&policy, 600, 0.1), Prospect::Waits);
    }

    #[test]
    fn each_remedy_alone_lets_the_step_pass() {
        let policy = JudgePolicy {
            min_invocations: 100,
            errors: ErrorLimits {
                max_increase_extended: None,
                ..ErrorLimits::default()
            },
            ..JudgePolicy::default()
        };
        for (weight, rate, kinds) in [(10.0, 0.4, 3), (100.0, 0.025, 3), (10.0, 0.1, 1)] {
            let step = Step::new(weight, 600);
            let before = feasibility(&policy, &step, rate).prospect(&policy, &step);
            assert_eq!(before, Prospect::RollsBack);
            let remedies = remedies(&policy, &step, rate);
            assert_eq!(remedies.len(), kinds, "{remedies:?}");
            for remedy in remedies {
                let (mut policy, mut step) = (policy.clone(), step.clone());
                match remedy {
                    Remedy::BakeSeconds(seconds) => step.bake_seconds = seconds,
                    Remedy::MinInvocations(calls) => policy.min_invocations = calls,
                    Remedy::MaxIncrease(limit) => policy.errors.max_increase = limit,
                    Remedy::FailAbove(limit) => policy.errors.fail_above = Some(limit),
                    Remedy::Confidence(confidence) => policy.confidence = confidence,
                }
                let after = feasibility(&policy, &step, rate).prospect(&policy, &step);
                let passes = matches!(after, Prospect::Passes | Prospect::PassesLater);
                assert!(passes, "{remedy:?}: {after:?}");
            }
        }
    }

    #[test]
    fn without_traffic_there_is_no_remedy_and_with_little_fewer_calls_may_do() {
        let policy = JudgePolicy {
            min_invocations: 1000,
            ..JudgePolicy::default()
        };
        assert_eq!(remedies(&policy, &Step::new(10.0, 600), 0.0), []);
        // 500 calls exclude enough, were they not too few.
        let rate = 500.0 / 4200.0 * 10.0;
        let found = remedies(&policy, &Step::new(10.0, 600), rate);
        assert!(matches!(
            found[..],
            [Remedy::BakeSeconds(8400), Remedy::MinInvocations(499..=500)]
        ));
    }

    #[test]
    fn the_default_step_needs_as_many_clean_calls_as_the_readme_says() {
        let policy = JudgePolicy::default();
        let calls = calls_to_exclude(&policy, 10.0, policy.errors.max_increase);
        assert_eq!(calls, 295.0);
    }
}
