//! Why migrations may not begin, or a database is not restored.

use sluice_domain::migrations::{CannotRestore, OddBackup, OtherServer};
use sluice_domain::promotion::PromotionId;
use sluice_platform::fault::Fault;
use sluice_platform::lambda::{Named, TRIED_AGAIN, fault_name};
use sluice_platform::store::StoreError;

/// Why migrations may not begin, or a database is not restored.
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
    /// A copy came to nothing.
    #[error(
        "copy {name} {why}; expected one on which migrations can be tried, as `database.rehearsal` asks for. \
         Mend what keeps it from that, or take `rehearsal` out of the settings"
    )]
    CopyFailed {
        /// The copy.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// No copy is wanted, or none was made.
    #[error(
        "{0} was tried on no copy; expected `database.rehearsal` in its settings. Release again"
    )]
    NoRehearsal(PromotionId),
    /// What was tried on a copy failed there, or the copy did.
    #[error(
        "tried on a copy of {of}: {why}. Nothing was applied to the database itself. {after}; mend it, then release again"
    )]
    RehearsalFailed {
        /// What the copy was made from.
        of: String,
        /// What failed.
        why: String,
        /// What became of the copy.
        after: String,
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
    /// What has the backup's name is another one.
    #[error(
        "a snapshot called {id} is there already, and {found}; expected the one that this promotion begins, of {server}: \
         it is no backup of what is migrated. Nothing was applied; give it another name or delete it, then release again"
    )]
    BackupTaken {
        /// The backup.
        id: String,
        /// What tells that it is another one.
        found: String,
        /// What it should be of.
        server: String,
    },
    /// The database is on another server than its backups are of.
    #[error(transparent)]
    OtherServer(#[from] OtherServer),
    /// The settings name no way to restore.
    #[error(transparent)]
    CannotRestore(#[from] CannotRestore),
    /// It was asked for something else.
    #[error("{0} restores no backup; expected a promotion that `sluice migrate restore` began")]
    NoRestore(PromotionId),
    /// The backup can't be restored.
    #[error(
        "backup {id} {found}; expected an available one of {server}, which the settings name: `aws rds \
         describe-db-snapshots` and `describe-db-cluster-snapshots` list them. Nothing was changed"
    )]
    BackupUnfit {
        /// The backup.
        id: String,
        /// What was found of it.
        found: String,
        /// Of what it should be.
        server: String,
    },
    /// It can't be the name of a backup.
    #[error(transparent)]
    OddBackup(#[from] OddBackup),
    /// An earlier restore of another backup is between two servers.
    #[error(
        "{server} is between what it was and backup {begun}, which a restore of {by} left unfinished: {found}; expected \
         that one to be finished before backup {id} is restored: ask for {begun} first, which goes on where it ended. No \
         server was changed"
    )]
    Unfinished {
        /// The server.
        server: String,
        /// The backup that was begun with.
        begun: String,
        /// The promotion that began.
        by: String,
        /// The one that was asked for.
        id: String,
        /// How its servers stand.
        found: String,
    },
    /// The server can't be given another name as it is.
    #[error(
        "{server} is {status}; expected it to be available, or RDS to be at work on it, since RDS renames no other, and the \
         one restored from backup {id} takes its name: start it or mend it, or restore by hand. Nothing was changed"
    )]
    ServerUnfit {
        /// The server.
        server: String,
        /// The backup.
        id: String,
        /// What RDS says of it.
        status: String,
    },
    /// The server is gone whose name the restored one would take.
    #[error(
        "{server} is not there; expected the server that the settings name, since the one restored from backup {id} is \
         set up like it: mend `database.backup` in the settings, or restore by hand. Nothing was changed"
    )]
    ServerGone {
        /// The server.
        server: String,
        /// The backup.
        id: String,
    },
    /// A restore can't go on by itself.
    #[error(
        "restoring {server} from backup {id} can't go on: {found}; expected the restored server {new} to take the name \
         and the one of before to be called {old}. Look at them in RDS, put the names right or ask for the same restore \
         again: docs/migrations.md#restore"
    )]
    Stuck {
        /// The server.
        server: String,
        /// The backup.
        id: String,
        /// What was found.
        found: String,
        /// The name of the restored server.
        new: String,
        /// The name of the server of before.
        old: String,
    },
    /// A restore takes too long.
    #[error(
        "restoring {server} from backup {id} was not through after {hours} h; expected it within that time. It may \
         still come to its end: look at its servers in RDS, then ask for the restore again"
    )]
    TooSlow {
        /// The server.
        server: String,
        /// The backup.
        id: String,
        /// After how many hours.
        hours: i64,
    },
    /// The state table failed, or the caller is fenced off.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An AWS call failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl Error {
    /// Whether it is worth trying again.
    pub(crate) fn is_passing(&self) -> bool {
        TRIED_AGAIN.contains(&self.name())
    }
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Fault::other("hashing the settings", error).into()
    }
}

impl Named for Error {
    fn name(&self) -> &'static str {
        match self {
            Self::NoPlan(_) | Self::NoRehearsal(_) => "NotFound",
            Self::NoRecovery { .. } => "NoPointInTimeRecovery",
            Self::CopyFailed { .. } => "CopyFailed",
            Self::RehearsalFailed { .. } => "RehearsalFailed",
            Self::BackupFailed { .. } | Self::BackupTaken { .. } => "BackupFailed",
            Self::CannotRestore(_) | Self::OtherServer(_) => "InvalidSettings",
            Self::NoRestore(_) => "NotFound",
            Self::BackupUnfit { .. }
            | Self::OddBackup(_)
            | Self::ServerGone { .. }
            | Self::ServerUnfit { .. } => "BackupUnfit",
            Self::Stuck { .. } | Self::TooSlow { .. } | Self::Unfinished { .. } => "RestoreFailed",
            Self::Store(error) => error.name(),
            Self::Fault(fault) => fault_name(fault),
        }
    }
}
