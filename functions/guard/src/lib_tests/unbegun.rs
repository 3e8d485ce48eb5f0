//! Promotions that never began: whoever is first, the one who closes it or the one
//! who opens its record, the ledger tells of one end.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use sluice_domain::ledger::Kind;

use super::*;
use crate::fakes::guard;

/// The word for what never began, and why, as people read it.
const REASON: &str = "NotBegun: it could not be started, or its execution ended before its \
                      first step: StepFunctions.AWSStepFunctionsException: Rate exceeded";

/// Nobody has opened the record of 1.1.0.
fn unopened() -> Guard<World> {
    let guard = guard();
    guard.ports.0.borrow_mut().promotions.clear();
    guard
}

/// How many ends of 1.1.0 the ledger tells of.
fn ends(guard: &Guard<World>) -> usize {
    guard.ports.recorded("1.1.0", Kind::PromotionClosed).len()
}

/// What `verify` does: says whether the promotion is its execution's, and open.
fn open(guard: &Guard<World>) -> bool {
    if !guard.ports.0.borrow().promotions.contains_key(&id("1.1.0")) {
        guard.ports.open("1.1.0");
    }
    let state = guard.ports.0.borrow();
    let (promotion, _) = &state.promotions[&id("1.1.0")];
    promotion.execution_arn == execution("1.1.0") && promotion.outcome.is_none()
}

#[test]
fn a_promotion_that_never_began_is_closed_and_the_ledger_says_why() {
    let guard = unopened();
    let answer = send(&guard, CLOSE_UNBEGUN);
    assert_eq!(answer, Ok(json!({"outcome": "refused"})));
    let facts = json!({"outcome": "refused", "reason": REASON});
    let recorded = guard.ports.recorded("1.1.0", Kind::PromotionClosed);
    assert_eq!(recorded, [facts]);
    let state = guard.ports.0.borrow();
    let (closed, generation) = &state.promotions[&id("1.1.0")];
    assert!(!closed.began());
    assert_eq!(closed.reason.as_deref(), Some(REASON));
    assert_eq!(*generation, Generation(1));
    assert!(state.settled.contains(&id("1.1.0")));
}

#[test]
fn an_opening_that_comes_too_late_is_refused_and_its_execution_ends_without_a_second_end() {
    let guard = unopened();
    assert!(send(&guard, CLOSE_UNBEGUN).is_ok());
    assert!(!open(&guard));
    assert_eq!(end(&guard, "1.1.0", Outcome::Refused), Outcome::Refused);
    assert_eq!(end(&guard, "1.1.0", Outcome::Stranded), Outcome::Stranded);
    assert_eq!(ends(&guard), 1);
    assert!(guard.ports.recorded("1.1.0", Kind::Stranded).is_empty());
    assert_eq!(guard.ports.outcome("1.1.0"), Some(Outcome::Refused));
}

#[test]
fn a_promotion_that_began_is_left_alone() {
    let guard = unopened();
    assert!(open(&guard));
    let before = guard.ports.0.borrow().promotions.clone();
    let answer = send(&guard, CLOSE_UNBEGUN);
    assert_eq!(answer, Ok(json!({"outcome": null})));
    assert_eq!(guard.ports.0.borrow().promotions, before);
    assert_eq!(ends(&guard), 0);
}

#[test]
fn of_one_that_began_and_has_ended_the_outcome_is_answered() {
    for (outcome, word) in [
        (Outcome::Promoted, "promoted"),
        (Outcome::RolledBack, "rolled_back"),
    ] {
        let guard = guard();
        end(&guard, "1.1.0", outcome);
        let answer = send(&guard, CLOSE_UNBEGUN);
        assert_eq!(answer, Ok(json!({"outcome": word})));
        assert_eq!(ends(&guard), 1);
    }
}

#[test]
fn wherever_an_opening_comes_in_between_either_it_holds_or_the_promotion_is_closed() {
    let (mut opened, mut refused) = (0, 0);
    let mut context = Context::from_waker(Waker::noop());
    for turns in 0.. {
        let guard = unopened();
        let mut closing = pin!(guard.handle(input(CLOSE_UNBEGUN), at(1000)));
        let mut over = false;
        for _ in 0..turns {
            over = over || matches!(closing.as_mut().poll(&mut context), Poll::Ready(Ok(_)));
        }
        let holds = open(&guard);
        if !over {
            run(closing.as_mut()).unwrap();
        }
        let outcome = guard.ports.outcome("1.1.0");
        if holds {
            opened += 1;
            assert_eq!((outcome, ends(&guard)), (None, 0), "after {turns} turns");
        } else {
            refused += 1;
            let closed = (Some(Outcome::Refused), 1);
            assert_eq!((outcome, ends(&guard)), closed, "after {turns} turns");
        }
        if over {
            break;
        }
    }
    assert!(
        opened > 1 && refused > 1,
        "{opened} opened, {refused} refused"
    );
}

#[test]
fn closing_it_again_completes_what_broke_off_and_adds_nothing() {
    for broken in ["close_unopened", "record", "settle"] {
        let guard = unopened();
        guard.ports.0.borrow_mut().broken = Some(broken);
        assert!(send(&guard, CLOSE_UNBEGUN).is_err(), "{broken}");
        guard.ports.0.borrow_mut().broken = None;
        for _ in 0..2 {
            let answer = send(&guard, CLOSE_UNBEGUN);
            assert_eq!(answer, Ok(json!({"outcome": "refused"})), "{broken}");
        }
        assert_eq!(ends(&guard), 1, "{broken}");
    }
}

/// `verify` found no bundle before it had opened the record, say, and goes on after
/// its time-out.
#[test]
fn a_late_first_step_does_not_open_again_what_its_own_execution_has_closed() {
    let guard = unopened();
    assert_eq!(end(&guard, "1.1.0", Outcome::Refused), Outcome::Refused);
    assert!(!open(&guard));
    assert_eq!(
        send(&guard, CLOSE_UNBEGUN),
        Ok(json!({"outcome": "refused"}))
    );
    assert_eq!(ends(&guard), 1);
}
