//! A simulated stream of calls, the same for every judge.
//!
//! Time runs in ticks of ten seconds, from five minutes before the rollout to
//! [`HORIZON`] after its start. The calls of a tick are drawn once for each run.
//! Which version serves them and which of them fail is drawn from a generator
//! that the run and the tick determine: judges that have the same weight at the
//! same time see the same calls.

use std::ops::Range;

use crate::cells::{BAD_MINUTE_ERRORS, Cell, Traffic};
use crate::latency::{Histogram, Shares};
use crate::seen::MINUTE;
use sluice_domain::generator::Generator;

/// The length of a tick, in seconds.
pub const TICK: u64 = 10;

/// How long a rollout may take, in seconds.
pub const HORIZON: u64 = 4 * 60 * 60;

/// Harm that no judge finds counts as this many seconds of all traffic, whoever
/// missed it and however long that took. Then people are taken to notice.
pub const UNNOTICED: u64 = 2 * 60 * 60;

/// How much is known from before the rollout, in seconds.
const WARM_UP: u64 = 5 * MINUTE;

/// What a generator is for.
const SHAPE: u64 = 1;
const CALLS: u64 = 2;
const LATENCY: u64 = 3;

/// One run's calls.
#[derive(Debug, Clone)]
pub struct Stream {
    cell: Cell,
    seed: u64,
    started: u64,
    /// Calls in each tick.
    arrivals: Vec<u64>,
    /// How long calls of the canary and of the baseline take.
    latency: [Shares; 2],
}

/// What happened in a tick.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Tick {
    /// Calls of the new version.
    pub canary: u64,
    /// Those that failed.
    pub canary_errors: u64,
    /// Calls of the old version.
    pub baseline: u64,
    /// Those that failed.
    pub baseline_errors: u64,
    /// Calls that the new version spoiled: failed ones that the old version
    /// would have served, and slow ones at their expectation.
    pub spoiled: f64,
}

impl Stream {
    /// The calls of one run of a cell. The cell's place in the list is part of
    /// the seed, so that cells don't share their luck.
    #[must_use]
    pub fn new(cell: Cell, place: u64, run: u64, seed: u64) -> Self {
        let seed = Generator::new(&[seed, place, run]).bits();
        let mut generator = Generator::new(&[seed, SHAPE]);
        // Rollouts don't wait for a full minute.
        let started = WARM_UP + TICK * (generator.bits() % (MINUTE / TICK));
        let ticks = (started + HORIZON) / TICK;
        let arrivals = arrivals(&cell, ticks, &mut generator);
        Self {
            cell,
            seed,
            started,
            arrivals,
            latency: [Shares::of(cell.harm.latency), Shares::of(1.0)],
        }
    }

    /// When the rollout begins.
    #[must_use]
    pub fn started(&self) -> u64 {
        self.started
    }

    /// How many ticks there are.
    #[must_use]
    pub fn ticks(&self) -> u64 {
        self.arrivals.len() as u64
    }

    /// One tick, with this share of the traffic on the new version, in percent.
    #[must_use]
    pub fn tick(&self, tick: u64, weight: f64) -> Tick {
        let calls = self.arrivals[tick as usize];
        if calls == 0 {
            return Tick::default();
        }
        let time = tick * TICK;
        let mut generator = Generator::new(&[self.seed, CALLS, tick]);
        let canary = generator.binomial(calls, weight / 100.0);
        let baseline = calls - canary;
        let share = self.error_share(time);
        let baseline_errors = generator.binomial(baseline, share);
        let own = generator.binomial(canary, share);
        let (errors, slow) = self.harm(time);
        let added = generator.binomial(canary - own, errors / (1.0 - share));
        Tick {
            canary,
            canary_errors: own + added,
            baseline,
            baseline_errors,
            spoiled: added as f64 + slow * canary as f64,
        }
    }

    /// How many calls the new version spoils if nobody notices.
    #[must_use]
    pub fn unnoticed(&self) -> f64 {
        let first = (self.started + self.cell.harm.onset) / TICK;
        self.expected(first..first + UNNOTICED / TICK)
    }

    /// How many calls the new version is expected to spoil in these ticks, if it
    /// serves all of them.
    fn expected(&self, ticks: Range<u64>) -> f64 {
        let of = |tick: u64| {
            let (errors, slow) = self.harm(tick * TICK);
            let calls = self.arrivals.get(tick as usize).copied().unwrap_or(0);
            (errors + slow) * calls as f64
        };
        ticks.map(of).sum()
    }

    /// How long a minute's calls took, of the canary or of the baseline.
    #[must_use]
    pub fn latency(&self, minute: u64, of_canary: bool, calls: u64) -> Histogram {
        let side = usize::from(!of_canary);
        let mut generator = Generator::new(&[self.seed, LATENCY, minute, side as u64]);
        Histogram::draw(calls, &self.latency[side], &mut generator)
    }

    /// What both versions fail at this time.
    fn error_share(&self, time: u64) -> f64 {
        let first_full = self.started.div_ceil(MINUTE) * MINUTE;
        let bad = (first_full + MINUTE..first_full + 2 * MINUTE).contains(&time);
        if self.cell.harm.bad_minute && bad {
            self.cell.baseline_error + BAD_MINUTE_ERRORS
        } else {
            self.cell.baseline_error
        }
    }

    /// What the new version fails and delays on top of that.
    fn harm(&self, time: u64) -> (f64, f64) {
        let harm = &self.cell.harm;
        if time < self.started + harm.onset {
            return (0.0, 0.0);
        }
        (harm.errors, harm.spoils() - harm.errors)
    }
}

fn arrivals(cell: &Cell, ticks: u64, generator: &mut Generator) -> Vec<u64> {
    let mean = cell.rate * TICK as f64;
    let phase = generator.uniform();
    let mut burst = generator.happens(0.1);
    let draw = |tick: u64| {
        let factor = match cell.traffic {
            Traffic::Steady => 1.0,
            Traffic::Diurnal => {
                let day = (tick * TICK) as f64 / 86_400.0 + phase;
                1.0 + 0.8 * (day * std::f64::consts::TAU).sin()
            }
            Traffic::Bursty => {
                burst = generator.happens(if burst { 2.0 / 3.0 } else { 1.0 / 27.0 });
                if burst { 5.5 } else { 0.5 }
            }
        };
        generator.poisson(mean * factor)
    };
    (0..ticks).map(draw).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cells::{HARMS, Harm};

    fn cell(traffic: Traffic, harm: Harm) -> Cell {
        Cell {
            traffic,
            rate: 100.0,
            baseline_error: 0.005,
            harm,
        }
    }

    fn sums(cell: Cell, weight: f64, runs: u64) -> Tick {
        let mut sum = Tick::default();
        for run in 0..runs {
            let stream = Stream::new(cell, 0, run, 42);
            for tick in 0..stream.ticks() {
                let one = stream.tick(tick, weight);
                sum.canary += one.canary;
                sum.canary_errors += one.canary_errors;
                sum.baseline += one.baseline;
                sum.baseline_errors += one.baseline_errors;
                sum.spoiled += one.spoiled;
            }
        }
        sum
    }

    fn close(found: f64, expected: f64, share: f64) {
        let distance = (found - expected).abs();
        assert!(
            distance < share * expected,
            "found {found}, expected {expected}"
        );
    }

    #[test]
    fn streams_have_the_stated_rate() {
        for (traffic, runs, within) in [
            (Traffic::Steady, 2, 0.01),
            (Traffic::Diurnal, 40, 0.15),
            (Traffic::Bursty, 20, 0.05),
        ] {
            let sum = sums(cell(traffic, HARMS[0]), 10.0, runs);
            let calls = (sum.canary + sum.baseline) as f64;
            let seconds = (runs * (HORIZON + WARM_UP)) as f64;
            close(calls / seconds, 100.0, within);
            close(sum.canary as f64 / calls, 0.1, 0.01);
        }
    }

    #[test]
    fn both_versions_fail_their_stated_share() {
        let sum = sums(cell(Traffic::Steady, HARMS[3]), 50.0, 2);
        close(
            sum.baseline_errors as f64 / sum.baseline as f64,
            0.005,
            0.03,
        );
        // The harm begins with the rollout, five minutes into the stream.
        let expected = 0.005 + 0.02 * HORIZON as f64 / (HORIZON + WARM_UP) as f64;
        close(sum.canary_errors as f64 / sum.canary as f64, expected, 0.03);
    }

    #[test]
    fn harm_that_begins_late_begins_late() {
        let stream = Stream::new(cell(Traffic::Steady, HARMS[5]), 0, 0, 42);
        let onset = (stream.started() + 900) / TICK;
        let before: f64 = (0..onset).map(|tick| stream.tick(tick, 50.0).spoiled).sum();
        let after: f64 = (onset..onset + 60)
            .map(|tick| stream.tick(tick, 50.0).spoiled)
            .sum();
        assert_eq!(before, 0.0);
        close(after, 600.0, 0.2);
    }

    #[test]
    fn a_bad_minute_hits_both_versions_for_one_minute() {
        let stream = Stream::new(cell(Traffic::Steady, HARMS[1]), 0, 0, 42);
        let bad: Vec<u64> = (0..stream.ticks())
            .filter(|tick| stream.tick(*tick, 50.0).baseline_errors > 60)
            .collect();
        let also_canary = bad
            .iter()
            .all(|tick| stream.tick(*tick, 50.0).canary_errors > 60);
        assert!(bad.len() == 6 && also_canary, "{bad:?}");
    }

    #[test]
    fn the_same_seed_gives_the_same_calls_and_another_run_gives_others() {
        let of = |run| Stream::new(cell(Traffic::Bursty, HARMS[0]), 3, run, 42).arrivals;
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
    }

    #[test]
    fn what_is_expected_at_full_traffic_is_what_would_be_drawn() {
        let stream = Stream::new(cell(Traffic::Steady, HARMS[3]), 0, 0, 42);
        let ticks = 200..stream.ticks();
        let drawn = ticks.clone().map(|tick| stream.tick(tick, 100.0).spoiled);
        close(stream.expected(ticks), drawn.sum(), 0.02);
    }
}
