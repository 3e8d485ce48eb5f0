//! Why a preview stays, by how its callers react.

use sluice_domain::may::NotAllowed;
use sluice_domain::naming::APPLICATION;
use sluice_domain::text::Unsaid;
use sluice_platform::caller::CallerError;
use sluice_platform::fault::Fault;
use sluice_platform::lambda::{Named, fault_name};
use sluice_platform::settings::SettingsError;
use sluice_platform::store::StoreError;

use crate::ports::PreviewName;

/// Why a preview stays.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is an environment of the path.
    #[error(
        "{0} is no preview: expected a name such as `pr-123`, and settings that Sluice made (`preview_of`); \
         nothing was removed. `sluice preview list` shows the previews of an application"
    )]
    NotAPreview(PreviewName),
    /// No application has such a name.
    #[error("`application`: found `{0}`; expected the name of an application: {APPLICATION}")]
    NotAnApplication(String),
    /// Who asks, or why, is too little or too much.
    #[error("`{field}`: {found}: say who asks to have {named} removed, and why")]
    Unsaid {
        /// The field.
        field: &'static str,
        /// How long it is.
        found: Unsaid,
        /// Which preview.
        named: PreviewName,
    },
    /// A promotion into it moves its aliases.
    #[error(
        "{holder} holds {function}: a preview stays while a promotion into it runs. \
         Remove it again when that has ended, or stop it with `sluice abort`"
    )]
    Busy {
        /// The promotion.
        holder: String,
        /// The function.
        function: String,
    },
    /// Who asks may not remove it.
    #[error(transparent)]
    NotAllowed(#[from] NotAllowed),
    /// Nobody knows who asks.
    #[error(transparent)]
    Caller(#[from] CallerError),
    /// Its settings can't be used.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The state table failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An AWS call failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl Named for Error {
    fn name(&self) -> &'static str {
        match self {
            Self::NotAPreview(_) => "NotAPreview",
            Self::NotAnApplication(_) | Self::Unsaid { .. } => "InvalidInput",
            Self::Busy { .. } => "TargetsBusy",
            Self::Settings(SettingsError::Fault(fault)) | Self::Fault(fault) => fault_name(fault),
            Self::Settings(_) => "InvalidSettings",
            Self::NotAllowed(refusal) => refusal.name(),
            Self::Caller(error) => error.name(),
            Self::Store(error) => error.name(),
        }
    }
}
