//! Releases that ended before a promotion of theirs began.

use super::*;

/// The release of 1.1.0 through these environments, which it got to in this way.
fn released(status: Status, stages: &[(&str, Option<Option<Outcome>>)]) -> World {
    let bundle = promotion("prod").bundle;
    let release = Release {
        application: "storefront".into(),
        version: "1.1.0".parse().expect("a version"),
        bundle,
        attempt: 1,
        environments: stages.iter().map(|(name, _)| (*name).to_owned()).collect(),
        rollback: false,
        operation: None,
        execution_arn: "release".into(),
        requested_by: "ada".into(),
        principal: None,
        requested_at: now() - SignedDuration::from_mins(10),
    };
    let mut world = world(&[]);
    world.owners.insert("release".into(), status);
    world.open_releases = vec![release];
    for (environment, outcome) in stages {
        if let Some(outcome) = *outcome {
            let found = Promotion {
                outcome,
                ..promotion(environment)
            };
            world.current.insert(found.id.to_string(), found);
        }
    }
    world
}

const PROMOTED: Option<Option<Outcome>> = Some(Some(Outcome::Promoted));

#[tokio::test]
async fn the_promotion_that_a_stopped_release_was_about_to_start_is_closed() {
    for (status, outcome) in [
        ("ABORTED", "Aborted"),
        ("TIMED_OUT", "Aborted"),
        ("FAILED", "Refused"),
    ] {
        let stages = [("dev", PROMOTED), ("staging", None), ("prod", None)];
        let world = released(ended(status), &stages);
        let output = run(&world, SCHEDULE).await.expect("closed");
        assert_eq!(output.mended, [promotion("staging").id]);
        let close = format!("close unbegun staging {outcome}");
        let log = world.log.borrow();
        assert_eq!(*log, [&close, "settle release 1.1.0", "hand over"]);
        let expected = format!("its release ended {status}");
        assert_eq!(*world.reason.borrow(), expected);
    }
}

#[tokio::test]
async fn a_release_that_step_functions_does_not_know_was_never_started_once_some_time_has_passed() {
    let mut world = released(Status::Unknown, &[("prod", None)]);
    world.open_releases[0].requested_at = now() - SignedDuration::from_mins(1);
    run(&world, SCHEDULE).await.expect("left");
    assert_eq!(*world.log.borrow(), ["hand over"]);

    let world = released(Status::Unknown, &[("prod", None)]);
    let output = run(&world, SCHEDULE).await.expect("closed");
    assert_eq!(output.mended, [promotion("prod").id]);
}

#[tokio::test]
async fn a_release_that_runs_is_left_alone() {
    let world = released(Status::Running, &[("prod", None)]);
    run(&world, SCHEDULE).await.expect("left");
    assert_eq!(*world.log.borrow(), ["hand over"]);
}

#[tokio::test]
async fn a_release_whose_promotions_have_their_ends_is_looked_after_no_more() {
    let refused = Some(Some(Outcome::Refused));
    let stranded = Some(Some(Outcome::Stranded));
    for stages in [
        [("dev", PROMOTED), ("prod", PROMOTED)],
        [("dev", refused), ("prod", None)],
        [("dev", stranded), ("prod", None)],
    ] {
        let world = released(ended("FAILED"), &stages);
        let output = run(&world, SCHEDULE).await.expect("settled");
        assert_eq!(output.mended, []);
        assert_eq!(*world.log.borrow(), ["settle release 1.1.0", "hand over"]);
    }
}

#[tokio::test]
async fn while_a_promotion_is_open_it_is_not_known_yet_where_its_release_ends() {
    let stages = [("dev", Some(None)), ("prod", None)];
    let world = released(ended("ABORTED"), &stages);
    run(&world, SCHEDULE).await.expect("left");
    assert_eq!(*world.log.borrow(), ["hand over"]);
}

#[tokio::test]
async fn what_could_not_be_closed_is_told_of_and_tried_again() {
    let mut world = released(ended("ABORTED"), &[("prod", None)]);
    world.close_fails = Some("Throttled");
    for _ in 0..2 {
        let error = run(&world, SCHEDULE).await.expect_err("not closed");
        assert_eq!(error.name(), "FunctionFailed");
    }
    let expected = ["close unbegun prod Aborted", "hand over"].repeat(2);
    assert_eq!(*world.log.borrow(), expected);
}
