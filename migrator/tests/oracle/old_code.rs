//! The version before: what it asks of a database, all the time.

use std::fmt;

use tokio_postgres::{Client, Error, SimpleQueryMessage};

/// A query of the old version's, each of which finds or changes a row.
pub(crate) struct Query {
    pub(crate) name: &'static str,
    pub(crate) sql: &'static str,
    pub(crate) writes: bool,
}

const fn reads(name: &'static str, sql: &'static str) -> Query {
    let writes = false;
    Query { name, sql, writes }
}

const fn writes(name: &'static str, sql: &'static str) -> Query {
    let writes = true;
    Query { name, sql, writes }
}

pub(crate) const QUERIES: [Query; 17] = [
    reads(
        "select",
        "SELECT id, team_id, name, email, age, feeling FROM users WHERE id = 1",
    ),
    reads(
        "select of a view",
        "SELECT id, name FROM named WHERE id = 1",
    ),
    reads(
        "select of counts",
        "SELECT members FROM counted WHERE team_id = 2",
    ),
    reads(
        "select of all logs",
        "SELECT line FROM logs WHERE at = '2024-02-02'",
    ),
    reads("call", "SELECT one()"),
    writes("number", "SELECT nextval('numbers')"),
    writes(
        "insert",
        "INSERT INTO users (id, team_id, name, email, age, feeling) \
         VALUES (900, 1, 'old', 'old@example.org', 70000, 'sad')",
    ),
    writes(
        "insert without values",
        "INSERT INTO users (id, name) VALUES (901, 'older')",
    ),
    writes(
        "upsert",
        "INSERT INTO users (id, name) VALUES (902, 'user 9') \
         ON CONFLICT (name) DO UPDATE SET age = 9",
    ),
    writes(
        "update",
        "UPDATE users SET name = 'an older user', age = 5, email = NULL WHERE id = 7",
    ),
    writes("delete", "DELETE FROM users WHERE id = 8"),
    writes(
        "insert of a team",
        "INSERT INTO teams (id, name) VALUES (90, 'old')",
    ),
    writes(
        "update of a team",
        "UPDATE teams SET name = 'older' WHERE id = 3",
    ),
    writes("delete of a team", "DELETE FROM teams WHERE id = 45"),
    writes(
        "insert of a log",
        "INSERT INTO logs (at, line) VALUES ('2024-03-03', 'old')",
    ),
    writes("insert of two", "INSERT INTO empty (id) VALUES (1), (2)"),
    writes(
        "select to change",
        "SELECT name FROM users WHERE id = 6 FOR UPDATE",
    ),
];

/// What became of a query.
pub(crate) enum Came {
    Done,
    /// It waited for a lock for longer than it is let to.
    Waited,
    /// It failed, or found nothing.
    Broken(String),
}

/// Asks, and takes back what it changed.
pub(crate) async fn ask(old: &Client, query: &Query) -> Came {
    old.batch_execute("BEGIN").await.expect("BEGIN");
    let answer = old.simple_query(query.sql).await;
    old.batch_execute("ROLLBACK").await.expect("ROLLBACK");
    match answer.map(|messages| rows_of(&messages)) {
        Ok(1..) => Came::Done,
        Ok(0) => Came::Broken("no row".to_owned()),
        Err(error) if is_wait(&error) => Came::Waited,
        Err(error) => Came::Broken(said(&error)),
    }
}

impl fmt::Display for Came {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => out.write_str("done"),
            Self::Waited => out.write_str("kept waiting"),
            Self::Broken(why) => write!(out, "broken ({why})"),
        }
    }
}

fn said(error: &Error) -> String {
    let said = error.as_db_error().map(|it| it.message().to_owned());
    said.unwrap_or_else(|| error.to_string())
}

fn rows_of(messages: &[SimpleQueryMessage]) -> u64 {
    let rows = messages.iter().filter_map(|message| match message {
        SimpleQueryMessage::CommandComplete(rows) => Some(*rows),
        _ => None,
    });
    rows.sum()
}

fn is_wait(error: &Error) -> bool {
    error.code().is_some_and(|code| code.code() == "55P03")
}
