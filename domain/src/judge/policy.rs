//! The settings' `judge`: how a step is judged.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::document::{Problem, check_range};
use crate::judge::{LatencyLimit, Probe};
use crate::steps::Step;

/// How a step is judged. See the README, "How the judge decides".
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct JudgePolicy {
    /// The period of the metrics, in seconds: 1, 5, 10, 30 or a multiple of 60.
    /// AWS's own Lambda metrics have 60.
    pub period_seconds: u64,
    /// How long metrics take to arrive, in seconds. The youngest data is left
    /// out by this much, and the bake lasts longer by it. A call is counted in
    /// the period it began, once it has ended. Left out, it is the longest
    /// time-out of the functions that change and two minutes.
    pub lag_seconds: Option<u64>,
    /// Confidence of a step's verdict, over all looks, functions and signals.
    pub confidence: f64,
    /// Invocations that the new version must have had before it can pass.
    pub min_invocations: u64,
    /// How many seconds a step may be extended while the verdict is inconclusive.
    pub extend_seconds: u64,
    /// What happens when a step is still inconclusive at that limit.
    pub on_inconclusive: OnInconclusive,
    /// How often one call may be counted, at most: 3 for functions that are
    /// invoked asynchronously, which Lambda tries three times.
    pub attempts: u32,
    /// Invocations that ended in an error, time-outs included.
    pub errors: ErrorLimits,
    /// Calls refused for lack of concurrency, among all calls of the alias.
    /// They never reach a version: there is nothing beside them to compare with.
    pub throttles: ThrottleLimits,
    /// How long invocations take.
    pub latency: Vec<LatencyLimit>,
    /// Other metrics, of CloudWatch.
    pub metrics: Vec<MetricLimit>,
    /// CloudWatch alarms, composite ones too: one in ALARM fails the step.
    pub alarms: Vec<AlarmVeto>,
    /// Calls that Sluice makes itself at each look. Failures in a row fail the step.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub probes: Vec<Probe>,
}

/// What to do when the data never sufficed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnInconclusive {
    /// Take the new version out.
    RollBack,
    /// Go on all the same. For environments without real traffic.
    Advance,
    /// Hold the step until a person says go, with `sluice resume`.
    Pause,
}

/// Limits on the share of invocations that failed. `null` takes a limit away.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ErrorLimits {
    /// Known to be above this: people are told, and nothing else happens.
    pub warn_above: Option<f64>,
    /// Known to be above this: the step fails, unless the version beside it
    /// fails as much, or that much was normal before.
    pub fail_above: Option<f64>,
    /// A lower limit that fails the step when it is exceeded for a time.
    pub sustained: Option<Sustained>,
    /// The rise against the version beside it that must be excluded before a
    /// step passes (0.02 is two points).
    pub max_increase: f64,
    /// The rise that must be excluded where a step's extension is over and its calls
    /// were too few to exclude `max_increase`. `null`: that one, then, too.
    pub max_increase_extended: Option<f64>,
    /// A rise this small is never a reason to roll back (0.0005 is a twentieth of a point).
    pub tolerated_increase: f64,
}

/// Limits on the share of calls that were throttled. `null` takes a limit away.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ThrottleLimits {
    /// Known to be above this: people are told, and nothing else happens.
    pub warn_above: Option<f64>,
    /// Known to be above this: the step fails.
    pub fail_above: Option<f64>,
}

/// A limit that has to be exceeded for a time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sustained {
    /// The limit.
    pub above: f64,
    /// For how long, in seconds: every period within it is above, and together
    /// they are known to be.
    pub seconds: u64,
}

/// A limit on a metric of CloudWatch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MetricLimit {
    /// How verdicts call it.
    pub name: String,
    /// What is measured.
    pub query: MetricQuery,
    /// Above this the step fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fail_above: Option<f64>,
    /// Below this the step fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fail_below: Option<f64>,
    /// Above this people are told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warn_above: Option<f64>,
    /// Below this people are told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warn_below: Option<f64>,
    /// For how long it has to be so, in seconds. 0: one period.
    #[serde(default)]
    pub seconds: u64,
    /// Judged and shown, and never a reason for anything.
    #[serde(default)]
    pub dry_run: bool,
    /// What no data means.
    #[serde(default)]
    pub no_data: NoData,
}

/// What is measured: a metric, or an expression over CloudWatch's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, deny_unknown_fields)]
pub enum MetricQuery {
    /// A metric.
    Metric {
        /// Its namespace, such as `AWS/SQS`.
        namespace: String,
        /// Its name.
        metric: String,
        /// Its dimensions.
        #[serde(default)]
        dimensions: BTreeMap<String, String>,
        /// Its statistic, such as `Sum`, `Maximum` or `p99`.
        statistic: String,
    },
    /// A metric math or Metrics Insights expression that answers one series.
    Expression {
        /// The expression.
        expression: String,
    },
}

/// What a person needs to ask the same: `Sum of AWS/Lambda Errors
/// (FunctionName checkout, Resource checkout:live)`.
impl fmt::Display for MetricQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Metric {
                namespace,
                metric,
                dimensions,
                statistic,
            } => {
                let named = dimensions
                    .iter()
                    .map(|(name, value)| format!("{name} {value}"));
                let named = named.collect::<Vec<_>>().join(", ");
                write!(f, "{statistic} of {namespace} {metric} ({named})")
            }
            Self::Expression { expression } => f.write_str(expression),
        }
    }
}

/// What no data means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NoData {
    /// Nothing is known: the step holds.
    #[default]
    Hold,
    /// Nothing bad happened: for metrics that are only put when something did.
    Fine,
}

/// An alarm that stops a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AlarmVeto {
    /// The alarm's name, in the functions' account and region.
    pub name: String,
    /// Looked at and shown, and never a reason for anything.
    #[serde(default)]
    pub dry_run: bool,
}

impl Default for JudgePolicy {
    fn default() -> Self {
        Self {
            period_seconds: 60,
            lag_seconds: None,
            confidence: 0.99,
            min_invocations: 50,
            extend_seconds: 60 * 60,
            on_inconclusive: OnInconclusive::RollBack,
            attempts: 1,
            errors: ErrorLimits::default(),
            throttles: ThrottleLimits::default(),
            latency: LatencyLimit::defaults(),
            metrics: Vec::new(),
            alarms: Vec::new(),
            probes: Vec::new(),
        }
    }
}

impl Default for ErrorLimits {
    fn default() -> Self {
        Self {
            warn_above: Some(0.01),
            fail_above: Some(0.05),
            sustained: Some(Sustained {
                above: 0.01,
                seconds: 5 * 60,
            }),
            max_increase: 0.02,
            max_increase_extended: Some(0.15),
            tolerated_increase: 0.0005,
        }
    }
}

impl Default for ThrottleLimits {
    fn default() -> Self {
        Self {
            warn_above: Some(0.01),
            fail_above: None,
        }
    }
}

/// How long Lambda's metrics on AWS take to arrive once a call has ended, in seconds.
const ARRIVAL: u64 = 120;
/// The longest time-out that Lambda takes, in seconds.
const LONGEST_CALL: u64 = 900;

impl JudgePolicy {
    /// How long metrics take to arrive, in seconds. A plan's policy says so; where
    /// settings leave it to the plan, it is what calls take that end at once.
    #[must_use]
    pub fn lag(&self) -> u64 {
        self.lag_seconds.unwrap_or(ARRIVAL)
    }

    /// This policy for functions whose calls take so many seconds at most: a lag
    /// that was left out is theirs.
    #[must_use]
    pub fn for_calls_of(&self, seconds: u64) -> Self {
        Self {
            lag_seconds: Some(self.lag_seconds.unwrap_or(seconds + ARRIVAL)),
            ..self.clone()
        }
    }

    /// This policy with what a step asks for itself.
    #[must_use]
    pub fn for_step(&self, step: &Step) -> Self {
        Self {
            min_invocations: step.min_invocations.unwrap_or(self.min_invocations),
            ..self.clone()
        }
    }

    /// How often a step of this bake is looked at, at most.
    #[must_use]
    pub fn looks(&self, bake_seconds: u64) -> u64 {
        let lag = self.lag_seconds.unwrap_or(LONGEST_CALL + ARRIVAL);
        let period = self.period_seconds.max(1);
        // A bake ends with a period, and not with the one of the shift.
        let seconds = bake_seconds
            .max(period)
            .saturating_add(period)
            .saturating_add(lag)
            .saturating_add(self.extend_seconds);
        // The first look comes a period after the shift, the others with their data.
        seconds.div_ceil(period) + 1
    }

    /// Finds what is wrong with it.
    pub(crate) fn check(&self, longest: u64, problems: &mut Vec<Problem>) {
        if !matches!(self.period_seconds, 1 | 5 | 10 | 30)
            && (self.period_seconds == 0 || !self.period_seconds.is_multiple_of(60))
        {
            let found = self.period_seconds;
            problems.push(Problem::new(
                "judge.period_seconds",
                format!("found {found}; CloudWatch knows 1, 5, 10, 30 and multiples of 60"),
            ));
        }
        check_range("judge.lag_seconds", self.lag(), 0, 3600, problems);
        check_range("judge.confidence", self.confidence, 0.8, 0.9999, problems);
        check_range("judge.attempts", self.attempts, 1, 3, problems);
        check_range(
            "judge.extend_seconds",
            self.extend_seconds,
            0,
            longest,
            problems,
        );
        self.errors.check(problems);
        check_share(
            "judge.throttles.warn_above",
            self.throttles.warn_above,
            problems,
        );
        check_share(
            "judge.throttles.fail_above",
            self.throttles.fail_above,
            problems,
        );
        for (index, limit) in self.latency.iter().enumerate() {
            limit.check(&format!("judge.latency[{index}]"), problems);
        }
        let mut names = BTreeSet::new();
        for (index, limit) in self.metrics.iter().enumerate() {
            let path = format!("judge.metrics[{index}]");
            limit.check(&path, problems);
            if !names.insert(&limit.name) {
                problems.push(Problem::new(
                    format!("{path}.name"),
                    format!(
                        "found `{}`, which stands above; expected each name once",
                        limit.name
                    ),
                ));
            }
        }
        // DescribeAlarms takes at most 100 names.
        check_range("judge.alarms", self.alarms.len(), 0, 100, problems);
    }
}

impl ErrorLimits {
    /// The rise that must be excluded when a step's extension is over.
    #[must_use]
    pub fn max_increase_at_last(&self) -> f64 {
        self.max_increase_extended
            .map_or(self.max_increase, |limit| limit.max(self.max_increase))
    }

    fn check(&self, problems: &mut Vec<Problem>) {
        check_share("judge.errors.warn_above", self.warn_above, problems);
        check_share("judge.errors.fail_above", self.fail_above, problems);
        if let Some(sustained) = self.sustained {
            check_share(
                "judge.errors.sustained.above",
                Some(sustained.above),
                problems,
            );
            check_range(
                "judge.errors.sustained.seconds",
                sustained.seconds,
                1,
                86_400,
                problems,
            );
        }
        check_range(
            "judge.errors.max_increase",
            self.max_increase,
            0.0001,
            1.0,
            problems,
        );
        if let Some(limit) = self.max_increase_extended {
            let path = "judge.errors.max_increase_extended";
            check_range(path, limit, 0.0001, 1.0, problems);
        }
        check_range(
            "judge.errors.tolerated_increase",
            self.tolerated_increase,
            0.0,
            self.max_increase,
            problems,
        );
    }
}

impl MetricLimit {
    fn check(&self, path: &str, problems: &mut Vec<Problem>) {
        if self.name.trim().is_empty() {
            problems.push(Problem::new(
                format!("{path}.name"),
                "found nothing; expected a name",
            ));
        }
        check_range(
            &format!("{path}.seconds"),
            self.seconds,
            0,
            86_400,
            problems,
        );
        let limits = [
            self.fail_above,
            self.fail_below,
            self.warn_above,
            self.warn_below,
        ];
        if limits.iter().all(Option::is_none) {
            problems.push(Problem::new(
                path,
                "found no limit; expected `fail_above`, `fail_below`, `warn_above` or `warn_below`",
            ));
        }
        if limits.iter().flatten().any(|limit| !limit.is_finite()) {
            problems.push(Problem::new(path, "found a limit that is no number"));
        }
    }
}

fn check_share(path: &str, share: Option<f64>, problems: &mut Vec<Problem>) {
    if let Some(share) = share {
        check_range(path, share, 0.0, 1.0, problems);
    }
}
