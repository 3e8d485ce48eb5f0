//! Rollouts that never were: what the judge would have said of the past, had a
//! new version taken its share of the calls.
//!
//! The calls of each past minute are dealt out as an alias deals them: each goes
//! to the new version with the step's weight. A version that is *as good* keeps
//! what became of its calls, so that each time the judge fails it is a false
//! alarm. One with a *fault* spoils some of the calls that were well.
//!
//! What is dealt follows from the seed, the start and the function alone: a fault
//! meets the same calls as the version that was as good. The past goes round:
//! after its last minute comes its first.

use std::collections::BTreeMap;

use serde::Serialize;

use super::replay::{Minute, Side, at, signals};
use super::{JudgePolicy, Next, Observed, Outcome, asked, baked_at, next, outcome};
use crate::generator::Generator;
use crate::settings::Step;
use crate::stats::{Interval, normal_quantile, wilson};

/// What happened: each function's minutes, of all its versions together. All
/// begin and end with the same minute.
pub type Past = BTreeMap<String, Vec<Side>>;

/// A fault that a new version has.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fault<'a> {
    /// The function that has it.
    pub function: &'a str,
    /// How many of the calls fail that would not have failed.
    pub extra: f64,
}

/// How a rollout would have ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// All steps were taken.
    Promoted,
    /// The judge knew of harm.
    Failed,
    /// The judge did not know enough in time, and the settings do not say to go on.
    Undecided,
}

/// A rollout that never was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rollout {
    /// How it would have ended.
    pub end: End,
    /// After how many minutes, metrics' lag included.
    pub minutes: u64,
    /// How many calls the fault would have spoiled until then.
    pub spoiled: u64,
}

/// How releases are taken into an environment, and judged.
#[derive(Debug, Clone, Copy)]
pub struct Course<'a> {
    /// The steps.
    pub steps: &'a [Step],
    /// How they are judged.
    pub policy: &'a JudgePolicy,
}

impl Course<'_> {
    /// How long a rollout takes that is never held up, in minutes.
    #[must_use]
    pub fn minutes(&self) -> u64 {
        let watched = self.steps.iter().filter(|step| step.bake_seconds > 0);
        watched.map(|step| self.baked(step, 0).unsigned_abs()).sum()
    }

    /// The minute at which a step's bake is over, if it shifted with this one.
    fn baked(&self, step: &Step, shifted: i64) -> i64 {
        let seconds = baked_at(self.policy, step, at(shifted)).as_second();
        (seconds + 59).div_euclid(60)
    }

    /// The rollout that begins with this minute of the past.
    #[must_use]
    pub fn rollout(
        &self,
        past: &Past,
        start: usize,
        fault: Option<Fault<'_>>,
        seed: u64,
    ) -> Rollout {
        let mut dealer = Dealer::new(past, start, fault, seed);
        for step in self.steps.iter().filter(|step| step.bake_seconds > 0) {
            let end = self.watch(step, &mut dealer);
            if let Some(end) = end {
                return dealer.ended(end);
            }
        }
        dealer.ended(End::Promoted)
    }

    /// Watches one step. None: the next one follows.
    fn watch(&self, step: &Step, dealer: &mut Dealer<'_>) -> Option<End> {
        let shifted = dealer.minute;
        let baked = self.baked(step, shifted);
        let lag = self.policy.lag().div_ceil(60) as i64;
        let mut dealt: Vec<Vec<Minute>> = vec![Vec::new(); dealer.hands.len()];
        loop {
            dealer.deal(step.weight, &mut dealt);
            let (shifted_at, now) = (at(shifted), at(dealer.minute));
            let policy = &asked(self.policy, step, shifted_at, now);
            let known = usize::try_from(dealer.minute - shifted - lag).unwrap_or_default();
            let seen = || dealt.iter().map(|minutes| &minutes[..known]);
            let is_baked = dealer.minute >= baked;
            let observed = || Observed {
                functions: dealer
                    .hands
                    .iter()
                    .zip(seen())
                    .map(|(hand, minutes)| (hand.name.to_owned(), signals(policy, minutes)))
                    .collect(),
                environment: Vec::new(),
            };
            // Nothing bad, no harm: and before the bake is over, nothing else counts.
            let outcome = if is_baked || seen().flatten().any(has_bad) {
                outcome(policy, &observed())
            } else {
                Outcome::Inconclusive
            };
            match next(policy, step, shifted_at, now, outcome) {
                Next::Bake(_) => {}
                Next::Advance => return None,
                Next::RollBack if outcome == Outcome::Fail => return Some(End::Failed),
                Next::RollBack | Next::Ask => return Some(End::Undecided),
            }
        }
    }
}

fn has_bad(minute: &Minute) -> bool {
    minute.canary.errors > 0 || minute.canary.slow.is_some_and(|slow| slow > 0)
}

/// Deals out the calls of the past, minute by minute.
struct Dealer<'a> {
    hands: Vec<Hand<'a>>,
    start: usize,
    minute: i64,
    spoiled: u64,
}

/// One function's calls.
struct Hand<'a> {
    name: &'a str,
    past: &'a [Side],
    extra: f64,
    chance: Generator,
}

impl<'a> Dealer<'a> {
    fn new(past: &'a Past, start: usize, fault: Option<Fault<'_>>, seed: u64) -> Self {
        let hands = past.iter().zip(0..).map(|((name, past), place)| Hand {
            name,
            past,
            extra: fault
                .filter(|fault| fault.function == name)
                .map_or(0.0, |fault| fault.extra),
            chance: Generator::new(&[seed, start as u64, place]),
        });
        Self {
            hands: hands.collect(),
            start,
            minute: 0,
            spoiled: 0,
        }
    }

    fn deal(&mut self, weight: f64, dealt: &mut [Vec<Minute>]) {
        let past = self.start + usize::try_from(self.minute).unwrap_or_default();
        for (hand, minutes) in self.hands.iter_mut().zip(dealt) {
            let was = match hand.past.len() {
                0 => Side::default(),
                length => hand.past[past % length],
            };
            let (canary, baseline, spoiled) = hand.split(&was, weight / 100.0);
            self.spoiled += spoiled;
            minutes.push(Minute {
                minute: self.minute,
                canary,
                baseline: (weight < 100.0).then_some(baseline),
            });
        }
        self.minute += 1;
    }

    fn ended(&self, end: End) -> Rollout {
        Rollout {
            end,
            minutes: self.minute.unsigned_abs(),
            spoiled: self.spoiled,
        }
    }
}

impl Hand<'_> {
    /// The new version's calls, the other's, and how many the fault spoiled.
    fn split(&mut self, was: &Side, share: f64) -> (Side, Side, u64) {
        let failed = was.errors.min(was.invocations);
        let errors = self.chance.binomial(failed, share);
        let well = self.chance.binomial(was.invocations - failed, share);
        let slow = was
            .slow
            .map(|slow| self.chance.binomial(slow.min(was.invocations), share));
        let spoiled = self.chance.binomial(well, self.extra);
        let canary = Side {
            invocations: errors + well,
            errors: errors + spoiled,
            slow,
        };
        let baseline = Side {
            invocations: was.invocations - canary.invocations,
            errors: failed - errors,
            slow: was
                .slow
                .zip(slow)
                .map(|(all, own)| all.min(was.invocations) - own),
        };
        (canary, baseline, spoiled)
    }
}

/// At most this many starts, spread evenly over the minutes of the past.
#[must_use]
pub fn starts(minutes: usize, most: usize) -> Vec<usize> {
    let count = most.min(minutes);
    (0..count).map(|start| start * minutes / count).collect()
}

/// What rollouts came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// All of them.
    pub rollouts: u64,
    /// Those that took all steps.
    pub promoted: u64,
    /// Those in which the judge knew of harm.
    pub failed: u64,
    /// Those in which it did not know enough in time.
    pub undecided: u64,
    /// Minutes until the judge knew.
    pub minutes: Option<Spread>,
    /// Calls that the fault had spoiled by then.
    pub spoiled: Option<Spread>,
}

/// How far values are spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Spread {
    /// Half of them are no larger.
    pub half: u64,
    /// Nine of ten are no larger.
    pub nine_of_ten: u64,
}

impl Summary {
    /// Of these rollouts.
    #[must_use]
    pub fn of(rollouts: &[Rollout]) -> Self {
        let count = |end| rollouts.iter().filter(|rollout| rollout.end == end).count() as u64;
        let failed = rollouts.iter().filter(|rollout| rollout.end == End::Failed);
        Self {
            rollouts: rollouts.len() as u64,
            promoted: count(End::Promoted),
            failed: count(End::Failed),
            undecided: count(End::Undecided),
            minutes: Spread::of(failed.clone().map(|rollout| rollout.minutes).collect()),
            spoiled: Spread::of(failed.map(|rollout| rollout.spoiled).collect()),
        }
    }

    /// The share of rollouts in which the judge knew of harm.
    #[must_use]
    pub fn share(&self) -> f64 {
        self.failed as f64 / self.rollouts.max(1) as f64
    }

    /// Where that share lies with a confidence of 95 % (Wilson's interval), as
    /// if rollouts were independent.
    #[must_use]
    pub fn interval(&self) -> Interval {
        let z = normal_quantile(0.975);
        wilson(self.failed as f64, self.rollouts as f64, z)
    }
}

impl Spread {
    /// Of these values. None: there are none.
    fn of(mut values: Vec<u64>) -> Option<Self> {
        values.sort_unstable();
        let place = |tenths: usize| (values.len() * tenths).div_ceil(10).saturating_sub(1);
        Some(Self {
            half: *values.get(place(5))?,
            nine_of_ten: *values.get(place(9))?,
        })
    }
}

#[cfg(test)]
#[path = "backtest_tests.rs"]
mod tests;
