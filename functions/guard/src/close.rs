//! The end of a rollout and of a promotion: fence, locks, record, hand-over.

use jiff::Timestamp;
use serde_json::json;
use sluice_domain::ledger::Kind;
use sluice_domain::promotion::{BundleRef, Generation, Outcome, Promotion, PromotionId};
use sluice_platform::store::StoreError;

use crate::{Error, Guard, Output, Ports};

/// What is said of a promotion's end.
pub(crate) struct Ending {
    pub(crate) bundle: Option<BundleRef>,
    pub(crate) outcome: Outcome,
    pub(crate) reason: Option<String>,
    pub(crate) execution_arn: Option<String>,
    pub(crate) generation: Option<Generation>,
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

    /// Closes a promotion, and answers the outcome that holds. None: it is another
    /// execution's, and was left alone. Safe to repeat: the first outcome stays (only
    /// `Stranded` gives way to the one that mends it). Until all is done the
    /// promotion stays open, so that the watchdog finds it and closes it again.
    pub(crate) async fn close(
        &self,
        id: &PromotionId,
        mut ending: Ending,
        now: Timestamp,
    ) -> Result<Option<Outcome>, Error> {
        let promotion = self.record_of(id, &ending, now).await?;
        let attempt = self.ports.attempt(id).await?;
        if attempt.is_some_and(|attempt| attempt.operation.is_some()) {
            ending.outcome = ending.outcome.of_operation();
        }
        let asking = ending.execution_arn.as_deref();
        if asking.is_some_and(|asking| promotion.execution_arn != asking) {
            return Ok(None);
        }
        let said = ending.reason.as_deref().unwrap_or_default();
        let outcome = (ending.outcome, said);
        let ended = self.ports.end(id, outcome, ending.generation, now).await?;
        let outcome = ended.outcome.unwrap_or(ending.outcome);
        let reason = ended.reason.filter(|reason| !reason.is_empty());
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
        Ok(Some(outcome))
    }

    /// Closes a promotion that never began. One that did has its own end, or the
    /// watchdog's: it is left alone. Answers the outcome that it has, if it has one.
    pub(crate) async fn close_unbegun(
        &self,
        id: &PromotionId,
        ending: Ending,
        now: Timestamp,
    ) -> Result<Option<Outcome>, Error> {
        match self.close(id, ending, now).await? {
            Some(outcome) => Ok(Some(outcome)),
            None => Ok(self.ports.promotion(id).await?.0.outcome),
        }
    }

    /// A promotion's record. Where there is none, it is written as one that has
    /// ended: of an opening that is late, and of this, the first one counts.
    async fn record_of(
        &self,
        id: &PromotionId,
        ending: &Ending,
        now: Timestamp,
    ) -> Result<Promotion, Error> {
        let missing = match self.ports.promotion(id).await {
            Ok((promotion, _)) => return Ok(promotion),
            Err(error @ StoreError::Missing(_)) => error,
            Err(error) => return Err(error.into()),
        };
        let (Some(bundle), Some(execution_arn)) = (&ending.bundle, &ending.execution_arn) else {
            return Err(missing.into());
        };
        let closed = Promotion {
            id: id.clone(),
            bundle: bundle.clone(),
            execution_arn: execution_arn.clone(),
            opened_at: now,
            outcome: Some(ending.outcome),
            reason: ending.reason.clone(),
            closed_at: Some(now),
        };
        if self.ports.close_unopened(&closed).await? {
            return Ok(closed);
        }
        Ok(self.ports.promotion(id).await?.0)
    }
}
