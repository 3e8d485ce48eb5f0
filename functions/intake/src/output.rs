//! What came of an event or a request.

use semver::Version;
use serde::{Deserialize, Serialize};
use sluice_platform::store::Release;

use crate::request::Subject;

/// What came of an event or a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Output {
    /// What came of it, in a word.
    pub outcome: Outcome,
    /// The `release` execution that it is about.
    pub execution_arn: Option<String>,
    /// The application.
    pub application: Option<String>,
    /// The version.
    pub version: Option<Version>,
    /// The attempt.
    pub attempt: Option<u32>,
    /// What came of it, for people.
    pub message: String,
}

/// What came of an event or a request, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// An attempt started.
    Started,
    /// The same was asked for before; nothing started.
    Duplicate,
    /// It asks for no release.
    Ignored,
    /// A newer version is there, or on its way; nothing started.
    Superseded,
    /// A person begins it; nothing started.
    Held,
}

impl Output {
    pub(crate) fn ignored(message: String) -> Self {
        Self {
            outcome: Outcome::Ignored,
            execution_arn: None,
            application: None,
            version: None,
            attempt: None,
            message,
        }
    }

    /// Nothing started of a version, and that is no mistake.
    pub(crate) fn set_aside(outcome: Outcome, subject: &Subject, message: String) -> Self {
        Self {
            outcome,
            application: Some(subject.application.clone()),
            version: Some(subject.version.clone()),
            ..Self::ignored(message)
        }
    }

    pub(crate) fn of(outcome: Outcome, release: &Release, message: String) -> Self {
        Self {
            outcome,
            execution_arn: Some(release.execution_arn.clone()),
            application: Some(release.application.clone()),
            version: Some(release.version.clone()),
            attempt: Some(release.attempt),
            message,
        }
    }
}
