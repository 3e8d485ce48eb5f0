//! Rolling back that fails: locks are kept, people are told once, and the
//! watchdog puts things right as soon as it can.

use aws_sdk_sfn::types::ExecutionStatus;
use serde_json::json;
use sluice_domain::ledger::Kind;
use sluice_domain::promotion::{Outcome, PromotionId};
use sluice_tests::World;
use sluice_tests::world::{Build, Ended, Forbidden, Inbox};

use crate::faults::{Scene, replace};
use crate::stopped::baking;

/// Sluice can't move an alias of this application any more. (To the engine that
/// is an action on the list of aliases.)
pub(crate) async fn broken(world: &World) -> Forbidden {
    let actions = ["lambda:UpdateAlias", "lambda:ListAliases"];
    world.forbid("ShiftFunction", &actions).await
}

/// What must hold as long as the promotion can't be put right, however often
/// the watchdog tries.
async fn stays_stranded(world: &World, build: &Build, id: &PromotionId) {
    for _ in 0..2 {
        world.watched_in_vain(id).await;
    }
    let stranded = world.ended(id).await;
    assert_eq!(stranded.outcome(), Some(Outcome::Stranded));
    told_once(&stranded);
    for function in build.functions() {
        let alias = world.alias("prod", function).await.expect("an alias");
        assert!(alias.weights.contains_key("2"), "{function}: {alias:?}");
        let target = world.arn("prod", function);
        let holder = world.reader.store.holder(&target).await;
        assert_eq!(holder.expect("the lock"), Some(id.to_string()));
    }
}

/// What must hold once the fault is gone and the watchdog has run.
async fn is_mended(world: &World, build: &Build, id: &PromotionId, inbox: &Inbox) -> Ended {
    world.watched(id, Kind::PromotionClosed).await;
    let mended = world.ended(id).await;
    mended.is(Outcome::RolledBack);
    told_once(&mended);
    assert!(mended.kinds().contains(&Kind::TrafficRolledBack));
    world.settled("prod", build, "1").await;
    let (subject, _) = world.told(inbox, "PromotionClosed").await;
    assert!(subject.contains("RolledBack"), "{subject}");
    mended
}

fn told_once(ended: &Ended) {
    for kind in [Kind::TakenOver, Kind::Stranded] {
        assert_eq!(ended.count(kind), 1, "{kind:?} among {:?}", ended.kinds());
    }
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_promotion_that_cannot_roll_itself_back_calls_a_person_and_is_mended_later() {
    let scene = Scene::of(&["api", "worker"], json!({})).await;
    let Scene { world, next, inbox } = &scene;
    let (gate, judge) = world.gate().await;
    let machines = world
        .machines_with(
            |rollout| replace(rollout, "Judge", &judge),
            |promote| promote["States"]["RollBack"]["Retry"] = json!([]),
        )
        .await;
    let id = world.promote(&machines, "prod", next).await;
    world.happened(&id, Kind::TrafficShifted).await;
    let fault = broken(world).await;
    world.open(&gate).await;

    let (subject, _) = world.told(inbox, "Stranded").await;
    assert!(subject.contains("STRANDED"), "{subject}");
    let stranded = world.ended(&id).await;
    assert_eq!(stranded.status, ExecutionStatus::Failed);
    assert_eq!(stranded.error, "Stranded");
    let reason = stranded.reason();
    assert!(reason.contains("RollbackIncomplete"), "{reason}");
    stays_stranded(world, next, &id).await;

    world.allow(fault).await;
    is_mended(world, next, &id, inbox).await;
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_promotion_that_the_watchdog_cannot_put_right_at_once_is_mended_later() {
    let (world, build, promotion, inbox) = baking().await;
    let id = &promotion.id;
    let fault = broken(&world).await;
    world.stop(&promotion.execution_arn).await;
    world.watched(id, Kind::Stranded).await;
    let (subject, _) = world.told(&inbox, "Stranded").await;
    assert!(subject.contains("STRANDED"), "{subject}");
    stays_stranded(&world, &build, id).await;

    world.allow(fault).await;
    let mended = is_mended(&world, &build, id, &inbox).await;
    assert_eq!(mended.status, ExecutionStatus::Aborted);

    let next = world.healthy("1.2.0", &["api", "worker"]);
    world.settings("prod", &next, json!({})).await;
    world.upload(&next).await;
    let ended = world.ended(&world.promotion("prod", "1.2.0")).await;
    ended.is(Outcome::Promoted);
}
