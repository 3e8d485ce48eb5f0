//! What a statement that has no transaction may have left half done, and whether it is
//! through.
//!
//! PostgreSQL builds an index CONCURRENTLY in several transactions of its own. Whoever is
//! ended in between leaves an index behind that slows writes down and serves nobody, and
//! that IF NOT EXISTS takes for the one that is wanted.

use sluice_migration::Halfway;
use tokio_postgres::types::ToSql;

use crate::connect::Session;
use crate::{Error, Result};

/// Indexes of a table by name, with the schema, and whether they can be used.
const INDEX: &str = "\
SELECT format('%I.%I', n.nspname, c.relname), i.indisvalid AND i.indisready
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE i.indrelid = to_regclass($1::text) AND c.relname = (parse_ident($2::text))[1]";

/// What is left of an index, or of those of a table, that was built again and is not valid.
const REBUILT: &str = "\
WITH named AS (SELECT coalesce(
    (SELECT indrelid::regclass FROM pg_index WHERE indexrelid = to_regclass($1::text)),
    to_regclass($1::text)) AS oid
), tables AS (
    SELECT oid FROM named UNION SELECT tree.relid FROM named,
    LATERAL pg_partition_tree(pg_partition_root(oid)) AS tree
)
SELECT format('%I.%I', n.nspname, c.relname)
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE NOT i.indisvalid AND c.relname ~ '_cc(new|old)[0-9]*$' AND i.indrelid IN (
    SELECT unnest(ARRAY[p.oid, p.reltoastrelid]) FROM tables JOIN pg_class p USING (oid))";

const DETACHED: &str = "\
SELECT inhdetachpending FROM pg_inherits
WHERE inhparent = to_regclass($1::text) AND inhrelid = to_regclass($2::text)";

/// Whether what a statement is to do is there before it was sent at all. What is found
/// later then says nothing of the statement.
pub(crate) async fn is_so(session: &Session, halfway: &Halfway) -> Result<bool> {
    match halfway {
        Halfway::Index {
            index: Some(index),
            table,
        } => Ok(!rows(session, INDEX, &[table, index]).await?.is_empty()),
        Halfway::Index { index: None, .. } | Halfway::Rebuilt(_) => Ok(false),
        Halfway::Dropped(index) => is_gone(session, index).await,
        Halfway::Detached { table, partition } => {
            let found = rows(session, DETACHED, &[table, partition]).await?;
            Ok(found.is_empty())
        }
    }
}

/// Clears up after an interruption. Whether the statement is through after all.
pub(crate) async fn settle(session: &Session, halfway: &Halfway) -> Result<bool> {
    match halfway {
        Halfway::Index {
            index: Some(index),
            table,
        } => {
            let found = rows(session, INDEX, &[table, index]).await?;
            let Some(row) = found.first() else {
                return Ok(false);
            };
            if row.get(1) {
                return Ok(true);
            }
            drop_index(session, row.get(0)).await?;
            Ok(false)
        }
        // Without a name it is not let through.
        Halfway::Index { index: None, .. } => Ok(false),
        Halfway::Dropped(index) => is_gone(session, index).await,
        Halfway::Rebuilt(on) => {
            for row in rows(session, REBUILT, &[on]).await? {
                drop_index(session, row.get(0)).await?;
            }
            Ok(false)
        }
        Halfway::Detached { table, partition } => {
            let found = rows(session, DETACHED, &[table, partition]).await?;
            let Some(row) = found.first() else {
                return Ok(true);
            };
            if row.get(0) {
                let text = format!("ALTER TABLE {table} DETACH PARTITION {partition} FINALIZE");
                let ended = session.client.batch_execute(&text).await;
                ended.map_err(Error::server("ending an interrupted DETACH PARTITION"))?;
                return Ok(true);
            }
            Ok(false)
        }
    }
}

/// Whether what was built can be used.
pub(crate) async fn is_usable(session: &Session, halfway: &Halfway) -> Result<bool> {
    let Halfway::Index {
        index: Some(index),
        table,
    } = halfway
    else {
        return Ok(true);
    };
    let found = rows(session, INDEX, &[table, index]).await?;
    Ok(found.first().is_some_and(|row| row.get(1)))
}

/// Whether a statement that failed left an index behind that is not valid.
pub(crate) async fn is_left(session: &Session, halfway: &Halfway) -> Result<bool> {
    match halfway {
        Halfway::Index {
            index: Some(index),
            table,
        } => {
            let found = rows(session, INDEX, &[table, index]).await?;
            Ok(found.first().is_some_and(|row| !row.get::<_, bool>(1)))
        }
        Halfway::Rebuilt(on) => Ok(!rows(session, REBUILT, &[on]).await?.is_empty()),
        Halfway::Index { index: None, .. } | Halfway::Dropped(_) | Halfway::Detached { .. } => {
            Ok(false)
        }
    }
}

/// Whether a statement that failed left all as it was.
pub(crate) async fn is_whole(session: &Session, halfway: &Halfway) -> Result<bool> {
    let Halfway::Dropped(index) = halfway else {
        return Ok(!is_left(session, halfway).await?);
    };
    let query = "SELECT indisvalid AND indisready AND indislive FROM pg_index \
                 WHERE indexrelid = to_regclass($1::text)";
    let found = rows(session, query, &[index]).await?;
    Ok(found.first().is_none_or(|row| row.get(0)))
}

async fn is_gone(session: &Session, index: &String) -> Result<bool> {
    let found = rows(session, "SELECT to_regclass($1::text) IS NULL", &[index]).await?;
    Ok(found.first().is_some_and(|row| row.get(0)))
}

async fn drop_index(session: &Session, name: String) -> Result<()> {
    let text = format!("DROP INDEX CONCURRENTLY IF EXISTS {name}");
    let dropped = session.client.batch_execute(&text).await;
    dropped.map_err(Error::server(
        "dropping an index that was not built to its end",
    ))
}

async fn rows(
    session: &Session,
    query: &str,
    names: &[&String],
) -> Result<Vec<tokio_postgres::Row>> {
    let values: Vec<&(dyn ToSql + Sync)> = names
        .iter()
        .map(|name| *name as &(dyn ToSql + Sync))
        .collect();
    let found = session.client.query(query, &values).await;
    found.map_err(Error::server("looking at what was interrupted"))
}
