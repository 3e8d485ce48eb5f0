//! The other release whose code has to get along with the schema.

use std::collections::BTreeSet;

use sluice_domain::migrations::{Peer, Phase, Request};
use sluice_migration::Refusal;
use sluice_migrator::apply::Folder;
use sluice_migrator::ledger::key;
use sluice_migrator::plan::{Pending, Plan};

use crate::{Archives, Error, Keys, Migrate, door};

impl<A: Archives, K: Keys> Migrate<A, K> {
    /// Refuses to expand beyond what the code that serves can read, since a rollback brings
    /// it back; and to contract while a migration still has to expand, or what the release
    /// before does not know of.
    pub(crate) async fn refuse_what_bars_the_way_back(
        &self,
        request: &Request,
        plan: &Plan,
        folder: &Folder,
    ) -> Result<(), Error> {
        match (request.phase, &request.peer) {
            (Phase::Expand, Some(peer)) => refuse_unread(peer, plan, folder),
            (Phase::Expand, None) => Ok(()),
            (Phase::Contract, peer) => {
                refuse_unexpanded(plan)?;
                self.refuse_unknown_to(peer.as_ref(), request, plan).await
            }
        }
    }

    async fn refuse_unknown_to(
        &self,
        peer: Option<&Peer>,
        request: &Request,
        plan: &Plan,
    ) -> Result<(), Error> {
        let Some(peer) = peer.filter(|_| !request.database.contract.same_release) else {
            return Ok(());
        };
        let folder = match &peer.brings {
            Some(brings) => Some(self.read(brings).await?.0),
            None => None,
        };
        let files = folder.iter().flat_map(|folder| &folder.files);
        let known: BTreeSet<String> = files.map(|one| key(&one.file).into_owned()).collect();
        let pending = plan.pending(door::phase(Phase::Contract));
        let unknown = pending.filter(|file| !known.contains(&file.version));
        let unknown: Vec<String> = unknown.map(|file| file.path.clone()).collect();
        if unknown.is_empty() {
            return Ok(());
        }
        Err(Error::TooEarly {
            files: unknown,
            before: peer.version.clone(),
        })
    }
}

/// The code that serves must be able to read what this release makes of the schema.
fn refuse_unread(peer: &Peer, plan: &Plan, folder: &Folder) -> Result<(), Error> {
    let reads = peer.brings.as_ref();
    let reads = reads.and_then(|brings| brings.migrations.reads.as_ref());
    let Some(to) = reads.and_then(|reads| reads.to.as_ref()) else {
        return Ok(());
    };
    let mut files = folder.files.iter();
    // What is not in the folder comes before all that is pending.
    let last = files.position(|one| key(&one.file) == *to);
    let later = folder.files.iter().skip(last.map_or(0, |last| last + 1));
    let later: BTreeSet<&str> = later.map(|one| one.file.path.as_str()).collect();
    let pending = plan.pending(door::phase(Phase::Expand));
    let unread = pending.filter(|file| later.contains(file.path.as_str()));
    let unread: Vec<String> = unread.map(|file| file.path.clone()).collect();
    if unread.is_empty() {
        return Ok(());
    }
    Err(Error::Unread {
        serves: peer.version.clone(),
        to: to.clone(),
        files: unread,
    })
}

/// Migrations are applied in their order: what expands belongs to a release.
fn refuse_unexpanded(plan: &Plan) -> Result<(), Error> {
    let expands = |file: &&Pending| file.phase == door::phase(Phase::Expand);
    let refused: Vec<Refusal> = plan.files.iter().filter(expands).map(unexpanded).collect();
    if refused.is_empty() {
        return Ok(());
    }
    Err(Error::Refused(refused))
}

fn unexpanded(file: &Pending) -> Refusal {
    Refusal {
        path: file.path.clone(),
        line: None,
        column: None,
        what: "a migration that expands was not applied".to_owned(),
        found: "it is pending".to_owned(),
        expected: "only migrations that contract to be pending".to_owned(),
        next: "release the version again, which applies it; then contract".to_owned(),
        excerpt: None,
    }
}
