//! What is checked after the waits and before each step.

use sluice_domain::approval::{Choice, State};
use sluice_domain::ledger::Kind;

use super::*;
use crate::fakes::{arn, guard, release, serving};

/// 1.1.0 has its plan and its locks.
fn planned() -> Guard<World> {
    let guard = guard();
    assert!(enter(&guard, "1.1.0", 1));
    guard
}

/// And bob has approved it.
fn approved() -> Guard<World> {
    let guard = planned();
    guard
        .ports
        .asked(&[("bob", Choice::Approve)], State::Approved);
    guard
}

#[test]
fn an_approved_plan_that_still_holds_is_clear_also_long_after_the_vote() {
    let guard = approved();
    let much_later = at(500_000);
    let answer = run(guard.handle(input(RECHECK), much_later)).unwrap();
    let epoch = much_later.as_millisecond();
    assert_eq!(answer, Output::Rechecked { epoch });
    let entries = guard.ports.recorded("1.1.0", Kind::TargetsAcquired);
    assert_eq!(entries.len(), 1);
}

#[test]
fn a_plan_that_changed_since_the_approval_is_refused() {
    let guard = approved();
    let before = guard.ports.0.borrow().plans.clone();
    let now = serving("checkout", "1.0.1");
    let name = "storefront-checkout-prod".to_owned();
    guard.ports.0.borrow_mut().functions.insert(name, now);
    assert_eq!(send(&guard, RECHECK), Err("PlanChanged"));
    assert_eq!(guard.ports.0.borrow().plans, before);
}

#[test]
fn a_function_whose_own_configuration_changed_since_the_approval_is_refused() {
    let guard = approved();
    let mut now = serving("checkout", "1.0.0");
    now.own.memory_mb = Some(256);
    let name = "storefront-checkout-prod".to_owned();
    guard.ports.0.borrow_mut().functions.insert(name, now);
    assert_eq!(send(&guard, RECHECK), Err("PlanChanged"));
}

#[test]
fn settings_that_shift_in_other_steps_than_approved_are_refused() {
    let guard = approved();
    guard.ports.0.borrow_mut().settings["steps"] = json!([{"weight": 100, "bake_seconds": 0}]);
    assert_eq!(send(&guard, RECHECK), Err("PlanChanged"));
}

#[test]
fn a_bundle_that_is_not_what_was_released_is_refused() {
    for guard in [planned(), approved()] {
        let other = release("6.6.6").to_string().into_bytes();
        let version = "1.1.0".to_owned();
        guard.ports.0.borrow_mut().bundles.insert(version, other);
        assert_eq!(send(&guard, RECHECK), Err("BundleInvalid"));
    }
}

#[test]
fn an_approval_of_another_bundle_is_none() {
    let guard = approved();
    {
        let mut state = guard.ports.0.borrow_mut();
        let approval = state.approvals.get_mut(&id("1.1.0")).unwrap();
        approval.0.request.bundle = sluice_domain::digest::Digest::of(b"other");
    }
    assert_eq!(send(&guard, RECHECK), Err("NotApproved"));
}

#[test]
fn a_missing_approval_is_refused() {
    let guard = approved();
    guard.ports.0.borrow_mut().approvals.clear();
    assert_eq!(send(&guard, RECHECK), Err("NotApproved"));
}

#[test]
fn an_approval_that_became_required_during_the_wait_is_refused_if_missing() {
    let guard = planned();
    assert!(send(&guard, RECHECK).is_ok());
    guard.ports.asked(&[], State::Pending);
    assert_eq!(send(&guard, RECHECK), Err("NotApproved"));
}

#[test]
fn votes_that_do_not_add_up_are_refused_although_the_request_says_approved() {
    let forged: [&[(&str, Choice)]; 4] = [
        &[],
        &[("mallory", Choice::Approve)],
        &[("ada", Choice::Approve)],
        &[("bob", Choice::Reject)],
    ];
    for votes in forged {
        let guard = planned();
        guard.ports.asked(votes, State::Approved);
        assert_eq!(send(&guard, RECHECK), Err("NotApproved"), "{votes:?}");
    }
}

#[test]
fn enough_votes_on_a_request_that_ended_otherwise_are_refused() {
    for state in [State::Pending, State::Expired, State::Superseded] {
        let guard = planned();
        guard.ports.asked(&[("bob", Choice::Approve)], state);
        assert_eq!(send(&guard, RECHECK), Err("NotApproved"), "{state:?}");
    }
}

#[test]
fn a_freeze_that_came_during_the_wait_is_refused() {
    let guard = approved();
    guard.ports.freeze();
    assert_eq!(send(&guard, RECHECK), Err("Frozen"));
    assert!(
        guard
            .ports
            .recorded("1.1.0", Kind::TargetsAcquired)
            .is_empty()
    );
}

#[test]
fn a_newer_version_that_was_promoted_during_the_wait_is_refused() {
    let guard = approved();
    guard.ports.promoted("1.2.0", 10);
    assert_eq!(send(&guard, RECHECK), Err("OutOfOrder"));
}

#[test]
fn a_stale_generation_is_refused_by_recheck_and_check() {
    let guard = approved();
    let state = |generation| {
        let mut state = guard.ports.0.borrow_mut();
        state.promotions.get_mut(&id("1.1.0")).unwrap().1 = Generation(generation);
    };
    state(1);
    assert_eq!(send(&guard, RECHECK), Err("Fenced"));
    assert_eq!(send(&guard, CHECK), Err("Fenced"));
    state(0);
    assert!(send(&guard, RECHECK).is_ok());
}

#[test]
fn a_closed_promotion_goes_no_further() {
    let guard = approved();
    end(&guard, "1.1.0", Outcome::RolledBack);
    assert_eq!(send(&guard, RECHECK), Err("Fenced"));
    assert_eq!(send(&guard, CHECK), Err("Fenced"));
}

#[test]
fn without_an_approval_a_plan_that_changed_during_the_wait_is_kept_anew() {
    let guard = planned();
    let before = guard.ports.0.borrow().plans[&id("1.1.0")].clone();
    let now = serving("checkout", "1.0.1");
    let name = "storefront-checkout-prod".to_owned();
    guard
        .ports
        .0
        .borrow_mut()
        .functions
        .insert(name, now.clone());
    assert!(send(&guard, RECHECK).is_ok());
    let kept = guard.ports.0.borrow().plans[&id("1.1.0")].clone();
    assert_ne!(kept, before);
    let current = now.live.map(|(current, _)| current);
    assert_eq!(kept.functions["checkout"].current, current);
    let entries = guard.ports.recorded("1.1.0", Kind::TargetsAcquired);
    assert_eq!(entries[0]["plan"], json!(kept.hash().unwrap()));
}

/// `orders`, which 1.1.0 was not going to change, serves other code now.
fn orders_moved(guard: &Guard<World>) {
    let now = serving("orders", "1.0.1");
    let name = "storefront-orders-prod".to_owned();
    guard.ports.0.borrow_mut().functions.insert(name, now);
}

#[test]
fn a_function_that_only_the_new_plan_changes_is_locked_too_and_given_back() {
    let guard = planned();
    orders_moved(&guard);
    assert!(send(&guard, RECHECK).is_ok());
    let holder = |function| guard.ports.0.borrow().locks.get(&arn(function)).cloned();
    assert_eq!(holder("checkout"), Some(id("1.1.0")));
    assert_eq!(holder("orders"), Some(id("1.1.0")));
    end(&guard, "1.1.0", Outcome::Promoted);
    assert!(guard.ports.0.borrow().locks.is_empty());
}

#[test]
fn targets_are_given_back_also_if_the_recheck_that_locked_them_could_not_keep_its_plan() {
    let guard = planned();
    orders_moved(&guard);
    guard.ports.0.borrow_mut().broken = Some("keep_plan");
    assert!(send(&guard, RECHECK).is_err());
    guard.ports.0.borrow_mut().broken = None;
    // A turn that is taken again asks for what the kept plan changes.
    run(acquire(&guard, "1.1.0", 2)).unwrap();
    end(&guard, "1.1.0", Outcome::RolledBack);
    assert!(guard.ports.0.borrow().locks.is_empty());
}

#[test]
fn a_recheck_of_a_closed_promotion_gives_back_what_one_that_broke_off_had_locked() {
    let guard = planned();
    end(&guard, "1.1.0", Outcome::RolledBack);
    let mut locks = [(arn("checkout"), id("1.1.0"))].into();
    std::mem::swap(&mut guard.ports.0.borrow_mut().locks, &mut locks);
    assert_eq!(send(&guard, RECHECK), Err("Fenced"));
    assert_eq!(guard.ports.holder(), None);
}

#[test]
fn a_function_that_only_the_new_plan_changes_and_another_promotion_holds_is_refused() {
    let guard = planned();
    orders_moved(&guard);
    let other = "backoffice/prod/3.0.0/1".parse().unwrap();
    guard
        .ports
        .0
        .borrow_mut()
        .locks
        .insert(arn("orders"), other);
    assert_eq!(send(&guard, RECHECK), Err("TargetsBusy"));
}

#[test]
fn targets_of_the_first_plan_that_the_new_one_leaves_alone_are_given_back_at_the_end() {
    let guard = planned();
    orders_moved(&guard);
    let there = serving("checkout", "1.1.0");
    let name = "storefront-checkout-prod".to_owned();
    guard.ports.0.borrow_mut().functions.insert(name, there);
    assert!(send(&guard, RECHECK).is_ok());
    assert!(send(&guard, RECHECK).is_ok(), "tried again");
    end(&guard, "1.1.0", Outcome::Promoted);
    assert!(guard.ports.0.borrow().locks.is_empty());
}

#[test]
fn before_a_step_the_owner_of_an_unfrozen_promotion_is_clear() {
    let guard = approved();
    assert_eq!(send(&guard, CHECK), Ok(json!({"clear": true})));
}

#[test]
fn before_a_step_a_freeze_is_refused() {
    let guard = approved();
    guard.ports.freeze();
    assert_eq!(send(&guard, CHECK), Err("Frozen"));
}

#[test]
fn a_vote_without_a_seal_that_holds_is_refused_by_name() {
    let guard = approved();
    {
        let mut state = guard.ports.0.borrow_mut();
        let (_, votes) = state.approvals.get_mut(&id("1.1.0")).unwrap();
        votes.forged.push("mallory".to_owned());
    }
    assert_eq!(send(&guard, RECHECK), Err("NotApproved"));
}

#[test]
fn a_request_that_says_more_people_may_vote_than_settings_do_is_refused() {
    let forged: [fn(&mut sluice_domain::approval::Request); 6] = [
        |request| request.expires_at += jiff::SignedDuration::from_hours(24),
        |request| {
            request.wish = Some(sluice_domain::approval::AskedWish {
                wish: sluice_domain::controls::Wish::Emergency,
                by: "bob".to_owned(),
                reason: "it burns".to_owned(),
            });
        },
        |request| request.policy.quorum = 0,
        |request| request.policy.slots.clear(),
        |request| request.authors.clear(),
        |request| {
            request.requester =
                sluice_domain::caller::Principal::of_arn("arn:aws:iam::123456789012:user/bob").ok()
        },
    ];
    for (at, forge) in forged.into_iter().enumerate() {
        let guard = approved();
        if at == 3 {
            let mut state = guard.ports.0.borrow_mut();
            state.settings["approval"]["slots"] = json!([{"role": "pm", "count": 1}]);
            state.settings["approval"]["approvers"][0]["roles"] = json!(["pm"]);
        }
        {
            let mut state = guard.ports.0.borrow_mut();
            let (open, _) = state.approvals.get_mut(&id("1.1.0")).unwrap();
            forge(&mut open.request);
        }
        assert_eq!(send(&guard, RECHECK), Err("NotApproved"), "{at}");
    }
}
