//! What must be so for a release to go on: asked before it begins and before each step.

use serde_json::{Value, json};
use sluice_domain::ledger::Kind;
use sluice_domain::promotion::{Outcome, PromotionId};
use sluice_tests::World;
use sluice_tests::world::Build;

/// Releases 1.1.0 into an environment with these guards, in two steps.
async fn released(world: &World, guards: Value) -> (Build, PromotionId) {
    let first = world.healthy("1.0.0", &["api"]);
    let steps = json!([{ "weight": 50, "bake_seconds": 5 }, { "weight": 100, "bake_seconds": 0 }]);
    let settings = json!({ "steps": steps, "guards": guards });
    world.environment("prod", &first, settings).await;
    let build = world.healthy("1.1.0", &["api"]);
    world.upload(&build).await;
    (build, world.promotion("prod", "1.1.0"))
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn an_alarm_that_is_up_keeps_a_release_out() {
    let world = World::new().await;
    let alarm = world.alarm().await;
    world.raise(&alarm, true).await;
    let (build, id) = released(&world, json!({ "alarms": [alarm] })).await;
    let ended = world.ended(&id).await;
    ended.is(Outcome::Refused);
    let reason = ended.reason();
    assert!(reason.starts_with("AlarmRaised: "), "{reason}");
    assert!(reason.contains(&alarm), "{reason}");
    world.settled("prod", &build, "1").await;
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn an_alarm_that_goes_up_takes_a_rollout_back_before_its_next_step() {
    let world = World::new().await;
    let alarm = world.alarm().await;
    world.raise(&alarm, false).await;
    let (build, id) = released(&world, json!({ "alarms": [alarm] })).await;
    world.happened(&id, Kind::TrafficShifted).await;
    world.raise(&alarm, true).await;
    let ended = world.ended(&id).await;
    ended.is(Outcome::RolledBack);
    let reason = ended.reason();
    assert!(reason.starts_with("AlarmRaised: "), "{reason}");
    let said = &ended.entry(Kind::TargetsAcquired).event.facts["guards"];
    assert_eq!(said[0]["state"], "clear", "{said}");
    world.settled("prod", &build, "1").await;
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn an_incident_stops_the_line_and_its_end_lets_a_new_attempt_in() {
    let world = World::new().await;
    let flag = world.incident_parameter();
    let budget = json!({ "objective": 0.99 });
    let guards = json!({ "incident_parameter": flag, "error_budget": budget });
    let (build, id) = released(&world, guards).await;
    world.happened(&id, Kind::TrafficShifted).await;
    world.parameter(&flag, "payments are down").await;
    let ended = world.ended(&id).await;
    ended.is(Outcome::RolledBack);
    let reason = ended.reason();
    assert!(reason.starts_with("IncidentOpen: "), "{reason}");
    assert!(reason.contains("payments are down"), "{reason}");
    world.settled("prod", &build, "1").await;

    world.overwrite_parameter(&flag, "closed").await;
    world.released("1.1.0").await;
    let again = world.ask("1.1.0", json!({ "again": true })).await;
    assert_eq!(again.expect("a new attempt")["attempt"], 2);
    let ended = world.ended(&world.attempt("prod", "1.1.0", 2)).await;
    ended.is(Outcome::Promoted);
    // Nobody calls this function: that is shown, and is no reason to keep it out.
    let said = &ended.entry(Kind::ChangesPlanned).event.facts["guards"];
    assert_eq!(said[1]["state"], "unknown", "{said}");
}
