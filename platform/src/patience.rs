//! How long to wait for AWS, and how often to look.

use std::hash::{BuildHasher as _, RandomState};
use std::time::{Duration, Instant};

/// How long the whole request may wait.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// About how long the first pause between two looks is. Each pause is twice the
    /// one before.
    pub first: Duration,
    /// About how long the longest pause is.
    pub longest: Duration,
    /// All of the request's waiting together. Must end before the function's
    /// own time-out does, so that what was waited for is named in the error.
    pub total: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(50),
            longest: Duration::from_secs(2),
            total: Duration::from_secs(10 * 60),
        }
    }
}

impl Patience {
    /// Starts the clock that all waits of one request share.
    #[must_use]
    pub fn start(self) -> Waiting {
        Waiting {
            patience: self,
            until: Instant::now() + self.total,
        }
    }
}

/// One request's patience, running.
#[derive(Debug, Clone, Copy)]
pub struct Waiting {
    patience: Patience,
    until: Instant,
}

impl Waiting {
    /// A fresh series of pauses, for one thing that is waited for.
    #[must_use]
    pub fn pauses(&self) -> Pauses {
        Pauses {
            next: self.patience.first,
            longest: self.patience.longest,
            until: self.until,
        }
    }

    /// How long the request waits at most, in seconds: for error messages.
    #[must_use]
    pub fn seconds(&self) -> u64 {
        self.patience.total.as_secs()
    }
}

/// Pauses that grow, up to the request's end.
#[derive(Debug)]
pub struct Pauses {
    next: Duration,
    longest: Duration,
    until: Instant,
}

impl Pauses {
    /// Waits before the next look. False, without waiting: patience is at its end.
    pub async fn pause(&mut self) -> bool {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return false;
        }
        tokio::time::sleep(jittered(self.next).min(left)).await;
        self.next = self.longest.min(self.next * 2);
        true
    }
}

/// A pause of half to one and a half times this long, so that those who wait for
/// the same don't all ask at once.
fn jittered(pause: Duration) -> Duration {
    let random = RandomState::new().hash_one(()) % 1024;
    pause.mul_f64(0.5 + f64::from(u32::try_from(random).unwrap_or_default()) / 1024.0)
}
