//! Whatever comes late while traffic is taken off or let in leaves nobody without calls.

use sluice_domain::migrations::{Progress, Restoring};

use super::stopping::{OWN, RESUME, STOP, reserved, world};
use super::world::Late;
use super::*;

#[tokio::test]
async fn a_request_that_is_under_way_is_waited_for_before_traffic_is_let_in() {
    let world = world();
    world.late.set(Some(Late::Slow));
    let resumes = async {
        while world.stopped.borrow().len() < 2 {
            tokio::task::yield_now().await;
        }
        world.ask(RESUME).await
    };
    let (stopped, resumed) = tokio::join!(world.ask(STOP), resumes);
    stopped.expect("stopped");
    resumed.expect("resumed");
    assert_eq!(reserved(&world), [None, Some(5)]);
}

#[tokio::test]
async fn a_request_that_nobody_hears_of_is_waited_for_as_long_as_it_may_come() {
    for again in [false, true] {
        let world = world();
        world.late.set(Some(Late::CutOff));
        let error = world.ask(STOP).await.expect_err("no answer");
        assert_eq!(error.name(), "AwsUnavailable");
        assert_eq!(reserved(&world), [None, Some(5)], "it has not come yet");
        world.late.set(None);
        if again {
            world.ask(STOP).await.expect("stopped");
            assert_eq!(reserved(&world), [Some(0), Some(0)]);
        }
        world.ask(RESUME).await.expect("resumed");
        assert!(world.waited.get() > 0);
        assert_eq!(reserved(&world), [None, Some(5)], "{again}");
        assert!(world.stopped.borrow().values().all(|noted| !noted.asking));
    }
}

#[tokio::test]
async fn what_comes_after_traffic_was_let_in_stops_nobody() {
    let world = world();
    world.ask(STOP).await.expect("stopped");
    world.ask(RESUME).await.expect("resumed");
    let noted = world.stopped.borrow().clone();
    assert_eq!(world.ask(STOP).await.expect_err("late").name(), "Fenced");
    assert_eq!(reserved(&world), [None, Some(5)]);
    assert_eq!(*world.stopped.borrow(), noted);
}

#[tokio::test]
async fn who_read_what_another_call_has_changed_since_asks_for_nothing_and_tries_again() {
    let world = world();
    world.ask(STOP).await.expect("stopped");
    world.reserved.borrow_mut().insert(arn("api"), Some(7));
    world.take_log();
    world.is_noted_meanwhile.set(true);
    assert_eq!(world.ask(STOP).await.expect_err("late").name(), "Throttled");
    assert_eq!(world.take_log(), Vec::<String>::new());
    world.ask(STOP).await.expect("stopped");
    assert_eq!(world.take_log(), ["reserve api Some(0)"]);

    world.is_noted_meanwhile.set(true);
    assert_eq!(
        world.ask(RESUME).await.expect_err("late").name(),
        "TrafficOff"
    );
    world.ask(RESUME).await.expect("resumed");
    assert_eq!(reserved(&world), [Some(7), Some(5)]);
}

#[tokio::test]
async fn a_late_call_does_not_say_that_a_restore_is_where_it_began() {
    let world = world();
    let swapping = Restoring {
        origin: OWN.parse().expect("a promotion"),
        backup: None,
        named_by: None,
        began_at: None,
        progress: Progress::Swapping,
    };
    world.begun_meanwhile.replace(Some(swapping.clone()));
    world.ask(STOP).await.expect("stopped");
    assert_eq!(world.restoring.borrow()[OWN], swapping);
}
