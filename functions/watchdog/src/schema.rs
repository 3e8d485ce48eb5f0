//! What a promotion left running in a database.

use jiff::Timestamp;
use sluice_domain::promotion::PromotionId;
use sluice_platform::settings::SettingsError;
use sluice_platform::store::StoreError;

use crate::{CallError, Environments, Functions, Promotions, Watchdog};

/// Why it was not ended.
#[derive(Debug, thiserror::Error)]
enum NotEnded {
    /// The settings may lead to another database.
    #[error(
        "the settings of {0} say something else of `database` than when it was migrated; expected the same. Nothing was \
         ended in either: look at the one of before"
    )]
    Elsewhere(String),
    /// A record that no promotion can have.
    #[error(
        "its record has epoch {0}, which is later than now; expected the time at which it got its locks. Nothing was \
         ended: look who wrote the record"
    )]
    ToCome(i64),
    /// The settings can't be read.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// `migrate` did not end it.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The record can't be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl<P, N, E, F, A, L, S> Watchdog<P, N, E, F, A, L, S>
where
    P: Promotions,
    N: Environments,
    F: Functions,
{
    /// Ends what may still run in the database for a promotion. A database that can't be
    /// reached holds up nothing: whoever migrates next takes it over. Then people are told
    /// so: what this answers stands behind the reason.
    pub(crate) async fn end_migrations(&self, id: &PromotionId, now: Timestamp) -> String {
        match self.try_to_end(id, now).await {
            Ok(()) => String::new(),
            Err(error) => {
                tracing::warn!(promotion = %id, %error, "a migration may still run");
                format!("; a migration may still run in the database: {error}")
            }
        }
    }

    /// The record says only that something was applied: where, the settings say.
    async fn try_to_end(&self, id: &PromotionId, now: Timestamp) -> Result<(), NotEnded> {
        let Some(migrating) = self.promotions.migrating(id).await? else {
            return Ok(());
        };
        if migrating.is_to_come(now) {
            return Err(NotEnded::ToCome(migrating.epoch));
        }
        let database = self.environments.database(id).await?;
        let Some(database) = database.filter(|database| migrating.is_in(database)) else {
            return Err(NotEnded::Elsewhere(id.environment.clone()));
        };
        let ended = self
            .functions
            .end_migrations(id, &database, migrating.epoch);
        Ok(ended.await?)
    }
}
