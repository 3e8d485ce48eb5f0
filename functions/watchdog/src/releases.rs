//! Releases whose execution has ended before a promotion of theirs began.

use jiff::Timestamp;
use sluice_domain::promotion::{Outcome, PromotionId};
use sluice_platform::store::{Release, StoreError};

use crate::loss::is_over;
use crate::ports::{Approvals, Executions, Facts, Functions, Promotions, Releases, Status};
use crate::{Error, Watchdog};

impl<P, N, E, F, A, L, S> Watchdog<P, N, E, F, A, L, S>
where
    P: Promotions + Releases,
    E: Executions,
    F: Functions,
    A: Approvals,
    L: Facts,
{
    /// Looks after a release: once its execution has ended, every promotion that
    /// it got to has an end that people hear of. Answers the promotion that it had
    /// to close for that.
    pub(crate) async fn look_after_release(
        &self,
        release: &Release,
        now: Timestamp,
    ) -> Result<Option<PromotionId>, Error> {
        let status = self.executions.status(&release.execution_arn).await?;
        if !is_over(&status, release.requested_at, now) {
            return Ok(None);
        }
        for environment in &release.environments {
            let id = release.promotion(environment);
            match self.promotions.current(&id).await {
                Ok(promotion) => match promotion.outcome {
                    Some(Outcome::Promoted) => {}
                    // No other environment is entered after it.
                    Some(_) => break,
                    // It is looked after by itself. Only then is it known how far
                    // the release got.
                    None => return Ok(None),
                },
                Err(StoreError::Missing(_)) => {
                    self.close_unbegun(release, environment, &status).await?;
                    self.promotions.settle_release(release).await?;
                    return Ok(Some(id));
                }
                Err(error) => return Err(error.into()),
            }
        }
        self.promotions.settle_release(release).await?;
        Ok(None)
    }

    async fn close_unbegun(
        &self,
        release: &Release,
        environment: &str,
        status: &Status,
    ) -> Result<(), Error> {
        let outcome = if status.is_stopped() {
            Outcome::Aborted
        } else {
            Outcome::Refused
        };
        let why = format!("its release {status}");
        tracing::warn!(release = %release.execution_arn, environment, why, "a promotion never began");
        let closed = self
            .functions
            .close_unbegun(release, environment, outcome, &why);
        Ok(closed.await?)
    }
}
