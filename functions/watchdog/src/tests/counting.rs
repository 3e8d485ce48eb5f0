//! Approval requests of promotions that run.

use super::*;

#[tokio::test]
async fn a_request_whose_time_is_over_is_counted_and_its_promotion_told_of() {
    let mut world = world(&[("prod", Status::Running)]);
    world.due.insert("prod".into(), "first");
    world.counted.insert("first".into(), State::Expired);
    let output = run(&world, SCHEDULE).await.expect("nothing wrong");
    assert_eq!(
        serde_json::to_value(&output).expect("JSON"),
        serde_json::json!({"mended": [], "expired": ["storefront/prod/1.1.0/1"], "resumed": 2})
    );
    assert_eq!(*world.log.borrow(), ["tally first", "hand over"]);
}

#[tokio::test]
async fn a_request_that_was_decided_otherwise_is_counted_and_no_expiry() {
    for state in [State::Approved, State::Rejected, State::Superseded] {
        let mut world = world(&[("prod", Status::Running)]);
        world.due.insert("prod".into(), "first");
        world.counted.insert("first".into(), state);
        let output = run(&world, SCHEDULE).await.expect("nothing wrong");
        assert!(output.expired.is_empty(), "{state:?}");
        assert_eq!(*world.log.borrow(), ["tally first", "hand over"]);
    }
}

#[tokio::test]
async fn a_promotion_that_has_gone_on_to_its_targets_is_not_counted_again() {
    let mut world = world(&[("prod", Status::Running)]);
    world.due.insert("prod".into(), "first");
    world.rolling.push("prod");
    run(&world, SCHEDULE).await.expect("nothing wrong");
    assert_eq!(*world.log.borrow(), ["hand over"]);
}

#[tokio::test]
async fn what_an_operator_wants_is_counted_also_while_a_rollout_runs() {
    let mut world = world(&[("prod", Status::Running)]);
    world.due.insert("prod".into(), "first");
    world.wishes.insert("prod".into(), "emergency");
    world.counted.insert("emergency".into(), State::Expired);
    world.rolling.push("prod");
    run(&world, SCHEDULE).await.expect("nothing wrong");
    assert_eq!(*world.log.borrow(), ["tally emergency", "hand over"]);
}

#[tokio::test]
async fn a_request_that_can_not_be_counted_keeps_no_other_of_its_promotion_from_it() {
    let mut world = world(&[("prod", Status::Running)]);
    world.due.insert("prod".into(), "broken");
    world.wishes.insert("prod".into(), "emergency");
    world.counted.insert("emergency".into(), State::Expired);
    let error = run(&world, SCHEDULE).await.expect_err("not counted");
    assert_eq!(error.name(), "FunctionFailed");
    let log = world.log.borrow();
    assert_eq!(*log, ["tally broken", "tally emergency", "hand over"]);
}

#[tokio::test]
async fn a_request_that_cannot_be_read_or_counted_does_not_keep_the_others_from_expiring() {
    for (broken, name) in [("?", "AwsCallFailed"), ("broken", "FunctionFailed")] {
        let mut world = world(&[
            ("staging", Status::Running),
            ("prod", Status::Running),
            ("dev", ended("FAILED")),
        ]);
        world.due.insert("staging".into(), broken);
        world.due.insert("prod".into(), "first");
        world.counted.insert("first".into(), State::Expired);
        let error = run(&world, SCHEDULE)
            .await
            .expect_err("one was not counted");
        assert_eq!(error.name(), name);
        let log = world.log.borrow();
        for done in ["tally first", "close dev RolledBack", "hand over"] {
            assert!(log.contains(&done.to_owned()), "{done} is not in {log:?}");
        }
    }
}

#[test]
fn a_request_is_due_once_it_is_decided_or_its_time_is_over() {
    let before = now() - SignedDuration::from_secs(1);
    assert!(!is_due(State::Pending, now(), before));
    assert!(is_due(State::Pending, now(), now()));
    for decided in [
        State::Approved,
        State::Rejected,
        State::Expired,
        State::Superseded,
    ] {
        assert!(is_due(decided, now(), before), "{decided:?}");
        assert!(is_due(decided, now(), now()), "{decided:?}");
    }
}
