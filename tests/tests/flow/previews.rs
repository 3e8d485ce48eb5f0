//! Previews: branches on aliases of their own beside an environment's releases, and how
//! they go.

use serde_json::{Value, json};
use sluice_domain::ledger::Kind;
use sluice_domain::preview::removal::chain;
use sluice_domain::promotion::Outcome;
use sluice_tests::World;
use sluice_tests::world::{Build, alone, healthy};

/// An application that goes through dev, which takes previews, and prod.
async fn world() -> World {
    let world = World::new().await;
    let first = world.healthy("1.0.0", &["api"]);
    let dev = json!({ "order": 1, "preview": { "branches": ["feature/*"] }, "entry": { "branches": ["main"] } });
    world.environment("dev", &first, dev).await;
    world
        .environment("prod", &first, json!({ "order": 2 }))
        .await;
    world
}

fn of_branch(world: &World, version: &str, branch: &str) -> Build {
    let functions = [("api", healthy(version))];
    world.build(version, &functions, json!({ "branch": branch }))
}

fn preview(world: &World, name: &str, version: &str) -> Build {
    let functions = [("api", healthy(version))];
    let more = json!({ "branch": "feature/lamp", "preview": name });
    world.build(version, &functions, more)
}

/// Releases a preview to its end.
async fn previewed(world: &World, name: &str, version: &str) {
    world.upload(&preview(world, name, version)).await;
    let ended = world.ended(&world.promotion(name, version)).await;
    ended.is(Outcome::Promoted);
    let release = world.attempts(version).await.remove(0);
    assert_eq!(release.environments, [name]);
    world.execution_ended(&release.execution_arn).await;
}

async fn remove(world: &World, name: &str) -> Value {
    let request = json!({"op": "remove", "application": world.application, "preview": name,
        "by": "ada", "reason": "merged"});
    let answer = world.invoke("PreviewFunction", &request).await;
    answer.unwrap_or_else(|error| panic!("{error:?}"))
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn two_previews_live_beside_a_release_and_callers_of_live_never_meet_their_code() {
    let world = world().await;
    previewed(&world, "pr-7", "1.1.0-pr-7.1").await;
    previewed(&world, "pr-8", "1.1.0-pr-8.1").await;
    assert_eq!(world.routing("dev", "api", "live").await, alone("1"));
    assert_eq!(world.routing("dev", "api", "pr-7").await, alone("2"));
    assert_eq!(world.routing("dev", "api", "pr-8").await, alone("3"));

    let build = of_branch(&world, "1.1.0", "main");
    world.upload(&build).await;
    let prod = world.ended(&world.promotion("prod", "1.1.0")).await;
    prod.is(Outcome::Promoted);
    let release = world.attempts("1.1.0").await.remove(0);
    assert_eq!(release.environments, ["dev", "prod"]);
    world.settled("dev", &build, "4").await;
    assert_eq!(world.routing("dev", "api", "pr-7").await, alone("2"));
    assert_eq!(world.routing("prod", "api", "live").await, alone("2"));
    for name in ["pr-7", "pr-8"] {
        assert_eq!(world.routing("prod", "api", name).await, None);
    }
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_preview_is_refreshed_and_removed_and_can_come_again() {
    let world = world().await;
    previewed(&world, "pr-7", "1.1.0-pr-7.1").await;
    let first = world.stored("pr-7").await.expect("its settings");
    previewed(&world, "pr-7", "1.1.0-pr-7.2").await;
    let second = world.stored("pr-7").await.expect("its settings");
    let expiry = |settings: &Value| {
        settings["preview_of"]["expires_at"]
            .as_str()
            .map(str::to_owned)
    };
    assert!(expiry(&first) < expiry(&second), "{first} {second}");
    assert_eq!(world.routing("dev", "api", "pr-7").await, alone("3"));

    let command = ["preview", "list", &world.application];
    let listed = world.sluice(&command).run().await;
    listed.is(0).says("feature/lamp");
    let path = world
        .sluice(&["env", "check", &world.application, "dev"])
        .run()
        .await;
    path.is(0);
    let command = [
        "preview",
        "remove",
        &world.application,
        "pr-7",
        "--reason",
        "merged",
    ];
    let removed = world.sluice(&command).run().await;
    removed.is(0).says("preview pr-7 of");
    assert_eq!(world.routing("dev", "api", "pr-7").await, None);
    assert_eq!(world.routing("dev", "api", "live").await, alone("1"));
    assert_eq!(world.stored("pr-7").await, None);
    let ledger = world.ledger(&chain(&world.application, "pr-7")).await;
    assert_eq!(ledger.len(), 1);
    assert_eq!(ledger[0].event.kind, Kind::PreviewRemoved);
    assert_eq!(ledger[0].event.facts["reason"], "merged");
    let again = world.sluice(&command).run().await;
    again.is(0).says("nothing to remove");

    previewed(&world, "pr-7", "1.1.0-pr-7.3").await;
    assert_eq!(world.routing("dev", "api", "pr-7").await, alone("4"));
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_preview_whose_time_is_over_goes_by_itself_and_the_others_stay() {
    let world = world().await;
    previewed(&world, "pr-7", "1.1.0-pr-7.1").await;
    previewed(&world, "pr-8", "1.1.0-pr-8.1").await;
    let mut expired = world.stored("pr-7").await.expect("its settings");
    expired["preview_of"]["expires_at"] = json!("2026-01-01T00:00:00Z");
    world.write_settings("pr-7", &expired.to_string()).await;
    // Other tests' previews may be due as well.
    let answer = world
        .invoke("PreviewFunction", &json!({ "op": "expire" }))
        .await;
    answer.unwrap_or_else(|error| panic!("{error:?}"));
    assert_eq!(world.stored("pr-7").await, None);
    assert_eq!(world.routing("dev", "api", "pr-7").await, None);
    assert_eq!(world.routing("dev", "api", "pr-8").await, alone("3"));
    assert!(world.stored("pr-8").await.is_some());
    let ledger = world.ledger(&chain(&world.application, "pr-7")).await;
    assert_eq!(ledger[0].event.facts["by"], "expiry");
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_function_that_the_environment_dropped_keeps_no_alias_of_a_preview_and_people_hear_of_its_end()
 {
    let world = World::new().await;
    let first = world.healthy("1.0.0", &["api", "worker"]);
    let takes = json!({ "order": 1, "preview": {} });
    world.environment("dev", &first, takes.clone()).await;
    let version = "1.1.0-pr-7.1";
    let functions = [("api", healthy(version)), ("worker", healthy(version))];
    let build = world.build(version, &functions, json!({ "preview": "pr-7" }));
    world.upload(&build).await;
    let ended = world.ended(&world.promotion("pr-7", version)).await;
    ended.is(Outcome::Promoted);
    world
        .settings("dev", &world.healthy("1.0.0", &["api"]), takes)
        .await;
    previewed(&world, "pr-7", "1.1.0-pr-7.2").await;
    let settings = world.stored("pr-7").await.expect("its settings");
    assert!(settings["functions"]["worker"].is_null(), "{settings}");
    assert_eq!(world.routing("dev", "worker", "pr-7").await, alone("2"));

    let inbox = world.inbox().await;
    let removed = remove(&world, "pr-7").await;
    assert_eq!(
        removed["deleted"].as_array().map(Vec::len),
        Some(2),
        "{removed}"
    );
    for function in ["api", "worker"] {
        assert_eq!(world.routing("dev", function, "pr-7").await, None);
        assert_eq!(world.routing("dev", function, "live").await, alone("1"));
    }
    let (subject, text) = world.told(&inbox, "PreviewRemoved").await;
    assert_eq!(
        subject,
        format!("[pr-7] {}: preview removed", world.application)
    );
    assert!(text.contains("reason: merged"), "{text}");
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn only_previews_are_removed_and_only_previews_go_where_previews_go() {
    let world = world().await;
    let request = json!({"op": "remove", "application": world.application, "preview": "dev",
        "by": "ada", "reason": "merged"});
    let refused = world.invoke("PreviewFunction", &request).await;
    assert_eq!(refused.expect_err("refused").name, "NotAPreview");
    assert_eq!(remove(&world, "pr-9").await["outcome"], "absent");
    assert_eq!(world.routing("dev", "api", "live").await, alone("1"));

    previewed(&world, "pr-7", "1.1.0-pr-7.1").await;
    let command = ["promote", &world.application, "1.1.0-pr-7.1", "prod"];
    let refused = world.sluice(&command).run().await;
    refused.is(6).says("is a build of preview pr-7");
    let settings = world.stored("dev").await.expect("settings");
    let put = ["env", "put", &world.application, "pr-9", "-", "--unchecked"];
    let put = world
        .sluice(&put)
        .with_input(&settings.to_string())
        .run()
        .await;
    put.is(2).says("are those of previews");
}
