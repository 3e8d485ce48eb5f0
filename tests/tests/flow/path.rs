//! The way through the environments: what begins by itself, what a person begins, what
//! may not enter, and what comes too often or too late.

use aws_sdk_sfn::types::ExecutionStatus;
use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};
use sluice_domain::ledger::Kind;
use sluice_domain::promotion::Outcome;
use sluice_tests::World;
use sluice_tests::world::{Build, healthy};

const COPIES: usize = 300;
const AT_ONCE: usize = 16;

/// An application that goes through dev and prod, with these rules for each.
async fn world(dev: Value, prod: Value) -> World {
    let world = World::new().await;
    let first = world.healthy("1.0.0", &["api"]);
    let settings = |order: u32, entry: Value| json!({ "order": order, "entry": entry });
    world.environment("dev", &first, settings(1, dev)).await;
    world.environment("prod", &first, settings(2, prod)).await;
    world
}

fn of_branch(world: &World, version: &str, branch: &str) -> Build {
    let functions = [("api", healthy(version))];
    world.build(version, &functions, json!({ "branch": branch }))
}

/// Waits until a release of this version was set aside so.
async fn set_aside(world: &World, version: &str, outcome: &str) {
    let chain = world.release_chain(version);
    let entry = world
        .wait("that it is set aside", async || {
            let mut entries = world.ledger(&chain).await.into_iter();
            entries.find(|entry| entry.event.kind == Kind::ReleaseSetAside)
        })
        .await;
    assert_eq!(entry.event.facts["outcome"], outcome, "{entry:?}");
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_person_takes_a_release_on_into_an_environment_that_people_begin_once() {
    let world = world(json!({}), json!({"start": "manual"})).await;
    let build = world.healthy("1.1.0", &["api"]);
    world.upload(&build).await;
    world
        .ended(&world.promotion("dev", "1.1.0"))
        .await
        .is(Outcome::Promoted);
    let release = world.attempts("1.1.0").await.remove(0);
    assert_eq!(release.environments, ["dev"]);
    let ended = world.execution_ended(&release.execution_arn).await;
    assert_eq!(ended, ExecutionStatus::Succeeded);

    let command = ["promote", &world.application, "1.1.0", "prod"];
    world.sluice(&command).run().await.is(0);
    let prod = world.ended(&world.attempt("prod", "1.1.0", 2)).await;
    prod.is(Outcome::Promoted);
    assert_eq!(prod.promotion.bundle, release.bundle);
    world.settled("prod", &build, "2").await;
    let again = world.sluice(&command).run().await;
    again.is(6).says("1.1.0 stands in prod already");
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_build_goes_as_far_as_environments_take_it() {
    let world = world(json!({}), json!({"branches": ["main", "release/*"]})).await;
    world
        .upload(&of_branch(&world, "1.1.0", "feature/lamp"))
        .await;
    world
        .ended(&world.promotion("dev", "1.1.0"))
        .await
        .is(Outcome::Promoted);
    let release = world.attempts("1.1.0").await.remove(0);
    assert_eq!(release.environments, ["dev"]);
    world.execution_ended(&release.execution_arn).await;
    let command = ["promote", &world.application, "1.1.0", "prod"];
    let refused = world.sluice(&command).run().await;
    refused.is(6).says("found branch `feature/lamp`, no tag");

    world.upload(&of_branch(&world, "1.2.0-rc.1", "main")).await;
    let candidate = world.ended(&world.promotion("dev", "1.2.0-rc.1")).await;
    candidate.is(Outcome::Promoted);
    let release = world.attempts("1.2.0-rc.1").await.remove(0);
    assert_eq!(release.environments, ["dev"], "a pre-release");
    world.execution_ended(&release.execution_arn).await;

    let build = of_branch(&world, "1.2.0", "release/1.2");
    world.upload(&build).await;
    world
        .ended(&world.promotion("prod", "1.2.0"))
        .await
        .is(Outcome::Promoted);
    world.settled("prod", &build, "2").await;
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn nothing_enters_before_the_environment_before_has_promoted_it_whoever_asks() {
    let world = world(json!({"start": "manual"}), json!({})).await;
    world.upload(&world.healthy("1.1.0", &["api"])).await;
    set_aside(&world, "1.1.0", "held").await;
    assert!(world.attempts("1.1.0").await.is_empty());

    let early = world.ask("1.1.0", json!({ "from": "prod" })).await;
    assert_eq!(early.expect_err("too early").name, "OutOfTurn");
    let past = world
        .ask("1.1.0", json!({ "environments": ["prod"] }))
        .await;
    assert_eq!(past.expect("it starts")["outcome"], "started");
    let prod = world.ended(&world.promotion("prod", "1.1.0")).await;
    prod.is(Outcome::Refused);
    assert!(prod.reason().starts_with("OutOfTurn"), "{}", prod.reason());
    world
        .execution_ended(&world.attempts("1.1.0").await[0].execution_arn)
        .await;

    let command = ["promote", &world.application, "1.1.0", "dev"];
    world.sluice(&command).run().await.is(0);
    let prod = world.ended(&world.attempt("prod", "1.1.0", 2)).await;
    prod.is(Outcome::Promoted);
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_release_waits_until_it_has_soaked_in_the_environment_before() {
    let world = world(json!({}), json!({"soak_seconds": 6})).await;
    let build = world.healthy("1.1.0", &["api"]);
    world.upload(&build).await;
    let dev = world.ended(&world.promotion("dev", "1.1.0")).await;
    let prod = world.ended(&world.promotion("prod", "1.1.0")).await;
    prod.is(Outcome::Promoted);
    let waited = prod.entry(Kind::StartScheduled);
    let why = waited.event.facts["why"].as_str().unwrap_or_default();
    assert!(why.contains("in dev for 6 s"), "{waited:?}");
    let soaked = dev.promotion.closed_at.expect("ended") + jiff::SignedDuration::from_secs(6);
    assert!(prod.entry(Kind::TargetsAcquired).at >= soaked);
    world.settled("prod", &build, "2").await;
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_schedule_takes_on_what_stands_in_the_environment_before() {
    let world = world(json!({}), json!({"start": "manual"})).await;
    let event = json!({"promote": {"application": world.application, "environment": "prod"}});
    let early = world.invoke("IntakeEvents", &event).await;
    assert_eq!(early.expect("no error")["outcome"], "ignored");
    world.upload(&world.healthy("1.1.0", &["api"])).await;
    let release = world.ended(&world.promotion("dev", "1.1.0")).await;
    release.is(Outcome::Promoted);
    world
        .execution_ended(&world.attempts("1.1.0").await[0].execution_arn)
        .await;

    let due = world.invoke("IntakeEvents", &event).await;
    assert_eq!(due.expect("no error")["outcome"], "started");
    world
        .ended(&world.attempt("prod", "1.1.0", 2))
        .await
        .is(Outcome::Promoted);
    let next = world.invoke("IntakeEvents", &event).await;
    assert_eq!(next.expect("no error")["outcome"], "ignored");
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn hundreds_of_copies_of_an_event_start_one_execution_and_older_ones_are_superseded() {
    let world = world(json!({}), json!({})).await;
    let older = world.healthy("1.1.0", &["api"]);
    let newer = world.healthy("1.2.0", &["api"]);
    world.upload(&newer).await;
    let key = newer.key("release.json");
    let event = world.s3_event(&key);
    let copies = stream::iter(0..COPIES)
        .map(|_| world.invoke("IntakeEvents", &event))
        .buffer_unordered(AT_ONCE);
    let answers: Vec<Value> = copies
        .map(|answer| answer.expect("no error"))
        .collect()
        .await;
    let outcomes = |outcome: &str| {
        let same = |answer: &&Value| answer["outcome"] == outcome;
        answers.iter().filter(same).count()
    };
    assert!(
        outcomes("started") <= 1,
        "the upload's own event may be first"
    );
    assert_eq!(outcomes("started") + outcomes("duplicate"), COPIES);
    assert_eq!(world.attempts("1.2.0").await.len(), 1);

    world.upload(&older).await;
    set_aside(&world, "1.1.0", "superseded").await;
    world
        .ended(&world.promotion("prod", "1.2.0"))
        .await
        .is(Outcome::Promoted);
    let late = world
        .invoke("IntakeEvents", &world.s3_event(&older.key("release.json")))
        .await;
    assert_eq!(late.expect("no error")["outcome"], "superseded");
    assert!(world.attempts("1.1.0").await.is_empty());
    let chain = world.ledger(&world.release_chain("1.2.0")).await;
    let started = |entry: &&sluice_domain::ledger::Entry| entry.event.kind == Kind::ReleaseStarted;
    assert_eq!(chain.iter().filter(started).count(), 1);
    world.settled("prod", &newer, "2").await;
}
