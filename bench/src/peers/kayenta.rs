//! Spinnaker's Kayenta with its NetflixACAJudge.
//!
//! - The judge: "How canary judgment works", Spinnaker documentation, and
//!   `NetflixACAJudge` of Kayenta: per metric a Mann-Whitney test of the values by
//!   minute at confidence 0.98; High if the lower limit of the shift is above a
//!   quarter of its Hodges–Lehmann estimate and the means' ratio is at least 1. Minutes
//!   without data are removed.
//! - The stage: "Best practices for configuring canary": a lifetime of three hours,
//!   a run each hour over all data since the start, thresholds 75 (marginal, each run) and
//!   95 (pass, the last run), latency and errors, each metric in a group of its
//!   own.
//!
//! Chosen here: 10 % of the traffic, both metrics fail only upwards, groups of
//! equal weight. An alias serves two versions, so the baseline is the old version
//! with the rest of the traffic; both metrics are shares or means, which makes the
//! sizes comparable.

use sluice_domain::stats::normal_quantile;

use crate::peers::mann_whitney::Samples;
use crate::seen::{Cause, Decision, Judge, LAG, Minute, Seen, Side};

const WEIGHT: f64 = 10.0;
const INTERVAL: u64 = 60 * 60;
const RUNS: u64 = 3;
const CONFIDENCE: f64 = 0.98;
const TOLERANCE: f64 = 0.25;
const ALLOWED_INCREASE: f64 = 1.0;
const MARGINAL: f64 = 75.0;
const PASS: f64 = 95.0;

/// What a metric says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Label {
    Pass,
    High,
    NoData,
}

/// A canary stage.
#[derive(Debug, Default)]
pub struct Kayenta {
    shifted: bool,
    runs: u64,
}

impl Judge for Kayenta {
    fn look(&mut self, seen: &Seen<'_>) -> Decision {
        if !self.shifted {
            self.shifted = true;
            return Decision::Shift(WEIGHT);
        }
        if seen.elapsed() < (self.runs + 1) * INTERVAL + LAG {
            return Decision::Stay;
        }
        self.runs += 1;
        let labels = labels(seen.of_rollout());
        let score = score(&labels);
        if score < MARGINAL || self.runs == RUNS && score < PASS {
            let cause = if labels.contains(&Label::High) {
                Cause::Harm
            } else {
                Cause::Undecided
            };
            return Decision::RollBack(cause);
        }
        if self.runs == RUNS {
            Decision::Finish
        } else {
            Decision::Stay
        }
    }
}

/// The share of groups that pass, in percent. If half of the metrics have no
/// data, there is no score.
fn score(labels: &[Label]) -> f64 {
    let count = |wanted| labels.iter().filter(|label| **label == wanted).count();
    let without = count(Label::NoData);
    if 2 * without >= labels.len() {
        return 0.0;
    }
    100.0 * count(Label::Pass) as f64 / (labels.len() - without) as f64
}

fn labels(minutes: &[Minute]) -> [Label; 2] {
    let metrics: [fn(&Side) -> Option<f64>; 2] = [Side::error_share, |side| side.latency.mean_ms()];
    metrics.map(|metric| {
        let canary = minutes.iter().filter_map(|minute| metric(&minute.canary));
        let baseline = minutes.iter().filter_map(|minute| metric(&minute.baseline));
        classify(canary.collect(), baseline.collect())
    })
}

fn classify(canary: Vec<f64>, baseline: Vec<f64>) -> Label {
    let Some(samples) = Samples::new(canary, baseline) else {
        return Label::NoData;
    };
    if samples.are_identical() {
        return Label::Pass;
    }
    // Kayenta adds a little noise to constants; what it then finds is which one
    // is higher.
    if let Some((canary, baseline)) = samples.constants() {
        return if canary > baseline {
            Label::High
        } else {
            Label::Pass
        };
    }
    let quantile = normal_quantile(f64::midpoint(1.0, CONFIDENCE));
    let is_high = samples.is_above(0.0, quantile)
        && samples.is_above(TOLERANCE * samples.estimate().abs(), quantile)
        && effect_is_large_enough(samples.means());
    if is_high { Label::High } else { Label::Pass }
}

/// A ratio that can't be computed is not looked at.
fn effect_is_large_enough((canary, baseline): (f64, f64)) -> bool {
    canary == 0.0 || baseline == 0.0 || canary / baseline >= ALLOWED_INCREASE
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latency::{Histogram, Shares};
    use crate::seen::fixtures::minutes;
    use sluice_domain::generator::Generator;

    /// Three hours and five minutes with this many failed calls a minute.
    fn hours(canary: impl Fn(u64) -> u64, latency: f64) -> Vec<Minute> {
        let counts: Vec<_> = (0..185)
            .map(|minute| (600, canary(minute), 5400, 25 + minute % 5))
            .collect();
        let mut minutes = minutes(&counts);
        let mut generator = Generator::new(&[9]);
        for minute in &mut minutes {
            let mut draw =
                |calls, factor| Histogram::draw(calls, &Shares::of(factor), &mut generator);
            minute.canary.latency = draw(600, latency);
            minute.baseline.latency = draw(5400, 1.0);
        }
        minutes
    }

    fn end_of(minutes: &[Minute]) -> Option<(Decision, u64)> {
        crate::seen::fixtures::end_of(&mut Kayenta::default(), minutes)
    }

    #[test]
    fn more_errors_are_high_after_the_first_hour() {
        let end = end_of(&hours(|minute| 10 + minute % 5, 1.0));
        assert_eq!(end, Some((Decision::RollBack(Cause::Harm), 3720)));
    }

    #[test]
    fn slower_calls_are_high_too() {
        let end = end_of(&hours(|minute| 2 + minute % 3, 1.5));
        assert_eq!(end, Some((Decision::RollBack(Cause::Harm), 3720)));
    }

    #[test]
    fn a_good_release_takes_three_hours() {
        let end = end_of(&hours(|minute| 2 + minute % 3, 1.0));
        assert_eq!(end, Some((Decision::Finish, 10_920)));
    }

    #[test]
    fn errors_in_few_minutes_pass() {
        // 3 % of the minutes fail every call: the median does not move.
        let end = end_of(&hours(
            |minute| {
                if minute % 33 == 0 {
                    600
                } else {
                    2 + minute % 3
                }
            },
            1.0,
        ));
        assert_eq!(end, Some((Decision::Finish, 10_920)));
    }

    /// How often errors of 5 % beside 0.1 % are found after this many minutes of
    /// 20 and 180 calls, of 1000 times.
    fn found_after(count: u64) -> usize {
        let mut generator = Generator::new(&[13]);
        let mut values = |calls, share| -> Vec<f64> {
            let mut minute = || generator.binomial(calls, share) as f64 / calls as f64;
            (0..count).map(|_| minute()).collect()
        };
        (0..1000)
            .filter(|_| classify(values(20, 0.05), values(180, 0.001)) == Label::High)
            .count()
    }

    #[test]
    fn of_sparse_errors_fifty_times_as_many_are_found_a_third_of_the_times_in_half_an_hour() {
        // Kayenta's own root finder gives 123, 163 and 385 (1500 draws).
        assert!((80..160).contains(&found_after(5)));
        assert!((140..220).contains(&found_after(10)));
        assert!((300..420).contains(&found_after(30)));
    }

    #[test]
    fn constants_differ_by_their_values() {
        assert_eq!(classify(vec![0.1; 60], vec![0.0; 60]), Label::High);
        assert_eq!(classify(vec![0.0; 60], vec![0.1; 60]), Label::Pass);
        assert_eq!(classify(vec![0.1; 60], vec![0.1; 60]), Label::Pass);
    }

    #[test]
    fn half_of_the_metrics_without_data_fail() {
        assert_eq!(score(&[Label::Pass, Label::NoData]), 0.0);
        assert_eq!(score(&[Label::Pass, Label::High]), 50.0);
        assert_eq!(score(&[Label::Pass, Label::Pass]), 100.0);
    }
}
