//! What can stop the smoke tests, by how its callers react.

use sluice_platform::bundle::BundleError;
use sluice_platform::fault::Fault;
use sluice_platform::lambda::{Named, fault_name};
use sluice_platform::store::StoreError;

use crate::TestResult;

/// What stopped the smoke tests.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Answers were not as expected.
    #[error("{} of {ran} smoke tests failed: {}", failed.len(), list(failed))]
    SmokeTestFailed {
        /// Every test that failed.
        failed: Vec<TestResult>,
        /// How many tests ran.
        ran: usize,
    },
    /// The manifest can't be used.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The state table failed, or lacks what an earlier step must have written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An AWS call failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

fn list(failed: &[TestResult]) -> String {
    let line = |result: &TestResult| {
        format!(
            "`{}` ({}): {}",
            result.test,
            result.target,
            result.problems.join("; ")
        )
    };
    failed.iter().map(line).collect::<Vec<_>>().join(" | ")
}

impl Named for Error {
    fn name(&self) -> &'static str {
        match self {
            Self::SmokeTestFailed { .. } => "SmokeTestFailed",
            Self::Bundle(BundleError::Fault(fault)) | Self::Fault(fault) => fault_name(fault),
            Self::Bundle(_) => "BundleInvalid",
            Self::Store(error) => error.name(),
        }
    }
}
