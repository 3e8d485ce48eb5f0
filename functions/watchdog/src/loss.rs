//! Whether anybody answers for a promotion.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sluice_domain::promotion::Promotion;

use crate::Status;

/// Why nobody answers for a promotion any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Loss {
    /// Its execution ended without closing it.
    Execution(Status),
    /// The release that it is part of was ended: whoever did that wants nothing
    /// of it to go on.
    Release(Status),
}

impl Loss {
    /// What the ledger is told. Every run that finds the same says the same, so
    /// that it is recorded once, however often the promotion is tried again.
    pub(crate) fn facts(&self, promotion: &Promotion) -> Value {
        let (what, status) = match self {
            Self::Execution(status) => ("status", status),
            Self::Release(status) => ("release", status),
        };
        json!({ "execution": promotion.execution_arn, what: status.to_string() })
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Execution(status) => write!(
                f,
                "its execution {status} without closing it; the watchdog did"
            ),
            Self::Release(status) => {
                write!(f, "its release {status}; the watchdog ended the promotion")
            }
        }
    }
}

/// An execution that Step Functions does not know may be too new for it to say.
const GRACE: SignedDuration = SignedDuration::from_mins(5);

/// Whether an execution that should have begun at this time has ended.
pub(crate) fn is_over(execution: &Status, since: Timestamp, now: Timestamp) -> bool {
    match execution {
        Status::Running => false,
        Status::Ended(_) => true,
        Status::Unknown => now.duration_since(since) > GRACE,
    }
}

/// Whether a promotion is lost, by its own execution and its release's.
///
/// A release that ends takes along what it runs: Step Functions tries that by
/// itself, and where it succeeded, the promotion's execution was aborted, too.
/// An unknown release is no reason: a promotion can be started without one.
pub(crate) fn lost(
    execution: &Status,
    release: &Status,
    opened_at: Timestamp,
    now: Timestamp,
) -> Option<Loss> {
    match (execution, release) {
        (Status::Running, Status::Ended(_)) => Some(Loss::Release(release.clone())),
        (Status::Running, _) => None,
        (Status::Ended(_), Status::Ended(_)) if execution.is_stopped() && release.is_stopped() => {
            Some(Loss::Release(release.clone()))
        }
        (Status::Ended(_) | Status::Unknown, _) => {
            is_over(execution, opened_at, now).then(|| Loss::Execution(execution.clone()))
        }
    }
}
