//! Removes previews: those that somebody asks to have removed, and, on a schedule, those
//! whose time is over or whose removal broke off.
//!
//! Decides: whether who asks may remove previews (`may.start` of the environment that they
//! are derived from), and whether a preview may go now. It may unless a promotion into it
//! holds one of its functions. Its aliases are those of its settings, and those that
//! promotions into it moved on functions which the environment has dropped since. First
//! its settings say that it goes, then go its aliases, then the
//! ledger is told, and last go the settings. So whoever comes to a removal that broke off
//! finds it in the settings, and a release that comes in between takes it back by
//! writing them anew. Parameter Store has no conditional write: settings are read just
//! before they are written, and one that changed since stays. No lock is taken: a promotion of another environment on the same
//! functions is not concerned, and one into the preview that locks them later finds,
//! before its step, that the settings are gone.
//!
//! Environment: `SLUICE_STATE_TABLE`, `SLUICE_RECORD_FUNCTION`.
//!
//! Never: touches an alias that no promotion into the preview moved last, or settings
//! that are no preview's.

pub mod aws;
mod error;
mod may;
mod ports;
mod remove;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sluice_domain::caller::Principal;
use sluice_domain::preview::removal::Removal;

pub use error::Error;
pub use ports::{Documents, Functions, Kept, Open, PreviewName, Promotions, Record};

/// What is asked of this function.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub enum Input {
    /// Remove this preview.
    Remove {
        /// The application.
        application: String,
        /// The preview.
        preview: String,
        /// Who asks, as they say.
        by: String,
        /// Why.
        reason: String,
    },
    /// Remove those whose time is over, and go on with what broke off.
    Expire {},
}

impl Input {
    /// The same, asked by whom STS names, where that is known: then nobody's own word for
    /// it counts.
    #[must_use]
    fn asked_by(mut self, caller: Option<&Principal>) -> Self {
        if let (Self::Remove { by, .. }, Some(principal)) = (&mut self, caller) {
            *by = principal.to_string();
        }
        self
    }
}

/// What became of previews.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Output {
    /// Of the one that was to be removed.
    Removed(Removed),
    /// Of those that were due.
    Expired {
        /// Those that are gone, as `<application>/<preview>`.
        removed: Vec<String>,
        /// Those that stay for now, each with the reason.
        kept: Vec<String>,
    },
}

/// What became of a preview.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Removed {
    /// In a word.
    pub outcome: Outcome,
    /// The aliases that were deleted, as `<function>:<alias>`.
    pub deleted: Vec<String>,
    /// Those that stay: no promotion into it moved them last, or they are in an account or
    /// a region that its settings led to before.
    pub left: Vec<String>,
}

/// What became of a preview, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is gone.
    Removed,
    /// There is none.
    Absent,
    /// It was released anew meanwhile, and lives on.
    Renewed,
}

/// The function.
pub struct Remover<D, P, A, L> {
    /// The settings.
    pub documents: D,
    /// Who holds functions, and who moved aliases.
    pub promotions: P,
    /// The accounts that previews live in.
    pub accounts: A,
    /// The way to the ledger.
    pub ledger: L,
}

impl<D: Documents, P: Promotions, A: Open, L: Record> Remover<D, P, A, L> {
    /// Handles one request at this time, of whom STS names, if that is known. Safe to
    /// repeat: it finishes what another began.
    ///
    /// # Errors
    /// With why a preview stays, or what failed.
    pub async fn handle(
        &self,
        input: Input,
        caller: Option<Principal>,
        now: Timestamp,
    ) -> Result<Output, Error> {
        match input.asked_by(caller.as_ref()) {
            Input::Remove {
                application,
                preview,
                by,
                reason,
            } => {
                let at = now;
                let removal = Removal { by, reason, at };
                let named = PreviewName {
                    application,
                    preview,
                };
                let removed = self.remove_by_name(&named, removal, caller.as_ref());
                let removed = removed.await?;
                Ok(Output::Removed(removed))
            }
            Input::Expire {} => self.expire(now).await,
        }
    }

    /// What goes wrong with one does not keep the others from going.
    async fn expire(&self, now: Timestamp) -> Result<Output, Error> {
        let (mut removed, mut kept, mut failed) = (Vec::new(), Vec::new(), None);
        for Kept { named, settings } in self.documents.previews().await? {
            let preview = settings.preview_of.as_ref();
            let Some(removal) = preview.and_then(|preview| preview.due(now)) else {
                continue;
            };
            match self.remove(&named, settings, removal).await {
                Ok(done) if done.outcome == Outcome::Renewed => {
                    kept.push(format!("{named}: it was released anew"));
                }
                Ok(_) => removed.push(named.to_string()),
                Err(busy @ Error::Busy { .. }) => kept.push(format!("{named}: {busy}")),
                Err(error) => {
                    tracing::error!(preview = %named, %error, "not removed");
                    failed = failed.or(Some(error));
                }
            }
        }
        match failed {
            Some(error) => Err(error),
            None => Ok(Output::Expired { removed, kept }),
        }
    }
}

#[cfg(test)]
mod fakes;
#[cfg(test)]
#[path = "lib_tests.rs"]
mod tests;
