//! Who waits for whom: locks on tables that others hold, and promotions that meet.

use std::time::{Duration, Instant};

use sluice_migration::Tool;
use sluice_migrator::apply::{Limits, Step};
use sluice_migrator::books::locks_of;
use sluice_migrator::{Budget, Error};

use crate::bench::{Bench, NAME, call};
use crate::course::{count, told};
use crate::plot::TRANSACTIONS;

const TABLE: &str = "CREATE TABLE person (id bigint PRIMARY KEY);";
const COLUMN: &str = "ALTER TABLE person ADD COLUMN name text;";
const LOCK: Duration = Duration::from_millis(200);

fn limits(patience: Duration) -> Limits {
    Limits {
        budget: Budget {
            lock: LOCK,
            ..Budget::default()
        },
        turn: Duration::from_millis(200),
        patience,
        ..Limits::default()
    }
}

async fn column() -> Bench {
    let bench = Bench::new(
        Tool::Sqlx,
        &[("1_person.sql", TABLE), ("2_name.sql", COLUMN)],
    )
    .await;
    bench.call(1).await.expect("the table");
    bench
}

/// Waits until the server has given up waiting this often.
async fn timed_out(bench: &Bench, times: i32) {
    // A try more is counted in its row where it was begun again; what is seen of one try is
    // that it waits, and then that it does not.
    for _ in 0..times {
        bench
            .until("EXISTS (SELECT FROM own WHERE wait_event_type = 'Lock')")
            .await;
        bench
            .until("NOT EXISTS (SELECT FROM own WHERE wait_event_type = 'Lock')")
            .await;
    }
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn behind_a_long_reader_a_change_is_tried_again_and_others_wait_no_longer_than_it_may() {
    let bench = column().await;
    let reader = bench.client().await;
    reader
        .batch_execute("BEGIN; SELECT FROM person")
        .await
        .expect("a reader");
    let limits = limits(Duration::from_secs(30));
    let called = tokio::spawn(call(bench.address(), bench.folder(), 1, limits));
    let others = bench.client().await;
    // The server itself measures how long they wait.
    let bound = LOCK + Duration::from_millis(100);
    let bounded = format!("SET lock_timeout = {}", bound.as_millis());
    others.batch_execute(&bounded).await.expect("a bound");
    let watched = timed_out(&bench, 3);
    tokio::pin!(watched);
    let mut id = 0;
    loop {
        id += 1;
        let write = format!("SELECT FROM person; INSERT INTO person VALUES ({id})");
        tokio::select! {
            () = &mut watched => break,
            done = others.batch_execute(&write) => done.expect("others go on"),
        }
    }
    assert!(!called.is_finished(), "it gave up");
    reader
        .batch_execute("COMMIT")
        .await
        .expect("the reader goes");
    let called = called.await.expect("no panic");
    assert!(matches!(called, Ok(Step::Applied { .. })), "{called:?}");
    count("lock: tried again until the reader went");
    told("lock");
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn a_change_that_never_gets_its_lock_is_given_up_and_says_whose_transaction_is_oldest() {
    let bench = column().await;
    let reader = bench.client().await;
    let named = "SET application_name = 'report'; BEGIN; SELECT FROM person";
    reader.batch_execute(named).await.expect("a reader");
    let before = bench.look().await;
    let patience = Duration::from_millis(300);
    let error = bench
        .call_within(1, limits(patience))
        .await
        .expect_err("given up");
    assert!(matches!(&error, Error::Locked { waited, .. } if *waited >= patience));
    let said = error.to_string();
    assert!(
        said.starts_with("2_name.sql:1: the statement got no lock"),
        "{said}"
    );
    assert!(said.contains("(report of "), "{said}");
    let after = bench.look().await;
    assert_eq!(
        (after.schema, after.ledger, after.books),
        (before.schema, before.ledger, before.books)
    );
    reader
        .batch_execute("COMMIT")
        .await
        .expect("the reader goes");
    bench.all().await.expect("applied");
    count("lock: given up, then applied");
    told("lock");
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn what_runs_in_no_transaction_waits_no_longer_for_a_lock_unless_it_goes_on_beside_others() {
    let alone = "-- sluice: no-transaction\n-- sluice: phase contract\n";
    for statement in ["VACUUM FULL person;", "REINDEX SCHEMA public;"] {
        let files = [
            ("1_person.sql", TABLE),
            ("2_alone.sql", &format!("{alone}{statement}")),
        ];
        let bench = Bench::new(Tool::Plain, &files).await;
        bench.call(1).await.expect("the table");
        let writer = bench.client().await;
        let writes = "BEGIN; LOCK TABLE person IN ROW EXCLUSIVE MODE";
        writer.batch_execute(writes).await.expect("a writer");
        let called = bench.call_within(1, limits(Duration::ZERO)).await;
        assert!(matches!(called, Err(Error::Locked { .. })), "{called:?}");
        let patient = limits(Duration::from_secs(30));
        let called = tokio::spawn(call(bench.address(), bench.folder(), 1, patient));
        timed_out(&bench, 2).await;
        assert!(!called.is_finished(), "it gave up");
        writer.batch_execute("COMMIT").await.expect("it goes");
        let called = called.await.expect("no panic");
        assert!(matches!(called, Ok(Step::Applied { .. })), "{called:?}");
    }
    count("lock: tried again without a transaction");
    told("lock");
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn a_lock_on_the_tools_table_or_sluices_own_is_asked_for_again_like_any_other() {
    for table in ["_sqlx_migrations", "sluice.migration"] {
        let bench = column().await;
        let client = bench.client().await;
        let held = format!("BEGIN; LOCK TABLE {table} IN SHARE MODE");
        client.batch_execute(&held).await.expect("held");
        let given_up = bench.call_within(1, limits(Duration::ZERO)).await;
        let error = given_up.expect_err("held").to_string();
        assert!(error.starts_with("2_name.sql:1: "), "{error}");
        assert!(error.contains("got no lock within"), "{error}");
        let patient = limits(Duration::from_secs(30));
        let called = tokio::spawn(call(bench.address(), bench.folder(), 1, patient));
        timed_out(&bench, 2).await;
        assert!(!called.is_finished(), "it gave up on {table}");
        client.batch_execute("COMMIT").await.expect("let go");
        let called = called.await.expect("no panic");
        assert!(matches!(called, Ok(Step::Applied { .. })), "{called:?}");
    }
    count("lock: on a table of its own, tried again");
    told("lock");
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn a_transaction_that_holds_a_lock_waits_for_all_further_ones_no_longer_than_for_one() {
    let tables = "CREATE TABLE person (id bigint PRIMARY KEY); CREATE TABLE pet (id int); \
                  CREATE TABLE place (id int);";
    let columns = "ALTER TABLE person ADD COLUMN name text; ALTER TABLE pet ADD COLUMN name text; \
                   ALTER TABLE place ADD COLUMN name text;";
    let files = [("1_tables.sql", tables), ("2_names.sql", columns)];
    let bench = Bench::new(Tool::Sqlx, &files).await;
    bench.call(1).await.expect("the tables");
    let (pet, place) = (bench.client().await, bench.client().await);
    let read = "BEGIN; SELECT FROM pet";
    pet.batch_execute(read).await.expect("a reader");
    let read = "BEGIN; SELECT FROM place";
    place.batch_execute(read).await.expect("a reader");
    let lock = Duration::from_secs(1);
    let limits = Limits {
        budget: Budget {
            lock,
            ..Budget::default()
        },
        ..limits(Duration::from_secs(30))
    };
    let called = tokio::spawn(call(bench.address(), bench.folder(), 1, limits));
    let waits = "EXISTS (SELECT FROM own JOIN pg_locks l USING (pid) WHERE NOT l.granted";
    let asks = |table: &str| format!("{waits} AND l.relation = '{table}'::regclass)");
    bench.until(&asks("public.pet")).await;
    // It holds `person` now. The server itself measures how long others wait for that.
    let others = bench.client().await;
    let bound = lock + Duration::from_millis(100);
    let bounded = format!("SET lock_timeout = {}", bound.as_millis());
    others.batch_execute(&bounded).await.expect("a bound");
    let writer =
        tokio::spawn(async move { others.batch_execute("INSERT INTO person VALUES (1)").await });
    let long = format!("{waits} AND clock_timestamp() - l.waitstart > '600 ms')");
    bench.until(&long).await;
    pet.batch_execute("COMMIT").await.expect("the reader goes");
    bench.until(&asks("public.place")).await;
    let written = writer.await.expect("no panic");
    written.expect("nobody waits longer than for one lock");
    place
        .batch_execute("COMMIT")
        .await
        .expect("the reader goes");
    let called = called.await.expect("no panic");
    assert!(matches!(called, Ok(Step::Applied { .. })), "{called:?}");
    count("lock: several in one transaction");
    told("lock");
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn two_calls_of_one_promotion_at_once_apply_each_file_once() {
    for tool in Tool::ALL {
        let alone = Bench::of(tool, &TRANSACTIONS).await;
        alone.all().await.expect("applied");
        let bench = Bench::of(tool, &TRANSACTIONS).await;
        let (one, other) = tokio::join!(bench.call(1), bench.call(1));
        for step in [one, other] {
            assert!(matches!(step, Ok(Step::Applied { .. })), "{step:?}");
        }
        bench.all().await.expect("the rest");
        assert_eq!(bench.look().await, alone.look().await, "{tool}");
        count(&format!("two at once, {tool}"));
    }
    told("two at once");
}

/// A call that is still inside of its unit when the next one comes.
async fn overtaken(
    own: i64,
    next: i64,
) -> (
    sluice_migrator::Result<Step>,
    sluice_migrator::Result<Step>,
    Bench,
) {
    let bench = Bench::of(Tool::Sqlx, &TRANSACTIONS).await;
    bench.call(own).await.expect("the first file");
    let blocker = bench.client().await;
    let held = "BEGIN; SELECT pg_advisory_xact_lock(77)";
    blocker.batch_execute(held).await.expect("in the way");
    let long = Limits {
        budget: Budget {
            lock: Duration::from_secs(30),
            ..Budget::default()
        },
        ..limits(Duration::ZERO)
    };
    let first = tokio::spawn(call(bench.address(), bench.folder(), own, long));
    bench
        .until("EXISTS (SELECT FROM own WHERE wait_event_type = 'Lock')")
        .await;
    let second = tokio::spawn(call(bench.address(), bench.folder(), next, long));
    // Either the second is in the first one's place, or it has given up.
    while !first.is_finished() && !second.is_finished() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    blocker
        .batch_execute("ROLLBACK")
        .await
        .expect("out of the way");
    (
        first.await.expect("no panic"),
        second.await.expect("no panic"),
        bench,
    )
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn a_later_promotion_ends_what_an_earlier_one_still_runs_and_does_it_itself() {
    let alone = Bench::of(Tool::Sqlx, &TRANSACTIONS).await;
    alone.call(1).await.expect("the first file");
    alone.call(2).await.expect("the second file");
    let (first, second, bench) = overtaken(1, 2).await;
    assert!(first.is_err_and(|error| !matches!(error, Error::Busy { .. })));
    assert!(matches!(second, Ok(Step::Applied { .. })), "{second:?}");
    assert_eq!(bench.look().await, alone.look().await);
    let late = bench.call(1).await;
    assert!(matches!(late, Err(Error::Fenced { own: 1 })), "{late:?}");
    count("fence: overtaken inside of a unit");
    told("fence");
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn a_retry_ends_what_its_own_promotion_left_running_and_an_earlier_promotion_does_not() {
    let (first, second, _) = overtaken(2, 2).await;
    assert!(first.is_err(), "{first:?}");
    assert!(matches!(second, Ok(Step::Applied { .. })), "{second:?}");
    count("fence: a retry beside its orphan");
    let (first, second, _) = overtaken(2, 1).await;
    assert!(matches!(first, Ok(Step::Applied { .. })), "{first:?}");
    let Err(Error::Busy { holder, .. }) = second else {
        panic!("{second:?}");
    };
    assert!(holder.contains(NAME), "{holder}");
    count("fence: an earlier promotion beside a later one");
    told("fence");
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn the_locks_of_the_teams_tools_are_waited_for_and_told_when_they_stay() {
    for tool in [Tool::Sqlx, Tool::Prisma, Tool::GolangMigrate] {
        let bench = Bench::of(tool, &TRANSACTIONS).await;
        let client = bench.client().await;
        let database = bench.address().database;
        let keys = locks_of(tool, &database).into_iter();
        let keys: Vec<String> = keys.map(|key| format!("pg_advisory_lock({key})")).collect();
        let held = format!("SET application_name = 'team'; SELECT {}", keys.join(", "));
        client.batch_execute(&held).await.expect("held");
        let begun = Instant::now();
        let called = bench.call_within(1, limits(Duration::ZERO)).await;
        let error = called.expect_err("held").to_string();
        assert!(
            begun.elapsed() >= Duration::from_millis(200),
            "it did not wait"
        );
        assert!(
            error.contains("the lock of the team's tool is held by process"),
            "{error}"
        );
        assert!(error.contains("(team of "), "{error}");
        drop(client);
        bench.all().await.expect("applied");
    }
}
