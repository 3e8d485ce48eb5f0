//! The line in front of the locks: first come, first served, and nobody polls.

use jiff::Timestamp;
use serde_json::json;
use sluice_domain::ledger::Kind;
use sluice_domain::promotion::PromotionId;
use sluice_domain::settings::QueuePolicy;
use sluice_platform::store::{StoreError, TaskToken, Ticket};

use crate::{Error, Guard, Output, Ports, Resumed};

impl<P: Ports> Guard<P> {
    /// Joins the line, then tries to be served. In this order: whoever gives
    /// the targets back afterwards finds the ticket.
    pub(crate) async fn acquire(
        &self,
        id: &PromotionId,
        token: TaskToken,
        now: Timestamp,
    ) -> Result<Output, Error> {
        let plan = self.ports.plan_of(id).await?;
        let targets: Vec<String> = plan
            .changes()
            .map(|(_, function)| function.arn.clone())
            .collect();
        let waiting = self.ports.waiting().await?;
        for stale in waiting.iter().filter(|ticket| ticket.promotion == *id) {
            self.ports.leave(stale).await?;
        }
        let ticket = Ticket {
            promotion: id.clone(),
            targets,
            token,
            queued_at: now,
        };
        self.ports.join(&ticket).await?;
        match self.serve(&ticket).await {
            Ok(()) => Ok(Output::Queued { acquired: true }),
            Err(Error::Store(StoreError::Held { target, holder })) => {
                self.wait(&ticket, &waiting, target, holder).await
            }
            Err(error) => Err(error),
        }
    }

    /// Somebody else holds a target: do what the environment's settings say.
    async fn wait(
        &self,
        ticket: &Ticket,
        waiting: &[Ticket],
        target: String,
        holder: String,
    ) -> Result<Output, Error> {
        let id = &ticket.promotion;
        match self.ports.settings(id).await?.queue {
            QueuePolicy::Refuse => {
                self.ports.leave(ticket).await?;
                return Err(Error::TargetsBusy { target, holder });
            }
            QueuePolicy::Supersede => {
                let same = |other: &Ticket| {
                    other.promotion.application == id.application
                        && other.promotion.environment == id.environment
                };
                for older in waiting
                    .iter()
                    .filter(|other| other.promotion != *id && same(other))
                {
                    self.ports.supersede(&older.token, id).await?;
                    self.ports.leave(older).await?;
                }
            }
            QueuePolicy::Wait => {}
        }
        let facts = json!({ "target": target, "holder": holder });
        self.ports
            .record(id, Kind::TargetsQueued, "queue", facts)
            .await?;
        Ok(Output::Queued { acquired: false })
    }

    /// Gives whoever waits for what is free its turn.
    pub(crate) async fn hand_over(&self) -> Result<u64, Error> {
        let mut resumed = 0;
        for ticket in self.ports.waiting().await? {
            match self.serve(&ticket).await {
                Ok(()) => resumed += 1,
                Err(Error::Store(StoreError::Held { .. })) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(resumed)
    }

    /// Locks a ticket's targets and resumes its promotion. Safe to repeat, and
    /// by two at once: locking again changes nothing, and a second signal finds
    /// nobody waiting. If the promotion was stopped meanwhile, the watchdog
    /// closes it and gives the locks back.
    async fn serve(&self, ticket: &Ticket) -> Result<(), Error> {
        let (promotion, generation) = self.ports.promotion(&ticket.promotion).await?;
        if promotion.outcome.is_some() {
            return Ok(self.ports.leave(ticket).await?);
        }
        self.ports.lock(&ticket.promotion, &ticket.targets).await?;
        let resumed = self.ports.resume(&ticket.token, generation).await?;
        if resumed == Resumed::NobodyWaits {
            tracing::warn!(promotion = %ticket.promotion, "nobody waits under this ticket any more");
        }
        Ok(self.ports.leave(ticket).await?)
    }
}
