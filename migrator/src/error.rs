//! What can go wrong with a server, and what to do about it.

use std::time::Duration;

use sluice_migration::Refusal;
use tokio_postgres::error::{DbError, SqlState};

use crate::address::AddressError;
use crate::advice;

/// Where a statement stands, or what is wrong in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its file.
    pub path: String,
    /// The line of the file, from 1.
    pub line: usize,
}

impl std::fmt::Display for Place {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}:{}", self.path, self.line)
    }
}

/// Why something was not done. What was not done left nothing behind, unless it says so.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No usable address.
    #[error(transparent)]
    Address(#[from] AddressError),

    /// The authorities' certificates can't be used.
    #[error("the certificates of the database's authority can't be used: {0}; expected PEM")]
    Authority(String),

    /// No session.
    #[error("no session with {place}: {why}")]
    Unreachable {
        /// The server and the database.
        place: String,
        /// Why not, without a credential.
        why: String,
        /// The SQLSTATE of a server that said no. None: nothing answered.
        code: Option<String>,
    },

    /// What answers is not what migrations can be applied on.
    #[error("{place} can't be migrated: {found}; {next}")]
    Unsuitable {
        /// The server and the database.
        place: String,
        /// What was found.
        found: String,
        /// What to do.
        next: &'static str,
    },

    /// Somebody else migrates this database.
    #[error(
        "somebody else migrates this database: {lock} is held by {holder}; try again when they are done"
    )]
    Busy {
        /// Whose lock.
        lock: &'static str,
        /// Who holds it, as the server says.
        holder: String,
    },

    /// Another promotion took over, or this one was ended.
    #[error(
        "this promotion may change this database no more: found that a later one has it, or that it was ended; \
         expected {own} to be the newest epoch or generation there. This call changed nothing; release again"
    )]
    Fenced {
        /// The epoch or the generation that was fenced off.
        own: i64,
    },

    /// The server refused a statement. What came before it in its transaction was undone.
    #[error(
        "{place}: {what}; {}. What came before it in its transaction was undone",
        advice::of_statement(code)
    )]
    Statement {
        /// Where the statement stands.
        place: Place,
        /// What the server said, with its advice.
        what: String,
        /// Its SQLSTATE.
        code: String,
    },

    /// A lock was not to be had, however often it was asked for.
    #[error(
        "{place}: {what} got no lock within {} s of tries, since others use what it \
         changes; {beside}; try again when they are done", waited.as_secs()
    )]
    Locked {
        /// Where the statement stands.
        place: Place,
        /// What asked for it.
        what: &'static str,
        /// For how long it was tried.
        waited: Duration,
        /// Whose transaction is the oldest.
        beside: String,
    },

    /// What was built can't be used.
    #[error(
        "{place}: the index is there and is not valid: an earlier build of it failed, and IF NOT \
         EXISTS keeps what is left; drop it CONCURRENTLY and try again"
    )]
    Unusable {
        /// Where the statement stands.
        place: Place,
    },

    /// The session ended while a statement ran.
    #[error("{place}: the session ended: {source}; {}", advice::of_server("08006"))]
    Cut {
        /// Where the statement stands.
        place: Place,
        /// What came.
        source: tokio_postgres::Error,
    },

    /// What the folder has does not fit what the database says.
    #[error("the migrations don't fit {place}: {}", listed(refused))]
    Refused {
        /// The server and the database.
        place: String,
        /// All of it.
        refused: Vec<Refusal>,
    },

    /// What would be done is not what people approved.
    #[error(
        "the plan for {place} changed since it was approved: found {found}, approved was {approved}; nothing was \
         applied. Release again to ask for a new approval"
    )]
    PlanChanged {
        /// The server and the database.
        place: String,
        /// The plan's hash now.
        found: String,
        /// The hash that was approved.
        approved: String,
    },

    /// Something of class C would be done, and nobody was asked.
    #[error(
        "{place}: {statement} would be run, of class C, and nobody was asked: the database or its migrations changed \
         since it was planned; nothing was applied. Release again"
    )]
    Unasked {
        /// The server and the database.
        place: String,
        /// The first of such statements.
        statement: String,
    },

    /// Code can't work with the schema that is there.
    #[error(
        "the schema of {place} has moved on: {}; expected one that the code of this release can work with. Nothing \
         was changed; mend it forward with a new release",
        found.join("; ")
    )]
    Unfit {
        /// The server and the database.
        place: String,
        /// What it can't work with.
        found: Vec<String>,
    },

    /// Migrations are through, and the database is not as it has to be.
    #[error("{place} is not as it has to be after its migrations: {}; mend it with another migration", found.join("; "))]
    Unsound {
        /// The server and the database.
        place: String,
        /// All that was found.
        found: Vec<String>,
    },

    /// The session ended, or the server said no to what this crate asked for itself.
    #[error("{action} failed: {}; {}", told(source), next_of(source))]
    Server {
        /// What was asked.
        action: &'static str,
        /// What came.
        source: tokio_postgres::Error,
    },
}

impl Error {
    /// Wraps what came of something that this crate asks for itself.
    pub(crate) fn server(action: &'static str) -> impl FnOnce(tokio_postgres::Error) -> Self {
        move |source| Self::Server { action, source }
    }

    /// Whether nobody knows what became of what was asked: the answer was lost.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        match self {
            Self::Server { source, .. } | Self::Cut { source, .. } => {
                source.code().is_none_or(|code| ends_sessions(code.code()))
            }
            Self::Statement { code, .. } => ends_sessions(code),
            _ => false,
        }
    }

    /// Whether a server answered that can't be one that let the same user into the same
    /// database a moment ago: it lets nobody in with that (class 28), has no such database
    /// (3D000), or is not fit to be migrated.
    #[must_use]
    pub fn is_of_another_server(&self) -> bool {
        match self {
            Self::Unreachable {
                code: Some(code), ..
            } => code.starts_with("28") || code == "3D000",
            Self::Unsuitable { .. } => true,
            _ => false,
        }
    }

    /// Whether a lock was not to be had in time, so that another try may go through.
    #[must_use]
    pub fn is_lock_timeout(&self) -> bool {
        let refused = SqlState::LOCK_NOT_AVAILABLE;
        match self {
            Self::Statement { code, .. } => code == refused.code(),
            Self::Server { source, .. } => source.code() == Some(&refused),
            _ => false,
        }
    }
}

/// What the server said, or else what came of the connection.
fn told(source: &tokio_postgres::Error) -> String {
    source
        .as_db_error()
        .map_or_else(|| source.to_string(), said)
}

/// What to do about it.
fn next_of(source: &tokio_postgres::Error) -> &'static str {
    let code = source.code().map_or("08006", SqlState::code);
    advice::of_server(code)
}

fn listed(refused: &[Refusal]) -> String {
    let all: Vec<String> = refused.iter().map(ToString::to_string).collect();
    all.join("; ")
}

/// Whether the server says with this SQLSTATE that it ends the session, for reasons of its
/// own: classes 57P and 08 (PostgreSQL's documentation, "PostgreSQL Error Codes").
fn ends_sessions(code: &str) -> bool {
    code.starts_with("57P") || code.starts_with("08")
}

/// Whether what is told with this SQLSTATE may hold rows: classes 22 (data) and 23
/// (constraints). What stands in a customer's rows is for no log.
fn tells_rows(code: &str) -> bool {
    code.starts_with("22") || code.starts_with("23")
}

/// What the server said, in one text: message, detail and hint. No detail that shows rows.
pub(crate) fn said(error: &DbError) -> String {
    let mut text = format!("{} ({})", error.message(), error.code().code());
    let detail = error.detail().filter(|_| !tells_rows(error.code().code()));
    for (label, more) in [("detail", detail), ("hint", error.hint())] {
        if let Some(more) = more {
            text = format!("{text}; {label}: {more}");
        }
    }
    text
}
