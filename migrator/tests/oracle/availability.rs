//! Whoever reads and writes a table of a million rows, while somebody else lingers in it,
//! waits for no migration of class A longer than the migration waits for its lock.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use sluice_migration::{Class, Lint, Options, Phase, Reading, Source, Tool, lint, read};
use sluice_migrator::apply::{Folder, Limits, Step, apply};
use sluice_migrator::ledger::Holder;
use sluice_migrator::{Address, Trust, connect};
use sluice_postgres::Database;
use tokio::time::sleep;
use tokio_postgres::{Client, NoTls};

use crate::cases::cases;
use crate::corpus::told;

const TABLE: &str = "CREATE TABLE teams (id bigint PRIMARY KEY, name text);
    INSERT INTO teams (id) SELECT generate_series(1, 100);
    CREATE TYPE mood AS ENUM ('sad', 'fine');
    CREATE TABLE users (id bigint PRIMARY KEY, team_id bigint, name text NOT NULL, age int);
    INSERT INTO users SELECT i, i % 100 + 1, 'user ' || i, i % 90 FROM generate_series(1, 1000000) i;
    CREATE INDEX users_age ON users (age);
    ANALYZE";

/// A unit of class A each.
const UNITS: &[&str] = &[
    "ALTER TABLE users ADD COLUMN nick text;",
    "ALTER TABLE users ADD COLUMN level int NOT NULL DEFAULT 1;",
    "ALTER TABLE users ADD COLUMN since timestamptz NOT NULL DEFAULT now();",
    "ALTER TABLE users ALTER COLUMN age SET DEFAULT 2;",
    "ALTER TABLE users ALTER COLUMN age DROP DEFAULT;",
    "ALTER TABLE users ALTER COLUMN name DROP NOT NULL;",
    "ALTER TABLE users ADD CONSTRAINT aged CHECK (age IS NOT NULL) NOT VALID;",
    "ALTER TABLE users VALIDATE CONSTRAINT aged;",
    "ALTER TABLE users ADD CONSTRAINT of_team FOREIGN KEY (team_id) REFERENCES teams NOT VALID;",
    "ALTER TABLE users VALIDATE CONSTRAINT of_team;",
    "ALTER TABLE users ADD COLUMN other bigint REFERENCES teams;",
    "CREATE INDEX CONCURRENTLY users_name ON users (name);",
    "CREATE UNIQUE INDEX CONCURRENTLY users_once ON users (id, name);",
    "ALTER TABLE users ADD CONSTRAINT once UNIQUE USING INDEX users_once;",
    "REINDEX INDEX CONCURRENTLY users_name;",
    "DROP INDEX CONCURRENTLY users_age;",
    "CREATE TABLE pets (id bigint PRIMARY KEY, owner bigint REFERENCES users);",
    "INSERT INTO users (id, name, age) VALUES (0, 'new', 1);",
    "COMMENT ON TABLE users IS 'people';",
    "ALTER TABLE users ALTER COLUMN name SET STATISTICS 500;",
    "ALTER TABLE users SET (fillfactor = 90);",
    "CREATE STATISTICS known ON age, team_id FROM users;",
    "ANALYZE users;",
    "VACUUM users;",
    "ALTER TYPE mood ADD VALUE 'calm';",
    "GRANT SELECT ON users TO PUBLIC;",
    "CREATE VIEW adults AS SELECT id FROM users WHERE age > 17;",
    "CREATE MATERIALIZED VIEW ages AS SELECT age FROM users WHERE id < 1000;",
    "CREATE TABLE copied AS SELECT id FROM users WHERE id < 1000;",
    "CREATE FUNCTION two() RETURNS int LANGUAGE sql AS 'SELECT 2';",
    "CREATE DOMAIN long AS text CHECK (length(VALUE) > 99);",
    "CREATE TYPE size AS ENUM ('s', 'm');",
    "CREATE SEQUENCE more;",
    "CREATE SCHEMA more;",
    "DROP STATISTICS known;",
    "ALTER TABLE users ALTER COLUMN name SET STORAGE EXTERNAL;",
    "ALTER INDEX users_name SET (fillfactor = 70);",
    "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC;",
    "SELECT count(*) FROM users WHERE id < 1000;",
    "-- sluice: backfill key=id batch=100 pause=10ms\n\
     UPDATE teams SET name = 'team' WHERE name IS NULL;",
];

/// Kinds of class A that make no unit of their own.
const EXEMPT: [&str; 1] = [
    // After an ADD and a VALIDATE of the same file, in which others have their units.
    "ALTER TABLE … ALTER COLUMN … SET NOT NULL",
];

/// How much longer than for the lock alone a query may take.
const MORE: Duration = Duration::from_millis(100);

/// What it asks, how long it took at most, and during which unit.
struct Load<'a> {
    is_over: &'a Cell<bool>,
    unit: &'a Cell<usize>,
    worst: RefCell<Vec<Duration>>,
}

impl<'a> Load<'a> {
    fn new(is_over: &'a Cell<bool>, unit: &'a Cell<usize>) -> Self {
        let worst = RefCell::new(vec![Duration::ZERO; UNITS.len()]);
        Self {
            is_over,
            unit,
            worst,
        }
    }

    /// Asks one thing after the other, of rows all over the table.
    async fn ask(&self, client: Client, query: &str) {
        let mut row: u64 = 1;
        while !self.is_over.get() {
            row = (row * 7919) % 1_000_003;
            let (query, began) = (query.replace("$1", &row.to_string()), Instant::now());
            let unit = self.unit.get();
            client.simple_query(&query).await.expect("an answer");
            let took = began.elapsed();
            let mut worst = self.worst.borrow_mut();
            for worst in &mut worst[unit..=self.unit.get()] {
                *worst = took.max(*worst);
            }
        }
    }
}

/// Who reads one thing and takes longer over it than anybody waits for a lock, again and
/// again with a pause. Says when they are at it.
async fn linger(client: Client, is_over: &Cell<bool>, is_there: &Cell<bool>) {
    let run = async |sql: &str| client.batch_execute(sql).await.expect("a long look");
    while !is_over.get() {
        run("BEGIN; SELECT name FROM users WHERE id = 5").await;
        is_there.set(true);
        run("SELECT pg_sleep(0.6)").await;
        is_there.set(false);
        run("COMMIT; SELECT pg_sleep(0.5)").await;
    }
}

async fn client(database: &Database) -> Client {
    let connected = tokio_postgres::connect(database.url(), NoTls).await;
    let (client, connection) = connected.expect("a client");
    tokio::spawn(connection);
    client
}

/// What is said of the units.
fn read_and_told() -> (Reading, Lint) {
    let paths: Vec<String> = (1..=UNITS.len())
        .map(|at| format!("{at}_unit.sql"))
        .collect();
    let sources = paths.iter().zip(UNITS);
    let sources = sources.map(|(path, sql)| Source {
        path,
        bytes: sql.as_bytes(),
    });
    let options = Options {
        tool: Some(Tool::Plain),
        whole: true,
        ..Options::default()
    };
    let reading = read(&sources.collect::<Vec<_>>(), &options);
    let lint = lint(&reading);
    (reading, lint)
}

fn folder() -> Folder {
    let (reading, lint) = read_and_told();
    assert_eq!(lint.count(Class::A), UNITS.len(), "{:?}", lint.files);
    Folder::new(reading, &lint).expect("nothing refused")
}

#[test]
fn each_kind_of_class_a_has_a_unit_that_is_tried_under_load() {
    let (_, lint) = read_and_told();
    let units = lint.files.iter().flat_map(|file| &file.statements);
    let units: BTreeSet<&str> = units.map(|one| one.kind.as_str()).collect();
    let cases = cases().filter(|case| case.class == Class::A);
    let told = cases.filter_map(|case| {
        let file = ("1_case.sql".to_owned(), case.sql.as_bytes().to_vec());
        let files = told(&[file], Tool::Plain);
        let last = files.into_iter().next()?.statements.pop()?;
        Some(last.assessed)
    });
    // Nobody meets a table that the same file creates.
    let met = told.filter(|one| !one.reason.contains("this file creates the table"));
    let without: BTreeSet<String> = met
        .map(|one| one.kind)
        .filter(|kind| !units.contains(kind.as_str()) && !EXEMPT.contains(&kind.as_str()))
        .collect();
    assert_eq!(without, BTreeSet::new());
}

/// Applies all units, each in a session of its own, and each while somebody lingers.
async fn migrate(database: &Database, unit: &Cell<usize>, is_there: &Cell<bool>) {
    let address: Address = format!("{}?sslmode=disable", database.url())
        .parse()
        .expect("an address");
    let holder = Holder {
        promotion: "shop/prod/1.4.0/1".to_owned(),
        release: "shop 1.4.0".to_owned(),
        generation: 1,
        epoch: 1,
        backup: None,
    };
    let (folder, limits) = (folder(), Limits::default());
    for (at, sql) in UNITS.iter().enumerate() {
        unit.set(at);
        let session = connect(&address, &Trust::Rds, limits.budget).await;
        let session = session.expect("a session");
        while !is_there.get() {
            sleep(Duration::from_millis(1)).await;
        }
        let step = apply(&session, &folder, Phase::Expand, &holder, limits).await;
        let step = step.unwrap_or_else(|error| panic!("{sql}: {error}"));
        assert!(matches!(step.step, Step::Applied { .. }), "{step:?}");
    }
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn nobody_waits_for_a_unit_of_class_a_longer_than_for_a_lock() {
    let database = Database::create().await.expect("a database");
    let admin = client(&database).await;
    admin.batch_execute(TABLE).await.expect("a million rows");
    let is_there = Cell::new(false);
    let (is_over, unit) = (Cell::new(false), Cell::new(0));
    let (reads, writes) = (Load::new(&is_over, &unit), Load::new(&is_over, &unit));
    // Uses no table: what it waits for is the machine.
    let idle = Load::new(&is_over, &unit);
    let migration = async {
        migrate(&database, &unit, &is_there).await;
        is_over.set(true);
    };
    tokio::join!(
        migration,
        reads.ask(
            client(&database).await,
            "SELECT name FROM users WHERE id = $1"
        ),
        writes.ask(
            client(&database).await,
            "UPDATE users SET age = age + 1 WHERE id = $1; \
             INSERT INTO teams (id) VALUES (1000 + $1) ON CONFLICT DO NOTHING"
        ),
        idle.ask(client(&database).await, "SELECT 1"),
        linger(client(&database).await, &is_over, &is_there),
    );
    let bound = Limits::default().budget.lock + MORE;
    let mut waited = Vec::new();
    for (at, sql) in UNITS.iter().enumerate() {
        let [read, written, stalled] = [&reads, &writes, &idle].map(|load| load.worst.borrow()[at]);
        eprintln!("{read:>12.1?} {written:>12.1?} {stalled:>12.1?} {sql}");
        if read.max(written) > bound + stalled {
            waited.push(*sql);
        }
    }
    assert_eq!(waited, Vec::<&str>::new());
    // Somebody stood in the way, or all this shows nothing.
    let worst = reads.worst.borrow().iter().max().copied();
    assert!(worst > Some(Duration::from_millis(300)), "{worst:?}");
}
