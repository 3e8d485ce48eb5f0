//! Promotions that work on a database instead of releasing code, on a real PostgreSQL.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sluice_domain::approval::Choice;
use sluice_domain::ledger::Kind;
use sluice_domain::promotion::{Outcome, PromotionId};
use sluice_tests::World;
use sluice_tests::world::{Build, Data, Ended, failing, healthy};

use crate::approvals::CODE;
use crate::migrations::{MAIL, PERSON, merge};
use crate::rollback::released;
use crate::windows::window;

const OLD: (&str, &str) = (
    "3_old.sql",
    "-- sluice: phase contract\nALTER TABLE person DROP COLUMN mail;\n",
);

/// The settings of an environment where Ada approves, at any time, what is of class C.
async fn careful(world: &World, data: &Data, contract: Value) -> Value {
    let ada = world.approver("ada", CODE).await;
    let mut settings = data.settings();
    merge(
        &mut settings,
        json!({
            "approval": { "approvers": [ada] },
            "windows": [window("maintenance", -60)],
        }),
    );
    settings["database"]["contract"] = contract;
    settings
}

/// Asks for an operation, and has Ada say yes.
async fn approved(world: &World, version: &str, attempt: u32, operation: Value) -> Ended {
    let id = asked(world, version, attempt, operation).await;
    world.happened(&id, Kind::ApprovalRequested).await;
    let voted = world.vote(&id, Choice::Approve, CODE).await;
    voted.expect("a vote");
    world.ended(&id).await
}

async fn asked(world: &World, version: &str, attempt: u32, operation: Value) -> PromotionId {
    let more = json!({ "environments": ["prod"], "operation": operation });
    let answer = world.ask(version, more).await.expect("it begins");
    assert_eq!(answer["attempt"], attempt, "{answer}");
    world.attempt("prod", version, attempt)
}

/// 1.0.0 without migrations, 1.1.0 with two, and with one that contracts 1.2.0 and 1.3.0.
async fn history(world: &World, data: &Data) -> Build {
    let first = world.healthy("0.9.0", &["api"]);
    world.environment("prod", &first, data.settings()).await;
    let migrating = |version, files: &[(&str, &str)]| world.migrating(version, files, json!({}));
    let builds = [
        world.healthy("1.0.0", &["api"]),
        migrating("1.1.0", &[PERSON, MAIL]),
        migrating("1.2.0", &[PERSON, MAIL, OLD]),
    ];
    released(world, &builds.iter().collect::<Vec<_>>()).await;
    migrating("1.3.0", &[PERSON, MAIL, OLD])
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn what_no_code_uses_goes_in_a_promotion_of_its_own_and_older_code_does_not_come_back() {
    let world = World::new().await;
    let data = world.database().await;
    let last = history(&world, &data).await;
    let contract = json!({ "kind": "contract" });
    let careful = careful(&world, &data, json!({ "idle_seconds": 1 })).await;

    // 1.1.0, to which a rollback would go back, does not know of it.
    world.settings("prod", &last, careful.clone()).await;
    let early = asked(&world, "1.2.0", 2, contract.clone()).await;
    let early = world.ended(&early).await;
    early.is(Outcome::Refused);
    let told = "3_old.sql came with the release that serves";
    assert!(early.reason().contains(told), "{}", early.reason());
    world.settings("prod", &last, data.settings()).await;
    released(&world, &[&last]).await;
    world.settings("prod", &last, careful).await;

    let contract = world.sluice(&["migrate", "contract", &world.application, "prod"]);
    let contracting = contract.start();
    let id = world.attempt("prod", "1.3.0", 2);
    world.happened(&id, Kind::ApprovalRequested).await;
    assert_eq!(data.columns("person").await, "id,name,mail");
    let voted = world.vote(&id, Choice::Approve, CODE).await;
    voted.expect("a vote");
    let told = contracting.ended().await;
    told.is(0)
        .says("in the name of 1.3.0, which serves")
        .says("Done");
    let ended = world.ended(&id).await;
    ended.is(Outcome::Done);
    assert_eq!(data.columns("person").await, "id,name");
    assert_eq!(ended.count(Kind::VersionsPublished), 0);
    assert_eq!(ended.count(Kind::MigrationsApplied), 1);
    world.released("1.3.0").await;

    world.settings("prod", &last, data.settings()).await;
    let back = json!({ "rollback": true, "environments": ["prod"] });
    for (version, attempt) in [("1.1.0", 2), ("1.0.0", 2)] {
        let asked = world.ask(version, back.clone()).await;
        asked.expect("it begins");
        let ended = world.ended(&world.attempt("prod", version, attempt)).await;
        ended.is(Outcome::Refused);
        let told = "3_old.sql took away what the code may still use";
        assert!(ended.reason().contains(told), "{}", ended.reason());
    }
    world.ask("1.2.0", back).await.expect("it begins");
    let ended = world.ended(&world.attempt("prod", "1.2.0", 3)).await;
    ended.is(Outcome::Promoted);
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn nothing_is_taken_away_while_somebody_calls_older_code_by_its_version() {
    let world = World::new().await;
    let data = world.database().await;
    let last = history(&world, &data).await;
    released(&world, &[&last]).await;
    let careful = careful(&world, &data, json!({ "idle_seconds": 3 })).await;
    world.settings("prod", &last, careful).await;
    let since = world
        .opened(&world.promotion("prod", "1.3.0"))
        .await
        .closed_at;
    let rested = since.expect("an end") + SignedDuration::from_secs(3);
    let has_rested = async || (Timestamp::now() > rested).then_some(());
    world
        .wait("it has served for three seconds", has_rested)
        .await;
    let refused = async |called: &str| {
        let id = asked(&world, "1.3.0", 2, json!({ "kind": "contract" })).await;
        let ended = world.ended(&id).await;
        ended.is(Outcome::Refused);
        for said in ["OldCodeInUse", "older code still runs", called] {
            assert!(ended.reason().contains(said), "{}", ended.reason());
        }
    };
    world.while_called(("prod", "api", "1"), refused).await;
    assert_eq!(data.columns("person").await, "id,name,mail");
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_schema_that_the_code_that_serves_could_not_read_is_not_made() {
    let world = World::new().await;
    let data = world.database().await;
    let first = world.healthy("1.0.0", &["api"]);
    world.environment("prod", &first, data.settings()).await;
    let reads = json!({ "migrations": { "zip": "migrations", "reads": { "to": "1" } } });
    let careless = world.migrating("1.1.0", &[PERSON], reads);
    released(&world, &[&careless]).await;
    let next = world.migrating("1.2.0", &[PERSON, MAIL], json!({}));
    world.upload(&next).await;
    let ended = world.ended(&world.promotion("prod", "1.2.0")).await;
    ended.is(Outcome::Refused);
    for said in ["SchemaUnfit: the code of 1.1.0, which serves", "2_mail.sql"] {
        assert!(ended.reason().contains(said), "{}", ended.reason());
    }
    assert_eq!(data.columns("person").await, "id,name");
}

/// A pair of files of golang-migrate's, of which one takes the other back.
const UP: (&str, &str) = (
    "1_person.up.sql",
    "CREATE TABLE person (id bigint PRIMARY KEY, name text NOT NULL);\n",
);
const DOWN: (&str, &str) = ("1_person.down.sql", "DROP TABLE person;\n");
const UP_MAIL: (&str, &str) = ("2_mail.up.sql", MAIL.1);
const DOWN_MAIL: (&str, &str) = ("2_mail.down.sql", "ALTER TABLE person DROP COLUMN mail;\n");

/// A build with migrations of golang-migrate's, whose code answers as it should or does not.
fn paired(world: &World, version: &str, code: String, files: &[(&str, &str)]) -> Build {
    let files = files.iter();
    let files = files.map(|(name, text)| (format!("migrations/{name}"), *text));
    let more = json!({
        "migrations": { "zip": "migrations", "tool": "golang-migrate" },
        "smoke_tests": [{ "name": "answers", "function": "api", "payload": { "n": 1 } }],
    });
    world.build_with(version, &[("api", code)], &files.collect::<Vec<_>>(), more)
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn what_a_release_brought_that_was_taken_back_is_undone_and_may_come_again() {
    let world = World::new().await;
    let data = world.database().await;
    let first = world.healthy("1.0.0", &["api"]);
    world.environment("prod", &first, data.settings()).await;
    let good = paired(&world, "1.1.0", healthy("1.1.0"), &[UP, DOWN]);
    released(&world, &[&good]).await;
    let all = [UP, DOWN, UP_MAIL, DOWN_MAIL];
    let bad = paired(&world, "1.2.0", failing("1.2.0", 1), &all);
    world.upload(&bad).await;
    let ended = world.ended(&world.promotion("prod", "1.2.0")).await;
    ended.is(Outcome::RolledBack);
    world.released("1.2.0").await;
    assert_eq!(data.columns("person").await, "id,name,mail");

    let settings = careful(&world, &data, json!({})).await;
    world.settings("prod", &bad, settings).await;
    let undone = approved(&world, "1.2.0", 2, json!({ "kind": "undo" })).await;
    undone.is(Outcome::Done);
    assert_eq!(data.columns("person").await, "id,name");
    let planned = &undone.entry(Kind::ChangesPlanned).event.facts["plan"];
    assert_eq!(planned["migrations"]["files"], json!(["2_mail.down.sql"]));
    let theirs = "SELECT string_agg(version || ' ' || dirty, ',') FROM schema_migrations";
    assert_eq!(data.text(theirs).await, "1 false");
    world.released("1.2.0").await;
    world.settled("prod", &good, "2").await;

    world.settings("prod", &good, data.settings()).await;
    let next = paired(&world, "1.2.1", healthy("1.2.1"), &all);
    released(&world, &[&next]).await;
    assert_eq!(data.columns("person").await, "id,name,mail");
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_restore_is_approved_with_what_it_loses_and_lets_traffic_in_again() {
    let world = World::new().await;
    let data = world.database().await;
    let first = world.healthy("1.0.0", &["api"]);
    world.environment("prod", &first, data.settings()).await;
    let served = world.migrating("1.1.0", &[PERSON], json!({}));
    released(&world, &[&served]).await;

    // What makes and restores backups in this account.
    let body =
        "return {'restored': True} if 'backup' in event else {'id': 'nightly', 'available': True}";
    let keeper = world.suite(body).await;
    let mut settings = careful(&world, &data, json!({})).await;
    settings["database"]["backup"] = json!({ "function": keeper, "restore": keeper });
    world.settings("prod", &served, settings).await;
    let operation = json!({ "kind": "restore", "backup": "nightly" });
    let ended = approved(&world, "1.1.0", 2, operation).await;
    ended.is(Outcome::Done);
    let planned = &ended.entry(Kind::ChangesPlanned).event.facts["plan"];
    assert_eq!(planned["restore"]["backup"], "nightly");
    assert_eq!(planned["restore"]["lost"]["files"], json!([]));
    let place = |kind| ended.kinds().iter().position(|one| *one == kind);
    let decided = place(Kind::ApprovalDecided);
    assert!(decided < place(Kind::TrafficStopped), "{:?}", ended.kinds());
    assert!(place(Kind::DatabaseRestored) < place(Kind::TrafficResumed));
    let reserved = world.lambda().get_function_concurrency();
    let reserved = reserved.function_name(world.function("prod", "api"));
    let reserved = reserved.send().await.expect("the function");
    assert_eq!(reserved.reserved_concurrent_executions(), None);

    let nobody = data.settings();
    world.released("1.1.0").await;
    world.settings("prod", &served, nobody).await;
    let unasked = asked(
        &world,
        "1.1.0",
        3,
        json!({ "kind": "restore", "backup": "nightly" }),
    )
    .await;
    let unasked = world.ended(&unasked).await;
    unasked.is(Outcome::Refused);
}

/// What `api`, and `mail`, which no release brings, have reserved.
async fn reserved(world: &World) -> [Option<i32>; 2] {
    let mut found = [None; 2];
    for (at, function) in ["api", "mail"].into_iter().enumerate() {
        let request = world.lambda().get_function_concurrency();
        let request = request.function_name(world.function("prod", function));
        let answer = request.send().await.expect("the function");
        found[at] = answer.reserved_concurrent_executions();
    }
    found
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn traffic_that_can_not_be_let_in_strands_a_restore_until_it_can_be() {
    let world = World::new().await;
    let data = world.database().await;
    let both = world.healthy("1.0.0", &["api", "mail"]);
    world.environment("prod", &both, data.settings()).await;
    let served = world.migrating("1.1.0", &[PERSON], json!({}));
    released(&world, &[&served]).await;

    let gate = format!("/flow/{}/gate", world.application);
    let body = format!(
        "import boto3\n\
         done = boto3.client('ssm').get_parameters(Names=['{gate}'])['Parameters']\n\
         return {{'restored': bool(done), 'wait_seconds': 1}}"
    );
    let restorer = world.of_the_team("restorer", &body).await;
    let mut settings = careful(&world, &data, json!({})).await;
    settings["database"]["backup"] = json!({ "function": restorer, "restore": restorer });
    world.settings("prod", &both, settings).await;
    let operation = json!({ "kind": "restore", "backup": "nightly" });
    let id = asked(&world, "1.1.0", 2, operation).await;
    world.happened(&id, Kind::ApprovalRequested).await;
    let plan = world.happened(&id, Kind::ChangesPlanned).await;
    let notes = &plan.event.facts["plan"]["restore"]["notes"];
    let expected = "calls to mail stop, too, though it is not in this release";
    assert_eq!(*notes, json!([expected]));
    let voted = world.vote(&id, Choice::Approve, CODE).await;
    voted.expect("a vote");

    let stopped = world.happened(&id, Kind::TrafficStopped).await;
    let had = json!({ "api": null, "mail": null });
    assert_eq!(stopped.event.facts["functions"], had);
    assert_eq!(reserved(&world).await, [Some(0), Some(0)]);
    let warm = world.called_by("WarmVersions").await;
    // What the engine calls all that is asked about it.
    let refused = ["lambda:PutFunctionConcurrency"];
    let fault = world.forbid_function(&warm, &refused).await;
    world.open(&gate).await;
    world.happened(&id, Kind::DatabaseRestored).await;
    let execution = world.opened(&id).await.execution_arn;
    world.stop(&execution).await;
    world.watched(&id, Kind::Stranded).await;
    world.watched_in_vain(&id).await;
    let stranded = world.ended(&id).await;
    assert_eq!(stranded.outcome(), Some(Outcome::Stranded));
    assert_eq!(stranded.count(Kind::Stranded), 1);
    let reason = stranded.reason();
    assert!(reason.contains("TrafficOff"), "{reason}");
    assert_eq!(reserved(&world).await, [Some(0), Some(0)]);

    world.allow(fault).await;
    world.watched(&id, Kind::PromotionClosed).await;
    assert_eq!(reserved(&world).await, [None, None]);
    let resumed = world.happened(&id, Kind::TrafficResumed).await;
    assert_eq!(resumed.event.facts["functions"], had);
}
