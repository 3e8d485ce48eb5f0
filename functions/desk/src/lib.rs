//! The desk: the page that shows an approval request, and takes a vote.
//!
//! Decides: whether a vote may be stored: it comes from the page itself or from
//! no browser at all, its person may vote, and the one-time code is right, STS says
//! whose signature is on it, or Slack signed that it was them.
//!
//! Environment: `SLUICE_STATE_TABLE`, `SLUICE_RECORD_FUNCTION`,
//! `SLUICE_APPROVAL_FUNCTION`, `SLUICE_SEAL_KEY`, `SLUICE_SLACK_PARAMETERS`,
//! `SLUICE_SLACK_API`, `SLUICE_SLACK_HOOKS`, `SLUICE_CODE_PARAMETERS` (the name, with a `*`, of
//! the parameters with the secrets of people's one-time codes).
//!
//! Never: decides a request (`approval` counts), changes anything on GET or
//! HEAD, shows what it can't verify as if it were fine, or lets a task token,
//! a code or its secret into a page, a log or the ledger.

pub mod aws;
mod ballot;
mod form;
mod home;
mod http;
mod page;
mod session;
mod signed;
mod slack;
mod tries;
mod vote;

use std::future::Future;
use std::sync::Arc;

use aws_lambda_events::event::lambda_function_urls::{
    LambdaFunctionUrlRequest, LambdaFunctionUrlResponse,
};
use aws_lambda_events::http::{Method, StatusCode};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sluice_domain::approval::{Request, Sealed, State, Vote};
use sluice_domain::digest::Digest;
use sluice_domain::manifest::Manifest;
use sluice_domain::plan::Plan;
use sluice_domain::promotion::{Promotion, PromotionId};
use sluice_platform::caller::{Call, CallerError};
use sluice_platform::fault::Fault;
use sluice_platform::lambda::{Named, fault_name};
use sluice_platform::slack::{Found, SlackError};
use sluice_platform::store::{Session, StoreError};
use sluice_platform::totp::OneTimeSecret;

use ballot::Voter;
pub use home::{Asks, Promoted, Standing};
use http::{Answer, Incoming};
pub use signed::{PEOPLE, Said, Signed};
pub use tries::Window;

/// What reaches the function: what a program signed, or what came to its URL.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Input {
    /// What somebody signed, which has an `op`. No request to the URL has one.
    Signed(Signed),
    /// A request to the URL.
    Http(Box<LambdaFunctionUrlRequest>),
}

/// What it answers.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Output {
    /// To a call.
    Said(Said),
    /// To a request.
    Http(Box<LambdaFunctionUrlResponse>),
}

/// Why a page could not be made. People see a page that says so much and no more.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The state table refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An AWS call failed.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// A signed vote came another way than a program's, or the other way round.
    #[error(
        "found a request to the page at the alias `{PEOPLE}`, or a signed vote elsewhere; nothing was recorded. Expected votes of programs at that alias, which is the stack's output `DeskFunction`, and pages at its URL"
    )]
    WrongDoor,
    /// The system gives no random bytes.
    #[error("found no random bytes for a session ({0}); nobody was signed in")]
    NoRandomness(getrandom::Error),
    /// Nobody knows who calls.
    #[error(transparent)]
    Caller(#[from] CallerError),
    /// A dialog could not be shown.
    #[error(transparent)]
    Slack(#[from] SlackError),
    /// Slack's app has no token, so that it can say nothing.
    #[error(
        "found a signing secret of Slack's app and no parameter `bot-token` beside it; expected its `Bot User OAuth Token`. Nothing was recorded"
    )]
    NoBotToken,
    /// A template could not be filled.
    #[error("a page could not be written: {0}")]
    Page(#[from] askama::Error),
}

impl Named for Error {
    fn name(&self) -> &'static str {
        match self {
            Self::Store(error) => error.name(),
            Self::Fault(fault) => fault_name(fault),
            Self::WrongDoor => "WrongDoor",
            Self::NoRandomness(_) => "AwsCallFailed",
            Self::Caller(error) => error.name(),
            Self::Slack(_) => "SlackFailed",
            Self::NoBotToken => "NoBotToken",
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

/// A request as it is stored, and the promotion that it is about.
pub(crate) struct Stored {
    request: Request,
    state: State,
    /// Whether its state is written down.
    is_decided: bool,
    promotion: Promotion,
}

/// Requests and votes.
pub trait Requests {
    /// A request and how it stands, without what resumes it. Reads only.
    fn find(&self, id: &str) -> impl Future<Output = Result<Option<(Request, State)>, Error>>;

    /// Its votes as they were cast at the desk, those that were taken back among them: what
    /// else is stored there is none. Reads only.
    fn votes(&self, request: &Request) -> impl Future<Output = Result<Vec<Sealed>, Error>>;

    /// Seals a vote and stores it on a pending request, one a person; false if it was not
    /// stored. Safe to repeat: the first vote that was cast here stays.
    fn cast(&self, request: &Request, vote: &Vote) -> impl Future<Output = Result<bool, Error>>;

    /// Takes a vote on a pending request back; false if there is none that stands. Safe to
    /// repeat.
    fn withdraw(&self, id: &str, vote: &Sealed) -> impl Future<Output = Result<bool, Error>>;
}

/// What requests are about.
pub trait Subjects {
    /// The promotion. Reads only.
    fn promotion(&self, id: &PromotionId) -> impl Future<Output = Result<Promotion, Error>>;

    /// The subject of its requests. Reads only.
    fn subject(&self, promotion: &Promotion) -> impl Future<Output = Result<Subject, Error>>;
}

/// One-time codes.
pub trait Codes {
    /// The secret behind this parameter; None if nobody set one. Reads only.
    fn secret(&self, parameter: &str)
    -> impl Future<Output = Result<Option<OneTimeSecret>, Error>>;

    /// Notes that the code of this step was used; false if that one or a later one was
    /// before. A second time is no.
    fn use_step(&self, parameter: &str, step: u64) -> impl Future<Output = Result<bool, Error>>;

    /// Counts one try of a person on a request in this window of time, and
    /// answers how many there were in it. Every call counts.
    fn count_try(
        &self,
        id: &str,
        person: &str,
        window: Window,
    ) -> impl Future<Output = Result<u64, Error>>;
}

/// People who signed in.
pub trait Sessions {
    /// The parameter of the secret of this person's one-time codes, by name; None where none
    /// can be called so.
    fn parameter_of(&self, person: &str) -> Option<String>;

    /// Begins a session, and answers the token that whoever has it carries.
    fn begin_session(&self, session: &Session) -> impl Future<Output = Result<String, Error>>;

    /// The session of a token, over or not. Reads only.
    fn session(&self, token: &str) -> impl Future<Output = Result<Option<Session>, Error>>;

    /// Ends the session of a token. Safe to repeat.
    fn end_session(&self, token: &str) -> impl Future<Output = Result<(), Error>>;

    /// How all applications stand. Reads only.
    fn standing(&self) -> impl Future<Output = Result<Vec<Standing>, Error>>;
}

/// The ledger.
pub trait Record {
    /// Records a person's vote. The same vote again records nothing.
    fn vote_cast(&self, request: &Request, vote: &Vote) -> impl Future<Output = Result<(), Fault>>;

    /// Records that it was taken back. The same again records nothing.
    fn vote_withdrawn(
        &self,
        request: &Request,
        vote: &Vote,
    ) -> impl Future<Output = Result<(), Fault>>;
}

/// The function that counts.
pub trait Tally {
    /// Counts the votes, and lets the promotion go on if they decide. Safe to repeat.
    fn tally(&self, id: &str) -> impl Future<Output = Result<State, Fault>>;
}

/// Slack.
pub trait Chat {
    /// The secrets of Slack's app; none where it is not set up. Reads only.
    fn app(&self) -> impl Future<Output = Result<Arc<Found>, Error>>;

    /// Shows a dialog to whoever clicked. A click opens one, once.
    fn open_dialog(
        &self,
        app: &Found,
        trigger: &str,
        view: &Value,
    ) -> impl Future<Output = Result<(), Error>>;
}

/// Everything that the function needs: [`aws::Aws`], or one fake in tests.
pub trait Ports: Requests + Subjects + Codes + Sessions + Record + Tally + Chat {}

impl<P: Requests + Subjects + Codes + Sessions + Record + Tally + Chat> Ports for P {}

/// The function.
pub struct Desk<P> {
    /// Its ports.
    pub ports: P,
}

impl<P: Ports> Desk<P> {
    /// Answers whatever reaches it, at this time.
    ///
    /// # Errors
    /// When a call fails, or not even a page that says so can be made.
    pub async fn answer_to(
        &self,
        input: Input,
        call: Call,
        now: Timestamp,
    ) -> Result<Output, Error> {
        let is_signed = call.qualifier.as_deref() == Some(PEOPLE);
        match input {
            Input::Signed(signed) if is_signed => {
                let said = self.take_signed(signed, call, now).await?;
                Ok(Output::Said(said))
            }
            Input::Http(request) if !is_signed => {
                let response = self.handle(*request, now).await?;
                Ok(Output::Http(Box::new(response)))
            }
            _ => Err(Error::WrongDoor),
        }
    }

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
            ("/", _) if reads => self.home(incoming, now).await,
            ("/sign-in", _) => self.sign_in(incoming, now).await,
            ("/sign-out", _) => self.sign_out(incoming).await,
            ("/style.css", _) if reads => Ok(page::style()),
            ("/" | "/style.css", _) => page::wrong_method(incoming, "GET, HEAD"),
            (slack::PATH, _) => self.slack(incoming, now).await,
            (_, Some(id)) if reads => self.show(incoming, id, now).await,
            (_, Some(id)) if incoming.method == Method::POST => self.take(incoming, id, now).await,
            (_, Some(_)) => page::wrong_method(incoming, "GET, HEAD, POST"),
            _ => page::not_found(incoming),
        }
    }

    /// A request and how it stands. Nobody is asked about a promotion that has ended,
    /// whether or not its request was closed by then.
    pub(crate) async fn find(&self, id: &str) -> Result<Option<Stored>, Error> {
        let Some((request, state)) = self.ports.find(id).await? else {
            return Ok(None);
        };
        let promotion = self.ports.promotion(&request.promotion).await?;
        let is_over = state == State::Pending && promotion.has_ended();
        Ok(Some(Stored {
            state: if is_over { State::Superseded } else { state },
            is_decided: state != State::Pending,
            request,
            promotion,
        }))
    }

    /// All that the page of a request shows, but what was just done.
    async fn shown(&self, stored: Stored, now: Timestamp) -> Result<page::Shown, Error> {
        let Stored {
            request,
            state,
            promotion,
            ..
        } = stored;
        let subject = self.ports.subject(&promotion);
        let (subject, votes) = tokio::join!(subject, self.ports.votes(&request));
        Ok(page::Shown {
            votes: standing(votes?),
            subject: subject?,
            request,
            state,
            notice: None,
            now,
        })
    }

    async fn show(&self, incoming: &Incoming, id: &str, now: Timestamp) -> Result<Answer, Error> {
        let Some(stored) = self.find(id).await? else {
            return page::not_found(incoming);
        };
        let mut shown = self.shown(stored, now).await?;
        shown.notice = incoming
            .was_done()
            .then(|| page::recorded(&shown.request, shown.state, &shown.votes));
        page::request(incoming, &shown, StatusCode::OK)
    }

    /// Takes a vote, and answers a program with JSON, a person with a page.
    async fn take(&self, incoming: &Incoming, id: &str, now: Timestamp) -> Result<Answer, Error> {
        let taken = match form::read(incoming) {
            Ok(form) => {
                let (person, code) = (form.person.as_str(), form.code.as_str());
                let voter = Voter::Code { person, code };
                self.vote(id, (&form.ballot, voter), now).await?
            }
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
        let Some(stored) = found else {
            return page::refusal(incoming, taken.status, &taken.message);
        };
        let mut shown = self.shown(stored, now).await?;
        shown.notice = Some(page::Notice {
            text: taken.message,
            is_problem: !taken.recorded,
        });
        page::request(incoming, &shown, taken.status)
    }
}

/// The votes that were not taken back.
pub(crate) fn standing(votes: Vec<Sealed>) -> Vec<Vote> {
    let votes = votes.into_iter().map(|sealed| sealed.vote);
    votes.filter(Vote::stands).collect()
}

#[cfg(test)]
mod tests;
