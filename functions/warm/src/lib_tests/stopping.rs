//! Traffic goes while a database is put back to a backup, and comes back as it was.

use std::rc::Rc;

use sluice_domain::migrations::{Progress, Restoring};

use super::*;

pub(super) const STOP: &str = include_str!("../../../../events/warm/stop.json");
pub(super) const RESUME: &str = include_str!("../../../../events/warm/resume.json");
pub(super) const OWN: &str = "storefront/prod/1.1.0/1";
const LATER: &str = "storefront/prod/1.1.0/2";

/// Two functions of a plan: one reserves nothing, one five.
pub(super) fn world() -> Rc<World> {
    let world = World::new(&["api", "jobs"]);
    for name in ["api", "jobs"] {
        let plan = json!({
            "name": name, "arn": arn(name), "alias": "live", "current": null,
            "code": sluice_domain::digest::Digest::of(b"code"), "configuration": null,
            "change": "unchanged",
        });
        let plan = serde_json::from_value(plan).expect("a plan");
        world.given(|work| drop(work.plan.functions.insert(name.to_owned(), plan)));
    }
    world.reserved.borrow_mut().insert(arn("jobs"), Some(5));
    world
}

pub(super) fn reserved(world: &World) -> [Option<u32>; 2] {
    ["api", "jobs"].map(|name| world.reserved.borrow().get(&arn(name)).copied().flatten())
}

/// The same, asked for a later attempt.
fn later(event: &str) -> String {
    event.replace(OWN, LATER)
}

/// The database may be between what it was and its backup, or is through.
fn comes_to(world: &World, promotion: &str, progress: Progress) {
    let mut all = world.restoring.borrow_mut();
    all.get_mut(promotion).expect("begun").progress = progress;
}

fn origin(world: &World, promotion: &str) -> String {
    let all = world.restoring.borrow();
    let Restoring { origin, .. } = &all[promotion];
    origin.to_string()
}

#[tokio::test]
async fn all_calls_are_taken_off_and_everybody_gets_back_what_they_had() {
    let world = world();
    let stopped = world.ask(STOP).await.expect("stopped");
    let expected = Output::Stopped {
        stopped: 2,
        wait_seconds: 60,
    };
    assert_eq!(stopped, expected);
    assert_eq!(reserved(&world), [Some(0), Some(0)]);
    let resumed = world.ask(RESUME).await.expect("resumed");
    assert_eq!(reserved(&world), [None, Some(5)]);
    let Output::Resumed {
        resumed: 2,
        stopped: 0,
        said,
    } = resumed
    else {
        panic!("{resumed:?}");
    };
    let expected =
        "RestoreFailed: it is stuck. The database was not touched, and traffic was let in again.";
    assert_eq!(said, expected);
    let kinds: Vec<Kind> = world
        .recorded
        .borrow()
        .iter()
        .map(|(kind, _)| *kind)
        .collect();
    assert_eq!(kinds, [Kind::TrafficStopped, Kind::TrafficResumed]);
}

#[tokio::test]
async fn wherever_it_is_killed_the_next_call_knows_what_functions_had() {
    for after in 0..9 {
        let world = world();
        world.dies_after.set(Some(after));
        let killed = world.ask(STOP).await.is_err();
        assert_eq!(killed, after < 7, "{after}");
        world.dies_after.set(None);
        world.ask(STOP).await.expect("stopped");
        assert_eq!(reserved(&world), [Some(0), Some(0)], "{after}");
        world.dies_after.set(Some(after));
        let _ = world.ask(RESUME).await;
        world.dies_after.set(None);
        for _ in 0..2 {
            world.ask(RESUME).await.expect("resumed");
            assert_eq!(reserved(&world), [None, Some(5)], "{after}");
        }
    }
}

#[tokio::test]
async fn between_two_databases_no_traffic_is_let_in_and_people_are_told() {
    let world = world();
    world.ask(STOP).await.expect("stopped");
    comes_to(&world, OWN, Progress::Swapping);
    for _ in 0..2 {
        let output = world.ask(RESUME).await.expect("answered");
        let Output::Resumed {
            stopped: 2, said, ..
        } = output
        else {
            panic!("{output:?}");
        };
        assert!(said.contains("Traffic stays off"), "{said}");
    }
    world.retire().await.expect("retired");
    assert_eq!(reserved(&world), [Some(0), Some(0)]);
    let (kind, facts) = world.recorded.borrow().last().cloned().expect("recorded");
    assert_eq!(kind, Kind::Stranded);
    assert_eq!(facts["traffic"], json!({"api": null, "jobs": 5}));
}

#[tokio::test]
async fn a_later_attempt_goes_on_and_gives_back_what_was_there_before_the_first() {
    let world = world();
    world.ask(STOP).await.expect("stopped");
    comes_to(&world, OWN, Progress::Swapping);
    world.ask(&later(STOP)).await.expect("stopped");
    assert_eq!(origin(&world, LATER), OWN);
    let output = world.ask(&later(RESUME)).await.expect("answered");
    assert!(
        matches!(output, Output::Resumed { stopped: 2, .. }),
        "{output:?}"
    );
    comes_to(&world, LATER, Progress::Checked);
    world.ask(&later(RESUME)).await.expect("resumed");
    assert_eq!(reserved(&world), [None, Some(5)]);
    world.ask(RESUME).await.expect("answered");
    assert_eq!(reserved(&world), [None, Some(5)]);
}

#[tokio::test]
async fn who_let_traffic_in_by_hand_keeps_what_they_set() {
    let world = world();
    world.ask(STOP).await.expect("stopped");
    world.reserved.borrow_mut().insert(arn("api"), Some(9));
    world.ask(RESUME).await.expect("resumed");
    assert_eq!(reserved(&world), [Some(9), Some(5)]);
    world.ask(&later(STOP)).await.expect("stopped");
    assert_eq!(origin(&world, LATER), LATER);
    world.ask(&later(RESUME)).await.expect("resumed");
    assert_eq!(reserved(&world), [Some(9), Some(5)]);
}

#[tokio::test]
async fn a_function_that_the_team_itself_had_stopped_stays_so() {
    let world = world();
    world.reserved.borrow_mut().insert(arn("api"), Some(0));
    world.ask(STOP).await.expect("stopped");
    world.ask(RESUME).await.expect("resumed");
    assert_eq!(reserved(&world), [Some(0), Some(5)]);
}

#[tokio::test]
async fn a_function_that_the_team_keeps_stopped_leads_nobody_to_a_restore_that_is_over() {
    let world = world();
    world.reserved.borrow_mut().insert(arn("api"), Some(0));
    world.ask(STOP).await.expect("stopped");
    comes_to(&world, OWN, Progress::Swapping);
    // People put it right, and let in who was called before.
    world.reserved.borrow_mut().insert(arn("jobs"), Some(5));
    world.ask(&later(STOP)).await.expect("stopped");
    assert_eq!(origin(&world, LATER), LATER);
    world.ask(&later(RESUME)).await.expect("resumed");
    assert_eq!(reserved(&world), [Some(0), Some(5)]);
}

/// A restore was left between two databases, and then functions have this reserved.
async fn left(now: [Option<u32>; 2]) -> Rc<World> {
    let world = world();
    world.ask(STOP).await.expect("stopped");
    comes_to(&world, OWN, Progress::Swapping);
    let mut reserved = world.reserved.borrow_mut();
    reserved.extend([arn("api"), arn("jobs")].into_iter().zip(now));
    drop(reserved);
    world
}

#[tokio::test]
async fn where_some_were_let_in_between_two_databases_nobody_is_stopped_and_nothing_goes_on() {
    let world = left([None, Some(0)]).await;
    let error = world.ask(&later(STOP)).await.expect_err("refused");
    assert_eq!(error.name(), "NotStopped");
    let text = error.to_string();
    let said = [OWN, "off jobs", "let api in since", "Nothing was stopped"];
    assert!(said.iter().all(|said| text.contains(said)), "{text}");
    assert_eq!(reserved(&world), [None, Some(0)]);
    assert!(!world.restoring.borrow().contains_key(LATER));
}

#[tokio::test]
async fn a_restore_goes_on_where_all_stayed_off_and_is_over_where_all_were_let_in() {
    for (now, begun) in [([Some(0), Some(0)], OWN), ([None, Some(5)], LATER)] {
        let world = left(now).await;
        world.ask(&later(STOP)).await.expect("stopped");
        assert_eq!(origin(&world, LATER), begun);
    }
}

#[tokio::test]
async fn where_nobody_let_traffic_in_the_end_of_the_promotion_does() {
    let world = world();
    world.ask(STOP).await.expect("stopped");
    world.retire().await.expect("retired");
    assert_eq!(reserved(&world), [None, Some(5)]);
}

#[tokio::test]
async fn traffic_that_can_not_be_let_in_keeps_it_open_and_every_other_function_has_its_own_back() {
    let world = world();
    world.ask(STOP).await.expect("stopped");
    for refused in ["AccessDeniedException", "TooManyRequestsException"] {
        world.fails.set(Some(("reserve api", refused)));
        for error in [world.retire().await, world.ask(RESUME).await] {
            let error = error.expect_err("refused");
            assert_eq!(error.name(), "TrafficOff");
            let text = error.to_string();
            let said = ["traffic of api may still be off", refused];
            assert!(said.iter().all(|said| text.contains(said)), "{text}");
        }
        assert_eq!(reserved(&world), [Some(0), Some(5)]);
    }
    world.fails.set(None);
    world.retire().await.expect("let in");
    assert_eq!(reserved(&world), [None, Some(5)]);
    let (kind, facts) = world.recorded.borrow().last().cloned().expect("recorded");
    assert_eq!(kind, Kind::TrafficResumed);
    assert_eq!(facts["functions"], json!({"api": null, "jobs": 5}));
}

#[tokio::test]
async fn a_function_that_the_release_does_not_bring_gets_no_calls_either() {
    let world = world();
    let callee = |name: &str| json!({"arn": arn(name), "alias": "live"});
    let restore = json!({
        "backup": "nightly", "server": "cluster shop",
        "stops": {"api": callee("api"), "jobs": callee("jobs"), "mail": callee("mail")},
    });
    let restore = serde_json::from_value(restore).expect("a plan");
    world.given(|work| work.plan.restore = Some(restore));
    world.reserved.borrow_mut().insert(arn("mail"), Some(2));
    world.ask(STOP).await.expect("stopped");
    let mail = || world.reserved.borrow()[&arn("mail")];
    assert_eq!(mail(), Some(0));
    let facts = world.recorded.borrow()[0].1.clone();
    let had = json!({"api": null, "jobs": 5, "mail": 2});
    assert_eq!(facts["functions"], had);
    world.ask(RESUME).await.expect("resumed");
    assert_eq!(mail(), Some(2));
    assert_eq!(reserved(&world), [None, Some(5)]);
}

#[tokio::test]
async fn what_another_environments_restore_holds_is_not_taken_over() {
    let world = world();
    let elsewhere = STOP.replace("/prod/", "/staging/");
    world.ask(&elsewhere).await.expect("stopped");
    world.reserved.borrow_mut().insert(arn("jobs"), Some(5));
    let noted = world.stopped.borrow().clone();
    let error = world.ask(STOP).await.expect_err("held");
    assert_eq!(error.name(), "StoppedElsewhere");
    let text = error.to_string();
    let by = "storefront/staging/1.1.0/1";
    assert!(text.contains(by) && text.contains("function:api"), "{text}");
    assert_eq!(*world.stopped.borrow(), noted);
    assert_eq!(reserved(&world), [Some(0), Some(5)]);
    let output = world.ask(RESUME).await.expect("answered");
    assert!(matches!(output, Output::Resumed { resumed: 0, .. }));

    // Somebody lets all of it in by hand.
    world.reserved.borrow_mut().insert(arn("api"), Some(9));
    world.ask(STOP).await.expect("stopped");
    assert_eq!(origin(&world, OWN), OWN);
    world.ask(RESUME).await.expect("resumed");
    assert_eq!(reserved(&world), [Some(9), Some(5)]);
}

#[tokio::test]
async fn between_two_databases_people_are_told_who_gets_calls_all_the_same() {
    let world = world();
    world.ask(STOP).await.expect("stopped");
    comes_to(&world, OWN, Progress::Swapping);
    world.stopped.borrow_mut().remove(&arn("jobs"));
    world.stopped.borrow_mut().remove(&arn("api"));
    world.ask(RESUME).await.expect("answered");
    let (kind, facts) = world.recorded.borrow().last().cloned().expect("recorded");
    assert_eq!(kind, Kind::Stranded);
    assert_eq!(facts["called"], json!(["api", "jobs"]));
    let reason = facts["reason"].as_str().expect("a reason");
    assert!(
        reason.ends_with("api, jobs get calls all the same"),
        "{reason}"
    );
}

#[tokio::test]
async fn calls_that_lambda_does_not_take_off_end_it_before_the_database_is_touched() {
    let world = world();
    world
        .fails
        .set(Some(("reserve", "InvalidParameterValueException")));
    let error = world.ask(STOP).await.expect_err("refused");
    assert_eq!(error.name(), "NotStopped");
    world
        .fails
        .set(Some(("reserve", "TooManyRequestsException")));
    let error = world.ask(STOP).await.expect_err("throttled");
    assert_eq!(error.name(), "Throttled");
}

#[tokio::test]
async fn who_was_fenced_off_neither_stops_nor_resumes() {
    let world = world();
    world.ask(STOP).await.expect("stopped");
    world.generation.set(2);
    for event in [STOP, RESUME] {
        assert_eq!(world.ask(event).await.expect_err("fenced").name(), "Fenced");
    }
    assert_eq!(reserved(&world), [Some(0), Some(0)]);
}

#[tokio::test]
async fn traffic_is_let_in_only_where_nobody_begins_on_the_database_any_more() {
    let world = world();
    world.ask(STOP).await.expect("stopped");
    world.begins_meanwhile.set(true);
    let error = world.ask(RESUME).await.expect_err("somebody was faster");
    assert_eq!(error.name(), "Fenced");
    assert_eq!(reserved(&world), [Some(0), Some(0)]);
    world.begins_meanwhile.set(false);
    world.dies_after.set(Some(1));
    world.ask(RESUME).await.expect_err("it is killed");
    world.dies_after.set(None);
    let progress = world.restoring.borrow()[OWN].progress;
    assert_eq!(progress, Progress::Resumed);
    assert_eq!(reserved(&world), [Some(0), Some(0)]);
    // What a later one has to go on with is not over.
    world.ask(&later(STOP)).await.expect("stopped");
    let progress = world.restoring.borrow()[LATER].progress;
    assert_eq!(progress, Progress::Stopped);
    world.ask(&later(RESUME)).await.expect("resumed");
    assert_eq!(reserved(&world), [None, Some(5)]);
}

#[tokio::test]
async fn a_promotion_that_stopped_nobody_resumes_nobody() {
    let world = world();
    let output = world.ask(RESUME).await.expect("answered");
    assert!(matches!(
        output,
        Output::Resumed {
            resumed: 0,
            stopped: 0,
            ..
        }
    ));
    assert_eq!(reserved(&world), [None, Some(5)]);
}
