//! Taking an earlier version back on purpose.

use serde_json::json;
use sluice_domain::ledger::Kind;
use sluice_domain::promotion::Outcome;
use sluice_tests::World;
use sluice_tests::world::{Build, Ended, healthy};

use crate::stopped::baking;

const FUNCTIONS: [&str; 2] = ["api", "worker"];

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn an_earlier_version_is_taken_back_only_where_and_when_it_is_asked_for() {
    let world = World::new().await;
    let first = world.healthy("1.0.0", &FUNCTIONS);
    let order = |order: u32| json!({ "order": order });
    world.environment("dev", &first, order(1)).await;
    world.environment("prod", &first, order(2)).await;
    let old = world.healthy("1.1.0", &FUNCTIONS);
    let new = world.healthy("1.2.0", &FUNCTIONS);
    released(&world, &[&old, &new]).await;
    let refused = world.ask("1.1.0", json!({ "again": true })).await;
    assert_eq!(refused.expect_err("released").name, "AlreadyReleased");

    let back = json!({ "rollback": true, "environments": ["prod"] });
    let started = world.ask("1.1.0", back).await.expect("it starts");
    assert_eq!(started["attempt"], 2, "{started}");
    let ended = world.ended(&world.attempt("prod", "1.1.0", 2)).await;
    ended.is(Outcome::Promoted);
    for (environment, version) in [("dev", "1.2.0"), ("prod", "1.1.0")] {
        serves(&world, environment, version).await;
        world.unlocked(environment, &old).await;
    }
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_bundle_that_was_overwritten_since_is_taken_back_as_it_was_released() {
    let world = World::new().await;
    let first = world.healthy("1.0.0", &FUNCTIONS);
    world.environment("prod", &first, json!({})).await;
    let old = world.healthy("1.1.0", &FUNCTIONS);
    let new = world.healthy("1.2.0", &FUNCTIONS);
    released(&world, &[&old, &new]).await;

    // Somebody builds 1.1.0 once more, of other code, and tidies up after that.
    let other = FUNCTIONS.map(|function| (function, healthy("9.9.9")));
    let rebuilt = world.build("1.1.0", &other, json!({}));
    world.upload(&rebuilt).await;
    let chain = world.release_chain("1.1.0");
    let refused = world
        .wait("the refusal of the upload", async || {
            let entries = world.ledger(&chain).await;
            let mut events = entries.into_iter().map(|entry| entry.event);
            events.find(|event| event.kind == Kind::ReleaseRefused)
        })
        .await;
    assert_eq!(refused.facts["error"], "VersionTaken", "{refused:?}");
    world.delete(&old.key("worker.zip")).await;

    let started = world.ask("1.1.0", json!({ "rollback": true })).await;
    let started = started.expect("it starts");
    let message = started["message"].as_str().unwrap_or_default();
    let expected = format!(
        "is not what attempt 1 released: found one with digest {}",
        rebuilt.bundle.digest()
    );
    assert!(message.contains(&expected), "{message}");
    let ended = world.ended(&world.attempt("prod", "1.1.0", 2)).await;
    ended.is(Outcome::Promoted);
    serves(&world, "prod", "1.1.0").await;
    let before = world.ended(&world.promotion("prod", "1.1.0")).await;
    let pins = |ended: &Ended| ended.entry(Kind::BundleVerified).event.facts["pins"].clone();
    assert_eq!(pins(&ended), pins(&before));
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn traffic_that_is_shifting_is_taken_back_without_sluices_functions() {
    let (world, build, promotion, _) = baking().await;
    // Whoever may call no function of Sluice's has what it takes all the same.
    let person = world.person(&["lambda:InvokeFunction"]).await;
    let command = ["rollback", &world.application, "prod", "--direct"];
    let run = world.sluice(&command).by(&person).run().await;
    run.is(0).says("The ledger does not know of it");
    for function in build.functions() {
        let alias = world.alias("prod", function).await.expect("an alias");
        assert_eq!((alias.version.as_str(), alias.weights.len()), ("1", 0));
    }
    world.ended(&promotion.id).await.is(Outcome::RolledBack);
    world.settled("prod", &build, "1").await;
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn what_had_committed_is_taken_back_directly_from_where_it_was_left() {
    let world = World::new().await;
    let first = world.healthy("1.0.0", &FUNCTIONS);
    world.environment("prod", &first, json!({})).await;
    let command = ["rollback", &world.application, "prod", "--direct", "--json"];
    let nothing = world.sluice(&command).run().await;
    nothing.is(1).says("there is nothing to take back");

    let build = world.healthy("1.1.0", &FUNCTIONS);
    released(&world, &[&build]).await;
    serves(&world, "prod", "1.1.0").await;
    let run = world.sluice(&command).run().await;
    let done = run.is(0).json();
    assert_eq!(done["had_committed"], true, "{done}");
    assert_eq!(done["back"].as_array().map(Vec::len), Some(2), "{done}");
    assert_eq!(done["not_recorded"], json!(null), "{done}");
    serves(&world, "prod", "1.0.0").await;
    let ended = world.ended(&world.promotion("prod", "1.1.0")).await;
    let entry = &ended.entry(Kind::TrafficRolledBack).event;
    assert_eq!(entry.facts["direct"], true, "{entry:?}");

    // Somebody settles it otherwise: what they did stays.
    let other = world.healthy("9.9.9", &FUNCTIONS);
    let version = world.publish("prod", "api", &other).await;
    world.move_alias("prod", "api", &version).await;
    let run = world.sluice(&command).run().await;
    let left = run.is(5).json();
    let left = left["left"][0].as_str().unwrap_or_default().to_owned();
    assert!(
        left.contains(&format!("found version {version}; expected version 2")),
        "{left}"
    );
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn what_never_served_is_no_rollback_whoever_calls_it_one() {
    let world = World::new().await;
    let first = world.healthy("1.0.0", &["api"]);
    let asks = json!({"evidence": {"require": ["tests"]}});
    world.environment("prod", &first, asks).await;
    let build = world.healthy("1.1.0", &["api"]);
    world.upload(&build).await;
    let ended = world.ended(&world.promotion("prod", "1.1.0")).await;
    ended.is(Outcome::Refused);
    let release = world.attempts("1.1.0").await.remove(0);
    world.execution_ended(&release.execution_arn).await;

    let back = json!({ "rollback": true, "environments": ["prod"] });
    let refused = world.ask("1.1.0", back).await;
    assert_eq!(refused.expect_err("no rollback").name, "NeverPromoted");
    assert_eq!(world.attempts("1.1.0").await.len(), 1);
}

/// Releases these builds, one after the other.
pub(crate) async fn released(world: &World, builds: &[&Build]) {
    for build in builds {
        world.upload(build).await;
        let version = build.version().to_string();
        let ended = world.ended(&world.promotion("prod", &version)).await;
        ended.is(Outcome::Promoted);
        let release = world.attempts(&version).await.remove(0);
        world.execution_ended(&release.execution_arn).await;
    }
}

/// Checks which version's code answers callers.
pub(crate) async fn serves(world: &World, environment: &str, version: &str) {
    for function in FUNCTIONS {
        let alias = format!("{}:live", world.function(environment, function));
        let answer = world.invoke_function(&alias, &json!({})).await;
        let found = &answer.expect("an answer")["version"];
        assert_eq!(found, version, "{function} in {environment}");
    }
}
