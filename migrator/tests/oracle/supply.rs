//! What a statement needs and a fragment does not create: made from what the server says
//! is missing.

use tokio_postgres::Error;
use tokio_postgres::error::DbError;

/// What to run so that a statement that failed may run, if that can be told.
pub(crate) fn supply(sql: &str, error: &Error) -> Option<String> {
    let error = error.as_db_error()?;
    let is_of_index = sql.to_uppercase().starts_with("ALTER INDEX");
    let names = names(error);
    let first = names.first()?;
    let what = match error.message().split(" \"").next()? {
        "relation" if is_of_index => "index",
        what => what,
    };
    match (error.code().code(), what) {
        ("3F000", _) => Some(format!("CREATE SCHEMA {}", quoted(first))),
        ("42P01" | "42704", "index") => Some(format!(
            "CREATE TABLE {table} (id bigint); CREATE INDEX {index} ON {table} (id)",
            table = quoted(&format!("of_{first}")),
            index = quoted(first),
        )),
        ("42P01", _) => Some(relation(first, what)),
        ("42704", "type") => Some(format!(
            "CREATE TYPE {} AS ENUM ('a', 'b')",
            quoted(first.trim_end_matches("[]"))
        )),
        ("42704", "constraint") => Some(format!(
            "ALTER TABLE {} ADD CONSTRAINT {} CHECK (true)",
            quoted(names.get(1)?),
            quoted(first)
        )),
        ("42704", "policy") => Some(format!(
            "CREATE POLICY {} ON {}",
            quoted(first),
            quoted(names.get(1)?)
        )),
        ("42703", "column") => Some(column(first, names.get(1))),
        ("42P07", _) => Some(format!("DROP TABLE {} CASCADE", quoted(first))),
        _ => None,
    }
}

fn relation(name: &str, what: &str) -> String {
    let schema = name.split_once('.').map(|(schema, _)| schema);
    let schema = schema.map(|it| format!("CREATE SCHEMA IF NOT EXISTS {}; ", quoted(it)));
    let name = quoted(name);
    let create = match what {
        "view" => format!("CREATE VIEW {name} AS SELECT 1 AS id"),
        "materialized view" => format!("CREATE MATERIALIZED VIEW {name} AS SELECT 1 AS id"),
        "sequence" => format!("CREATE SEQUENCE {name}"),
        _ => format!("CREATE TABLE {name} (id bigint PRIMARY KEY)"),
    };
    schema.unwrap_or_default() + &create
}

/// A column of a table, or of each table where it is not said of which.
fn column(name: &str, table: Option<&String>) -> String {
    let column = quoted(name);
    match table {
        Some(table) => format!("ALTER TABLE {} ADD COLUMN {column} integer", quoted(table)),
        None => format!(
            "DO $$ DECLARE each regclass; BEGIN FOR each IN SELECT oid FROM pg_class \
             WHERE relkind = 'r' AND relnamespace::regnamespace::text !~ '^(pg_|information)' LOOP \
             EXECUTE 'ALTER TABLE ' || each || ' ADD COLUMN IF NOT EXISTS {column} integer'; \
             END LOOP; END $$"
        ),
    }
}

/// What a message has in quotes.
fn names(error: &DbError) -> Vec<String> {
    let parts = error.message().split('"').skip(1).step_by(2);
    parts.map(str::to_owned).collect()
}

fn quoted(name: &str) -> String {
    let parts = name.split('.').map(|part| format!("\"{part}\""));
    parts.collect::<Vec<_>>().join(".")
}
