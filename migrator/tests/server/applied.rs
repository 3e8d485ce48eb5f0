//! What is applied, and what is refused.

use std::time::Duration;

use sluice_migration::{Phase, Tool};
use sluice_migrator::Error;
use sluice_migrator::apply::{Step, apply};

use crate::bench::{Bench, holder};

const TABLE: &str =
    "CREATE TABLE person (id bigint PRIMARY KEY);\nINSERT INTO person VALUES (1);\n";
const COLUMN: &str = "ALTER TABLE person ADD COLUMN name text;\n";

async fn people(client: &tokio_postgres::Client) -> i64 {
    let row = client.query_one("SELECT count(*) FROM person", &[]).await;
    row.expect("a table").get(0)
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn files_are_applied_one_by_one_and_once() {
    let bench = Bench::new(
        Tool::Sqlx,
        &[("1_person.sql", TABLE), ("2_name.sql", COLUMN)],
    )
    .await;
    let steps = bench.all().await.expect("applied");
    let paths: Vec<&str> = steps
        .iter()
        .map(|step| match step {
            Step::Applied { path, .. } => path.as_str(),
            Step::Done | Step::Progress { .. } => "",
        })
        .collect();
    assert_eq!(paths, ["1_person.sql", "2_name.sql"]);
    assert_eq!(bench.all().await.expect("nothing to do"), []);
    assert_eq!(people(&bench.client().await).await, 1);
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn each_call_says_whether_another_one_is_to_follow() {
    let units = "-- sluice: no-transaction\nSELECT 1;\nSELECT 2;\n";
    let drop = "-- sluice: phase contract\nDROP TABLE person;\n";
    let files = [
        ("1_person.sql", TABLE),
        ("2_units.sql", units),
        ("3_drop.sql", drop),
    ];
    let bench = Bench::new(Tool::Plain, &files).await;
    let folder = bench.folder();
    for (phase, expected) in [
        (Phase::Expand, vec![true, true, false, false]),
        (Phase::Contract, vec![false, false]),
    ] {
        let mut more = Vec::new();
        for _ in &expected {
            let session = bench.session().await;
            let turn = apply(&session, &folder, phase, &holder(1), bench.limits).await;
            more.push(turn.expect("applied").more);
        }
        assert_eq!(more, expected, "{phase:?}");
    }
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn a_statement_that_fails_leaves_nothing_of_its_file_and_names_its_line() {
    let broken = "CREATE TABLE other (id int);\nSELECT 1;\nINSERT INTO other\n  VALUES ('x');\n";
    let bench = Bench::new(
        Tool::Plain,
        &[("1_person.sql", TABLE), ("2_other.sql", broken)],
    )
    .await;
    let error = bench.all().await.expect_err("refused");
    let said = error.to_string();
    assert!(
        said.starts_with("2_other.sql:4: invalid input syntax"),
        "{said}"
    );
    let client = bench.client().await;
    let row = client
        .query_one("SELECT to_regclass('other') IS NULL", &[])
        .await;
    assert!(row.expect("asked").get::<_, bool>(0));
    let row = client
        .query_one(
            "SELECT string_agg(state, ',' ORDER BY version) FROM sluice.migration",
            &[],
        )
        .await;
    assert_eq!(row.expect("asked").get::<_, String>(0), "done,running");
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn what_was_changed_is_missing_or_comes_too_late_is_refused_and_changes_nothing() {
    let mut bench = Bench::new(
        Tool::Sqlx,
        &[("1_person.sql", TABLE), ("3_name.sql", COLUMN)],
    )
    .await;
    bench.all().await.expect("applied");
    bench.files[0].1.push_str("-- changed\n");
    bench.files[1].0 = "2_late.sql".to_owned();
    let Err(Error::Refused { refused, .. }) = bench.call(1).await else {
        panic!("expected a refusal");
    };
    let what: Vec<&str> = refused.iter().map(|one| one.what.as_str()).collect();
    assert_eq!(
        what,
        [
            "a migration that was applied is missing",
            "a migration was changed after it was applied"
        ]
    );
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn a_promotion_that_was_overtaken_changes_nothing() {
    let bench = Bench::new(
        Tool::Plain,
        &[("1_person.sql", TABLE), ("2_name.sql", COLUMN)],
    )
    .await;
    bench.call(5).await.expect("the first");
    let fenced = bench.call(4).await.expect_err("overtaken");
    assert!(matches!(fenced, Error::Fenced { own: 4 }));
    let said = fenced.to_string();
    assert!(
        said.contains("This call changed nothing; release again"),
        "{said}"
    );
    assert!(matches!(bench.call(5).await, Ok(Step::Applied { .. })));
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn a_user_of_sluices_name_makes_no_tables_in_sluices_schema() {
    let bench = Bench::new(Tool::Sqlx, &[("1_person.sql", TABLE)]).await;
    assert_eq!(bench.address().user, "sluice");
    bench.all().await.expect("applied");
    let made = "SELECT string_agg(schemaname || '.' || tablename, ',' ORDER BY tablename) \
                FROM pg_tables WHERE tablename IN ('person', '_sqlx_migrations')";
    let row = bench.client().await.query_one(made, &[]).await;
    let found: String = row.expect("asked").get(0);
    assert_eq!(found, "public._sqlx_migrations,public.person");
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn what_a_file_sets_for_itself_keeps_its_record_from_nobody() {
    let elsewhere = "CREATE SCHEMA shop;\nSET search_path TO shop;\nCREATE TABLE item (id int);\n";
    let bench = Bench::new(
        Tool::Sqlx,
        &[("1_person.sql", TABLE), ("2_shop.sql", elsewhere)],
    )
    .await;
    assert_eq!(bench.all().await.expect("applied").len(), 2);
    assert_eq!(bench.all().await.expect("nothing to do"), []);
    let client = bench.client().await;
    let found = "SELECT to_regclass('shop.item') IS NOT NULL AND (SELECT count(*) = 2 \
                 FROM public._sqlx_migrations)";
    let row = client.query_one(found, &[]).await.expect("asked");
    assert!(row.get::<_, bool>(0));
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn what_to_do_next_stands_in_each_error_of_the_server() {
    let table = "CREATE TABLE person (id bigint, name text); \
                 INSERT INTO person VALUES (1, 'a'), (1, NULL);";
    let forbidden = "SET ROLE pg_monitor; ALTER TABLE person ADD COLUMN x int;";
    let cases = [
        ("CREATE TABLE person (id int);", "see who made it"),
        (
            "ALTER TABLE person ADD COLUMN name text;",
            "the column is there already",
        ),
        (
            "CREATE INDEX i ON person (nick);",
            "look for a slip in the name",
        ),
        (
            "ALTER TABLE nobody ADD COLUMN name text;",
            "look for a slip in the name",
        ),
        (
            "CREATE UNIQUE INDEX i ON person (id);",
            "find them and mend them",
        ),
        (
            "ALTER TABLE person ALTER COLUMN name SET NOT NULL;",
            "best in a backfill",
        ),
        (forbidden, "GRANT owner TO user"),
        (
            "SELECT pg_sleep(30);",
            "raise `database.statement_timeout_seconds`",
        ),
        ("SELECT 1 / 0;", "mend the file and release a new version"),
    ];
    for (statement, expected) in cases {
        let files = [("1_person.sql", table), ("2_next.sql", statement)];
        let bench = Bench::new(Tool::Plain, &files).await;
        bench.call(1).await.expect("the table");
        let mut limits = bench.limits;
        limits.budget.statement = Duration::from_millis(500);
        let error = bench
            .call_within(1, limits)
            .await
            .expect_err(statement)
            .to_string();
        assert!(error.contains(expected), "{statement}: {error}");
        assert!(error.ends_with("was undone"), "{error}");
    }
    // What Sluice asks for itself.
    let bench = Bench::new(Tool::Plain, &[("1_person.sql", table)]).await;
    let client = bench.client().await;
    let odd = "CREATE SCHEMA sluice; CREATE TABLE sluice.migration (tool text)";
    client.batch_execute(odd).await.expect("made by hand");
    let error = bench.call(1).await.expect_err("odd").to_string();
    assert!(error.contains("see who changed it"), "{error}");
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn a_repeatable_file_that_is_called_like_a_version_has_a_row_of_its_own() {
    let view = "CREATE OR REPLACE VIEW people AS SELECT id FROM person;\n";
    let files = [("V1__person.sql", TABLE), ("R__1.sql", view)];
    let mut bench = Bench::new(Tool::Flyway, &files).await;
    assert_eq!(bench.all().await.expect("applied").len(), 2);
    assert_eq!(bench.all().await.expect("nothing to do"), []);
    // As it was written down before.
    let client = bench.client().await;
    let before = "UPDATE sluice.migration SET version = 'people' WHERE path = 'R__people.sql'";
    bench.files[1].0 = "R__people.sql".to_owned();
    bench.reset().await;
    bench.all().await.expect("applied");
    client.batch_execute(before).await.expect("written");
    assert_eq!(bench.all().await.expect("nothing to do"), []);
    client.batch_execute(before).await.expect("written");
    bench.files[1].1.push_str("-- another\n");
    assert_eq!(bench.all().await.expect("applied").len(), 1);
    let rows = "SELECT string_agg(version, ',' ORDER BY version) FROM sluice.migration";
    let row = client.query_one(rows, &[]).await.expect("asked");
    assert_eq!(row.get::<_, String>(0), "1,R__people");
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn what_stands_in_rows_is_told_to_nobody() {
    let twice = "INSERT INTO person VALUES (4711), (4711);\n";
    let bench = Bench::new(
        Tool::Plain,
        &[
            ("1_person.sql", TABLE),
            ("2_rows.sql", twice),
            ("3_cast.sql", "SELECT 1;"),
        ],
    )
    .await;
    let error = bench.all().await.expect_err("a key twice").to_string();
    assert!(error.contains("person_pkey"), "{error}");
    assert!(!error.contains("4711"), "{error}");
}
