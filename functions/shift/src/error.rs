//! What can stop a shift, by how its callers react.

use sluice_domain::alias::Routing;
use sluice_platform::fault::Fault;
use sluice_platform::lambda::{Named, fault_name};
use sluice_platform::store::StoreError;

/// What stopped a shift.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Somebody else moved an alias. A forward step stops; nothing is overwritten.
    #[error(
        "alias {alias} of {function} is not as Sluice left it: found {}, expected RevisionId {expected}. \
         {mover}. Nothing of it was overwritten. {}; settle with them, then release again",
        found.as_ref().map_or("no alias".to_owned(), describe),
        sluice_platform::function::WHO_MOVED_IT
    )]
    AliasChanged {
        /// The Lambda function.
        function: String,
        /// Its alias.
        alias: String,
        /// What stands there.
        found: Option<Routing>,
        /// The RevisionId that Sluice left.
        expected: String,
        /// Who moved it, as far as that is known.
        mover: String,
    },
    /// The request names a step that isn't the one to take.
    #[error("step {asked} was asked for; the journal's next step is {next}")]
    OutOfStep {
        /// The step that was asked for.
        asked: String,
        /// The step that the journal allows.
        next: String,
    },
    /// CodeDeploy did not shift the group: what it says of each deployment.
    #[error("CodeDeploy did not shift the group: {}", .0.join("; "))]
    DeploymentFailed(Vec<String>),
    /// Deployments may still move aliases, which are put back otherwise.
    #[error("the aliases are back, and may be moved again: {0}")]
    DeploymentsUnderWay(String),
    /// Some aliases could not be put back.
    #[error("{} of {all} aliases could not be put back: {}", problems.len(), problems.join("; "))]
    RollbackIncomplete {
        /// What went wrong, per alias.
        problems: Vec<String>,
        /// How many there are.
        all: usize,
    },
    /// Rolling back was not enough.
    #[error("not settled after rolling back: {}", .0.join("; "))]
    NotSettled(Vec<String>),
    /// The state table refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An AWS call failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl Named for Error {
    fn name(&self) -> &'static str {
        match self {
            Self::AliasChanged { .. } => "AliasChanged",
            Self::OutOfStep { .. } => "OutOfStep",
            Self::DeploymentFailed(_) => "DeploymentFailed",
            Self::RollbackIncomplete { .. } | Self::DeploymentsUnderWay(_) => "RollbackIncomplete",
            Self::NotSettled(_) => "NotSettled",
            Self::Store(error) => error.name(),
            Self::Fault(fault) => fault_name(fault),
        }
    }
}

/// `version 3 with 10 % on 4`.
pub(crate) fn describe(routing: &Routing) -> String {
    let extra: Vec<String> = routing
        .weights
        .iter()
        .map(|(version, weight)| format!("{} % on {version}", weight * 100.0))
        .collect();
    if extra.is_empty() {
        format!("version {}", routing.version)
    } else {
        format!("version {} with {}", routing.version, extra.join(", "))
    }
}
