//! Releases that go well.

use aws_sdk_sfn::types::ExecutionStatus;
use serde_json::json;
use sluice_domain::ledger::{Kind, verify};
use sluice_domain::promotion::Outcome;
use sluice_tests::World;
use sluice_tests::world::{alone, healthy};

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn an_upload_is_promoted_through_all_environments_in_order_and_only_once() {
    let world = World::new().await;
    let first = world.healthy("1.0.0", &["api", "worker"]);
    let order = |order: u32| json!({ "order": order });
    world.environment("prod", &first, order(2)).await;
    world.environment("dev", &first, order(1)).await;
    let build = world.healthy("1.1.0", &["api", "worker"]);
    world.upload(&build).await;

    let dev = world.opened(&world.promotion("dev", "1.1.0")).await;
    let key = format!("{}/1.1.0/release.json", world.application);
    let repeated = world.invoke("IntakeEvents", &world.s3_event(&key)).await;
    let repeated = repeated.expect("it says so");
    assert_eq!(repeated["outcome"], "duplicate", "{repeated}");

    let dev = world.ended(&dev.id).await;
    let prod = world.ended(&world.promotion("prod", "1.1.0")).await;
    dev.is(Outcome::Promoted);
    prod.is(Outcome::Promoted);
    assert!(dev.promotion.closed_at <= Some(prod.promotion.opened_at));
    for environment in ["dev", "prod"] {
        world.settled(environment, &build, "2").await;
    }
    let release = world.attempts("1.1.0").await.remove(0);
    assert_eq!(release.environments, ["dev", "prod"]);
    let ended = world.execution_ended(&release.execution_arn).await;
    assert_eq!(ended, ExecutionStatus::Succeeded);

    let again = world.ask("1.1.0", json!({ "again": true })).await;
    assert_eq!(again.expect_err("released").name, "AlreadyReleased");
    let other = [("api", healthy("another build"))];
    world.upload(&world.build("1.1.0", &other, json!({}))).await;
    let refused = world.ask("1.1.0", json!({})).await;
    assert_eq!(refused.expect_err("another digest").name, "VersionTaken");
    assert_eq!(world.attempts("1.1.0").await.len(), 1);
    world.settled("prod", &build, "2").await;
    let chain = world.ledger(&world.release_chain("1.1.0")).await;
    assert_eq!(verify(&chain), Ok(()));
    let started = |entry: &&_| {
        let entry: &sluice_domain::ledger::Entry = entry;
        entry.event.kind == Kind::ReleaseStarted
    };
    assert_eq!(chain.iter().filter(started).count(), 1);
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn functions_that_stay_the_same_are_left_out() {
    let world = World::new().await;
    let same = ("worker", healthy("the same"));
    let first = [("api", healthy("1.0.0")), same.clone()];
    let first = world.build("1.0.0", &first, json!({}));
    world.environment("prod", &first, json!({})).await;
    let next = [("api", healthy("1.1.0")), same];
    let next = world.build("1.1.0", &next, json!({}));
    world.upload(&next).await;

    let ended = world.ended(&world.promotion("prod", "1.1.0")).await;
    ended.is(Outcome::Promoted);
    assert_eq!(world.alias("prod", "api").await, alone("2"));
    assert_eq!(world.alias("prod", "worker").await, alone("1"));
    assert_eq!(world.versions("prod", "worker").await, ["1"]);
    let moved = &ended.entry(Kind::TrafficJournaled).event.facts["functions"];
    assert_eq!(moved.as_object().expect("functions").len(), 1, "{moved}");
    world.unlocked("prod", &next).await;
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_function_that_was_never_released_gets_its_alias() {
    let world = World::new().await;
    let first = world.healthy("1.0.0", &["api"]);
    world.environment("prod", &first, json!({})).await;
    let next = world.healthy("1.1.0", &["api", "fresh"]);
    let before = world.healthy("0.0.1", &["fresh"]);
    world.create("prod", "fresh", &before).await;
    world.settings("prod", &next, json!({})).await;
    world.upload(&next).await;

    let ended = world.ended(&world.promotion("prod", "1.1.0")).await;
    ended.is(Outcome::Promoted);
    world.settled("prod", &next, "2").await;
}
