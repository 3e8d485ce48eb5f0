//! What was normal before the rollout.

use std::collections::BTreeMap;

use serde::Serialize;
use sluice_domain::journal::Entry;
use sluice_domain::judge::{JudgePolicy, LatencyLimit, MetricQuery, Share};

use super::latency::{Bounds, percentile};
use super::{Series, answered, lambda_metric};

/// Nobody waits for less, in ms: of calls that take one, twice as long is no harm.
const LEAST_MS: f64 = 10.0;

/// What was normal before the rollout, by function.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Before(BTreeMap<String, Normal>);

/// What was normal of one function. What was not answered in full is not here.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
struct Normal {
    /// Percentiles of how long calls took, in ms, by their names. None: there was no call.
    latency: BTreeMap<String, Option<f64>>,
    /// The calls, and those that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<Share>,
}

/// In how many ms a call is slow.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Bound {
    /// Above so many.
    Above(Bounds),
    /// Nothing was normal before: there is nothing to hold it against.
    Nothing,
    /// What was normal was not answered in full.
    Unanswered,
}

impl Bound {
    pub(super) fn above(self) -> Option<Bounds> {
        match self {
            Self::Above(bounds) => Some(bounds),
            Self::Nothing | Self::Unanswered => None,
        }
    }
}

/// What an answer is about, of one function's alias.
#[derive(Debug, Clone, PartialEq)]
pub enum Asked {
    /// A percentile of how long its calls took.
    Latency(String, String),
    /// Its calls.
    Invocations(String),
    /// Those that failed.
    Errors(String),
}

impl Before {
    /// What has to be asked to know it: for each latency limit that is a ratio,
    /// its percentile; and, where nothing serves beside the new version, errors.
    #[must_use]
    pub fn queries(
        policy: &JudgePolicy,
        functions: &BTreeMap<String, Entry>,
        alone: bool,
    ) -> Vec<(Asked, MetricQuery)> {
        let ratios = policy.latency.iter().filter(|limit| limit.holds(alone));
        let ratios = ratios.filter(|limit| limit.above_ratio.is_some());
        let percentiles: Vec<String> = ratios.map(percentile).collect();
        let mut queries = Vec::new();
        for (name, entry) in functions {
            let mut ask = |asked, metric, statistic: &str| {
                queries.push((asked, lambda_metric(entry, None, metric, statistic)));
            };
            for percentile in &percentiles {
                let asked = Asked::Latency(percentile.clone(), name.clone());
                ask(asked, "Duration", percentile);
            }
            if alone {
                ask(Asked::Invocations(name.clone()), "Invocations", "Sum");
                ask(Asked::Errors(name.clone()), "Errors", "Sum");
            }
        }
        queries
    }

    /// From the answers. Of percentiles the median of the periods, which a bad
    /// minute does not move.
    #[must_use]
    pub fn of(queries: &[(Asked, MetricQuery)], answers: &[Option<Series>]) -> Self {
        let mut before: BTreeMap<String, Normal> = BTreeMap::new();
        let mut sums = BTreeMap::new();
        for (index, (asked, _)) in queries.iter().enumerate() {
            let Some(series) = answered(answers, index) else {
                continue;
            };
            match asked {
                Asked::Latency(percentile, function) => {
                    let normal = before.entry(function.clone()).or_default();
                    let median = median(series.values());
                    normal.latency.insert(percentile.clone(), median);
                }
                Asked::Invocations(function) => {
                    sums.insert(function, series.values().sum::<f64>());
                }
                // Asked right after the invocations.
                Asked::Errors(function) => {
                    let bad = series.values().sum();
                    let share = sums.get(function).map(|total| Share { total: *total, bad });
                    before.entry(function.clone()).or_default().errors = share;
                }
            }
        }
        Self(before)
    }

    /// Above how many milliseconds calls are slow.
    pub(super) fn bound(&self, limit: &LatencyLimit, function: &str) -> Bound {
        let (None, Some(ratio)) = (limit.above_ms, limit.above_ratio) else {
            return limit.above_ms.map_or(Bound::Nothing, |limit| {
                Bound::Above(Bounds {
                    canary: limit,
                    baseline: limit,
                })
            });
        };
        let normal = self.0.get(function);
        match normal.and_then(|normal| normal.latency.get(&percentile(limit))) {
            Some(Some(before)) => Bound::Above(Bounds {
                canary: (before * ratio).max(before + LEAST_MS),
                baseline: *before,
            }),
            Some(None) => Bound::Nothing,
            None => Bound::Unanswered,
        }
    }

    /// The calls, and those that failed. None: not answered in full.
    pub(super) fn errors(&self, function: &str) -> Option<Share> {
        self.0.get(function)?.errors
    }
}

pub(super) fn median<'a>(values: impl Iterator<Item = &'a f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.copied().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}
