//! How large tables are.

use std::collections::{BTreeMap, BTreeSet};

use tokio_postgres::Row;

use super::Table;
use crate::connect::Session;
use crate::{Error, Result};

/// A table, or the one of an index, with all that inherits from it. Rows are counted as the
/// planner does: as dense as they were when the table was last analyzed. The sizes wait for
/// whoever holds a table ACCESS EXCLUSIVE.
const SIZE: &str = "\
WITH RECURSIVE named AS (SELECT to_regclass($1::text)::oid AS oid),
part(oid) AS (
    SELECT coalesce((SELECT indrelid FROM pg_index i WHERE i.indexrelid = named.oid), named.oid)
    FROM named
    UNION SELECT i.inhrelid FROM pg_inherits i JOIN part p ON i.inhparent = p.oid
), sized AS (
    SELECT pg_table_size(c.oid) AS bytes, pg_indexes_size(c.oid) AS indexes,
        CASE WHEN pg_relation_size(c.oid) = 0 THEN 0
            WHEN c.reltuples >= 0 AND c.relpages > 0 THEN c.reltuples / c.relpages
                * pg_relation_size(c.oid) / current_setting('block_size')::int END AS rows
    FROM part p JOIN pg_class c ON c.oid = p.oid WHERE c.relkind IN ('r', 'm', 'p')
)
SELECT CASE WHEN count(*) = count(rows) THEN sum(rows)::bigint END,
    sum(bytes)::bigint, sum(indexes)::bigint
FROM sized HAVING count(*) > 0";

/// The tables that are there, by name. One that can't be looked at in time, or whose name
/// the server does not take, is left out.
pub(super) async fn of(
    session: &Session,
    names: BTreeSet<String>,
) -> Result<BTreeMap<String, Table>> {
    let mut tables = BTreeMap::new();
    for name in names {
        match session.client.query_opt(SIZE, &[&name]).await {
            Ok(Some(row)) => {
                let table = table(&name, &row);
                tables.insert(name, table);
            }
            Ok(None) => {}
            Err(error) if error.as_db_error().is_some() => {}
            Err(error) => return Err(Error::server("asking how large a table is")(error)),
        }
    }
    Ok(tables)
}

fn table(name: &str, row: &Row) -> Table {
    let number = |number: i64| u64::try_from(number).unwrap_or_default();
    Table {
        name: name.to_owned(),
        rows: row.get::<_, Option<i64>>(0).map(number),
        bytes: number(row.get(1)),
        index_bytes: number(row.get(2)),
    }
}
