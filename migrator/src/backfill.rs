//! Changes of many rows in batches, each in a transaction of its own.
//!
//! A batch is a range of the key's values: from where the last one ended to the key of the
//! last of the next rows. How far it is stands in the ledger, written by the transaction
//! that changed the rows, so after a crash it goes on with the next row.

use serde::{Deserialize, Serialize};
use sluice_migration::{Backfill, Refusal};
use tokio_postgres::types::ToSql;

use crate::connect::Session;
use crate::{Error, Result};

/// How far a backfill is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The key of the last row that was looked at, as the server writes it.
    pub last: Option<String>,
    /// How many rows were changed.
    pub rows: u64,
    /// How many batches are through.
    pub batches: u64,
}

/// What the catalog says of a key, and how many rows the table has.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    /// Its type, as a text is cast to it.
    data_type: String,
    /// About how many rows; negative where the table was never analyzed.
    rows: f64,
}

/// The type of a column, whether it is null nowhere, and whether an index says that it is
/// unique. `bpchar` and the like are without a length, which would cut values.
const KEY: &str = "\
SELECT format_type(a.atttypid, -1), a.attnotnull, c.relkind IN ('r', 'p'), EXISTS (
    SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid
    AND i.indpred IS NULL AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum), c.relkind = 'r'
    AND NOT $3 AND EXISTS (SELECT FROM pg_inherits h WHERE h.inhparent = c.oid),
    (SELECT sum(p.reltuples)::float8 FROM pg_class p WHERE p.relkind = 'r'
    AND (p.oid = c.oid OR p.oid IN (SELECT relid FROM pg_partition_tree(c.oid))))
FROM pg_class c LEFT JOIN pg_attribute a
    ON a.attrelid = c.oid AND a.attname = $2 AND NOT a.attisdropped AND a.attnum > 0
WHERE c.oid = to_regclass($1::text)";

/// What the catalog says of a backfill's key. None where there is no such table.
///
/// # Errors
/// Where the server can't be asked. What makes the key unfit is the inner error.
pub(crate) async fn key_of(
    session: &Session,
    backfill: &Backfill,
) -> Result<Option<std::result::Result<Key, &'static str>>> {
    let values: [&(dyn ToSql + Sync); 3] = [&backfill.table, &backfill.key, &backfill.only];
    let found = session.client.query_opt(KEY, &values).await;
    let Some(row) = found.map_err(Error::server("asking what the key of a backfill is"))? else {
        return Ok(None);
    };
    let data_type: Option<String> = row.get(0);
    let is_set: Option<bool> = row.get(1);
    let faults = [
        (!row.get::<_, bool>(2), "no table"),
        (data_type.is_none(), "no such column"),
        (is_set != Some(true), "a column that may be null"),
        (
            !row.get::<_, bool>(3),
            "a column that no index of its own makes unique",
        ),
        (
            row.get(4),
            "a table that others inherit from, where nothing is unique",
        ),
    ];
    if let Some((_, fault)) = faults.into_iter().find(|(is_so, _)| *is_so) {
        return Ok(Some(Err(fault)));
    }
    Ok(Some(Ok(Key {
        data_type: data_type.unwrap_or_default(),
        rows: row.get::<_, Option<f64>>(5).unwrap_or(-1.0),
    })))
}

/// Why batches can't be ranges of a key.
pub(crate) fn unfit(path: &str, line: usize, backfill: &Backfill, fault: &str) -> Refusal {
    let Backfill { table, key, .. } = backfill;
    *Refusal::of(path, "the backfill can't be run in batches")
        .at(line)
        .found(format!("{fault}: `{key}` of {table}"))
        .expected("a column of a table that is NOT NULL, with a unique index of its own")
        .next("name such a column with `key=`, or make one in a migration before")
}

impl Key {
    /// A text that is sent along, as a value of the key.
    fn value(&self, number: usize) -> String {
        format!("${number}::text::{}", self.data_type)
    }

    /// The key of the last row of the next batch, with `$1` for where the last one ended.
    pub(crate) fn bound(&self, backfill: &Backfill, is_first: bool) -> String {
        let Backfill { table, batch, .. } = backfill;
        let key = backfill.key_sql();
        let only = if backfill.only { "ONLY " } else { "" };
        let after = if is_first {
            "$1::text IS NULL".to_owned()
        } else {
            format!("{key} > {}", self.value(1))
        };
        format!(
            "SELECT b.k::text FROM (SELECT {key} AS k FROM {only}{table} WHERE {after} \
             ORDER BY {key} LIMIT {batch}) AS b ORDER BY b.k DESC LIMIT 1"
        )
    }

    /// What a row of a batch meets, with `$1` and `$2` for the keys of the last rows of the
    /// batch before and of this one.
    pub(crate) fn range(&self, backfill: &Backfill, is_first: bool) -> String {
        let key = backfill.key_sql();
        let to = format!("{key} <= {}", self.value(2));
        if is_first {
            format!("$1::text IS NULL AND {to}")
        } else {
            format!("{key} > {} AND {to}", self.value(1))
        }
    }

    /// Which part of the table was looked at, from 0 to 1; 0 where nobody knows.
    #[expect(clippy::cast_precision_loss, reason = "a part, for people")]
    pub(crate) fn fraction(&self, backfill: &Backfill, progress: &Progress) -> f64 {
        if self.rows <= 0.0 {
            return 0.0;
        }
        let seen = progress.batches as f64 * f64::from(backfill.batch);
        (seen / self.rows).min(1.0)
    }
}
