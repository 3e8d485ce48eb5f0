//! Keeps a large group under Lambda's control-plane rate.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Lambda takes about 15 control-plane calls a second per account; others need some too.
const INTERVAL: Duration = Duration::from_millis(85);
/// This many calls may go at once before the pace sets in.
const BURST: u32 = 10;

/// Spaces out calls.
pub(crate) struct Pace {
    start: Instant,
    calls: u32,
}

impl Pace {
    pub(crate) fn new() -> Self {
        Self {
            start: Instant::now(),
            calls: 0,
        }
    }

    /// Waits until the next call may go.
    pub(crate) async fn turn(&mut self) {
        let paced = self.calls.saturating_sub(BURST);
        self.calls += 1;
        sleep_until(self.start + INTERVAL * paced).await;
    }
}
