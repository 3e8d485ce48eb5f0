//! Why migrations may not begin.

use sluice_domain::promotion::PromotionId;
use sluice_platform::fault::Fault;
use sluice_platform::lambda::{Named, fault_name};
use sluice_platform::store::StoreError;

/// Why migrations may not begin.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Its plan has no migrations.
    #[error(
        "the plan of {0} has no migrations; expected those that its bundle brings. Release again"
    )]
    NoPlan(PromotionId),
    /// What is lost between backups could not be brought back.
    #[error(
        "{server} keeps no backups of its own, which point-in-time recovery needs; expected a backup retention of a day \
         at least: set it, or `database.backup.point_in_time_recovery` to false, then release again. Nothing was applied"
    )]
    NoRecovery {
        /// The server.
        server: String,
    },
    /// The backup came to nothing.
    #[error(
        "backup {id} is {status}; expected one that is available. Nothing was applied; look at it, then release again"
    )]
    BackupFailed {
        /// The backup.
        id: String,
        /// What it says of itself.
        status: String,
    },
    /// The state table failed, or the caller is fenced off.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An AWS call failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl Named for Error {
    fn name(&self) -> &'static str {
        match self {
            Self::NoPlan(_) => "NotFound",
            Self::NoRecovery { .. } => "NoPointInTimeRecovery",
            Self::BackupFailed { .. } => "BackupFailed",
            Self::Store(error) => error.name(),
            Self::Fault(fault) => fault_name(fault),
        }
    }
}
