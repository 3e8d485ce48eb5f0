//! Real callers on both versions, and a judge that counts.

use std::sync::Arc;

use serde_json::json;
use sluice_domain::ledger::Kind;
use sluice_domain::promotion::Outcome;
use sluice_local::load::{Load, Plan, Target};
use sluice_tests::World;
use sluice_tests::world::{ALIAS, failing};

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_version_that_fails_every_fifth_call_is_taken_back_in_its_first_step() {
    let world = World::new().await;
    let first = world.healthy("1.0.0", &["api"]);
    let settings = json!({
        "steps": [{ "weight": 50, "bake_seconds": 120 }, { "weight": 100, "bake_seconds": 1 }],
        "judge": {
            "period_seconds": 1,
            "lag_seconds": 1,
            "min_invocations": 20,
            "confidence": 0.95,
            "extend_seconds": 0,
            "errors": { "max_increase": 0.1 },
        },
    });
    world.environment("prod", &first, settings).await;
    let load = Load::start(
        &world.door(),
        Plan {
            targets: vec![Target::new(world.function("prod", "api"), ALIAS)],
            per_second: 30,
            concurrency: 32,
            seed: 1,
            payload: Arc::new(|_, call, _| json!({ "n": call })),
        },
    )
    .expect("callers");
    let next = world.build("1.1.0", &[("api", failing("1.1.0", 5))], json!({}));
    world.upload(&next).await;

    let ended = world.ended(&world.promotion("prod", "1.1.0")).await;
    load.stop().await;
    ended.is(Outcome::RolledBack);
    world.settled("prod", &next, "1").await;
    let shifts = ended.kinds();
    let shifts = shifts.iter().filter(|kind| **kind == Kind::TrafficShifted);
    assert_eq!(shifts.count(), 1);
    let verdict = &ended.entry(Kind::VerdictReached).event.facts;
    assert_eq!(verdict["outcome"], "fail", "{verdict}");
    assert_eq!(verdict["step"], 0, "{verdict}");
    let rule = verdict["rule"].as_str().expect("a rule");
    assert!(ended.reason().contains(rule), "{}", ended.reason());
}
