//! What taking migrations back would do.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};
use sluice_migration::{Linted, Phase};

use super::{Pending, Plan, Server, hash, refused, size};
use crate::apply::Limits;
use crate::connect::Session;
use crate::folder::hexadecimal;
use crate::undo::{Goes, Looked, Undo};
use crate::{Error, Result, undo_words};

/// What taking back would do what a release brought and the one that serves does not have.
/// Its files are what takes each back, in the order in which they run.
///
/// # Errors
/// Where the server can't be asked. What is refused is part of the plan.
pub async fn of_undo(session: &Session, undo: &Undo, limits: Limits) -> Result<Plan> {
    let client = &session.client;
    let begun = client
        .batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        .await;
    begun.map_err(Error::server("BEGIN"))?;
    let looked = undo.look(session).await;
    let ended = client.batch_execute("ROLLBACK").await;
    let looked = looked?;
    ended.map_err(Error::server("ROLLBACK"))?;
    let linted = undo.lint.files.iter();
    let linted: BTreeMap<&str, &Linted> = linted.map(|file| (file.path.as_str(), file)).collect();
    let going = looked.goes.iter().filter_map(|one| of(one, &linted));
    let locks = going.flat_map(|file| file.statements.iter().filter_map(|one| one.lock.as_ref()));
    let locked = locks.flat_map(|lock| lock.on.iter().cloned()).collect();
    let server = Server {
        place: Some(session.place.clone()),
        version: Some(session.version),
        tables: size::of(session, locked).await?,
        pending: linted.keys().map(|path| (*path).to_owned()).collect(),
    };
    Ok(plan(undo, looked, &linted, server, limits))
}

/// What takes a file back, if that is to run.
fn of<'a>(goes: &Goes<'_>, linted: &BTreeMap<&str, &'a Linted>) -> Option<&'a Linted> {
    let down = goes.owned.down.as_ref().filter(|_| !goes.is_bare)?;
    linted.get(down.file.path.as_str()).copied()
}

fn plan(
    undo: &Undo,
    looked: Looked<'_>,
    linted: &BTreeMap<&str, &Linted>,
    server: Server,
    limits: Limits,
) -> Plan {
    let files = looked.goes.iter().map(|one| {
        let down = one.owned.down.as_ref();
        match down.zip(of(one, linted)) {
            Some((down, linted)) => Pending::of(down, linted, 0, &server),
            None => bare(one),
        }
    });
    let files: Vec<Pending> = files.collect();
    let mut refused = looked.refused;
    refused.extend(refused::too_long(&files, limits.longest()));
    if files.is_empty() {
        refused.push(undo_words::nothing());
    }
    let mut plan = Plan {
        tool: Some(undo.tool),
        hash: String::new(),
        place: server.place,
        server: server.version,
        applied: looked.applied.len(),
        adopted: 0,
        files,
        refused,
    };
    // Nobody who approved that something is applied has approved that it is taken back.
    let own = format!("undo {}", hash::of(&plan, &looked.applied));
    plan.hash = hexadecimal(&Sha256::digest(own));
    plan
}

/// A file of which nothing is in but its record, or that nothing takes back.
fn bare(goes: &Goes<'_>) -> Pending {
    let prepared = &goes.owned.prepared;
    Pending {
        path: prepared.file.path.clone(),
        version: prepared.file.version.to_string(),
        phase: Phase::Contract,
        sha256: prepared.sha256.clone(),
        next: 0,
        units: Vec::new(),
        statements: Vec::new(),
    }
}
