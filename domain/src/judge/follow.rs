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
    let after = |seconds: u64| {
        shifted_at + SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX / 2))
    };
    let baked = after(step.bake_seconds + policy.lag());
    let limit = after(step.bake_seconds + policy.lag() + policy.extend_seconds);
    let until = |end: Timestamp| {
        let rest = end
            .duration_since(now)
            .as_millis()
            .max(1)
            .unsigned_abs()
            .div_ceil(1000);
        Next::Bake(
            u64::try_from(rest)
                .unwrap_or(u64::MAX)
                .clamp(1, policy.period_seconds.max(1)),
        )
    };
    match outcome {
        Outcome::Fail => Next::RollBack,
        _ if now < baked => until(baked),
        Outcome::Pass => Next::Advance,
        Outcome::Inconclusive if now < limit => until(limit),
        Outcome::Inconclusive => match policy.on_inconclusive {
            OnInconclusive::RollBack => Next::RollBack,
            OnInconclusive::Advance => Next::Advance,
        },
    }
}
