//! Bad input gets a clear error; nothing is lost or started.

use serde_json::{Value, json};
use sluice_cli::upload::Uploader;
use sluice_domain::ledger::Kind;
use sluice_domain::promotion::Outcome;
use sluice_tests::world::{Build, Ended};
use sluice_tests::{World, text};

/// An application that serves version 1 in prod.
async fn serving() -> (World, Build) {
    let world = World::new().await;
    let first = world.healthy("1.0.0", &["api"]);
    world.environment("prod", &first, json!({})).await;
    (world, first)
}

/// The names of the errors that a chain of the ledger has refusals for.
async fn refusals(world: &World, chain: &str) -> Vec<Value> {
    let entries = world.ledger(chain).await;
    entries
        .into_iter()
        .filter(|entry| entry.event.kind == Kind::ReleaseRefused)
        .map(|entry| entry.event.facts["error"].clone())
        .collect()
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_malformed_event_is_refused_and_recorded() {
    let world = World::new().await;
    let event: Value = serde_json::from_str(&text("events/intake/malformed.json")).expect("JSON");
    let refused = world.invoke("IntakeEvents", &event).await;
    let refused = refused.expect_err("it names no object");
    assert_eq!(refused.name, "InvalidEvent");
    assert!(refused.message.contains("key"), "{}", refused.message);
    let recorded = refusals(&world, "release/unknown").await;
    assert!(recorded.contains(&json!("InvalidEvent")), "{recorded:?}");
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn an_unknown_application_is_refused_and_can_be_released_once_it_is_known() {
    let world = World::new().await;
    let inbox = world.inbox().await;
    let build = world.healthy("1.0.0", &["api"]);
    world.upload(&build).await;
    let (_, told) = world.told(&inbox, "ReleaseRefused").await;
    assert!(told.contains("UnknownApplication"), "{told}");
    let refused = world.ask("1.0.0", json!({})).await;
    assert_eq!(refused.expect_err("no settings").name, "UnknownApplication");
    assert_eq!(world.attempts("1.0.0").await, []);

    let before = world.healthy("0.9.0", &["api"]);
    world.environment("prod", &before, json!({})).await;
    let started = world.ask("1.0.0", json!({})).await.expect("it is known");
    assert_eq!(started["outcome"], "started", "{started}");
    let ended = world.ended(&world.promotion("prod", "1.0.0")).await;
    ended.is(Outcome::Promoted);
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_manifest_that_is_none_is_refused_with_its_field() {
    let (world, first) = serving().await;
    let key = format!("{}/1.1.0/release.json", world.application);
    world
        .put(&key, br#"{ "schema": 1, "verison": "1.1.0" }"#)
        .await;
    let refused = world.invoke("IntakeEvents", &world.s3_event(&key)).await;
    let refused = refused.expect_err("it is misspelled");
    assert_eq!(refused.name, "InvalidManifest");
    assert!(refused.message.contains("verison"), "{}", refused.message);
    let recorded = refusals(&world, &world.release_chain("1.1.0")).await;
    assert!(recorded.contains(&json!("InvalidManifest")), "{recorded:?}");
    assert_eq!(world.attempts("1.1.0").await, []);
    world.settled("prod", &first, "1").await;
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn invalid_settings_are_refused_and_nothing_starts() {
    let (world, first) = serving().await;
    world
        .write_settings("prod", r#"{ "schema": 1, "order": 1 }"#)
        .await;
    let build = world.healthy("1.1.0", &["api"]);
    world.upload(&build).await;
    let refused = world.ask("1.1.0", json!({})).await;
    let refused = refused.expect_err("the settings name no functions");
    assert_eq!(refused.name, "InvalidSettings");
    assert!(refused.message.contains("functions"), "{}", refused.message);
    let recorded = refusals(&world, &world.release_chain("1.1.0")).await;
    assert!(recorded.contains(&json!("InvalidSettings")), "{recorded:?}");
    assert_eq!(world.attempts("1.1.0").await, []);
    world.settled("prod", &first, "1").await;
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_bundle_without_one_of_its_artifacts_is_refused_with_its_key() {
    let (world, _) = serving().await;
    let mut build = world.healthy("1.1.0", &["api"]);
    build.bundle.files.clear();
    let ended = refused(&world, &build).await;
    assert!(
        ended.reason().contains("1.1.0/api.zip"),
        "{}",
        ended.reason()
    );
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn an_artifact_with_another_digest_is_refused_with_both() {
    let (world, _) = serving().await;
    let mut build = world.healthy("1.1.0", &["api"]);
    let other = world.healthy("6.6.6", &["api"]).bundle.files;
    let found = sluice_domain::digest::Digest::of(&other["api.zip"]);
    build.bundle.files = other;
    let ended = refused(&world, &build).await;
    let reason = ended.reason();
    assert!(reason.contains("api.zip"), "{reason}");
    assert!(reason.contains(&found.to_string()), "{reason}");
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn an_error_is_answered_also_where_nobody_waits_under_the_token() {
    let world = World::new().await;
    let id = world.promotion("prod", "1.1.0");
    let acquire = json!({ "op": "acquire", "promotion": id, "task_token": "used" });
    let refused = world.invoke("GuardFunction", &acquire).await;
    let refused = refused.expect_err("it has no plan");
    assert_eq!(refused.name, "NotFound");
    assert!(refused.message.contains("plan"), "{}", refused.message);
}

/// Uploads a build, and checks that it is refused before anything is touched.
async fn refused(world: &World, build: &Build) -> Ended {
    Uploader::new(&world.config, world.bucket())
        .send(&build.bundle)
        .await
        .expect("uploaded");
    let ended = world.ended(&world.promotion("prod", "1.1.0")).await;
    ended.is(Outcome::Refused);
    assert!(!ended.kinds().contains(&Kind::BundleVerified));
    world.settled("prod", build, "1").await;
    assert_eq!(world.versions("prod", "api").await, ["1"]);
    ended
}
