//! One rollout: a judge meets a stream.

use crate::seen::{Cause, Decision, Judge, LAG, Minute, Seen};
use crate::stream::{Stream, TICK};

/// How a rollout ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// All traffic is on the new version for good.
    Finished,
    /// Traffic is back on the old version.
    RolledBack(Cause),
    /// It had not ended at the horizon.
    Unfinished,
}

/// What came of a rollout.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outcome {
    /// How it ended.
    pub end: End,
    /// When, in seconds after its start.
    pub seconds: u64,
    /// How many calls the new version spoiled until traffic was back. Where it
    /// never was: how many it spoils if nobody notices, the same for every judge.
    pub spoiled: f64,
    /// When the first full minute of harm could be read, in seconds after the
    /// start.
    pub readable: u64,
}

/// Runs a rollout to its end. `watches_latency`: whether the judge asks how long
/// calls take, which is drawn only then.
#[must_use]
pub fn run(stream: &Stream, onset: u64, judge: &mut dyn Judge, watches_latency: bool) -> Outcome {
    let mut rollout = Rollout {
        stream,
        watches_latency,
        weight: 0.0,
        spoiled: 0.0,
        minutes: Vec::with_capacity(64),
        current: Minute::default(),
    };
    let (end, tick) = rollout.play(judge);
    let started = stream.started();
    let first_full = (started + onset).div_ceil(60) * 60;
    Outcome {
        end,
        seconds: tick * TICK - started,
        spoiled: match end {
            End::RolledBack(_) => rollout.spoiled,
            End::Finished | End::Unfinished => stream.unnoticed(),
        },
        readable: first_full + 60 + LAG - started,
    }
}

struct Rollout<'a> {
    stream: &'a Stream,
    watches_latency: bool,
    weight: f64,
    spoiled: f64,
    /// Those that are over.
    minutes: Vec<Minute>,
    current: Minute,
}

impl Rollout<'_> {
    fn play(&mut self, judge: &mut dyn Judge) -> (End, u64) {
        let started = self.stream.started();
        let mut arrived = 0;
        for tick in 0..self.stream.ticks() {
            let now = tick * TICK;
            if now >= self.current.end() {
                self.close_minute();
            }
            while self
                .minutes
                .get(arrived)
                .is_some_and(|minute| minute.end() + LAG <= now)
            {
                arrived += 1;
            }
            if now >= started {
                let decision = judge.look(&Seen {
                    now,
                    started,
                    minutes: &self.minutes[..arrived],
                });
                match decision {
                    Decision::Stay => {}
                    Decision::Shift(weight) => self.weight = weight,
                    Decision::Finish => return (End::Finished, tick),
                    Decision::RollBack(cause) => return (End::RolledBack(cause), tick),
                }
            }
            self.serve(tick);
        }
        (End::Unfinished, self.stream.ticks())
    }

    fn serve(&mut self, tick: u64) {
        let served = self.stream.tick(tick, self.weight);
        self.current.canary.calls += served.canary;
        self.current.canary.errors += served.canary_errors;
        self.current.baseline.calls += served.baseline;
        self.current.baseline.errors += served.baseline_errors;
        self.spoiled += served.spoiled;
    }

    fn close_minute(&mut self) {
        let mut minute = self.current;
        if self.watches_latency {
            let latency = |of_canary, calls| self.stream.latency(minute.start, of_canary, calls);
            minute.canary.latency = latency(true, minute.canary.calls);
            minute.baseline.latency = latency(false, minute.baseline.calls);
        }
        self.minutes.push(minute);
        self.current = Minute {
            start: minute.end(),
            ..Minute::default()
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cells::{Cell, HARMS, Traffic};

    /// Shifts to half at once and answers what it is told at a time.
    struct Scripted {
        end: (u64, Decision),
        /// The youngest minute's end, less the time: how late data is.
        lags: Vec<u64>,
    }

    impl Judge for Scripted {
        fn look(&mut self, seen: &Seen<'_>) -> Decision {
            if let Some(youngest) = seen.minutes.last() {
                self.lags.push(seen.now - youngest.end());
            }
            match seen.elapsed() {
                0 => Decision::Shift(50.0),
                elapsed if elapsed == self.end.0 => self.end.1,
                _ => Decision::Stay,
            }
        }
    }

    fn stream(harm: usize) -> Stream {
        let cell = Cell {
            traffic: Traffic::Steady,
            rate: 100.0,
            baseline_error: 0.005,
            harm: HARMS[harm],
        };
        Stream::new(cell, 0, 1, 42)
    }

    fn scripted(seconds: u64, decision: Decision) -> Scripted {
        Scripted {
            end: (seconds, decision),
            lags: Vec::new(),
        }
    }

    #[test]
    fn what_is_spoiled_is_counted_until_traffic_is_back() {
        let mut judge = scripted(600, Decision::RollBack(Cause::Harm));
        let outcome = run(&stream(4), 0, &mut judge, false);
        assert_eq!(outcome.end, End::RolledBack(Cause::Harm));
        assert_eq!(outcome.seconds, 600);
        // Half of 100 a second, for 600 seconds, and a tenth of that fails.
        assert!((2800.0..3200.0).contains(&outcome.spoiled), "{outcome:?}");
    }

    #[test]
    fn what_nobody_finds_counts_as_two_hours_of_all_traffic_however_long_that_took() {
        let finished = |seconds| {
            let mut judge = scripted(seconds, Decision::Finish);
            let outcome = run(&stream(4), 0, &mut judge, false);
            assert_eq!(outcome.end, End::Finished);
            outcome.spoiled
        };
        let (soon, late) = (finished(600), finished(6000));
        assert!((soon - 7200.0 * 10.0).abs() < 1000.0, "{soon}");
        assert_eq!(soon, late);
    }

    #[test]
    fn a_minute_arrives_as_late_as_every_judge_is_told() {
        let mut judge = scripted(900, Decision::Finish);
        let _ = run(&stream(0), 0, &mut judge, false);
        let all_late = judge.lags.iter().all(|lag| (LAG..LAG + 60).contains(lag));
        assert!(all_late && judge.lags.contains(&LAG), "{:?}", judge.lags);
    }

    #[test]
    fn a_judge_that_never_decides_ends_at_the_horizon() {
        let mut judge = scripted(7, Decision::Stay);
        assert_eq!(run(&stream(0), 0, &mut judge, false).end, End::Unfinished);
    }
}
