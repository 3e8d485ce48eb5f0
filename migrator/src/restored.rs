//! What a restore takes back, asked of the database before it; and whether code fits a
//! database that was restored.

use std::collections::BTreeSet;

use sluice_migration::Phase;

use crate::apply::{Folder, compare};
use crate::check::Reads;
use crate::connect::Session;
use crate::ledger::key;
use crate::{Error, Result};

/// A migration that was applied after a backup was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Later {
    /// What the tool calls it by.
    pub version: String,
    /// Its file.
    pub path: String,
    /// When it began, as RFC 3339, where it says that this backup was made before it.
    pub since: Option<String>,
}

/// What Sluice applied after a backup: after a time in RFC 3339, and whatever names the
/// backup. What the team's own tool applied is not known here.
///
/// # Errors
/// Where the server refuses.
pub async fn later(session: &Session, backup: &str, made_at: Option<&str>) -> Result<Vec<Later>> {
    let action = "asking what was applied after a backup";
    let asked = "SELECT to_regclass('sluice.migration') IS NOT NULL";
    let row = session.client.query_one(asked, &[]).await;
    if !row.map_err(Error::server(action))?.get::<_, bool>(0) {
        return Ok(Vec::new());
    }
    let rows = session
        .client
        .query(
            "SELECT version, min(path), to_char(min(started_at) FILTER (WHERE backup = $1), \
             'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') FROM sluice.migration WHERE state = 'done' \
             GROUP BY tool, version HAVING bool_or(backup = $1) \
             OR max(finished_at) > $2::text::timestamptz ORDER BY min(started_at), version",
            &[&backup, &made_at],
        )
        .await;
    let rows = rows.map_err(Error::server(action))?;
    let later = rows.iter().map(|row| Later {
        version: row.get(0),
        path: row.get(1),
        since: row.get(2),
    });
    Ok(later.collect())
}

/// What code that has this folder needs: the versions of what expands, as far as it says
/// that it reads.
#[must_use]
pub fn needed(folder: &Folder, reads: &Reads) -> BTreeSet<String> {
    let expand = folder.files.iter().map(|one| &one.file);
    let expand = expand.filter(|file| file.phase == Phase::Expand);
    let all: Vec<String> = expand.map(|file| key(file).into_owned()).collect();
    let last = reads.from.as_ref();
    let last = last.and_then(|from| all.iter().position(|version| version == from));
    let count = last.map_or(all.len(), |last| last + 1);
    all.into_iter().take(count).collect()
}

/// Whether the code that has this folder works with a database that was restored: what it
/// needs is in. Answers how many migrations are.
///
/// # Errors
/// [`Error::Unfit`] with what is missing.
pub async fn fits(session: &Session, folder: &Folder, reads: &Reads) -> Result<usize> {
    let needed = needed(folder, reads);
    let (standings, _) = compare(session, folder).await?;
    let files = folder.files.iter().zip(&standings);
    let missing =
        files.filter(|(one, standing)| !standing.is_in() && needed.contains(&*key(&one.file)));
    let found: Vec<String> = missing
        .map(|(one, _)| format!("the code needs {}, which is not in", one.file.path))
        .collect();
    if !found.is_empty() {
        return Err(Error::Unfit {
            place: session.place.clone(),
            found,
        });
    }
    crate::check::fits(session, Some(folder), reads).await
}
