//! Wherever it is ended, a migration that is begun again comes to what it would have come
//! to undisturbed: nothing ran twice, and nothing is half applied.

use sluice_migration::Tool;
use sluice_migrator::apply::Step;

use crate::bench::Bench;
use crate::cut::{Cut, Wire};

const FILES: [(&str, &str); 3] = [
    (
        "1_person.sql",
        "CREATE TABLE person (id bigint PRIMARY KEY, name text);\n\
         INSERT INTO person SELECT n, 'p' || n FROM generate_series(1, 50) n;\n",
    ),
    (
        "2_visit.sql",
        "CREATE TABLE visit (id serial PRIMARY KEY, person bigint REFERENCES person);\n\
         INSERT INTO visit (person) SELECT id FROM person;\n\
         UPDATE person SET name = name || '!';\n",
    ),
    (
        "3_index.sql",
        "CREATE INDEX visit_person ON visit (person);\n",
    ),
];

/// Every how many messages the connection is cut. A call sends some ninety.
const STRIDE: usize = 9;

/// All that migrations leave: tables, indexes, rows, the ledger and the tool's table.
const ALL: &str = "\
SELECT string_agg(line, E'\\n' ORDER BY line) FROM (
    SELECT format('%s.%s %s %s', table_name, column_name, data_type, column_default) AS line
    FROM information_schema.columns WHERE table_schema IN ('public', 'sluice')
    UNION ALL
    SELECT indexdef || ' ' || indisvalid FROM pg_indexes
    JOIN pg_index ON indexrelid = format('%I.%I', schemaname, indexname)::regclass
    WHERE schemaname = 'public'
    UNION ALL SELECT 'person ' || person FROM person
    UNION ALL SELECT 'visit ' || visit FROM visit
    UNION ALL SELECT format('ledger %s %s %s %s', version, unit, sha256, state)
    FROM sluice.migration
) AS lines";

async fn all(bench: &Bench) -> String {
    let client = bench.client().await;
    let mut text: String = client.query_one(ALL, &[]).await.expect("all").get(0);
    if let Some(rows) = tools_rows(bench.tool) {
        let row = client.query_one(rows, &[]).await.expect("the tool's rows");
        text.push_str(row.get(0));
    }
    text
}

fn tools_rows(tool: Tool) -> Option<&'static str> {
    match tool {
        Tool::Sqlx => Some(
            "SELECT string_agg(format('%s %s %s %s', version, description, success, checksum), \
             ';' ORDER BY version) FROM _sqlx_migrations",
        ),
        Tool::GolangMigrate => {
            Some("SELECT string_agg(format('%s %s', version, dirty), ';') FROM schema_migrations")
        }
        _ => None,
    }
}

impl Bench {
    /// One call through a wire that is cut, then as many as it takes. What comes of it, and
    /// how many messages the call sent.
    async fn cut_at(&self, cut: Cut, calls_before: usize) -> (String, usize) {
        self.reset().await;
        for _ in 0..calls_before {
            self.call(1).await.expect("a call before");
        }
        let wire = Wire::to(self.address().port, cut).await;
        let called = self.call_through(&wire).await;
        let seen = wire.seen();
        assert!(cut != Cut::Never || called.is_ok(), "{called:?}");
        drop(wire);
        self.all().await.expect("the calls after");
        (all(self).await, seen)
    }
}

fn renamed(path: &str) -> &'static str {
    match path {
        "1_person.sql" => "1_person.up.sql",
        "2_visit.sql" => "2_visit.up.sql",
        _ => "3_index.up.sql",
    }
}

async fn every_cut_of(tool: Tool) {
    let files = match tool {
        Tool::GolangMigrate => FILES.map(|(path, text)| (renamed(path), text)),
        _ => FILES,
    };
    let bench = Bench::new(tool, &files).await;
    let mut cases = 0;
    for calls_before in 0..FILES.len() {
        let (undisturbed, messages) = bench.cut_at(Cut::Never, calls_before).await;
        for at in (calls_before..messages).step_by(STRIDE) {
            for cut in [Cut::Before(at), Cut::After(at)] {
                let (after, _) = bench.cut_at(cut, calls_before).await;
                assert_eq!(after, undisturbed, "{tool}, call {calls_before}, {cut:?}");
                cases += 1;
            }
        }
    }
    println!("{tool}: {cases} cases");
    assert!(cases >= 20, "{cases}");
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn a_connection_that_is_cut_at_any_message_changes_nothing_of_what_comes_of_it() {
    every_cut_of(Tool::Sqlx).await;
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn so_it_is_with_a_tool_that_keeps_one_row() {
    every_cut_of(Tool::GolangMigrate).await;
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn two_promotions_at_once_apply_each_file_once() {
    let bench = Bench::new(Tool::Sqlx, &FILES).await;
    let (one, other) = tokio::join!(bench.call(1), bench.call(1));
    for step in [one, other] {
        assert!(matches!(step, Ok(Step::Applied { .. })), "{step:?}");
    }
    bench.all().await.expect("the rest");
    let alone = Bench::new(Tool::Sqlx, &FILES).await;
    alone.all().await.expect("applied");
    assert_eq!(all(&bench).await, all(&alone).await);
}
