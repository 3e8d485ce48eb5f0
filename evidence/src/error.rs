//! Why a report was not read.

use sluice_domain::evidence::{Format, Kind};

use crate::{DEEPEST, LONGEST, MOST};

/// Why a report was not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is too long.
    #[error("{0} bytes; at most {LONGEST} are read")]
    TooLong(usize),
    /// It is not text.
    #[error("not UTF-8 from byte {0} on; expected UTF-8, or UTF-16 with a byte order mark")]
    NotText(usize),
    /// It is in no format that is known.
    #[error("{0}; expected a report in one of the formats that `sluice inspect --help` lists")]
    Unknown(String),
    /// It is another format than it is called.
    #[error("it is called {called}, and is {found}; correct its `kind`")]
    OtherFormat {
        /// What it is called.
        called: &'static str,
        /// What it is.
        found: &'static str,
    },
    /// It is about something else than it is called.
    #[error("it is called {}, and is a report of {} ({}); correct its `kind`", called.name(), found.name(), format.name())]
    OtherKind {
        /// What it is called.
        called: Kind,
        /// What it is about.
        found: Kind,
        /// How it is written.
        format: Format,
    },
    /// It breaks the rules of its format, or is cut off.
    #[error("not valid as {}: {why}", format.name())]
    Broken {
        /// Its format.
        format: Format,
        /// Where and why.
        why: String,
    },
    /// It nests deeper than it may.
    #[error("nested deeper than {DEEPEST} levels, which no such report needs")]
    TooDeep,
    /// It has more entries than it may.
    #[error("more than {MOST} {0}; split the report, or let the tool report less")]
    TooMany(&'static str),
    /// It says that it is not the whole of what its tool would say.
    #[error("the report says of itself that it is not complete: {0}")]
    Incomplete(String),
}

impl Error {
    pub(crate) fn broken(format: Format, why: impl ToString) -> Self {
        Self::Broken {
            format,
            why: crate::text::brief(&why.to_string()),
        }
    }
}
