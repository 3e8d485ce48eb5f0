//! Whatever a function is made of.

use serde_json::json;
use sluice_domain::ledger::Kind;
use sluice_domain::promotion::Outcome;
use sluice_tests::World;
use sluice_tests::world::{alone, in_bash};

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_function_with_a_runtime_of_its_own_is_released_like_any_other() {
    let world = World::new().await;
    let first = world.build("1.0.0", &[("api", in_bash("1.0.0"))], json!({}));
    world
        .create_on("provided.al2023", "prod", "api", &first)
        .await;
    world.create_alias("prod", "api").await;
    world.settings("prod", &first, json!({})).await;
    let test = json!({
        "name": "it answers with its version",
        "function": "api",
        "payload": {},
        "expect": { "json": { "$.version": "1.1.0" } },
    });
    let source = [("api", in_bash("1.1.0"))];
    let next = world.build("1.1.0", &source, json!({ "smoke_tests": [test] }));
    world.upload(&next).await;

    let ended = world.ended(&world.promotion("prod", "1.1.0")).await;
    ended.is(Outcome::Promoted);
    assert_eq!(ended.count(Kind::SmokeTested), 2);
    world.settled("prod", &next, "2").await;
    let alias = format!("{}:live", world.function("prod", "api"));
    let answer = world.invoke_function(&alias, &json!({})).await;
    assert_eq!(answer.expect("an answer")["version"], "1.1.0");
}

/// Nothing invokes the image: an engine may need Docker for that.
#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn an_image_that_is_pushed_is_released_by_its_digest() {
    let world = World::new().await;
    let image = world.push_image("v1.1.0").await;
    let named = json!({ "repository": image.uri, "digest": image.digest });
    let manifest = json!({ "functions": { "api": { "image": named } } });
    let build = world.build("1.1.0", &[], manifest);
    // Nobody knows the application yet: the upload starts nothing.
    world.upload(&build).await;
    let chain = world.release_chain("1.1.0");
    world
        .wait("the refusal of the upload", async || {
            let entries = world.ledger(&chain).await;
            let mut kinds = entries.iter().map(|entry| entry.event.kind);
            kinds.find(|kind| *kind == Kind::ReleaseRefused)
        })
        .await;
    world.create_of_image("prod", "api", &image).await;
    world.settings("prod", &build, json!({})).await;

    let event = world.ecr_event(&image, "v1.1.0");
    let started = world.invoke("IntakeFunction", &event).await;
    let started = started.expect("it starts");
    assert_eq!(started["outcome"], "started", "{started}");
    let again = world.invoke("IntakeFunction", &event).await;
    assert_eq!(again.expect("it says so")["outcome"], "duplicate");
    let ended = world.ended(&world.promotion("prod", "1.1.0")).await;
    let verified = &ended.entry(Kind::BundleVerified).event.facts;
    assert_eq!(verified["images"], 1, "{verified}");
    ended.is(Outcome::Promoted);
    assert_eq!(world.alias("prod", "api").await, alone("1"));
    let release = world.attempts("1.1.0").await.remove(0);
    let by = format!("ecr:{}@{}", image.repository, image.digest);
    assert_eq!(release.requested_by, by);
}
