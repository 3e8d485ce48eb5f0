//! What a plan says of a database, and that it leaves it alone.

use sluice_migration::{Class, Phase, Tool};
use sluice_migrator::plan::{Plan, Statement, plan};

use crate::bench::Bench;

const PERSON: &str = "CREATE TABLE person (id bigint PRIMARY KEY, name text);\n";
const INDEX: &str = "CREATE INDEX person_name ON person (name);\n";
const DROP: &str = "-- sluice: phase contract\nDROP TABLE person;\n";

impl Bench {
    pub(crate) async fn plan(&self) -> Plan {
        let (folder, lint) = self.linted();
        let session = self.session().await;
        let planned = plan(&session, &folder, &lint, self.limits).await;
        planned.expect("a plan")
    }

    async fn run(&self, sql: &str) {
        let client = self.client().await;
        client.batch_execute(sql).await.expect("run");
    }

    /// Everything that a plan could have left behind.
    async fn tables(&self) -> String {
        let client = self.client().await;
        let asked = "SELECT coalesce(string_agg(oid::regclass::text, ',' ORDER BY oid), '') \
                     FROM pg_class WHERE relnamespace <> ALL (ARRAY['pg_catalog', \
                     'information_schema', 'pg_toast']::regnamespace[])";
        client.query_one(asked, &[]).await.expect("asked").get(0)
    }
}

fn only(plan: &Plan) -> &Statement {
    let mut all = plan.files.iter().flat_map(|file| &file.statements);
    let first = all.next().expect("a statement");
    assert_eq!(all.count(), 0);
    first
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn a_plan_of_an_empty_database_leaves_it_empty() {
    let bench = Bench::new(Tool::Sqlx, &[("1_person.sql", PERSON)]).await;
    let plan = bench.plan().await;
    assert_eq!(bench.tables().await, "");
    assert_eq!(plan.refused, []);
    assert_eq!(plan.pending(Phase::Expand).count(), 1);
    assert!(plan.server.is_some_and(|version| version >= 140_000));
    let place = plan.place.expect("a place");
    assert!(!place.contains('@') && place.contains(':'), "{place}");
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn what_is_applied_or_was_by_the_tool_is_not_planned_and_the_hash_tells() {
    let files = [
        ("1_person.sql", PERSON),
        ("2_name.sql", INDEX),
        ("3_drop.sql", DROP),
    ];
    let bench = Bench::new(Tool::Plain, &files).await;
    let before = bench.plan().await;
    bench.call(1).await.expect("the first");
    let after = bench.plan().await;
    assert_eq!((before.applied, after.applied), (0, 1));
    assert_ne!(before.hash, after.hash);
    assert_eq!(after.hash, bench.plan().await.hash);
    let paths: Vec<&str> = after.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["2_name.sql", "3_drop.sql"]);
    assert_eq!(after.worst(Phase::Contract), Some(Class::C));
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn rows_are_known_once_a_table_was_analyzed_and_its_size_always() {
    let bench = Bench::new(Tool::Plain, &[("1_name.sql", INDEX)]).await;
    bench.run(PERSON).await;
    bench
        .run(
            "ALTER TABLE person SET (autovacuum_enabled = off); \
             INSERT INTO person SELECT n, repeat('x', 1000) FROM generate_series(1, 20000) n",
        )
        .await;
    let plan = bench.plan().await;
    let [table] = &only(&plan).tables[..] else {
        panic!("{plan:?}");
    };
    assert_eq!(table.rows, None);
    assert!(
        table.bytes > 20_000 * 1_000 && table.index_bytes > 0,
        "{table:?}"
    );
    // 20 MB at 16 MiB a second.
    assert_eq!(only(&plan).seconds, Some(2));
    bench.run("ANALYZE person").await;
    let again = bench.plan().await;
    assert_eq!(only(&again).tables[0].rows, Some(20_000));
    assert_eq!(again.hash, plan.hash);
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn a_table_is_as_large_as_its_partitions_and_one_that_is_locked_is_left_out() {
    let bench = Bench::new(Tool::Plain, &[("1_name.sql", INDEX)]).await;
    bench
        .run(
            "CREATE TABLE person (id bigint, name text) PARTITION BY RANGE (id); \
             CREATE TABLE low PARTITION OF person FOR VALUES FROM (0) TO (1000); \
             CREATE TABLE high PARTITION OF person FOR VALUES FROM (1000) TO (2000); \
             INSERT INTO person SELECT n, 'x' FROM generate_series(0, 1999) n; ANALYZE low, high",
        )
        .await;
    let plan = bench.plan().await;
    assert_eq!(only(&plan).tables[0].rows, Some(2_000));
    let other = bench.client().await;
    let held = other.batch_execute("BEGIN; LOCK low IN ACCESS EXCLUSIVE MODE");
    held.await.expect("locked");
    let plan = bench.plan().await;
    assert_eq!(only(&plan).tables, []);
    assert_eq!(only(&plan).seconds, None);
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn everything_that_does_not_fit_is_part_of_the_plan() {
    let mut bench = Bench::new(
        Tool::Sqlx,
        &[("1_person.sql", PERSON), ("3_name.sql", INDEX)],
    )
    .await;
    bench.all().await.expect("applied");
    bench
        .run("DELETE FROM _sqlx_migrations WHERE version = 3")
        .await;
    bench.files[0].1.push_str("-- changed\n");
    bench
        .files
        .push(("4_drop.sql".to_owned(), "DROP TABLE person;".to_owned()));
    let plan = bench.plan().await;
    let told: Vec<(&str, &str)> = plan
        .refused
        .iter()
        .map(|one| (one.path.as_str(), one.what.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            (
                "4_drop.sql",
                "the migration takes away what old code may use"
            ),
            (
                "1_person.sql",
                "a migration was changed after it was applied"
            ),
            ("3_name.sql", "a migration was taken back"),
        ]
    );
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn what_is_wrong_with_history_refuses_nothing_new() {
    let careless =
        "CREATE TABLE person (id bigint PRIMARY KEY, name text);\nDROP TABLE IF EXISTS old;\n";
    let mut bench = Bench::new(Tool::Dbmate, &[]).await;
    bench.files = vec![
        (
            "1_person.sql".to_owned(),
            format!("-- migrate:up\n{careless}"),
        ),
        ("2_name.sql".to_owned(), format!("-- migrate:up\n{INDEX}")),
    ];
    let refused = bench.plan().await.refused;
    assert_eq!(refused.len(), 1, "{refused:?}");
    bench
        .run(
            "CREATE TABLE person (id bigint PRIMARY KEY, name text); \
             CREATE TABLE schema_migrations (version varchar(128) PRIMARY KEY); \
             INSERT INTO schema_migrations VALUES ('1')",
        )
        .await;
    let plan = bench.plan().await;
    assert_eq!(
        (plan.adopted, plan.files.len(), plan.refused.len()),
        (1, 1, 0)
    );
    assert_eq!(bench.all().await.expect("applied").len(), 1);
}
