//! Runs of test suites.

use super::*;

const TEST_SCHEDULE: &str = include_str!("../../../events/intake/test-schedule.json");

fn asked(application: &str, environment: &str) -> String {
    json!({"test": {"application": application, "environment": environment, "requested_by": "ada"}})
        .to_string()
}

#[tokio::test]
async fn a_schedule_starts_one_run_of_suites_and_no_release() {
    let world = World::with_bundle("storefront", "1.1.0");
    let output = hand(&world, TEST_SCHEDULE).await.expect("started");
    assert_eq!(output.outcome, Outcome::Started, "{}", output.message);
    let name = "storefront-prod-20261102T0900Z";
    assert!(output.execution_arn.expect("an execution").ends_with(name));
    let again = hand(&world, TEST_SCHEDULE).await.expect("no error");
    assert_eq!(again.outcome, Outcome::Duplicate, "{}", again.message);
    let runs = world.runs.borrow();
    let run = &runs[name];
    assert_eq!(
        (run.environment.as_str(), run.requested_by.as_str()),
        ("prod", "schedule")
    );
    assert_eq!(
        (runs.len(), world.starts(), world.releases().len()),
        (1, 0, 0)
    );
}

#[tokio::test]
async fn who_asks_for_a_run_is_noted_in_it() {
    let world = World::with_bundle("storefront", "1.1.0");
    hand(&world, &asked("storefront", "dev"))
        .await
        .expect("started");
    let runs = world.runs.borrow();
    assert_eq!(runs["storefront-dev-20261102T0900Z"].requested_by, "ada");
}

#[tokio::test]
async fn a_run_where_nothing_is_set_up_is_refused() {
    let world = World::with_bundle("storefront", "1.1.0");
    for (application, environment, name) in [
        ("warehouse", "prod", "UnknownApplication"),
        ("storefront", "moon", "InvalidEvent"),
    ] {
        let event = asked(application, environment);
        refusal(&world, &event, name, "release/unknown").await;
    }
    let misspelled = json!({"test": {"application": "storefront", "env": "prod"}}).to_string();
    refusal(&world, &misspelled, "InvalidEvent", "release/unknown").await;
    assert!(world.runs.borrow().is_empty());
}

#[tokio::test]
async fn a_failed_start_of_a_run_is_no_refusal() {
    let world = World::with_bundle("storefront", "1.1.0");
    world.fail_next("test");
    let error = hand(&world, TEST_SCHEDULE)
        .await
        .expect_err("the call failed");
    assert_eq!(error.name(), "Throttled");
    assert!(world.last_entry().is_none());
}
