use std::rc::Rc;

use sluice_domain::alias::Routing;
use sluice_domain::ledger::Kind;
use sluice_domain::settings::{Step, Then};
use sluice_platform::lambda::Named;

use super::*;

#[path = "lib_tests/back.rs"]
mod back_tests;
#[path = "lib_tests/deploying.rs"]
mod deploying;
#[path = "lib_tests/operators.rs"]
mod operators;
#[path = "lib_tests/sequences.rs"]
mod sequences;
#[path = "lib_tests/world.rs"]
mod world;

use world::{Trouble, World, shared};

fn group() -> Rc<World> {
    World::new(&["api", "jobs", "web"], &[])
}

#[test]
fn an_input_with_a_field_that_nobody_knows_is_refused() {
    let text =
        r#"{"goal":"stable","promotion":"storefront/prod/1.1.0/1","generation":1,"force":true}"#;
    let refused = serde_json::from_str::<Input>(text).expect_err("an unknown field");
    assert!(refused.to_string().contains("force"), "{refused}");
}

#[tokio::test]
async fn the_first_step_saves_the_journal_before_it_moves_the_group_in_order() {
    let world = group();
    let output = world.ask(world.step(0)).await.expect("a step");
    assert_eq!(
        world.take_log(),
        [
            "save step -",
            "record TrafficJournaled",
            "save step 0",
            "write api version 1 with 10 % on 2",
            "write jobs version 1 with 10 % on 2",
            "write web version 1 with 10 % on 2",
            "save step 0 done",
            "record TrafficShifted",
        ]
    );
    let json = serde_json::to_value(output).expect("JSON");
    let expected = serde_json::json!({ "next": "bake", "wait_seconds": 60, "next_step": 1 });
    assert_eq!(json, expected);
}

#[tokio::test]
async fn a_step_has_shifted_once_its_last_alias_has() {
    let world = group();
    world.ask(world.step(0)).await.expect("a step");
    let journal = world.journal.borrow().clone().expect("a journal");
    let seconds = |time: Option<Timestamp>| time.map(Timestamp::as_second);
    assert_eq!(seconds(journal.begun_at), Some(0));
    assert_eq!(seconds(journal.shifted_at), Some(3));
}

#[tokio::test]
async fn each_step_says_what_follows_it() {
    let world = group();
    let mut followed_by = Vec::new();
    for step in 0..3 {
        let output = world.ask(world.step(step)).await.expect("a step");
        followed_by.push((output.next, output.next_step));
    }
    let expected = [
        (Some(Next::Bake), Some(1)),
        (Some(Next::Advance), Some(2)),
        (Some(Next::Live), Some(3)),
    ];
    assert_eq!(followed_by, expected);
    for name in ["api", "jobs", "web"] {
        assert_eq!(world.routing(name), Some(Routing::only("2")));
    }
}

#[tokio::test]
async fn a_repeated_step_answers_the_same_and_moves_nothing() {
    let world = group();
    let first = world.ask(world.step(0)).await.expect("a step");
    let aliases = world.aliases();
    world.take_log();
    let second = world.ask(world.step(0)).await.expect("the same step");
    assert_eq!(first, second);
    assert_eq!(world.aliases(), aliases);
    assert_eq!(world.take_log(), Vec::<String>::new());
}

#[tokio::test]
async fn a_function_that_does_not_change_is_left_out() {
    let world = group().with_unchanged("mail");
    for step in 0..3 {
        world.ask(world.step(step)).await.expect("a step");
    }
    let touched = world.take_log().iter().any(|line| line.contains("mail"));
    assert!(!touched);
}

#[tokio::test]
async fn nothing_moves_when_the_journal_can_not_be_saved() {
    let world = group();
    world.save_fails.set(true);
    let error = world.ask(world.step(0)).await.expect_err("no journal");
    assert_eq!(error.name(), "Throttled");
    assert_eq!(world.take_log(), Vec::<String>::new());
}

#[tokio::test]
async fn a_lost_answer_is_made_good_by_asking_again() {
    let world = group();
    world.at_write(2, Trouble::AnswerLost);
    let error = world.ask(world.step(0)).await.expect_err("a lost answer");
    assert_eq!(error.name(), "AwsCallFailed");
    for step in 0..3 {
        world.ask(world.step(step)).await.expect("a step");
    }
    assert_eq!(world.routing("web"), Some(Routing::only("2")));
}

#[tokio::test]
async fn a_step_that_died_half_way_is_finished_by_asking_again() {
    for trouble in [Trouble::CrashBefore, Trouble::CrashAfter, Trouble::Fault] {
        let world = World::new(&["api", "jobs"], &["web"]);
        for step in 0..3 {
            world.at_write(2, trouble.clone());
            let died = !matches!(world.try_ask(world.step(step)).await, Some(Ok(_)));
            assert!(died, "{trouble:?} at step {step}");
            world.ask(world.step(step)).await.expect("the same step");
        }
        assert_eq!(world.routing("web"), Some(Routing::only("2")));
    }
}

#[tokio::test]
async fn a_foreign_change_stops_a_step_and_is_not_overwritten() {
    let world = group();
    world.at_write(2, Trouble::Foreign(Routing::only("7")));
    let error = world
        .ask(world.step(0))
        .await
        .expect_err("a foreign change");
    assert_eq!(error.name(), "AliasChanged");
    let text = error.to_string();
    assert!(
        text.contains("live of jobs") && text.contains("found version 7"),
        "{text}"
    );
    assert!(
        text.contains("left no description") && text.contains("lookup-events"),
        "{text}"
    );
    assert_eq!(world.routing("jobs"), Some(Routing::only("7")));
    assert_eq!(world.routing("web"), Some(Routing::only("1")));
    assert_eq!(
        world.ask(world.step(0)).await.expect_err("still").name(),
        "AliasChanged"
    );
}

#[tokio::test]
async fn an_alias_whose_answer_takes_long_keeps_no_other_waiting() {
    let world = group();
    world.at_write(1, Trouble::Pause);
    let others = async {
        world.until_paused().await;
        let moved = ["jobs", "web"].map(|name| world.routing(name));
        world.resume();
        moved
    };
    let (step, moved) = tokio::join!(world.ask(world.step(0)), others);
    step.expect("the step is taken");
    assert_eq!(moved, [(); 2].map(|()| Some(shared("1", "2", 0.1))));
    assert_eq!(world.routing("api"), Some(shared("1", "2", 0.1)));
}

#[tokio::test]
async fn what_was_begun_when_a_foreign_change_is_met_is_waited_for() {
    let world = group();
    world.at_write(1, Trouble::Pause);
    world.at_write(2, Trouble::Foreign(Routing::only("7")));
    let resume = async {
        world.until_paused().await;
        world.resume();
    };
    let (step, ()) = tokio::join!(world.ask(world.step(0)), resume);
    assert_eq!(step.expect_err("a foreign change").name(), "AliasChanged");
    assert_eq!(world.routing("api"), Some(shared("1", "2", 0.1)));
    assert_eq!(world.routing("web"), Some(Routing::only("1")), "not begun");
}

#[tokio::test]
async fn a_change_since_the_versions_were_published_is_foreign_though_the_version_is_the_same() {
    let world = group();
    world.foreign("api", Some(Routing::only("1")));
    let error = world
        .ask(world.step(0))
        .await
        .expect_err("another RevisionId");
    assert_eq!(error.name(), "AliasChanged");
}

#[tokio::test]
async fn somebody_elses_alias_stops_a_first_deployment() {
    let world = World::new(&[], &["api"]);
    for step in 0..2 {
        world.ask(world.step(step)).await.expect("a step");
    }
    world.foreign("api", Some(Routing::only("7")));
    let error = world
        .ask(world.step(2))
        .await
        .expect_err("an alias is there");
    assert_eq!(error.name(), "AliasChanged");
    assert_eq!(world.routing("api"), Some(Routing::only("7")));
}

#[tokio::test]
async fn a_step_out_of_order_is_refused() {
    let world = group();
    let refused = [
        (None, 1),
        (None, 3),
        (Some(0), 3),
        (Some(1), 0),
        (Some(2), 3),
    ];
    for (take, ask) in refused {
        if let Some(step) = take {
            world.ask(world.step(step)).await.expect("a step");
        }
        let aliases = world.aliases();
        let error = world.ask(world.step(ask)).await.expect_err("out of order");
        assert_eq!(error.name(), "OutOfStep", "{ask} after {take:?}");
        assert_eq!(world.aliases(), aliases);
    }
    let nameless = Input {
        step: None,
        ..world.step(0)
    };
    let error = world.ask(nameless).await.expect_err("no step named");
    assert_eq!(error.name(), "OutOfStep");
}

#[tokio::test]
async fn the_last_step_can_follow_any_that_was_finished_and_none_that_was_not() {
    let world = group();
    world.ask(world.step(2)).await.expect_err("never the first");
    world.ask(world.step(0)).await.expect("a step");
    let output = world.ask(world.step(2)).await.expect("the last step");
    assert_eq!(output.next, Some(Next::Live));
    assert_eq!(world.routing("api"), Some(Routing::only("2")));
    world.ask(world.step(1)).await.expect_err("never back");
    world.ask(world.commit()).await.expect("a commit");
}

#[tokio::test]
async fn a_step_that_waits_for_a_person_is_looked_at_also_without_a_bake() {
    let mut world = group();
    let plan = &mut Rc::get_mut(&mut world).expect("nobody else's").plan;
    plan.steps[0] = Step {
        then: Some(Then::Pause),
        ..Step::new(0.0, 0)
    };
    let before = world.aliases();
    let output = world.ask(world.step(0)).await.expect("a step");
    assert_eq!(
        (output.next, output.wait_seconds),
        (Some(Next::Bake), Some(0))
    );
    assert_eq!(
        world.aliases(),
        before,
        "nobody is sent to the new versions"
    );
    let begun_at = || {
        let journal = world.journal.borrow();
        journal.as_ref().and_then(|journal| journal.begun_at)
    };
    assert_eq!(begun_at(), None, "what is normal may change until then");
    world.ask(world.step(1)).await.expect("the next step");
    assert!(begun_at().is_some());
}

#[tokio::test]
async fn an_unfinished_step_can_not_be_passed_over() {
    let world = group();
    world.at_write(1, Trouble::Fault);
    world.ask(world.step(0)).await.expect_err("a failed step");
    let error = world
        .ask(world.step(1))
        .await
        .expect_err("step 0 is unfinished");
    assert_eq!(
        error.to_string(),
        "step 1 was asked for; the journal's next step is 0"
    );
    assert_eq!(world.routing("api"), Some(Routing::only("1")));
}

#[tokio::test]
async fn commit_is_refused_before_every_step_was_taken() {
    let world = group();
    for step in 0..3 {
        let error = world.ask(world.commit()).await.expect_err("too early");
        assert_eq!(error.name(), "OutOfStep");
        if step == 2 {
            world.at_write(3, Trouble::Fault);
            world.ask(world.step(step)).await.expect_err("a fault");
            world.ask(world.commit()).await.expect_err("unfinished");
        }
        world.ask(world.step(step)).await.expect("a step");
    }
    world.ask(world.commit()).await.expect("a commit");
    world.ask(world.commit()).await.expect("the same commit");
    assert!(world.is_committed());
    assert_eq!(world.kinds().last(), Some(&Kind::Committed));
}

#[tokio::test]
async fn a_first_deployment_creates_its_alias_with_the_last_step_only() {
    let world = World::new(&["api"], &["web"]);
    for step in 0..2 {
        world.ask(world.step(step)).await.expect("a step");
        assert_eq!(world.routing("web"), None);
        assert!(world.routing("api").is_some_and(|api| !api.is_settled()));
    }
    world.ask(world.step(2)).await.expect("the last step");
    assert_eq!(world.routing("web"), Some(Routing::only("2")));
}

#[tokio::test]
async fn what_could_not_be_recorded_is_recorded_when_it_is_asked_for_again() {
    let world = group();
    world.record_fails.set(true);
    let error = world.ask(world.step(0)).await.expect_err("not recorded");
    assert_eq!(error.name(), "Throttled");
    assert_eq!(world.routing("api"), Some(Routing::only("1")));
    world.record_fails.set(false);
    world.ask(world.step(0)).await.expect("a step");
    assert_eq!(
        world.kinds(),
        [Kind::TrafficJournaled, Kind::TrafficShifted]
    );

    world.record_fails.set(true);
    world.ask(world.step(1)).await.expect_err("not recorded");
    assert_eq!(world.routing("api"), Some(shared("1", "2", 0.5)));
    world.record_fails.set(false);
    world.ask(world.step(1)).await.expect("the same step");
    let kinds = [
        Kind::TrafficJournaled,
        Kind::TrafficShifted,
        Kind::TrafficShifted,
    ];
    assert_eq!(world.kinds(), kinds);
}

#[tokio::test]
async fn a_zombie_of_an_older_generation_writes_nothing() {
    let world = group();
    world.ask(world.step(0)).await.expect("a step");
    let zombies = [
        world.step(1),
        world.stable(),
        Input {
            step: None,
            ..world.commit()
        },
    ];
    world.generation.set(2);
    let aliases = world.aliases();
    world.take_log();
    for zombie in &zombies[..2] {
        let error = world.ask(zombie.clone()).await.expect_err("fenced");
        assert_eq!(error.name(), "Fenced");
    }
    for step in 1..3 {
        world
            .ask(world.step(step))
            .await
            .expect("a step of its successor");
    }
    let moved = world.aliases();
    assert_ne!(moved, aliases);
    world.take_log();
    let error = world.ask(zombies[2].clone()).await.expect_err("fenced");
    assert_eq!(error.name(), "Fenced");
    assert!(!world.is_committed());
    assert_eq!(world.aliases(), moved);
    assert_eq!(world.take_log(), Vec::<String>::new());
}
