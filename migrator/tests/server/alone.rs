//! Files that run in no transaction: several units, and what such a statement leaves behind
//! when it fails.

use sluice_migration::Tool;
use sluice_migrator::Error;
use sluice_migrator::apply::Step;

use crate::bench::Bench;

const TABLE: &str =
    "CREATE TABLE person (id bigint, name text);\nINSERT INTO person VALUES (1, 'a'), (1, 'b');\n";

async fn answer(bench: &Bench, query: &str) -> String {
    let row = bench.client().await.query_one(query, &[]).await;
    row.expect("an answer").get(0)
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn a_file_of_several_units_is_applied_to_its_end_and_each_unit_once() {
    let marks = [
        (Tool::Plain, "-- sluice: no-transaction\n"),
        (Tool::Sqlx, "-- no-transaction\n"),
    ];
    for (tool, mark) in marks {
        let text = format!(
            "{mark}{TABLE}CREATE INDEX CONCURRENTLY person_id ON person (id);\n\
             UPDATE person SET name = name || '!';\n"
        );
        let files = [("1_person.sql", text.as_str()), ("2_end.sql", "SELECT 1;")];
        let bench = Bench::new(tool, &files).await;
        let steps = bench.all().await.expect("applied");
        let units: Vec<usize> = steps
            .iter()
            .map(|step| match step {
                Step::Applied { unit, .. } => *unit,
                Step::Progress { .. } | Step::Done => 99,
            })
            .collect();
        assert_eq!(units, [0, 1, 2, 3, 0], "{tool}");
        let names = "SELECT string_agg(name, ',' ORDER BY name) FROM person";
        assert_eq!(answer(&bench, names).await, "a!,b!", "{tool}");
    }
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn what_was_there_before_is_not_taken_for_what_a_statement_did() {
    let cases = [
        (
            "CREATE INDEX CONCURRENTLY person_id ON person (id);",
            "CREATE INDEX person_id ON person (name)",
            "already exists",
        ),
        (
            "DROP INDEX CONCURRENTLY person_id;",
            "SELECT 1",
            "does not exist",
        ),
        (
            "-- sluice: phase contract\nALTER TABLE part DETACH PARTITION part_1 CONCURRENTLY;",
            "CREATE TABLE part (n int) PARTITION BY RANGE (n); CREATE TABLE part_1 (n int)",
            "is not a partition",
        ),
    ];
    for (statement, before, expected) in cases {
        let files = [("1_person.sql", TABLE), ("2_alone.sql", statement)];
        let bench = Bench::new(Tool::Plain, &files).await;
        bench.call(1).await.expect("the table");
        bench
            .client()
            .await
            .batch_execute(before)
            .await
            .expect("before");
        for attempt in 1..=3 {
            let error = bench.call(1).await.expect_err(statement).to_string();
            assert!(error.contains(expected), "try {attempt}: {error}");
        }
    }
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn an_index_that_rows_forbid_is_told_and_built_once_they_are_gone() {
    let index = "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS person_id ON person (id);";
    let files = [("1_person.sql", TABLE), ("2_index.sql", index)];
    let bench = Bench::new(Tool::Plain, &files).await;
    bench.call(1).await.expect("the table");
    for _ in 0..2 {
        let error = bench.call(1).await.expect_err("duplicates").to_string();
        assert!(
            error.starts_with("2_index.sql:1: could not create unique index"),
            "{error}"
        );
        assert!(
            error.contains("not valid, which the next try drops; rows are the same"),
            "{error}"
        );
    }
    let client = bench.client().await;
    client
        .batch_execute("DELETE FROM person WHERE name = 'b'")
        .await
        .expect("deleted");
    bench.all().await.expect("applied");
    let valid = "SELECT string_agg(indexrelid::regclass || ' ' || indisvalid, ',') \
                 FROM pg_index WHERE indrelid = 'person'::regclass";
    assert_eq!(answer(&bench, valid).await, "person_id true");
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn an_invalid_index_of_somebody_else_is_told_and_not_kept_as_the_one_that_is_wanted() {
    let index = "CREATE INDEX CONCURRENTLY IF NOT EXISTS person_id ON person (id);";
    let files = [("1_person.sql", TABLE), ("2_index.sql", index)];
    let bench = Bench::new(Tool::Plain, &files).await;
    bench.call(1).await.expect("the table");
    let client = bench.client().await;
    let failed = client
        .batch_execute("CREATE UNIQUE INDEX CONCURRENTLY person_id ON person (id)")
        .await;
    failed.expect_err("duplicates");
    for _ in 0..2 {
        let called = bench.call(1).await;
        assert!(matches!(called, Err(Error::Unusable { .. })), "{called:?}");
    }
    client
        .batch_execute("DROP INDEX person_id")
        .await
        .expect("dropped");
    bench.all().await.expect("applied");
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn what_the_tool_took_back_is_refused_until_its_rows_are_gone_and_may_have_another_text() {
    let text = format!("-- no-transaction\n{TABLE}UPDATE person SET name = name || '!';\n");
    let mut bench = Bench::new(
        Tool::Sqlx,
        &[("1_first.sql", "SELECT 1;"), ("2_person.sql", &text)],
    )
    .await;
    for round in 0..3 {
        bench.all().await.expect("applied");
        let names = "SELECT string_agg(name, ',' ORDER BY name) FROM person";
        assert_eq!(answer(&bench, names).await, "a!,b!", "round {round}");
        let client = bench.client().await;
        let back = "DROP TABLE person; DELETE FROM _sqlx_migrations WHERE version = 2";
        client.batch_execute(back).await.expect("taken back");
        for _ in 0..2 {
            let error = bench.call(1).await.expect_err("refused").to_string();
            assert!(
                error.contains("2_person.sql: a migration was taken back"),
                "{error}"
            );
        }
        let meant = "DELETE FROM sluice.migration WHERE version = '2'";
        client.batch_execute(meant).await.expect("said");
        if round == 1 {
            bench.files[1].1.push_str("SELECT 2;\n");
        }
    }
    bench.files.pop();
    assert_eq!(bench.all().await.expect("a file taken back may go"), []);
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn a_file_that_is_half_applied_and_cut_into_other_parts_is_refused() {
    let text = format!("{TABLE}UPDATE person SET name = name || '!';\n");
    let conf = "executeInTransaction=false\n";
    let files = [
        ("V1__person.sql", text.as_str()),
        ("V1__person.sql.conf", conf),
    ];
    let mut bench = Bench::new(Tool::Flyway, &files).await;
    bench.call(1).await.expect("the first part");
    let conf = bench.files.pop().expect("its options");
    for _ in 0..2 {
        let error = bench.call(1).await.expect_err("refused").to_string();
        assert!(
            error.contains("cut into other parts: found 1 parts"),
            "{error}"
        );
        assert!(error.contains("expected the 3 parts"), "{error}");
    }
    bench.files.push(conf);
    // What another version of Sluice would have cut elsewhere.
    let client = bench.client().await;
    let other = "UPDATE sluice.migration SET cut = 'x'";
    client.batch_execute(other).await.expect("changed");
    let error = bench.call(1).await.expect_err("refused").to_string();
    assert!(error.contains("part 1 of it has another text"), "{error}");
    // A record of before knows no texts.
    let older = "ALTER TABLE sluice.migration DROP COLUMN cut";
    client.batch_execute(older).await.expect("changed");
    bench.all().await.expect("the rest");
    let names = "SELECT string_agg(name, ',' ORDER BY name) FROM person";
    assert_eq!(answer(&bench, names).await, "a!,b!");
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn a_table_of_the_tool_that_is_gone_is_told_and_not_made_anew() {
    let bench = Bench::new(Tool::Sqlx, &[("1_person.sql", TABLE)]).await;
    bench.all().await.expect("applied");
    let client = bench.client().await;
    let gone = "DROP TABLE _sqlx_migrations";
    client.batch_execute(gone).await.expect("dropped");
    for _ in 0..2 {
        let error = bench.call(1).await.expect_err("lost").to_string();
        assert!(error.contains("the tool's table is lost"), "{error}");
    }
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn what_a_transactions_end_refuses_names_its_file() {
    let deferred = "ALTER TABLE person ADD UNIQUE (name);\n\
         CREATE TABLE pet (name text REFERENCES person (name) DEFERRABLE INITIALLY DEFERRED);\n\
         INSERT INTO pet VALUES ('nobody');\n";
    let bench = Bench::new(
        Tool::Plain,
        &[("1_person.sql", TABLE), ("2_pet.sql", deferred)],
    )
    .await;
    let error = bench.all().await.expect_err("refused").to_string();
    assert!(error.starts_with("2_pet.sql:3: at its COMMIT: "), "{error}");
}
