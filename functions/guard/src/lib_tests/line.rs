//! The line in front of the locks, one call after the other.

use sluice_domain::ledger::Kind;

use super::*;
use crate::fakes::{arn, guard};

fn policy(guard: &Guard<World>, queue: &str) {
    guard.ports.0.borrow_mut().settings["queue"] = json!(queue);
}

#[test]
fn a_free_target_is_locked_and_its_promotion_resumed_at_once() {
    let guard = guard();
    send(&guard, PLAN).unwrap();
    let waits = token("1.1.0").0;
    guard.ports.0.borrow_mut().waits.insert(waits);
    assert_eq!(send(&guard, ACQUIRE), Ok(json!({"acquired": true})));
    assert_eq!(guard.ports.holder().as_deref(), Some("1.1.0"));
    assert_eq!(guard.ports.signals(), ["token of 1.1.0 goes on at 0"]);
    assert!(guard.ports.line().is_empty());
}

#[test]
fn what_was_locked_for_a_promotion_that_had_ended_is_given_back_by_whoever_comes_next() {
    let guard = guard();
    assert!(enter(&guard, "1.1.0", 1));
    assert!(!enter(&guard, "1.2.0", 2));
    {
        // 1.2.0 ended while it got its turn, and who gave it broke off.
        let mut state = guard.ports.0.borrow_mut();
        let ended = state.promotions.get_mut(&id("1.2.0")).unwrap();
        ended.0.outcome = Some(Outcome::Superseded);
        state.locks.insert(arn("checkout"), id("1.2.0"));
    }
    assert_eq!(send(&guard, HANDOVER), Ok(json!({"resumed": 0})));
    assert_eq!(guard.ports.holder(), None);
    assert!(guard.ports.line().is_empty());
}

#[test]
fn a_promotion_without_a_plan_has_no_turn() {
    assert_eq!(send(&guard(), ACQUIRE), Err("NotFound"));
}

#[test]
fn who_is_resumed_gets_the_generation_that_holds_then() {
    let guard = guard();
    send(&guard, PLAN).unwrap();
    let mine = (id("1.1.0"), Generation(4));
    guard
        .ports
        .0
        .borrow_mut()
        .promotions
        .get_mut(&mine.0)
        .unwrap()
        .1 = mine.1;
    run(acquire(&guard, "1.1.0", 1)).unwrap();
    assert_eq!(guard.ports.signals(), ["token of 1.1.0 goes on at 4"]);
}

#[test]
fn a_held_target_is_waited_for_and_that_is_recorded() {
    let guard = guard();
    assert!(enter(&guard, "1.1.0", 1));
    assert!(!enter(&guard, "1.2.0", 2));
    assert_eq!(guard.ports.line(), ["1.2.0"]);
    assert_eq!(guard.ports.signals().len(), 1);
    assert_eq!(
        guard.ports.recorded("1.2.0", Kind::TargetsQueued),
        [json!({"target": arn("checkout"), "holder": "storefront/prod/1.1.0/1"})]
    );
}

#[test]
fn a_promotion_whose_task_is_tried_again_goes_on_under_its_new_token_at_its_old_place() {
    let guard = guard();
    assert!(enter(&guard, "1.1.0", 1));
    assert!(!enter(&guard, "1.2.0", 2));
    assert!(!enter(&guard, "1.3.0", 3));
    let task_token = TaskToken("second token".to_owned());
    let waits = task_token.0.clone();
    guard.ports.0.borrow_mut().waits = [waits].into();
    let again = Input::Acquire {
        promotion: id("1.2.0"),
        task_token,
    };
    run(guard.handle(again, at(4))).unwrap();
    end(&guard, "1.1.0", Outcome::Promoted);
    assert_eq!(guard.ports.signals()[1], "second token goes on at 0");
    assert_eq!(guard.ports.line(), ["1.3.0"]);
}

#[test]
fn a_policy_to_refuse_refuses_what_is_held_and_leaves_no_ticket() {
    let guard = guard();
    assert!(enter(&guard, "1.1.0", 1));
    policy(&guard, "refuse");
    prepare(&guard, "1.2.0");
    let error = run(acquire(&guard, "1.2.0", 2)).unwrap_err();
    assert_eq!(error.name(), "TargetsBusy");
    assert!(
        error.to_string().contains("storefront/prod/1.1.0/1"),
        "{error}"
    );
    assert!(guard.ports.line().is_empty());
}

#[test]
fn a_policy_to_supersede_ends_the_older_ones_that_wait_not_the_one_that_runs() {
    let guard = guard();
    assert!(enter(&guard, "1.1.0", 1));
    policy(&guard, "supersede");
    assert!(!enter(&guard, "1.2.0", 2));
    assert!(!enter(&guard, "1.3.0", 3));
    assert_eq!(guard.ports.line(), ["1.3.0"]);
    assert_eq!(
        guard.ports.signals(),
        [
            "token of 1.1.0 goes on at 0",
            "token of 1.2.0 is superseded by 1.3.0"
        ]
    );
    assert_eq!(guard.ports.holder().as_deref(), Some("1.1.0"));
    end(&guard, "1.2.0", Outcome::Superseded);
    assert_eq!(guard.ports.line(), ["1.3.0"]);
}

#[test]
fn promotions_of_other_applications_are_not_superseded() {
    let guard = guard();
    assert!(enter(&guard, "1.1.0", 1));
    assert!(!enter(&guard, "1.2.0", 2));
    guard.ports.0.borrow_mut().line[0].promotion.application = "backoffice".to_owned();
    policy(&guard, "supersede");
    assert!(!enter(&guard, "1.3.0", 3));
    assert_eq!(guard.ports.line(), ["1.2.0", "1.3.0"]);
}

#[test]
fn first_come_is_first_served() {
    let guard = guard();
    let versions = ["1.1.0", "1.4.0", "1.2.0", "1.3.0"];
    let mut second = 0;
    for version in versions {
        second += 1;
        assert_eq!(enter(&guard, version, second), version == "1.1.0");
    }
    for version in versions {
        assert_eq!(guard.ports.holder().as_deref(), Some(version));
        end(&guard, version, Outcome::RolledBack);
    }
    assert_eq!(guard.ports.holder(), None);
}

#[test]
fn who_comes_later_does_not_overtake_those_in_line_when_a_hand_over_was_missed() {
    let guard = guard();
    assert!(enter(&guard, "1.1.0", 1));
    assert!(!enter(&guard, "1.2.0", 2));
    guard.ports.0.borrow_mut().broken = Some("waiting");
    end(&guard, "1.1.0", Outcome::RolledBack);
    guard.ports.0.borrow_mut().broken = None;
    assert!(!enter(&guard, "1.3.0", 3));
    assert_eq!(guard.ports.holder().as_deref(), Some("1.2.0"));
    assert_eq!(guard.ports.line(), ["1.3.0"]);
}

#[test]
fn who_waits_for_two_targets_is_not_overtaken_for_the_one_that_is_free() {
    let guard = guard();
    assert!(enter(&guard, "1.1.0", 1));
    prepare(&guard, "1.2.0");
    {
        let mut state = guard.ports.0.borrow_mut();
        let plan = state.plans.get_mut(&id("1.2.0")).unwrap();
        let orders = plan.functions.get_mut("orders").unwrap();
        orders.change = sluice_domain::plan::Change::Update;
        let other = "backoffice/prod/3.0.0/1".parse().unwrap();
        state.locks.insert(arn("orders"), other);
    }
    assert_eq!(
        run(acquire(&guard, "1.2.0", 2)).unwrap(),
        Output::Queued { acquired: false }
    );
    assert!(!enter(&guard, "1.3.0", 3));
    end(&guard, "1.1.0", Outcome::RolledBack);
    assert_eq!(guard.ports.holder(), None);
    assert_eq!(guard.ports.line(), ["1.2.0", "1.3.0"]);
    guard.ports.0.borrow_mut().locks.clear();
    assert_eq!(send(&guard, HANDOVER), Ok(json!({"resumed": 1})));
    assert_eq!(guard.ports.holder().as_deref(), Some("1.2.0"));
}

#[test]
fn the_ticket_of_a_closed_promotion_is_dropped_and_not_counted_as_resumed() {
    let guard = guard();
    assert!(enter(&guard, "1.1.0", 1));
    assert!(!enter(&guard, "1.2.0", 2));
    guard.ports.0.borrow_mut().broken = Some("waiting");
    end(&guard, "1.2.0", Outcome::Aborted);
    guard.ports.0.borrow_mut().broken = None;
    assert_eq!(guard.ports.line(), ["1.2.0"]);
    assert_eq!(send(&guard, HANDOVER), Ok(json!({"resumed": 0})));
    assert!(guard.ports.line().is_empty());
    assert_eq!(guard.ports.holder().as_deref(), Some("1.1.0"));
}

#[test]
fn a_ticket_that_cannot_be_served_does_not_stop_those_behind_it() {
    let guard = guard();
    assert!(enter(&guard, "1.1.0", 1));
    assert!(!enter(&guard, "1.2.0", 2));
    {
        // In front, for something else, and with a token that only fails.
        let mut state = guard.ports.0.borrow_mut();
        let mut other = state.line[0].clone();
        other.promotion = id("0.9.0");
        other.targets = vec![arn("orders")];
        other.token = token("0.9.0");
        state.line.insert(0, other);
        state.broken = Some("resume token of 0.9.0");
    }
    guard.ports.open("0.9.0");
    end(&guard, "1.1.0", Outcome::RolledBack);
    assert_eq!(guard.ports.holder().as_deref(), Some("1.2.0"));
    assert!(
        run(guard.handle(input(HANDOVER), at(0))).is_err(),
        "it is said all the same"
    );
}
