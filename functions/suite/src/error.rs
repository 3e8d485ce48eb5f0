//! What can stop a rollout after a suite, by how its callers react.

use sluice_platform::fault::Fault;
use sluice_platform::lambda::{Named, fault_name};
use sluice_platform::settings::SettingsError;
use sluice_platform::store::StoreError;

/// What stopped it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The suite did not show that all is well.
    #[error("suite `{suite}` at stage {stage}: {problem}")]
    SuiteFailed {
        /// The suite.
        suite: String,
        /// When it ran.
        stage: sluice_domain::suites::Stage,
        /// What it found, or what kept it from finding anything.
        problem: String,
    },
    /// The suite did not end in its time.
    #[error("suite `{suite}` at stage {stage}: {problem}")]
    SuiteTimedOut {
        /// The suite.
        suite: String,
        /// When it ran.
        stage: sluice_domain::suites::Stage,
        /// What ran for how long, and what its report says if it left one.
        problem: String,
    },
    /// Settings are missing or wrong.
    #[error(transparent)]
    Settings(SettingsError),
    /// The state table failed, or lacks what an earlier step must have written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An AWS call failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<SettingsError> for Error {
    fn from(error: SettingsError) -> Self {
        match error {
            SettingsError::Fault(fault) => fault.into(),
            other => Self::Settings(other),
        }
    }
}

impl Named for Error {
    fn name(&self) -> &'static str {
        match self {
            Self::SuiteFailed { .. } => "SuiteFailed",
            Self::SuiteTimedOut { .. } => "SuiteTimedOut",
            Self::Fault(fault) => fault_name(fault),
            Self::Settings(_) => "InvalidSettings",
            Self::Store(error) => error.name(),
        }
    }
}
