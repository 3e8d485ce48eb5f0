//! Database migrations: what a bundle brings, where an environment's database is, and
//! what applying them would do.
//!
//! `migrate` reads and applies them, next to the database; what it finds comes back as a
//! [`MigrationPlan`], which is part of the plan that people approve.

mod backup;
mod backup_id;
mod bundle;
mod database;
mod endpoints;
mod hosts;
mod keeper;
mod old_calls;
mod operation;
mod plan;
mod rehearsal;
mod request;
mod restore;
mod snapshot;

pub use backup::{BackupPolicy, BackupRule, CannotRestore, begins_with_backup};
pub use backup_id::{BackupId, OddBackup};
pub use bundle::{IntegrityCheck, Migrations, Reads, Tool};
pub use database::{Credentials, Database, IamUser, NoDatabase};
pub use endpoints::{OtherServer, endpoint_of_member, host_of, refuse_other_server};
pub use hosts::Hosts;
pub use keeper::Keeper;
pub use old_calls::{Called, Entrances, OldCalls, entrances};
pub use operation::{ContractPolicy, Inapplicable, Operation, Subject};
pub use plan::{Counts, MigrationPlan, PlannedStatement, Unfit};
pub use rehearsal::{
    CopiedFrom, CopyPlace, Rehearsal, RehearsalPolicy, RehearsedUnit, RehearsedUnits,
};
pub use request::{Applied, Archive, Brought, Checked, Migrating, Peer, Phase, Request};
pub use restore::{
    Callee, Lost, Progress, RestorePlan, Restored, Restoring, Servers, Standing, Step, Stopped,
    next_step, stops_too,
};
pub use snapshot::{KEEP_UNTIL_TAG, PROMOTION_TAG, may_end, may_go};

#[cfg(test)]
mod tests;
