//! What can stop `warm`, by how its callers react.

use sluice_domain::promotion::PromotionId;
use sluice_platform::fault::Fault;
use sluice_platform::lambda::{Named, fault_name};
use sluice_platform::store::StoreError;

/// What stopped it. No traffic has moved to another version by then.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A new version did not get the provisioned concurrency that the one before has.
    #[error(
        "{function}:{to} did not get the {executions} provisioned environments that version {from} \
         has: {found}; expected status READY. Both have them while traffic moves: see whether the \
         account's concurrency and the function's reserved concurrency leave room for that, and \
         release again"
    )]
    NotProvisioned {
        /// The Lambda function.
        function: String,
        /// The new version.
        to: String,
        /// The version that has it.
        from: String,
        /// How much.
        executions: u32,
        /// How it stands.
        found: String,
    },
    /// A version does not take calls.
    #[error(
        "{function}:{version} takes no calls: found {found}, expected state Active within {seconds} s; \
         look at the version in Lambda, then release again"
    )]
    NotReady {
        /// The Lambda function.
        function: String,
        /// The version.
        version: String,
        /// How it stands.
        found: String,
        /// How long it was waited for.
        seconds: u64,
    },
    /// Lambda does not take a function's calls off.
    #[error(
        "{function} still gets calls: {found}; expected reserved concurrency 0, which Lambda refuses where a version or \
         alias has provisioned concurrency: take that off, and ask again. The database was not touched"
    )]
    NotStopped {
        /// The Lambda function.
        function: String,
        /// What Lambda said.
        found: String,
    },
    /// The restore of another environment has taken a function's calls.
    #[error(
        "{function} gets no calls since {by} is putting its database back; expected a function that no other \
         environment's restore holds. Nothing was stopped: bring that restore to its end, then ask again"
    )]
    StoppedElsewhere {
        /// The Lambda function.
        function: String,
        /// Whose restore.
        by: PromotionId,
    },
    /// Somebody let some of the functions in that an unfinished restore had stopped.
    #[error(
        "the restore that {by} left unfinished took the calls off {off}, and somebody has let {open} in since; expected \
         all of them to be off, or none. Nothing was stopped: let {off} in, too, if the database is whole, or take the \
         calls off {open} again to go on with that restore; docs/migrations.md#restore. Then ask again"
    )]
    LetIn {
        /// The promotion that began it.
        by: Box<PromotionId>,
        /// Who is called, as manifests name them.
        open: String,
        /// Who is not.
        off: String,
    },
    /// Traffic may come, and could not be let in.
    #[error(
        "traffic of {functions} may still be off: {found}; expected them to have what they had before the restore. \
         Mend what keeps Lambda from it: it is tried again until it succeeds. Or let them in by hand: \
         docs/migrations.md#restore"
    )]
    TrafficOff {
        /// The functions, as manifests name them.
        functions: String,
        /// What failed.
        found: String,
    },
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
            Self::NotProvisioned { .. } => "NotProvisioned",
            Self::NotReady { .. } => "NotReady",
            Self::NotStopped { .. } | Self::LetIn { .. } => "NotStopped",
            Self::StoppedElsewhere { .. } => "StoppedElsewhere",
            Self::TrafficOff { .. } => "TrafficOff",
            Self::Store(error) => error.name(),
            Self::Fault(fault) => fault_name(fault),
        }
    }
}
