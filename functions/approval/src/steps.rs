//! Steps that ask their approvers before they are left. Nobody waits with a token
//! here: `judge` comes again at each of its looks.

use jiff::Timestamp;
use sluice_domain::approval::{Answer, AtStep, State};
use sluice_domain::promotion::PromotionId;

use crate::{Approval, Error, Ports};

impl<P: Ports> Approval<P> {
    /// Asks about a step, unless it was asked about, and counts the votes. People are
    /// told first, so that a try that broke off leaves no request that nobody heard of.
    pub(crate) async fn ask_about_step(
        &self,
        id: &PromotionId,
        step: AtStep,
        desk_url: Option<&str>,
        now: Timestamp,
    ) -> Result<Answer, Error> {
        if let Some(name) = self.ports.known(id, Some(step.index)).await?
            && let Some(open) = self.ports.find(&name).await?
        {
            return self.settle(open, State::Pending, now).await;
        }
        if self.has_ended(id).await? {
            return Ok(Answer::taken_back());
        }
        let draft = self.draft(id, Some(step), now).await?;
        self.tell(&draft, desk_url).await?;
        self.ports.open(&draft.request, None).await?;
        let open = self.find(&draft.request.id).await?;
        self.settle(open, State::Pending, now).await
    }

    /// Takes the request of a step back, unless it is decided, and answers how it stands.
    pub(crate) async fn withdraw(
        &self,
        id: &PromotionId,
        step: usize,
        now: Timestamp,
    ) -> Result<State, Error> {
        let Some(name) = self.ports.known(id, Some(step)).await? else {
            return Ok(State::Superseded);
        };
        match self.ports.find(&name).await? {
            Some(open) => Ok(self.settle(open, State::Superseded, now).await?.state),
            None => Ok(State::Superseded),
        }
    }
}
