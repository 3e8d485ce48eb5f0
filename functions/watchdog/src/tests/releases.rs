//! Releases that were ended while a promotion of theirs runs.

use super::*;

#[tokio::test]
async fn a_promotion_whose_release_was_ended_is_stopped_and_put_right() {
    for status in ["ABORTED", "TIMED_OUT", "FAILED"] {
        let mut world = world(&[("prod", Status::Running)]);
        world.releases.insert("prod".into(), ended(status));
        let output = run(&world, SCHEDULE).await.expect("mended");
        assert_eq!(output.mended.len(), 1, "{status}");
        assert_eq!(
            *world.log.borrow(),
            [
                "stop prod",
                "raise prod",
                "record prod TakenOver",
                "settle prod at 7",
                "verify prod",
                "retire prod",
                "close prod RolledBack",
                "hand over",
            ]
        );
        let expected =
            format!("Abandoned: its release ended {status}; the watchdog ended the promotion");
        assert_eq!(*world.reason.borrow(), expected);
    }
}

#[tokio::test]
async fn one_that_step_functions_stopped_along_with_its_release_is_told_of_in_the_same_words() {
    let mut world = world(&[("prod", Status::Running)]);
    world.releases.insert("prod".into(), ended("ABORTED"));
    world.failing.insert("prod".into(), "RollbackIncomplete");
    run(&world, SCHEDULE).await.expect_err("stranded");
    world.owners.insert("prod".into(), ended("ABORTED"));
    world.failing.clear();
    // The ledger of this world refuses other facts under the same key.
    run(&world, SCHEDULE).await.expect("mended");
    assert!(world.reason.borrow().contains("its release ended ABORTED;"));
}

#[tokio::test]
async fn one_that_had_ended_by_itself_before_is_not_blamed_on_its_release() {
    for (execution, release) in [("FAILED", "ABORTED"), ("ABORTED", "FAILED")] {
        let mut world = world(&[("prod", ended(execution))]);
        world.releases.insert("prod".into(), ended(release));
        run(&world, SCHEDULE).await.expect("mended");
        let expected = format!("its execution ended {execution} without closing it");
        assert!(world.reason.borrow().contains(&expected));
    }
}

#[tokio::test]
async fn one_that_was_started_without_a_release_is_left_alone() {
    let mut world = world(&[("prod", Status::Running)]);
    world.releases.insert("prod".into(), Status::Unknown);
    assert!(run(&world, SCHEDULE).await.expect("left").mended.is_empty());
    assert_eq!(*world.log.borrow(), ["hand over"]);
}

#[tokio::test]
async fn the_last_one_of_a_release_is_left_to_close_itself() {
    let mut world = world(&[("prod", Status::Running)]);
    world.releases.insert("prod".into(), ended("FAILED"));
    let closing = Promotion {
        outcome: Some(Outcome::Refused),
        ..promotion("prod")
    };
    world.current.insert(closing.id.to_string(), closing);
    assert!(run(&world, SCHEDULE).await.expect("left").mended.is_empty());
    assert_eq!(*world.log.borrow(), ["hand over"]);
}

#[tokio::test]
async fn a_release_that_cannot_be_looked_at_keeps_a_promotion_that_runs_as_it_is() {
    let mut world = world(&[("prod", Status::Running)]);
    world.releases.insert("prod".into(), ended("?"));
    let error = run(&world, SCHEDULE).await.expect_err("not looked at");
    assert_eq!(error.name(), "AwsCallFailed");
    assert_eq!(*world.log.borrow(), ["hand over"]);
}

#[tokio::test]
async fn a_release_that_cannot_be_looked_at_does_not_keep_a_promotion_from_being_mended() {
    let mut world = world(&[("prod", ended("ABORTED"))]);
    world.releases.insert("prod".into(), ended("?"));
    assert_eq!(run(&world, SCHEDULE).await.expect("mended").mended.len(), 1);
}
