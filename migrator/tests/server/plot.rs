//! Migrations to be disturbed, written as each tool wants them.

use sluice_migration::Tool;

/// A migration before it is a file of a tool.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part {
    pub(crate) name: &'static str,
    pub(crate) sql: &'static str,
    /// Whether it runs in a transaction.
    pub(crate) transaction: bool,
    /// Whether it takes something away.
    pub(crate) contracts: bool,
}

pub(crate) const fn part(name: &'static str, sql: &'static str) -> Part {
    Part {
        name,
        sql,
        transaction: true,
        contracts: false,
    }
}

pub(crate) const fn alone(name: &'static str, sql: &'static str) -> Part {
    Part {
        transaction: false,
        ..part(name, sql)
    }
}

const fn contract(part: Part) -> Part {
    Part {
        contracts: true,
        ..part
    }
}

/// All of each in a transaction. What ran twice would show: rows, and marks behind names.
pub(crate) const TRANSACTIONS: [Part; 3] = [
    part(
        "person",
        "CREATE TABLE person (id bigint PRIMARY KEY, name text);\n\
         INSERT INTO person SELECT n, 'p' || n FROM generate_series(1, 20) n;\n",
    ),
    part(
        "visit",
        "CREATE TYPE place AS ENUM ('here', 'there');\n\
         CREATE TABLE visit (person bigint REFERENCES person, place place DEFAULT 'here');\n\
         INSERT INTO visit (person) SELECT id FROM person;\n\
         UPDATE person SET name = name || '!';\n\
         SELECT pg_advisory_xact_lock(77);\n\
         COMMENT ON TABLE visit IS 'Who came.';\n",
    ),
    part(
        "index",
        "CREATE INDEX visit_person ON visit (person);\n\
         ALTER TABLE person ADD COLUMN seen integer NOT NULL DEFAULT 0;\n\
         UPDATE person SET seen = seen + 1, name = name || '?';\n",
    ),
];

/// What the statements below work on.
pub(crate) const GROUND: Part = part(
    "ground",
    "CREATE TABLE item (id bigint NOT NULL, name text, note text DEFAULT '');\n\
     INSERT INTO item SELECT n, 'i' || n FROM generate_series(1, 50) n;\n\
     CREATE INDEX item_old ON item (name);\n\
     CREATE TABLE part (n integer) PARTITION BY RANGE (n);\n\
     CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (1) TO (10);\n\
     CREATE TABLE part_2 PARTITION OF part FOR VALUES FROM (10) TO (20);\n\
     INSERT INTO part VALUES (5), (15);\n\
     CREATE TYPE mood AS ENUM ('sad');\n\
     CREATE TABLE aside (n integer);\n",
);

/// What PostgreSQL runs outside of transactions only, each in a file of its own.
pub(crate) const ALONE: [Part; 8] = [
    alone(
        "create",
        "CREATE INDEX CONCURRENTLY item_name ON item (name);\n",
    ),
    alone(
        "unique",
        "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS item_id ON item (id);\n",
    ),
    alone("reindex", "REINDEX INDEX CONCURRENTLY item_name;\n"),
    alone("reindex_all", "REINDEX TABLE CONCURRENTLY item;\n"),
    alone("mood", "ALTER TYPE mood ADD VALUE 'glad';\n"),
    alone("vacuum", "VACUUM (ANALYZE) item;\n"),
    contract(alone("drop", "DROP INDEX CONCURRENTLY item_old;\n")),
    contract(alone(
        "detach",
        "ALTER TABLE part DETACH PARTITION part_1 CONCURRENTLY;\n",
    )),
];

/// Several units in one file.
pub(crate) const SEVERAL: Part = alone(
    "several",
    "UPDATE item SET note = note || '!';\n\
     CREATE INDEX CONCURRENTLY item_note ON item (note);\n\
     INSERT INTO aside SELECT count(*) FROM item;\n\
     VACUUM item;\n\
     UPDATE item SET note = note || '?';\n",
);

/// The files of a folder, with their paths in it.
pub(crate) type Files = Vec<(String, String)>;

/// Parts as the files of a tool, in this order.
pub(crate) fn files(tool: Tool, parts: &[Part]) -> Files {
    let numbered = parts.iter().zip(1..);
    numbered
        .flat_map(|(part, number)| file(tool, part, number))
        .collect()
}

fn file(tool: Tool, part: &Part, number: usize) -> Files {
    let Part { name, sql, .. } = part;
    let phase = match part.contracts {
        true => "-- sluice: phase contract\n",
        false => "",
    };
    let text = format!("{phase}{sql}");
    let off = |mark: &str| match part.transaction {
        true => text.clone(),
        false => format!("{mark}\n{text}"),
    };
    let stamp = 20_260_101_000_000_u64 + number as u64;
    let (path, text, beside) = match tool {
        Tool::Plain => (
            format!("{number}_{name}.sql"),
            off("-- sluice: no-transaction"),
            None,
        ),
        Tool::Sqlx => (
            format!("{number}_{name}.sql"),
            off("-- no-transaction"),
            None,
        ),
        Tool::Refinery => (format!("V{number}__{name}.sql"), text, None),
        Tool::Flyway => {
            let path = format!("V{number}__{name}.sql");
            let beside = (format!("{path}.conf"), "executeInTransaction=false\n");
            (path, text, Some(beside))
        }
        Tool::Prisma => (format!("{stamp}_{name}/migration.sql"), text, None),
        Tool::Dbmate => {
            let option = if part.transaction {
                ""
            } else {
                " transaction:false"
            };
            let text = format!("{phase}-- migrate:up{option}\n{sql}");
            (format!("{stamp}_{name}.sql"), text, None)
        }
        Tool::GolangMigrate => (format!("{number}_{name}.up.sql"), text, None),
        Tool::Diesel => {
            let beside = (
                format!("{stamp}_{name}/metadata.toml"),
                "run_in_transaction = false\n",
            );
            (format!("{stamp}_{name}/up.sql"), text, Some(beside))
        }
    };
    let beside = beside.filter(|_| !part.transaction);
    let beside = beside.map(|(path, text)| (path, text.to_owned()));
    std::iter::once((path, text)).chain(beside).collect()
}
