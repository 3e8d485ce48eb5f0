//! Fisher's exact test at a fixed time, and the same test with the mistake that
//! it invites.
//!
//! The textbook's way (Fisher 1935): 10 % of the traffic for ten minutes, one
//! one-sided test of the failed calls of these minutes at 1 %, then all traffic or
//! none. Only minutes in which both versions served from beginning to end are
//! compared. Peeking runs the same test at the same level with each minute that
//! arrives, and rolls back at the first that says so.

use sluice_domain::stats::fisher_greater;

use crate::seen::{Cause, Decision, Judge, LAG, MINUTE, Minute, Seen};

const WEIGHT: f64 = 10.0;
const HORIZON: u64 = 10 * MINUTE;
const LEVEL: f64 = 0.01;

/// A rollout that one test decides.
#[derive(Debug)]
pub struct Fisher {
    peeks: bool,
    shifted: bool,
    looked_at: usize,
}

impl Fisher {
    /// One test at the end.
    #[must_use]
    pub fn at_the_end() -> Self {
        Self {
            peeks: false,
            shifted: false,
            looked_at: 0,
        }
    }

    /// A test with each minute.
    #[must_use]
    pub fn peeking() -> Self {
        Self {
            peeks: true,
            ..Self::at_the_end()
        }
    }
}

impl Judge for Fisher {
    fn look(&mut self, seen: &Seen<'_>) -> Decision {
        if !self.shifted {
            self.shifted = true;
            return Decision::Shift(WEIGHT);
        }
        let is_over = seen.elapsed() >= HORIZON + LAG;
        let minutes = seen.since(seen.started.next_multiple_of(MINUTE));
        let is_new = minutes.len() > self.looked_at;
        if !(is_over || self.peeks && is_new) {
            return Decision::Stay;
        }
        self.looked_at = minutes.len();
        if is_worse(minutes) {
            Decision::RollBack(Cause::Harm)
        } else if is_over {
            Decision::Finish
        } else {
            Decision::Stay
        }
    }
}

fn is_worse(minutes: &[Minute]) -> bool {
    let sum = |of: fn(&Minute) -> u64| minutes.iter().map(of).sum::<u64>() as f64;
    let canary = (sum(|m| m.canary.errors), sum(|m| m.canary.calls));
    let baseline = (sum(|m| m.baseline.errors), sum(|m| m.baseline.calls));
    fisher_greater(canary, baseline) <= LEVEL
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seen::fixtures::{end_of, minutes};

    #[test]
    fn the_test_at_the_end_waits_for_the_end() {
        let minutes = minutes(&[(60, 6, 540, 0); 12]);
        let at_the_end = end_of(&mut Fisher::at_the_end(), &minutes);
        let peeking = end_of(&mut Fisher::peeking(), &minutes);
        assert_eq!(at_the_end, Some((Decision::RollBack(Cause::Harm), 720)));
        assert_eq!(peeking, Some((Decision::RollBack(Cause::Harm), 180)));
    }

    #[test]
    fn one_error_of_five_beside_none_of_195_is_one_chance_in_forty_and_not_enough() {
        assert!(!is_worse(&minutes(&[(5, 1, 195, 0)])));
        assert!(is_worse(&minutes(&[(5, 2, 195, 0)])));
    }

    #[test]
    fn equal_versions_are_finished_after_ten_minutes_and_the_lag() {
        let minutes = minutes(&[(60, 1, 540, 9); 12]);
        let end = end_of(&mut Fisher::at_the_end(), &minutes);
        assert_eq!(end, Some((Decision::Finish, 720)));
    }
}
