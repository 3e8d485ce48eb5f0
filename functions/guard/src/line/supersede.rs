//! A line in which only the newest promotion waits.

use jiff::Timestamp;
use sluice_domain::promotion::PromotionId;
use sluice_platform::store::Ticket;

use crate::{Error, Guard, Ports};

/// What tells an older promotion from a newer one: when it was opened, whenever
/// it joined the line. A task that is tried again joins anew, and an approval
/// may take hours.
type Age = (Timestamp, PromotionId);

impl<P: Ports> Guard<P> {
    /// Ends the wait of those that are older than this ticket's promotion; or its
    /// own, if a newer one waits too or has its turn already. The line is read
    /// after this ticket joined: of two that join at once, one finds the other.
    pub(super) async fn keep_newest(&self, ticket: &Ticket, holder: &str) -> Result<(), Error> {
        let id = &ticket.promotion;
        let (promotion, _) = self.ports.promotion(id).await?;
        let mine = (promotion.opened_at, id.clone());
        let mut newest = match holder.parse() {
            Ok(holder) => self.rival(id, &holder).await?,
            // It was given back between two reads.
            Err(_) => None,
        };
        let mut older = Vec::new();
        for other in self.ports.waiting().await? {
            match self.rival(id, &other.promotion).await? {
                Some(age) if age < mine => older.push(other),
                age => newest = newest.max(age),
            }
        }
        if let Some((_, newer)) = newest.filter(|age| *age > mine) {
            return self.end_wait(ticket, &newer).await;
        }
        for older in older {
            self.end_wait(&older, id).await?;
        }
        Ok(())
    }

    /// The age of another promotion into the same environment that goes on.
    async fn rival(&self, id: &PromotionId, other: &PromotionId) -> Result<Option<Age>, Error> {
        let same = other.application == id.application && other.environment == id.environment;
        if !same || other == id {
            return Ok(None);
        }
        // What is done to a database is no newer or older release.
        for one in [id, other] {
            let attempt = self.ports.attempt(one).await?;
            if attempt.is_some_and(|attempt| attempt.operation.is_some()) {
                return Ok(None);
            }
        }
        let (promotion, _) = self.ports.promotion(other).await?;
        let goes_on = promotion.outcome.is_none();
        Ok(goes_on.then_some((promotion.opened_at, promotion.id)))
    }

    async fn end_wait(&self, ticket: &Ticket, newer: &PromotionId) -> Result<(), Error> {
        self.ports.supersede(&ticket.token, newer).await?;
        self.ports.leave(ticket).await?;
        Ok(())
    }
}
