//! What is measured of a step: which metrics, over which window, and how the
//! answers become counts.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use sluice_domain::journal::Entry;
use sluice_domain::judge::{Counts, Measured};
use sluice_domain::settings::JudgePolicy;

/// Sums by the start of their period.
pub type Series = BTreeMap<Timestamp, f64>;

/// One metric of Lambda's, in CloudWatch's namespace `AWS/Lambda`, summed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Query {
    /// `Invocations` or `Errors`.
    pub metric: &'static str,
    /// The function's bare name.
    pub function_name: String,
    /// `<function>:<alias>`.
    pub resource: String,
    /// The version that answered. None: all that the alias sent there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub executed_version: Option<String>,
}

/// From when to when, in whole periods.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Window {
    /// The start of the first period.
    pub start: Timestamp,
    /// The end of the last one. Not after the start: nothing can be known yet.
    pub end: Timestamp,
    /// The period's length.
    pub period_seconds: u64,
}

impl Window {
    /// Whether it holds no period.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.end <= self.start
    }
}

/// The queries of a group, and whose they are.
pub struct Queries {
    list: Vec<Query>,
    /// Per function, where its queries begin in the list.
    functions: Vec<(String, Sides)>,
    alone: bool,
}

/// Where a function's queries begin: invocations first, then errors.
struct Sides {
    canary: usize,
    baseline: Option<usize>,
}

/// What was counted.
#[derive(Debug, Clone, PartialEq)]
pub struct Counted {
    /// Per function. A side with a gap in its data counts as not measured.
    pub measured: BTreeMap<String, Measured>,
    /// Per function, what was not answered in full.
    pub missing: BTreeMap<String, String>,
}

impl Queries {
    /// The queries for a group at this weight.
    ///
    /// Below 100 % both versions answer side by side, told apart by
    /// `ExecutedVersion`; a function that is deployed for the first time has no
    /// alias yet and is left out. At 100 % the alias has one version, nothing
    /// serves beside it, and `ExecutedVersion` is not certain to be there.
    #[must_use]
    pub fn of(functions: &BTreeMap<String, Entry>, weight: f64) -> Self {
        let alone = weight >= 100.0;
        let mut queries = Self {
            list: Vec::new(),
            functions: Vec::new(),
            alone,
        };
        for (name, entry) in functions {
            let sides = match (&entry.stable, alone) {
                (_, true) => Sides {
                    canary: queries.ask(entry, None),
                    baseline: None,
                },
                (Some(stable), false) => Sides {
                    canary: queries.ask(entry, Some(&entry.canary)),
                    baseline: Some(queries.ask(entry, Some(stable))),
                },
                (None, false) => continue,
            };
            queries.functions.push((name.clone(), sides));
        }
        queries
    }

    fn ask(&mut self, entry: &Entry, version: Option<&String>) -> usize {
        let first = self.list.len();
        // Settings may name a function by its ARN; metrics know its bare name.
        let function = entry.name.rsplit(':').next().unwrap_or_default();
        for metric in ["Invocations", "Errors"] {
            self.list.push(Query {
                metric,
                function_name: function.to_owned(),
                resource: format!("{function}:{}", entry.alias),
                executed_version: version.cloned(),
            });
        }
        first
    }

    /// All of them, in order.
    #[must_use]
    pub fn list(&self) -> &[Query] {
        &self.list
    }

    /// The whole periods from the shift to the youngest data that can be
    /// trusted to have arrived. The period in which the shift fell counts while
    /// versions are told apart; at 100 % it doesn't, since the calls of the
    /// version before are in it.
    #[must_use]
    pub fn window(&self, policy: &JudgePolicy, shifted_at: Timestamp, now: Timestamp) -> Window {
        let period = i64::try_from(policy.period_seconds.max(1)).unwrap_or(i64::MAX);
        let lag = SignedDuration::from_secs(i64::try_from(policy.lag_seconds).unwrap_or(i64::MAX));
        let floor = |time: Timestamp| time.as_second().div_euclid(period) * period;
        let mut start = floor(shifted_at);
        if self.alone && at_second(start) < shifted_at {
            start = start.saturating_add(period);
        }
        let end = floor(now.checked_sub(lag).unwrap_or(now));
        Window {
            start: at_second(start),
            end: at_second(end),
            period_seconds: policy.period_seconds,
        }
    }

    /// Counts from the answers, in the order of the queries.
    #[must_use]
    pub fn count(&self, series: &[Option<Series>]) -> Counted {
        let mut counted = Counted {
            measured: BTreeMap::new(),
            missing: BTreeMap::new(),
        };
        for (name, sides) in &self.functions {
            let canary = counts(series, sides.canary);
            let baseline = sides.baseline.map(|first| counts(series, first));
            let gap = match (canary, baseline) {
                (None, _) => Some("the new version's metrics"),
                (_, Some(None)) => Some("the metrics of the version beside it"),
                _ => None,
            };
            if let Some(gap) = gap {
                counted
                    .missing
                    .insert(name.clone(), format!("{gap} were not answered in full"));
            }
            let measured = Measured {
                canary: canary.unwrap_or_default(),
                baseline: baseline.map(Option::unwrap_or_default),
            };
            counted.measured.insert(name.clone(), measured);
        }
        counted
    }
}

/// Invocations and errors over the periods that both series know: Lambda puts
/// an `Errors` sample, 0 or 1, for each invocation, so a period with only one
/// of them is still arriving. None: an answer was not complete.
fn counts(series: &[Option<Series>], first: usize) -> Option<Counts> {
    let of = |index: usize| series.get(index).and_then(Option::as_ref);
    let (invocations, errors) = (of(first)?, of(first + 1)?);
    let mut counts = Counts::default();
    for (period, all) in invocations {
        if let Some(failed) = errors.get(period) {
            counts.invocations += all;
            counts.errors += failed.clamp(0.0, *all);
        }
    }
    Some(counts)
}

fn at_second(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap_or(Timestamp::MAX)
}
