//! Runs of test suites.

use sluice_domain::caller::Refused;
use sluice_platform::caller::CallerError;

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

/// Operators alone may operate prod.
fn world_of_operators() -> World {
    let world = World::with_bundle("storefront", "1.1.0");
    let functions = json!({"checkout": {"name": "storefront-checkout-prod"}});
    let may = json!({"operate": ["arn:aws:sts::123456789012:assumed-role/operators/*"]});
    let settings = json!({"schema": 1, "order": 3, "functions": functions, "may": may});
    world.set("storefront", "prod", &settings);
    world
}

fn assumed(role: &str) -> Principal {
    let arn = format!("arn:aws:sts::123456789012:assumed-role/{role}/ada");
    Principal::of_arn(&arn).expect("a caller")
}

#[tokio::test]
async fn who_may_operate_starts_a_run_under_the_name_that_sts_says() {
    let world = world_of_operators();
    let operator = assumed("operators");
    let event = asked("storefront", "prod");
    let output = hand_as(&world, &event, Ok(Some(operator.clone()))).await;
    assert_eq!(output.expect("started").outcome, Outcome::Started);
    let runs = world.runs.borrow();
    let run = &runs["storefront-prod-20261102T0900Z"];
    assert_eq!(run.requested_by, operator.as_str());
}

#[tokio::test]
async fn who_may_not_operate_starts_no_run_also_not_as_a_schedule_and_a_schedule_does() {
    let world = world_of_operators();
    let event = asked("storefront", "prod");
    for (event, caller) in [
        (event.as_str(), Some(assumed("interns"))),
        (event.as_str(), None),
    ] {
        let by = caller.as_ref().map_or("ada", Principal::as_str).to_owned();
        let error = hand_as(&world, event, Ok(caller)).await;
        assert_eq!(error.expect_err("refused").name(), "NotAllowed");
        let (_, kind, facts) = world.last_entry().expect("recorded");
        assert_eq!(
            (kind, &facts["requested_by"]),
            (Kind::ReleaseRefused, &json!(by))
        );
    }
    assert_eq!(world.entries(), 2, "each of them once");
    let intern = Sender::Person(Ok(Some(assumed("interns"))));
    let error = hand_over(&world, TEST_SCHEDULE, intern).await;
    assert_eq!(error.expect_err("refused").name(), "WrongAlias");
    let broken = CallerError::Refused(Refused::BySts {
        code: "ExpiredToken".to_owned(),
    });
    let error = hand_as(&world, &event, Err(broken)).await;
    assert_eq!(error.expect_err("refused").name(), "ProofRefused");
    assert!(world.runs.borrow().is_empty());
    let output = hand(&world, TEST_SCHEDULE).await.expect("started");
    assert_eq!(output.outcome, Outcome::Started, "{}", output.message);
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
    for application in ["", "Shop", "storefront/prod", "shop\nprod"] {
        let event = asked(application, "prod");
        let said = refusal(&world, &event, "InvalidEvent", "release/unknown").await;
        assert!(said.contains("test.application: found"), "{said}");
    }
    let promote = json!({"promote": {"application": "../shop", "environment": "prod"}});
    let said = refusal(
        &world,
        &promote.to_string(),
        "InvalidEvent",
        "release/unknown",
    )
    .await;
    assert!(said.contains("promote.application: found"), "{said}");
    let nobody = asked("storefront", "prod").replace("ada", " ");
    let said = refusal(&world, &nobody, "InvalidEvent", "release/unknown").await;
    assert!(said.contains("test.requested_by: found 0 bytes"), "{said}");
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
