//! The judge: pass, fail or inconclusive, from counts of two versions that
//! served side by side.
//!
//! - **fail** as soon as harm is known: the new version fails more often than
//!   the one beside it by more than is tolerated, or more often than the
//!   absolute limit, with the step's confidence over all looks together (the
//!   k-th look may spend `alpha / (k (k + 1))`, which sums to `alpha` however
//!   often one looks).
//! - **pass** when enough was seen and harm as large as the limit is excluded.
//! - **inconclusive** otherwise. No data is inconclusive, never healthy.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::settings::{JudgePolicy, OnInconclusive, Step};
use crate::stats::{difference, normal_quantile, wilson};

/// Invocations of one version, and how many of them failed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Counts {
    /// All invocations.
    pub invocations: f64,
    /// Those that ended in an error.
    pub errors: f64,
}

/// What was measured of one function during a step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// The new version.
    pub canary: Counts,
    /// The version beside it. None at 100 %, where nothing serves beside it.
    pub baseline: Option<Counts>,
}

/// What the judge says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Enough was seen, and harm is excluded.
    Pass,
    /// Harm is known.
    Fail,
    /// Neither is known yet.
    Inconclusive,
}

/// The verdict on one function.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FunctionVerdict {
    /// What the judge says.
    pub outcome: Outcome,
    /// Why, in a sentence with the numbers that decided.
    pub rule: String,
    /// The new version's counts.
    pub canary: Counts,
    /// The counts of the version beside it.
    pub baseline: Option<Counts>,
    /// The new version's failing share less the other's (or its own share,
    /// where nothing serves beside it).
    pub effect: f64,
    /// Bounds of that effect, `[low, high]`, at this look's confidence.
    pub interval: [f64; 2],
}

/// The verdict on a release group at one look.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The worst of the group: one failing function fails all.
    pub outcome: Outcome,
    /// Why, in a sentence.
    pub rule: String,
    /// Per function.
    pub functions: BTreeMap<String, FunctionVerdict>,
    /// Which look at this step this is, from 1.
    pub look: u64,
}

/// Judges a release group at its `look`-th look.
#[must_use]
pub fn judge(policy: &JudgePolicy, measured: &BTreeMap<String, Measured>, look: u64) -> Verdict {
    let looks = look.max(1) as f64;
    // The group fails if any function does, so each gets its share of alpha.
    let alpha = (1.0 - policy.confidence) / measured.len().max(1) as f64;
    let bounds = Bounds {
        fail: normal_quantile(1.0 - alpha / (looks * (looks + 1.0))),
        pass: normal_quantile(policy.confidence),
    };
    let functions: BTreeMap<String, FunctionVerdict> = measured
        .iter()
        .map(|(name, counts)| (name.clone(), judge_function(policy, counts, &bounds)))
        .collect();
    let worst = |outcome| {
        functions
            .iter()
            .find(|(_, verdict)| verdict.outcome == outcome)
    };
    let (outcome, rule) = match worst(Outcome::Fail).or_else(|| worst(Outcome::Inconclusive)) {
        Some((name, verdict)) => (verdict.outcome, format!("{name}: {}", verdict.rule)),
        None if functions.is_empty() => (Outcome::Inconclusive, "nothing was measured".to_owned()),
        None => (
            Outcome::Pass,
            functions
                .values()
                .map(|v| v.rule.clone())
                .next()
                .unwrap_or_default(),
        ),
    };
    Verdict {
        outcome,
        rule,
        functions,
        look,
    }
}

/// Standard deviations for the two questions.
struct Bounds {
    fail: f64,
    pass: f64,
}

fn judge_function(policy: &JudgePolicy, measured: &Measured, bounds: &Bounds) -> FunctionVerdict {
    let canary = measured.canary;
    let (bad, all) = (canary.errors, canary.invocations);
    let share = if all > 0.0 { bad / all } else { 0.0 };
    let own = wilson(bad, all, bounds.fail);
    let own_pass = wilson(bad, all, bounds.pass);
    let (effect, known, excluded) = match measured.baseline {
        Some(baseline) => {
            let beside = (baseline.errors, baseline.invocations);
            let beside_share = if baseline.invocations > 0.0 {
                baseline.errors / baseline.invocations
            } else {
                0.0
            };
            let known = difference((bad, all), beside, bounds.fail);
            (
                share - beside_share,
                known,
                difference((bad, all), beside, bounds.pass).high,
            )
        }
        None => (share, own, own_pass.high),
    };
    let limit = if measured.baseline.is_some() {
        policy.max_error_increase
    } else {
        policy.max_error_rate
    };
    let beside_silent = measured
        .baseline
        .is_some_and(|baseline| baseline.invocations <= 0.0);

    let (outcome, rule) = if all <= 0.0 {
        (
            Outcome::Inconclusive,
            "no invocation of the new version was measured: no data is not health".to_owned(),
        )
    } else if own.low > policy.max_error_rate {
        (
            Outcome::Fail,
            format!(
                "fails more than {} of its calls, known with bound {}",
                percent(policy.max_error_rate),
                percent(own.low)
            ),
        )
    } else if measured.baseline.is_some()
        && !beside_silent
        && known.low > policy.tolerated_error_increase
    {
        let tolerated = percent(policy.tolerated_error_increase);
        (
            Outcome::Fail,
            format!(
                "fails more often than the version beside it by at least {}; {tolerated} is tolerated",
                percent(known.low)
            ),
        )
    } else if all < policy.min_invocations as f64 {
        (
            Outcome::Inconclusive,
            format!(
                "{all} invocations of the new version; {} are asked for",
                policy.min_invocations
            ),
        )
    } else if beside_silent {
        (
            Outcome::Inconclusive,
            "no invocation of the version beside it was measured: nothing to compare with"
                .to_owned(),
        )
    } else if excluded < limit {
        (
            Outcome::Pass,
            format!(
                "harm of {} or more is excluded (at most {})",
                percent(limit),
                percent(excluded)
            ),
        )
    } else {
        (
            Outcome::Inconclusive,
            format!(
                "harm up to {} can't be excluded yet; the limit is {}",
                percent(excluded),
                percent(limit)
            ),
        )
    };
    FunctionVerdict {
        outcome,
        rule,
        canary,
        baseline: measured.baseline,
        effect,
        interval: [known.low, known.high],
    }
}

fn percent(share: f64) -> String {
    format!("{:.2} %", share * 100.0)
}

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
    let baked = after(step.bake_seconds + policy.lag_seconds);
    let limit = after(step.bake_seconds + policy.lag_seconds + policy.extend_seconds);
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

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
