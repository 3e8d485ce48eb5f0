//! Promotions that can't be put right yet.

use super::*;

#[tokio::test]
async fn one_that_cannot_be_mended_is_told_of_and_does_not_stop_the_others() {
    let mut world = world(&[("staging", ended("FAILED")), ("prod", ended("FAILED"))]);
    world.failing.insert("staging".into(), "RollbackIncomplete");
    let error = run(&world, SCHEDULE).await.expect_err("stranded");
    assert_eq!(error.name(), "Stranded");
    let text = error.to_string();
    assert!(
        text.starts_with("1 promotion could not be put right: storefront/staging/1.1.0/1: "),
        "{text}"
    );
    assert!(text.contains("RollbackIncomplete: it says why"), "{text}");
    let log = world.log.borrow();
    for done in [
        "close staging Stranded",
        "close prod RolledBack",
        "hand over",
    ] {
        assert!(log.contains(&done.to_owned()), "{done} is not in {log:?}");
    }
}

#[tokio::test]
async fn one_that_cannot_even_be_marked_is_told_of_and_marked_at_the_next_run() {
    let mut world = world(&[("prod", ended("FAILED"))]);
    world.failing.insert("prod".into(), "RollbackIncomplete");
    world.close_fails = Some("Throttled");
    for _ in 0..2 {
        run(&world, SCHEDULE).await.expect_err("stranded");
    }
    let count = |what: &str| {
        let log = world.log.borrow();
        log.iter().filter(|did| *did == what).count()
    };
    assert_eq!(count("record prod Stranded"), 1);
    assert_eq!(count("close prod Stranded"), 2);
}

#[tokio::test]
async fn one_that_somebody_else_takes_over_while_it_is_marked_is_left_to_them() {
    let mut world = world(&[("prod", ended("FAILED"))]);
    world.failing.insert("prod".into(), "RollbackIncomplete");
    world.close_fails = Some("Fenced");
    assert!(run(&world, SCHEDULE).await.expect("left").mended.is_empty());
    let log = world.log.borrow();
    assert!(!log.contains(&"record prod Stranded".to_owned()), "{log:?}");
}

#[tokio::test]
async fn an_outcome_that_was_stored_meanwhile_is_not_stranded() {
    let mut world = world(&[("prod", ended("FAILED"))]);
    world.failing.insert("prod".into(), "RollbackIncomplete");
    world.ended_at = Some("settle prod at 7");
    assert!(run(&world, SCHEDULE).await.expect("left").mended.is_empty());
    let log = world.log.borrow();
    assert!(!log.iter().any(|did| did.contains("Stranded")), "{log:?}");
}

#[tokio::test]
async fn a_stranded_promotion_is_tried_again_after_the_others_and_not_told_of_again() {
    let mut world = world(&[("staging", ended("FAILED")), ("prod", ended("FAILED"))]);
    world.open[0].outcome = Some(Outcome::Stranded);
    world.failing.insert("staging".into(), "NotSettled");
    world.failing.insert("prod".into(), "NotSettled");
    for _ in 0..3 {
        run(&world, SCHEDULE).await.expect_err("stranded");
        world.open[1].outcome = Some(Outcome::Stranded);
    }
    let did = |environment: &str, others: &[&str]| -> Vec<String> {
        let log = world.log.borrow();
        let own = log.iter().filter(|did| did.contains(environment));
        own.filter(|did| !others.iter().any(|other| did.starts_with(other)))
            .cloned()
            .collect()
    };
    assert_eq!(
        did("staging", &["stop", "raise", "settle"]),
        ["record staging TakenOver"]
    );
    assert_eq!(
        did("prod", &["stop", "raise", "settle"]),
        ["record prod TakenOver", "close prod Stranded"]
    );
    let tries = did("", &["stop", "raise", "record", "close", "hand"]);
    let expected = [
        "settle prod at 7",
        "settle staging at 7",
        "settle staging at 8",
        "settle prod at 8",
        "settle staging at 9",
        "settle prod at 9",
    ];
    assert_eq!(tries, expected);
}

#[tokio::test]
async fn a_stranded_promotion_is_closed_once_it_can_be_put_right() {
    let mut world = world(&[("prod", ended("FAILED"))]);
    world.open[0].outcome = Some(Outcome::Stranded);
    world.failing.insert("prod".into(), "NotSettled");
    run(&world, SCHEDULE).await.expect_err("stranded");
    world.failing.clear();
    let output = run(&world, SCHEDULE).await.expect("mended at last");
    assert_eq!(output.mended.len(), 1);
    let log = world.log.borrow();
    assert!(log.contains(&"close prod RolledBack".to_owned()), "{log:?}");
}

#[tokio::test]
async fn traffic_that_a_restore_took_off_is_let_in_before_it_is_closed_however_often_it_is_tried() {
    let mut world = world(&[("prod", ended("FAILED"))]);
    world.has_stopped_traffic = true;
    for fails in ["TrafficOff", "AwsUnavailable"] {
        world.retire_fails = Some(fails);
        let error = run(&world, SCHEDULE).await.expect_err("stranded");
        assert!(error.to_string().contains(fails), "{error}");
        world.open[0].outcome = Some(Outcome::Stranded);
    }
    let count = |world: &World, what: &str| {
        let log = world.log.borrow();
        log.iter().filter(|did| *did == what).count()
    };
    assert_eq!(count(&world, "retire prod"), 2);
    assert_eq!(count(&world, "close prod Stranded"), 1, "told once");
    assert_eq!(count(&world, "close prod RolledBack"), 0);
    world.retire_fails = None;
    let output = run(&world, SCHEDULE).await.expect("mended at last");
    assert_eq!(output.mended.len(), 1);
    assert_eq!(count(&world, "close prod RolledBack"), 1);
}
