//! Whether a backup can be restored: asked before people are, and again before traffic is
//! stopped.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sluice_domain::migrations::{BackupId, Keeper, Progress, Request, RestorePlan, Restoring};
use sluice_domain::naming::beside;
use sluice_domain::promotion::{Generation, PromotionId};

use crate::restore::{Access, Restores, backup_of};
use crate::{Backups, Databases, Error, Output, Promotions, Record};

/// The names of servers are made of the backup: where an earlier promotion gave the name
/// away for another one, its servers would not be found. A team's function is told each
/// time which backup it is.
pub(crate) fn refuse_another_than(
    begun: &Restoring,
    server: Keeper<'_>,
    wanted: &BackupId,
) -> Result<(), Error> {
    let other = begun.backup.as_ref().filter(|backup| *backup != wanted);
    match (other, begun.progress, server) {
        (Some(other), Progress::Swapping, Keeper::Cluster(_) | Keeper::Instance(_)) => {
            Err(Error::Unfinished {
                server: server.to_string(),
                begun: other.to_string(),
                id: wanted.to_string(),
            })
        }
        _ => Ok(()),
    }
}

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
        Ok(Output::Fit { fit: true })
    }

    /// When a backup was made that can be restored, of a server that is there. Of what a
    /// function of the team's restores nothing is known.
    async fn fit(
        &self,
        access: Access<'_>,
        server: Keeper<'_>,
        backup: &BackupId,
    ) -> Result<Option<Timestamp>, Error> {
        backup.refuse_unless_of(server)?;
        if let Keeper::Function(_) = server {
            return Ok(None);
        }
        let (_, id) = access;
        let names = beside(server.name(), id, backup.as_str());
        let found = self.backups.servers(access, server, &names).await?;
        if found.named.is_none() && !self.is_left(access, server, backup).await? {
            return Err(Error::ServerGone {
                server: server.to_string(),
                id: backup.to_string(),
            });
        }
        self.usable(access, server, backup.as_str()).await
    }

    /// Whether a restore was left in the middle, so that the name is nobody's for a while:
    /// no other release serves meanwhile, and no other backup can be restored.
    async fn is_left(
        &self,
        access: Access<'_>,
        server: Keeper<'_>,
        backup: &BackupId,
    ) -> Result<bool, Error> {
        let (_, id) = access;
        let last = self.promotions.last_restore(id, server).await?;
        let Some(left) = last.filter(|last| last.progress == Progress::Swapping) else {
            return Ok(false);
        };
        refuse_another_than(&left, server, backup)?;
        let names = beside(server.name(), &left.origin, backup.as_str());
        let found = self.backups.servers(access, server, &names).await?;
        Ok(found.new.is_some() || found.old.is_some())
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
