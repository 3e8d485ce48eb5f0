//! Sluice's judge with its default settings, as the function `judge` asks it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sluice_domain::judge::{
    self, Block, ERRORS, JudgePolicy, LatencyLimit, Next, Observed, Outcome, Share, ShareRule,
    ShareSignal, Signal,
};
use sluice_domain::settings::{Settings, Step};

use crate::latency::percentile_ms;
use crate::seen::{Cause, Decision, Judge, MINUTE, Minute, Seen, Side};

/// What stands in the settings of an environment that sets nothing.
const BARE: &str = r#"{"schema": 1, "order": 1, "functions": {}}"#;

/// The settings that hold where nothing is set.
///
/// # Errors
/// When they can't be read: a field without a default was added.
pub fn default_settings() -> serde_json::Result<Settings> {
    serde_json::from_str(BARE)
}

/// A rollout by Sluice.
#[derive(Debug)]
pub struct Sluice {
    steps: Vec<Step>,
    policy: JudgePolicy,
    /// The step that is watched. None before the first shift.
    step: Option<usize>,
    shifted_at: u64,
    look_at: u64,
}

impl Sluice {
    /// With these settings.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        Self {
            steps: settings.steps.clone(),
            policy: settings.judge.clone(),
            step: None,
            shifted_at: 0,
            look_at: 0,
        }
    }

    /// Takes the next step, or finishes.
    fn advance(&mut self, now: u64) -> Decision {
        let next = self.step.map_or(0, |step| step + 1);
        let Some(step) = self.steps.get(next) else {
            return Decision::Finish;
        };
        self.step = Some(next);
        self.shifted_at = now;
        self.look_at = now + self.policy.period_seconds;
        Decision::Shift(step.weight)
    }

    /// The minutes of this step that the policy's lag lets in. At full weight
    /// the minute of the shift is left out, since the old version is in it.
    fn window<'a>(&self, seen: &Seen<'a>, alone: bool) -> &'a [Minute] {
        let first = if alone {
            self.shifted_at.next_multiple_of(MINUTE)
        } else {
            self.shifted_at / MINUTE * MINUTE
        };
        let last = seen.now.saturating_sub(self.policy.lag());
        let minutes = seen.since(first);
        &minutes[..minutes.partition_point(|minute| minute.end() <= last)]
    }

    fn judged(&mut self, seen: &Seen<'_>, index: usize) -> Decision {
        let step = self.steps[index].clone();
        let alone = step.weight >= 100.0;
        let minutes = self.window(seen, alone);
        let (shifted_at, now) = (timestamp(self.shifted_at), timestamp(seen.now));
        let policy = judge::asked(&self.policy, &step, shifted_at, now);
        // Latency leaves out the minute of the shift, in which cold starts are.
        let warm = self.shifted_at / MINUTE * MINUTE + MINUTE;
        let cold = minutes.partition_point(|minute| !alone && minute.start < warm);
        let mut signals = vec![errors(&policy, minutes, before(seen), alone)];
        signals.extend(latency(&policy, &minutes[cold..], alone));
        let observed = Observed {
            functions: BTreeMap::from([("function".to_owned(), signals)]),
            environment: Vec::new(),
        };
        let outcome = judge::outcome(&policy, &observed);
        match judge::next(&self.policy, &step, shifted_at, now, outcome) {
            Next::Bake(seconds) => {
                self.look_at = seen.now + seconds;
                Decision::Stay
            }
            Next::Advance => self.advance(seen.now),
            Next::RollBack if outcome == Outcome::Fail => Decision::RollBack(Cause::Harm),
            Next::RollBack | Next::Ask => Decision::RollBack(Cause::Undecided),
        }
    }
}

/// Errors, as the function `judge` counts them. Nothing is throttled here, and no other
/// metric is limited by default.
fn errors(policy: &JudgePolicy, minutes: &[Minute], before: Share, alone: bool) -> Signal {
    let rule = ShareRule::of_errors(&policy.errors);
    let name = ERRORS.to_owned();
    let before = Some(before).filter(|_| alone);
    share(name, rule, minutes, (alone, before), &|side, _| {
        side.errors as f64
    })
}

/// How long calls take, as the function `judge` counts it.
fn latency(policy: &JudgePolicy, minutes: &[Minute], alone: bool) -> Vec<Signal> {
    let of = |limit: &LatencyLimit| {
        // What was normal is taken to be known well: it is from the hour before.
        let normal = percentile_ms(limit.percentile);
        let ratio = limit.above_ratio.unwrap_or(f64::INFINITY);
        let own = limit.above_ms.unwrap_or(ratio * normal);
        let beside = limit.above_ms.unwrap_or(normal);
        let name = format!("p{}", limit.percentile);
        let rule = ShareRule::of_latency(policy, limit, !alone);
        share(name, rule, minutes, (alone, None), &|side, is_beside| {
            let bound = if is_beside { beside } else { own };
            side.latency.slower(bound).round()
        })
    };
    policy
        .latency
        .iter()
        .filter(|limit| limit.holds(alone))
        .map(of)
        .collect()
}

/// A share of calls: whether the new version is alone, and what the share was before.
/// `bad` counts those of a side, and is told whether it is the version beside it.
fn share(
    name: String,
    rule: ShareRule,
    minutes: &[Minute],
    (alone, before): (bool, Option<Share>),
    bad: &dyn Fn(&Side, bool) -> f64,
) -> Signal {
    Signal::Share(ShareSignal {
        name,
        bad: "bad".to_owned(),
        rule,
        blocks: Some(blocks(minutes, alone, bad)),
        is_beside: !alone,
        before,
        took: None,
        until: minutes
            .last()
            .map_or(Timestamp::MIN, |minute| timestamp(minute.end())),
    })
}

/// The errors of the hour before the rollout.
fn before(seen: &Seen<'_>) -> Share {
    let end = seen.started;
    let hour = seen.since(end.saturating_sub(60 * MINUTE));
    let hour = hour.iter().take_while(|minute| minute.end() <= end);
    hour.fold(Share::default(), |sum, minute| {
        sum + Share {
            total: minute.baseline.calls as f64,
            bad: minute.baseline.errors as f64,
        }
    })
}

/// Period by period; CloudWatch has none without a call.
fn blocks(minutes: &[Minute], alone: bool, bad: &dyn Fn(&Side, bool) -> f64) -> Vec<Block> {
    let share = |side: &Side, is_beside| Share {
        total: side.calls as f64,
        bad: bad(side, is_beside),
    };
    let called = |minute: &&Minute| minute.canary.calls + minute.baseline.calls > 0;
    let of = |minute: &Minute| Block {
        start: timestamp(minute.start),
        canary: share(&minute.canary, false),
        baseline: (!alone).then(|| share(&minute.baseline, true)),
    };
    minutes.iter().filter(called).map(of).collect()
}

impl Judge for Sluice {
    fn look(&mut self, seen: &Seen<'_>) -> Decision {
        match self.step {
            None => self.advance(seen.now),
            Some(index) if seen.now >= self.look_at => self.judged(seen, index),
            Some(_) => Decision::Stay,
        }
    }
}

fn timestamp(second: u64) -> Timestamp {
    i64::try_from(second)
        .ok()
        .and_then(|second| Timestamp::from_second(second).ok())
        .unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seen::fixtures::{decisions, end_of, minutes};

    fn sluice() -> Sluice {
        Sluice::new(&default_settings().expect("defaults"))
    }

    #[test]
    fn harm_is_rolled_back_as_soon_as_its_minute_arrives() {
        let minutes = minutes(&[(600, 60, 5400, 20); 10]);
        let end = end_of(&mut sluice(), &minutes);
        assert_eq!(end, Some((Decision::RollBack(Cause::Harm), 180)));
    }

    #[test]
    fn a_good_release_takes_the_default_steps() {
        let minutes = minutes(&[(600, 3, 5400, 27); 60]);
        let made = decisions(&mut sluice(), &minutes);
        let expected = [
            (Decision::Shift(10.0), 0),
            (Decision::Shift(50.0), 720),
            (Decision::Shift(100.0), 1440),
            (Decision::Finish, 3360),
        ];
        assert_eq!(made, expected);
    }

    #[test]
    fn too_little_traffic_is_undecided_in_the_end() {
        let minutes = minutes(&[(0, 0, 6, 0); 80]);
        let end = end_of(&mut sluice(), &minutes);
        assert_eq!(end, Some((Decision::RollBack(Cause::Undecided), 4320)));
    }
}
