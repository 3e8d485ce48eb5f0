//! What operators ask while a rollout runs, and steps that wait for a person.

use serde_json::{Value, json};
use sluice_domain::ledger::Kind;
use sluice_domain::promotion::{Outcome, PromotionId};
use sluice_tests::World;
use sluice_tests::world::{Build, alone};

/// A promotion of 1.1.0 that has taken the first of these steps.
async fn shifting(steps: Value) -> (World, Build, PromotionId) {
    shifting_by(json!({ "steps": steps })).await
}

/// A promotion of 1.1.0 that has taken the first step of these settings.
async fn shifting_by(settings: Value) -> (World, Build, PromotionId) {
    let world = World::new().await;
    let first = world.healthy("1.0.0", &["api"]);
    world.environment("prod", &first, settings).await;
    let next = world.healthy("1.1.0", &["api"]);
    world.upload(&next).await;
    let id = world.promotion("prod", "1.1.0");
    world.happened(&id, Kind::TrafficShifted).await;
    (world, next, id)
}

/// Asks something of a promotion, as a person does.
async fn ask(world: &World, command: &str, id: &PromotionId) -> Value {
    let id = id.to_string();
    let asked = [command, &id, "--reason", "the fair", "--json"];
    world.sluice(&asked).run().await.is(0).json()
}

/// The steps that were taken, from 0.
async fn taken(world: &World, id: &PromotionId) -> Vec<Value> {
    let entries = world.ledger(&id.to_string()).await;
    let shifts = entries.into_iter().map(|entry| entry.event);
    let shifts = shifts.filter(|event| event.kind == Kind::TrafficShifted);
    shifts.map(|event| event.facts["step"].clone()).collect()
}

/// Waits for a look after this one that says who decided, and answers it.
async fn looked(world: &World, id: &PromotionId, after: u64, because: &str) -> Value {
    world
        .wait(&format!("a look because of {because}"), async || {
            let entries = world.ledger(&id.to_string()).await;
            let mut looks = entries.into_iter().map(|entry| entry.event);
            let found = looks.find(|event| {
                let facts = &event.facts;
                let says = facts["because"].as_str().unwrap_or_default();
                event.kind == Kind::VerdictReached
                    && says.starts_with(because)
                    && facts["look"].as_u64() > Some(after)
            });
            found.map(|event| event.facts)
        })
        .await
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_presets_steps_are_taken_and_their_bakes_can_be_skipped_one_by_one() {
    let preset = "CodeDeployDefault.LambdaCanary10Percent5Minutes";
    let (world, next, id) = shifting(json!(preset)).await;
    ask(&world, "skip-bake", &id).await;
    world
        .wait("the last step", async || {
            (taken(&world, &id).await.len() == 2).then_some(())
        })
        .await;
    ask(&world, "skip-bake", &id).await;

    let ended = world.ended(&id).await;
    ended.is(Outcome::Promoted);
    world.settled("prod", &next, "2").await;
    let planned = world.reader.record(&id).await.expect("a record");
    let steps = planned
        .and_then(|record| record.plan)
        .expect("a plan")
        .steps;
    let bakes: Vec<(f64, u64)> = steps
        .iter()
        .map(|step| (step.weight, step.bake_seconds))
        .collect();
    assert_eq!(bakes, [(10.0, 300), (100.0, 1800)]);
    assert_eq!(ended.count(Kind::OperatorAsked), 2);
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_paused_rollout_stays_and_is_judged_until_it_is_resumed() {
    let steps = json!([{ "weight": 50, "bake_seconds": 6 }, { "weight": 100, "bake_seconds": 0 }]);
    let (world, next, id) = shifting(steps).await;
    let noted = ask(&world, "pause", &id).await;
    assert_eq!(noted["is_new"], true, "{noted}");
    assert_eq!(ask(&world, "pause", &id).await["is_new"], false);
    let held = looked(&world, &id, 8, "pause, asked by ").await;
    assert_eq!(held["next"], "bake", "{held}");
    assert_eq!(taken(&world, &id).await, [json!(0)]);
    let status = world.sluice(&["status", &world.application]).run().await;
    status.is(0).says("pause, asked by ").says(": the fair");
    let name = id.to_string();
    let hurry = ["promote-now", &name, "--reason", "the fair"];
    let refused = world.sluice(&hurry).run().await;
    refused
        .is(6)
        .says("ControlRefused")
        .says("`sluice resume` first");

    ask(&world, "resume", &id).await;
    let ended = world.ended(&id).await;
    ended.is(Outcome::Promoted);
    world.settled("prod", &next, "2").await;
    assert_eq!(ended.count(Kind::OperatorAsked), 2);
    let history = ["history", "--promotion", &name];
    let history = world.sluice(&history).run().await;
    history.is(0).says("resume, asked by ");
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn promote_now_takes_the_last_step_next_and_that_one_is_still_watched() {
    let steps = json!([
        { "weight": 10, "bake_seconds": 600 },
        { "weight": 50, "bake_seconds": 600 },
        { "weight": 100, "bake_seconds": 2 },
    ]);
    let (world, next, id) = shifting(steps).await;
    ask(&world, "promote-now", &id).await;

    let ended = world.ended(&id).await;
    ended.is(Outcome::Promoted);
    world.settled("prod", &next, "2").await;
    assert_eq!(taken(&world, &id).await, [json!(0), json!(2)]);
    let last = &ended.entry(Kind::VerdictReached).event.facts;
    assert_eq!((&last["step"], &last["because"]), (&json!(2), &Value::Null));
    let asked = &ended.entry(Kind::OperatorAsked).event;
    assert!(asked.actor.contains("arn:aws:"), "{asked:?}");
    assert_eq!(asked.facts["reason"], "the fair");
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn in_an_emergency_every_bake_but_the_first_is_skipped() {
    let steps = json!([
        { "weight": 10, "bake_seconds": 6 },
        { "weight": 50, "bake_seconds": 600 },
        { "weight": 100, "bake_seconds": 600 },
    ]);
    let (world, next, id) = shifting(steps).await;
    ask(&world, "emergency", &id).await;

    let ended = world.ended(&id).await;
    ended.is(Outcome::Promoted);
    world.settled("prod", &next, "2").await;
    let because = |step: u64| {
        let looks = ended.entries.iter().map(|entry| &entry.event);
        let looks = looks.filter(|event| event.kind == Kind::VerdictReached);
        let of_step: Vec<&Value> = looks
            .map(|event| &event.facts)
            .filter(|facts| facts["step"] == step)
            .collect();
        let last = of_step.last().expect("a look");
        (of_step.len(), last["because"].clone())
    };
    let (first, (second, why)) = (because(0), because(1));
    assert!(
        first.0 > 1 && first.1.is_null(),
        "the first step bakes: {first:?}"
    );
    assert!(second <= 4, "its bake was skipped: {second} looks");
    assert!(
        why.as_str()
            .is_some_and(|why| why.starts_with("emergency mode, asked by ")),
        "{why}"
    );
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_switch_that_waits_for_a_person_sends_nobody_before_the_go() {
    let shape = json!({ "blue_green": { "then": "pause", "final_bake_seconds": 0 } });
    let (world, next, id) = shifting(shape).await;
    let awaited = world.happened(&id, Kind::PersonAwaited).await;
    assert_eq!(awaited.event.facts["weight"], 0.0);
    assert_eq!(world.alias("prod", "api").await, alone("1"));
    ask(&world, "resume", &id).await;

    world.ended(&id).await.is(Outcome::Promoted);
    world.settled("prod", &next, "2").await;
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_step_that_nobody_calls_is_left_to_a_person_where_the_settings_say_so() {
    let settings = json!({
        "steps": [{ "weight": 50, "bake_seconds": 2 }, { "weight": 100, "bake_seconds": 0 }],
        "judge": {
            "period_seconds": 1,
            "lag_seconds": 0,
            "extend_seconds": 2,
            "on_inconclusive": "pause",
        },
    });
    let (world, next, id) = shifting_by(settings).await;
    let awaited = world.happened(&id, Kind::PersonAwaited).await.event.facts;
    assert_eq!(awaited["weight"], 50.0, "{awaited}");
    let why = "the settings leave what stays undecided to a person: `sluice resume`";
    assert_eq!(awaited["because"], why, "{awaited}");
    assert_eq!(taken(&world, &id).await, [json!(0)]);
    ask(&world, "resume", &id).await;

    let ended = world.ended(&id).await;
    ended.is(Outcome::Promoted);
    world.settled("prod", &next, "2").await;
    assert_eq!(ended.count(Kind::PersonAwaited), 1);
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn an_operator_stops_the_line_and_lets_it_go_on() {
    let world = World::new().await;
    let first = world.healthy("1.0.0", &["api"]);
    world.environment("prod", &first, json!({})).await;
    let place = format!("{}/prod", world.application);
    let freeze = ["freeze", &place, "--reason", "the fair"];
    world.sluice(&freeze).run().await.is(0);
    world
        .sluice(&freeze)
        .run()
        .await
        .is(6)
        .says("is frozen already, by ");
    let next = world.healthy("1.1.0", &["api"]);
    world.upload(&next).await;
    let refused = world.ended(&world.promotion("prod", "1.1.0")).await;
    refused.is(Outcome::Refused);
    assert!(
        refused.reason().contains("the fair"),
        "{}",
        refused.reason()
    );

    world.sluice(&["unfreeze", &place]).run().await.is(0);
    world
        .sluice(&["unfreeze", &place])
        .run()
        .await
        .is(6)
        .says("is not frozen");
    world.released("1.1.0").await;
    let again = world.ask("1.1.0", json!({ "again": true })).await;
    again.expect("another attempt");
    let ended = world.ended(&world.attempt("prod", "1.1.0", 2)).await;
    ended.is(Outcome::Promoted);
}
