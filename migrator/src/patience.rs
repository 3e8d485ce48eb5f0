//! How long a lock is asked for: in short tries with pauses between them.
//!
//! The queue behind a lock that somebody waits for grows with everybody who comes, so waits
//! are short, and pauses between them longer.

use std::time::Duration;

use sluice_migration::File;
use tokio::time::{Instant, sleep};

use crate::apply::Call;
use crate::error::Place;
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
        if Instant::now() < self.until {
            sleep(self.call.pause()).await;
            return Ok(());
        }
        Err(self.given_up(error).await?)
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
