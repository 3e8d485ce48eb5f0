//! The pages: what of a request is shown, in which words. Templates only place
//! it; they escape every text.

mod view;

use askama::Template;
use aws_lambda_events::http::StatusCode;
use aws_lambda_events::http::header;
use jiff::Timestamp;
use sluice_domain::approval::{Request, State, Vote};

use crate::http::{Answer, Incoming};
use crate::vote::in_words;
use crate::{Error, Subject};
use view::RequestPage;

const HTML: &str = "text/html; charset=utf-8";
const STYLE: &str = include_str!("../templates/style.css");

/// What was just done, or why it was not.
pub(crate) struct Notice {
    /// In a sentence.
    pub(crate) text: String,
    /// Whether the visitor has to react.
    pub(crate) is_problem: bool,
}

/// All that the page of a request is made of.
pub(crate) struct Shown {
    pub(crate) request: Request,
    pub(crate) state: State,
    pub(crate) subject: Subject,
    pub(crate) votes: Vec<Vote>,
    pub(crate) notice: Option<Notice>,
    pub(crate) now: Timestamp,
}

/// The page of a request.
pub(crate) fn request(
    incoming: &Incoming,
    shown: &Shown,
    status: StatusCode,
) -> Result<Answer, Error> {
    let page = RequestPage::of(shown, incoming.to_root());
    Ok(Answer::new(status, HTML, page.render()?))
}

/// What a stored vote led to.
pub(crate) fn recorded(request: &Request, state: State, votes: &[Vote]) -> Notice {
    let text = match state {
        State::Pending => format!(
            "Recorded: {} of {} approvals. Waiting for others.",
            votes.len(),
            request.policy.quorum
        ),
        decided => format!("Recorded. The request is {}.", in_words(decided)),
    };
    Notice {
        text,
        is_problem: false,
    }
}

/// A page that says one thing.
#[derive(Template)]
#[template(path = "message.html")]
struct MessagePage<'a> {
    root: String,
    title: &'a str,
    paragraphs: &'a [&'a str],
}

fn message(
    incoming: &Incoming,
    status: StatusCode,
    title: &str,
    paragraphs: &[&str],
) -> Result<Answer, Error> {
    let page = MessagePage {
        root: incoming.to_root(),
        title,
        paragraphs,
    };
    Ok(Answer::new(status, HTML, page.render()?))
}

/// What this is, for whoever finds it.
pub(crate) fn home(incoming: &Incoming) -> Result<Answer, Error> {
    let paragraphs = [
        "Sluice releases software in small steps. Before some of them it asks people, and this is where they answer.",
        "A request has a link of its own, which its approvers receive. There is nothing to see without one.",
    ];
    message(
        incoming,
        StatusCode::OK,
        "Sluice: the approvals desk",
        &paragraphs,
    )
}

/// There is no such page or request: it does not say which.
pub(crate) fn not_found(incoming: &Incoming) -> Result<Answer, Error> {
    let paragraphs = ["Nothing stands under this address. Check that the link was copied in full."];
    message(incoming, StatusCode::NOT_FOUND, "Not found", &paragraphs)
}

/// The address exists, for other methods.
pub(crate) fn wrong_method(incoming: &Incoming, allowed: &str) -> Result<Answer, Error> {
    let paragraphs = ["This address can't be used in this way. Nothing was changed."];
    let answer = message(
        incoming,
        StatusCode::METHOD_NOT_ALLOWED,
        "Method not allowed",
        &paragraphs,
    )?;
    Ok(answer.with(header::ALLOW, allowed))
}

/// A vote was refused before any request was looked up.
pub(crate) fn refusal(incoming: &Incoming, status: StatusCode, why: &str) -> Result<Answer, Error> {
    message(incoming, status, "Not recorded", &[why])
}

/// Something failed here. The log says what.
pub(crate) fn failure(incoming: &Incoming) -> Result<Answer, Error> {
    let paragraphs = [
        "The desk could not answer; what went wrong is in its log.",
        "If you sent a vote, send it again: the same vote counts once.",
    ];
    message(
        incoming,
        StatusCode::INTERNAL_SERVER_ERROR,
        "Something failed",
        &paragraphs,
    )
}

/// The stylesheet.
pub(crate) fn style() -> Answer {
    Answer::new(StatusCode::OK, "text/css; charset=utf-8", STYLE.to_owned())
}
