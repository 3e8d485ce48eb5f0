//! The judge: pass, fail or inconclusive, from counts of two versions that
//! served side by side.
//!
//! - **fail** as soon as harm is known: the new version fails more often than
//!   the one beside it (Fisher's exact test, and by more than is tolerated), or
//!   more often than the absolute limit (exact binomial test). Both hold for any
//!   counts, and over all looks at a step together: the k-th look may spend
//!   `alpha / (k (k + 1))`, which sums to `alpha` however often one looks
//!   (Bonferroni's inequality), and both tests and the functions of a group share it.
//! - **pass** when enough was seen and harm as large as the limit is excluded.
//! - **inconclusive** otherwise. No data is inconclusive, never healthy.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::settings::{JudgePolicy, OnInconclusive, Step};
use crate::stats::{
    Interval, binomial_greater, difference, fisher_greater, normal_quantile, wilson,
};

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
    // Two tests may find harm, so each gets half.
    let at_this_look = alpha / (looks * (looks + 1.0)) / 2.0;
    let functions: BTreeMap<String, FunctionVerdict> = measured
        .iter()
        .map(|(name, counts)| (name.clone(), judge_function(policy, counts, at_this_look)))
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

fn judge_function(policy: &JudgePolicy, measured: &Measured, alpha: f64) -> FunctionVerdict {
    let seen = Seen::of(policy, measured, alpha);
    let (outcome, rule) = seen.decide(policy, measured, alpha);
    FunctionVerdict {
        outcome,
        rule,
        canary: measured.canary,
        baseline: measured.baseline,
        effect: seen.effect,
        interval: [seen.known.low, seen.known.high],
    }
}

/// What the counts of one function say.
struct Seen {
    /// The new version's failing share less the other's, or its own.
    effect: f64,
    /// Bounds of that effect at this look's confidence.
    known: Interval,
    /// The largest harm that the counts leave possible at the step's confidence.
    possible: f64,
    /// The limit that it must stay below.
    limit: f64,
}

impl Seen {
    fn of(policy: &JudgePolicy, measured: &Measured, alpha: f64) -> Self {
        let canary = (measured.canary.errors, measured.canary.invocations);
        let share = |(bad, all): (f64, f64)| if all > 0.0 { bad / all } else { 0.0 };
        let (at_look, at_step) = (
            normal_quantile(1.0 - alpha),
            normal_quantile(policy.confidence),
        );
        match measured.baseline {
            Some(Counts {
                invocations,
                errors,
            }) => {
                let beside = (errors, invocations);
                Self {
                    effect: share(canary) - share(beside),
                    known: difference(canary, beside, at_look),
                    possible: difference(canary, beside, at_step).high,
                    limit: policy.max_error_increase,
                }
            }
            None => Self {
                effect: share(canary),
                known: wilson(canary.0, canary.1, at_look),
                possible: wilson(canary.0, canary.1, at_step).high,
                limit: policy.max_error_rate,
            },
        }
    }

    fn decide(&self, policy: &JudgePolicy, measured: &Measured, alpha: f64) -> (Outcome, String) {
        let Counts {
            invocations: all,
            errors: bad,
        } = measured.canary;
        if all <= 0.0 {
            let rule = "no invocation of the new version was measured: no data is not health";
            return (Outcome::Inconclusive, rule.to_owned());
        }
        if let Some(rule) = self.harm(policy, measured, alpha) {
            return (Outcome::Fail, rule);
        }
        if all < policy.min_invocations as f64 {
            let rule = format!(
                "{all} invocations of the new version ({bad} failed); {} are asked for",
                policy.min_invocations
            );
            return (Outcome::Inconclusive, rule);
        }
        if measured
            .baseline
            .is_some_and(|baseline| baseline.invocations <= 0.0)
        {
            let rule =
                "no invocation of the version beside it was measured: nothing to compare with";
            return (Outcome::Inconclusive, rule.to_owned());
        }
        let (possible, limit) = (percent(self.possible), percent(self.limit));
        if self.possible < self.limit {
            (
                Outcome::Pass,
                format!("harm of {limit} or more is excluded (at most {possible})"),
            )
        } else {
            (
                Outcome::Inconclusive,
                format!("harm up to {possible} can't be excluded yet; the limit is {limit}"),
            )
        }
    }

    /// Why harm is known, if it is.
    fn harm(&self, policy: &JudgePolicy, measured: &Measured, alpha: f64) -> Option<String> {
        let Counts {
            invocations: all,
            errors: bad,
        } = measured.canary;
        let chance = binomial_greater(bad, all, policy.max_error_rate);
        if chance <= alpha {
            let limit = percent(policy.max_error_rate);
            return Some(format!(
                "{bad} of {all} failed; at a share of {limit}, chance gives that with p = {chance:.1e}"
            ));
        }
        let beside = measured
            .baseline
            .filter(|baseline| baseline.invocations > 0.0)?;
        let chance = fisher_greater((bad, all), (beside.errors, beside.invocations));
        (chance <= alpha && self.effect > policy.tolerated_error_increase).then(|| {
            format!(
                "{bad} of {all} failed, beside it {} of {}; equally good versions give that with p = {chance:.1e}",
                beside.errors, beside.invocations
            )
        })
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
