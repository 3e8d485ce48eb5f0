//! Executions that are stopped from outside: what they left is put right.

use aws_sdk_sfn::types::ExecutionStatus;
use serde_json::{Value, json};
use sluice_domain::approval::State;
use sluice_domain::ledger::Kind;
use sluice_domain::promotion::{Outcome, Promotion};
use sluice_tests::World;
use sluice_tests::world::{Build, Inbox};

use crate::approvals::{untouched, waiting};

/// A first step that is watched for longer than any test waits.
fn endless() -> Value {
    json!({ "steps": [{ "weight": 10, "bake_seconds": 900 }, { "weight": 100, "bake_seconds": 0 }] })
}

/// A release in the middle of its first step.
pub(crate) async fn baking() -> (World, Build, Promotion, Inbox) {
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

    // Nobody calls the watchdog: the event of this end wakes it, or its clock.
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

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_release_that_is_stopped_takes_its_promotion_along_and_reaches_no_other_environment() {
    let world = World::new().await;
    let first = world.healthy("1.0.0", &["api", "worker"]);
    let at = |order: u32| json!({ "order": order, "steps": endless()["steps"] });
    world.environment("dev", &first, at(1)).await;
    world.environment("prod", &first, at(2)).await;
    let inbox = world.inbox().await;
    let build = world.healthy("1.1.0", &["api", "worker"]);
    world.upload(&build).await;
    let dev = world.opened(&world.promotion("dev", "1.1.0")).await;
    world.happened(&dev.id, Kind::TrafficShifted).await;
    let release = world.attempts("1.1.0").await.remove(0);
    world.stop(&release.execution_arn).await;

    world.watched(&dev.id, Kind::PromotionClosed).await;
    let ended = world.ended(&dev.id).await;
    ended.is(Outcome::RolledBack);
    assert_eq!(ended.status, ExecutionStatus::Aborted);
    assert!(
        ended.reason().contains("its release ended ABORTED"),
        "{}",
        ended.reason()
    );
    assert_eq!(ended.count(Kind::TakenOver), 1);
    let taken = ended.entry(Kind::TakenOver);
    assert_eq!(taken.event.facts["release"], "ended ABORTED");
    world.settled("dev", &build, "1").await;
    world.execution_ended(&world.reader.rollout_arn(&dev)).await;
    let (_, text) = world.told(&inbox, "TakenOver").await;
    assert!(text.contains("release: ended ABORTED"), "{text}");
    // Of prod, which the engine goes on to, people may hear before.
    let told = world.told_of(&inbox, "PromotionClosed", "[dev]");
    let (subject, _) = told.await;
    assert!(subject.contains("RolledBack"), "{subject}");

    // The engine goes on to it all the same, where AWS does not.
    let prod = world.ended(&world.promotion("prod", "1.1.0")).await;
    let outcome = prod.outcome().expect("an outcome");
    let expected = [Outcome::Refused, Outcome::Aborted];
    assert!(expected.contains(&outcome), "{prod:#?}");
    assert!(!prod.kinds().contains(&Kind::TargetsAcquired));
    world.settled("prod", &build, "1").await;
    assert_eq!(world.versions("prod", "api").await, ["1"]);
    let release = world.execution_ended(&release.execution_arn).await;
    assert_eq!(release, ExecutionStatus::Aborted);

    let again = world.ask("1.1.0", json!({ "again": true })).await;
    assert_eq!(again.expect("a new attempt")["attempt"], 2);
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_release_that_is_stopped_while_people_are_asked_ends_untouched_whatever_they_say() {
    let (world, build, id) = waiting(600).await;
    let inbox = world.inbox().await;
    let promotion = world.opened(&id).await;
    let release = world.attempts("1.1.0").await.remove(0);
    world.stop(&release.execution_arn).await;

    world.watched(&id, Kind::PromotionClosed).await;
    let ended = world.ended(&id).await;
    ended.is(Outcome::Aborted);
    assert_eq!(ended.status, ExecutionStatus::Aborted);
    assert!(
        ended.reason().contains("its release ended ABORTED"),
        "{}",
        ended.reason()
    );
    let (subject, _) = world.told(&inbox, "PromotionClosed").await;
    assert!(subject.contains("Aborted"), "{subject}");

    world.happened(&id, Kind::ApprovalDecided).await;
    let question = world.reader.question(&id).await.expect("the question");
    let state = question.map(|question| question.state);
    assert_eq!(state, Some(State::Superseded), "nobody is asked any more");
    untouched(&world, &build, &world.ended(&id).await.kinds()).await;
    let rollout = world.reader.rollout_arn(&promotion);
    let rollout = world.reader.executions.standing(&rollout).await;
    assert_eq!(rollout.expect("an answer"), None);
    world.ended(&id).await.is(Outcome::Aborted);
}
