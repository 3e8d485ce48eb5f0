//! What votes make of a request, looked at again where nobody else does.

use jiff::Timestamp;
use sluice_domain::approval::{Answer, Matter, Request, State, Vote};
use sluice_domain::settings::ApprovalPolicy;
use sluice_platform::store::OpenRequest;

use crate::{Approval, Error, Ports};

impl<P: Ports> Approval<P> {
    /// What the votes on a request make of it. One of a step or a wish, at which nobody looks
    /// again (`guard` does, at a promotion's own), is approved only if it would be with what
    /// settings and manifest say now, too; else it is void.
    pub(crate) async fn tally_of(
        &self,
        request: &Request,
        votes: &[Vote],
        at: Timestamp,
    ) -> Result<State, Error> {
        let tally = request.tally(votes, at);
        if tally != State::Approved || request.matter() == Matter::Promotion {
            return Ok(tally);
        }
        let id = &request.promotion;
        let (settings, promotion) =
            tokio::try_join!(self.ports.settings(id), self.ports.promotion(id))?;
        let manifest = self.ports.manifest(&promotion.bundle).await?;
        let policy = settings.approval.map(|policy| ApprovalPolicy {
            expires_seconds: request.policy.expires_seconds,
            ..policy
        });
        let now_asked = Request {
            policy: policy.unwrap_or_else(|| request.policy.clone()),
            authors: Request::authors_of(&manifest),
            ..request.clone()
        };
        Ok(match now_asked.tally(votes, at) {
            State::Approved => State::Approved,
            found => {
                tracing::warn!(promotion = %id, about = request.about(), ?found, "votes that approve a request do not by what settings and manifest say now");
                State::Superseded
            }
        })
    }

    /// How a decided request is answered: as it says, unless it says that it is approved and
    /// its votes do not.
    pub(crate) async fn earned(&self, open: &OpenRequest, votes: &[Vote]) -> Result<Answer, Error> {
        let request = &open.request;
        if open.state != State::Approved {
            return Ok(request.answer(open.state, votes));
        }
        match self.tally_of(request, votes, request.expires_at).await? {
            // Rejected: somebody did so while it was decided. Superseded: it is void since.
            state @ (State::Approved | State::Rejected | State::Superseded) => {
                Ok(request.answer(state, votes))
            }
            // `guard` says of each vote what is wrong with it.
            State::Pending | State::Expired if request.matter() == Matter::Promotion => {
                Ok(request.answer(State::Approved, votes))
            }
            State::Pending | State::Expired => {
                tracing::error!(promotion = %request.promotion, about = request.about(), "a request says it is approved and its votes do not");
                let because =
                    "the request says that it is approved, and its votes do not add up to that";
                Ok(Answer {
                    state: State::Rejected,
                    because: because.to_owned(),
                })
            }
        }
    }
}
