//! About how long a statement takes, from how large its tables are.
//!
//! Rough on purpose: it is to tell a second from an hour. The rates are those of a small
//! server whose disk others use as well, so most servers are faster.

use sluice_migration::{Assessed, Backfill};

use super::Table;

/// Bytes of a table that are read in a second, half of what the smallest gp3 volume has for
/// all who use it (125 MiB/s; Amazon EBS user guide, "General Purpose SSD volumes").
const READ: u64 = 64 << 20;

/// Bytes of a table that are read, sorted and written into an index in a second. Comparing
/// and writing take longer than reading.
const INDEXED: u64 = 16 << 20;

/// Bytes of a table and its indexes that are written anew in a second. Each is read,
/// written, and written once more into the log, and indexes are built again.
const REWRITTEN: u64 = 16 << 20;

/// Rows that are changed in a second. Each is written once more, with an entry in each
/// index and in the log.
const ROWS: u64 = 10_000;

/// What a statement spends its time with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    Read,
    /// So many passes over the table.
    Index(u64),
    Rewrite,
    Change,
}

/// About how long a statement takes, in seconds. None of what touches no whole table, and
/// where no size is known.
pub(super) fn seconds(one: &Assessed, tables: &[Table]) -> Option<u64> {
    let work = work(one).filter(|_| !tables.is_empty())?;
    let each = tables.iter().map(|table| {
        let pauses = one.backfill.as_ref().map(|it| pauses(it, table));
        seconds_of(work, table).saturating_add(pauses.unwrap_or_default())
    });
    each.reduce(u64::saturating_add)
}

/// How long the pauses between batches are in all, where the rows are known.
fn pauses(backfill: &Backfill, table: &Table) -> u64 {
    let batches = table
        .rows
        .unwrap_or_default()
        .div_ceil(backfill.batch.into());
    let pauses = batches.saturating_mul(backfill.pause_ms.into());
    pauses.div_ceil(1_000)
}

fn work(one: &Assessed) -> Option<Work> {
    let builds = ["INDEX", "UNIQUE", "PRIMARY KEY", "EXCLUDE"];
    if one.rewrites {
        return Some(Work::Rewrite);
    }
    if one.scans && builds.iter().any(|word| one.kind.contains(word)) {
        // CONCURRENTLY reads the table once more, for what came meanwhile.
        let passes = if one.in_transaction { 1 } else { 2 };
        return Some(Work::Index(passes));
    }
    if one.scans {
        return Some(Work::Read);
    }
    ["UPDATE", "DELETE"]
        .contains(&one.kind.as_str())
        .then_some(Work::Change)
}

fn seconds_of(work: Work, table: &Table) -> u64 {
    let Table {
        rows,
        bytes,
        index_bytes,
        ..
    } = *table;
    let all = bytes.saturating_add(index_bytes);
    match work {
        Work::Read => bytes.div_ceil(READ),
        Work::Index(passes) => bytes.saturating_mul(passes).div_ceil(INDEXED),
        Work::Rewrite => all.div_ceil(REWRITTEN),
        // Which rows, the condition says. All of them, at worst.
        Work::Change => rows.map_or(all.div_ceil(REWRITTEN), |rows| rows.div_ceil(ROWS)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    fn table(rows: Option<u64>) -> Table {
        Table {
            name: "t".to_owned(),
            rows,
            bytes: 4 * GIB,
            index_bytes: 4 * GIB,
        }
    }

    #[test]
    fn a_read_is_shorter_than_an_index_and_an_index_than_a_rewrite() {
        let known = table(Some(40_000_000));
        assert_eq!(seconds_of(Work::Read, &known), 64);
        assert_eq!(seconds_of(Work::Index(1), &known), 256);
        assert_eq!(seconds_of(Work::Index(2), &known), 512);
        assert_eq!(seconds_of(Work::Rewrite, &known), 512);
    }

    #[test]
    fn changes_are_estimated_by_rows_and_by_size_where_rows_are_not_known() {
        assert_eq!(seconds_of(Work::Change, &table(Some(40_000_000))), 4_000);
        assert_eq!(seconds_of(Work::Change, &table(None)), 512);
    }

    #[test]
    fn batches_take_their_pauses_as_well() {
        let backfill = Backfill {
            table: "t".to_owned(),
            only: false,
            key: "id".to_owned(),
            batch: 1_000,
            pause_ms: 100,
            condition: None,
        };
        assert_eq!(pauses(&backfill, &table(Some(40_000_000))), 4_000);
        assert_eq!(pauses(&backfill, &table(Some(1))), 1);
        assert_eq!(pauses(&backfill, &table(None)), 0);
    }

    #[test]
    fn an_empty_table_takes_no_time_and_a_row_a_second_at_most() {
        let empty = Table {
            bytes: 0,
            index_bytes: 0,
            ..table(Some(0))
        };
        assert_eq!(seconds_of(Work::Rewrite, &empty), 0);
        assert_eq!(seconds_of(Work::Change, &table(Some(1))), 1);
    }
}
