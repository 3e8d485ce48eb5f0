//! Executions that are stopped from outside: the watchdog mends what they left.

use aws_sdk_sfn::types::ExecutionStatus;
use serde_json::{Value, json};
use sluice_domain::ledger::Kind;
use sluice_domain::promotion::{Outcome, Promotion};
use sluice_tests::World;
use sluice_tests::world::{Build, Inbox};

/// A first step that is watched for longer than any test waits.
fn endless() -> Value {
    json!({ "steps": [{ "weight": 10, "bake_seconds": 900 }, { "weight": 100, "bake_seconds": 0 }] })
}

/// A release in the middle of its first step.
async fn baking() -> (World, Build, Promotion, Inbox) {
    let world = World::new().await;
    let first = world.healthy("1.0.0", &["api", "worker"]);
    world.environment("prod", &first, endless()).await;
    let inbox = world.inbox().await;
    let build = world.healthy("1.1.0", &["api", "worker"]);
    world.upload(&build).await;
    let promotion = world.opened(&world.promotion("prod", "1.1.0")).await;
    world.happened(&promotion.id, Kind::TrafficShifted).await;
    for function in build.functions() {
        let alias = world.alias("prod", function).await.expect("an alias");
        assert_eq!(alias.weights.get("2"), Some(&0.1), "{function}");
    }
    (world, build, promotion, inbox)
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_promotion_that_is_stopped_from_outside_is_mended_by_the_watchdog() {
    let (world, build, promotion, inbox) = baking().await;
    world.stop(&promotion.execution_arn).await;

    // It runs by itself, too; what it answers here depends on who came first.
    let _ = world.invoke("WatchdogFunction", &json!({})).await;
    let ended = world.ended(&promotion.id).await;
    ended.is(Outcome::RolledBack);
    assert_eq!(ended.status, ExecutionStatus::Aborted);
    world.settled("prod", &build, "1").await;
    let taken = ended.entry(Kind::TakenOver);
    assert_eq!(
        taken.event.facts["execution"],
        json!(promotion.execution_arn)
    );
    let rollout = world.reader.rollout_arn(&promotion);
    world.execution_ended(&rollout).await;
    let release = world.attempts("1.1.0").await.remove(0);
    let release = world.execution_ended(&release.execution_arn).await;
    assert_eq!(release, ExecutionStatus::Failed);
    world.told(&inbox, "TakenOver").await;

    let next = world.healthy("1.2.0", &["api", "worker"]);
    world.settings("prod", &next, json!({})).await;
    world.upload(&next).await;
    let ended = world.ended(&world.promotion("prod", "1.2.0")).await;
    ended.is(Outcome::Promoted);
    world.settled("prod", &next, "3").await;
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_rollout_that_is_stopped_from_outside_is_rolled_back_by_its_promotion() {
    let (world, build, promotion, inbox) = baking().await;
    world.stop(&world.reader.rollout_arn(&promotion)).await;

    let ended = world.ended(&promotion.id).await;
    ended.is(Outcome::RolledBack);
    assert_eq!(ended.status, ExecutionStatus::Failed);
    assert!(!ended.kinds().contains(&Kind::TakenOver));
    world.settled("prod", &build, "1").await;
    world.told(&inbox, "PromotionClosed").await;
}
