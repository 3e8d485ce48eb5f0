//! Flagger: a canary release with its two built-in metrics.
//!
//! "How it works" (`docs/gitbook/usage/how-it-works.md`), "Deployment Strategies"
//! and "Metrics Analysis" in the same folder: `interval` 1m, `threshold` 10,
//! `maxWeight` 50, `stepWeight` 5, `request-success-rate` at least 99 %,
//! `request-duration` (99th percentile) at most 500 ms. No data is a failed check,
//! a failed check halts the shift, and failed checks add up over the whole
//! analysis. After the check at the highest weight the new version is promoted.
//!
//! The newest minute that has arrived is what a check reads.

use crate::latency::SLOW_MS;
use crate::seen::{Cause, Decision, Judge, MINUTE, Minute, Seen};

const THRESHOLD: u32 = 10;
const MAX_WEIGHT: f64 = 50.0;
const STEP_WEIGHT: f64 = 5.0;
const LEAST_SUCCESS: f64 = 0.99;

/// A canary release by Flagger.
#[derive(Debug, Default)]
pub struct Flagger {
    weight: f64,
    failed_checks: u32,
    /// Whether any failed check had data.
    saw_harm: bool,
    check_at: u64,
}

impl Flagger {
    fn check(&mut self, newest: &Minute) -> bool {
        let canary = &newest.canary;
        let Some(failed) = canary.error_share() else {
            return false;
        };
        // The percentile is above the bound if more than one in a hundred is.
        let slow = canary.latency.slower(SLOW_MS) / canary.calls as f64;
        let good = 1.0 - failed >= LEAST_SUCCESS && slow <= 0.01;
        self.saw_harm |= !good;
        good
    }

    fn advance(&mut self) -> Decision {
        if self.weight >= MAX_WEIGHT {
            return Decision::Finish;
        }
        self.weight += STEP_WEIGHT;
        Decision::Shift(self.weight)
    }
}

impl Judge for Flagger {
    fn look(&mut self, seen: &Seen<'_>) -> Decision {
        if self.weight == 0.0 {
            self.check_at = seen.now + MINUTE;
            return self.advance();
        }
        if seen.now < self.check_at {
            return Decision::Stay;
        }
        self.check_at += MINUTE;
        if self.failed_checks >= THRESHOLD {
            let cause = if self.saw_harm {
                Cause::Harm
            } else {
                Cause::Undecided
            };
            return Decision::RollBack(cause);
        }
        let Some(newest) = seen.of_rollout().last() else {
            return Decision::Stay;
        };
        if self.check(newest) {
            return self.advance();
        }
        self.failed_checks += 1;
        Decision::Stay
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latency::{Histogram, Shares};
    use crate::seen::fixtures::{decisions, end_of, minutes};
    use sluice_domain::generator::Generator;

    #[test]
    fn a_good_release_takes_ten_steps_after_the_first_data() {
        let made = decisions(&mut Flagger::default(), &minutes(&[(100, 1, 400, 9); 20]));
        assert_eq!(made[0], (Decision::Shift(5.0), 0));
        assert_eq!(made[1], (Decision::Shift(10.0), 180));
        assert_eq!(made[9], (Decision::Shift(50.0), 660));
        assert_eq!(made[10], (Decision::Finish, 720));
    }

    #[test]
    fn ten_failed_checks_roll_back_at_the_next_run() {
        let end = end_of(&mut Flagger::default(), &minutes(&[(100, 2, 400, 0); 20]));
        // Checks fail at 180, 240, … 720 seconds.
        assert_eq!(end, Some((Decision::RollBack(Cause::Harm), 780)));
    }

    #[test]
    fn no_data_is_a_failed_check() {
        let end = end_of(&mut Flagger::default(), &minutes(&[(0, 0, 400, 0); 20]));
        assert_eq!(end, Some((Decision::RollBack(Cause::Undecided), 780)));
    }

    #[test]
    fn failed_checks_add_up_and_halt_the_shift() {
        let mut counts = [(100, 0, 400, 0); 30];
        for index in (0..18).step_by(2) {
            counts[index].1 = 5;
        }
        let end = end_of(&mut Flagger::default(), &minutes(&counts));
        // Nine failed checks cost nine minutes and don't roll back.
        assert_eq!(end, Some((Decision::Finish, 720 + 9 * 60)));
    }

    #[test]
    fn slow_calls_fail_checks_as_errors_do() {
        let mut minutes = minutes(&[(1000, 0, 400, 0); 20]);
        let mut generator = Generator::new(&[5]);
        for minute in &mut minutes {
            minute.canary.latency = Histogram::draw(1000, &Shares::of(3.0), &mut generator);
        }
        let end = end_of(&mut Flagger::default(), &minutes);
        assert_eq!(end, Some((Decision::RollBack(Cause::Harm), 780)));
    }
}
