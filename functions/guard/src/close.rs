//! The end of a promotion: fence, locks, hand-over, record.

use jiff::Timestamp;
use serde_json::json;
use sluice_domain::ledger::Kind;
use sluice_domain::promotion::{Outcome, PromotionId};
use sluice_platform::store::StoreError;

use crate::{Error, Guard, Output, Ports};

/// What is said of a promotion's end.
pub(crate) struct Ending {
    pub(crate) outcome: Outcome,
    pub(crate) reason: Option<String>,
    pub(crate) execution_arn: Option<String>,
}

impl<P: Ports> Guard<P> {
    /// Closes a promotion. Safe to repeat: the first outcome stays (only
    /// `Stranded` gives way to the one that mends it).
    pub(crate) async fn close(
        &self,
        id: &PromotionId,
        ending: Ending,
        now: Timestamp,
    ) -> Result<Output, Error> {
        let Ending {
            outcome,
            reason,
            execution_arn,
        } = ending;
        if self.is_another_ones(id, execution_arn.as_deref()).await? {
            return Ok(Output::Closed { outcome });
        }
        let said = reason.clone().unwrap_or_default();
        let outcome = match self.ports.end(id, outcome, &said, now).await {
            Ok(outcome) => outcome,
            // It ended before its record was opened: there is nothing to free.
            Err(StoreError::Missing(_)) => outcome,
            Err(error) => return Err(error.into()),
        };
        // A stranded promotion keeps its locks: nobody else may touch its
        // aliases until the watchdog, or a person, has put them right.
        if outcome != Outcome::Stranded {
            self.ports.unlock(id).await?;
        }
        let kind = if outcome == Outcome::Stranded {
            Kind::Stranded
        } else {
            Kind::PromotionClosed
        };
        let facts = json!({ "outcome": outcome, "reason": reason });
        self.ports.record(id, kind, outcome.title(), facts).await?;
        if outcome != Outcome::Stranded {
            // The promotion is over: whoever can't be resumed now is resumed
            // by the watchdog.
            if let Err(error) = self.hand_over().await {
                tracing::warn!(%error, "the line was not handed over; the watchdog does it");
            }
        }
        Ok(Output::Closed { outcome })
    }

    /// Whether the promotion belongs to another execution than the one that asks.
    async fn is_another_ones(&self, id: &PromotionId, asking: Option<&str>) -> Result<bool, Error> {
        let Some(asking) = asking else {
            return Ok(false);
        };
        match self.ports.promotion(id).await {
            Ok((promotion, _)) => Ok(promotion.execution_arn != asking),
            Err(StoreError::Missing(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}
