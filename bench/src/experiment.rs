//! All cells, all judges, all runs.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::cells::Cell;
use crate::contenders::Contender;
use crate::rollout::{self, Outcome};
use crate::stream::Stream;

/// How much is simulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Where all chance comes from.
    pub seed: u64,
    /// Runs of a cell.
    pub runs: u64,
}

/// Cells without harm get this many times the runs: false rollbacks are rare,
/// and one in a hundred must be told from two.
pub const CALM_FACTOR: u64 = 5;

impl Plan {
    /// How often a cell is run.
    #[must_use]
    pub fn runs(&self, cell: &Cell) -> u64 {
        if cell.harm.is_harmful() {
            self.runs
        } else {
            self.runs * CALM_FACTOR
        }
    }
}

/// What came of one cell: for each contender, one outcome for each run. Runs with
/// the same number had the same calls.
#[derive(Debug, Clone)]
pub struct Played {
    /// The cell.
    pub cell: Cell,
    /// By contender, then by run.
    pub outcomes: Vec<Vec<Outcome>>,
}

/// Runs everything on all processors. The result depends on the plan alone.
#[must_use]
pub fn run(plan: Plan, cells: &[Cell], contenders: &[Contender]) -> Vec<Played> {
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some(cell) = cells.get(place) else {
                return done;
            };
            done.push((place, play(plan, *cell, place as u64, contenders)));
        }
    };
    let mut played: Vec<(usize, Played)> = thread::scope(|scope| {
        let started: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        started
            .into_iter()
            .flat_map(|worker| match worker.join() {
                Ok(done) => done,
                Err(panic) => std::panic::resume_unwind(panic),
            })
            .collect()
    });
    played.sort_by_key(|(place, _)| *place);
    played.into_iter().map(|(_, played)| played).collect()
}

fn play(plan: Plan, cell: Cell, place: u64, contenders: &[Contender]) -> Played {
    let mut outcomes = vec![Vec::new(); contenders.len()];
    for run in 0..plan.runs(&cell) {
        let stream = Stream::new(cell, place, run, plan.seed);
        for (outcomes, contender) in outcomes.iter_mut().zip(contenders) {
            let mut judge = contender.start();
            outcomes.push(rollout::run(
                &stream,
                cell.harm.onset,
                judge.as_mut(),
                contender.watches_latency,
            ));
        }
    }
    Played { cell, outcomes }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cells::{HARMS, Traffic};
    use crate::contenders;
    use crate::sluice::default_settings;

    fn played(seed: u64) -> Vec<Played> {
        let cell = |harm| Cell {
            traffic: Traffic::Steady,
            rate: 20.0,
            baseline_error: 0.005,
            harm: HARMS[harm],
        };
        let contenders = contenders::all(&default_settings().expect("defaults"));
        run(Plan { seed, runs: 2 }, &[cell(0), cell(4)], &contenders)
    }

    #[test]
    fn the_seed_alone_decides_what_happens() {
        let outcomes = |seed| -> Vec<_> {
            played(seed)
                .into_iter()
                .flat_map(|played| played.outcomes)
                .collect()
        };
        assert_eq!(outcomes(1), outcomes(1));
        assert_ne!(outcomes(1), outcomes(2));
    }

    #[test]
    fn cells_stay_in_their_order_and_those_without_harm_get_more_runs() {
        let played = played(3);
        let runs: Vec<_> = played
            .iter()
            .map(|played| played.outcomes[0].len())
            .collect();
        assert_eq!(runs, [10, 2]);
        assert!(played[1].cell.harm.is_harmful());
    }
}
