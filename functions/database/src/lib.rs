//! Has backups made before migrations are applied, has databases put back to them, and
//! writes down what came of it. Has copies made on which migrations are tried, and ends them.
//!
//! Decides: whether a backup is made, and whether it is there: nothing is applied before.
//! Whether a backup can be restored, and what is next until it is.
//! It works where Sluice's tables are, and never sees the database itself; `migrate` does,
//! from wherever that is.
//!
//! Environment: `SLUICE_STATE_TABLE`, `SLUICE_RECORD_FUNCTION`.
//!
//! Never: opens a session with a database, deletes a backup or a server that is no copy of
//! its own, or takes one for made that is not available yet.

pub mod aws;
mod error;
mod fitness;
mod rehearsal;
mod restore;

use std::future::Future;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sluice_domain::ledger::Kind;
use sluice_domain::migrations::{
    BackupPolicy, Checked, CopiedFrom, CopyPlace, Keeper, Migrating, MigrationPlan, RehearsedUnits,
    Request, RestorePlan, Restored, Restoring, begins_with_backup,
};
use sluice_domain::naming::backup;
use sluice_domain::plan::Plan;
use sluice_domain::promotion::{Generation, PromotionId};
use sluice_domain::settings::Role;
use sluice_platform::fault::Fault;
use sluice_platform::store::StoreError;

pub use error::Error;
use rehearsal::Tried;
pub use rehearsal::{Copies, CopyStanding, WantedCopy};
pub use restore::{Access, Answered, Restores, Saved};

/// How long it is waited before a backup is looked at again, in seconds.
const PACE: u64 = 15;

/// What the state machine asks for.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub enum Input {
    /// Have a backup made, if one is to be made, and see whether it is there. Asked again
    /// until it is.
    Prepare {
        /// For which promotion.
        promotion: PromotionId,
        /// The caller's fencing generation.
        generation: Generation,
        /// When the promotion got its locks, in milliseconds.
        epoch: i64,
        /// What is migrated.
        request: Box<Request>,
    },
    /// Write down that migrations are through.
    Finish {
        /// Of which promotion.
        promotion: PromotionId,
        /// What stands now, as `migrate` found it.
        checked: Checked,
        /// The backup that was made before.
        backup: Option<String>,
    },
    /// Say what putting the database back to a backup would do, before people are asked.
    PlanRestore {
        /// For which promotion.
        promotion: PromotionId,
        /// Which database, and which backup.
        request: Box<Request>,
    },
    /// Say whether the backup can still be restored, before any traffic is stopped.
    CheckBackup {
        /// For which promotion.
        promotion: PromotionId,
        /// The caller's fencing generation.
        generation: Generation,
        /// Which database, and which backup.
        request: Box<Request>,
    },
    /// Put the database back to a backup: do what is next, and see how far it is. Asked
    /// again until it is there.
    Restore {
        /// For which promotion.
        promotion: PromotionId,
        /// The caller's fencing generation.
        generation: Generation,
        /// Which database, and which backup.
        request: Box<Request>,
    },
    /// Write down that the database is restored: traffic may come.
    Restored {
        /// For which promotion.
        promotion: PromotionId,
        /// The caller's fencing generation.
        generation: Generation,
        /// Which database, and which backup.
        request: Box<Request>,
        /// What stands now, as `migrate` found it.
        restored: Restored,
        /// What became of the server of before.
        kept: Option<String>,
    },
    /// Begin a copy of the database, on which its migrations are tried.
    BeginRehearsal {
        /// For which promotion.
        promotion: PromotionId,
        /// What is migrated.
        request: Box<Request>,
    },
    /// See whether the copy is there. Asked again until it is.
    LookAtCopy {
        /// For which promotion.
        promotion: PromotionId,
        /// What is migrated.
        request: Box<Request>,
        /// What the copy is made from.
        of: CopiedFrom,
        /// Until when it is kept.
        until: Timestamp,
    },
    /// End the copy, whatever became of it.
    EndRehearsal {
        /// For which promotion.
        promotion: PromotionId,
        /// What is migrated.
        request: Box<Request>,
        /// What was planned.
        plan: Box<MigrationPlan>,
        /// What the copy was made from. Null: none was begun.
        of: Option<CopiedFrom>,
        /// What was applied there.
        units: RehearsedUnits,
        /// The name of what failed. Null: nothing did.
        error: Option<String>,
        /// What it said.
        cause: Option<String>,
    },
}

/// What was reached.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Output {
    /// Whether migrations may begin.
    Prepared {
        /// Whether they may.
        ready: bool,
        /// How long to wait before asking again, in seconds.
        wait_seconds: u64,
        /// The backup. Null: none is made.
        backup: Option<String>,
    },
    /// It is written down.
    Finished {
        /// Always true.
        finished: bool,
    },
    /// What a restore would do, as far as it is known without the database.
    RestorePlanned {
        /// In short.
        restore: Box<RestorePlan>,
    },
    /// The backup can be restored.
    Fit {
        /// Always true.
        fit: bool,
    },
    /// How far a restore is.
    Restoring {
        /// Whether the restored server has the name.
        ready: bool,
        /// How long to wait before asking again, in seconds.
        wait_seconds: u64,
        /// When the backup was made, where that is known.
        made_at: Option<Timestamp>,
        /// What the server of before is called. Null: it has gone nowhere.
        kept: Option<String>,
        /// Where that one answers now. Null: it does not, or is a team's function's matter.
        before: Option<CopyPlace>,
    },
    /// A copy is begun.
    Copying {
        /// What it is made from.
        of: CopiedFrom,
        /// Until when it is kept.
        until: Timestamp,
    },
    /// How a copy stands.
    Copied {
        /// Whether it is there.
        ready: bool,
        /// How long to wait before asking again, in seconds.
        wait_seconds: u64,
        /// Where it is. Null: it is on its way.
        copy: Option<CopyPlace>,
        /// What it is made from.
        of: CopiedFrom,
    },
    /// The copy is ended.
    Tried {
        /// The plan, with what came of it on the copy.
        plan: Box<MigrationPlan>,
    },
}

/// A backup that is being made, or is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// What to ask for it by.
    pub id: String,
    /// Whether the database could be restored from it.
    pub available: bool,
    /// What it says of itself, for people.
    pub status: String,
}

/// What a backup is made with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted<'a> {
    /// Of what.
    pub of: Keeper<'a>,
    /// What it is called: the same whenever the same promotion asks.
    pub name: String,
    /// For which promotion.
    pub promotion: &'a PromotionId,
    /// When it may go.
    pub keep_until: Timestamp,
    /// When the promotion got its locks: what is older is no backup of its.
    pub since: Timestamp,
}

/// Promotions.
pub trait Promotions {
    /// Refuses a generation that is not the promotion's any more. Reads only.
    fn check_fence(
        &self,
        id: &PromotionId,
        generation: Generation,
    ) -> impl Future<Output = Result<(), StoreError>>;

    /// The plan that holds. Reads only.
    fn plan_of(&self, id: &PromotionId) -> impl Future<Output = Result<Plan, StoreError>>;

    /// How far its restore is, which `warm` began when it took traffic away. Reads only.
    fn restoring(&self, id: &PromotionId) -> impl Future<Output = Result<Restoring, StoreError>>;

    /// Notes how far it is, if this generation may still write and it is as it was read, in
    /// one transaction: whoever let traffic in meanwhile was faster. Safe to repeat.
    fn save_restoring(
        &self,
        id: &PromotionId,
        generation: Generation,
        read_new: (&Restoring, &Restoring),
    ) -> impl Future<Output = Result<(), StoreError>>;

    /// How far the last restore of a server came, of whatever environment. Reads only.
    fn last_restore(
        &self,
        access: Access<'_>,
        server: Keeper<'_>,
    ) -> impl Future<Output = Result<Option<Restoring>, StoreError>>;

    /// Notes that this promotion's is the last one, if this generation may still write, in
    /// one transaction. Safe to repeat.
    fn save_last_restore(
        &self,
        access: Access<'_>,
        generation: Generation,
        server: Keeper<'_>,
    ) -> impl Future<Output = Result<(), StoreError>>;

    /// Notes what is about to be applied, for whoever has to end it, if this generation may
    /// still write, in one transaction. Safe to repeat.
    fn save_migrating(
        &self,
        id: &PromotionId,
        generation: Generation,
        migrating: &Migrating,
    ) -> impl Future<Output = Result<(), StoreError>>;
}

/// Where backups are made.
pub trait Backups {
    /// Begins a backup under its name, or finds the one that was begun. Safe to repeat.
    fn make(
        &self,
        role: Option<&Role>,
        wanted: &Wanted<'_>,
    ) -> impl Future<Output = Result<Made, Error>>;

    /// For how many days the server keeps what point-in-time recovery needs; None where
    /// that can't be known. Reads only.
    fn recovery_days(
        &self,
        role: Option<&Role>,
        wanted: &Wanted<'_>,
    ) -> impl Future<Output = Result<Option<i32>, Error>>;
}

/// The way to the ledger.
pub trait Record {
    /// Records a fact of a promotion, once.
    fn record(
        &self,
        id: &PromotionId,
        kind: Kind,
        key: &str,
        facts: Value,
    ) -> impl Future<Output = Result<(), Fault>>;
}

/// The function.
pub struct Databases<P, B, L> {
    /// Where promotions' records are.
    pub promotions: P,
    /// Where backups and copies are made.
    pub backups: B,
    /// The way to the ledger.
    pub ledger: L,
}

impl<P: Promotions, B: Backups + Restores + Copies, L: Record> Databases<P, B, L> {
    /// Handles one request at this time.
    ///
    /// # Errors
    /// With what says no, or the call that failed.
    pub async fn handle(&self, input: Input, now: Timestamp) -> Result<Output, Error> {
        match input {
            Input::Prepare {
                promotion,
                generation,
                epoch,
                request,
            } => {
                self.promotions.check_fence(&promotion, generation).await?;
                let prepared = self.prepare(&promotion, &request, (epoch, now)).await?;
                if matches!(prepared, Output::Prepared { ready: true, .. }) {
                    let migrating = Migrating::of(&request.database, epoch)?;
                    self.promotions
                        .save_migrating(&promotion, generation, &migrating)
                        .await?;
                }
                Ok(prepared)
            }
            Input::Finish {
                promotion,
                checked,
                backup,
            } => {
                let facts = json!({ "backup": backup, "stands": checked });
                self.ledger
                    .record(&promotion, Kind::MigrationsApplied, "migrations", facts)
                    .await?;
                Ok(Output::Finished { finished: true })
            }
            Input::PlanRestore { promotion, request } => {
                self.plan_restore(&promotion, &request).await
            }
            Input::CheckBackup {
                promotion,
                generation,
                request,
            } => self.check_backup(&promotion, generation, &request).await,
            Input::Restore {
                promotion,
                generation,
                request,
            } => self.restore(&promotion, generation, &request, now).await,
            Input::Restored {
                promotion,
                generation,
                request,
                restored,
                kept,
            } => {
                let stands = (restored, kept);
                self.restored(&promotion, generation, &request, stands)
                    .await
            }
            Input::BeginRehearsal { promotion, request } => {
                self.begin_rehearsal(&promotion, &request, now).await
            }
            Input::LookAtCopy {
                promotion,
                request,
                of,
                until,
            } => {
                let begun = (of, until);
                self.look_at_copy(&promotion, &request, begun, now).await
            }
            Input::EndRehearsal {
                promotion,
                request,
                plan,
                of,
                units,
                error,
                cause,
            } => {
                let tried = Tried {
                    of,
                    units,
                    error,
                    cause,
                };
                self.end_rehearsal(&promotion, &request, plan, tried).await
            }
        }
    }

    async fn prepare(
        &self,
        id: &PromotionId,
        request: &Request,
        (epoch, now): (i64, Timestamp),
    ) -> Result<Output, Error> {
        let plan = self.promotions.plan_of(id).await?;
        let missing = || Error::NoPlan(id.clone());
        let migrations = plan.migrations.as_ref().ok_or_else(missing)?;
        let policy = &request.database.backup;
        let Some(of) = begins_with_backup(policy, migrations) else {
            self.begun(id, migrations, None).await?;
            return Ok(Output::Prepared {
                ready: true,
                wait_seconds: 0,
                backup: None,
            });
        };
        let wanted = Wanted {
            of,
            name: backup(id),
            promotion: id,
            keep_until: keep_until(policy, now),
            since: Timestamp::from_millisecond(epoch).unwrap_or(Timestamp::MIN),
        };
        let role = plan.role.as_ref();
        let found = (of, migrations.place.as_str());
        self.refuse_unless_at((role, id), policy, found).await?;
        self.refuse_without_recovery(policy, role, &wanted).await?;
        let made = self.backups.make(role, &wanted).await?;
        if made.available {
            let facts = json!({ "id": made.id, "status": made.status });
            self.ledger
                .record(id, Kind::BackupMade, "backup", facts)
                .await?;
            self.begun(id, migrations, Some(&made.id)).await?;
        }
        tracing::info!(promotion = %id, backup = made.id, status = made.status, "backup");
        Ok(Output::Prepared {
            ready: made.available,
            wait_seconds: PACE,
            backup: Some(made.id),
        })
    }

    async fn begun(
        &self,
        id: &PromotionId,
        plan: &MigrationPlan,
        backup: Option<&str>,
    ) -> Result<(), Fault> {
        let facts = json!({ "plan": plan, "backup": backup });
        let key = "migrations-begun";
        self.ledger
            .record(id, Kind::MigrationsBegun, key, facts)
            .await
    }
}

fn keep_until(policy: &BackupPolicy, now: Timestamp) -> Timestamp {
    let days = SignedDuration::from_hours(24 * i64::from(policy.keep_days));
    now.saturating_add(days).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod fakes;
#[cfg(test)]
mod rehearsal_tests;
#[cfg(test)]
#[path = "lib_tests.rs"]
mod tests;
