//! What can go wrong, and the exit status that says so to scripts.

use std::path::PathBuf;
use std::process::ExitCode;

use sluice_domain::document::Invalid;
use sluice_domain::judge;
use sluice_domain::promotion::Outcome;
use sluice_platform::bundle::BundleError;
use sluice_platform::fault::Fault;
use sluice_platform::settings::SettingsError;
use sluice_platform::store::StoreError;

/// The exit status. The numbers are promised: scripts depend on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Promoted, or done.
    Ok = 0,
    /// Failed in another way.
    Failed = 1,
    /// Wrong usage.
    Usage = 2,
    /// Rolled back.
    RolledBack = 3,
    /// Rejected, expired or superseded.
    NotApproved = 4,
    /// Stranded: a person must look.
    Stranded = 5,
    /// Refused before anything moved.
    Refused = 6,
    /// The judge knows neither harm nor that there is none.
    Inconclusive = 7,
}

impl Exit {
    /// The status that tells of a verdict: a fail is what rolls back.
    #[must_use]
    pub fn of_verdict(outcome: judge::Outcome) -> Self {
        match outcome {
            judge::Outcome::Pass => Self::Ok,
            judge::Outcome::Fail => Self::RolledBack,
            judge::Outcome::Inconclusive => Self::Inconclusive,
        }
    }

    /// The status that tells of an outcome.
    #[must_use]
    pub fn of(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Promoted | Outcome::Done => Self::Ok,
            Outcome::RolledBack => Self::RolledBack,
            Outcome::Rejected | Outcome::Expired | Outcome::Superseded => Self::NotApproved,
            Outcome::Refused => Self::Refused,
            Outcome::Stranded => Self::Stranded,
            Outcome::Aborted | Outcome::Failed => Self::Failed,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The command line makes no sense, or lacks something.
    #[error("{0}")]
    Usage(String),
    /// One of Sluice's functions said no.
    #[error("refused: {message} ({name})")]
    Refused {
        /// The error's name, as state machines know it.
        name: String,
        /// Why.
        message: String,
    },
    /// There is no such stack.
    #[error(
        "there is no stack {stack} in this account and region; deploy it with `make deploy`, or name yours with --stack"
    )]
    NoStack {
        /// Its name.
        stack: String,
    },
    /// The stack lacks an output.
    #[error(
        "stack {stack} has no output {output}; it is older than this command: deploy it again with `make deploy`"
    )]
    NoOutput {
        /// The stack.
        stack: String,
        /// The output.
        output: &'static str,
    },
    /// What was asked for isn't there.
    #[error("{0}")]
    Absent(String),
    /// Traffic could not be taken back.
    #[error("traffic is not back everywhere: {0}. Run it again; what is back stays back")]
    NotBack(String),
    /// Something did not happen in time.
    #[error("{0}")]
    TooLate(String),
    /// What goes on by itself can't be watched any more.
    #[error(
        "{what} goes on, but can't be followed any more: {why}. With credentials that hold, `sluice watch {what}` follows it further"
    )]
    Unfollowed {
        /// A release or a promotion, as `sluice watch` takes it.
        what: String,
        /// What failed.
        why: Box<Error>,
    },
    /// A file can't be used.
    #[error("can't {doing} {}: {source}", path.display())]
    File {
        /// What was tried.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A bundle's folder is not what it must be.
    #[error("{0}")]
    Pack(String),
    /// A door can't be reached, or answers nonsense.
    #[error("{url}: {message}")]
    Http {
        /// Where.
        url: String,
        /// What happened.
        message: String,
    },
    /// A document is wrong.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// A report was not read.
    #[error("{file}: {error}")]
    Evidence {
        /// The file.
        file: String,
        /// Why not.
        error: sluice_evidence::Error,
    },
    /// A public key can't be used.
    #[error(transparent)]
    Key(#[from] sluice_evidence::KeyError),
    /// The bundle is wrong.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// Settings are wrong.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The state table failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An AWS call failed.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// A database can't be asked.
    #[error(transparent)]
    Database(#[from] sluice_migrator::Error),
    /// The terminal, or whoever reads the output, failed.
    #[error("can't write the output: {0}")]
    Output(std::io::Error),
}

impl Error {
    /// A failed file operation.
    pub fn file(
        doing: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File {
            doing,
            path,
            source,
        }
    }

    /// The exit status that tells of this error.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) => Exit::Usage,
            Self::Refused { .. } => Exit::Refused,
            Self::NotBack(_) => Exit::Stranded,
            _ => Exit::Failed,
        }
    }

    /// Whether the reader of the output has gone away (`sluice history | head`).
    #[must_use]
    pub fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == std::io::ErrorKind::BrokenPipe)
    }
}

/// Whether AWS said that the caller may not do this.
#[must_use]
pub fn is_denial(fault: &Fault) -> bool {
    const CODES: [&str; 5] = [
        "AccessDenied",
        "AccessDeniedException",
        "AuthorizationError",
        "AuthorizationErrorException",
        "KmsAccessDeniedException",
    ];
    CODES.iter().any(|code| fault.is(code))
}

/// What commands answer.
pub type Result<T, E = Error> = std::result::Result<T, E>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_has_the_exit_status_that_the_help_promises() {
        let table = [
            (Outcome::Promoted, 0),
            (Outcome::Aborted, 1),
            (Outcome::Failed, 1),
            (Outcome::Done, 0),
            (Outcome::RolledBack, 3),
            (Outcome::Rejected, 4),
            (Outcome::Expired, 4),
            (Outcome::Superseded, 4),
            (Outcome::Stranded, 5),
            (Outcome::Refused, 6),
        ];
        for (outcome, status) in table {
            assert_eq!(Exit::of(outcome) as u8, status, "{outcome:?}");
        }
    }

    #[test]
    fn a_verdict_has_the_exit_status_of_what_would_follow_and_one_of_its_own_for_doubt() {
        let table = [
            (judge::Outcome::Pass, 0),
            (judge::Outcome::Fail, 3),
            (judge::Outcome::Inconclusive, 7),
        ];
        for (outcome, status) in table {
            assert_eq!(Exit::of_verdict(outcome) as u8, status, "{outcome:?}");
        }
    }

    #[test]
    fn wrong_usage_is_2_a_refusal_6_and_anything_else_1() {
        let refused = Error::Refused {
            name: "VersionTaken".into(),
            message: "taken".into(),
        };
        assert_eq!(Error::Usage("no code".into()).exit() as u8, 2);
        assert_eq!(refused.exit() as u8, 6);
        assert_eq!(refused.to_string(), "refused: taken (VersionTaken)");
        assert_eq!(
            Error::Fault(Fault::other("s3:PutObject", "no")).exit() as u8,
            1
        );
    }
}
