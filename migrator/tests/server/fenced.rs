//! Promotions in the order of their epochs: what comes late, and what was ended.

use std::time::Duration;

use sluice_migration::{Phase, Tool};
use sluice_migrator::apply::{Limits, Step, apply};
use sluice_migrator::begin::{Claim, begin};
use sluice_migrator::ledger::Holder;
use sluice_migrator::{Budget, Error, Result, Trust, connect, fence};
use tokio::task::JoinHandle;

use crate::bench::Bench;

const TABLE: &str = "CREATE TABLE person (id bigint PRIMARY KEY, name text);\n\
                     INSERT INTO person SELECT n, 'p' FROM generate_series(1, 20) n;\n";
const UPDATE: &str = "UPDATE person SET name = name || '!';\n";
const INDEX: &str = "-- no-transaction\nCREATE INDEX CONCURRENTLY person_name ON person (name);\n";
const COLUMN: &str = "ALTER TABLE person ADD COLUMN seen int;\n";

/// How long an orphan may hold up whoever comes after it.
fn limits() -> Limits {
    Limits {
        budget: Budget {
            lock: Duration::from_secs(30),
            ..Budget::default()
        },
        turn: Duration::from_millis(200),
        ..Limits::default()
    }
}

fn promotion(epoch: i64) -> String {
    format!("shop/prod/1.4.0/{epoch}")
}

async fn bench(second: &str) -> Bench {
    let files = [
        ("1_person.sql", TABLE),
        ("2_second.sql", second),
        ("3_column.sql", COLUMN),
    ];
    Bench::new(Tool::Sqlx, &files).await
}

/// The first call of the promotion of an epoch, as far as it takes the database.
async fn first(bench: &Bench, epoch: i64) -> Result<i64> {
    first_of(bench, &promotion(epoch), epoch).await
}

async fn first_of(bench: &Bench, promotion: &str, epoch: i64) -> Result<i64> {
    let session = connect(&bench.address(), &Trust::Rds, Budget::default()).await?;
    let (folder, lint) = bench.linted();
    let claim = Claim {
        promotion,
        epoch,
        approved: None,
    };
    begin(&session, (&folder, &lint), limits(), Phase::Expand, claim).await
}

/// A later call of it, in the background.
fn next(bench: &Bench, epoch: i64, generation: i64) -> JoinHandle<Result<Step>> {
    let (address, folder) = (bench.address(), bench.folder());
    let holder = Holder {
        promotion: promotion(epoch),
        release: "shop 1.4.0".to_owned(),
        generation,
        epoch,
        backup: None,
    };
    tokio::spawn(async move {
        let session = connect(&address, &Trust::Rds, limits().budget).await?;
        let turn = apply(&session, &folder, Phase::Expand, &holder, limits()).await?;
        Ok(turn.step)
    })
}

async fn all(bench: &Bench, epoch: i64, generation: i64) {
    loop {
        let step = next(bench, epoch, generation).await.expect("no panic");
        if step.expect("applied") == Step::Done {
            return;
        }
    }
}

async fn ended(bench: &Bench, epoch: i64) -> Result<()> {
    let session = bench.session().await;
    fence(&session, &promotion(epoch), epoch, Limits::default()).await
}

/// A promotion that is inside of its second file, and who is in its way.
async fn inside(bench: &Bench, epoch: i64) -> (JoinHandle<Result<Step>>, tokio_postgres::Client) {
    let generation = first(bench, epoch).await.expect("begun");
    let step = next(bench, epoch, generation).await.expect("no panic");
    step.expect("the table");
    let blocker = bench.client().await;
    let held = "BEGIN; UPDATE person SET name = name WHERE id = 7";
    blocker.batch_execute(held).await.expect("in the way");
    let running = next(bench, epoch, generation);
    bench
        .until("EXISTS (SELECT FROM own WHERE wait_event_type = 'Lock')")
        .await;
    (running, blocker)
}

fn is_fenced<T>(result: &Result<T>) -> bool {
    matches!(result, Err(Error::Fenced { .. }))
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn a_first_call_that_comes_late_does_not_take_the_database_back() {
    let bench = bench(UPDATE).await;
    let lost = first(&bench, 10).await.expect("begun");
    let again = first(&bench, 10).await.expect("its answer was lost");
    assert!(again > lost, "{again} {lost}");
    let newer = first(&bench, 20).await.expect("a later one");
    assert!(newer > again);
    assert!(is_fenced(&first(&bench, 10).await), "a zombie's first call");
    let other = first_of(&bench, "shop/prod/1.5.0/1", 20).await;
    assert!(is_fenced(&other), "two of one epoch: {other:?}");
    for zombie in [lost, again, newer] {
        let step = next(&bench, 10, zombie).await.expect("no panic");
        assert!(is_fenced(&step), "{zombie}: {step:?}");
    }
    all(&bench, 20, newer).await;
    assert!(is_fenced(&first(&bench, 10).await), "after it is through");
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn a_later_promotion_ends_a_session_of_an_earlier_one_that_is_in_its_way() {
    for second in [UPDATE, INDEX] {
        let alone = bench(second).await;
        all(&alone, 10, first(&alone, 10).await.expect("begun")).await;
        let bench = bench(second).await;
        let (running, blocker) = inside(&bench, 10).await;
        assert!(
            is_fenced(&first(&bench, 5).await),
            "an earlier one does not"
        );
        let generation = first(&bench, 20).await.expect("it need not wait");
        let running = running.await.expect("no panic");
        assert!(running.is_err(), "{running:?}");
        blocker.batch_execute("ROLLBACK").await.expect("gone");
        all(&bench, 20, generation).await;
        let (seen, alone) = (bench.look().await, alone.look().await);
        assert_eq!((seen.schema, seen.books), (alone.schema, alone.books));
    }
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn a_promotion_that_is_fenced_off_inside_of_a_statement_is_ended_and_the_next_one_comes_to_the_same()
 {
    for second in [UPDATE, INDEX] {
        let alone = bench(second).await;
        all(&alone, 10, first(&alone, 10).await.expect("begun")).await;
        let bench = bench(second).await;
        let (running, blocker) = inside(&bench, 10).await;
        ended(&bench, 10).await.expect("fenced off");
        bench.quiet().await;
        let running = running.await.expect("no panic");
        assert!(running.is_err(), "{running:?}");
        blocker.batch_execute("ROLLBACK").await.expect("gone");
        assert!(is_fenced(&first(&bench, 10).await), "its own first call");
        for generation in 1..5 {
            let step = next(&bench, 10, generation).await.expect("no panic");
            assert!(is_fenced(&step), "{generation}: {step:?}");
        }
        let generation = first(&bench, 20).await.expect("the next one");
        all(&bench, 20, generation).await;
        let (seen, alone) = (bench.look().await, alone.look().await);
        assert_eq!((seen.schema, seen.books), (alone.schema, alone.books));
    }
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn what_is_fenced_off_before_it_began_never_begins() {
    let bench = bench(UPDATE).await;
    for _ in 0..2 {
        ended(&bench, 10).await.expect("fenced off, and again");
    }
    for late in [10, 9] {
        assert!(is_fenced(&first(&bench, late).await), "{late}");
    }
    let step = next(&bench, 10, 1).await.expect("no panic");
    assert!(is_fenced(&step), "{step:?}");
    let generation = first(&bench, 11).await.expect("a later one");
    ended(&bench, 10).await.expect("it has ended already");
    all(&bench, 11, generation).await;
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn a_fence_that_a_user_may_not_make_is_an_error_since_somebody_else_may() {
    let bench = bench(UPDATE).await;
    let reader = format!("{}_reader", bench.address().database);
    let made = format!("CREATE ROLE {reader} LOGIN PASSWORD 'r'");
    let client = bench.client().await;
    client.batch_execute(&made).await.expect("a user");
    let mut address = bench.address();
    address.user = reader;
    address.password = sluice_migrator::Password::new("r".to_owned());
    let session = connect(&address, &Trust::Rds, Budget::default()).await;
    let session = session.expect("a session");
    let error = fence(&session, &promotion(10), 10, Limits::default()).await;
    let Err(Error::Server { source, .. }) = error else {
        panic!("{error:?}");
    };
    let said = source.as_db_error().expect("the server's").message();
    assert!(said.contains("permission denied"), "{said}");
    first(&bench, 10).await.expect("nothing was fenced off");
}
