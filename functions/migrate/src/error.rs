//! Why migrations are not planned, applied or found in order.

use jiff::Timestamp;
use sluice_domain::digest::Digest;
use sluice_domain::migrations::{Hosts, OtherServer};
use sluice_domain::promotion::PromotionId;
use sluice_migration::Refusal;
use sluice_migrator::Error as Migrator;
use sluice_platform::fault::Fault;
use sluice_platform::lambda::{Named, fault_name};

/// Why migrations are not planned, applied or found in order.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The pinned object holds something else.
    #[error(
        "{key} has digest {found}; expected {expected}: build and upload the bundle again. Nothing was applied"
    )]
    Changed {
        /// The object's key.
        key: String,
        /// What was read.
        found: Digest,
        /// What the manifest names.
        expected: Digest,
    },
    /// What is said to be a copy is none.
    #[error(
        "{0} is the database itself; expected a copy of it: let `database.rehearsal.function` answer where it made one. \
         Nothing was applied"
    )]
    NoCopy(String),
    /// There is nothing to apply.
    #[error(
        "the bundle of {0} brings no `migrations`; expected a release that does: only of such a one migrations are \
         applied, contracted or undone"
    )]
    NothingBrought(PromotionId),
    /// Something is pending that was not when the release was planned.
    #[error(
        "{} to be applied on {place} now; expected nothing, as when this release was planned: somebody took \
         migrations back since. Nothing was applied; release again", files.join(", ")
    )]
    CameUp {
        /// The server and the database.
        place: String,
        /// What is pending.
        files: Vec<String>,
    },
    /// The code that serves can't read what the schema would be.
    #[error(
        "the code of {serves}, which serves and which a rollback brings back, can work with migrations up to `{to}` \
         (`migrations.reads.to` in its release.json), and {} came after it; nothing was applied. Release code first that \
         can work with both", files.join(", ")
    )]
    Unread {
        /// The version that serves.
        serves: String,
        /// The newest migration that it can work with.
        to: String,
        /// What came after it.
        files: Vec<String>,
    },
    /// A rollback to the release before would be barred.
    #[error(
        "{} came with the release that serves; expected migrations that {before} brought, too, the release before it: \
         a rollback to {before} is refused once they are applied. Contract when a later release serves, or set \
         `database.contract.same_release`. Nothing was applied", files.join(", ")
    )]
    TooEarly {
        /// What the release before does not know of.
        files: Vec<String>,
        /// The release before.
        before: String,
    },
    /// It can't be unpacked.
    #[error("{0}. Nothing was applied")]
    Archive(Box<Refusal>),
    /// What the migrations are, or how the database stands, speaks against it.
    #[error(
        "the migrations can't be applied: {}. Nothing was applied; `sluice migrate plan` shows all of it",
        list(.0)
    )]
    Refused(Vec<Refusal>),
    /// What would be taken back, or how the database stands, speaks against it.
    #[error(
        "the migrations can't be taken back: {}. Nothing was changed; a new migration that mends what is wrong \
         is the usual way",
        list(.0)
    )]
    NoWayBack(Vec<Refusal>),
    /// A restore would take back what the code that serves needs.
    #[error(
        "backup {backup} was made before {}, which the code that serves needs; expected a backup that has it, or code \
         that works without: go back to the release of before with `sluice rollback`, then ask for this restore. \
         Nothing was changed", told(.needed)
    )]
    TakenBack {
        /// The backup.
        backup: String,
        /// The files.
        needed: Vec<String>,
    },
    /// A restored database lacks what the code that serves needs.
    #[error(
        "the restored database {place} does not fit the code that serves: {}; expected all that it needs: apply that with \
         your own tool and ask for the same restore again, or ask for one of a later backup, which puts another server in \
         its place", told(.found)
    )]
    RestoredUnfit {
        /// The server and the database.
        place: String,
        /// What does not fit.
        found: Vec<String>,
    },
    /// What answers is not the restored server.
    #[error(
        "{place} has {path}, which was applied after its backup was made at {made_at}; expected the restored server: the \
         name may still lead to the one of before for some minutes"
    )]
    OldServer {
        /// The server and the database.
        place: String,
        /// The file.
        path: String,
        /// When the backup was made.
        made_at: Timestamp,
    },
    /// What answers is the server of before.
    #[error(
        "{place} leads to the server of before, which is {before} now; expected the restored one: the name may still lead \
         to the one of before for some minutes"
    )]
    ServerOfBefore {
        /// The server and the database.
        place: String,
        /// Where the server of before is.
        before: String,
    },
    /// The settings lead to a server that the function may not connect to.
    #[error(
        "the settings and their secret lead to host {host}; expected one of {allowed}, which this function may connect \
         to. Nothing was sent there: mend `database.host`, or have whoever deploys the function add the host to the \
         parameter `DatabaseHosts` of its stack"
    )]
    OtherHost {
        /// The host.
        host: String,
        /// Those that it may connect to.
        allowed: Hosts,
    },
    /// A function of the team's leads to a server that the function may not connect to.
    #[error(
        "`database.rehearsal.function` answered host {0}; expected one that the parameter `DatabaseHosts` of this \
         function's stack names, since the database's password is sent there, and nobody else says whose it is. Nothing \
         was sent: have whoever deploys the function add the host"
    )]
    ToldHost(String),
    /// The database is on another server than the one that would be put back.
    #[error(transparent)]
    OtherServer(#[from] OtherServer),
    /// The settings name no way in, which they are checked for when they are stored.
    #[error(
        "the settings name neither `database.secret` nor `database.iam`; mend them with `sluice env put`"
    )]
    NoCredentials,
    /// The database.
    #[error(transparent)]
    Migrator(#[from] Migrator),
    /// A plan that can't be hashed.
    #[error("the plan has no usable hash: {0}")]
    Hash(String),
    /// An AWS call failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// The most refusals that are told: people read them in a message.
const TOLD: usize = 20;

impl Error {
    /// Whether there was no session to be had, or it ended.
    pub(crate) fn is_silence(&self) -> bool {
        match self {
            Self::Migrator(error) => {
                matches!(error, Migrator::Unreachable { .. }) || error.is_unknown()
            }
            _ => false,
        }
    }
}

fn list(refused: &[Refusal]) -> String {
    let refused: Vec<String> = refused.iter().map(ToString::to_string).collect();
    told(&refused)
}

fn told(all: &[String]) -> String {
    let first: Vec<&str> = all.iter().take(TOLD).map(String::as_str).collect();
    match all.len().saturating_sub(TOLD) {
        0 => first.join("; "),
        more => format!("{}; and {more} more", first.join("; ")),
    }
}

impl Named for Error {
    fn name(&self) -> &'static str {
        match self {
            Self::Changed { .. } => "DigestMismatch",
            Self::NoCopy(_) => "CopyFailed",
            Self::NothingBrought(_) | Self::Archive(_) | Self::Hash(_) => "BundleInvalid",
            Self::Refused(_) | Self::NoWayBack(_) => "MigrationsRefused",
            Self::Unread { .. } | Self::TakenBack { .. } | Self::RestoredUnfit { .. } => {
                "SchemaUnfit"
            }
            Self::CameUp { .. } => "PlanChanged",
            Self::TooEarly { .. } => "OldCodeInUse",
            // Another try may reach the right one.
            Self::OldServer { .. } | Self::ServerOfBefore { .. } => "DatabaseUnreachable",
            Self::NoCredentials
            | Self::OtherHost { .. }
            | Self::OtherServer(_)
            | Self::ToldHost(_) => "InvalidSettings",
            Self::Migrator(error) => of_database(error),
            Self::Fault(fault) => fault_name(fault),
        }
    }
}

/// Names by what a caller can do: try again, mend the migrations, or mend the settings.
fn of_database(error: &Migrator) -> &'static str {
    match error {
        error if error.is_unknown() => "SessionLost",
        Migrator::Address(_) | Migrator::Authority(_) => "InvalidSettings",
        Migrator::Unreachable { .. } => "DatabaseUnreachable",
        Migrator::Unsuitable { .. } => "DatabaseUnfit",
        Migrator::Busy { .. } | Migrator::Locked { .. } => "DatabaseBusy",
        Migrator::Fenced { .. } => "Fenced",
        Migrator::Refused { .. } => "MigrationsRefused",
        Migrator::PlanChanged { .. } | Migrator::Unasked { .. } => "PlanChanged",
        Migrator::Unfit { .. } => "SchemaUnfit",
        Migrator::Unsound { .. } => "SchemaUnsound",
        _ => "StatementFailed",
    }
}
