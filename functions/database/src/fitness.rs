//! Whether a backup can be made, and whether one can be restored: asked before people are,
//! and again before traffic is stopped.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sluice_domain::migrations::{
    BackupId, BackupPolicy, Keeper, Progress, Request, RestorePlan, Restoring, Standing, host_of,
    refuse_other_server,
};
use sluice_domain::naming::beside;
use sluice_domain::promotion::{Generation, PromotionId};
use sluice_domain::settings::Role;

use crate::restore::{Access, Restores, backup_of};
use crate::{Backups, Databases, Error, Output, Promotions, Record, Wanted};

impl<P: Promotions, B: Backups + Restores, L: Record> Databases<P, B, L> {
    /// What a restore would do, and whether it can be done at all.
    pub(crate) async fn plan_restore(
        &self,
        id: &PromotionId,
        request: &Request,
    ) -> Result<Output, Error> {
        let server = request.database.backup.can_restore()?;
        let backup = backup_of(id, request)?;
        let access = (request.role.as_ref(), id);
        let made_at = self.fit(access, server, backup).await?;
        let policy = &request.database.backup;
        let endpoints = self.endpoints(access, policy, server).await?;
        let notes = match server {
            Keeper::Function(_) => Vec::new(),
            server => self.backups.notes(access, server).await?,
        };
        let restore = Box::new(RestorePlan {
            backup: backup.to_string(),
            server: server.to_string(),
            place: None,
            made_at,
            lost: None,
            endpoints,
            notes,
            stops: BTreeMap::new(),
        });
        Ok(Output::RestorePlanned { restore })
    }

    /// Whether the backup can still be restored: hours may have passed since it was
    /// planned, and traffic is stopped next.
    pub(crate) async fn check_backup(
        &self,
        id: &PromotionId,
        generation: Generation,
        request: &Request,
    ) -> Result<Output, Error> {
        self.promotions.check_fence(id, generation).await?;
        let server = request.database.backup.can_restore()?;
        let access = (request.role.as_ref(), id);
        self.fit(access, server, backup_of(id, request)?).await?;
        let plan = self.promotions.plan_of(id).await?;
        if let Some(place) = plan.restore.and_then(|restore| restore.place) {
            let policy = &request.database.backup;
            let found = (server, place.as_str());
            self.refuse_unless_at(access, policy, found).await?;
        }
        Ok(Output::Fit { fit: true })
    }

    /// When a backup was made that can be restored, of a server that is there and can be
    /// given another name. Of what a function of the team's restores nothing is known.
    async fn fit(
        &self,
        access: Access<'_>,
        server: Keeper<'_>,
        backup: &BackupId,
    ) -> Result<Option<Timestamp>, Error> {
        backup.refuse_unless_of(server)?;
        if !server.is_server() {
            return Ok(None);
        }
        let (_, id) = access;
        let goes_on = self.left(access, server, backup).await?;
        let origin = goes_on.as_ref().map_or(id, Restoring::names);
        let names = beside(server.name(), origin, backup.as_str());
        let found = self.backups.servers(access, server, &names).await?;
        // A restore that was left in the middle: the name is nobody's for a while.
        let is_left = goes_on.is_some() && (found.new.is_some() || found.old.is_some());
        match &found.named {
            None if !is_left => Err(Error::ServerGone {
                server: server.to_string(),
                id: backup.to_string(),
            }),
            Some(Standing::Broken(status)) => Err(Error::ServerUnfit {
                server: server.to_string(),
                id: backup.to_string(),
                status: status.clone(),
            }),
            _ => self.usable(access, server, backup.as_str()).await,
        }
    }

    /// The restore of this backup that was left in the middle, whichever promotion began it.
    pub(crate) async fn left(
        &self,
        access: Access<'_>,
        server: Keeper<'_>,
        backup: &BackupId,
    ) -> Result<Option<Restoring>, Error> {
        let last = self.promotions.last_restore(access, server).await?;
        let Some(left) = last.filter(|last| last.progress == Progress::Swapping) else {
            return Ok(None);
        };
        let is_another = self.is_another(access, &left, server, backup).await?;
        Ok((!is_another).then_some(left))
    }

    /// The promotion of whose restore the servers are that stand between two names.
    pub(crate) async fn between(
        &self,
        access: Access<'_>,
        server: Keeper<'_>,
        backup: &BackupId,
    ) -> Result<Option<PromotionId>, Error> {
        if !server.is_server() {
            return Ok(None);
        }
        let Some(left) = self.left(access, server, backup).await? else {
            return Ok(None);
        };
        let names = beside(server.name(), left.names(), backup.as_str());
        let found = self.backups.servers(access, server, &names).await?;
        Ok(found.are_between().then(|| left.names().clone()))
    }

    /// Whether what was begun is a restore of another backup, beside which this one can
    /// begin. The names of servers are made of the backup: where the one that began gave the
    /// name away, and nobody has it yet, nobody else would find its servers. A team's
    /// function is told each time which backup it is.
    pub(crate) async fn is_another(
        &self,
        access: Access<'_>,
        begun: &Restoring,
        server: Keeper<'_>,
        wanted: &BackupId,
    ) -> Result<bool, Error> {
        let other = begun.backup.as_ref().filter(|backup| *backup != wanted);
        let is_begun = begun.progress == Progress::Swapping && server.is_server();
        let Some(other) = other.filter(|_| is_begun) else {
            return Ok(false);
        };
        let names = beside(server.name(), begun.names(), other.as_str());
        let found = self.backups.servers(access, server, &names).await?;
        if found.are_between() {
            return Err(Error::Unfinished {
                server: server.to_string(),
                begun: other.to_string(),
                by: begun.names().to_string(),
                id: wanted.to_string(),
                found: found.to_string(),
            });
        }
        Ok(true)
    }

    /// Where the server answers that backups are of, to be held against where `database`
    /// leads. None: nobody knows, or the settings say that they differ.
    pub(crate) async fn endpoints(
        &self,
        access: Access<'_>,
        policy: &BackupPolicy,
        server: Keeper<'_>,
    ) -> Result<Option<Vec<String>>, Error> {
        if !server.is_server() || policy.host_is_another_name {
            return Ok(None);
        }
        self.backups.endpoints(access, server).await
    }

    /// Refuses a database that is on another server than backups are of.
    pub(crate) async fn refuse_unless_at(
        &self,
        access: Access<'_>,
        policy: &BackupPolicy,
        (server, place): (Keeper<'_>, &str),
    ) -> Result<(), Error> {
        let endpoints = self.endpoints(access, policy, server).await?;
        if let Some(endpoints) = endpoints {
            refuse_other_server(host_of(place), &server.to_string(), &endpoints)?;
        }
        Ok(())
    }

    /// Refuses a server that keeps nothing by which what is lost could be brought back.
    pub(crate) async fn refuse_without_recovery(
        &self,
        policy: &BackupPolicy,
        role: Option<&Role>,
        wanted: &Wanted<'_>,
    ) -> Result<(), Error> {
        if !policy.point_in_time_recovery {
            return Ok(());
        }
        match self.backups.recovery_days(role, wanted).await? {
            Some(days) if days < 1 => Err(Error::NoRecovery {
                server: wanted.of.to_string(),
            }),
            _ => Ok(()),
        }
    }

    /// When a backup was made that the server can be restored from.
    pub(crate) async fn usable(
        &self,
        access: Access<'_>,
        server: Keeper<'_>,
        backup: &str,
    ) -> Result<Option<Timestamp>, Error> {
        let unfit = |found: String| Error::BackupUnfit {
            id: backup.to_owned(),
            found,
            server: server.to_string(),
        };
        let saved = self.backups.saved(access, server, backup).await?;
        let saved = saved.ok_or_else(|| unfit("is not there".to_owned()))?;
        if saved.of != server.name() {
            return Err(unfit(format!("is of {}", saved.of)));
        }
        if saved.status != "available" {
            return Err(unfit(format!("is {}", saved.status)));
        }
        Ok(saved.made_at)
    }
}
