//! The first page: what goes on, for those who signed in.

use askama::Template;
use aws_lambda_events::http::StatusCode;
use jiff::Timestamp;
use sluice_domain::promotion::Promotion;
use sluice_platform::store::Session;

use crate::http::{Answer, Incoming};
use crate::{Error, page};

/// How the promotions of an application stand.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// Its name.
    pub application: String,
    /// The last of them, newest first.
    pub promotions: Vec<Promoted>,
}

/// A promotion, and what is asked about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Promoted {
    /// As it stands.
    pub promotion: Promotion,
    /// The requests that wait for people.
    pub asks: Vec<Asks>,
}

/// A request that waits for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asks {
    /// Its name, which is the last part of its link.
    pub id: String,
    /// What of the promotion it is about.
    pub about: String,
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage<'a> {
    root: String,
    problem: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "home.html")]
struct HomePage<'a> {
    root: String,
    person: &'a str,
    until: String,
    applications: Vec<Application<'a>>,
}

struct Application<'a> {
    name: &'a str,
    promotions: Vec<Row<'a>>,
}

struct Row<'a> {
    version: String,
    environment: &'a str,
    state: &'static str,
    state_class: &'static str,
    at: String,
    at_iso: String,
    reason: String,
    /// Where people are asked.
    asks: &'a [Asks],
}

/// Asks for a name and a code.
pub(crate) fn sign_in(
    incoming: &Incoming,
    status: StatusCode,
    problem: Option<&str>,
) -> Result<Answer, Error> {
    let root = incoming.to_root();
    let form = SignInPage { root, problem };
    page::html(status, &form)
}

/// The list.
pub(crate) fn list(
    incoming: &Incoming,
    session: &Session,
    standing: &[Standing],
) -> Result<Answer, Error> {
    let applications = standing.iter().map(|standing| Application {
        name: &standing.application,
        promotions: standing.promotions.iter().map(row).collect(),
    });
    let list = HomePage {
        root: incoming.to_root(),
        person: &session.person,
        until: session.until.strftime("%H:%M UTC").to_string(),
        applications: applications.collect(),
    };
    page::html(StatusCode::OK, &list)
}

/// Leads to the first page.
pub(crate) fn first(incoming: &Incoming) -> Answer {
    match incoming.to_root() {
        here if here.is_empty() => Answer::see_other("./"),
        root => Answer::see_other(&root),
    }
}

fn row(promoted: &Promoted) -> Row<'_> {
    let Promoted { promotion, asks } = promoted;
    let id = &promotion.id;
    let (state, state_class) = match (promotion.outcome, asks.as_slice()) {
        (None, [_, ..]) => ("Waits for people", "pending"),
        (None, []) => ("Under way", "pending"),
        (Some(outcome), _) => (outcome.title(), page::class_of(outcome)),
    };
    let at: Timestamp = promotion.closed_at.unwrap_or(promotion.opened_at);
    Row {
        version: id.version.to_string(),
        environment: &id.environment,
        state,
        state_class,
        at: at.strftime("%Y-%m-%d %H:%M UTC").to_string(),
        at_iso: at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        reason: promotion.reason.clone().unwrap_or_default(),
        asks,
    }
}
