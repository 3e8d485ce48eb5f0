//! What follows from a verdict, and when the next one is due.

use jiff::{SignedDuration, Timestamp};

use super::{JudgePolicy, OnInconclusive, Outcome};
use crate::settings::Step;

/// What the rollout does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Wait this many seconds and look again.
    Bake(u64),
    /// Take the next step, or finish.
    Advance,
    /// Roll back.
    RollBack,
    /// Nothing is known, and the settings leave it to a person.
    Ask,
}

/// Which look at the step this is: one per metric period since it began.
#[must_use]
pub fn look(policy: &JudgePolicy, shifted_at: Timestamp, now: Timestamp) -> u64 {
    let seconds = now
        .duration_since(shifted_at)
        .as_secs()
        .max(0)
        .unsigned_abs();
    1 + seconds / policy.period_seconds.max(1)
}

/// Decides what follows a verdict: fail at once, pass once the bake is over,
/// hold while inconclusive and then do what the settings say.
#[must_use]
pub fn next(
    policy: &JudgePolicy,
    step: &Step,
    shifted_at: Timestamp,
    now: Timestamp,
    outcome: Outcome,
) -> Next {
    let baked = baked_at(policy, step, shifted_at);
    let limit = extended(policy, step, shifted_at);
    let until = |end: Timestamp| {
        let rest = end.duration_since(now).as_millis().max(1).unsigned_abs();
        let rest = u64::try_from(rest.div_ceil(1000)).unwrap_or(u64::MAX);
        Next::Bake(rest.min(until_news(policy, now)).max(1))
    };
    match outcome {
        Outcome::Fail => Next::RollBack,
        _ if now < baked => until(baked),
        Outcome::Pass => Next::Advance,
        Outcome::Inconclusive if now < limit => until(limit),
        Outcome::Inconclusive => match policy.on_inconclusive {
            OnInconclusive::RollBack => Next::RollBack,
            OnInconclusive::Advance => Next::Advance,
            OnInconclusive::Pause => Next::Ask,
        },
    }
}

/// When a step's bake is over and what happened in it can be known: metrics come in
/// whole periods, so the last one that it reaches into belongs to it, and so does the
/// first that begins after the shift. How long calls take is read from that one on.
#[must_use]
pub fn baked_at(policy: &JudgePolicy, step: &Step, shifted_at: Timestamp) -> Timestamp {
    let period = milliseconds(policy.period_seconds.max(1));
    let shifted = shifted_at.as_millisecond();
    let end = shifted.saturating_add(milliseconds(step.bake_seconds));
    let reached = end.saturating_add((-end).rem_euclid(period));
    let first = shifted - shifted.rem_euclid(period) + 2 * period;
    let known = reached.max(first);
    after(
        Timestamp::from_millisecond(known).unwrap_or(Timestamp::MAX),
        policy.lag(),
    )
}

/// When a step that shifted then asks people at the soonest. None: it never does.
#[must_use]
pub fn asks_at(policy: &JudgePolicy, step: &Step, shifted_at: Timestamp) -> Option<Timestamp> {
    let is_watched = step.bake_seconds > 0;
    if step.then.is_some() {
        let baked = is_watched.then(|| baked_at(policy, step, shifted_at));
        return Some(baked.unwrap_or(shifted_at));
    }
    let may_ask = is_watched && policy.on_inconclusive == OnInconclusive::Pause;
    may_ask.then(|| extended(policy, step, shifted_at))
}

/// Whether a step can come to ask for a person's go.
pub(crate) fn may_ask(policy: &JudgePolicy, step: &Step) -> bool {
    asks_at(policy, step, Timestamp::UNIX_EPOCH).is_some()
}

/// The policy as it stands at this time of a step, with what the step asks for
/// itself. When the extension is over, a larger rise may pass: with so few calls no
/// smaller one can be excluded. Not at full weight: there is no next step, which would
/// see more calls.
#[must_use]
pub fn asked(
    policy: &JudgePolicy,
    step: &Step,
    shifted_at: Timestamp,
    now: Timestamp,
) -> JudgePolicy {
    let mut asked = policy.for_step(step);
    let may_ask_less = policy.extend_seconds > 0 && step.weight < 100.0;
    if may_ask_less && now >= extended(policy, step, shifted_at) {
        asked.errors.max_increase = policy.errors.max_increase_at_last();
    }
    asked
}

/// When a step's extension is over.
fn extended(policy: &JudgePolicy, step: &Step, shifted_at: Timestamp) -> Timestamp {
    after(baked_at(policy, step, shifted_at), policy.extend_seconds)
}

fn after(time: Timestamp, seconds: u64) -> Timestamp {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    let end = time.checked_add(SignedDuration::from_secs(seconds));
    end.unwrap_or(Timestamp::MAX)
}

fn milliseconds(seconds: u64) -> i64 {
    i64::try_from(seconds)
        .unwrap_or(i64::MAX / 4000)
        .saturating_mul(1000)
}

/// How long it takes until one more metric period can be known, in seconds: looks
/// come right after that, so that harm is not found later than it could be.
fn until_news(policy: &JudgePolicy, now: Timestamp) -> u64 {
    let period = milliseconds(policy.period_seconds.max(1));
    let since = (now.as_millisecond() - milliseconds(policy.lag())).rem_euclid(period);
    (period - since).unsigned_abs().div_ceil(1000)
}
