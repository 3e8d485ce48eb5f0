//! Judging what was counted before, minute by minute, as if it happened now.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::{
    Block, Compare, ERRORS, JudgePolicy, Next, Observed, Outcome, Share, ShareRule, ShareSignal,
    Signal, Verdict, asked, judge, next,
};
use crate::sequential::Bets;
use crate::settings::Step;

/// One minute of both versions.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Minute {
    /// Its number.
    pub minute: i64,
    /// The new version.
    pub canary: Side,
    /// The version beside it. None where nothing serves beside it.
    pub baseline: Option<Side>,
}

/// What was counted of one version in one minute.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Side {
    /// All invocations.
    pub invocations: u64,
    /// Those that failed.
    pub errors: u64,
    /// Those that were slower than a bound, where that was counted.
    pub slow: Option<u64>,
}

impl Side {
    fn share(&self, bad: u64) -> Share {
        Share {
            total: self.invocations as f64,
            bad: bad.min(self.invocations) as f64,
        }
    }
}

/// The share of slow calls, beyond the other version's, that is no harm.
const SLOW: f64 = 0.05;

/// The verdict after each minute of a step, up to the first that fails.
#[must_use]
pub fn replay(policy: &JudgePolicy, step: &Step, minutes: &[Minute]) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    for (seen, look) in (1..=minutes.len()).zip(1..) {
        let minutes = &minutes[..seen];
        let ends = minutes.first().zip(minutes.last());
        let policy = ends.map_or_else(
            || policy.clone(),
            |(first, last)| asked(policy, step, at(first.minute), known_at(policy, last)),
        );
        let verdict = judge(&policy, &observed(&policy, minutes), look);
        let is_known = verdict.outcome == Outcome::Fail;
        verdicts.push(verdict);
        if is_known {
            break;
        }
    }
    verdicts
}

/// When a rollout would have ended its watch over this step, and what it would
/// have done: the place of the minute, and what follows. None: it would watch on.
#[must_use]
pub fn ends(
    policy: &JudgePolicy,
    step: &Step,
    minutes: &[Minute],
    verdicts: &[Verdict],
) -> Option<(usize, Next)> {
    let shifted_at = at(minutes.first()?.minute);
    let follows = minutes.iter().zip(verdicts).map(|(minute, verdict)| {
        let known_at = known_at(policy, minute);
        next(policy, step, shifted_at, known_at, verdict.outcome)
    });
    follows
        .enumerate()
        .find(|(_, next)| !matches!(next, Next::Bake(_)))
}

/// When what was counted in a minute is known.
fn known_at(policy: &JudgePolicy, minute: &Minute) -> Timestamp {
    let lag = SignedDuration::from_secs(i64::try_from(policy.lag()).unwrap_or(i64::MAX / 2));
    at(minute.minute + 1)
        .checked_add(lag)
        .unwrap_or(Timestamp::MAX)
}

fn observed(policy: &JudgePolicy, minutes: &[Minute]) -> Observed {
    Observed {
        functions: BTreeMap::from([("replayed".to_owned(), signals(policy, minutes))]),
        environment: Vec::new(),
    }
}

/// The signals of one function.
pub(super) fn signals(policy: &JudgePolicy, minutes: &[Minute]) -> Vec<Signal> {
    let mut signals = vec![signal(
        ERRORS,
        "failed",
        ShareRule::of_errors(&policy.errors),
        minutes,
        |side| Some(side.errors),
    )];
    if minutes.iter().any(|minute| minute.canary.slow.is_some()) {
        let compare = Compare {
            max_increase: 2.0 * SLOW,
            tolerated: SLOW,
            bets: Bets::OnFew,
        };
        let rule = ShareRule {
            compare: Some(compare),
            ..ShareRule::default()
        };
        signals.push(signal("slow", "were slow", rule, minutes, |side| side.slow));
    }
    signals
}

fn signal(
    name: &str,
    bad: &str,
    rule: ShareRule,
    minutes: &[Minute],
    count: fn(&Side) -> Option<u64>,
) -> Signal {
    let share = |side: &Side| side.share(count(side).unwrap_or_default());
    let blocks = minutes.iter().map(|minute| Block {
        start: at(minute.minute),
        canary: share(&minute.canary),
        baseline: minute.baseline.as_ref().map(share),
    });
    Signal::Share(ShareSignal {
        name: name.to_owned(),
        bad: bad.to_owned(),
        rule,
        blocks: Some(blocks.collect()),
        is_beside: minutes.iter().any(|minute| minute.baseline.is_some()),
        before: None,
        took: None,
        until: minutes
            .last()
            .map_or(Timestamp::UNIX_EPOCH, |last| at(last.minute + 1)),
    })
}

/// When a minute begins.
pub(super) fn at(minute: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH
        .checked_add(SignedDuration::from_mins(minute))
        .unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step() -> Step {
        Step::new(10.0, 600)
    }

    fn minute(minute: i64, errors: u64, slow: Option<u64>) -> Minute {
        let baseline = Side {
            invocations: 900,
            errors: 1,
            slow: slow.map(|_| 9),
        };
        Minute {
            minute,
            canary: Side {
                invocations: 100,
                errors,
                slow,
            },
            baseline: Some(baseline),
        }
    }

    #[test]
    fn a_replay_ends_with_the_minute_in_which_harm_is_known() {
        let minutes: Vec<Minute> = (0..10)
            .map(|n| minute(n, if n < 3 { 0 } else { 8 }, None))
            .collect();
        let verdicts = replay(&JudgePolicy::default(), &step(), &minutes);
        assert!((4..=6).contains(&verdicts.len()), "{}", verdicts.len());
        assert_eq!(
            verdicts.last().map(|verdict| verdict.outcome),
            Some(Outcome::Fail)
        );
        assert!(
            verdicts[..3]
                .iter()
                .all(|verdict| verdict.outcome != Outcome::Fail)
        );
    }

    #[test]
    fn slow_calls_are_judged_where_they_were_counted() {
        let minutes: Vec<Minute> = (0..10).map(|n| minute(n, 0, Some(30))).collect();
        let verdicts = replay(&JudgePolicy::default(), &step(), &minutes);
        let last = verdicts.last().expect("a verdict");
        assert_eq!(last.outcome, Outcome::Fail);
        assert!(last.rule.contains("were slow"), "{}", last.rule);
    }

    #[test]
    fn a_step_ends_with_its_bake_or_as_soon_as_harm_is_known() {
        let (policy, step) = (JudgePolicy::default(), step());
        let ends = |errors, minutes: i64| {
            let minutes: Vec<Minute> = (0..minutes).map(|n| minute(n, errors, None)).collect();
            super::ends(&policy, &step, &minutes, &replay(&policy, &step, &minutes))
        };
        assert_eq!(ends(0, 9), None);
        assert_eq!(ends(0, 20), Some((9, Next::Advance)));
        let harm = ends(8, 20).expect("an end");
        assert!(harm.0 < 3 && harm.1 == Next::RollBack, "{harm:?}");
    }

    #[test]
    fn minutes_beyond_the_end_of_time_are_judged() {
        let (policy, step) = (JudgePolicy::default(), step());
        let last = 999_999_999_998;
        let minutes = [last - 1, last].map(|n| minute(n, 0, None));
        let verdicts = replay(&policy, &step, &minutes);
        assert_eq!(verdicts.len(), 2);
        let found = super::ends(&policy, &step, &minutes, &verdicts);
        assert!(found.is_some(), "no time is left to watch on");
    }

    #[test]
    fn an_even_match_is_never_failed() {
        let minutes: Vec<Minute> = (0..60).map(|n| minute(n, 0, Some(1))).collect();
        let verdicts = replay(&JudgePolicy::default(), &step(), &minutes);
        assert_eq!(verdicts.len(), 60);
        assert_eq!(verdicts[59].outcome, Outcome::Pass, "{}", verdicts[59].rule);
    }
}
