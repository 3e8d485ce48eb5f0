//! What is written down: `judge.json`, a plot and a table.

mod svg;
mod table;

use serde::Serialize;

use crate::cells::Cell;
use crate::compare::NOISE;
use crate::contenders::Contender;
use crate::experiment::{CALM_FACTOR, Plan, Played};
use crate::goals::{Goal, goals};
use crate::seen::LAG;
use crate::standings::{CALM_LIMIT, HeadToHead, Standing, Win, compared};
use crate::stream::UNNOTICED;
use crate::summary::Summary;

pub use svg::plot;
pub use table::table;

/// Everything that is known after a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Where all chance came from.
    pub seed: u64,
    /// Runs of a harmful cell.
    pub runs: u64,
    /// Runs of a cell without harm.
    pub calm_runs: u64,
    /// How long after its end a minute could be read.
    pub lag_seconds: u64,
    /// As how many seconds of all traffic harm counts that nobody found.
    pub unnoticed_seconds: u64,
    /// Each judge over all cells.
    pub judges: Vec<Standing>,
    /// Each judge in each cell.
    pub cells: Vec<Summary>,
    /// The peers beside Sluice.
    pub comparison: Comparison,
}

/// The peers beside Sluice.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// Equally good judges differ by more than noise with this probability.
    pub noise: f64,
    /// Who has more false rollbacks than this in a calm cell does not count.
    pub calm_limit: f64,
    /// What was aimed at.
    pub goals: Vec<Goal>,
    /// In how many cells who is better.
    pub head_to_head: Vec<HeadToHead>,
    /// Every cell in which a peer is better, those that don't count included.
    pub peers_better: Vec<Win>,
}

impl Report {
    /// Of everything that was played.
    #[must_use]
    pub fn of(plan: Plan, contenders: &[Contender], played: &[Played]) -> Self {
        let by_judge: Vec<Vec<(Cell, Summary)>> = contenders
            .iter()
            .enumerate()
            .map(|(index, contender)| {
                let of = |one: &Played| {
                    (
                        one.cell,
                        Summary::of(contender.name, &one.cell, &one.outcomes[index]),
                    )
                };
                played.iter().map(of).collect()
            })
            .collect();
        let standings: Vec<Standing> = contenders
            .iter()
            .zip(&by_judge)
            .map(|(contender, cells)| Standing::of(contender, cells))
            .collect();
        let (wins, head_to_head) = compared(contenders, played, &standings);
        let comparison = Comparison {
            noise: NOISE,
            calm_limit: CALM_LIMIT,
            goals: goals(&standings, &wins, &by_judge[0]),
            head_to_head,
            peers_better: wins,
        };
        Self {
            seed: plan.seed,
            runs: plan.runs,
            calm_runs: plan.runs * CALM_FACTOR,
            lag_seconds: LAG,
            unnoticed_seconds: UNNOTICED,
            judges: standings,
            cells: by_judge
                .into_iter()
                .flatten()
                .map(|(_, summary)| summary)
                .collect(),
            comparison,
        }
    }
}

#[cfg(test)]
pub(crate) mod fixtures {
    //! A small report.

    use super::*;
    use crate::cells::{HARMS, Traffic};
    use crate::contenders;
    use crate::experiment;
    use crate::sluice::default_settings;

    pub(crate) fn report() -> Report {
        let cell = |harm: usize, rate, baseline_error| Cell {
            traffic: Traffic::Steady,
            rate,
            baseline_error,
            harm: HARMS[harm],
        };
        let cells = [0, 1, 3, 7].map(|harm| cell(harm, 100.0, 0.0));
        // Half a point, which takes three hours of 20 calls a second to know.
        let cells = [&cells[..], &[cell(2, 20.0, 0.005)]].concat();
        let contenders = contenders::all(&default_settings().expect("defaults"));
        let plan = Plan { seed: 42, runs: 20 };
        let played = experiment::run(plan, &cells, &contenders);
        Report::of(plan, &contenders, &played)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use serde_json::Value;

    use super::*;
    use crate::compare::Measure;

    static REPORT: LazyLock<Report> = LazyLock::new(fixtures::report);

    fn json() -> Value {
        serde_json::to_value(&*REPORT).expect("a report")
    }

    #[test]
    fn every_cell_has_what_readers_of_the_file_expect() {
        let report = json();
        let cells = report["cells"].as_array().expect("cells");
        assert_eq!(cells.len(), 5 * REPORT.judges.len());
        let fields = [
            "judge",
            "traffic",
            "rate_per_second",
            "baseline_error",
            "harm",
            "runs",
            "false_rollbacks",
            "undecided",
            "missed",
            "detect_seconds",
            "failed_requests",
            "good_release_seconds",
        ];
        for cell in cells {
            let missing: Vec<_> = fields
                .iter()
                .filter(|field| cell.get(field).is_none())
                .collect();
            assert!(missing.is_empty(), "{missing:?}");
        }
        let harmed = cells
            .iter()
            .find(|cell| cell["harm"] == "+2 points")
            .expect("a cell");
        assert!(harmed["detect_seconds"]["p50"].is_f64());
        assert!(harmed["failed_requests"]["p95"].is_f64());
        let calm = cells
            .iter()
            .find(|cell| cell["harm"] == "none")
            .expect("a cell");
        assert!(calm["good_release_seconds"]["p50"].is_f64());
        assert!(calm["detect_seconds"].is_null());
    }

    #[test]
    fn a_peer_that_wins_a_cell_is_shown_with_the_cell_and_both_values() {
        let report = json();
        let wins = report["comparison"]["peers_better"]
            .as_array()
            .expect("wins");
        let kayenta = wins.iter().find(|win| {
            win["peer"] == "kayenta"
                && win["harm"] == "+0.5 points"
                && win["measure"] == "failed_requests"
        });
        let kayenta = kayenta.expect("a win");
        let value = |name: &str| kayenta[name].as_f64().unwrap_or(f64::NAN);
        assert!(value("sluice_value") > value("peer_value"), "{kayenta}");
        assert_eq!(value("rate_per_second"), 20.0);
    }

    #[test]
    fn each_pair_of_peer_and_measure_covers_every_cell_that_it_means_something_in() {
        let heads = &REPORT.comparison.head_to_head;
        let peers = REPORT.judges.iter().filter(|judge| judge.is_peer);
        assert_eq!(heads.len(), Measure::ALL.len() * peers.count());
        for head in heads {
            let cells = head.sluice_better + head.level + head.peer_better;
            match head.measure {
                Measure::FalseRollbacks | Measure::Undecided => {
                    assert_eq!(cells, 2, "{head:?}");
                }
                Measure::Missed | Measure::FailedRequests => {
                    assert_eq!(cells, 3, "{head:?}");
                }
                Measure::DetectSeconds => assert!(cells <= 3, "{head:?}"),
            }
        }
    }

    #[test]
    fn every_goal_says_what_was_found() {
        let goals = &REPORT.comparison.goals;
        assert_eq!(goals.len(), 5);
        assert!(goals.iter().all(|goal| !goal.found.is_empty()));
    }
}
