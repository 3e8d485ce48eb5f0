//! One at a time: the line in front of the locks, freezes and new attempts.

use serde_json::{Value, json};
use sluice_cli::error::Exit;
use sluice_domain::ledger::Kind;
use sluice_domain::promotion::{Outcome, PromotionId};
use sluice_domain::targets::together;
use sluice_tests::World;
use sluice_tests::world::Build;

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_frozen_environment_refuses() {
    let world = World::new().await;
    let first = world.healthy("1.0.0", &["api"]);
    let frozen = json!({ "frozen": { "by": "grace", "reason": "end of the year" } });
    world.environment("prod", &first, frozen).await;
    let build = world.healthy("1.1.0", &["api"]);
    world.upload(&build).await;

    let ended = world.ended(&world.promotion("prod", "1.1.0")).await;
    ended.is(Outcome::Refused);
    let reason = ended.reason();
    assert!(
        reason.contains("frozen by grace: end of the year"),
        "{reason}"
    );
    world.settled("prod", &build, "1").await;
    assert_eq!(world.versions("prod", "api").await, ["1"]);
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_freeze_between_two_steps_takes_the_traffic_back() {
    let world = World::new().await;
    let first = world.healthy("1.0.0", &["api"]);
    let steps = json!([{ "weight": 50, "bake_seconds": 1 }, { "weight": 100, "bake_seconds": 0 }]);
    let steps = json!({ "steps": steps });
    world.environment("prod", &first, steps.clone()).await;
    let (gate, judge) = world.gate().await;
    let machines = world
        .machines(|rollout| {
            rollout["States"]["Judge"]["Arguments"]["FunctionName"] = json!(judge);
        })
        .await;
    let build = world.healthy("1.1.0", &["api"]);
    let id = world.promote(&machines, "prod", &build).await;
    world.happened(&id, Kind::TrafficShifted).await;
    let mut frozen = steps;
    frozen["frozen"] = json!({ "by": "grace", "reason": "it is Friday" });
    world.settings("prod", &build, frozen).await;
    world.open(&gate).await;

    let ended = world.ended(&id).await;
    ended.is(Outcome::RolledBack);
    assert!(
        ended.reason().contains("it is Friday"),
        "{}",
        ended.reason()
    );
    world.settled("prod", &build, "1").await;
}

/// Two steps, and what to do where somebody else holds the targets.
fn queueing(policy: &str) -> Value {
    let steps = json!([{ "weight": 50, "bake_seconds": 1 }, { "weight": 100, "bake_seconds": 0 }]);
    json!({ "steps": steps, "queue": policy })
}

/// A promotion of 1.1.0 that holds its targets until the gate is open.
async fn holding(policy: &str) -> (World, String, PromotionId) {
    let world = World::new().await;
    let first = world.healthy("1.0.0", &["api", "worker"]);
    world.environment("prod", &first, queueing(policy)).await;
    let (gate, judge) = world.gate().await;
    let machines = world
        .machines(|rollout| {
            rollout["States"]["Judge"]["Arguments"]["FunctionName"] = json!(judge);
        })
        .await;
    let build = world.healthy("1.1.0", &["api", "worker"]);
    let id = world.promote(&machines, "prod", &build).await;
    world.happened(&id, Kind::TrafficShifted).await;
    (world, gate, id)
}

/// A further release, which has to wait for this one.
async fn queued(world: &World, version: &str, ahead: &PromotionId) -> (Build, PromotionId) {
    let build = world.healthy(version, &["api", "worker"]);
    world.upload(&build).await;
    let id = world.promotion("prod", version);
    let queued = world.happened(&id, Kind::TargetsQueued).await;
    let found = &queued.event.facts["holder"];
    assert_eq!(*found, json!(ahead), "{queued:?}");
    (build, id)
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_second_promotion_to_the_same_targets_waits_and_is_resumed() {
    let (world, gate, one) = holding("wait").await;
    let (build, two) = queued(&world, "1.2.0", &one).await;
    let alias = world.alias("prod", "api").await.expect("an alias");
    assert_eq!(alias.weights.get("2"), Some(&0.5));
    world.open(&gate).await;

    let one = world.ended(&one).await;
    one.is(Outcome::Promoted);
    let two = world.ended(&two).await;
    two.is(Outcome::Promoted);
    let acquired = two.entry(Kind::TargetsAcquired);
    assert!(Some(acquired.at) >= one.promotion.closed_at, "{acquired:?}");
    world.settled("prod", &build, "3").await;
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_promotion_whose_targets_are_held_is_refused_where_settings_say_so() {
    let (world, gate, one) = holding("refuse").await;
    let inbox = world.inbox().await;
    let build = world.healthy("1.2.0", &["api", "worker"]);
    world.upload(&build).await;

    let two = world.ended(&world.promotion("prod", "1.2.0")).await;
    two.is(Outcome::Refused);
    assert_eq!(Exit::of(Outcome::Refused) as u8, 6);
    let refused = format!("is held by {one}");
    let (_, told) = world.told(&inbox, "PromotionClosed").await;
    for said in [two.reason(), &told] {
        assert!(said.contains("TargetsBusy: "), "{said}");
        assert!(said.contains(&refused), "{said}");
    }
    for function in build.functions() {
        let alias = world.alias("prod", function).await.expect("an alias");
        assert_eq!(alias.weights.get("2"), Some(&0.5), "{function}");
        assert_eq!(world.versions("prod", function).await, ["1", "2"]);
        let target = world.arn("prod", function);
        let holder = world.reader.store.holder(&target).await;
        assert_eq!(holder.expect("the lock"), Some(one.to_string()));
    }
    world.open(&gate).await;
    world.ended(&one).await.is(Outcome::Promoted);
    world.settled("prod", &build, "2").await;
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_newer_promotion_takes_the_place_of_one_that_waits_where_settings_say_so() {
    let (world, gate, one) = holding("supersede").await;
    let (_, two) = queued(&world, "1.2.0", &one).await;
    let newest = world.healthy("1.3.0", &["api", "worker"]);
    world.upload(&newest).await;
    let three = world.promotion("prod", "1.3.0");

    let two = world.ended(&two).await;
    two.is(Outcome::Superseded);
    assert!(!two.kinds().contains(&Kind::VersionsPublished));
    world.open(&gate).await;
    world.ended(&one).await.is(Outcome::Promoted);
    world.ended(&three).await.is(Outcome::Promoted);
    world.settled("prod", &newest, "3").await;
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn one_that_is_stopped_while_it_waits_leaves_the_line_to_those_behind_it() {
    let (world, gate, one) = holding("wait").await;
    let (_, two) = queued(&world, "1.2.0", &one).await;
    let (build, three) = queued(&world, "1.3.0", &two).await;
    let promotion = world.opened(&two).await;
    world.stop(&promotion.execution_arn).await;
    // It runs by itself, too; what it answers here depends on who came first.
    let _ = world.invoke("WatchdogFunction", &json!({})).await;

    let two = world.ended(&two).await;
    two.is(Outcome::Aborted);
    let target = world.arn("prod", "api");
    let holder = world.reader.store.holder(&target).await;
    assert_eq!(holder.expect("the lock"), Some(one.to_string()));
    world.open(&gate).await;
    world.ended(&one).await.is(Outcome::Promoted);
    world.ended(&three).await.is(Outcome::Promoted);
    world.settled("prod", &build, "3").await;
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn after_a_rollback_a_new_attempt_is_possible_and_numbered() {
    let world = World::new().await;
    let first = world.healthy("1.0.0", &["api"]);
    world.environment("prod", &first, json!({})).await;
    let parameter = format!("/sluice-managed/{}", world.application);
    let requires = json!({ "requires": { "parameters": [parameter] } });
    let manifest = json!({ "functions": { "api": { "configuration": requires } } });
    let api = [("api", sluice_tests::world::healthy("1.1.0"))];
    let build = world.build("1.1.0", &api, manifest);
    world.upload(&build).await;
    let ended = world.ended(&world.promotion("prod", "1.1.0")).await;
    ended.is(Outcome::RolledBack);
    let release = world.attempts("1.1.0").await.remove(0);
    world.execution_ended(&release.execution_arn).await;

    let plain = world.ask("1.1.0", json!({})).await.expect("an answer");
    assert_eq!(plain["outcome"], "duplicate", "{plain}");
    world.parameter(&parameter, "there").await;
    let again = world.ask("1.1.0", json!({ "again": true })).await;
    let again = again.expect("a new attempt");
    assert_eq!(
        (&again["outcome"], &again["attempt"]),
        (&json!("started"), &json!(2))
    );
    let ended = world.ended(&world.attempt("prod", "1.1.0", 2)).await;
    ended.is(Outcome::Promoted);
    world.settled("prod", &build, "2").await;
}

/// Migrations of several databases have their server together, and a restore has it alone.
#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_server_is_held_by_several_together_or_by_one_alone() {
    let world = World::new().await;
    let id = |version: &str| -> PromotionId {
        let text = format!("{}/prod/{version}/1", world.application);
        text.parse().expect("an id")
    };
    let (first, second, restore) = (id("1.0.0"), id("2.0.0"), id("3.0.0"));
    let server = format!(
        "server eu-west-1 123456789012 cluster {}",
        world.application
    );
    let (alone, shared) = ([server.clone()], [together(&server)]);
    let store = &world.reader.store;
    for one in [&first, &second, &first] {
        store.acquire(one, &shared).await.expect("together");
    }
    let barred = async |id: &PromotionId, targets: &[String]| {
        let refused = store.acquire(id, targets).await.expect_err("held");
        refused.to_string()
    };
    let said = barred(&restore, &alone).await;
    assert!(said.contains(&world.application), "{said}");
    let holders = store.holders(&server).await.expect("the lock");
    assert_eq!(holders.len(), 2, "{holders:?}");
    store.release(&first).await.expect("released");
    barred(&restore, &alone).await;
    for _ in 0..2 {
        store.release(&second).await.expect("released");
    }
    store.acquire(&restore, &alone).await.expect("alone");
    let said = barred(&first, &shared).await;
    assert!(said.contains(&restore.to_string()), "{said}");
    store.release(&restore).await.expect("released");
    store.acquire(&first, &shared).await.expect("together");
    store.release(&first).await.expect("released");
}
