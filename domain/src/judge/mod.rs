//! The judge: pass, fail or inconclusive, from what two versions did that
//! served side by side.
//!
//! A step is judged by *signals*. Some are shares of calls ([`share`]): those
//! that failed, were throttled, or took too long; they are judged by counts,
//! with tests that hold however often one looks. Others are values of a metric
//! against a limit, or an alarm ([`value`]).
//!
//! - **fail** as soon as one signal knows of harm;
//! - **pass** when enough was seen and every signal excludes the harm that it
//!   stands for;
//! - **inconclusive** otherwise. No data is inconclusive, never healthy.
//!
//! The chance that a harmless version fails a step is at most `1 - confidence`,
//! over all looks, functions and signals together: each test gets its share of
//! it (Bonferroni's inequality).

pub mod backtest;
mod counted;
mod feasibility;
mod follow;
mod latency;
mod policy;
pub mod probe;
pub mod replay;
pub mod rule;
pub mod share;
mod steer;
pub mod value;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use counted::{Block, Share, ShareSignal, Took};
pub use feasibility::{Feasibility, Prospect, Remedy, feasibility, remedies, wanted_at_last};
pub(crate) use follow::may_ask;
pub use follow::{Next, asked, asks_at, baked_at, look, next};
pub use latency::LatencyLimit;
pub use policy::{
    AlarmVeto, ErrorLimits, JudgePolicy, MetricLimit, MetricQuery, NoData, OnInconclusive,
    Sustained, ThrottleLimits,
};
pub use probe::{Probe, ProbeSignal, Probed, Probing};
pub use rule::{Compare, Needs, ShareRule};
pub use steer::{Asks, Decision, LONGEST_HOLD, Look, steer, steer_deploying};
pub(crate) use steer::{MOST_LOOKS, looks_held, spared};
pub use value::{AlarmSignal, AlarmState, ValueSignal};

/// The signal that every function has: the share of invocations that failed.
pub const ERRORS: &str = "errors";

/// What the judge says.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Enough was seen, and harm is excluded.
    Pass,
    /// Neither is known yet.
    Inconclusive,
    /// Harm is known.
    Fail,
}

/// What was observed of a step.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Observed {
    /// Per function of the group.
    pub functions: BTreeMap<String, Vec<Signal>>,
    /// Of the environment: metrics and alarms.
    pub environment: Vec<Signal>,
}

/// One thing that was observed, and what it is held against.
#[derive(Debug, Clone, PartialEq)]
pub enum Signal {
    /// A share of calls.
    Share(ShareSignal),
    /// Values of a metric.
    Value(ValueSignal),
    /// An alarm.
    Alarm(AlarmSignal),
    /// A call of Sluice's own.
    Probe(ProbeSignal),
}

impl Signal {
    fn is_of_errors(&self) -> bool {
        matches!(self, Self::Share(share) if share.name == ERRORS)
    }

    fn judge(&self, policy: &JudgePolicy, alpha: &Alpha) -> SignalVerdict {
        match self {
            Self::Share(signal) => share::judge(policy, signal, alpha.of(signal)),
            Self::Value(signal) => value::judge(signal),
            Self::Alarm(signal) => value::judge_alarm(signal),
            Self::Probe(signal) => probe::judge(signal),
        }
    }

    /// The outcome, if it counts.
    fn outcome(&self, policy: &JudgePolicy, alpha: &Alpha) -> Option<Outcome> {
        let (outcome, dry_run) = match self {
            Self::Share(signal) if signal.rule.dry_run => return None,
            Self::Share(signal) => (share::outcome(policy, signal, alpha.of(signal)), false),
            Self::Value(_) | Self::Alarm(_) | Self::Probe(_) => {
                let verdict = self.judge(policy, alpha);
                (verdict.outcome, verdict.dry_run)
            }
        };
        (!dry_run).then_some(outcome)
    }
}

/// Invocations of one version, and how many of them failed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Counts {
    /// All invocations.
    pub invocations: f64,
    /// Those that ended in an error.
    pub errors: f64,
}

impl From<Share> for Counts {
    fn from(share: Share) -> Self {
        Self {
            invocations: share.total,
            errors: share.bad,
        }
    }
}

/// The verdict on one signal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SignalVerdict {
    /// The signal: `errors`, `throttles`, `p95`, a metric's or an alarm's name.
    pub name: String,
    /// What it says.
    pub outcome: Outcome,
    /// Why, in a sentence with the numbers that decided.
    pub rule: String,
    /// What people should hear of although nothing fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
    /// It is shown, and counts for nothing.
    #[serde(default, skip_serializing_if = "is_false")]
    pub dry_run: bool,
    /// The new version's calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary: Option<Share>,
    /// The calls of the version beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Share>,
    /// The new version's share of bad calls less the other's (or its own
    /// share, where nothing serves beside it); a metric's last value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<f64>,
    /// Bounds of that effect, `[low, high]`, that hold over all looks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<[f64; 2]>,
    /// How long calls took, beside the counts of those that took too long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took: Option<Took>,
}

/// The verdict on one function: the worst of its signals, with the counts and
/// the effect of its errors.
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
    /// Bounds of that effect, `[low, high]`, that hold over all looks.
    pub interval: [f64; 2],
    /// Each signal.
    #[serde(default)]
    pub signals: Vec<SignalVerdict>,
}

/// The verdict on a release group at one look.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The worst of all signals: one that fails fails all.
    pub outcome: Outcome,
    /// Why, in a sentence.
    pub rule: String,
    /// Per function.
    pub functions: BTreeMap<String, FunctionVerdict>,
    /// Metrics and alarms of the environment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signals: Vec<SignalVerdict>,
    /// Which look at this step this is, from 1.
    pub look: u64,
}

impl Verdict {
    /// What people should hear of although nothing fails.
    pub fn warnings(&self) -> impl Iterator<Item = String> {
        let of_functions = self.functions.iter().flat_map(|(function, verdict)| {
            let signals = verdict.signals.iter();
            signals.filter_map(move |signal| Some((Some(function), signal.warning.as_ref()?)))
        });
        let of_group = self.signals.iter();
        of_functions
            .chain(of_group.filter_map(|signal| Some((None, signal.warning.as_ref()?))))
            .map(|(function, warning)| match function {
                Some(function) => format!("{function}: {warning}"),
                None => warning.clone(),
            })
    }
}

/// Judges a release group at its `look`-th look at a step.
#[must_use]
pub fn judge(policy: &JudgePolicy, observed: &Observed, look: u64) -> Verdict {
    let alpha = Alpha::new(policy, observed);
    let judge = |signals: &[Signal]| -> Vec<SignalVerdict> {
        let judged = signals.iter();
        judged.map(|signal| signal.judge(policy, &alpha)).collect()
    };
    let functions: BTreeMap<String, FunctionVerdict> = observed
        .functions
        .iter()
        .map(|(name, signals)| (name.clone(), function_verdict(judge(signals))))
        .collect();
    let signals = judge(&observed.environment);
    let of_functions = functions
        .iter()
        .map(|(name, verdict)| (verdict.outcome, format!("{name}: {}", verdict.rule)));
    let of_group = counting(&signals).map(|signal| (signal.outcome, signal.rule.clone()));
    let (outcome, rule) = of_functions
        .chain(of_group)
        .reduce(worse)
        .unwrap_or((Outcome::Inconclusive, "nothing was measured".to_owned()));
    Verdict {
        outcome,
        rule,
        functions,
        signals,
        look,
    }
}

/// What [`judge`] would say, without its reasons: far less work where many looks are
/// simulated.
#[must_use]
pub fn outcome(policy: &JudgePolicy, observed: &Observed) -> Outcome {
    let alpha = Alpha::new(policy, observed);
    let of_functions = observed.functions.values().flatten();
    of_functions
        .chain(&observed.environment)
        .filter_map(|signal| signal.outcome(policy, &alpha))
        .max()
        .unwrap_or(Outcome::Inconclusive)
}

/// The one that is worse, and the first where they are equal.
fn worse<T>(one: (Outcome, T), other: (Outcome, T)) -> (Outcome, T) {
    if other.0 > one.0 { other } else { one }
}

/// The signals that count.
fn counting(signals: &[SignalVerdict]) -> impl Iterator<Item = &SignalVerdict> {
    signals.iter().filter(|signal| !signal.dry_run)
}

fn function_verdict(signals: Vec<SignalVerdict>) -> FunctionVerdict {
    let (outcome, rule) = counting(&signals)
        .map(|signal| (signal.outcome, signal.rule.clone()))
        .reduce(worse)
        .unwrap_or((Outcome::Inconclusive, "nothing was measured".to_owned()));
    let errors = signals.iter().find(|signal| signal.name == ERRORS);
    let share = |of: fn(&SignalVerdict) -> Option<Share>| errors.and_then(of).map(Counts::from);
    FunctionVerdict {
        outcome,
        rule,
        canary: share(|errors| errors.canary).unwrap_or_default(),
        baseline: share(|errors| errors.baseline),
        effect: errors.and_then(|errors| errors.effect).unwrap_or_default(),
        interval: errors
            .and_then(|errors| errors.interval)
            .unwrap_or_default(),
        signals,
    }
}

/// Of the permitted chance of a false alarm, the part of the errors, which most harm
/// shows in. All other signals share the rest.
const ERRORS_PART: f64 = 0.6;

/// How the permitted chance of a false alarm is shared out.
struct Alpha {
    errors: f64,
    others: f64,
}

impl Alpha {
    fn new(policy: &JudgePolicy, observed: &Observed) -> Self {
        let all = 1.0 - policy.confidence;
        let signals = || observed.functions.values().flatten();
        let errors = signals().filter(|signal| signal.is_of_errors()).count();
        // A limit that is judged by values for want of counts keeps its part: it
        // may be counted again at the next look.
        let others = signals().filter(|signal| match signal {
            Signal::Share(share) => !signal.is_of_errors() && share.rule.can_fail(),
            Signal::Value(value) => !value.dry_run,
            Signal::Alarm(_) | Signal::Probe(_) => false,
        });
        let others = others.count();
        let part = if others == 0 { 1.0 } else { ERRORS_PART };
        Self {
            errors: all * part / errors.max(1) as f64,
            others: all * (1.0 - ERRORS_PART) / others.max(1) as f64,
        }
    }

    fn of(&self, signal: &ShareSignal) -> f64 {
        if signal.name == ERRORS {
            self.errors
        } else {
            self.others
        }
    }
}

fn is_false(value: &bool) -> bool {
    !value
}

fn percent(share: f64) -> String {
    format!("{:.2} %", share * 100.0)
}

#[cfg(test)]
mod follow_tests;
#[cfg(test)]
mod limit_tests;
#[cfg(test)]
mod simulation_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod value_tests;
