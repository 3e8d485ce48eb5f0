use std::collections::VecDeque;

use serde_json::json;
use sluice_platform::lambda::Named;

use super::*;

#[path = "lib_tests/late.rs"]
mod late;
#[path = "lib_tests/retiring.rs"]
mod retiring;
#[path = "lib_tests/stopping.rs"]
mod stopping;
#[path = "lib_tests/world.rs"]
mod world;

use world::{World, arn};

fn ready(provisioned: usize, woken: usize, calls: usize, failed: usize) -> Output {
    Output::Ready {
        provisioned,
        woken,
        calls,
        failed,
    }
}

#[test]
fn an_input_with_a_field_that_nobody_knows_is_refused() {
    let text = r#"{"op":"ready","promotion":"a/b/1.0.0/1","generation":1,"fast":true}"#;
    let refused = serde_json::from_str::<Input>(text).expect_err("an unknown field");
    assert!(refused.to_string().contains("fast"), "{refused}");
}

#[tokio::test]
async fn where_nothing_is_needed_nothing_is_changed_and_nothing_recorded() {
    let world = World::new(&["api", "jobs"]);
    assert_eq!(world.ready().await.expect("ready"), ready(0, 0, 0, 0));
    assert_eq!(world.take_log(), Vec::<String>::new());
    assert!(world.recorded.borrow().is_empty());
}

#[tokio::test]
async fn a_new_version_gets_what_the_one_that_serves_has_and_both_keep_it() {
    let world = World::new(&["api", "jobs"]);
    world.provision_stable("api", 5);
    let progress = [Allocation::InProgress, Allocation::Ready];
    world.comes_to.borrow_mut().extend(progress);
    assert_eq!(world.ready().await.expect("ready"), ready(1, 0, 0, 0));
    assert_eq!(world.take_log(), ["save", "provision 2 with 5"]);
    assert_eq!(
        (world.has("api", "1"), world.has("api", "2")),
        (Some(5), Some(5))
    );
    assert_eq!(world.has("jobs", "2"), None);
    let (kind, facts) = world.recorded.borrow()[0].clone();
    assert_eq!(kind, Kind::VersionsWarmed);
    let provision = json!({"arn": arn("api"), "from": "1", "to": "2", "executions": 5});
    let expected = json!({"functions": {"api": {"provisioned": provision}}});
    assert_eq!(facts, expected);
}

#[tokio::test]
async fn asked_again_it_provisions_what_it_began_with() {
    let world = World::new(&["api"]);
    world.provision_stable("api", 5);
    world
        .comes_to
        .borrow_mut()
        .extend(vec![Allocation::InProgress; 1000]);
    assert_eq!(
        world.ready().await.expect_err("too slow").name(),
        "NotProvisioned"
    );
    world.comes_to.replace(VecDeque::from([Allocation::Ready]));
    world.take_log();
    assert_eq!(world.ready().await.expect("ready"), ready(1, 0, 0, 0));
    assert_eq!(world.take_log(), ["provision 2 with 5"]);
}

#[tokio::test]
async fn a_version_that_serves_elsewhere_keeps_what_it_has() {
    let world = World::new(&["api"]);
    world.provision_stable("api", 5);
    let elsewhere = Provisioned {
        executions: 9,
        status: Allocation::Ready,
    };
    let version = format!("{}:2", arn("api"));
    world.provisioned.borrow_mut().insert(version, elsewhere);
    assert_eq!(world.ready().await.expect("ready"), ready(0, 0, 0, 0));
    assert_eq!(world.has("api", "2"), Some(9));
}

#[tokio::test]
async fn what_lambda_does_not_provision_is_named_with_its_reason() {
    for (asked, comes_to, expected) in [
        (
            None,
            Allocation::Failed("FUNCTION_ERROR_INIT_FAILURE".to_owned()),
            "status FAILED (FUNCTION_ERROR_INIT_FAILURE)",
        ),
        (
            Some(("provision", "InvalidParameterValueException")),
            Allocation::Ready,
            "InvalidParameterValueException: no",
        ),
    ] {
        let world = World::new(&["api"]);
        world.provision_stable("api", 5);
        world.fails.set(asked);
        world.comes_to.borrow_mut().push_back(comes_to);
        let error = world.ready().await.expect_err("not provisioned");
        assert_eq!(error.name(), "NotProvisioned");
        let text = error.to_string();
        assert!(
            text.contains(expected) && text.contains("5 provisioned"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_call_that_is_throttled_is_tried_again_by_the_state_machine() {
    let world = World::new(&["api"]);
    world.provision_stable("api", 5);
    world
        .fails
        .set(Some(("provision", "TooManyRequestsException")));
    assert_eq!(
        world.ready().await.expect_err("throttled").name(),
        "Throttled"
    );
}

#[tokio::test]
async fn who_was_fenced_off_provisions_nothing() {
    let world = World::new(&["api"]);
    world.provision_stable("api", 5);
    world.generation.set(2);
    assert_eq!(world.ready().await.expect_err("fenced").name(), "Fenced");
    assert_eq!(world.take_log(), Vec::<String>::new());
}

#[tokio::test]
async fn whoever_sleeps_is_woken_the_version_that_serves_too() {
    let world = World::new(&["api"]);
    let slept = [State::Inactive, State::Pending, State::Active];
    for version in ["1", "2"] {
        let version = format!("{}:{version}", arn("api"));
        world
            .states
            .borrow_mut()
            .insert(version, slept.clone().into());
    }
    assert_eq!(world.ready().await.expect("ready"), ready(0, 2, 0, 0));
    assert_eq!(world.take_log(), ["call api:2 {}", "call api:1 {}"]);
    let facts = world.recorded.borrow()[0].1.clone();
    assert_eq!(facts, json!({"functions": {"api": {"woken": ["2", "1"]}}}));
}

#[tokio::test]
async fn a_version_that_takes_no_calls_is_named_with_its_state() {
    for (states, expected) in [
        (
            vec![State::Failed("no subnet".to_owned())],
            "state Failed (no subnet)",
        ),
        (vec![State::Pending; 1000], "state Pending"),
    ] {
        let world = World::new(&["api"]);
        let version = format!("{}:1", arn("api"));
        world.states.borrow_mut().insert(version, states.into());
        let error = world.ready().await.expect_err("not ready");
        assert_eq!(error.name(), "NotReady");
        let text = error.to_string();
        assert!(
            text.contains(expected) && text.contains("function:api:1"),
            "{text}"
        );
    }
}

/// The calls that the plan asks for, for one function.
fn warmed_up(world: &World, invocations: usize) {
    let plan = json!({
        "name": "api", "arn": arn("api"), "alias": "live", "current": null,
        "code": sluice_domain::digest::Digest::of(b"code"), "configuration": null, "change": "update",
        "warm_up": {"invocations": invocations, "payload": {"warm": true}},
    });
    let plan = serde_json::from_value(plan).expect("a plan");
    world.given(|work| drop(work.plan.functions.insert("api".to_owned(), plan)));
}

#[tokio::test]
async fn warm_up_calls_go_to_the_new_version_of_whom_they_are_asked_for() {
    let world = World::new(&["api", "jobs"]);
    warmed_up(&world, 3);
    assert_eq!(world.ready().await.expect("ready"), ready(0, 0, 3, 0));
    assert_eq!(world.take_log(), [r#"call api:2 {"warm":true}"#; 3]);
}

#[tokio::test]
async fn a_warm_up_call_that_fails_is_shown_and_stops_nothing() {
    let world = World::new(&["api"]);
    warmed_up(&world, 2);
    let error = "the call failed: no table".to_owned();
    world
        .answers
        .borrow_mut()
        .insert("2".to_owned(), error.clone());
    assert_eq!(world.ready().await.expect("ready"), ready(0, 0, 2, 2));
    let facts = world.recorded.borrow()[0].1.clone();
    let calls = json!({"made": 2, "failed": 2, "error": error});
    assert_eq!(facts, json!({"functions": {"api": {"calls": calls}}}));
}
