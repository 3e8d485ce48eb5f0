//! Peers beside Sluice, cell by cell, with the noise taken out.
//!
//! Runs with the same number had the same calls, so they are compared in pairs.
//! "Better by more than noise" means: equally good judges would show such a
//! difference in this cell with a probability of at most [`NOISE`]. Counts of runs
//! are compared by the exact sign test, amounts by their mean difference in standard
//! errors.

use serde::Serialize;
use sluice_domain::stats::{binomial_greater, normal_quantile};

use crate::cells::Cell;
use crate::rollout::Outcome;
use crate::summary::{detected_after, is_false_rollback, is_missed, is_undecided};

/// What chance may do, on one side.
pub const NOISE: f64 = 0.001;

/// Fewer runs in which both found the harm say nothing about who was quicker.
const LEAST_PAIRS: usize = 10;

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// The share of rollouts that were rolled back for harm that was not there.
    FalseRollbacks,
    /// The share of good releases that were rolled back for want of data.
    Undecided,
    /// The share of rollouts whose harm stayed.
    Missed,
    /// The mean of the calls that the new version spoiled.
    FailedRequests,
    /// The mean time to find harm, where both found it.
    DetectSeconds,
}

impl Measure {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::FalseRollbacks,
        Self::Undecided,
        Self::Missed,
        Self::FailedRequests,
        Self::DetectSeconds,
    ];

    /// In words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::FalseRollbacks => "false rollbacks",
            Self::Undecided => "undecided",
            Self::Missed => "missed",
            Self::FailedRequests => "failed requests",
            Self::DetectSeconds => "seconds to detect",
        }
    }
}

/// Who is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    /// Sluice, by more than noise.
    Sluice,
    /// The peer, by more than noise.
    Peer,
    /// Nobody can tell.
    Neither,
}

/// One measure of one peer in one cell.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Difference {
    /// What is compared.
    pub measure: Measure,
    /// Sluice's value.
    pub sluice_value: f64,
    /// The peer's value.
    pub peer_value: f64,
    /// Who is better.
    pub better: Better,
}

/// Compares all measures that mean something in this cell.
#[must_use]
pub fn compare(cell: &Cell, sluice: &[Outcome], peer: &[Outcome]) -> Vec<Difference> {
    let pairs = || sluice.iter().zip(peer);
    let share_of = |measure, is: fn(&Cell, &Outcome) -> bool| {
        let pairs = pairs().map(|(ours, theirs)| (is(cell, ours), is(cell, theirs)));
        shares(measure, pairs.collect())
    };
    let false_rollbacks = share_of(Measure::FalseRollbacks, is_false_rollback);
    if !cell.harm.is_harmful() {
        return vec![false_rollbacks, share_of(Measure::Undecided, is_undecided)];
    }
    let missed = share_of(Measure::Missed, is_missed);
    let spoiled = pairs()
        .map(|(ours, theirs)| (ours.spoiled, theirs.spoiled))
        .collect();
    let mut differences = vec![missed, amounts(Measure::FailedRequests, spoiled)];
    // Before late harm a rollback is as wrong as without any.
    if cell.harm.onset > 0 {
        differences.insert(0, false_rollbacks);
    }
    let found: Vec<(f64, f64)> = pairs()
        .filter_map(|(ours, theirs)| {
            Some((detected_after(cell, ours)?, detected_after(cell, theirs)?))
        })
        .collect();
    if found.len() >= LEAST_PAIRS {
        let detect = amounts(Measure::DetectSeconds, found);
        differences.push(quick_and_sure(detect, missed.better));
    }
    differences
}

/// Who misses more is not better for being quick with the rest.
fn quick_and_sure(detect: Difference, misses_less: Better) -> Difference {
    let is_better = misses_less == Better::Neither || misses_less == detect.better;
    Difference {
        better: if is_better {
            detect.better
        } else {
            Better::Neither
        },
        ..detect
    }
}

/// Compares how often something bad happened.
fn shares(measure: Measure, pairs: Vec<(bool, bool)>) -> Difference {
    let count = |is: fn(&(bool, bool)) -> bool| pairs.iter().filter(|pair| is(pair)).count() as f64;
    let (only_sluice, only_peer) = (count(|p| p.0 && !p.1), count(|p| p.1 && !p.0));
    let differ = only_sluice + only_peer;
    let is_chance = |more: f64| differ == 0.0 || binomial_greater(more, differ, 0.5) > NOISE;
    let runs = pairs.len().max(1) as f64;
    Difference {
        measure,
        sluice_value: count(|p| p.0) / runs,
        peer_value: count(|p| p.1) / runs,
        better: if only_sluice > only_peer && !is_chance(only_sluice) {
            Better::Peer
        } else if only_peer > only_sluice && !is_chance(only_peer) {
            Better::Sluice
        } else {
            Better::Neither
        },
    }
}

/// Compares the means of something bad.
fn amounts(measure: Measure, pairs: Vec<(f64, f64)>) -> Difference {
    let runs = pairs.len().max(1) as f64;
    let mean = |of: &dyn Fn(&(f64, f64)) -> f64| pairs.iter().map(of).sum::<f64>() / runs;
    let difference = mean(&|pair| pair.0 - pair.1);
    let variance = mean(&|pair| (pair.0 - pair.1 - difference).powi(2));
    let margin = normal_quantile(1.0 - NOISE) * (variance / (runs - 1.0).max(1.0)).sqrt();
    Difference {
        measure,
        sluice_value: mean(&|pair| pair.0),
        peer_value: mean(&|pair| pair.1),
        better: if difference > margin {
            Better::Peer
        } else if -difference > margin {
            Better::Sluice
        } else {
            Better::Neither
        },
    }
}

/// Whether this many of these runs are above a limit by more than noise.
#[must_use]
pub fn exceeds(count: usize, runs: usize, limit: f64) -> bool {
    binomial_greater(count as f64, runs as f64, limit) <= NOISE
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::End;
    use crate::seen::Cause;
    use crate::summary::fixtures::{cell, outcome};

    const BACK: End = End::RolledBack(Cause::Harm);

    fn better(differences: &[Difference], measure: Measure) -> Option<Better> {
        let found = differences
            .iter()
            .find(|difference| difference.measure == measure);
        found.map(|difference| difference.better)
    }

    #[test]
    fn ten_rollbacks_more_of_a_hundred_are_no_noise_and_three_are() {
        let calm = |wrong: u64| -> Vec<Outcome> {
            let end = |run| if run < wrong { BACK } else { End::Finished };
            (0..100).map(|run| outcome(end(run), 600, 0.0)).collect()
        };
        let of = |ours, theirs| compare(&cell(0), &calm(ours), &calm(theirs));
        assert_eq!(
            better(&of(10, 0), Measure::FalseRollbacks),
            Some(Better::Peer)
        );
        assert_eq!(
            better(&of(0, 10), Measure::FalseRollbacks),
            Some(Better::Sluice)
        );
        assert_eq!(
            better(&of(3, 0), Measure::FalseRollbacks),
            Some(Better::Neither)
        );
        assert_eq!(better(&of(3, 0), Measure::FailedRequests), None);
    }

    #[test]
    fn amounts_are_compared_in_pairs() {
        // The runs differ much, the judges by little but always.
        let harmed = |extra: f64| -> Vec<Outcome> {
            let spoiled = |run| f64::from(run) * 100.0 + extra + f64::from(run % 2);
            (0..50)
                .map(|run| outcome(BACK, 240, spoiled(run)))
                .collect()
        };
        let differences = compare(&cell(3), &harmed(0.0), &harmed(10.0));
        assert_eq!(
            better(&differences, Measure::FailedRequests),
            Some(Better::Sluice)
        );
        assert_eq!(
            better(&differences, Measure::DetectSeconds),
            Some(Better::Neither)
        );
        assert_eq!(better(&differences, Measure::FalseRollbacks), None);
    }

    #[test]
    fn who_misses_more_is_not_better_for_being_quick() {
        let ours: Vec<_> = (0..60).map(|_| outcome(BACK, 600, 100.0)).collect();
        let theirs: Vec<_> = (0..60)
            .map(|run| match run % 2 {
                0 => outcome(BACK, 240, 50.0),
                _ => outcome(End::Finished, 300, 9000.0),
            })
            .collect();
        let differences = compare(&cell(3), &ours, &theirs);
        assert_eq!(better(&differences, Measure::Missed), Some(Better::Sluice));
        assert_eq!(
            better(&differences, Measure::DetectSeconds),
            Some(Better::Neither)
        );
    }

    #[test]
    fn a_limit_is_exceeded_only_by_more_than_noise() {
        assert!(!exceeds(5, 500, 0.01));
        assert!(!exceeds(10, 500, 0.01));
        assert!(exceeds(15, 500, 0.01));
    }
}
