//! Who counts, how each judge stands over all cells, and where peers are better.

use serde::Serialize;

use crate::cells::{Cell, HARMS};
use crate::compare::{Better, Difference, Measure, compare, exceeds};
use crate::contenders::Contender;
use crate::experiment::Played;
use crate::summary::Summary;

/// A judge counts that rolls back at most this share of its calm rollouts, in
/// every calm cell.
pub const CALM_LIMIT: f64 = 0.01;

/// A cell, for readers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Place {
    /// How calls arrive.
    pub traffic: &'static str,
    /// How many a second.
    pub rate_per_second: f64,
    /// The share of the old version's calls that fail.
    pub baseline_error: f64,
    /// What the new version does worse.
    pub harm: &'static str,
}

impl Place {
    /// Of a cell.
    #[must_use]
    pub fn of(cell: &Cell) -> Self {
        Self {
            traffic: cell.traffic.name(),
            rate_per_second: cell.rate,
            baseline_error: cell.baseline_error,
            harm: cell.harm.name,
        }
    }
}

/// A share, and where it was found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Worst {
    /// The share.
    pub share: f64,
    /// The cell.
    pub cell: Place,
}

/// One judge over all cells.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Standing {
    /// Its name.
    pub judge: &'static str,
    /// What was set.
    pub setting: &'static str,
    /// Where that is documented.
    pub source: &'static str,
    /// Whether it is not Sluice.
    pub is_peer: bool,
    /// Whether no calm cell has more than [`CALM_LIMIT`] false rollbacks, by more
    /// than noise.
    pub counts: bool,
    /// Calm cells with more than that.
    pub calm_cells_above_limit: usize,
    /// The calm cell with most false rollbacks.
    pub worst_calm: Option<Worst>,
    /// False rollbacks by runs, over all calm cells.
    pub calm_false_share: f64,
    /// Rollbacks because the data never sufficed, by runs, over all calm cells.
    pub calm_undecided_share: f64,
    /// The calm cell with most of those.
    pub worst_undecided: Option<Worst>,
    /// False rollbacks by runs, over all cells with a bad minute.
    pub bad_minute_false_share: f64,
    /// Harm that stayed, by runs, over all harmful cells.
    pub missed_share: f64,
    /// The mean of spoiled calls, summed over all harmful cells.
    pub failed_requests: f64,
    /// For how many seconds all calls would have had to meet the harm to spoil as
    /// many: the mean over harmful cells. Does not depend on rate and harm.
    pub full_exposure_seconds: f64,
    /// The median of the medians of releases that went through.
    pub good_release_seconds: Option<f64>,
    /// For each harm.
    pub by_harm: Vec<ByHarm>,
    /// Where the old version fails nothing, and where it fails something.
    pub by_baseline: [ByBaseline; 2],
}

/// One judge where the old version fails nothing, or something.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ByBaseline {
    /// Whether the old version fails anything.
    pub baseline_errors: bool,
    /// As in [`Standing`].
    pub calm_false_share: f64,
    /// As in [`Standing`].
    pub missed_share: f64,
    /// As in [`Standing`].
    pub full_exposure_seconds: f64,
}

/// One judge and one harm.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ByHarm {
    /// The harm.
    pub harm: &'static str,
    /// Harm that stayed, by runs.
    pub missed_share: f64,
    /// As in [`Standing`].
    pub full_exposure_seconds: f64,
}

impl Standing {
    /// Of one contender, from its summaries of all cells.
    #[must_use]
    pub fn of(contender: &Contender, cells: &[(Cell, Summary)]) -> Self {
        let part = |is: &dyn Fn(&Cell) -> bool| -> Part<'_> {
            cells.iter().filter(|(cell, _)| is(cell)).collect()
        };
        let calm = part(&|cell| cell.harm.is_calm());
        let bad_minute = part(&|cell| cell.harm.bad_minute);
        let harmful = part(&|cell| cell.harm.is_harmful());
        let is_above = |(_, s): &&&(Cell, Summary)| exceeds(s.false_rollbacks, s.runs, CALM_LIMIT);
        let above = calm.iter().filter(is_above).count();
        Self {
            judge: contender.name,
            setting: contender.setting,
            source: contender.source,
            is_peer: contender.is_peer,
            counts: above == 0,
            calm_cells_above_limit: above,
            worst_calm: worst(&calm, Summary::false_share),
            calm_false_share: share(&calm, |summary| summary.false_rollbacks),
            calm_undecided_share: share(&calm, |summary| summary.undecided),
            worst_undecided: worst(&calm, Summary::undecided_share),
            bad_minute_false_share: share(&bad_minute, |summary| summary.false_rollbacks),
            missed_share: share(&harmful, |summary| summary.missed),
            failed_requests: harmful
                .iter()
                .map(|(_, summary)| mean_failed(summary))
                .sum(),
            full_exposure_seconds: exposure(&harmful),
            good_release_seconds: middle_release(&calm),
            by_harm: by_harm(&harmful),
            by_baseline: [false, true].map(|errors| by_baseline(&calm, &harmful, errors)),
        }
    }
}

/// Some of one judge's cells.
type Part<'a> = Vec<&'a (Cell, Summary)>;

/// The first cell in which this share is highest.
fn worst(cells: &Part<'_>, share: fn(&Summary) -> f64) -> Option<Worst> {
    let shares = cells.iter().map(|(cell, summary)| Worst {
        share: share(summary),
        cell: Place::of(cell),
    });
    shares.reduce(|worst, next| {
        if next.share > worst.share {
            next
        } else {
            worst
        }
    })
}

fn by_harm(harmful: &Part<'_>) -> Vec<ByHarm> {
    let of = |harm: &'static str| {
        let is = |(cell, _): &&&(Cell, Summary)| cell.harm.name == harm;
        let cells: Part<'_> = harmful.iter().filter(is).copied().collect();
        ByHarm {
            harm,
            missed_share: share(&cells, |summary| summary.missed),
            full_exposure_seconds: exposure(&cells),
        }
    };
    let harms = HARMS.iter().filter(|harm| harm.is_harmful());
    harms.map(|harm| of(harm.name)).collect()
}

fn by_baseline(calm: &Part<'_>, harmful: &Part<'_>, errors: bool) -> ByBaseline {
    let is_meant = |(cell, _): &&&(Cell, Summary)| (cell.baseline_error > 0.0) == errors;
    let calm = calm.iter().filter(is_meant).copied().collect();
    let harmful = harmful.iter().filter(is_meant).copied().collect();
    ByBaseline {
        baseline_errors: errors,
        calm_false_share: share(&calm, |summary| summary.false_rollbacks),
        missed_share: share(&harmful, |summary| summary.missed),
        full_exposure_seconds: exposure(&harmful),
    }
}

fn middle_release(calm: &Part<'_>) -> Option<f64> {
    let mut releases: Vec<f64> = calm
        .iter()
        .filter_map(|(_, summary)| summary.good_release_seconds)
        .map(|middle| middle.p50)
        .collect();
    releases.sort_by(f64::total_cmp);
    releases.get(releases.len() / 2).copied()
}

fn mean_failed(summary: &Summary) -> f64 {
    summary.failed_requests.map_or(0.0, |failed| failed.mean)
}

fn share(cells: &Part<'_>, count: fn(&Summary) -> usize) -> f64 {
    let counted: usize = cells.iter().map(|(_, summary)| count(summary)).sum();
    let runs: usize = cells.iter().map(|(_, summary)| summary.runs).sum();
    counted as f64 / runs.max(1) as f64
}

fn exposure(cells: &Part<'_>) -> f64 {
    let of = |(cell, summary): &&(Cell, Summary)| {
        mean_failed(summary) / (cell.rate * cell.harm.spoils())
    };
    cells.iter().map(of).sum::<f64>() / cells.len().max(1) as f64
}

/// A difference between Sluice and a peer that is more than noise.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Win {
    /// The peer.
    pub peer: &'static str,
    /// Whether it counts.
    pub counts: bool,
    /// The cell.
    #[serde(flatten)]
    pub cell: Place,
    /// What is compared, and who is better.
    #[serde(flatten)]
    pub difference: Difference,
}

/// One peer and one measure over all cells: in how many who is better.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct HeadToHead {
    /// The peer.
    pub peer: &'static str,
    /// Whether it counts.
    pub counts: bool,
    /// What is compared.
    pub measure: Measure,
    /// Cells where Sluice is better.
    pub sluice_better: usize,
    /// Cells where nobody can tell.
    pub level: usize,
    /// Cells where the peer is better.
    pub peer_better: usize,
}

/// All comparisons of the first contender with the peers: where they are
/// better, and how often who is.
#[must_use]
pub fn compared(
    contenders: &[Contender],
    played: &[Played],
    standings: &[Standing],
) -> (Vec<Win>, Vec<HeadToHead>) {
    let mut wins = Vec::new();
    let mut heads = Vec::new();
    let peers = contenders.iter().enumerate();
    for (index, contender) in peers.filter(|(_, contender)| contender.is_peer) {
        let counts = standings[index].counts;
        let all: Vec<(Place, Difference)> = played
            .iter()
            .flat_map(|one| {
                let differences = compare(&one.cell, &one.outcomes[0], &one.outcomes[index]);
                differences
                    .into_iter()
                    .map(|difference| (Place::of(&one.cell), difference))
            })
            .collect();
        let won = all
            .iter()
            .filter(|(_, difference)| difference.better == Better::Peer);
        wins.extend(won.map(|(cell, difference)| Win {
            peer: contender.name,
            counts,
            cell: *cell,
            difference: *difference,
        }));
        heads.extend(head_to_head(contender.name, counts, &all));
    }
    (wins, heads)
}

fn head_to_head(peer: &'static str, counts: bool, all: &[(Place, Difference)]) -> Vec<HeadToHead> {
    let of = |measure| {
        let count = |better| {
            let is = |(_, d): &&(Place, Difference)| d.measure == measure && d.better == better;
            all.iter().filter(is).count()
        };
        HeadToHead {
            peer,
            counts,
            measure,
            sluice_better: count(Better::Sluice),
            level: count(Better::Neither),
            peer_better: count(Better::Peer),
        }
    };
    Measure::ALL.map(of).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contenders;
    use crate::rollout::End;
    use crate::seen::Cause;
    use crate::sluice::default_settings;
    use crate::summary::fixtures::{cell, outcome};

    /// A judge that rolls back this many of 500 calm rollouts and of 500 harmful
    /// ones.
    fn standing(wrong: usize, right: usize) -> Standing {
        let contenders = contenders::all(&default_settings().expect("defaults"));
        let of = |cell: Cell, back: usize| {
            let outcomes: Vec<_> = (0..500)
                .map(|run| match run < back {
                    true => outcome(End::RolledBack(Cause::Harm), 240, 20.0),
                    false => outcome(End::Finished, 600, 14_400.0),
                })
                .collect();
            (cell, Summary::of("one", &cell, &outcomes))
        };
        Standing::of(&contenders[0], &[of(cell(0), wrong), of(cell(3), right)])
    }

    #[test]
    fn a_judge_counts_until_a_calm_cell_is_above_the_limit_by_more_than_noise() {
        assert!(standing(0, 0).counts);
        assert!(standing(8, 0).counts);
        assert!(!standing(25, 0).counts);
        assert_eq!(standing(25, 0).calm_false_share, 0.05);
        assert_eq!(
            standing(25, 0).worst_calm.map(|worst| worst.share),
            Some(0.05)
        );
    }

    #[test]
    fn exposure_is_failed_requests_by_rate_and_harm() {
        // Two more points at 100 a second: 2 requests fail each second.
        assert_eq!(standing(0, 500).full_exposure_seconds, 10.0);
        assert_eq!(standing(0, 0).full_exposure_seconds, 7200.0);
        assert_eq!(standing(0, 250).missed_share, 0.5);
    }

    #[test]
    fn harm_and_baseline_have_standings_of_their_own() {
        let standing = standing(0, 250);
        let two_points = standing.by_harm.iter().find(|by| by.harm == "+2 points");
        assert_eq!(two_points.map(|by| by.missed_share), Some(0.5));
        assert_eq!(standing.by_baseline[0].missed_share, 0.0);
        assert_eq!(standing.by_baseline[1].missed_share, 0.5);
    }
}
