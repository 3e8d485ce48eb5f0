//! Migrations that are taken back with what the team wrote for it.

use std::time::Duration;

use sluice_migration::Tool;
use sluice_migrator::apply::{Limits, Step, compare};
use sluice_migrator::begin::Claim;
use sluice_migrator::standing::Standing;
use sluice_migrator::undo::{self, Undo, take_back};
use sluice_migrator::{Address, Budget, Error, Result, Trust, connect, fence, plan};
use tokio::time::timeout;

use crate::bench::{Bench, folder, holder, reading};
use crate::plot::Files;
use crate::wire::{Stop, Wire};

/// What is applied, and what takes it back.
const CHANGES: [(&str, &str, &str); 4] = [
    (
        "person",
        "CREATE TABLE person (id bigint PRIMARY KEY, name text);\nINSERT INTO person VALUES (1, 'p');\n",
        "DROP TABLE person;\n",
    ),
    (
        "visit",
        "CREATE TABLE visit (person bigint REFERENCES person);\nUPDATE person SET name = name || '!';\n",
        "UPDATE person SET name = rtrim(name, '!');\nDROP TABLE visit;\n",
    ),
    (
        "seen",
        "ALTER TABLE person ADD COLUMN seen text DEFAULT 'no';\nUPDATE person SET name = name || '?';\n",
        "BEGIN;\nALTER TABLE person DROP COLUMN seen;\nUPDATE person SET name = rtrim(name, '?');\nCOMMIT;\n",
    ),
    (
        "index",
        "CREATE INDEX person_name ON person (name);\n",
        "DROP INDEX CONCURRENTLY person_name;\n",
    ),
];

/// The first changes as files of a tool.
fn files(tool: Tool, count: usize) -> Files {
    let numbered = CHANGES.iter().take(count).zip(1..);
    let of = |((name, up, down), number): (&(&str, &str, &str), usize)| {
        let pair = |up_path: String, down_path: String| {
            vec![(up_path, (*up).to_owned()), (down_path, (*down).to_owned())]
        };
        match tool {
            Tool::Sqlx | Tool::GolangMigrate => pair(
                format!("{number}_{name}.up.sql"),
                format!("{number}_{name}.down.sql"),
            ),
            Tool::Diesel => pair(
                format!("2026-01-0{number}-000000_{name}/up.sql"),
                format!("2026-01-0{number}-000000_{name}/down.sql"),
            ),
            Tool::Dbmate => vec![(
                format!("2026010100000{number}_{name}.sql"),
                format!("-- migrate:up\n{up}-- migrate:down\n{down}"),
            )],
            _ => vec![(format!("{number}_{name}.sql"), (*up).to_owned())],
        }
    };
    numbered.flat_map(of).collect()
}

fn of(tool: Tool, own: &Files, peer: &Files) -> Undo {
    let (read, lint) = reading(tool, own);
    let own = sluice_migrator::apply::Folder::new(read, &lint).expect("a tool's");
    Undo::new((&own, &lint), Some(&folder(tool, peer))).expect("one tool's")
}

/// What of a bench's files those do not have that the release that serves has.
fn back_to(bench: &Bench, count: usize) -> Undo {
    of(bench.tool, &bench.files, &files(bench.tool, count))
}

async fn applied(tool: Tool, count: usize) -> Bench {
    let mut bench = Bench::new(tool, &[]).await;
    bench.files = files(tool, count);
    bench.all().await.expect("applied");
    bench
}

async fn call(address: Address, undo: Undo, generation: i64, limits: Limits) -> Result<Step> {
    let session = connect(&address, &Trust::Rds, limits.budget).await?;
    take_back(&session, &undo, &holder(generation), limits).await
}

async fn all(bench: &Bench, undo: &Undo, generation: i64) -> Vec<String> {
    let mut paths = Vec::new();
    loop {
        let step = call(bench.address(), undo.clone(), generation, bench.limits).await;
        match step.expect("taken back") {
            Step::Applied { path, .. } => paths.push(path),
            Step::Done => return paths,
            step => panic!("{step:?}"),
        }
    }
}

/// Everything that is refused, in words.
async fn refused(bench: &Bench, undo: &Undo) -> Vec<String> {
    let session = bench.session().await;
    let plan = plan::of_undo(&session, undo, bench.limits).await;
    let refused = plan.expect("a plan").refused;
    let told = call(bench.address(), undo.clone(), 5, bench.limits).await;
    let is_nothing = refused
        .iter()
        .all(|one| one.what.starts_with("there is nothing"));
    assert!(
        is_nothing || matches!(told, Err(Error::Refused { .. })),
        "{told:?}"
    );
    refused.iter().map(|one| one.what.clone()).collect()
}

const TOOLS: [Tool; 4] = [Tool::Sqlx, Tool::Dbmate, Tool::GolangMigrate, Tool::Diesel];

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn what_a_release_brought_is_taken_back_newest_first_and_can_be_applied_again() {
    for tool in TOOLS {
        let before = applied(tool, 1).await.look().await;
        let bench = applied(tool, 4).await;
        let full = bench.look().await;
        let undo = back_to(&bench, 1);
        let paths = all(&bench, &undo, 2).await;
        let names = ["index", "seen", "visit"];
        assert_eq!(paths.len(), names.len(), "{tool}: {paths:?}");
        for (path, name) in paths.iter().zip(names) {
            assert!(path.contains(name), "{tool}: {paths:?}");
        }
        let seen = bench.look().await;
        assert_eq!(seen.schema, before.schema, "{tool}");
        assert_eq!(seen.books, before.books, "{tool}");
        assert_eq!(seen.ledger.matches("\"undone\"").count(), 3, "{tool}");
        // A release without them goes on, and so does one that brings them again.
        let session = bench.session().await;
        let serving = folder(tool, &files(tool, 1));
        let (standings, unfit) = compare(&session, &serving).await.expect("compared");
        assert_eq!(
            (standings[0], unfit),
            (Standing::Applied, Vec::new()),
            "{tool}"
        );
        drop(session);
        while bench.call(3).await.expect("applied again") != Step::Done {}
        let seen = bench.look().await;
        assert_eq!(
            (seen.schema, seen.books),
            (full.schema, full.books),
            "{tool}"
        );
        assert!(!seen.ledger.contains("\"undone\""), "{tool}");
    }
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn all_of_a_first_release_is_taken_back_where_none_serves() {
    for tool in TOOLS {
        let bench = applied(tool, 2).await;
        let (own, lint) = bench.linted();
        let undo = Undo::new((&own, &lint), None).expect("one tool's");
        assert_eq!(all(&bench, &undo, 2).await.len(), 2, "{tool}");
        assert_eq!(bench.look().await.books, "", "{tool}");
        bench
            .client()
            .await
            .query("SELECT FROM person", &[])
            .await
            .expect_err("gone");
    }
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn what_was_approved_is_taken_back_and_nothing_else() {
    let bench = applied(Tool::Sqlx, 4).await;
    let undo = back_to(&bench, 2);
    let session = bench.session().await;
    let planned = plan::of_undo(&session, &undo, bench.limits)
        .await
        .expect("a plan");
    let paths: Vec<&str> = planned
        .files
        .iter()
        .map(|file| file.path.as_str())
        .collect();
    assert_eq!(paths, ["4_index.down.sql", "3_seen.down.sql"]);
    assert_eq!(planned.refused, []);
    let kinds: Vec<&str> = planned.files[1]
        .statements
        .iter()
        .map(|one| one.kind.as_str())
        .collect();
    assert_eq!(
        kinds.len(),
        2,
        "its own BEGIN and COMMIT are none: {kinds:?}"
    );
    let again = plan::of_undo(&session, &undo, bench.limits)
        .await
        .expect("a plan");
    assert_eq!(planned.hash, again.hash);
    let claim = |approved| Claim {
        promotion: "shop/prod/1.4.0/2",
        epoch: 2,
        approved,
    };
    let unasked = undo::begin(&session, &undo, bench.limits, claim(None)).await;
    assert!(matches!(unasked, Err(Error::Unasked { .. })), "{unasked:?}");
    let mut other = bench.files.clone();
    let down = other.iter_mut().find(|(path, _)| path == "3_seen.down.sql");
    down.expect("a file").1.insert_str(0, "-- another\n");
    let other = of(bench.tool, &other, &files(bench.tool, 2));
    for (undo, what) in [(&other, "another down"), (&back_to(&bench, 1), "one more")] {
        let changed = undo::begin(&session, undo, bench.limits, claim(Some(&planned.hash))).await;
        assert!(
            matches!(changed, Err(Error::PlanChanged { .. })),
            "{what}: {changed:?}"
        );
    }
    drop(session);
    let session = bench.session().await;
    let given = undo::begin(&session, &undo, bench.limits, claim(Some(&planned.hash))).await;
    let given = given.expect("begun");
    let held = sluice_migrator::ledger::Holder {
        generation: given,
        ..holder(2)
    };
    let early = undo::check(&session, &undo, given, bench.limits, &[]).await;
    let early = early.expect_err("not yet").to_string();
    assert!(
        early.contains("3_seen.up.sql was not taken back"),
        "{early}"
    );
    while take_back(&session, &undo, &held, bench.limits)
        .await
        .expect("done")
        != Step::Done
    {}
    assert!(!undo::is_left(&session, &undo).await.expect("asked"));
    let query = [("no name ends so", "SELECT FROM person WHERE name LIKE '%?'")];
    let sound = undo::check(&session, &undo, given, bench.limits, &query)
        .await
        .expect("sound");
    assert_eq!(sound.applied, 2);
    assert!(
        sound
            .changes
            .iter()
            .any(|line| line.starts_with("- column public.person.seen"))
    );
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn what_cannot_be_taken_back_is_told_at_once_and_nothing_is_changed() {
    let bench = applied(Tool::Plain, 2).await;
    assert_eq!(
        refused(&bench, &back_to(&bench, 1)).await,
        ["nothing takes the migration back"]
    );
    let mut bench = applied(Tool::Sqlx, 4).await;
    let before = bench.look().await;
    assert_eq!(
        refused(&bench, &back_to(&bench, 4)).await,
        ["there is nothing to take back"]
    );
    // The serving release has the third and fourth, and the second has no down.
    bench.files.retain(|(path, _)| path != "2_visit.down.sql");
    let mut peer = files(Tool::Sqlx, 4);
    peer.retain(|(path, _)| !path.starts_with("2_"));
    let undo = of(Tool::Sqlx, &bench.files, &peer);
    assert_eq!(
        refused(&bench, &undo).await,
        [
            "a later migration may stand on it",
            "a later migration may stand on it",
            "nothing takes the migration back"
        ]
    );
    for (down, what) in [
        (
            "DROP INDEX CONCURRENTLY person_name; UPDATE person SET name = '';",
            "the statement can't run in a transaction",
        ),
        (
            "DROP INDEX person_name; COMMIT; SELECT 1;",
            "the file handles transactions itself",
        ),
        (
            "-- sluice: backfill key=id\nUPDATE person SET name = '';",
            "what takes the migration back does not run as one",
        ),
        ("DROP INDX;", "the file is not valid SQL"),
    ] {
        let mut own = files(Tool::Sqlx, 4);
        let file = own.iter_mut().find(|(path, _)| path == "4_index.down.sql");
        file.expect("a file").1 = down.to_owned();
        let undo = of(Tool::Sqlx, &own, &files(Tool::Sqlx, 3));
        let told = refused(&bench, &undo).await;
        assert_eq!(told.len(), 1, "{down}: {told:?}");
        assert!(
            what == "the file is not valid SQL" || told[0] == what,
            "{down}: {told:?}"
        );
    }
    let after = bench.look().await;
    assert_eq!((after.schema, after.books), (before.schema, before.books));
    let sqlx = bench.linted();
    let other = folder(Tool::Dbmate, &files(Tool::Dbmate, 1));
    let told = Undo::new((&sqlx.0, &sqlx.1), Some(&other)).expect_err("two tools");
    assert_eq!(told[0].what, "the releases use different tools");
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn a_migration_of_neither_release_keeps_all_that_came_before_it() {
    let bench = applied(Tool::Sqlx, 4).await;
    let undo = of(Tool::Sqlx, &files(Tool::Sqlx, 3), &files(Tool::Sqlx, 1));
    assert_eq!(
        refused(&bench, &undo).await,
        ["a migration that was applied is missing"]
    );
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn what_failed_in_a_transaction_leaves_a_record_that_an_undo_closes() {
    let mut bench = applied(Tool::Sqlx, 2).await;
    let broken = (
        "3_broken.up.sql".to_owned(),
        "UPDATE person SET id = 'x';".to_owned(),
    );
    bench.files.push(broken);
    bench.call(2).await.expect_err("it fails");
    let serving = folder(Tool::Sqlx, &files(Tool::Sqlx, 2));
    let session = bench.session().await;
    let (_, unfit) = compare(&session, &serving).await.expect("compared");
    assert_eq!(unfit.len(), 1, "{unfit:?}");
    drop(session);
    let undo = back_to(&bench, 1);
    let paths = all(&bench, &undo, 3).await;
    assert_eq!(
        paths,
        ["3_broken.up.sql", "2_visit.down.sql"],
        "no down is needed"
    );
    let session = bench.session().await;
    let serving = folder(Tool::Sqlx, &files(Tool::Sqlx, 1));
    let (_, unfit) = compare(&session, &serving).await.expect("compared");
    assert_eq!(unfit, []);
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn a_down_that_fails_leaves_all_as_it_was_and_no_release_waits_for_it() {
    let bench = applied(Tool::Sqlx, 3).await;
    let before = bench.look().await;
    let mut own = bench.files.clone();
    let file = own.iter_mut().find(|(path, _)| path == "3_seen.down.sql");
    file.expect("a file").1 = "UPDATE person SET name = '';\nSELECT 1 / 0;\n".to_owned();
    let undo = of(Tool::Sqlx, &own, &files(Tool::Sqlx, 2));
    let error = call(bench.address(), undo, 2, bench.limits)
        .await
        .expect_err("refused");
    assert!(
        error
            .to_string()
            .starts_with("3_seen.down.sql:2: division by zero"),
        "{error}"
    );
    let after = bench.look().await;
    assert_eq!((after.schema, after.books), (before.schema, before.books));
    assert_eq!(bench.call(3).await.expect("a release"), Step::Done);
}

/// Cuts the connection at every seventh message of an undo, and has it done again.
async fn cut_everywhere(tool: Tool, count: usize) {
    let bench = applied(tool, count).await;
    bench.reset().await;
    bench.all().await.expect("applied");
    let undo = back_to(&bench, count - 1);
    let through = |wire: &Wire| {
        let mut address = bench.address();
        address.port = wire.address.port();
        tokio::spawn(call(address, undo.clone(), 2, bench.limits))
    };
    let before = bench.look().await;
    let wire = Wire::to(bench.address().port, None).await;
    through(&wire)
        .await
        .expect("no panic")
        .expect("undisturbed");
    let (messages, after) = (wire.seen(), bench.look().await);
    for at in (0..messages - 1).step_by(7) {
        let stop = match at.is_multiple_of(2) {
            true => Stop::Before(at),
            false => Stop::After(at),
        };
        bench.reset().await;
        bench.all().await.expect("applied");
        let wire = Wire::to(bench.address().port, Some(stop)).await;
        let called = through(&wire);
        wire.reached().await;
        drop(wire);
        let called = timeout(Duration::from_secs(30), called).await;
        let called = called.expect("it notices").expect("no panic");
        assert!(called.is_err(), "{tool} {stop:?}: {called:?}");
        bench.quiet().await;
        let left = bench.look().await;
        let is_done = left.ledger == after.ledger;
        let known = if is_done { &after } else { &before };
        assert_eq!(left.books, known.books, "{tool} {stop:?}");
        let is_alone = count == CHANGES.len();
        assert!(is_alone || left.schema == known.schema, "{tool} {stop:?}");
        let left = all(&bench, &undo, 2).await;
        assert_eq!(left.is_empty(), is_done, "{tool} {stop:?}");
        assert_eq!(bench.look().await, after, "{tool} {stop:?}");
    }
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn an_undo_that_is_cut_at_any_message_is_brought_to_its_end() {
    for tool in TOOLS {
        cut_everywhere(tool, 3).await;
    }
    // In no transaction.
    cut_everywhere(Tool::Sqlx, 4).await;
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn half_taken_back_is_told_to_a_release_and_the_next_undo_goes_on_with_it() {
    let bench = applied(Tool::Sqlx, 4).await;
    let undo = back_to(&bench, 3);
    let reader = bench.client().await;
    let begun = "BEGIN; SELECT FROM person";
    reader.batch_execute(begun).await.expect("a reader");
    let limits = Limits {
        budget: Budget {
            lock: Duration::from_secs(30),
            ..Budget::default()
        },
        ..bench.limits
    };
    let called = tokio::spawn(call(bench.address(), undo.clone(), 2, limits));
    bench
        .until("EXISTS (SELECT FROM own WHERE wait_event_type = 'Lock')")
        .await;
    let session = bench.session().await;
    let ended = fence(&session, &holder(2).promotion, 2, bench.limits).await;
    ended.expect("fenced off");
    drop(session);
    called.await.expect("no panic").expect_err("it was ended");
    bench.quiet().await;
    let error = bench.call(10).await.expect_err("refused").to_string();
    assert!(error.contains("a migration is half taken back"), "{error}");
    reader.batch_execute("ROLLBACK").await.expect("gone");
    assert_eq!(all(&bench, &undo, 11).await, ["4_index.down.sql"]);
    while bench.call(12).await.expect("applied again") != Step::Done {}
}
