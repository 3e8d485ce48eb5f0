//! Whether a database is as it has to be: after migrations were applied, and before code of
//! an earlier release comes back.

use std::time::Duration;

use sluice_migration::Phase;
use tokio::time::Instant;

use crate::apply::{Folder, Limits, MARGIN, compare};
use crate::catalog;
use crate::connect::Session;
use crate::error::said;
use crate::folder::Prepared;
use crate::ledger::Ledger;
use crate::{Error, Result};

pub use crate::fits::{Reads, fits};

/// The most rows that a query is asked for: that there are any is enough.
const ROWS: i64 = 1_000;

/// What has to be left of a call for another query.
const LEAST: Duration = Duration::from_secs(1);

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
/// team's own queries, by name, find nothing. What the call's time is not enough for counts
/// as found.
///
/// # Errors
/// [`Error::Unsound`] with everything that was found.
pub async fn check(
    session: &Session,
    folder: &Folder,
    phase: Phase,
    generation: i64,
    limits: Limits,
    queries: &[(&str, &str)],
) -> Result<Sound> {
    let until = limits.until();
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
    let files = folder.files.iter().zip(&standings);
    let applied = files.filter(|(_, standing)| standing.is_in());
    let applied: Vec<&Prepared> = applied.map(|(prepared, _)| prepared).collect();
    found.extend(unvalidated(session, &applied).await?);
    found.extend(violations(session, queries, limits, until).await?);
    if !found.is_empty() {
        return Err(Error::Unsound {
            place: session.place.clone(),
            found,
        });
    }
    Ok(Sound {
        applied: standings.iter().filter(|one| one.is_in()).count(),
        changes: differences.changes(),
        more_changes: differences.more,
    })
}

/// Constraints that applied files validated, and that do not hold for all rows. Those that
/// no file validates may stay so.
async fn unvalidated(session: &Session, applied: &[&Prepared]) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for prepared in applied {
        for one in &prepared.validated {
            let until = one.until.as_ref();
            let mut later = applied.iter();
            if until.is_some_and(|until| later.any(|it| it.file.path == *until)) {
                continue;
            }
            if catalog::is_not_valid(session, &one.table, &one.constraint).await? {
                found.push(format!(
                    "constraint {} on {} is NOT VALID, and {} validates it; expected one that \
                     holds for all rows: find out who made it anew, and validate it",
                    one.constraint, one.table, prepared.file.path
                ));
            }
        }
    }
    Ok(found)
}

/// What the team's queries found until the call's time is over.
pub(crate) async fn violations(
    session: &Session,
    queries: &[(&str, &str)],
    limits: Limits,
    until: Instant,
) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for (name, query) in queries {
        let left = until.saturating_duration_since(Instant::now());
        if left < LEAST {
            found.push(format!(
                "`{name}` was not asked: the {} s for all of them were over; expected queries \
                 that are through sooner, by an index or by asking for less",
                limits.call.saturating_sub(MARGIN).as_secs()
            ));
            continue;
        }
        let limit = limits.budget.statement.min(left);
        found.extend(violated(session, name, query, limit).await?);
    }
    Ok(found)
}

/// What a query of the team's found, if it found anything or can't be run.
async fn violated(
    session: &Session,
    name: &str,
    query: &str,
    limit: Duration,
) -> Result<Option<String>> {
    let client = &session.client;
    let begin = format!(
        "BEGIN READ ONLY; SET LOCAL statement_timeout = {}",
        limit.as_millis()
    );
    let begun = client.batch_execute(&begin).await;
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
