//! Promotions that nobody owns.

use super::*;

#[tokio::test]
async fn a_promotion_whose_execution_runs_is_left_alone() {
    let world = world(&[("prod", Status::Running)]);
    let output = run(&world, SCHEDULE).await.expect("nothing wrong");
    assert_eq!(
        output,
        Output {
            mended: vec![],
            expired: vec![],
            resumed: 2
        }
    );
    assert_eq!(*world.log.borrow(), ["hand over"]);
}

#[tokio::test]
async fn an_aborted_promotion_is_fenced_put_back_checked_and_closed() {
    let world = world(&[("prod", ended("ABORTED"))]);
    let output = run(&world, ABORTED).await.expect("mended");
    assert_eq!(output.mended, [world.open[0].id.clone()]);
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
    assert_eq!(
        world.closed_under.get(),
        Some(Generation(7)),
        "whoever takes it over later closes it instead"
    );
}

#[tokio::test]
async fn what_still_runs_in_a_database_for_a_promotion_is_ended_with_it() {
    let mut world = world(&[("prod", ended("ABORTED"))]);
    world.migrating.push("prod");
    run(&world, ABORTED).await.expect("mended");
    let log = world.log.borrow();
    let place = |what: &str| log.iter().position(|did| did == what);
    let end = place("end migrations prod in s");
    assert!(
        end > place("raise prod") && end < place("close prod RolledBack"),
        "{log:?}"
    );
    assert!(!world.reason.borrow().contains("migration"));
}

#[tokio::test]
async fn a_database_that_can_not_be_reached_keeps_no_promotion_open_and_people_are_told() {
    for (migrating, fails) in [("prod", Some("DatabaseUnreachable")), ("?", None)] {
        let mut world = world(&[("prod", ended("ABORTED"))]);
        world.migrating.push(migrating);
        world.database_fails = fails;
        let output = run(&world, ABORTED).await.expect("mended");
        assert_eq!(output.mended, [world.open[0].id.clone()]);
        let reason = world.reason.borrow();
        let said = "; a migration may still run in the database: ";
        assert!(reason.contains(said), "{reason}");
    }
}

#[tokio::test]
async fn nothing_is_ended_in_another_database_than_the_one_that_was_migrated() {
    for names in ["elsewhere", "-"] {
        let mut world = world(&[("prod", ended("ABORTED"))]);
        world.migrating.push("prod");
        world.names = Some(names);
        let output = run(&world, ABORTED).await.expect("mended");
        assert_eq!(output.mended, [world.open[0].id.clone()]);
        let reason = world.reason.borrow();
        let said = "the settings of prod say something else of `database`";
        assert!(reason.contains(said), "{reason}");
        let log = world.log.borrow();
        assert!(!log.iter().any(|did| did.starts_with("end mig")), "{log:?}");
    }
}

#[tokio::test]
async fn a_record_with_an_epoch_to_come_closes_no_database() {
    for (seconds, is_ended) in [(0, true), (59, true), (61, false), (1_000_000_000, false)] {
        let mut world = world(&[("prod", ended("ABORTED"))]);
        world.migrating.push("prod");
        world.ahead = SignedDuration::from_secs(seconds);
        run(&world, ABORTED).await.expect("mended");
        let ending = "end migrations prod in s".to_owned();
        let log = world.log.borrow();
        assert_eq!(log.contains(&ending), is_ended, "{seconds}: {log:?}");
        let reason = world.reason.borrow();
        assert_eq!(reason.contains("later than now"), !is_ended, "{reason}");
    }
}

#[tokio::test]
async fn migrations_are_ended_also_where_aliases_can_not_be_put_back() {
    let mut world = world(&[("prod", ended("ABORTED"))]);
    world.migrating.push("prod");
    world.failing.insert("prod".into(), "Throttled");
    run(&world, ABORTED).await.expect_err("stranded");
    let log = world.log.borrow();
    assert!(
        log.contains(&"end migrations prod in s".to_owned()),
        "{log:?}"
    );
}

#[tokio::test]
async fn what_could_not_be_retired_keeps_no_promotion_open() {
    let mut world = world(&[("prod", ended("ABORTED"))]);
    world.retire_fails = Some("Throttled");
    let output = run(&world, ABORTED).await.expect("mended");
    assert_eq!(output.mended, [world.open[0].id.clone()]);
    let log = world.log.borrow();
    assert!(log.contains(&"close prod RolledBack".to_owned()), "{log:?}");
}

#[tokio::test]
async fn the_request_of_a_promotion_that_has_ended_is_closed_after_it() {
    for counted in [Some(State::Superseded), None] {
        let mut world = world(&[("prod", ended("ABORTED"))]);
        world.due.insert("prod".into(), "first");
        world
            .counted
            .extend(counted.map(|state| ("first".to_owned(), state)));
        let output = run(&world, ABORTED).await.expect("mended");
        assert_eq!(output.mended.len(), 1);
        let log = world.log.borrow();
        let close = log.iter().position(|did| did == "close prod RolledBack");
        let tally = log.iter().position(|did| did == "tally first");
        assert!(close.is_some() && close < tally, "{log:?}");
    }
}

#[tokio::test]
async fn an_execution_that_ended_without_closing_is_mended_however_it_ended() {
    for status in ["FAILED", "TIMED_OUT", "SUCCEEDED"] {
        let world = world(&[("prod", ended(status))]);
        assert_eq!(
            run(&world, SCHEDULE).await.expect("mended").mended.len(),
            1,
            "{status}"
        );
    }
}

#[tokio::test]
async fn a_promotion_past_the_point_of_no_return_is_closed_as_promoted() {
    let mut world = world(&[("prod", ended("FAILED"))]);
    world.settled.insert(
        "prod".into(),
        Settled {
            outcome: Outcome::Promoted,
            touched: true,
        },
    );
    run(&world, SCHEDULE).await.expect("mended");
    assert!(
        world
            .log
            .borrow()
            .contains(&"close prod Promoted".to_owned())
    );
}

#[tokio::test]
async fn a_promotion_that_touched_nothing_is_closed_as_aborted() {
    let mut world = world(&[("prod", ended("ABORTED"))]);
    world.settled.insert(
        "prod".into(),
        Settled {
            outcome: Outcome::RolledBack,
            touched: false,
        },
    );
    run(&world, SCHEDULE).await.expect("mended");
    assert!(
        world
            .log
            .borrow()
            .contains(&"close prod Aborted".to_owned())
    );
}

#[tokio::test]
async fn an_unknown_execution_is_given_five_minutes_to_appear() {
    let mut world = world(&[("prod", Status::Unknown)]);
    assert_eq!(run(&world, SCHEDULE).await.expect("mended").mended.len(), 1);
    world.open[0].opened_at = now() - SignedDuration::from_mins(4);
    assert!(run(&world, SCHEDULE).await.expect("left").mended.is_empty());
}

#[tokio::test]
async fn a_promotion_that_ended_but_is_still_listed_is_closed_again_with_the_same_words() {
    let mut world = world(&[("prod", ended("SUCCEEDED"))]);
    let closed = Promotion {
        outcome: Some(Outcome::Refused),
        reason: Some("PlanDrifted: cart changed".to_owned()),
        ..promotion("prod")
    };
    world.current.insert(closed.id.to_string(), closed.clone());
    let output = run(&world, SCHEDULE).await.expect("closed");
    assert_eq!(output.mended, [closed.id]);
    assert_eq!(*world.log.borrow(), ["close prod Refused", "hand over"]);
    assert_eq!(*world.reason.borrow(), "PlanDrifted: cart changed");
}

#[tokio::test]
async fn a_promotion_that_its_execution_is_just_closing_is_left_to_it() {
    let mut world = world(&[("prod", Status::Running)]);
    world.open[0].outcome = Some(Outcome::Promoted);
    assert!(run(&world, SCHEDULE).await.expect("left").mended.is_empty());
    assert_eq!(*world.log.borrow(), ["hand over"]);
}

#[tokio::test]
async fn one_that_is_mended_but_not_closed_is_an_error_and_not_stranded() {
    let mut world = world(&[("prod", ended("FAILED"))]);
    world.close_fails = Some("Throttled");
    let error = run(&world, SCHEDULE).await.expect_err("not closed");
    assert_eq!(error.name(), "FunctionFailed");
    let log = world.log.borrow();
    assert!(log.contains(&"close prod RolledBack".to_owned()), "{log:?}");
    assert!(!log.iter().any(|did| did.contains("Stranded")), "{log:?}");
}

#[tokio::test]
async fn a_fence_at_the_close_means_that_somebody_else_is_mending_it() {
    let mut world = world(&[("prod", ended("FAILED"))]);
    world.close_fails = Some("Fenced");
    let output = run(&world, SCHEDULE).await.expect("left to the other");
    assert!(output.mended.is_empty());
}

#[tokio::test]
async fn one_that_ends_while_it_is_taken_over_is_closed_as_it_ended() {
    let mut world = world(&[("prod", ended("ABORTED"))]);
    world.ended_at = Some("raise prod");
    let output = run(&world, SCHEDULE).await.expect("closed");
    assert_eq!(output.mended.len(), 1);
    assert_eq!(
        *world.log.borrow(),
        [
            "stop prod",
            "raise prod",
            "close prod RolledBack",
            "hand over"
        ]
    );
    assert_eq!(*world.reason.borrow(), "Unhealthy: it says why");
}

#[tokio::test]
async fn a_fence_means_that_somebody_else_is_mending_it() {
    let mut world = world(&[("prod", ended("FAILED"))]);
    world.failing.insert("prod".into(), "Fenced");
    assert!(
        run(&world, SCHEDULE)
            .await
            .expect("left to the other")
            .mended
            .is_empty()
    );
    assert!(
        !world
            .log
            .borrow()
            .contains(&"record prod Stranded".to_owned())
    );
}

#[tokio::test]
async fn mending_does_not_wait_for_the_ledger() {
    let mut world = world(&[("prod", ended("FAILED"))]);
    world.ledger_is_down = true;
    assert_eq!(run(&world, SCHEDULE).await.expect("mended").mended.len(), 1);
}

#[tokio::test]
async fn what_cannot_be_looked_at_is_an_error_after_the_rest_was_done() {
    let world = world(&[("staging", ended("?")), ("prod", ended("FAILED"))]);
    let error = run(&world, SCHEDULE)
        .await
        .expect_err("not all was looked at");
    assert_eq!(error.name(), "AwsCallFailed");
    assert!(
        world
            .log
            .borrow()
            .contains(&"close prod RolledBack".to_owned())
    );
}

#[tokio::test]
async fn a_queue_that_cannot_be_woken_is_an_error() {
    let mut world = world(&[]);
    world.queue_is_down = true;
    let error = run(&world, SCHEDULE).await.expect_err("the queue stands");
    assert_eq!(error.name(), "FunctionFailed");
}
