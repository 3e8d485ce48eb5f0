//! Whose configuration reaches callers: the manifest's, over the function's own.

use serde_json::{Value, json};
use sluice_domain::ledger::Kind;
use sluice_domain::promotion::Outcome;
use sluice_tests::World;
use sluice_tests::world::{Build, Ended, healthy};

const LATEST: &str = "$LATEST";

/// A build of 1.1.0's code, or other code, that configures its function.
fn configured(world: &World, version: &str, code: &str, configuration: &Value) -> Build {
    let manifest = json!({ "functions": { "api": { "configuration": configuration } } });
    world.build(version, &[("api", healthy(code))], manifest)
}

async fn released(world: &World, build: &Build) -> Ended {
    world.upload(build).await;
    let version = build.version().to_string();
    world.ended(&world.promotion("prod", &version)).await
}

/// What the plan told people.
fn planned(ended: &Ended) -> &Value {
    let plan = &ended.entry(Kind::ChangesPlanned).event.facts["plan"];
    &plan["functions"]["api"]["configuration_changes"]
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_version_has_its_manifests_configuration_and_the_function_keeps_its_own() {
    let world = World::new().await;
    let first = world.healthy("1.0.0", &["api"]);
    world.environment("prod", &first, json!({})).await;
    let own = world.configuration("prod", "api", LATEST).await;
    let layer = world.layer(&first, "api").await;
    let named = json!({
        "environment": { "TABLE": "orders" },
        "memory_mb": 256,
        "timeout_seconds": 20,
        "layers": [layer],
    });
    assert_eq!(own["layers"], json!([]), "{own}");

    let next = configured(&world, "1.1.0", "1.1.0", &named);
    let ended = released(&world, &next).await;
    ended.is(Outcome::Promoted);
    let changes = json!([
        "memory: 128 MB -> 256 MB",
        "time-out: 30 s -> 20 s",
        format!("layers: none -> {layer}"),
        "environment variable TABLE: new",
    ]);
    assert_eq!(*planned(&ended), changes);
    for (version, expected) in [("1", &own), ("2", &named), (LATEST, &own)] {
        let found = world.configuration("prod", "api", version).await;
        assert_eq!(found, *expected, "{version}");
    }

    // The same code, configured otherwise: what it leaves out is the function's own.
    let again = configured(&world, "1.2.0", "1.1.0", &json!({ "memory_mb": 512 }));
    let ended = released(&world, &again).await;
    ended.is(Outcome::Promoted);
    world.settled("prod", &again, "3").await;
    let mut expected = own.clone();
    expected["memory_mb"] = json!(512);
    let found = world.configuration("prod", "api", "3").await;
    assert_eq!(found, expected);

    // And the same once more changes nothing.
    let same = configured(&world, "1.3.0", "1.1.0", &json!({ "memory_mb": 512 }));
    released(&world, &same).await.is(Outcome::Promoted);
    world.settled("prod", &same, "3").await;
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn what_a_failed_release_configured_stays_behind_and_what_the_stack_changed_ships() {
    let world = World::new().await;
    let first = world.healthy("1.0.0", &["api"]);
    world.environment("prod", &first, json!({})).await;
    let test = json!({ "name": "another one", "function": "api", "expect": { "json": { "$.version": "9" } } });
    let named = json!({ "memory_mb": 1024, "environment": { "MODE": "broken" } });
    let manifest = json!({
        "functions": { "api": { "configuration": named } },
        "smoke_tests": [test],
    });
    let bad = world.build("1.1.0", &[("api", healthy("1.1.0"))], manifest);
    released(&world, &bad).await.is(Outcome::RolledBack);
    let tried = world.configuration("prod", "api", "2").await;
    assert_eq!(tried["memory_mb"], 1024);

    let own = ("TABLE", "not-for-every-reader");
    world.configure("prod", "api", 256, own).await;
    let good = world.healthy("1.2.0", &["api"]);
    let ended = released(&world, &good).await;
    ended.is(Outcome::Promoted);
    world.settled("prod", &good, "3").await;
    let found = world.configuration("prod", "api", "3").await;
    assert_eq!(found["memory_mb"], 256, "{found}");
    assert_eq!(found["environment"], json!({ own.0: own.1 }));
    let changes = json!([
        "memory: 128 MB -> 256 MB",
        "environment variable TABLE: new"
    ]);
    assert_eq!(*planned(&ended), changes);
    let all: Value = ended.entries.iter().map(|entry| json!(entry)).collect();
    assert!(!all.to_string().contains(own.1), "{all}");
}
