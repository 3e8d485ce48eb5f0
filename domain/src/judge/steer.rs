//! What follows from a verdict where people have a say: operators who ask for
//! something, and steps that wait for a person.
//!
//! A verdict of harm is stronger than every wish, and no wish goes around the
//! approvers of a step. Whatever holds a rollout up holds it for a day at most, and
//! for as long as its approvers have: then it goes back, since a half-shifted
//! environment is not a place to stay.

use jiff::Timestamp;

use super::{JudgePolicy, Next, Outcome, baked_at, next};
use crate::approval::{Answer, State};
use crate::controls::{Asked, Controls};
use crate::settings::{Step, Then};

/// Step Functions ends an execution at 25,000 events of history. One look of the
/// judge takes nine of them; this leaves room for everything else.
pub(crate) const MOST_LOOKS: u64 = 2500;

/// How long a step can be held up after its bake and its extension, in seconds. Its
/// approvers have their own time beside it.
pub const LONGEST_HOLD: u64 = 24 * 60 * 60;

/// How long after one look at a step that is held up the next one is due at the
/// latest, in seconds, unless a metric period is longer.
const RAREST_LOOKS: u64 = 600;

/// A look at a step.
#[derive(Debug, Clone, Copy)]
pub struct Look<'a> {
    /// How steps are judged.
    pub policy: &'a JudgePolicy,
    /// The steps.
    pub steps: &'a [Step],
    /// The one that is looked at, from 0.
    pub index: usize,
    /// When it had reached every alias.
    pub shifted_at: Timestamp,
    /// The time of the look.
    pub now: Timestamp,
    /// What operators asked.
    pub controls: &'a Controls,
    /// How long approvers of a step have, in seconds, if one asks them.
    pub approval_seconds: Option<u64>,
    /// What approvers answered at this step. None: they were not asked yet, or it is
    /// not known.
    pub answer: Option<&'a Answer>,
}

/// Whom a step waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asks {
    /// Anybody who may operate: their go.
    Go,
    /// The environment's approvers.
    Approval,
}

/// What the rollout does.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// What it does next.
    pub next: Next,
    /// The step that it takes next, if it advances.
    pub step: usize,
    /// Who or what decided it, where it was not the verdict.
    pub because: Option<String>,
    /// Whom it waits for, if it does.
    pub asks: Option<Asks>,
}

/// Decides what follows a verdict (None: the step is not watched).
#[must_use]
pub fn steer(look: &Look<'_>, verdict: Option<Outcome>) -> Decision {
    let Some(step) = look.steps.get(look.index) else {
        return look.decision(Next::RollBack, Some("there is no such step".to_owned()));
    };
    let by_itself = match verdict {
        Some(outcome) => next(look.policy, step, look.shifted_at, look.now, outcome),
        None => Next::Advance,
    };
    if verdict == Some(Outcome::Fail) {
        return look.decision(by_itself, None);
    }
    if let Some(asked) = look.controls.paused() {
        return look.hold(step, by_itself, asked.words());
    }
    let may_hurry = verdict.is_none() || look.saw_a_period();
    let hurried = look.hurried().filter(|_| may_hurry);
    if let Some((asked, to)) = hurried.filter(|_| !step.asks_approvers()) {
        return look.advance(to, Some(asked.words()));
    }
    let skipped = look.controls.skip(look.index).filter(|_| may_hurry);
    let ended = skipped.or(hurried.map(|(asked, _)| asked));
    let follows = ended.map_or(by_itself, |_| Next::Advance);
    match awaits(step, follows) {
        Some((Asks::Approval, why)) => {
            let to = hurried.map_or(look.index + 1, |(_, to)| to);
            look.approved(step, follows, to, why)
        }
        Some((Asks::Go, why)) => match look.controls.go(look.index) {
            Some(asked) => look.decision(Next::Advance, Some(asked.words())),
            None => look.ask(step, follows, Asks::Go, why),
        },
        None => look.decision(follows, ended.map(Asked::words)),
    }
}

/// The step whose bake an emergency spares: the first that is watched and sends
/// traffic to the new versions.
pub(crate) fn spared(steps: &[Step]) -> Option<usize> {
    let is_judged = |step: &Step| step.bake_seconds > 0 && step.weight > 0.0;
    steps.iter().position(is_judged)
}

/// Whom a step waits for and why, if it does.
fn awaits(step: &Step, follows: Next) -> Option<(Asks, &'static str)> {
    match (follows, step.then) {
        (Next::Bake(_), _) | (Next::Advance | Next::RollBack, None) => None,
        (_, Some(Then::Approval)) => {
            let why = "the settings ask for an approval of this step: `sluice approve`";
            Some((Asks::Approval, why))
        }
        (_, Some(Then::Pause)) => {
            let why = "the settings ask for a person's go: `sluice resume`";
            Some((Asks::Go, why))
        }
        (Next::Ask, None) => {
            let why = "the settings leave what stays undecided to a person: `sluice resume`";
            Some((Asks::Go, why))
        }
    }
}

/// Decides what follows a verdict while CodeDeploy shifts towards this step: harm
/// ends it, and otherwise CodeDeploy is looked at again. Its pace is its own
/// configuration's: nobody can hold or hurry it here.
#[must_use]
pub fn steer_deploying(index: usize, verdict: Option<Outcome>) -> Decision {
    let next = match verdict {
        Some(Outcome::Fail) => Next::RollBack,
        Some(Outcome::Pass | Outcome::Inconclusive) | None => Next::Advance,
    };
    Decision {
        next,
        step: index,
        because: None,
        asks: None,
    }
}

impl Look<'_> {
    fn decision(&self, next: Next, because: Option<String>) -> Decision {
        Decision {
            next,
            step: self.index + 1,
            because,
            asks: None,
        }
    }

    fn advance(&self, to: usize, because: Option<String>) -> Decision {
        Decision {
            step: to,
            ..self.decision(Next::Advance, because)
        }
    }

    /// What follows from the approvers' answer.
    fn approved(&self, step: &Step, follows: Next, to: usize, why: &str) -> Decision {
        let Some(Answer { state, because }) = self.answer else {
            return self.ask(step, follows, Asks::Approval, why);
        };
        match state {
            State::Approved => self.advance(to, Some(because.clone())),
            State::Pending => {
                let why = format!("{why}; {because}");
                self.ask(step, follows, Asks::Approval, &why)
            }
            State::Rejected | State::Expired | State::Superseded => {
                self.decision(Next::RollBack, Some(because.clone()))
            }
        }
    }

    /// Holds the step and has people asked, as long as that may last.
    fn ask(&self, step: &Step, follows: Next, asks: Asks, why: &str) -> Decision {
        let held = self.hold(step, follows, why.to_owned());
        let is_held = matches!(held.next, Next::Bake(_));
        Decision {
            asks: is_held.then_some(asks),
            ..held
        }
    }

    /// Who ends this step early without a look at its bake, and the step to take then:
    /// no step is left out that asks its approvers.
    fn hurried(&self) -> Option<(&Asked, usize)> {
        let last = self.steps.len().saturating_sub(1);
        let promote_now = self.controls.promote_now();
        if let Some(asked) = promote_now.filter(|_| self.index < last) {
            let mut between = self.index + 1..last;
            let asking = between.find(|index| self.steps[*index].asks_approvers());
            return Some((asked, asking.unwrap_or(last)));
        }
        let is_spared = spared(self.steps).is_none_or(|spared| self.index <= spared);
        let emergency = self.controls.emergency().filter(|_| !is_spared);
        emergency.map(|asked| (asked, self.index + 1))
    }

    /// Whether metrics of one whole period after the shift can be known. Before that
    /// no look could find harm, so that no wish ends a watched step.
    fn saw_a_period(&self) -> bool {
        let seconds = |count: u64| i64::try_from(count).unwrap_or(i64::MAX / 4000);
        let period = seconds(self.policy.period_seconds.max(1)) * 1000;
        let shifted = self.shifted_at.as_millisecond();
        let whole = shifted + (-shifted).rem_euclid(period) + period;
        self.now.as_millisecond() >= whole + seconds(self.policy.lag()) * 1000
    }

    /// Stays at this step, as long as that may last.
    fn hold(&self, step: &Step, by_itself: Next, why: String) -> Decision {
        if let Next::Bake(_) = by_itself {
            return self.decision(by_itself, Some(why));
        }
        let baked = baked_at(self.policy, step, self.shifted_at);
        let seconds = self.now.duration_since(baked).as_secs();
        let held = u64::try_from(seconds).unwrap_or_default();
        let longest = longest_hold(self.policy, step, self.approval_seconds);
        match longest.checked_sub(held) {
            Some(left) if left > 0 => {
                let wait = between_looks(self.policy, held).min(left);
                self.decision(Next::Bake(wait), Some(why))
            }
            _ => {
                let beside = if step.asks_approvers() {
                    " and the time of its approvers"
                } else {
                    ""
                };
                let why = format!("{why}; nobody let it go on for a day{beside} after its time");
                self.decision(Next::RollBack, Some(why))
            }
        }
    }
}

/// How long a step can be held up after its bake, in seconds.
fn longest_hold(policy: &JudgePolicy, step: &Step, approval_seconds: Option<u64>) -> u64 {
    let approval = approval_seconds.filter(|_| step.asks_approvers());
    let longest = policy.extend_seconds.saturating_add(LONGEST_HOLD);
    longest.saturating_add(approval.unwrap_or_default())
}

/// How long after one look at a step that was held up for so long the next one is
/// due, in seconds: the longer it has waited, the less a moment more matters. Harm
/// is still looked for, so it never gets rarer than that.
fn between_looks(policy: &JudgePolicy, held: u64) -> u64 {
    let rarer = (held / 10).min(RAREST_LOOKS);
    rarer.max(policy.period_seconds).max(1)
}

/// How often a step is looked at while it is held up, at most.
pub(crate) fn looks_held(policy: &JudgePolicy, step: &Step, approval_seconds: Option<u64>) -> u64 {
    let longest = longest_hold(policy, step, approval_seconds);
    let looks = std::iter::successors(Some(0), |held| Some(held + between_looks(policy, *held)));
    looks.take_while(|held| *held < longest).count() as u64
}

#[cfg(test)]
#[path = "steer_tests.rs"]
mod tests;
