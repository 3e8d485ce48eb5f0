//! What is asked while a promotion runs: before a step is left, and where an operator wants
//! what takes an approval. Nobody waits with a token here: `judge` comes again at each of its
//! looks, and an operator asks again.

use jiff::Timestamp;
use sluice_domain::approval::{Answer, AskedWish, Matter, State, WishAnswer};
use sluice_domain::caller::Principal;
use sluice_domain::promotion::PromotionId;
use sluice_platform::store::StoreError;

use crate::{About, Approval, Error, Ports};

impl<P: Ports> Approval<P> {
    /// Asks whether an operator may have what they want. Where an environment has no
    /// approvers, they may.
    pub(crate) async fn ask_about_wish(
        &self,
        id: &PromotionId,
        (wish, requester): (AskedWish, Option<Principal>),
        desk_url: Option<&str>,
        now: Timestamp,
    ) -> Result<WishAnswer, Error> {
        if self.ports.settings(id).await?.approval.is_none() {
            let because = "nobody has to approve it here";
            return Ok(WishAnswer::new(State::Approved, because));
        }
        if requester.is_none() {
            let because = "nobody proved that they ask, and whoever asks must not approve it: expected a request that `sluice` signs with their credentials";
            return Ok(WishAnswer::new(State::Rejected, because));
        }
        // People approve a plan with it.
        if let Err(Error::Store(StoreError::Missing(_))) = self.ports.plan(id).await {
            let because = "not before it is planned, which it is not yet";
            return Ok(WishAnswer::new(State::Pending, because));
        }
        let matter = Matter::Wish(wish.wish);
        let about = About::Wish(wish, requester);
        let answer = self.ask_once(id, about, desk_url, now).await?;
        let open = self.request_about(id, matter).await?;
        Ok(WishAnswer {
            answer,
            asked: open.and_then(|open| open.request.wish),
        })
    }

    /// Asks about something, unless it was asked about, and counts the votes. People are
    /// told first, so that a try that broke off leaves no request that nobody heard of.
    pub(crate) async fn ask_once(
        &self,
        id: &PromotionId,
        about: About,
        desk_url: Option<&str>,
        now: Timestamp,
    ) -> Result<Answer, Error> {
        if let Some(open) = self.request_about(id, about.matter()).await? {
            let answer = self.settle(open.clone(), State::Pending, now).await?;
            if answer.state == State::Pending {
                self.remind(&open, &answer, now).await;
            }
            return Ok(answer);
        }
        if self.has_ended(id).await? {
            return Ok(Answer::taken_back());
        }
        let matter = about.matter();
        let draft = self.draft(id, about, desk_url, now).await?;
        self.tell(&draft).await?;
        self.ports.open(&draft.request, None).await?;
        let open = crate::about((id, matter), self.find(&draft.request.id).await?)?;
        self.settle(open, State::Pending, now).await
    }

    /// Takes the request of a step back, unless it is decided, and answers how it stands.
    pub(crate) async fn withdraw(
        &self,
        id: &PromotionId,
        step: usize,
        now: Timestamp,
    ) -> Result<State, Error> {
        match self.request_about(id, Matter::Step(step)).await? {
            Some(open) => Ok(self.settle(open, State::Superseded, now).await?.state),
            None => Ok(State::Superseded),
        }
    }
}
