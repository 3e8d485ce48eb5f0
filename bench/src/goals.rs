//! Whether what the judge is built for is so.

use serde::Serialize;

use crate::cells::{Cell, HARMS, Traffic};
use crate::compare::Measure;
use crate::standings::{Standing, Win};
use crate::summary::Summary;

/// Harm of two points at 100 calls a second must be found this soon after its
/// first minute could be read, in seconds.
pub const DETECT_LIMIT: f64 = 60.0;

/// At most this share of the good releases of any cell may end undecided.
pub const UNDECIDED_LIMIT: f64 = 0.1;

/// Whether something that was aimed at is so.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Goal {
    /// What was aimed at.
    pub goal: &'static str,
    /// Whether it is so.
    pub met: bool,
    /// What was found.
    pub found: String,
}

/// All goals.
#[must_use]
pub fn goals(standings: &[Standing], wins: &[Win], summaries: &[(Cell, Summary)]) -> Vec<Goal> {
    let mut goals = vec![
        calm_goal(&standings[0]),
        decided_goal(&standings[0]),
        no_better_goal(wins),
        fewest_goal(standings),
    ];
    goals.extend(detect_goals(summaries));
    goals
}

fn calm_goal(sluice: &Standing) -> Goal {
    let worst = sluice.worst_calm.map_or(0.0, |worst| worst.share);
    Goal {
        goal: "Sluice finds harm in at most 1 % of any calm cell",
        met: sluice.counts,
        found: format!(
            "{} cells above it; at worst {:.1} %; {:.2} % of all",
            sluice.calm_cells_above_limit,
            worst * 100.0,
            sluice.calm_false_share * 100.0,
        ),
    }
}

fn decided_goal(sluice: &Standing) -> Goal {
    let worst = sluice.worst_undecided;
    let worst_share = worst.map_or(0.0, |worst| worst.share);
    Goal {
        goal: "good releases are hardly ever rolled back for want of data",
        met: worst_share <= UNDECIDED_LIMIT,
        found: format!(
            "{:.2} % of all; at worst {:.1} %{}",
            sluice.calm_undecided_share * 100.0,
            worst_share * 100.0,
            worst
                .filter(|worst| worst.share > 0.0)
                .map_or(String::new(), |worst| format!(
                    ", at {}/s and a baseline of {} %",
                    worst.cell.rate_per_second,
                    worst.cell.baseline_error * 100.0
                ))
        ),
    }
}

fn no_better_goal(wins: &[Win]) -> Goal {
    let counting: Vec<_> = wins.iter().filter(|win| win.counts).collect();
    let of = |measure: Measure| {
        let of_measure = counting
            .iter()
            .filter(|win| win.difference.measure == measure);
        format!("{} {}", measure.name(), of_measure.count())
    };
    Goal {
        goal: "no peer that counts is better in any cell by more than noise",
        met: counting.is_empty(),
        found: format!(
            "cells where one is, by measure: {}",
            Measure::ALL.map(of).join(", ")
        ),
    }
}

fn fewest_goal(standings: &[Standing]) -> Goal {
    let sluice = &standings[0];
    let counting = standings
        .iter()
        .filter(|standing| standing.is_peer && standing.counts);
    let best = counting.min_by(|a, b| a.failed_requests.total_cmp(&b.failed_requests));
    Goal {
        goal: "fewest failed requests of all that count",
        met: best.is_none_or(|best| sluice.failed_requests <= best.failed_requests),
        found: format!(
            "sluice {:.0}, next {}",
            sluice.failed_requests,
            best.map_or("nobody".to_owned(), |best| {
                format!("{} {:.0}", best.judge, best.failed_requests)
            })
        ),
    }
}

fn detect_goals(summaries: &[(Cell, Summary)]) -> Vec<Goal> {
    let is_meant = |cell: &Cell| {
        cell.traffic == Traffic::Steady && cell.rate == 100.0 && cell.harm == HARMS[3]
    };
    let meant = summaries.iter().filter(|(cell, _)| is_meant(cell));
    let goal = |(cell, summary): &(Cell, Summary)| {
        let p50 = summary.after_data_seconds.map(|spread| spread.p50);
        Goal {
            goal: "+2 points at 100/s are found within 60 s of the data",
            met: p50.is_some_and(|p50| p50 <= DETECT_LIMIT) && 2 * summary.missed < summary.runs,
            found: format!(
                "baseline {} %: {} after the first minute of harm could be read",
                cell.baseline_error * 100.0,
                p50.map_or("never".to_owned(), |p50| format!("{p50:.0} s"))
            ),
        }
    };
    meant.map(goal).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::End;
    use crate::seen::Cause;
    use crate::summary::fixtures::{cell, outcome};

    fn detection(end: End, seconds: u64) -> Goal {
        let outcomes = [outcome(end, seconds, 20.0); 9];
        let summary = Summary::of("sluice", &cell(3), &outcomes);
        detect_goals(&[(cell(3), summary)]).remove(0)
    }

    #[test]
    fn harm_must_be_found_within_a_minute_of_its_data() {
        // The first minute of harm can be read after 180 seconds.
        let back = End::RolledBack(Cause::Harm);
        assert!(detection(back, 240).met);
        assert!(!detection(back, 250).met);
        let never = detection(End::Finished, 600);
        assert!(
            !never.met && never.found.contains("never"),
            "{}",
            never.found
        );
    }

    #[test]
    fn without_a_peer_that_is_better_the_goal_is_met() {
        let goal = no_better_goal(&[]);
        assert!(goal.met);
        assert!(
            goal.found
                .contains("false rollbacks 0, undecided 0, missed 0")
        );
    }
}
