//! Test suites of an environment: before traffic, after it, and what they report.

use serde_json::{Value, json};
use sluice_domain::ledger::Kind;
use sluice_domain::promotion::Outcome;
use sluice_tests::World;
use sluice_tests::world::{Ended, FAILED, PASSED, says};

/// Releases 1.1.0 into an environment with these suites.
async fn release(world: &World, suites: Value) -> Ended {
    let first = world.healthy("1.0.0", &["api"]);
    let settings = json!({ "suites": suites });
    world.environment("prod", &first, settings).await;
    let next = world.healthy("1.1.0", &["api"]);
    world.upload(&next).await;
    let ended = world.ended(&world.promotion("prod", "1.1.0")).await;
    let version = match ended.promotion.outcome {
        Some(Outcome::Promoted) => "2",
        _ => "1",
    };
    world.settled("prod", &next, version).await;
    ended
}

fn function(name: &str, stage: &str, function: &str) -> Value {
    json!({ "name": name, "stage": stage, "function": function })
}

fn machine(name: &str, stage: &str, arn: &str) -> Value {
    json!({ "name": name, "stage": stage, "state_machine": arn })
}

/// A state machine's one state, which answers this.
fn answers(output: &Value) -> Value {
    json!({ "Type": "Pass", "Output": output, "End": true })
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn suites_that_pass_at_both_stages_let_a_release_through() {
    let world = World::new().await;
    let orders = world.suite(&says(PASSED)).await;
    let page = world
        .suite_machine(&answers(&json!({ "report": PASSED })))
        .await;
    let suites = json!([
        machine("page", "live", &page),
        function("orders", "new", &orders),
        machine("prices", "new", &page),
    ]);
    let ended = release(&world, suites).await;
    ended.is(Outcome::Promoted);
    let mut ran = ended.entries.iter();
    let shifted = ran.position(|entry| entry.event.kind == Kind::TrafficShifted);
    let place = |suite: &str| {
        let mut entries = ended.entries.iter();
        entries.position(|entry| {
            entry.event.kind == Kind::SuiteRan && entry.event.facts["suite"] == suite
        })
    };
    assert!(
        place("orders") < place("prices"),
        "in the order of the settings"
    );
    assert!(place("prices") < shifted && shifted < place("page"));
    let facts = &ended.entry(Kind::SuiteRan).event.facts;
    assert_eq!(
        (&facts["passed"], &facts["problem"]),
        (&json!(1), &Value::Null),
        "{facts}"
    );
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_suite_that_fails_before_traffic_keeps_a_release_from_every_caller() {
    let world = World::new().await;
    let suite = world.suite(&says(FAILED)).await;
    let ended = release(&world, json!([function("orders", "new", &suite)])).await;
    ended.is(Outcome::RolledBack);
    assert_eq!(ended.count(Kind::TrafficShifted), 0);
    let said = "SuiteFailed: suite `orders` at stage new: 1 of 2 tests failed: `cancels an order`";
    assert!(ended.reason().contains(said), "{}", ended.reason());
    let facts = &ended.entry(Kind::SuiteRan).event.facts;
    assert_eq!(
        (&facts["passed"], &facts["failed"]),
        (&json!(1), &json!(1)),
        "{facts}"
    );
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_suite_is_told_the_exact_version_before_any_caller_reaches_it() {
    let world = World::new().await;
    let body = "name = event[\"run\"] + \" of \" + event[\"functions\"][\"api\"] + event[\"payload\"]\n\
                return {\"report\": \"not ok 1 - \" + name + \"\\n1..1\\n\"}";
    let suite = world.suite(body).await;
    let mut written = function("orders", "new", &suite);
    written["payload"] = json!("!");
    let ended = release(&world, json!([written])).await;
    ended.is(Outcome::RolledBack);
    let run = format!("{}/new/orders", ended.promotion.id);
    let told = format!("{run} of {}:2!", world.arn("prod", "api"));
    assert!(ended.reason().contains(&told), "{}", ended.reason());
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_state_machine_that_fails_after_traffic_has_it_taken_back() {
    let world = World::new().await;
    let end = json!({ "Type": "Fail", "Error": "Flaky", "Cause": "the browser is gone" });
    let suite = world.suite_machine(&end).await;
    let ended = release(&world, json!([machine("page", "live", &suite)])).await;
    ended.is(Outcome::RolledBack);
    assert_eq!(ended.count(Kind::TrafficShifted), 1);
    let says = |text: &str| assert!(ended.reason().contains(text), "{}", ended.reason());
    says("suite `page` at stage live: its run failed: ");
    says("the browser is gone");
    says("its answer has no report");
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_suite_that_does_not_end_in_its_time_is_not_waited_for() {
    let world = World::new().await;
    let hangs = json!({ "Type": "Wait", "Seconds": 3_600, "End": true });
    let arn = world.suite_machine(&hangs).await;
    let mut suite = machine("page", "new", &arn);
    suite["timeout_seconds"] = json!(1);
    let ended = release(&world, json!([suite])).await;
    ended.is(Outcome::RolledBack);
    assert_eq!(ended.count(Kind::TrafficShifted), 0);
    let said = format!(
        "SuiteTimedOut: suite `page` at stage new: its run timed out: {arn} ran for 1 s and"
    );
    assert!(ended.reason().contains(&said), "{}", ended.reason());
    let facts = &ended.entry(Kind::SuiteRan).event.facts;
    assert_eq!(facts["timed_out_after_seconds"], 1, "{facts}");
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_suite_that_reports_nothing_has_not_passed() {
    let world = World::new().await;
    let suite = world.suite("return {\"passed\": 14}").await;
    let ended = release(&world, json!([function("orders", "new", &suite)])).await;
    ended.is(Outcome::RolledBack);
    let said = "its answer has no report: found none under `report`; expected JUnit's XML or TAP";
    assert!(ended.reason().contains(said), "{}", ended.reason());
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_report_in_s3_is_the_runs_own() {
    let world = World::new().await;
    let bucket = world.reports().await;
    let suite = world.suite("return None").await;
    let written = |name: &str| {
        let mut written = function(name, "new", &suite);
        written["report"] = json!(format!("s3://{bucket}/junit/{{run}}.xml"));
        written
    };
    let id = world.promotion("prod", "1.1.0");
    let key = |suite: &str| format!("junit/{id}/new/{suite}.xml");
    world
        .report(&bucket, &key("orders"), PASSED.as_bytes())
        .await;
    let ended = release(&world, json!([written("orders"), written("prices")])).await;
    ended.is(Outcome::RolledBack);
    assert_eq!(ended.count(Kind::SuiteRan), 2);
    let missing = format!("s3://{bucket}/{}", key("prices"));
    let says = |text: &str| assert!(ended.reason().contains(text), "{}", ended.reason());
    says("suite `prices` at stage new: its report can't be read");
    says(&missing);
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_report_that_is_too_large_or_broken_is_no_pass() {
    let world = World::new().await;
    let bucket = world.reports().await;
    let suite = world
        .suite(&says("<testsuite><testcase name=\"a\"/>"))
        .await;
    let ended = release(&world, json!([function("orders", "new", &suite)])).await;
    ended.is(Outcome::RolledBack);
    let said = "its report can't be used: ";
    assert!(ended.reason().contains(said), "{}", ended.reason());

    let world = World::new().await;
    let mut large = function("orders", "new", &suite);
    large["report"] = json!(format!("s3://{bucket}/{{run}}"));
    let key = format!("{}/new/orders", world.promotion("prod", "1.1.0"));
    let report = vec![b' '; usize::try_from(suite::LARGEST_REPORT).expect("a size") + 1];
    world.report(&bucket, &key, &report).await;
    let ended = release(&world, json!([large])).await;
    ended.is(Outcome::RolledBack);
    let said = "has 10485761 bytes; expected 10485760 at most";
    assert!(ended.reason().contains(said), "{}", ended.reason());
}
