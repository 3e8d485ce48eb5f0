//! What a statement does to what was there before its file: the locks that it takes, the
//! tables that it reads as a whole or writes anew, and what is gone afterwards.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use sluice_migration::LockMode;
use tokio_postgres::{Client, Error};

use crate::stage::rows;

const MODES: [LockMode; 8] = [
    LockMode::AccessShare,
    LockMode::RowShare,
    LockMode::RowExclusive,
    LockMode::ShareUpdateExclusive,
    LockMode::Share,
    LockMode::ShareRowExclusive,
    LockMode::Exclusive,
    LockMode::AccessExclusive,
];

const RELATIONS: &str = "SELECT c.oid, c.relkind, c.relfilenode, \
    coalesce(pg_catalog.pg_relation_size(c.oid), 0), n.nspname || '.' || c.relname \
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'";

/// All that others may name or rely on, a line each.
const NAMES: &str = include_str!("names.sql");

const LOCKS: &str = "SELECT relation, mode FROM pg_catalog.pg_locks \
    WHERE pid = pg_catalog.pg_backend_pid() AND locktype = 'relation' AND granted";

const COUNTS: &str = "SELECT relid, seq_scan, seq_tup_read, n_tup_del \
    FROM pg_catalog.pg_stat_xact_user_tables";

/// A table, an index, a view.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Relation {
    kind: String,
    /// Another one holds its rows when it was written anew.
    node: String,
    size: u64,
    name: String,
}

/// What is there between statements.
#[derive(Debug, Default)]
pub(crate) struct State {
    relations: BTreeMap<String, Relation>,
    /// As [`NAMES`] has them, sorted.
    names: String,
}

/// What was there before a file. What it creates is nobody else's yet.
#[derive(Debug, Default)]
pub(crate) struct Before {
    relations: BTreeSet<String>,
    names: HashSet<String>,
}

/// Relations by the lock on them.
pub(crate) type Locks = BTreeMap<LockMode, BTreeSet<String>>;

/// What a statement did to what was there.
#[derive(Debug, Default)]
pub(crate) struct Measured {
    /// By strength; empty where it ran in no transaction.
    pub(crate) locks: Locks,
    /// Tables whose rows were written anew.
    pub(crate) rewritten: Vec<String>,
    /// Indexes that were built again.
    pub(crate) rebuilt: Vec<String>,
    /// Tables whose rows were read one by one, with the lock on them.
    pub(crate) scanned: Vec<(String, LockMode)>,
    /// Tables that lost rows.
    pub(crate) emptied: Vec<String>,
    /// What is gone, or is called otherwise.
    pub(crate) gone: Vec<String>,
}

impl State {
    pub(crate) async fn of(client: &Client) -> Result<Self, Error> {
        let relations = rows(client, RELATIONS).await?.into_iter().map(|row| {
            let relation = Relation {
                kind: row[1].clone(),
                node: row[2].clone(),
                size: row[3].parse().unwrap_or_default(),
                name: row[4].clone(),
            };
            (row[0].clone(), relation)
        });
        let relations = relations.collect();
        let names = rows(client, NAMES).await?.concat().concat();
        Ok(Self { relations, names })
    }

    /// All of it was there before a file.
    pub(crate) fn before(&self) -> Before {
        Before {
            relations: self.relations.keys().cloned().collect(),
            names: self.names.lines().map(str::to_owned).collect(),
        }
    }
}

impl Before {
    /// What was made for a statement, and not by the file.
    pub(crate) fn add(&mut self, old: &State, new: &State) {
        let added = new.relations.keys();
        let added = added.filter(|oid| !old.relations.contains_key(*oid));
        self.relations.extend(added.cloned());
        let old: HashSet<&str> = old.names.lines().collect();
        let added = new.names.lines().filter(|name| !old.contains(name));
        self.names.extend(added.map(str::to_owned));
    }
}

impl Measured {
    /// The strongest lock.
    pub(crate) fn lock(&self) -> Option<(LockMode, &BTreeSet<String>)> {
        self.locks.last_key_value().map(|(mode, on)| (*mode, on))
    }
}

/// Runs a statement in a transaction of its own and looks at it from within.
pub(crate) async fn in_transaction(
    client: &Client,
    sql: &str,
    state: &State,
    before: &Before,
) -> Result<(Measured, State), Error> {
    client.batch_execute("BEGIN").await?;
    let done = within(client, sql, state, before).await;
    let end = if done.is_ok() { "COMMIT" } else { "ROLLBACK" };
    let ended = client.batch_execute(end).await;
    let done = done?;
    ended.map(|()| done)
}

/// The same, in a transaction that somebody else ends.
pub(crate) async fn within(
    client: &Client,
    sql: &str,
    state: &State,
    before: &Before,
) -> Result<(Measured, State), Error> {
    let earlier = counts(client).await?;
    client.simple_query(sql).await?;
    let mut held: BTreeMap<String, LockMode> = BTreeMap::new();
    for row in rows(client, LOCKS).await? {
        let mode = mode_of(&row[1]);
        let held = held.entry(row[0].clone()).or_insert(mode);
        *held = mode.max(*held);
    }
    let later = counts(client).await?;
    let after = State::of(client).await?;
    let mut measured = difference(state, &after, before);
    let named = |oid: &String| {
        let relation = state.relations.get(oid)?;
        before.relations.contains(oid).then_some(relation)
    };
    for (oid, mode) in &held {
        if let Some(relation) = named(oid) {
            let on = measured.locks.entry(*mode).or_default();
            on.insert(relation.name.clone());
        }
    }
    for (oid, [scans, read, deleted]) in &later {
        let [scans_before, read_before, deleted_before] =
            earlier.get(oid).copied().unwrap_or_default();
        let (Some(relation), Some(mode)) = (named(oid), held.get(oid)) else {
            continue;
        };
        if *scans > scans_before && *read > read_before {
            measured.scanned.push((relation.name.clone(), *mode));
        }
        if *deleted > deleted_before {
            measured.emptied.push(relation.name.clone());
        }
    }
    Ok((measured, after))
}

/// Runs a statement that has no transaction. Its locks are gone when it is through.
pub(crate) async fn alone(
    client: &Client,
    sql: &str,
    state: &State,
    before: &Before,
) -> Result<(Measured, State), Error> {
    client.simple_query(sql).await?;
    let after = State::of(client).await?;
    Ok((difference(state, &after, before), after))
}

/// The locks on what was there that a session holds, or waits for.
pub(crate) async fn of_another(admin: &Client, pid: &str, before: &Before) -> Locks {
    let query = format!(
        "SELECT c.oid, mode, n.nspname || '.' || c.relname FROM pg_locks \
         JOIN pg_class c ON c.oid = relation JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE pid = {pid} AND locktype = 'relation'"
    );
    let mut locks = Locks::default();
    for row in rows(admin, &query).await.expect("locks") {
        if before.relations.contains(&row[0]) {
            let on = locks.entry(mode_of(&row[1])).or_default();
            on.insert(row[2].clone());
        }
    }
    locks
}

fn difference(state: &State, after: &State, before: &Before) -> Measured {
    let mut measured = Measured::default();
    for (oid, relation) in &state.relations {
        let Some(later) = after.relations.get(oid) else {
            continue;
        };
        if !before.relations.contains(oid) || later.node == relation.node {
            continue;
        }
        let name = relation.name.clone();
        match relation.kind.as_str() {
            "r" | "m" if later.size == 0 && relation.size == 0 => {}
            "r" | "m" if later.size == 0 => measured.emptied.push(name),
            "r" | "m" => measured.rewritten.push(name),
            "i" => measured.rebuilt.push(name),
            _ => {}
        }
    }
    if state.names != after.names {
        let left: HashSet<&str> = after.names.lines().collect();
        let gone = state.names.lines().filter(|name| !left.contains(name));
        let gone = gone.filter(|name| before.names.contains(*name));
        measured.gone = gone.map(str::to_owned).collect();
    }
    measured
}

/// What this transaction did to each table, and what the session has not yet told of
/// earlier ones.
async fn counts(client: &Client) -> Result<BTreeMap<String, [u64; 3]>, Error> {
    let rows = rows(client, COUNTS).await?.into_iter().map(|row| {
        let count = |at: usize| row[at].parse().unwrap_or_default();
        (row[0].clone(), [count(1), count(2), count(3)])
    });
    Ok(rows.collect())
}

fn mode_of(name: &str) -> LockMode {
    let mut modes = MODES.into_iter();
    let mode = modes.find(|mode| server_name(*mode) == name);
    mode.expect("a mode")
}

/// `AccessShareLock`, as the server calls `ACCESS SHARE`.
fn server_name(mode: LockMode) -> String {
    let words = mode.name().split(' ').map(|word| {
        let (first, rest) = word.split_at(1);
        format!("{first}{}", rest.to_lowercase())
    });
    format!("{}Lock", words.collect::<String>())
}
