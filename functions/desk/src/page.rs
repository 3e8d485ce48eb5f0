//! The pages: what of a request is shown, in which words. Templates only place
//! it; they escape every text.

mod view;

use askama::Template;
use aws_lambda_events::http::StatusCode;
use aws_lambda_events::http::header;
use jiff::Timestamp;
use sluice_domain::approval::{Request, State, Vote};
use sluice_domain::promotion::Outcome;
use sluice_domain::text::plain;

use crate::http::{Answer, Incoming};
use crate::vote::in_words;
use crate::{Error, Subject};
use view::RequestPage;
pub(crate) use view::{doubt, shown};

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

/// A page, without what would move, reorder or hide any of it.
pub(crate) fn html(status: StatusCode, page: &impl Template) -> Result<Answer, Error> {
    Ok(Answer::new(status, HTML, rendered(page)?))
}

/// A template, filled: texts of others are escaped there, and lose here what is no text.
fn rendered(template: &impl Template) -> Result<String, askama::Error> {
    template.render().map(|text| plain(&text))
}

/// The page of a request.
pub(crate) fn request(
    incoming: &Incoming,
    shown: &Shown,
    status: StatusCode,
) -> Result<Answer, Error> {
    let page = RequestPage::of(shown, incoming.to_root())?;
    html(status, &page)
}

/// What a stored vote led to.
pub(crate) fn recorded(request: &Request, state: State, votes: &[Vote]) -> Notice {
    let text = match state {
        State::Pending => {
            let answer = request.answer(State::Pending, votes);
            format!("Recorded: {}.", answer.because)
        }
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
    html(status, &page)
}

/// How the badge of an outcome looks.
pub(crate) fn class_of(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Promoted | Outcome::Done => "approved",
        Outcome::RolledBack | Outcome::Rejected | Outcome::Stranded | Outcome::Failed => "rejected",
        Outcome::Expired | Outcome::Superseded | Outcome::Refused | Outcome::Aborted => "expired",
    }
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
