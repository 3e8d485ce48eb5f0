//! A newer promotion takes the place of those that people are asked about.

use jiff::Timestamp;
use sluice_domain::approval::{Matter, State};
use sluice_domain::promotion::{Promotion, PromotionId};
use sluice_platform::store::OpenRequest;

use crate::{Approval, Error, Ports};

impl<P: Ports> Approval<P> {
    /// Ends the requests of promotions that began before this one in its environment, and its
    /// own where people are asked about one that began after it: nobody wants two releases
    /// there, one after the other. What works on the database alone takes nobody's place, and
    /// nobody takes its. Safe to repeat.
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
        for other in beside.iter().filter(|other| other.id != *id) {
            let is_ended = match began(other) < began(own) {
                true => self.supersede(&other.id, now).await,
                false => self.make_way(id, &other.id, now).await,
            };
            // One that fails keeps no other open.
            ended = ended.and(is_ended);
        }
        ended
    }

    /// A newer one may have been quicker to ask.
    async fn make_way(
        &self,
        id: &PromotionId,
        newer: &PromotionId,
        now: Timestamp,
    ) -> Result<(), Error> {
        let open = self.request_about(newer, Matter::Promotion).await?;
        let holds = |open: &OpenRequest| matches!(open.state, State::Pending | State::Approved);
        if !open.as_ref().is_some_and(holds) || self.operates(newer).await? {
            return Ok(());
        }
        self.supersede(id, now).await
    }

    async fn supersede(&self, id: &PromotionId, now: Timestamp) -> Result<(), Error> {
        let Some(open) = self.request_about(id, Matter::Promotion).await? else {
            return Ok(());
        };
        let name = open.request.id.clone();
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
