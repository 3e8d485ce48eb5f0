//! What a step can find out at a given traffic.

use super::JudgePolicy;
use crate::sequential::{Block, Counts, interval, share_interval};
use crate::settings::Step;

/// What a step can find out, if not one call fails.
#[derive(Debug, Clone, Copy, PartialEq)]
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

impl Feasibility {
    /// Whether the bake can suffice.
    #[must_use]
    pub fn suffices(&self, policy: &JudgePolicy) -> bool {
        self.excludes < self.wanted && self.calls >= policy.min_invocations as f64
    }
}

/// What a step can find out about a function that gets so many calls a second
/// through its alias.
#[must_use]
pub fn feasibility(policy: &JudgePolicy, step: &Step, calls_per_second: f64) -> Feasibility {
    let rate = calls_per_second.max(0.0) * step.weight / 100.0;
    let calls = rate * step.bake_seconds as f64;
    let errors = &policy.errors;
    let wanted = if step.weight < 100.0 {
        errors.max_increase
    } else {
        errors.fail_above.unwrap_or(1.0)
    };
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
    interval(&[beside], alpha).high
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

    fn step(weight: f64, bake_seconds: u64) -> Step {
        Step {
            weight,
            bake_seconds,
        }
    }

    #[test]
    fn little_traffic_excludes_little_and_says_how_long_it_would_take() {
        let policy = JudgePolicy::default();
        let found = feasibility(&policy, &step(10.0, 300), 1.33);
        assert!((39.0..41.0).contains(&found.calls));
        assert!(found.excludes > 0.05, "{found:?}");
        assert!(!found.suffices(&policy));
        let longer = found.seconds_wanted.expect("some traffic");
        let then = feasibility(&policy, &step(10.0, longer), 1.33);
        assert!(then.suffices(&policy), "{then:?}");
    }

    #[test]
    fn much_traffic_suffices() {
        let policy = JudgePolicy::default();
        assert!(feasibility(&policy, &step(10.0, 300), 100.0).suffices(&policy));
        assert!(feasibility(&policy, &step(100.0, 300), 100.0).suffices(&policy));
    }

    #[test]
    fn no_traffic_finds_out_nothing() {
        let found = feasibility(&JudgePolicy::default(), &step(10.0, 300), 0.0);
        assert_eq!(
            (found.calls, found.excludes, found.seconds_wanted),
            (0.0, 1.0, None)
        );
    }

    #[test]
    fn the_default_step_needs_as_many_clean_calls_as_the_readme_says() {
        let policy = JudgePolicy::default();
        let calls = calls_to_exclude(&policy, 10.0, policy.errors.max_increase);
        assert_eq!(calls, 295.0);
    }
}
