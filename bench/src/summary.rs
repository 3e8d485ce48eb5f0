//! One judge in one cell, in numbers.

use serde::Serialize;

use crate::cells::Cell;
use crate::rollout::{End, Outcome};
use crate::seen::Cause;

/// Whether harm was found in this run where there was none, or not yet.
#[must_use]
pub fn is_false_rollback(cell: &Cell, outcome: &Outcome) -> bool {
    let found = outcome.end == End::RolledBack(Cause::Harm);
    found && (!cell.harm.is_harmful() || outcome.seconds < cell.harm.onset)
}

/// Whether this run was rolled back because nothing could be known. That is no
/// alarm, and no detection either.
#[must_use]
pub fn is_undecided(_: &Cell, outcome: &Outcome) -> bool {
    outcome.end == End::RolledBack(Cause::Undecided)
}

/// Whether there was harm and traffic stayed on it.
#[must_use]
pub fn is_missed(cell: &Cell, outcome: &Outcome) -> bool {
    cell.harm.is_harmful() && !matches!(outcome.end, End::RolledBack(_))
}

/// How long harm was there before it was found. None: it never was, or before it
/// began.
#[must_use]
pub fn detected_after(cell: &Cell, outcome: &Outcome) -> Option<f64> {
    let caught = cell.harm.is_harmful()
        && outcome.end == End::RolledBack(Cause::Harm)
        && !is_false_rollback(cell, outcome);
    caught.then(|| (outcome.seconds - cell.harm.onset) as f64)
}

/// The middle and the far end of a list.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// The median.
    pub p50: f64,
    /// The 95th percentile.
    pub p95: f64,
}

/// The middle of a list.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Middle {
    /// The median.
    pub p50: f64,
}

/// Spoiled calls.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Failed {
    /// The median.
    pub p50: f64,
    /// The 95th percentile.
    pub p95: f64,
    /// The mean.
    pub mean: f64,
}

/// One judge in one cell.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Its name.
    pub judge: &'static str,
    /// How calls arrive.
    pub traffic: &'static str,
    /// How many a second.
    pub rate_per_second: f64,
    /// The share of the old version's calls that fail.
    pub baseline_error: f64,
    /// What the new version does worse.
    pub harm: &'static str,
    /// Rollouts.
    pub runs: usize,
    /// Rollbacks for harm where there was none, or not yet.
    pub false_rollbacks: usize,
    /// Rollbacks because the data did not suffice. Counted apart, with harm and
    /// without.
    pub undecided: usize,
    /// Harm that stayed: traffic never went back.
    pub missed: usize,
    /// From the harm's onset to the rollback for it, where there was one.
    pub detect_seconds: Option<Spread>,
    /// From when the first full minute of harm could be read to the rollback.
    pub after_data_seconds: Option<Spread>,
    /// Calls that the new version spoiled until traffic was back, or in two hours
    /// of all traffic. None where there is no harm.
    pub failed_requests: Option<Failed>,
    /// How long a release took that went through, where there was no harm.
    pub good_release_seconds: Option<Middle>,
}

impl Summary {
    /// Of all runs of a cell.
    #[must_use]
    pub fn of(judge: &'static str, cell: &Cell, outcomes: &[Outcome]) -> Self {
        let count = |is: &dyn Fn(&Outcome) -> bool| outcomes.iter().filter(|one| is(one)).count();
        let harmful = cell.harm.is_harmful();
        let caught = |from: fn(&Cell, &Outcome) -> f64| {
            let caught = |one: &&Outcome| detected_after(cell, one).is_some();
            spread(
                outcomes
                    .iter()
                    .filter(caught)
                    .map(|one| from(cell, one))
                    .collect(),
            )
        };
        let finished = outcomes.iter().filter(|one| one.end == End::Finished);
        let finished = finished.map(|one| one.seconds as f64).collect();
        Self {
            judge,
            traffic: cell.traffic.name(),
            rate_per_second: cell.rate,
            baseline_error: cell.baseline_error,
            harm: cell.harm.name,
            runs: outcomes.len(),
            false_rollbacks: count(&|one| is_false_rollback(cell, one)),
            undecided: count(&|one| is_undecided(cell, one)),
            missed: count(&|one| is_missed(cell, one)),
            detect_seconds: caught(|cell, one| (one.seconds - cell.harm.onset) as f64),
            after_data_seconds: caught(|_, one| one.seconds as f64 - one.readable as f64),
            failed_requests: failed(outcomes).filter(|_| harmful),
            good_release_seconds: spread(finished)
                .filter(|_| !harmful)
                .map(|spread| Middle { p50: spread.p50 }),
        }
    }

    /// Rollbacks for want of data, by runs.
    #[must_use]
    pub fn undecided_share(&self) -> f64 {
        self.undecided as f64 / self.runs.max(1) as f64
    }

    /// False rollbacks by runs.
    #[must_use]
    pub fn false_share(&self) -> f64 {
        self.false_rollbacks as f64 / self.runs.max(1) as f64
    }
}

fn failed(outcomes: &[Outcome]) -> Option<Failed> {
    let spoiled: Vec<f64> = outcomes.iter().map(|one| one.spoiled).collect();
    let mean = spoiled.iter().sum::<f64>() / spoiled.len().max(1) as f64;
    spread(spoiled).map(|Spread { p50, p95 }| Failed { p50, p95, mean })
}

/// Median and 95th percentile, each a value of the list. None of nothing.
fn spread(mut values: Vec<f64>) -> Option<Spread> {
    values.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let place = (share * values.len() as f64).ceil() as usize;
        values.get(place.saturating_sub(1)).copied()
    };
    Some(Spread {
        p50: at(0.5)?,
        p95: at(0.95)?,
    })
}

#[cfg(test)]
pub(crate) mod fixtures {
    //! Outcomes by hand.

    use super::*;
    use crate::cells::{HARMS, Traffic};

    pub(crate) fn cell(harm: usize) -> Cell {
        Cell {
            traffic: Traffic::Steady,
            rate: 100.0,
            baseline_error: 0.005,
            harm: HARMS[harm],
        }
    }

    pub(crate) fn outcome(end: End, seconds: u64, spoiled: f64) -> Outcome {
        Outcome {
            end,
            seconds,
            spoiled,
            readable: 180,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::fixtures::{cell, outcome};
    use super::*;

    const BACK: End = End::RolledBack(Cause::Harm);

    #[test]
    fn percentiles_are_values_of_the_list() {
        let spread = spread((1..=20).map(f64::from).collect());
        assert_eq!(
            spread,
            Some(Spread {
                p50: 10.0,
                p95: 19.0
            })
        );
    }

    #[test]
    fn a_rollback_without_harm_is_false_and_no_detection() {
        let outcomes = [outcome(BACK, 240, 0.0), outcome(End::Finished, 600, 0.0)];
        let summary = Summary::of("one", &cell(0), &outcomes);
        assert_eq!((summary.false_rollbacks, summary.missed), (1, 0));
        assert_eq!(summary.detect_seconds, None);
        assert_eq!(summary.failed_requests, None);
        assert_eq!(summary.good_release_seconds, Some(Middle { p50: 600.0 }));
    }

    #[test]
    fn a_rollback_before_late_harm_is_false_and_one_after_it_counts_from_the_onset() {
        let outcomes = [outcome(BACK, 600, 0.0), outcome(BACK, 1140, 50.0)];
        let summary = Summary::of("one", &cell(5), &outcomes);
        assert_eq!((summary.false_rollbacks, summary.missed), (1, 0));
        assert_eq!(summary.detect_seconds.map(|spread| spread.p50), Some(240.0));
    }

    #[test]
    fn harm_that_stays_is_missed() {
        let outcomes = [
            outcome(End::Finished, 600, 9000.0),
            outcome(BACK, 240, 100.0),
        ];
        let summary = Summary::of("one", &cell(3), &outcomes);
        assert_eq!((summary.missed, summary.undecided), (1, 0));
        assert_eq!(
            summary.after_data_seconds.map(|spread| spread.p50),
            Some(60.0)
        );
        assert_eq!(
            summary.failed_requests.map(|failed| failed.mean),
            Some(4550.0)
        );
        assert_eq!(summary.good_release_seconds, None);
    }

    #[test]
    fn who_goes_back_for_want_of_data_raised_no_alarm_and_found_nothing() {
        let outcomes = [outcome(End::RolledBack(Cause::Undecided), 4320, 100.0)];
        let calm = Summary::of("one", &cell(0), &outcomes);
        assert_eq!((calm.false_rollbacks, calm.undecided), (0, 1));
        assert_eq!(calm.good_release_seconds, None);
        let harmed = Summary::of("one", &cell(3), &outcomes);
        assert_eq!((harmed.missed, harmed.undecided), (0, 1));
        assert_eq!(harmed.detect_seconds, None);
    }
}
