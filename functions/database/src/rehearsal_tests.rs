//! Copies on which migrations are tried.

use sluice_platform::lambda::Named as _;

use super::fakes::World;
use super::tests::{ask_at, world};
use super::*;

const BEGIN: &str = include_str!("../../../events/database/begin_rehearsal.json");
const LOOK: &str = include_str!("../../../events/database/look_at_copy.json");
const END: &str = include_str!("../../../events/database/end_rehearsal.json");

/// Within the time that the copy of the events is kept.
const NOW: &str = "2026-11-22T12:30:00Z";

async fn ask(world: &World, event: &str) -> Result<Output, Error> {
    ask_at(world, event, NOW.parse().expect("a time")).await
}

/// The event, with this instead of what it says.
fn with(event: &str, change: impl FnOnce(&mut Value)) -> String {
    let mut event: Value = serde_json::from_str(event).expect("json");
    change(&mut event);
    event.to_string()
}

fn failed(event: &str) -> String {
    with(event, |event| {
        event["error"] = json!("StatementFailed");
        let message = "2_x.sql:1: relation \"nobody\" does not exist";
        let cause = json!({ "errorType": "StatementFailed", "errorMessage": message });
        event["cause"] = json!(cause.to_string());
    })
}

#[tokio::test]
async fn a_copy_is_begun_of_the_server_that_backups_are_made_of_and_kept_for_hours() {
    let world = world();
    let output = ask(&world, BEGIN).await.expect("begun");
    let Output::Copying { of, until } = output else {
        panic!("not begun: {output:?}");
    };
    assert_eq!(of.id, "rds:storefront-2026-11-22-03-07");
    assert_eq!(until.to_string(), "2026-11-22T18:30:00Z");
    let made = world.made.borrow();
    let expected = "copy Cluster(\"storefront\") sluice-rehearsal-storefront-prod-1-1-0-1-";
    assert!(made[0].starts_with(expected), "{made:?}");
}

#[tokio::test]
async fn a_function_of_the_teams_comes_before_the_server() {
    let world = world();
    let event = with(BEGIN, |event| {
        event["request"]["database"]["rehearsal"] = json!({ "function": "copy-shop" });
    });
    ask(&world, &event).await.expect("begun");
    let made = world.made.borrow();
    assert!(
        made[0].starts_with("copy Function(\"copy-shop\")"),
        "{made:?}"
    );
}

#[tokio::test]
async fn nothing_is_tried_before_the_copy_is_there() {
    let world = world();
    world.looks.set(1);
    for expected in [None, Some("copy.example")] {
        let output = ask(&world, LOOK).await.expect("looked");
        let Output::Copied { ready, copy, .. } = output else {
            panic!("not looked: {output:?}");
        };
        let host = copy.map(|copy| copy.host);
        assert_eq!(host.as_deref(), expected);
        assert_eq!(ready, expected.is_some());
    }
}

#[tokio::test]
async fn a_copy_that_is_not_there_when_its_time_is_over_is_not_waited_for() {
    let world = world();
    let late = "2026-11-22T18:00:00Z".parse().expect("a time");
    let error = ask_at(&world, LOOK, late).await.expect_err("refused");
    assert_eq!(error.name(), "CopyFailed");
    assert!(error.to_string().contains("6 hours"), "{error}");
}

#[tokio::test]
async fn what_it_took_on_the_copy_is_part_of_the_plan_once_the_copy_is_ended() {
    let world = world();
    let output = ask(&world, END).await.expect("ended");
    let Output::Tried { plan } = output else {
        panic!("not ended: {output:?}");
    };
    let rehearsed = plan.rehearsed.as_ref().expect("figures");
    assert_eq!(rehearsed.units[0].what, "1_orders.sql");
    let told = "rehearsed in 0.4 s on a copy of rds:storefront-2026-11-22-03-07 \
                (2026-11-22 03:07 UTC)";
    assert!(plan.sentence().ends_with(told), "{}", plan.sentence());
    assert!(world.made.borrow()[0].starts_with("end sluice-rehearsal-"));
}

#[tokio::test]
async fn what_failed_on_the_copy_is_told_with_its_error_and_the_copy_is_ended() {
    let world = world();
    let error = ask(&world, &failed(END)).await.expect_err("refused");
    assert_eq!(error.name(), "RehearsalFailed");
    let told = error.to_string();
    for said in [
        "StatementFailed: 2_x.sql:1: relation \"nobody\" does not exist",
        "rds:storefront-2026-11-22-03-07",
        "Nothing was applied to the database itself. The copy is deleted",
    ] {
        assert!(told.contains(said), "{told}");
    }
    assert_eq!(world.made.borrow().len(), 1);
}

#[tokio::test]
async fn where_no_copy_was_begun_it_is_ended_all_the_same() {
    let world = world();
    let event = with(&failed(END), |event| event["of"] = Value::Null);
    let error = ask(&world, &event).await.expect_err("refused");
    assert_eq!(error.name(), "RehearsalFailed");
    assert_eq!(world.made.borrow().len(), 1);
}

#[tokio::test]
async fn a_copy_that_can_not_be_deleted_is_named_beside_what_failed_on_it() {
    let world = world();
    let denied = || Some(Fault::other("rds:DeleteDBInstance", "AccessDenied"));
    *world.end_fails.borrow_mut() = denied();
    let told = ask(&world, &failed(END))
        .await
        .expect_err("refused")
        .to_string();
    for said in ["StatementFailed", "was not deleted", "AccessDenied"] {
        assert!(told.contains(said), "{told}");
    }
    *world.end_fails.borrow_mut() = denied();
    let error = ask(&world, END).await.expect_err("a copy is left");
    assert_eq!(error.name(), "AwsCallFailed");
}

#[tokio::test]
async fn settings_that_want_no_copy_begin_none() {
    let world = world();
    let event = with(BEGIN, |event| {
        event["request"]["database"]["rehearsal"] = Value::Null;
    });
    let error = ask(&world, &event).await.expect_err("refused");
    assert_eq!(error.name(), "NotFound");
    assert!(world.made.borrow().is_empty());
}
