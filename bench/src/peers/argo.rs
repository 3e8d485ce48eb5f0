//! Argo Rollouts: steps with a background analysis.
//!
//! - Steps, interval, condition and limit: the example under "Background
//!   Analysis" in "Analysis & Progressive Delivery" (`docs/features/analysis.md`):
//!   20, 40, 60, 80 % for ten minutes each; from the second step on the success
//!   rate of five minutes must be 95 % every five minutes, and a fourth failed
//!   measurement aborts.
//! - The defaults: `failureLimit` 0, `consecutiveErrorLimit` 4, each trips when it
//!   is exceeded; the analysis begins with the first step.
//! - The CloudWatch example (`docs/analysis/cloudwatch.md`): every minute, every
//!   value of five minutes in the last 15 must be 1 % errors at most; a fourth
//!   failed measurement aborts. No values pass.
//!
//! Measured is the new version alone. The first measurement waits until the first
//! minute of the analysis has arrived, which `initialDelay` is for. A success
//! rate of no calls is an error of the measurement.

use crate::seen::{Cause, Decision, Judge, LAG, MINUTE, Minute, Seen};

/// How a measurement is taken.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Metric {
    /// The success rate of the last five minutes, at least this.
    SuccessRate(f64),
    /// The error shares of the last 15 minutes by five minutes, each at most this.
    ErrorShares(f64),
}

/// What an `AnalysisTemplate` says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Analysis {
    /// The step with which it begins, from 0.
    pub starting_step: u64,
    /// Seconds between measurements.
    pub interval: u64,
    /// How many measurements may fail.
    pub failure_limit: u32,
    /// What is measured.
    pub metric: Metric,
}

/// The example under "Background Analysis".
pub const EXAMPLE: Analysis = Analysis {
    starting_step: 1,
    interval: 5 * MINUTE,
    failure_limit: 3,
    metric: Metric::SuccessRate(0.95),
};

/// The same with the defaults of what need not be said.
pub const DEFAULTS: Analysis = Analysis {
    starting_step: 0,
    failure_limit: 0,
    ..EXAMPLE
};

/// The example for CloudWatch.
pub const CLOUDWATCH: Analysis = Analysis {
    starting_step: 0,
    interval: MINUTE,
    failure_limit: 3,
    metric: Metric::ErrorShares(0.01),
};

const STEPS: [f64; 4] = [20.0, 40.0, 60.0, 80.0];
const PAUSE: u64 = 10 * MINUTE;
const CONSECUTIVE_ERROR_LIMIT: u32 = 4;
const PERIOD: u64 = 5 * MINUTE;

/// A rollout by Argo Rollouts.
#[derive(Debug)]
pub struct Argo {
    analysis: Analysis,
    weight: f64,
    measure_at: Option<u64>,
    failed: u32,
    errors_running: u32,
}

/// What a measurement says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Measurement {
    Successful,
    Failed,
    Error,
}

impl Argo {
    /// With this analysis.
    #[must_use]
    pub fn new(analysis: Analysis) -> Self {
        Self {
            analysis,
            weight: 0.0,
            measure_at: None,
            failed: 0,
            errors_running: 0,
        }
    }

    fn measure(&self, seen: &Seen<'_>) -> Measurement {
        match self.analysis.metric {
            Metric::SuccessRate(least) => {
                let since = seen.now.saturating_sub(PERIOD + LAG);
                match error_share(seen.since(since.max(seen.started))) {
                    None => Measurement::Error,
                    Some(share) if 1.0 - share >= least => Measurement::Successful,
                    Some(_) => Measurement::Failed,
                }
            }
            Metric::ErrorShares(most) => {
                let since = seen.now.saturating_sub(3 * PERIOD + LAG);
                let minutes = seen.since(since.max(seen.started));
                let periods = minutes.chunk_by(|a, b| a.start / PERIOD == b.start / PERIOD);
                let all = periods.filter_map(error_share).all(|share| share <= most);
                if all {
                    Measurement::Successful
                } else {
                    Measurement::Failed
                }
            }
        }
    }

    /// Takes a measurement if it is due, and says whether to abort.
    fn aborts(&mut self, seen: &Seen<'_>) -> Option<Cause> {
        let begins = seen.started + self.analysis.starting_step * PAUSE;
        let due = *self.measure_at.get_or_insert(begins + MINUTE + LAG);
        if seen.now < due || seen.since(begins).is_empty() {
            return None;
        }
        self.measure_at = Some(seen.now + self.analysis.interval);
        match self.measure(seen) {
            Measurement::Successful => self.errors_running = 0,
            Measurement::Failed => {
                self.errors_running = 0;
                self.failed += 1;
            }
            Measurement::Error => self.errors_running += 1,
        }
        if self.failed > self.analysis.failure_limit {
            Some(Cause::Harm)
        } else {
            (self.errors_running > CONSECUTIVE_ERROR_LIMIT).then_some(Cause::Undecided)
        }
    }
}

impl Judge for Argo {
    fn look(&mut self, seen: &Seen<'_>) -> Decision {
        if let Some(cause) = self.aborts(seen) {
            return Decision::RollBack(cause);
        }
        match STEPS.get((seen.elapsed() / PAUSE) as usize) {
            None => Decision::Finish,
            Some(&weight) if weight > self.weight => {
                self.weight = weight;
                Decision::Shift(weight)
            }
            Some(_) => Decision::Stay,
        }
    }
}

/// The new version's share of failed calls over these minutes.
fn error_share(minutes: &[Minute]) -> Option<f64> {
    let calls: u64 = minutes.iter().map(|minute| minute.canary.calls).sum();
    let errors: u64 = minutes.iter().map(|minute| minute.canary.errors).sum();
    (calls > 0).then(|| errors as f64 / calls as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seen::fixtures::{decisions, end_of, minutes};

    #[test]
    fn the_example_begins_with_its_second_step_and_bears_three_failed_measurements() {
        let minutes = minutes(&[(100, 6, 400, 0); 45]);
        let end = end_of(&mut Argo::new(EXAMPLE), &minutes);
        // At 780, 1080, 1380 and 1680 seconds.
        assert_eq!(end, Some((Decision::RollBack(Cause::Harm), 1680)));
    }

    #[test]
    fn by_default_the_first_failed_measurement_aborts() {
        let minutes = minutes(&[(100, 6, 400, 0); 45]);
        let end = end_of(&mut Argo::new(DEFAULTS), &minutes);
        assert_eq!(end, Some((Decision::RollBack(Cause::Harm), 180)));
    }

    #[test]
    fn ninety_five_percent_are_enough() {
        let minutes = minutes(&[(100, 5, 400, 0); 45]);
        let made = decisions(&mut Argo::new(DEFAULTS), &minutes);
        let expected = [
            (Decision::Shift(20.0), 0),
            (Decision::Shift(40.0), 600),
            (Decision::Shift(60.0), 1200),
            (Decision::Shift(80.0), 1800),
            (Decision::Finish, 2400),
        ];
        assert_eq!(made, expected);
    }

    #[test]
    fn five_measurements_of_no_calls_in_a_row_abort() {
        let minutes = minutes(&[(0, 0, 400, 0); 45]);
        let end = end_of(&mut Argo::new(DEFAULTS), &minutes);
        assert_eq!(end, Some((Decision::RollBack(Cause::Undecided), 1380)));
        assert_eq!(
            end_of(&mut Argo::new(CLOUDWATCH), &minutes),
            Some((Decision::Finish, 2400))
        );
    }

    #[test]
    fn one_bad_period_fails_every_measurement_that_sees_it() {
        let mut counts = [(100, 1, 400, 0); 45];
        counts[0].1 = 40;
        let end = end_of(&mut Argo::new(CLOUDWATCH), &minutes(&counts));
        // At 180, 240, 300 and 360 seconds.
        assert_eq!(end, Some((Decision::RollBack(Cause::Harm), 360)));
    }
}
