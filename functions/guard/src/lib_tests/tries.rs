//! A task that is tried again asks for its turn under a new token, and the try
//! before it may not be over.

use super::*;

pub(super) const FIRST: &str = "first token of 1.2.0";
pub(super) const SECOND: &str = "second token of 1.2.0";

/// A try of 1.2.0's task.
pub(super) fn tries<'g>(guard: &'g Guard<World>, token: &str, second: i64) -> Act<'g> {
    let again = Input::Acquire {
        promotion: id("1.2.0"),
        task_token: TaskToken(token.to_owned()),
    };
    Box::pin(guard.handle(again, at(second)))
}

/// 1.1.0 holds the targets, and 1.2.0's task was tried again.
fn tried_again(others: &[&str]) -> Guard<World> {
    let guard = held_with(&["1.2.0"]);
    for other in others {
        prepare(&guard, other);
    }
    guard.ports.0.borrow_mut().waits = [SECOND.to_owned()].into();
    guard
}

fn goes_on(world: &World) -> bool {
    let said = format!("{SECOND} goes on at 0");
    let signals = world.signals();
    signals.iter().filter(|one| **one == said).count() == 1
}

#[test]
fn a_first_try_that_comes_after_the_second_one_leaves_its_ticket_alone() {
    let guard = tried_again(&[]);
    run(tries(&guard, SECOND, 3)).unwrap();
    run(tries(&guard, FIRST, 2)).unwrap();
    end(&guard, "1.1.0", Outcome::Promoted);
    assert!(goes_on(&guard.ports), "{:?}", guard.ports.signals());
    assert_eq!(guard.ports.holder().as_deref(), Some("1.2.0"));
    assert!(guard.ports.line().is_empty());
}

#[test]
fn a_second_try_goes_on_with_what_the_first_one_locked_whoever_joined_between_them() {
    let guard = tried_again(&["1.3.0"]);
    end(&guard, "1.1.0", Outcome::Promoted);
    guard.ports.0.borrow_mut().broken = Some("resume first token of 1.2.0");
    run(tries(&guard, FIRST, 2)).unwrap_err();
    guard.ports.0.borrow_mut().broken = None;
    assert!(!enter(&guard, "1.3.0", 3));
    // Which found nobody waiting under the first ticket, and took it.
    assert_eq!(guard.ports.line(), ["1.3.0"]);

    run(tries(&guard, SECOND, 4)).unwrap();
    assert!(goes_on(&guard.ports), "{:?}", guard.ports.signals());
    assert_eq!(guard.ports.line(), ["1.3.0"]);
}

#[test]
fn whenever_the_first_try_acts_the_second_one_goes_on_once() {
    in_any_order(
        &tried_again(&[]),
        3,
        |guard| {
            vec![
                closes(guard, "1.1.0"),
                tries(guard, FIRST, 2),
                tries(guard, SECOND, 3),
            ]
        },
        |world| {
            assert!(goes_on(world), "{:?}", world.signals());
            assert_eq!(world.holder().as_deref(), Some("1.2.0"));
            assert!(world.line().is_empty());
        },
    );
}

#[test]
fn a_first_try_that_acts_late_keeps_nobody_waiting_for_ever() {
    let start = tried_again(&["1.3.0"]);
    end(&start, "1.1.0", Outcome::Promoted);
    in_any_order(
        &start,
        3,
        |guard| {
            vec![
                tries(guard, FIRST, 2),
                acquires(guard, "1.3.0", 3),
                tries(guard, SECOND, 4),
            ]
        },
        |world| match world.holder().as_deref() {
            Some("1.2.0") => assert!(goes_on(world), "{:?}", world.signals()),
            holder => {
                assert_eq!(holder, Some("1.3.0"));
                assert_eq!(went_on(world, "1.3.0"), 1);
                assert!(world.line().contains(&"1.2.0".to_owned()));
            }
        },
    );
}
