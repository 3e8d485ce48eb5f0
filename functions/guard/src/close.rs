//! The end of a rollout and of a promotion: fence, locks, record, hand-over.

use jiff::Timestamp;
use serde_json::json;
use sluice_domain::ledger::Kind;
use sluice_domain::promotion::{Outcome, Promotion, PromotionId};
use sluice_platform::store::StoreError;

use crate::{Error, Guard, Output, Ports};

/// What is said of a promotion's end.
pub(crate) struct Ending {
    pub(crate) outcome: Outcome,
    pub(crate) reason: Option<String>,
    pub(crate) execution_arn: Option<String>,
}

impl<P: Ports> Guard<P> {
    /// Fences off what still runs of a rollout that failed, before it is rolled
    /// back. Safe to repeat: the last one that asked may write.
    pub(crate) async fn fence(&self, id: &PromotionId, asking: &str) -> Result<Output, Error> {
        let (promotion, current) = self.ports.promotion(id).await?;
        let ended = |promotion: Promotion, generation| {
            let promotion = promotion.id;
            Err(Error::Store(StoreError::Fenced {
                promotion,
                generation,
            }))
        };
        if promotion.execution_arn != asking || promotion.outcome.is_some() {
            return ended(promotion, current);
        }
        let generation = self.ports.fence(id).await?;
        // It may have ended since it was read: nobody writes after that.
        match self.ports.promotion(id).await? {
            (promotion, _) if promotion.outcome.is_some() => ended(promotion, generation),
            _ => Ok(Output::FencedOff { generation }),
        }
    }

    /// Closes a promotion. Safe to repeat: the first outcome stays (only
    /// `Stranded` gives way to the one that mends it). Until all is done the
    /// promotion stays open, so that the watchdog finds it and closes it again.
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
        let said = reason.as_deref().unwrap_or_default();
        let (outcome, reason) = match self.ports.end(id, outcome, said, now).await {
            Ok(ended) => (
                ended.outcome.unwrap_or(outcome),
                ended.reason.filter(|reason| !reason.is_empty()),
            ),
            // It ended before its record was opened: there is nothing to free.
            Err(StoreError::Missing(_)) => (outcome, reason),
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
            self.ports.settle(id).await?;
            self.try_to_hand_over().await;
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
