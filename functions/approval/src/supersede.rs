//! A newer promotion takes the place of those that people are asked about.

use jiff::Timestamp;
use sluice_domain::approval::{Matter, State};
use sluice_domain::promotion::{Promotion, PromotionId};

use crate::{Approval, Error, Ports};

impl<P: Ports> Approval<P> {
    /// Ends the requests of promotions that began before this one in its environment: nobody
    /// wants two releases there, one after the other. What works on the database alone takes
    /// nobody's place, and nobody takes its. Safe to repeat.
    pub(crate) async fn supersede_earlier(
        &self,
        id: &PromotionId,
        now: Timestamp,
    ) -> Result<(), Error> {
        let beside = self.ports.beside(id).await?;
        let Some(own) = beside.iter().find(|promotion| promotion.id == *id) else {
            return Ok(());
        };
        if beside.len() == 1 || self.operates(id).await? {
            return Ok(());
        }
        let began = |promotion: &Promotion| (promotion.opened_at, promotion.id.attempt);
        let mut ended = Ok(());
        for earlier in beside.iter().filter(|other| began(other) < began(own)) {
            // One that fails keeps no other open.
            ended = ended.and(self.supersede(&earlier.id, now).await);
        }
        ended
    }

    async fn supersede(&self, id: &PromotionId, now: Timestamp) -> Result<(), Error> {
        let Some(name) = self.ports.known(id, Matter::Promotion).await? else {
            return Ok(());
        };
        let Some(open) = self.ports.find(&name).await? else {
            return Ok(());
        };
        if open.state != State::Pending || self.operates(id).await? {
            return Ok(());
        }
        let answer = self.settle(open, State::Superseded, now).await?;
        tracing::info!(promotion = %id, state = ?answer.state, "a newer promotion was asked about");
        Ok(self.resume_any(&self.ports.tokens(&name).await?).await?)
    }

    async fn operates(&self, id: &PromotionId) -> Result<bool, Error> {
        let asked = self.ports.asked(id).await?;
        Ok(asked.is_some_and(|asked| asked.operates))
    }
}
