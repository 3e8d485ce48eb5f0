//! What can go wrong with a server, and what a person does about it.

use std::path::PathBuf;

/// Everything that this crate reports.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The programs are not there.
    #[error(
        "there is no PostgreSQL in {}: run `make postgres` (SLUICE_POSTGRES names the folder)",
        folder.display()
    )]
    NotInstalled {
        /// Where it was looked for.
        folder: PathBuf,
    },

    /// Root has nobody to run the server as.
    #[error(
        "PostgreSQL refuses to run as root, and there is neither a user `postgres` nor `nobody` in \
         {passwd}; run this as another user"
    )]
    NoUser {
        /// Where users were looked for.
        passwd: &'static str,
    },

    /// A program could not be started, or a file not be used.
    #[error("could not {action} {}: {source}", path.display())]
    Files {
        /// What was tried, as a verb.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },

    /// The server's files could not be made.
    #[error("initdb failed ({status}):\n{output}")]
    Initdb {
        /// How it ended.
        status: String,
        /// What it printed.
        output: String,
    },

    /// The server ended, or did not get ready.
    #[error("PostgreSQL did not start: {found}; the end of its log:\n{tail}")]
    NotStarted {
        /// What was seen instead.
        found: String,
        /// The end of the log.
        tail: String,
    },

    /// No certificate could be made.
    #[error("no certificate for the server could be made: {0}")]
    Certificate(#[from] rcgen::Error),

    /// The server's answer to what this crate asked.
    #[error("{action} failed: {source}")]
    Sql {
        /// What was asked.
        action: &'static str,
        /// What it said.
        source: tokio_postgres::Error,
    },

    /// The server that a variable names has no usable address.
    #[error("SLUICE_TEST_DATABASE_URL: {reason}; expected postgres://user:password@host:port/name")]
    Address {
        /// What is wrong with it.
        reason: String,
    },
}

impl Error {
    /// Wraps an input or output error with what was tried and on what.
    pub(crate) fn files(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Files {
            action,
            path,
            source,
        }
    }
}
