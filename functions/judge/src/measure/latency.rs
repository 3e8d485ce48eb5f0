//! How long calls take: by counts where CloudWatch ranks them, by percentiles
//! where it doesn't.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sluice_domain::judge::value::Limits;
use sluice_domain::judge::{
    JudgePolicy, LatencyLimit, Needs, NoData, Share, ShareRule, ShareSignal, Signal, Took,
    ValueSignal,
};

use super::before::{Bound, median};
use super::{Answers, Series, Sides, Window, answered, blocks};

/// `p95`, `p99.9`.
pub(super) fn percentile(limit: &LatencyLimit) -> String {
    format!("p{}", limit.percentile)
}

/// Calls that a percentile needs in a period to be worth reading: at p95, one
/// in twenty is above it.
fn enough(limit: &LatencyLimit) -> f64 {
    100.0 / (100.0 - limit.percentile)
}

/// How many periods a percentile has to be above its limit, by default.
const PERIODS: u64 = 3;

/// How far apart, in percentage points, estimates of one rank may lie.
const RANKS_DIFFER: f64 = 2.0;
/// How far a percentile must lie from a bound, as a share of it, to tell on
/// which side it is.
const BOUNDS_DIFFER: f64 = 0.1;

/// Above how many milliseconds a call is slow.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bounds {
    /// A call of the new version.
    pub(super) canary: f64,
    /// A call of the version beside it. Where the limit is a ratio, the new version's
    /// is so many times as much: if its calls are no slower than that times the
    /// other's, no larger share of them is slow, whatever was normal before.
    pub(super) baseline: f64,
}

/// One limit on how long one function's calls take, and where the answers are.
pub(super) struct Latency {
    limit: LatencyLimit,
    bound: Bound,
    canary: Option<Side>,
    baseline: Option<Side>,
}

/// Where the answers about one version are.
#[derive(Clone, Copy)]
struct Side {
    /// Above how many milliseconds a call is slow.
    bound: f64,
    /// The percentage of calls that took no longer than the bound.
    rank: usize,
    /// The percentile.
    percentile: usize,
}

impl Latency {
    /// Asks for both, by version. Without bounds there is nothing to ask.
    pub(super) fn ask(
        limit: &LatencyLimit,
        bound: Bound,
        (canary, stable): (Option<&str>, Option<&str>),
        mut ask: impl FnMut(Option<&str>, &str) -> usize,
    ) -> Self {
        let bounds = bound.above();
        let mut side = |version, bound| Side {
            bound,
            rank: ask(version, &format!("PR(:{bound:.3})")),
            percentile: ask(version, &percentile(limit)),
        };
        Self {
            limit: limit.clone(),
            bound,
            canary: bounds.map(|bounds| side(canary, bounds.canary)),
            baseline: bounds
                .zip(stable)
                .map(|(bounds, stable)| side(Some(stable), bounds.baseline)),
        }
    }

    pub(super) fn signal(
        &self,
        policy: &JudgePolicy,
        calls: &Sides<'_>,
        answers: Answers<'_>,
        window: &Window,
    ) -> Signal {
        let of_canary = self.is_ranked(calls.canary, self.canary, answers);
        if of_canary && self.is_ranked(calls.baseline.flatten(), self.baseline, answers) {
            Signal::Share(self.by_counts(policy, calls, answers, window))
        } else {
            Signal::Value(self.by_percentiles(calls, answers, window))
        }
    }

    /// Whether calls of a version are ranked. Some endpoints know percentiles
    /// and no ranks: they answer nothing, or another statistic without a word.
    /// So both answers are held against each other: where p95 is below the
    /// bound, 95 % of the calls are too.
    fn is_ranked(&self, calls: Option<&Series>, side: Option<Side>, answers: Answers<'_>) -> bool {
        let Some(side) = side else {
            return true;
        };
        let series = |index| answered(answers, index);
        let (Some(percentiles), Some(ranks)) = (series(side.percentile), series(side.rank)) else {
            return true;
        };
        let contradicts = |(period, percentile): (&Timestamp, &f64)| {
            let total = calls.and_then(|calls| calls.get(period));
            let rank = ranks.get(period).zip(total);
            rank.is_none_or(|(rank, total)| {
                self.contradicts(side.bound, *percentile, *rank, *total)
            })
        };
        !percentiles.iter().any(contradicts)
    }

    /// Both are estimates: of few calls each is off by one, and a bound that
    /// lies close to the percentile tells nothing.
    fn contradicts(&self, bound: f64, percentile: f64, rank: f64, total: f64) -> bool {
        let off = RANKS_DIFFER + 200.0 / total.max(1.0);
        if percentile < bound * (1.0 - BOUNDS_DIFFER) {
            rank < self.limit.percentile - off
        } else if percentile > bound * (1.0 + BOUNDS_DIFFER) {
            rank > self.limit.percentile + off
        } else {
            false
        }
    }

    fn by_counts(
        &self,
        policy: &JudgePolicy,
        calls: &Sides<'_>,
        answers: Answers<'_>,
        window: &Window,
    ) -> ShareSignal {
        let warm = window.warm(calls.baseline.is_some());
        let slow = |calls: Option<&Series>, side: Option<Side>| {
            let ranks = answered(answers, side?.rank)?;
            let known = calls?.range(warm..).filter_map(|(period, total)| {
                let quick = ranks.get(period)?.clamp(0.0, 100.0) / 100.0;
                let bad = (total * (1.0 - quick)).round();
                Some((*period, Share { total: *total, bad }))
            });
            Some(known.collect::<BTreeMap<Timestamp, Share>>())
        };
        let blocks = match (self.bound, calls.baseline) {
            (Bound::Nothing, _) => Some(Vec::new()),
            (Bound::Unanswered, _) => None,
            (Bound::Above(_), None) => {
                slow(calls.canary, self.canary).map(|canary| blocks(&canary, None))
            }
            (Bound::Above(_), Some(baseline)) => slow(calls.canary, self.canary)
                .zip(slow(baseline, self.baseline))
                .map(|(canary, baseline)| blocks(&canary, Some(&baseline))),
        };
        let mut rule = ShareRule::of_latency(policy, &self.limit, calls.baseline.is_some());
        if self.bound == Bound::Nothing {
            rule.needs = Needs::Nothing;
        }
        ShareSignal {
            name: percentile(&self.limit),
            bad: self.slow(calls.baseline.is_some()),
            rule,
            blocks,
            is_beside: calls.baseline.is_some(),
            before: None,
            took: self.took(warm, answers),
            until: window.end,
        }
    }

    /// What a slow call did, for sentences.
    fn slow(&self, is_beside: bool) -> String {
        match self.bound {
            Bound::Nothing | Bound::Unanswered => "were slow".to_owned(),
            Bound::Above(Bounds { canary, baseline }) if is_beside && canary != baseline => {
                format!("took longer than {canary:.0} ms (the other's: {baseline:.0} ms)")
            }
            Bound::Above(Bounds { canary, .. }) => format!("took longer than {canary:.0} ms"),
        }
    }

    /// The percentile itself, of both versions.
    fn took(&self, warm: Timestamp, answers: Answers<'_>) -> Option<Took> {
        let of = |side: Option<Side>| {
            let periods = answered(answers, side?.percentile)?.range(warm..);
            median(periods.map(|(_, value)| value))
        };
        Some(Took {
            canary: of(self.canary)?,
            baseline: of(self.baseline),
        })
    }

    fn by_percentiles(
        &self,
        calls: &Sides<'_>,
        answers: Answers<'_>,
        window: &Window,
    ) -> ValueSignal {
        let enough = enough(&self.limit);
        let warm = window.warm(calls.baseline.is_some());
        let of = |calls: Option<&Series>, side: Option<Side>| -> Option<Series> {
            let percentiles = answered(answers, side?.percentile)?;
            let calls = calls?;
            let known = percentiles
                .range(warm..)
                .filter(|(period, _)| calls.get(period).is_some_and(|total| *total >= enough));
            Some(known.map(|(period, value)| (*period, *value)).collect())
        };
        let canary = of(calls.canary, self.canary);
        let beside = calls.baseline.map(|calls| of(calls, self.baseline));
        let (values, limit, unit) = match (self.limit.above_ratio, beside) {
            (Some(ratio), Some(beside)) => {
                let ratios = canary.zip(beside).map(|(canary, beside)| {
                    let both = canary.iter().filter_map(|(period, value)| {
                        Some((*period, value / beside.get(period)?.max(f64::MIN_POSITIVE)))
                    });
                    both.collect()
                });
                (ratios, Some(ratio), "times the other version's")
            }
            _ => (canary, self.bound.above().map(|bounds| bounds.canary), "ms"),
        };
        ValueSignal {
            name: percentile(&self.limit),
            unit: format!("{unit} (by percentiles: calls were not ranked)"),
            values,
            period_seconds: window.period_seconds,
            since: warm,
            until: window.end,
            fail: Limits {
                above: limit,
                below: None,
            },
            warn: Limits::default(),
            seconds: self.limit.seconds.max(PERIODS * window.period_seconds),
            no_data: NoData::Fine,
            dry_run: self.limit.dry_run,
        }
    }
}
