//! Probes that fail while nobody else calls.

use serde_json::json;
use sluice_domain::ledger::Kind;
use sluice_domain::promotion::Outcome;
use sluice_tests::World;

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_probe_that_fails_three_times_in_a_row_takes_the_version_back() {
    let world = World::new().await;
    let first = world.healthy("1.0.0", &["api"]);
    let wrong = json!({ "name": "answers", "function": "api", "expect": { "json": { "$.version": "9.9.9" } } });
    let right = json!({ "name": "answers at all", "function": "api" });
    let settings = json!({
        "steps": [{ "weight": 50, "bake_seconds": 60 }, { "weight": 100, "bake_seconds": 0 }],
        "judge": {
            "period_seconds": 1,
            "lag_seconds": 0,
            "extend_seconds": 0,
            "on_inconclusive": "advance",
            "probes": [right, wrong],
        },
    });
    world.environment("prod", &first, settings).await;
    let next = world.healthy("1.1.0", &["api"]);
    world.upload(&next).await;

    let ended = world.ended(&world.promotion("prod", "1.1.0")).await;
    ended.is(Outcome::RolledBack);
    world.settled("prod", &next, "1").await;
    let says = |text: &str| assert!(ended.reason().contains(text), "{}", ended.reason());
    says("probe answers failed 3 times in a row");
    says("expected");
    let last = &ended.entry(Kind::VerdictReached).event;
    let signals = last.facts["signals"].as_array().expect("signals");
    let well = signals
        .iter()
        .find(|signal| signal["name"] == "answers at all");
    let rule = well
        .and_then(|signal| signal["rule"].as_str())
        .expect("a rule");
    assert!(rule.starts_with("probe answers at all passed ("), "{rule}");
}
