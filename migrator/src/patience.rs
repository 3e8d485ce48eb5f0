//! How long a lock is asked for: in short tries with pauses between them.
//!
//! The queue behind a lock that somebody waits for grows with everybody who comes, so waits
//! are short, and pauses between them longer.

use std::time::Duration;

use sluice_migration::File;
use tokio::time::{Instant, sleep};

use crate::apply::Call;
use crate::error::Place;
use crate::folder::Prepared;
use crate::ledger::Unit;
use crate::{Error, Result, locks};

/// Tries of one thing.
pub(crate) struct Tries<'a> {
    call: &'a Call<'a>,
    /// Where it stands.
    place: Place,
    begun: Instant,
    until: Instant,
}

impl Call<'_> {
    /// The first try of what stands in this line begins.
    pub(crate) fn tries(&self, file: &File, line: usize) -> Tries<'_> {
        Tries {
            call: self,
            place: Place {
                path: file.path.clone(),
                line,
            },
            begun: Instant::now(),
            until: self.patience(),
        }
    }

    /// Records that a unit begins.
    pub(crate) async fn begin(
        &self,
        prepared: &Prepared,
        unit: &Unit<'_>,
        found: bool,
    ) -> Result<bool> {
        let tries = self.tries(&prepared.file, 1);
        loop {
            match self.ledger.begin(unit, self.holder, found).await {
                Ok(found) => return Ok(found),
                Err(error) => tries.again(error).await?,
            }
        }
    }

    /// Records that the team's own tool applied a file.
    pub(crate) async fn adopt(&self, prepared: &Prepared) -> Result<()> {
        let tries = self.tries(&prepared.file, 1);
        loop {
            match self.ledger.adopt(&prepared.unit(0), self.holder).await {
                Ok(()) => return Ok(()),
                Err(error) => tries.again(error).await?,
            }
        }
    }

    /// Has the next statement of a transaction wait no longer than what is left.
    pub(crate) async fn wait(&self, waits: &mut Waits) -> Result<()> {
        let Some(left) = waits.next() else {
            return Ok(());
        };
        let text = format!("SET LOCAL lock_timeout = {}", left.as_millis());
        let set = self.session.client.batch_execute(&text).await;
        set.map_err(Error::server("setting how long locks are waited for"))
    }
}

impl Tries<'_> {
    /// Waits for the next try of what failed so.
    ///
    /// # Errors
    /// The error itself, if another try would end like it; [`Error::Locked`] where the time
    /// for tries is over.
    pub(crate) async fn again(&self, error: Error) -> Result<()> {
        if !error.is_lock_timeout() {
            return Err(error);
        }
        if self.are_left() {
            sleep(self.call.pause()).await;
            return Ok(());
        }
        Err(self.given_up(error).await?)
    }

    /// Whether there is time for another try.
    pub(crate) fn are_left(&self) -> bool {
        Instant::now() < self.until
    }

    async fn given_up(&self, error: Error) -> Result<Error> {
        let (place, what) = match error {
            Error::Statement { place, .. } => (place, "the statement"),
            Error::Server { action, .. } => (self.place.clone(), action),
            other => return Ok(other),
        };
        Ok(Error::Locked {
            place,
            what,
            waited: self.begun.elapsed(),
            beside: locks::oldest_beside(self.call.session).await?,
        })
    }
}

/// The shortest wait for a lock, whatever is left of the time for it.
const SHORTEST: Duration = Duration::from_millis(10);

/// What the statements of one transaction may wait for locks, all together: whoever waits
/// for the next one holds those of the last, and others wait for these.
///
/// The server does not tell how long a statement waited, so all that a statement takes is
/// counted, but of one that takes long by itself: who comes waits for that anyway.
pub(crate) struct Waits {
    /// What a single statement may wait, and all.
    lock: Duration,
    used: Duration,
    /// What the server was told last.
    told: Duration,
}

impl Waits {
    /// Of a transaction that begins.
    pub(crate) const fn new(lock: Duration) -> Self {
        Self {
            lock,
            used: Duration::ZERO,
            told: lock,
        }
    }

    /// A statement that does not take long by itself took this.
    pub(crate) fn spend(&mut self, took: Duration) {
        self.used = self.used.saturating_add(took);
    }

    /// What is to be set before the next statement, if it is another limit. No limit stays
    /// none.
    pub(crate) fn next(&mut self) -> Option<Duration> {
        let left = self.lock.saturating_sub(self.used).max(SHORTEST);
        let is_news = !self.lock.is_zero() && left + SHORTEST <= self.told;
        is_news.then(|| {
            self.told = left;
            left
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_statement_waited_the_next_one_does_not() {
        let millis = Duration::from_millis;
        let mut waits = Waits::new(millis(500));
        assert_eq!(waits.next(), None, "as the session has it");
        waits.spend(millis(4));
        assert_eq!(waits.next(), None, "not worth a message");
        waits.spend(millis(296));
        assert_eq!(waits.next(), Some(millis(200)));
        assert_eq!(waits.next(), None);
        waits.spend(millis(700));
        assert_eq!(waits.next(), Some(SHORTEST));
        waits.spend(millis(700));
        assert_eq!(waits.next(), None);
        let mut unlimited = Waits::new(Duration::ZERO);
        unlimited.spend(millis(700));
        assert_eq!(unlimited.next(), None);
    }
}
