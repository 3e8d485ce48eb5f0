//! Real callers on both versions, and a judge that counts.

use std::sync::Arc;

use serde_json::json;
use sluice_domain::ledger::Kind;
use sluice_domain::promotion::Outcome;
use sluice_local::load::{Load, Plan, Target};
use sluice_tests::World;
use sluice_tests::world::{ALIAS, failing};

/// A judge that looks every second.
fn impatient(steps: &serde_json::Value) -> serde_json::Value {
    json!({
        "steps": steps,
        "judge": {
            "period_seconds": 1,
            "lag_seconds": 1,
            "min_invocations": 20,
            "confidence": 0.95,
            "extend_seconds": 0,
            "errors": { "max_increase": 0.1 },
        },
    })
}

/// Calls of the alias at this rate, until they are stopped.
fn callers(world: &World, per_second: u32) -> Load {
    let plan = Plan {
        targets: vec![Target::new(world.function("prod", "api"), ALIAS)],
        per_second,
        concurrency: 32,
        seed: 1,
        payload: Arc::new(|_, call, _| json!({ "n": call })),
    };
    Load::start(&world.door(), plan).expect("callers")
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_version_that_fails_every_fifth_call_is_taken_back_in_its_first_step() {
    let world = World::new().await;
    let first = world.healthy("1.0.0", &["api"]);
    let settings = impatient(&json!([
        { "weight": 50, "bake_seconds": 120 }, { "weight": 100, "bake_seconds": 2 },
    ]));
    world.environment("prod", &first, settings).await;
    let load = callers(&world, 30);
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

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_healthy_version_passes_each_step_by_what_its_callers_met() {
    let world = World::new().await;
    let first = world.healthy("1.0.0", &["api"]);
    let weights = [10.0, 50.0, 100.0];
    let settings = json!({
        "steps": weights.map(|weight| json!({ "weight": weight, "bake_seconds": 2 })),
        "judge": {
            "period_seconds": 1,
            "lag_seconds": 1,
            "min_invocations": 10,
            "confidence": 0.9,
            "extend_seconds": 120,
            "on_inconclusive": "roll_back",
            "errors": { "fail_above": 0.6, "max_increase": 0.6, "sustained": null },
            "latency": [],
        },
    });
    world.environment("prod", &first, settings).await;
    let load = callers(&world, 40);
    let next = world.healthy("1.1.0", &["api"]);
    world.upload(&next).await;

    let ended = world.ended(&world.promotion("prod", "1.1.0")).await;
    load.stop().await;
    ended.is(Outcome::Promoted);
    world.settled("prod", &next, "2").await;
    let verdicts = ended.entries.iter().filter(|entry| {
        entry.event.kind == Kind::VerdictReached && entry.event.facts["next"] == "advance"
    });
    let passed: Vec<_> = verdicts.map(|entry| &entry.event.facts).collect();
    assert_eq!(passed.len(), weights.len(), "{passed:#?}");
    for (verdict, weight) in passed.into_iter().zip(weights) {
        assert_eq!(verdict["weight"], weight, "{verdict}");
        assert_eq!(verdict["outcome"], "pass", "{verdict}");
        let counts = &verdict["functions"]["api"];
        let counted = |version: &str| counts[version]["invocations"].as_f64();
        assert!(counted("canary") >= Some(10.0), "{verdict}");
        assert_eq!(counted("baseline") > Some(0.0), weight < 100.0, "{verdict}");
        assert_eq!(counts["canary"]["errors"], 0.0, "{verdict}");
    }
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_rollout_that_somebody_else_drives_is_judged_and_left_alone() {
    let world = World::new().await;
    let first = world.healthy("1.0.0", &["api"]);
    let steps =
        json!([{ "weight": 50, "bake_seconds": 120 }, { "weight": 100, "bake_seconds": 60 }]);
    world.environment("prod", &first, impatient(&steps)).await;
    let load = callers(&world, 30);
    let command = ["observe", &world.application, "prod", "--json"];
    let mut observing = world.sluice(&command).start();
    observing.says("looking on").await;
    let bad = world.build("1.1.0", &[("api", failing("1.1.0", 5))], json!({}));
    let version = world.publish("prod", "api", &bad).await;
    world.share_alias("prod", "api", &version, 0.5).await;

    observing.says("  fail  ").await;
    let alias = world.alias("prod", "api").await.expect("an alias");
    assert_eq!(alias.weights.get(&version), Some(&0.5), "left as it is");
    world.move_alias("prod", "api", "1").await;
    let run = observing.ended().await;
    load.stop().await;
    let document = run.is(3).json();
    assert_eq!(document["end"], "taken_back", "{document}");
    assert_eq!(document["outcome"], "fail", "{document}");
    assert!(
        document["would_have_rolled_back_at"].is_string(),
        "{document}"
    );
}
