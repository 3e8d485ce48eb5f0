//! Changes of many rows, in batches.

use std::time::{Duration, Instant};

use sluice_migration::Tool;
use sluice_migrator::Error;
use sluice_migrator::apply::{Limits, Step};

use crate::bench::Bench;
use crate::wire::{Stop, Wire};

const FILL: &str = "-- sluice: backfill key=id batch=10 pause=0ms\n\
    UPDATE person SET seen = seen + 1, name = 'p' || id::text WHERE id <> 'never'::text;\n";

/// A call that has time for one batch, and no more.
fn short() -> Limits {
    Limits {
        call: Duration::ZERO,
        ..Limits::default()
    }
}

impl Bench {
    async fn prepared(fill: &str, table: &str) -> Self {
        let bench = Self::new(Tool::Sqlx, &[("1_fill.sql", fill)]).await;
        let client = bench.client().await;
        client.batch_execute(table).await.expect("a table");
        bench
    }

    async fn number(&self, sql: &str) -> i64 {
        let client = self.client().await;
        client.query_one(sql, &[]).await.expect("a number").get(0)
    }
}

/// A table with a key of a type, and 95 rows whose keys are made of a number.
fn table(data_type: &str, key: &str) -> String {
    format!(
        "CREATE TABLE person (id {data_type} PRIMARY KEY, seen int NOT NULL DEFAULT 0, name text); \
         INSERT INTO person (id) SELECT {key} FROM generate_series(1, 95) n; ANALYZE person"
    )
}

const ONCE: &str = "SELECT count(*) FROM person WHERE seen = 1";

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn whatever_the_key_is_each_row_is_changed_once_and_calls_go_on_where_they_ended() {
    for (data_type, key, never) in [
        ("bigint", "n - 50", "0 - 1000"),
        ("text COLLATE \"C\"", "'k''' || n", "''"),
        (
            "text COLLATE \"und-x-icu\"",
            "CASE WHEN n % 2 = 0 THEN 'K' ELSE 'k' END || n",
            "''",
        ),
        ("char(9)", "'k' || n", "''"),
        ("uuid", "md5(n::text)::uuid", "md5('')::uuid"),
        (
            "timestamptz",
            "now() + n * interval '1 us'",
            "now() - interval '1 day'",
        ),
        ("numeric", "n / 7.0", "-1"),
    ] {
        let fill = FILL.replace("'never'::text", never);
        let mut bench = Bench::prepared(&fill, &table(data_type, key)).await;
        bench.limits = short();
        let steps = bench.all().await.expect("applied");
        let Some((last, before)) = steps.split_last() else {
            panic!("no step");
        };
        assert!(
            matches!(last, Step::Applied { unit: 0, of: 1, .. }),
            "{last:?}"
        );
        let told = before.iter().map(|step| match step {
            Step::Progress { rows, fraction, .. } => (*rows, (fraction * 95.0).round()),
            other => panic!("{other:?}"),
        });
        let told: Vec<(u64, f64)> = told.collect();
        let rows = (1..=10).map(|n| (n * 10).min(95));
        let expected: Vec<(u64, f64)> = rows.map(|n| (n, n as f64)).collect();
        assert_eq!(told, expected, "{data_type}");
        assert_eq!(bench.number(ONCE).await, 95, "{data_type}");
        assert_eq!(
            bench.number("SELECT count(*) FROM _sqlx_migrations").await,
            1
        );
        assert_eq!(bench.all().await.expect("nothing to do"), []);
    }
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn an_empty_table_is_through_at_once() {
    let fill = FILL.replace("'never'::text", "0");
    let made = "CREATE TABLE person (id int PRIMARY KEY, seen int, name text)";
    let bench = Bench::prepared(&fill, made).await;
    let steps = bench.all().await.expect("applied");
    assert!(matches!(steps[..], [Step::Applied { .. }]), "{steps:?}");
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn rows_that_come_meanwhile_are_changed_where_their_keys_come_after() {
    let fill = FILL.replace("'never'::text", "0");
    let mut bench = Bench::prepared(&fill, &table("int", "n")).await;
    bench.limits = short();
    bench.call(1).await.expect("a batch");
    let client = bench.client().await;
    let more = "INSERT INTO person (id) VALUES (-1), (1000)";
    client.batch_execute(more).await.expect("more rows");
    bench.all().await.expect("applied");
    assert_eq!(bench.number(ONCE).await, 96);
    assert_eq!(
        bench
            .number("SELECT seen::bigint FROM person WHERE id = -1")
            .await,
        0
    );
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn a_connection_that_is_cut_anywhere_changes_no_row_twice_and_leaves_none_out() {
    let fill = FILL
        .replace("'never'::text", "0")
        .replace("batch=10", "batch=40");
    let made = table("int", "n");
    let bench = Bench::prepared(&fill, &made).await;
    let wire = Wire::to(bench.address().port, None).await;
    bench.call_through(&wire).await.expect("applied");
    let messages = wire.seen();
    drop(wire);
    for at in (0..messages).step_by(3) {
        for stop in [Stop::Before(at), Stop::After(at)] {
            bench.reset().await;
            let client = bench.client().await;
            client.batch_execute(&made).await.expect("a table");
            let wire = Wire::to(bench.address().port, Some(stop)).await;
            tokio::select! {
                _ = bench.call_through(&wire) => {}
                () = wire.reached() => {}
            }
            drop(wire);
            bench.all().await.expect("the calls after");
            assert_eq!(bench.number(ONCE).await, 95, "{stop:?}");
        }
    }
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn a_batch_that_fails_names_its_line_keeps_those_before_and_starts_over_when_it_is_mended() {
    let fill = "-- sluice: backfill key=id batch=10 pause=0ms\n\
                UPDATE person SET seen = seen + 1,\n  name = 1 / (id - 35);\n";
    let mut bench = Bench::prepared(fill, &table("int", "n")).await;
    let error = bench.call(1).await.expect_err("a division by zero");
    assert!(error.to_string().starts_with("1_fill.sql:2"), "{error}");
    assert_eq!(bench.number(ONCE).await, 30);
    bench.files[0].1 = fill.replace("1 / (id - 35)", "seen");
    bench.all().await.expect("mended");
    assert_eq!(bench.number("SELECT sum(seen) FROM person").await, 95 + 30);
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn rows_that_others_hold_are_waited_for() {
    let fill = FILL.replace("'never'::text", "0");
    let mut bench = Bench::prepared(&fill, &table("int", "n")).await;
    bench.limits.budget.lock = Duration::from_millis(100);
    let other = bench.client().await;
    let held = other.batch_execute("BEGIN; UPDATE person SET name = 'held' WHERE id = 15");
    held.await.expect("held");
    let waiting = async {
        let asked = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' \
                     AND datname = current_database()";
        while bench.number(asked).await == 0 {}
        other.batch_execute("COMMIT").await.expect("let go");
    };
    let (called, ()) = tokio::join!(bench.call(1), waiting);
    called.expect("applied");
    assert_eq!(bench.number(ONCE).await, 95);
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn rows_that_others_do_not_let_go_are_given_up_with_who_may_hold_them() {
    let fill = FILL.replace("'never'::text", "0");
    let mut bench = Bench::prepared(&fill, &table("int", "n")).await;
    bench.limits.budget.lock = Duration::from_millis(20);
    bench.limits.patience = Duration::from_millis(200);
    let other = bench.client().await;
    let held = other.batch_execute("BEGIN; UPDATE person SET name = 'held' WHERE id = 15");
    held.await.expect("held");
    let error = bench.call(1).await.expect_err("given up");
    assert!(matches!(error, Error::Locked { .. }), "{error:?}");
    let text = error.to_string();
    for said in [
        "1_fill.sql:2: the statement got no lock",
        "the oldest transaction beside is that of process",
        "try again when they are done",
    ] {
        assert!(text.contains(said), "{text}");
    }
    other.batch_execute("COMMIT").await.expect("let go");
    bench.all().await.expect("it goes on");
    assert_eq!(bench.number(ONCE).await, 95);
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn a_key_that_is_not_unique_or_may_be_null_is_refused_by_the_plan_and_before_a_row_is_changed()
 {
    for (made, found) in [
        ("id int", "a column that may be null: `id` of person"),
        (
            "id int NOT NULL",
            "a column that no index of its own makes unique: `id` of person",
        ),
        (
            "id int NOT NULL, b int, UNIQUE (id, b)",
            "a column that no index of its own makes unique: `id` of person",
        ),
        ("b int", "no such column: `id` of person"),
    ] {
        let fill = "-- sluice: backfill key=id\nDELETE FROM person;\n";
        let made = format!("CREATE TABLE person ({made})");
        let bench = Bench::prepared(fill, &made).await;
        let plan = bench.plan().await;
        assert_eq!(plan.refused[0].found, found);
        assert_eq!(plan.refused[0].place(), "1_fill.sql:2");
        let Err(Error::Refused { refused, .. }) = bench.call(1).await else {
            panic!("expected a refusal");
        };
        assert_eq!(refused[0].found, found);
    }
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn a_million_rows_are_changed_in_bounded_time_and_nobody_waits_for_more_than_a_batch() {
    let fill = "-- sluice: backfill key=id batch=20000 pause=1ms\nUPDATE person SET seen = 1;\n";
    let made = "CREATE TABLE person (id int PRIMARY KEY, seen int NOT NULL DEFAULT 0); \
                INSERT INTO person SELECT n, 0 FROM generate_series(1, 1000000) n";
    let bench = Bench::prepared(fill, made).await;
    let begun = Instant::now();
    let steps = bench.all().await.expect("applied");
    println!("a million rows: {:?}", begun.elapsed());
    assert!(
        begun.elapsed() < Duration::from_secs(120),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(steps.len(), 1);
    assert_eq!(bench.number(ONCE).await, 1_000_000);
    let asked = "SELECT (progress->>'batches')::bigint FROM sluice.migration";
    assert_eq!(bench.number(asked).await, 50);
}
