//! What was normal before the rollout.

use std::collections::BTreeMap;

use sluice_domain::journal::Entry;
use sluice_domain::judge::{JudgePolicy, LatencyLimit, MetricQuery, Share};

use super::latency::{Bounds, percentile};
use super::{Series, answered, lambda_metric};

/// Nobody waits for less, in ms: of calls that take one, twice as long is no harm.
const LEAST_MS: f64 = 10.0;

/// What was normal before the rollout, function by function.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Before {
    /// Percentiles of how long calls took, in ms, by percentile and function.
    latency: BTreeMap<(String, String), f64>,
    /// The calls that failed.
    errors: BTreeMap<String, Share>,
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
    /// minute does not move. None: they were not answered in full, so that what
    /// is missing can't be told from what never was.
    #[must_use]
    pub fn of(queries: &[(Asked, MetricQuery)], answers: &[Option<Series>]) -> Option<Self> {
        let mut before = Self::default();
        for (index, (asked, _)) in queries.iter().enumerate() {
            let series = answered(answers, index)?;
            let sum = || series.values().sum();
            match asked {
                Asked::Latency(percentile, function) => {
                    let key = (percentile.clone(), function.clone());
                    before
                        .latency
                        .extend(Some(key).zip(median(series.values())));
                }
                Asked::Invocations(function) => before.share(function).total = sum(),
                Asked::Errors(function) => before.share(function).bad = sum(),
            }
        }
        Some(before)
    }

    fn share(&mut self, function: &str) -> &mut Share {
        self.errors.entry(function.to_owned()).or_default()
    }

    /// Above how many milliseconds calls are slow. None: nothing is known of the
    /// time before.
    pub(super) fn bounds(&self, limit: &LatencyLimit, function: &str) -> Option<Bounds> {
        if let Some(limit) = limit.above_ms {
            return Some(Bounds {
                canary: limit,
                baseline: limit,
            });
        }
        let key = (percentile(limit), function.to_owned());
        let baseline = *self.latency.get(&key)?;
        let canary = baseline * limit.above_ratio?;
        Some(Bounds {
            canary: canary.max(baseline + LEAST_MS),
            baseline,
        })
    }

    /// The calls that failed. None: nothing is known of the time before.
    pub(super) fn errors(&self, function: &str) -> Option<Share> {
        let known = self.errors.get(function).copied();
        known.filter(|share| share.total > 0.0)
    }
}

pub(super) fn median<'a>(values: impl Iterator<Item = &'a f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.copied().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}
