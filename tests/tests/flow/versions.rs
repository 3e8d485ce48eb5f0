//! What happens to a function's versions before and after they have traffic.

use serde_json::{Value, json};
use sluice_domain::ledger::Kind;
use sluice_domain::promotion::Outcome;
use sluice_tests::World;
use sluice_tests::world::alone;

use crate::faults::{Scene, gated, replace};
use crate::rollback::{released, serves};

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn provisioned_concurrency_is_on_both_versions_while_traffic_moves_and_then_on_the_new_one() {
    let scene = Scene::of(&["api", "worker"], json!({})).await;
    let world = &scene.world;
    world.provision("prod", "api", "1", 3).await;
    let (gate, id) = gated(&scene).await;
    for version in ["1", "2"] {
        assert_eq!(world.provisioned("prod", "api", version).await, Some(3));
    }
    world.open(&gate).await;

    let ended = world.ended(&id).await;
    ended.is(Outcome::Promoted);
    assert_eq!(world.provisioned("prod", "api", "1").await, None);
    assert_eq!(world.provisioned("prod", "api", "2").await, Some(3));
    assert_eq!(world.provisioned("prod", "worker", "2").await, None);
    let kinds = ended.kinds();
    let place = |kind| kinds.iter().position(|found| *found == kind);
    assert!(place(Kind::VersionsWarmed) < place(Kind::TrafficShifted));
    assert!(place(Kind::Committed) < place(Kind::VersionsRetired));
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_version_that_is_taken_back_gives_its_provisioned_concurrency_back() {
    let scene = Scene::of(&["api"], json!({})).await;
    let world = &scene.world;
    world.provision("prod", "api", "1", 3).await;
    let judge = world.stand_in("judge", "raise RuntimeError('harm')").await;
    let harm = |rollout: &mut Value| replace(rollout, "Judge", &judge);
    let (id, _) = scene.promote(harm).await;

    let ended = scene.rolled_back(&id).await;
    let warmed = &ended.entry(Kind::VersionsWarmed).event.facts["functions"]["api"];
    assert_eq!(warmed["provisioned"]["executions"], 3);
    assert_eq!(world.provisioned("prod", "api", "1").await, Some(3));
    assert_eq!(world.provisioned("prod", "api", "2").await, None);
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn an_alias_with_provisioned_concurrency_of_its_own_is_not_split() {
    let scene = Scene::of(&["api"], json!({})).await;
    let world = &scene.world;
    world.provision("prod", "api", "live", 3).await;
    world.upload(&scene.next).await;

    let ended = world.ended(&world.promotion("prod", "1.1.0")).await;
    ended.is(Outcome::Refused);
    let reason = ended.reason();
    assert!(
        reason.contains("provisioned concurrency of its own"),
        "{reason}"
    );
    assert_eq!(world.versions("prod", "api").await, ["1"]);
    assert_eq!(world.alias("prod", "api").await, alone("1"));
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn old_versions_go_and_the_release_of_one_that_is_gone_is_taken_back_all_the_same() {
    const FUNCTIONS: [&str; 2] = ["api", "worker"];
    let world = World::new().await;
    let first = world.healthy("1.0.0", &FUNCTIONS);
    let settings = json!({ "keep_versions": 2, "warm_up": { "invocations": 2 } });
    world.environment("prod", &first, settings).await;
    let builds = ["1.1.0", "1.2.0", "1.3.0"].map(|version| world.healthy(version, &FUNCTIONS));
    released(&world, &builds.each_ref()).await;
    for function in FUNCTIONS {
        // The first is not Sluice's, the second nobody's any more.
        let left = world.versions("prod", function).await;
        assert_eq!(left, ["1", "3", "4"], "{function}");
    }
    let last = world.ended(&world.promotion("prod", "1.3.0")).await;
    let facts = |kind| &last.entry(kind).event.facts["functions"]["api"];
    assert_eq!(facts(Kind::VersionsRetired)["deleted"], json!([2]));
    let calls = json!({ "made": 2, "failed": 0, "error": null });
    assert_eq!(facts(Kind::VersionsWarmed)["calls"], calls);

    let started = world.ask("1.1.0", json!({ "rollback": true })).await;
    started.expect("it starts");
    let back = world.ended(&world.attempt("prod", "1.1.0", 2)).await;
    back.is(Outcome::Promoted);
    serves(&world, "prod", "1.1.0").await;
}
