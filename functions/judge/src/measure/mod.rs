//! What is measured of a step: which metrics, over which window, and how the
//! answers become signals.

mod before;
mod latency;
mod window;

use std::collections::BTreeMap;

use jiff::Timestamp;
use sluice_domain::journal::Entry;
use sluice_domain::judge::value::Limits;
use sluice_domain::judge::{
    AlarmSignal, AlarmState, Block, ERRORS, JudgePolicy, MetricQuery, Observed, Share, ShareRule,
    ShareSignal, Signal, ValueSignal,
};

pub use before::{Asked, Before};
use latency::Latency;
pub use sluice_platform::cloudwatch::Series;
pub use window::Window;

/// The answers, in the order of the queries. None: not answered in full.
type Answers<'a> = &'a [Option<Series>];

/// What is asked about a step, and what the answers stand for.
pub struct Measurement<'a> {
    policy: &'a JudgePolicy,
    queries: Vec<MetricQuery>,
    functions: BTreeMap<String, Wanted>,
    /// Where the environment's own metrics begin.
    environment: usize,
    alone: bool,
}

/// Where the answers about one function are.
struct Wanted {
    canary: Calls,
    baseline: Option<Calls>,
    /// The errors before the rollout, where nothing serves beside it. None: they were
    /// not asked for, or not answered in full.
    before: Option<Share>,
    throttles: usize,
    latency: Vec<Latency>,
}

/// Where the answers about the calls of one version are.
#[derive(Clone, Copy)]
struct Calls {
    invocations: usize,
    errors: usize,
}

impl<'a> Measurement<'a> {
    /// What is asked about a group, `alone` when nothing serves beside it.
    ///
    /// Below 100 % both versions answer side by side, told apart by
    /// `ExecutedVersion`; a function that is deployed for the first time has no
    /// alias yet and is left out. At 100 % the alias has one version, nothing
    /// serves beside it, and `ExecutedVersion` is not certain to be there.
    #[must_use]
    pub fn of(
        policy: &'a JudgePolicy,
        functions: &BTreeMap<String, Entry>,
        alone: bool,
        before: &Before,
    ) -> Self {
        let mut measurement = Self {
            policy,
            queries: Vec::new(),
            functions: BTreeMap::new(),
            environment: 0,
            alone,
        };
        for (name, entry) in functions {
            let sides = match (&entry.stable, measurement.alone) {
                (_, true) => (None, None),
                (Some(stable), false) => (Some(entry.canary.as_str()), Some(stable.as_str())),
                (None, false) => continue,
            };
            let wanted = measurement.ask_about(name, entry, sides, before);
            measurement.functions.insert(name.clone(), wanted);
        }
        measurement.environment = measurement.queries.len();
        if !measurement.functions.is_empty() {
            let metrics = policy.metrics.iter().map(|limit| limit.query.clone());
            measurement.queries.extend(metrics);
        }
        measurement
    }

    fn ask_about(
        &mut self,
        name: &str,
        entry: &Entry,
        (canary, stable): (Option<&str>, Option<&str>),
        before: &Before,
    ) -> Wanted {
        let mut calls = |version| Calls {
            invocations: self.ask(entry, version, "Invocations", "Sum"),
            errors: self.ask(entry, version, "Errors", "Sum"),
        };
        let canary_calls = calls(canary);
        let baseline = stable.map(|stable| calls(Some(stable)));
        let throttles = self.ask(entry, None, "Throttles", "Sum");
        let (policy, alone) = (self.policy, self.alone);
        let latency = policy
            .latency
            .iter()
            .filter(|limit| limit.holds(alone))
            .map(|limit| {
                let bound = before.bound(limit, name);
                Latency::ask(limit, bound, (canary, stable), |version, statistic| {
                    self.ask(entry, version, "Duration", statistic)
                })
            })
            .collect();
        Wanted {
            canary: canary_calls,
            before: before.errors(name).filter(|_| baseline.is_none()),
            baseline,
            throttles,
            latency,
        }
    }

    /// Adds a query about an alias, or about one version behind it.
    fn ask(
        &mut self,
        entry: &Entry,
        version: Option<&str>,
        metric: &str,
        statistic: &str,
    ) -> usize {
        self.queries
            .push(lambda_metric(entry, version, metric, statistic));
        self.queries.len() - 1
    }

    /// All queries, in order.
    #[must_use]
    pub fn queries(&self) -> &[MetricQuery] {
        &self.queries
    }

    /// Whether any function is measured.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.functions.is_empty()
    }

    /// The periods of this step that can be known.
    #[must_use]
    pub fn window(&self, shifted_at: Timestamp, now: Timestamp) -> Window {
        Window::of_step(self.policy, self.alone, shifted_at, now)
    }

    /// What the answers say. `alarms` are those that exist.
    #[must_use]
    pub fn observe(
        &self,
        answers: Answers<'_>,
        window: &Window,
        alarms: &BTreeMap<String, AlarmState>,
    ) -> Observed {
        let functions = self.functions.iter().map(|(name, wanted)| {
            let mut signals = vec![
                Signal::Share(self.errors(wanted, answers, window)),
                Signal::Share(self.throttles(wanted, answers, window)),
            ];
            let calls = Sides::of(wanted, answers);
            let latency = wanted.latency.iter();
            signals.extend(
                latency.map(|latency| latency.signal(self.policy, &calls, answers, window)),
            );
            (name.clone(), signals)
        });
        Observed {
            functions: functions.collect(),
            environment: self.environment(answers, window, alarms),
        }
    }

    fn errors(&self, wanted: &Wanted, answers: Answers<'_>, window: &Window) -> ShareSignal {
        let canary = wanted.canary.failed(answers);
        let baseline = wanted.baseline.map(|calls| calls.failed(answers));
        // Harm that the new version shows alone counts even if the answer about
        // the other one is not complete.
        // Alone it is held against what was normal before.
        let is_known = wanted.baseline.is_some() || wanted.before.is_some();
        let blocks = canary.filter(|_| is_known);
        let blocks = blocks.map(|canary| self::blocks(&canary, baseline.flatten().as_ref()));
        ShareSignal {
            name: ERRORS.to_owned(),
            bad: "failed".to_owned(),
            rule: ShareRule::of_errors(&self.policy.errors),
            blocks,
            is_beside: wanted.baseline.is_some(),
            before: wanted.before,
            took: None,
            until: window.end,
        }
    }

    fn throttles(&self, wanted: &Wanted, answers: Answers<'_>, window: &Window) -> ShareSignal {
        let all = || {
            let mut calls = answered(answers, wanted.canary.invocations)?.clone();
            if let Some(baseline) = wanted.baseline {
                for (period, count) in answered(answers, baseline.invocations)? {
                    *calls.entry(*period).or_default() += count;
                }
            }
            let throttles = answered(answers, wanted.throttles)?;
            let periods = calls.keys().chain(throttles.keys()).copied();
            let shares = periods.map(|period| {
                let bad = throttles.get(&period).copied().unwrap_or_default();
                let total = calls.get(&period).copied().unwrap_or_default() + bad;
                (period, Share { total, bad })
            });
            Some(blocks(&shares.collect(), None))
        };
        ShareSignal {
            name: "throttles".to_owned(),
            bad: "throttled".to_owned(),
            rule: ShareRule::of_throttles(&self.policy.throttles),
            blocks: all(),
            is_beside: false,
            before: None,
            took: None,
            until: window.end,
        }
    }

    fn environment(
        &self,
        answers: Answers<'_>,
        window: &Window,
        alarms: &BTreeMap<String, AlarmState>,
    ) -> Vec<Signal> {
        let metrics = self
            .policy
            .metrics
            .iter()
            .enumerate()
            .map(|(index, limit)| {
                Signal::Value(ValueSignal {
                    name: limit.name.clone(),
                    unit: String::new(),
                    values: answered(answers, self.environment + index).cloned(),
                    period_seconds: window.period_seconds,
                    since: window.start,
                    until: window.end,
                    fail: Limits {
                        above: limit.fail_above,
                        below: limit.fail_below,
                    },
                    warn: Limits {
                        above: limit.warn_above,
                        below: limit.warn_below,
                    },
                    seconds: limit.seconds,
                    no_data: limit.no_data,
                    dry_run: limit.dry_run,
                })
            });
        let alarms = self.policy.alarms.iter().map(|veto| {
            Signal::Alarm(AlarmSignal {
                name: veto.name.clone(),
                state: alarms.get(&veto.name).copied(),
                dry_run: veto.dry_run,
            })
        });
        metrics.chain(alarms).collect()
    }
}

impl Calls {
    /// Invocations and errors over the periods that both series know: Lambda
    /// puts an `Errors` sample, 0 or 1, for each invocation, so a period with
    /// only one of them is still arriving. None: an answer was not complete.
    fn failed(self, answers: Answers<'_>) -> Option<BTreeMap<Timestamp, Share>> {
        let (invocations, errors) = (
            answered(answers, self.invocations)?,
            answered(answers, self.errors)?,
        );
        let known = invocations.iter().filter_map(|(period, total)| {
            let bad = errors.get(period)?.clamp(0.0, *total);
            Some((*period, Share { total: *total, bad }))
        });
        Some(known.collect())
    }
}

/// How often each side was called, by period.
struct Sides<'a> {
    canary: Option<&'a Series>,
    baseline: Option<Option<&'a Series>>,
}

impl<'a> Sides<'a> {
    fn of(wanted: &Wanted, answers: Answers<'a>) -> Self {
        Self {
            canary: answered(answers, wanted.canary.invocations),
            baseline: wanted
                .baseline
                .map(|calls| answered(answers, calls.invocations)),
        }
    }
}

/// Side by side, by period. A version without calls in a period has none there.
fn blocks(
    canary: &BTreeMap<Timestamp, Share>,
    baseline: Option<&BTreeMap<Timestamp, Share>>,
) -> Vec<Block> {
    let mut starts: Vec<Timestamp> = canary.keys().copied().collect();
    starts.extend(baseline.into_iter().flat_map(BTreeMap::keys));
    starts.sort_unstable();
    starts.dedup();
    let share = |side: &BTreeMap<Timestamp, Share>, start: &Timestamp| {
        side.get(start).copied().unwrap_or_default()
    };
    starts
        .into_iter()
        .map(|start| Block {
            start,
            canary: share(canary, &start),
            baseline: baseline.map(|baseline| share(baseline, &start)),
        })
        .collect()
}

fn answered<'a>(answers: Answers<'a>, index: usize) -> Option<&'a Series> {
    answers.get(index).and_then(Option::as_ref)
}

/// A metric of Lambda's about an alias, or about one version behind it.
fn lambda_metric(
    entry: &Entry,
    version: Option<&str>,
    metric: &str,
    statistic: &str,
) -> MetricQuery {
    let function = entry.function_name();
    let mut dimensions = BTreeMap::from([
        ("FunctionName".to_owned(), function.to_owned()),
        ("Resource".to_owned(), format!("{function}:{}", entry.alias)),
    ]);
    if let Some(version) = version {
        dimensions.insert("ExecutedVersion".to_owned(), version.to_owned());
    }
    MetricQuery::Metric {
        namespace: "AWS/Lambda".to_owned(),
        metric: metric.to_owned(),
        dimensions,
        statistic: statistic.to_owned(),
    }
}
