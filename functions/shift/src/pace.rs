//! Keeps a large group under Lambda's control-plane rate.

use std::time::{Duration, Instant};

/// Lambda takes about 15 control-plane calls a second per account; others need some too.
const INTERVAL: Duration = Duration::from_millis(85);
/// This many calls may go at once before the pace sets in.
const BURST: u32 = 10;

/// Spaces out calls.
pub(crate) struct Pace {
    /// When the next call would be due if calls went evenly from the start.
    due: Instant,
}

impl Pace {
    pub(crate) fn new() -> Self {
        Self::from(Instant::now())
    }

    fn from(start: Instant) -> Self {
        Self { due: start }
    }

    /// Waits until the next call may go.
    pub(crate) async fn turn(&mut self) {
        tokio::time::sleep(self.wait(Instant::now())).await;
    }

    /// How long from now until the next call may go. Time that calls took is
    /// saved up, for no more than one burst.
    fn wait(&mut self, now: Instant) -> Duration {
        let wait = self
            .due
            .saturating_duration_since(now + INTERVAL * (BURST - 1));
        self.due = self.due.max(now + wait) + INTERVAL;
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The waits of calls that take `each`, one after the other.
    fn waits(pace: &mut Pace, now: &mut Instant, calls: u32, each: Duration) -> Vec<Duration> {
        let call = |_| {
            let wait = pace.wait(*now);
            *now += wait + each;
            wait
        };
        (0..calls).map(call).collect()
    }

    fn at_once(waits: &[Duration]) -> usize {
        waits.iter().take_while(|wait| wait.is_zero()).count()
    }

    #[test]
    fn the_first_ten_calls_go_at_once_and_the_others_85_ms_apart() {
        let mut now = Instant::now();
        let waits = waits(&mut Pace::from(now), &mut now, 100, Duration::ZERO);
        assert_eq!(at_once(&waits), 10);
        assert!(waits[10..].iter().all(|wait| wait.as_millis() == 85));
    }

    #[test]
    fn a_call_waits_only_for_what_the_one_before_has_not_used_up() {
        let mut now = Instant::now();
        let mut pace = Pace::from(now);
        waits(&mut pace, &mut now, 10, Duration::ZERO);
        let waits = waits(&mut pace, &mut now, 3, Duration::from_millis(25));
        let waits: Vec<u128> = waits.iter().map(Duration::as_millis).collect();
        assert_eq!(waits, [85, 60, 60]);
    }

    #[test]
    fn calls_that_take_longer_than_the_pace_never_wait() {
        let mut now = Instant::now();
        let waits = waits(&mut Pace::from(now), &mut now, 100, INTERVAL);
        assert_eq!(at_once(&waits), 100);
    }

    #[test]
    fn a_call_that_hangs_is_made_up_for_by_one_burst_and_no_more() {
        let mut now = Instant::now();
        let mut pace = Pace::from(now);
        waits(&mut pace, &mut now, 1, Duration::from_secs(60));
        let waits = waits(&mut pace, &mut now, 12, Duration::ZERO);
        assert_eq!(at_once(&waits), 10);
    }
}
