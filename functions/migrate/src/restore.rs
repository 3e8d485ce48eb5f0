//! What a restore takes back, and whether the code that serves fits what it leaves.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sluice_domain::migrations::{
    CopyPlace, Lost, Request, RestorePlan, Restored, refuse_other_server,
};
use sluice_migrator::apply::Folder;
use sluice_migrator::plan::short;
use sluice_migrator::{Error as Migrator, Session, restored};
use tokio::time::sleep;

use crate::open::Server;
use crate::{Archives, Error, Keys, Migrate, door, summary};

/// The most files that are named.
const FILES: usize = 50;

/// How exactly RDS says when a backup was made: what began within that second may be in it.
const TOLD_TO: SignedDuration = SignedDuration::from_secs(1);

/// How long it is waited before a database that does not answer is asked again.
const AGAIN: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(4)];

impl<A: Archives, K: Keys> Migrate<A, K> {
    /// Adds to a plan which database it is, and which migrations are taken back. Refuses it
    /// where the code that serves needs one of them, or where it is on another server than
    /// the one that would be put back. A database that does not answer may be
    /// why it is restored: people are told then that nobody knows, and why.
    pub(crate) async fn lost(
        &self,
        request: &Request,
        mut plan: RestorePlan,
    ) -> Result<RestorePlan, Error> {
        let folder = self.brought(request).await?;
        let (address, trust) = self.way(request, Server::Own).await?;
        plan.place = Some(address.place());
        if let Some(endpoints) = plan.endpoints.take() {
            refuse_other_server(&address.host, &plan.server, &endpoints)?;
        }
        let mut pauses = AGAIN.into_iter();
        loop {
            let asked = async {
                let session = self.enter(request, (&address, &trust), true).await?;
                taken_back(request, &plan, session, folder.as_ref()).await
            };
            match asked.await {
                Ok(lost) => {
                    plan.lost = Some(lost);
                    return Ok(plan);
                }
                Err(error) if error.is_silence() => match pauses.next() {
                    Some(pause) => sleep(pause).await,
                    None => {
                        plan.notes
                            .push(format!("the database was asked in vain: {error}"));
                        return Ok(plan);
                    }
                },
                Err(error) => return Err(error),
            }
        }
    }

    /// Whether the restored database is what it has to be: the writer, not the server of
    /// before, as old as its backup, and fit for the code that serves.
    pub(crate) async fn restored(
        &self,
        request: &Request,
        epoch: i64,
        (made_at, before): (Option<Timestamp>, Option<&CopyPlace>),
    ) -> Result<Restored, Error> {
        let (session, folder) = self.look(request).await?;
        if let Some(before) = before {
            self.refuse_server_of_before(request, &session, before)
                .await?;
        }
        if let Some(at) = made_at {
            // No row names a backup that is called nothing.
            let since = at.saturating_add(TOLD_TO).unwrap_or(at);
            let later = restored::later(&session, "", Some(&since.to_string())).await?;
            if let Some(one) = later.first() {
                return Err(Error::OldServer {
                    place: session.place.clone(),
                    path: one.path.clone(),
                    made_at: at,
                });
            }
        }
        let applied = match &folder {
            Some(folder) => restored::fits(&session, folder, &door::reads(request)).await,
            None => Ok(0),
        };
        let applied = applied.map_err(|error| match error {
            Migrator::Unfit { place, found } => Error::RestoredUnfit { place, found },
            error => error.into(),
        })?;
        // The fence is as old as the backup: whoever was fenced off since must stay so.
        let limits = self.limits(&request.database);
        let promotion = request.promotion.to_string();
        sluice_migrator::fence(&session, &promotion, epoch, limits).await?;
        Ok(Restored {
            server: summary::version(session.version),
            place: session.place.clone(),
            applied,
        })
    }

    /// Asks the server of before by the name that it has now. What its files say is the same
    /// of both, and both started again since: only whether they are one tells them apart.
    async fn refuse_server_of_before(
        &self,
        request: &Request,
        found: &Session,
        before: &CopyPlace,
    ) -> Result<(), Error> {
        let asked = self.session_at(request, Server::Beside(before), false);
        let other = match asked.await {
            Ok(other) => other,
            // It lets nobody in with what let in here.
            Err(Error::Migrator(error)) if error.is_of_another_server() => return Ok(()),
            Err(error) => return Err(error),
        };
        if other.identity().await? == found.identity().await? {
            return Err(Error::ServerOfBefore {
                place: found.place.clone(),
                before: other.place.clone(),
            });
        }
        Ok(())
    }

    /// A session with the server itself, and what the code that serves brings, if it brings
    /// anything.
    pub(crate) async fn look(&self, request: &Request) -> Result<(Session, Option<Folder>), Error> {
        let folder = self.brought(request).await?;
        Ok((self.session(request, true).await?, folder))
    }

    async fn brought(&self, request: &Request) -> Result<Option<Folder>, Error> {
        match &request.brings {
            Some(brought) => Ok(Some(self.read(brought).await?.0)),
            None => Ok(None),
        }
    }
}

/// Which migrations a restore takes back.
async fn taken_back(
    request: &Request,
    plan: &RestorePlan,
    session: Session,
    folder: Option<&Folder>,
) -> Result<Lost, Error> {
    let made_at = plan.made_at.map(|at| at.to_string());
    let later = restored::later(&session, &plan.backup, made_at.as_deref()).await?;
    if let Some(folder) = folder {
        let needed = restored::needed(folder, &door::reads(request));
        let needed = later.iter().filter(|one| needed.contains(&one.version));
        let needed: Vec<String> = needed.map(|one| one.path.clone()).collect();
        if !needed.is_empty() {
            return Err(Error::TakenBack {
                backup: plan.backup.clone(),
                needed,
            });
        }
    }
    let since = later.iter().filter_map(|one| one.since.as_ref());
    let since = since
        .filter_map(|text| text.parse::<Timestamp>().ok())
        .min();
    Ok(Lost {
        more: later.len().saturating_sub(FILES),
        files: later
            .into_iter()
            .take(FILES)
            .map(|one| short(&one.path))
            .collect(),
        since,
    })
}
