//! Putting a database back to a backup, one step for each call.
//!
//! A restore always makes a new server. It gets the name of the one of before, so that
//! everybody finds it where they found that; the one of before is kept under another name.
//! What is next follows from the servers that are there (`next_step`), so that it can be
//! asked again whatever became of the call before.

use std::future::Future;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use sluice_domain::ledger::Kind;
use sluice_domain::migrations::{
    BackupId, CopyPlace, Keeper, Operation, Progress, Request, Restored, Restoring, Servers,
    Standing, Step, next_step,
};
use sluice_domain::naming::{Beside, beside};
use sluice_domain::promotion::{Generation, PromotionId};
use sluice_domain::settings::Role;
use sluice_platform::store::StoreError;

use crate::{Backups, Databases, Error, Output, Promotions, Record};

/// How long it is waited before a restore is looked at again, in seconds.
const PACE: u64 = 15;

/// The longest that a team's function may have itself waited for, in seconds.
const LONGEST_PACE: u64 = 900;

/// How long a restore may take, in hours: an execution's history has room for no more
/// looks at this pace (Step Functions' quotas: 25,000 events).
const HOURS: i64 = 10;

/// With which role, and for which promotion, an account is entered.
pub type Access<'a> = (Option<&'a Role>, &'a PromotionId);

/// A backup as it is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    /// The name of the server that it is of.
    pub of: String,
    /// What it says of itself.
    pub status: String,
    /// When it was made.
    pub made_at: Option<Timestamp>,
}

/// What a team's function answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answered {
    /// Whether the database is as its backup has it.
    pub restored: bool,
    /// How long to wait before it is asked again, in seconds.
    pub wait_seconds: Option<u64>,
}

/// Where backups are restored. A server's name is of its kind: a cluster's or an instance's.
pub trait Restores {
    /// A backup of this name. None: there is none. Reads only.
    fn saved(
        &self,
        access: Access<'_>,
        server: Keeper<'_>,
        backup: &str,
    ) -> impl Future<Output = Result<Option<Saved>, Error>>;

    /// What people should know of a server that is to be replaced. Reads only.
    fn notes(
        &self,
        access: Access<'_>,
        server: Keeper<'_>,
    ) -> impl Future<Output = Result<Vec<String>, Error>>;

    /// The servers of these names. Reads only.
    fn servers(
        &self,
        access: Access<'_>,
        server: Keeper<'_>,
        names: &Beside,
    ) -> impl Future<Output = Result<Servers, Error>>;

    /// Where the server answers, by all the names that RDS gives it. None: there is none of
    /// its name. Reads only.
    fn endpoints(
        &self,
        access: Access<'_>,
        server: Keeper<'_>,
    ) -> impl Future<Output = Result<Option<Vec<String>>, Error>>;

    /// Where a server of this name answers. None: nowhere, or there is none. Reads only.
    fn place(
        &self,
        access: Access<'_>,
        server: Keeper<'_>,
        name: &str,
    ) -> impl Future<Output = Result<Option<CopyPlace>, Error>>;

    /// Begins a new server out of a backup, set up like the one there. Safe to repeat: one
    /// that is there stays.
    fn create(
        &self,
        access: Access<'_>,
        server: Keeper<'_>,
        backup: &str,
        names: &Beside,
    ) -> impl Future<Output = Result<(), Error>>;

    /// Begins the writer of a new cluster, of the class of the one there. Safe to repeat.
    fn add_writer(
        &self,
        access: Access<'_>,
        server: Keeper<'_>,
        names: &Beside,
    ) -> impl Future<Output = Result<(), Error>>;

    /// Gives a server another name. Safe to repeat: one that is gone has it already.
    fn rename(
        &self,
        access: Access<'_>,
        server: Keeper<'_>,
        from_to: (&str, &str),
    ) -> impl Future<Output = Result<(), Error>>;

    /// Ends the sessions of a server that has another name now, where renaming does not:
    /// nobody may go on writing there. Safe to repeat.
    fn end_sessions(
        &self,
        access: Access<'_>,
        server: Keeper<'_>,
        name: &str,
    ) -> impl Future<Output = Result<(), Error>>;

    /// Asks a team's function, which is asked again until it says that it is through.
    fn ask(
        &self,
        function: &str,
        promotion: &PromotionId,
        backup: &str,
    ) -> impl Future<Output = Result<Answered, Error>>;
}

/// What a restore is about.
#[derive(Clone, Copy)]
struct Task<'a> {
    id: &'a PromotionId,
    generation: Generation,
    server: Keeper<'a>,
    backup: &'a BackupId,
    role: Option<&'a Role>,
}

impl<'a> Task<'a> {
    const fn access(&self) -> Access<'a> {
        (self.role, self.id)
    }
}

/// The backup that a request is about.
pub(crate) fn backup_of<'a>(id: &PromotionId, request: &'a Request) -> Result<&'a BackupId, Error> {
    match &request.operation {
        Some(Operation::Restore { backup }) => Ok(backup),
        _ => Err(Error::NoRestore(id.clone())),
    }
}

impl<P: Promotions, B: Backups + Restores, L: Record> Databases<P, B, L> {
    /// Does what is next.
    pub(crate) async fn restore(
        &self,
        id: &PromotionId,
        generation: Generation,
        request: &Request,
        now: Timestamp,
    ) -> Result<Output, Error> {
        self.promotions.check_fence(id, generation).await?;
        let server = request.database.backup.can_restore()?;
        let backup = backup_of(id, request)?;
        backup.refuse_unless_of(server)?;
        let plan = self.promotions.plan_of(id).await?;
        let task = Task {
            id,
            generation,
            server,
            backup,
            role: plan.role.as_ref(),
        };
        let restoring = self.dated(&task, now).await?;
        match server {
            Keeper::Function(function) => self.by_function(&task, restoring, function).await,
            _ => self.by_snapshot(&task, restoring).await,
        }
    }

    /// How far it is, with its backup and the time at which it began. One that takes too long
    /// has failed.
    async fn dated(&self, task: &Task<'_>, now: Timestamp) -> Result<Restoring, Error> {
        let restoring = self.promotions.restoring(task.id).await?;
        let (id, generation) = (task.id, task.generation);
        if restoring.progress == Progress::Resumed {
            // Traffic comes again: this call is late.
            let promotion = id.clone();
            return Err(Error::Store(StoreError::Fenced {
                promotion,
                generation,
            }));
        }
        let is_another = self
            .is_another(task.access(), &restoring, task.server, task.backup)
            .await?;
        let Some(began_at) = restoring.began_at.filter(|_| !is_another) else {
            return self.begin(task, restoring, is_another, now).await;
        };
        if now.duration_since(began_at) > SignedDuration::from_hours(HOURS) {
            return Err(Error::TooSlow {
                server: task.server.to_string(),
                id: task.backup.to_string(),
                hours: HOURS,
            });
        }
        Ok(restoring)
    }

    /// Writes down which backup it is, and of which promotion its servers have their names.
    async fn begin(
        &self,
        task: &Task<'_>,
        restoring: Restoring,
        is_another: bool,
        now: Timestamp,
    ) -> Result<Restoring, Error> {
        let (id, generation) = (task.id, task.generation);
        let mut dated = Restoring {
            began_at: Some(now),
            backup: Some(task.backup.clone()),
            ..restoring.clone()
        };
        if is_another {
            // Its servers are not to be taken for those of an earlier restore.
            dated.named_by = Some(id.clone());
        } else if let Some(left) = (self.between(task.access(), task.server, task.backup)).await? {
            // An earlier restore left them, and traffic was let in by hand since.
            dated.named_by = Some(left);
            dated.progress = Progress::Swapping;
        }
        if dated.progress == Progress::Swapping {
            self.promotions
                .save_last_restore(task.access(), generation, task.server)
                .await?;
        }
        self.promotions
            .save_restoring(id, generation, (&restoring, &dated))
            .await?;
        Ok(dated)
    }

    /// From here on the database may be between what it was and its backup: written down
    /// before it is so.
    async fn swaps(&self, task: &Task<'_>, restoring: &Restoring) -> Result<(), Error> {
        if restoring.progress == Progress::Swapping {
            return Ok(());
        }
        let swapping = Restoring {
            progress: Progress::Swapping,
            ..restoring.clone()
        };
        let (id, generation) = (task.id, task.generation);
        self.promotions
            .save_last_restore(task.access(), generation, task.server)
            .await?;
        let read_new = (restoring, &swapping);
        let saved = self.promotions.save_restoring(id, generation, read_new);
        Ok(saved.await?)
    }

    async fn by_function(
        &self,
        task: &Task<'_>,
        restoring: Restoring,
        function: &str,
    ) -> Result<Output, Error> {
        self.swaps(task, &restoring).await?;
        let asked = self
            .backups
            .ask(function, task.id, task.backup.as_str())
            .await?;
        let pace = asked.wait_seconds.unwrap_or(PACE);
        Ok(Output::Restoring {
            ready: asked.restored,
            wait_seconds: pace.clamp(1, LONGEST_PACE),
            made_at: None,
            kept: None,
            before: None,
        })
    }

    async fn by_snapshot(&self, task: &Task<'_>, restoring: Restoring) -> Result<Output, Error> {
        let (access, server, backup) = (task.access(), task.server, task.backup.as_str());
        let names = beside(server.name(), restoring.names(), backup);
        let servers = self.backups.servers(access, server, &names).await?;
        let step = next_step(&servers);
        tracing::info!(promotion = %task.id, %server, backup, ?step, %servers, "restore");
        match step {
            Step::Create => {
                self.usable(access, server, backup).await?;
                self.backups.create(access, server, backup, &names).await?;
            }
            Step::AddWriter => self.backups.add_writer(access, server, &names).await?,
            Step::Wait => {}
            Step::SetAside => {
                self.swaps(task, &restoring).await?;
                let aside = (server.name(), names.old.as_str());
                self.backups.rename(access, server, aside).await?;
            }
            Step::PutInPlace => {
                self.backups
                    .end_sessions(access, server, &names.old)
                    .await?;
                self.swaps(task, &restoring).await?;
                let in_place = (names.new.as_str(), server.name());
                self.backups.rename(access, server, in_place).await?;
            }
            Step::Done => self.swaps(task, &restoring).await?,
            Step::Stuck => {
                return Err(Error::Stuck {
                    server: server.to_string(),
                    id: backup.to_owned(),
                    found: servers.to_string(),
                    new: names.new,
                    old: names.old,
                });
            }
        }
        let ready = step == Step::Done;
        let (saved, before) = match ready {
            true => (
                self.backups.saved(access, server, backup).await?,
                self.before(task, &servers, &names).await?,
            ),
            false => (None, None),
        };
        Ok(Output::Restoring {
            ready,
            wait_seconds: PACE,
            made_at: saved.and_then(|saved| saved.made_at),
            kept: ready.then_some(names.old),
            before,
        })
    }

    /// Where the server of before answers under the name that it has now. One that does not
    /// come by itself answers under no name.
    async fn before(
        &self,
        task: &Task<'_>,
        servers: &Servers,
        names: &Beside,
    ) -> Result<Option<CopyPlace>, Error> {
        match &servers.old {
            Some(Standing::Available | Standing::UnderWay(_)) => {
                let (access, server) = (task.access(), task.server);
                self.backups.place(access, server, &names.old).await
            }
            _ => Ok(None),
        }
    }

    /// Traffic may come: written down for whoever lets it in.
    pub(crate) async fn restored(
        &self,
        id: &PromotionId,
        generation: Generation,
        request: &Request,
        (stands, kept): (Restored, Option<String>),
    ) -> Result<Output, Error> {
        let restoring = self.promotions.restoring(id).await?;
        let checked = Restoring {
            progress: Progress::Checked,
            ..restoring.clone()
        };
        self.promotions
            .save_restoring(id, generation, (&restoring, &checked))
            .await?;
        let backup = backup_of(id, request)?;
        let facts = json!({ "backup": backup, "stands": stands, "kept": kept });
        self.ledger
            .record(id, Kind::DatabaseRestored, "restore", facts)
            .await?;
        Ok(Output::Finished { finished: true })
    }
}

#[cfg(test)]
#[path = "restore_tests.rs"]
mod tests;
