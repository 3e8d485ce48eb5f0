//! What can stop an approval, by how its callers react.

use sluice_domain::approval::Matter;
use sluice_domain::promotion::PromotionId;
use sluice_platform::bundle::BundleError;
use sluice_platform::fault::Fault;
use sluice_platform::lambda::{Named, fault_name};
use sluice_platform::settings::SettingsError;
use sluice_platform::store::StoreError;

/// What stopped an approval.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The settings changed since the plan was made.
    #[error(
        "the settings of {0} name no approvers any more, but its plan asks for approval; \
         put them back with `sluice env put`, or release again without them"
    )]
    NobodyToAsk(PromotionId),
    /// Who wrote, merged or began it can't approve it, and there are not enough others.
    #[error(
        "{what} could never be approved: who did not write, merge, begin or want it can't fill all slots ({slots}), \
         since one person fills one; add approvers of these roles with `sluice env put`, then {again}"
    )]
    OutOfReach {
        /// What: a promotion, or something of it.
        what: String,
        /// What to do once there are more approvers.
        again: &'static str,
        /// Of which roles people are asked.
        slots: String,
    },
    /// Somebody wrote to the state table: no function of Sluice's does that.
    #[error(
        "what is stored as the request about {matter} of {promotion} is about something else, so that nothing can be \
         approved by it; look who wrote to the state table, end the promotion with `sluice abort`, and release again"
    )]
    Altered {
        /// The promotion.
        promotion: PromotionId,
        /// What was looked for.
        matter: Matter,
    },
    /// The settings can't be used.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The manifest can't be used.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The plan can't be written as JSON.
    #[error("the plan of {0} has no hash: {1}; plan it again with a new attempt")]
    Plan(PromotionId, serde_json::Error),
    /// The system gave no random bytes.
    #[error("no random bytes for a request's id: {0}; try again")]
    NoRandomness(getrandom::Error),
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
            Self::Settings(SettingsError::Fault(fault))
            | Self::Bundle(BundleError::Fault(fault))
            | Self::Fault(fault) => fault_name(fault),
            Self::NobodyToAsk(_) | Self::OutOfReach { .. } | Self::Settings(_) => "InvalidSettings",
            Self::Altered { .. } => "RequestAltered",
            Self::Bundle(_) => "BundleInvalid",
            Self::Plan(..) | Self::NoRandomness(_) => "AwsCallFailed",
            Self::Store(error) => error.name(),
        }
    }
}
