//! Test suites on a schedule: against what serves, and apart from any release.

use serde_json::{Value, json};
use sluice_domain::ledger::{Entry, Kind};
use sluice_domain::promotion::Outcome;
use sluice_tests::World;
use sluice_tests::world::{Build, FAILED, PASSED, says};

/// An environment in which 1.1.0 was promoted and that has these suites.
async fn tested(world: &World, suites: Value) -> Build {
    let first = world.healthy("1.0.0", &["api"]);
    let settings = json!({ "suites": suites });
    world.environment("prod", &first, settings).await;
    let next = world.healthy("1.1.0", &["api"]);
    world.upload(&next).await;
    let ended = world.ended(&world.promotion("prod", "1.1.0")).await;
    ended.is(Outcome::Promoted);
    assert_eq!(ended.count(Kind::SuiteRan), 0, "they are no release's");
    next
}

fn scheduled(name: &str, function: &str) -> Value {
    json!({ "name": name, "stage": "scheduled", "function": function })
}

fn chain(world: &World) -> String {
    format!("suites/{}/prod", world.application)
}

/// Has the suites run as a schedule does, and waits for the run's end.
async fn run(world: &World) -> Vec<Entry> {
    let event = json!({ "test": { "application": world.application, "environment": "prod" } });
    let started = world.invoke("IntakeEvents", &event).await;
    let started = started.expect("it starts");
    assert_eq!(started["outcome"], "started", "{started}");
    let chain = chain(world);
    world
        .wait("the end of the run", async || {
            let entries = world.ledger(&chain).await;
            let is_over = |entry: &Entry| entry.event.kind == Kind::SuitesEnded;
            entries.iter().any(is_over).then_some(entries)
        })
        .await
}

fn facts(entries: &[Entry], kind: Kind) -> Vec<&Value> {
    let of = entries.iter().filter(|entry| entry.event.kind == kind);
    of.map(|entry| &entry.event.facts).collect()
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_nightly_run_tests_what_serves_and_touches_nothing() {
    let world = World::new().await;
    let called = "run = event[\"run\"] + \" \" + event[\"functions\"][\"api\"]\n\
                  return {\"report\": \"1..1\\nok 1 - \" + run + \"\\n\"}";
    let orders = world.suite(called).await;
    let page = json!({ "Type": "Pass", "Output": { "report": PASSED }, "End": true });
    let page = world.suite_machine(&page).await;
    let suites = json!([
        scheduled("orders", &orders),
        { "name": "page", "stage": "scheduled", "state_machine": page },
    ]);
    let build = tested(&world, suites).await;
    let entries = run(&world).await;
    let ran = facts(&entries, Kind::SuiteRan);
    let names: Vec<&Value> = ran.iter().map(|facts| &facts["suite"]).collect();
    assert_eq!(names, ["orders", "page"], "{entries:?}");
    let [end] = facts(&entries, Kind::SuitesEnded)[..] else {
        panic!("one run, one end: {entries:?}");
    };
    assert_eq!(end["outcome"], "passed", "{end}");
    assert_eq!(
        end["promotion"],
        world.promotion("prod", "1.1.0").to_string()
    );
    world.settled("prod", &build, "2").await;
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_nightly_run_that_fails_is_told_with_all_that_failed_and_rolls_nothing_back() {
    let world = World::new().await;
    let broken = world.suite(&says(FAILED)).await;
    let suites = json!([scheduled("orders", &broken), scheduled("prices", &broken)]);
    let build = tested(&world, suites).await;
    let inbox = world.inbox().await;
    let entries = run(&world).await;
    let [end] = facts(&entries, Kind::SuitesEnded)[..] else {
        panic!("one run, one end: {entries:?}");
    };
    assert_eq!(end["outcome"], "failed", "{end}");
    let (_, told) = world.told(&inbox, "SuitesEnded").await;
    for part in [
        "suite `orders`: 1 of 2 tests failed",
        "suite `prices`: ",
        "cancels an order",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    world.settled("prod", &build, "2").await;
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_nightly_run_that_somebody_stops_is_told_as_one_that_failed() {
    let world = World::new().await;
    let hangs = json!({ "Type": "Wait", "Seconds": 3_600, "End": true });
    let page = world.suite_machine(&hangs).await;
    let suites = json!([{ "name": "page", "stage": "scheduled", "state_machine": page }]);
    let build = tested(&world, suites).await;
    let inbox = world.inbox().await;
    let event = json!({ "test": { "application": world.application, "environment": "prod" } });
    let started = world
        .invoke("IntakeEvents", &event)
        .await
        .expect("it starts");
    let execution = started["execution_arn"].as_str().expect("its execution");
    world
        .wait("the suite that hangs", async || {
            let states = world.entered(execution).await;
            states
                .iter()
                .any(|state| state == "RunStateMachine")
                .then_some(())
        })
        .await;
    world.stop(execution).await;
    let (_, told) = world.told(&inbox, "SuitesEnded").await;
    assert!(told.contains("the run broke off: ABORTED"), "{told}");
    world.settled("prod", &build, "2").await;
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn where_nothing_was_promoted_a_nightly_run_is_set_aside_with_the_reason() {
    let world = World::new().await;
    let suite = world.suite(&says(FAILED)).await;
    let first = world.healthy("1.0.0", &["api"]);
    let settings = json!({ "suites": [scheduled("orders", &suite)] });
    world.environment("prod", &first, settings).await;
    let entries = run(&world).await;
    assert_eq!(facts(&entries, Kind::SuiteRan).len(), 0);
    let end = facts(&entries, Kind::SuitesEnded)[0];
    assert_eq!(end["outcome"], "set_aside", "{end}");
    assert_eq!(end["reason"], "nothing was promoted to prod yet", "{end}");
}
