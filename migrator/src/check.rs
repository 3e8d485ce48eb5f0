//! Whether a database is as it has to be: after migrations were applied, and before code of
//! an earlier release comes back.

use sluice_migration::Phase;

use crate::apply::{Folder, compare};
use crate::catalog;
use crate::connect::Session;
use crate::error::said;
use crate::ledger::Ledger;
use crate::{Error, Result};

pub use crate::fits::{Reads, fits};

/// The most rows that a query is asked for: that there are any is enough.
const ROWS: i64 = 1_000;

/// What was found in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sound {
    /// How many files are in.
    pub applied: usize,
    /// What could not be used before either, and how the catalog changed:
    /// `unusable since before: index on …`, `+ table public.person`.
    pub changes: Vec<String>,
    /// How many more such changes there are.
    pub more_changes: usize,
}

/// Whether all of a phase is in, nothing that can't be used was left behind, and the
/// team's own queries, by name, find nothing.
///
/// # Errors
/// [`Error::Unsound`] with everything that was found.
pub async fn check(
    session: &Session,
    folder: &Folder,
    phase: Phase,
    generation: i64,
    queries: &[(&str, &str)],
) -> Result<Sound> {
    Ledger::of(session, folder.tool)
        .is_current(generation)
        .await?;
    let (standings, refused) = compare(session, folder).await?;
    let mut found: Vec<String> = refused.iter().map(ToString::to_string).collect();
    let files = folder.files.iter().zip(&standings);
    for (prepared, _) in files.filter(|(_, standing)| !standing.is_in()) {
        if prepared.file.phase != phase {
            break;
        }
        found.push(format!("{} was not applied", prepared.file.path));
    }
    let differences = catalog::differences(session).await?;
    let invalid = differences.invalid.iter();
    found.extend(invalid.map(|line| format!("it can't be used: {}", &line[2..])));
    for (name, query) in queries {
        found.extend(violated(session, name, query).await?);
    }
    if !found.is_empty() {
        return Err(Error::Unsound {
            place: session.place.clone(),
            found,
        });
    }
    let unusable = differences.unusable.iter();
    let unusable = unusable.map(|line| format!("unusable since before: {line}"));
    Ok(Sound {
        applied: standings.iter().filter(|one| one.is_in()).count(),
        changes: unusable.chain(differences.told).collect(),
        more_changes: differences.more,
    })
}

/// What a query of the team's found, if it found anything or can't be run.
pub(crate) async fn violated(session: &Session, name: &str, query: &str) -> Result<Option<String>> {
    let client = &session.client;
    let begun = client.batch_execute("BEGIN READ ONLY").await;
    begun.map_err(Error::server("BEGIN"))?;
    let query = query.trim().trim_end_matches(';');
    // On lines of its own: it may end with a comment.
    let text = format!(
        "SELECT count(*) FROM (SELECT FROM (\n{query}\n) AS found LIMIT {ROWS}) AS counted"
    );
    let counted = client.query_one(&text, &[]).await;
    let ended = client.batch_execute("ROLLBACK").await;
    let count: i64 = match counted {
        Ok(row) => row.get(0),
        Err(error) => {
            let Some(why) = error.as_db_error().map(said) else {
                return Err(Error::server("running an integrity query")(error));
            };
            return Ok(Some(format!("`{name}` can't be run: {why}")));
        }
    };
    ended.map_err(Error::server("ROLLBACK"))?;
    Ok(match count {
        0 => None,
        1 => Some(format!("`{name}` found a row")),
        ROWS => Some(format!("`{name}` found {ROWS} rows or more")),
        several => Some(format!("`{name}` found {several} rows")),
    })
}
