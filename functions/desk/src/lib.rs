//! The desk: the page that shows an approval request, and takes a vote.
//!
//! Decides: whether a vote may be stored: it comes from the page itself or from
//! no browser at all, its person may vote, and the approval code is right.
//!
//! Environment: `SLUICE_STATE_TABLE`, `SLUICE_RECORD_FUNCTION`,
//! `SLUICE_APPROVAL_FUNCTION`.
//!
//! Never: decides a request (`approval` counts), changes anything on GET or
//! HEAD, shows what it can't verify as if it were fine, or lets a task token or
//! a code into a page, a log or the ledger.

pub mod aws;
mod form;
mod http;
mod page;
mod tries;
mod vote;

use std::future::Future;

use aws_lambda_events::event::lambda_function_urls::{
    LambdaFunctionUrlRequest, LambdaFunctionUrlResponse,
};
use aws_lambda_events::http::{Method, StatusCode};
use jiff::Timestamp;
use sluice_domain::approval::{Request, State, Vote};
use sluice_domain::digest::Digest;
use sluice_domain::manifest::Manifest;
use sluice_domain::plan::Plan;
use sluice_domain::promotion::PromotionId;
use sluice_platform::fault::Fault;
use sluice_platform::lambda::{Named, fault_name};
use sluice_platform::store::StoreError;
use subtle::ConstantTimeEq as _;

use http::{Answer, Incoming};
pub use tries::Window;

/// Why a page could not be made. People see a page that says so much and no more.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The state table refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An AWS call failed.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// A template could not be filled.
    #[error("a page could not be written: {0}")]
    Page(#[from] askama::Error),
}

impl Named for Error {
    fn name(&self) -> &'static str {
        match self {
            Self::Store(error) => error.name(),
            Self::Fault(fault) => fault_name(fault),
            Self::Page(_) => "PageFailed",
        }
    }
}

/// What a request is about, as it is stored now.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The digest of the promotion's bundle.
    pub bundle: Digest,
    /// What would change.
    pub plan: Plan,
    /// The manifest. None: it is missing, or not the one of this bundle any more.
    pub manifest: Option<Manifest>,
}

/// A person's approval code.
pub struct Code(String);

impl Code {
    /// A code as it is kept. None: it is empty, which would let anybody in.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty()).then(|| Self(text.to_owned()))
    }

    /// Whether this is what was typed. Takes the same time wherever they differ,
    /// and whatever their lengths.
    #[must_use]
    pub fn is(&self, typed: &str) -> bool {
        let (kept, typed) = (
            Digest::of(self.0.as_bytes()),
            Digest::of(typed.trim().as_bytes()),
        );
        kept.bytes().ct_eq(&typed.bytes()).into()
    }
}

/// Requests and votes.
pub trait Requests {
    /// A request and how it stands, without what resumes it. Reads only.
    fn find(&self, id: &str) -> impl Future<Output = Result<Option<(Request, State)>, Error>>;

    /// Its votes. Reads only.
    fn votes(&self, id: &str) -> impl Future<Output = Result<Vec<Vote>, Error>>;

    /// Stores a vote on a pending request, one a person; false if it was not
    /// stored. Safe to repeat: the first vote stays.
    fn cast(&self, id: &str, vote: &Vote) -> impl Future<Output = Result<bool, Error>>;
}

/// What requests are about.
pub trait Subjects {
    /// The subject of a promotion's request. Reads only.
    fn subject(&self, id: &PromotionId) -> impl Future<Output = Result<Subject, Error>>;

    /// Whether the promotion has ended for good. Reads only.
    fn has_ended(&self, id: &PromotionId) -> impl Future<Output = Result<bool, Error>>;
}

/// Approval codes.
pub trait Codes {
    /// The code behind this parameter; None if nobody set one. Reads only.
    fn code(&self, parameter: &str) -> impl Future<Output = Result<Option<Code>, Error>>;

    /// Counts one try of a person on a request in this window of time, and
    /// answers how many there were in it. Every call counts.
    fn count_try(
        &self,
        id: &str,
        person: &str,
        window: Window,
    ) -> impl Future<Output = Result<u64, Error>>;
}

/// The ledger.
pub trait Record {
    /// Records a person's vote. The same person again records nothing.
    fn vote_cast(&self, request: &Request, vote: &Vote) -> impl Future<Output = Result<(), Fault>>;
}

/// The function that counts.
pub trait Tally {
    /// Counts the votes, and lets the promotion go on if they decide. Safe to repeat.
    fn tally(&self, id: &str) -> impl Future<Output = Result<State, Fault>>;
}

/// Everything that the function needs: [`aws::Aws`], or one fake in tests.
pub trait Ports: Requests + Subjects + Codes + Record + Tally {}

impl<P: Requests + Subjects + Codes + Record + Tally> Ports for P {}

/// The function.
pub struct Desk<P> {
    /// Its ports.
    pub ports: P,
}

impl<P: Ports> Desk<P> {
    /// Answers one HTTP request at this time.
    ///
    /// # Errors
    /// When not even the page that reports a failure can be made.
    pub async fn handle(
        &self,
        request: LambdaFunctionUrlRequest,
        now: Timestamp,
    ) -> Result<LambdaFunctionUrlResponse, Error> {
        let incoming = Incoming::from(request);
        let answer = match self.answer(&incoming, now).await {
            Ok(answer) => answer,
            Err(error) => {
                tracing::error!(%error, name = error.name(), "the request was not answered");
                page::failure(&incoming)?
            }
        };
        Ok(answer.into_response(incoming.method == Method::HEAD))
    }

    async fn answer(&self, incoming: &Incoming, now: Timestamp) -> Result<Answer, Error> {
        let reads = incoming.method == Method::GET || incoming.method == Method::HEAD;
        match (incoming.path.as_str(), incoming.request_id()) {
            ("/", _) if reads => page::home(incoming),
            ("/style.css", _) if reads => Ok(page::style()),
            ("/" | "/style.css", _) => page::wrong_method(incoming, "GET, HEAD"),
            (_, Some(id)) if reads => self.show(incoming, id, now).await,
            (_, Some(id)) if incoming.method == Method::POST => self.take(incoming, id, now).await,
            (_, Some(_)) => page::wrong_method(incoming, "GET, HEAD, POST"),
            _ => page::not_found(incoming),
        }
    }

    /// A request and how it stands. Nobody is asked about a promotion that has ended,
    /// whether or not its request was closed by then.
    pub(crate) async fn find(&self, id: &str) -> Result<Option<(Request, State)>, Error> {
        let Some((request, state)) = self.ports.find(id).await? else {
            return Ok(None);
        };
        let is_over = state == State::Pending && self.ports.has_ended(&request.promotion).await?;
        let state = if is_over { State::Superseded } else { state };
        Ok(Some((request, state)))
    }

    async fn show(&self, incoming: &Incoming, id: &str, now: Timestamp) -> Result<Answer, Error> {
        let Some((request, state)) = self.find(id).await? else {
            return page::not_found(incoming);
        };
        let subject = self.ports.subject(&request.promotion).await?;
        let votes = self.ports.votes(id).await?;
        let notice = incoming
            .was_done()
            .then(|| page::recorded(&request, state, &votes));
        page::request(
            incoming,
            &page::Shown {
                request,
                state,
                subject,
                votes,
                notice,
                now,
            },
            StatusCode::OK,
        )
    }

    /// Takes a vote, and answers a program with JSON, a person with a page.
    async fn take(&self, incoming: &Incoming, id: &str, now: Timestamp) -> Result<Answer, Error> {
        let taken = match form::read(incoming) {
            Ok(form) => self.vote(id, &form, now).await?,
            Err(refused) => refused,
        };
        if incoming.wants_json() {
            return Ok(taken.as_json());
        }
        if taken.status == StatusCode::OK {
            return Ok(Answer::see_other(&format!("{id}?done")));
        }
        let found = if taken.state.is_some() {
            self.find(id).await?
        } else {
            None
        };
        let Some((request, state)) = found else {
            return page::refusal(incoming, taken.status, &taken.message);
        };
        let subject = self.ports.subject(&request.promotion).await?;
        let votes = self.ports.votes(id).await?;
        let notice = Some(page::Notice {
            text: taken.message,
            is_problem: !taken.recorded,
        });
        page::request(
            incoming,
            &page::Shown {
                request,
                state,
                subject,
                votes,
                notice,
                now,
            },
            taken.status,
        )
    }
}

#[cfg(test)]
mod tests;
