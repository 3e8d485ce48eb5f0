//! A line in which only the newest waits, whoever comes to it first.

use super::tries::{FIRST, SECOND, tries};
use super::*;

/// 1.1.0 holds the targets, 1.2.0 waits for them, and the newest stays.
fn start() -> Guard<World> {
    let guard = held_with(&["1.2.0", "1.3.0"]);
    guard.ports.0.borrow_mut().settings["queue"] = json!("supersede");
    guard
}

/// The first try of 1.2.0's task joined the line and failed; nobody waits under
/// its token any more, and the second try has another one.
fn failed_once() -> Guard<World> {
    let guard = start();
    guard.ports.0.borrow_mut().broken = Some("record");
    run(tries(&guard, FIRST, 2)).unwrap_err();
    let mut state = guard.ports.0.borrow_mut();
    state.broken = None;
    state.waits = [SECOND.to_owned()].into();
    drop(state);
    assert_eq!(guard.ports.line(), ["1.2.0"]);
    guard
}

fn opened(guard: &Guard<World>, version: &str, second: i64) {
    let mut state = guard.ports.0.borrow_mut();
    state.promotions.get_mut(&id(version)).unwrap().0.opened_at = at(second);
}

/// 1.2.0 found that 1.3.0 is newer, was told so once, and is out of the line.
fn ends_by_itself(world: &World) {
    let signals = world.signals();
    assert_eq!(
        signals[1..],
        [format!("{SECOND} is superseded by 1.3.0")],
        "after 1.1.0 went on"
    );
}

#[test]
fn a_second_try_does_not_supersede_the_newer_one_that_joined_after_the_first() {
    let guard = failed_once();
    run(acquire(&guard, "1.3.0", 3)).unwrap();
    assert_eq!(guard.ports.signals().len(), 1, "nobody heard of it");
    assert_eq!(guard.ports.line(), ["1.3.0"]);

    run(tries(&guard, SECOND, 4)).unwrap();
    ends_by_itself(&guard.ports);
    assert_eq!(guard.ports.line(), ["1.3.0"]);
    end(&guard, "1.2.0", Outcome::Superseded);
    end(&guard, "1.1.0", Outcome::Promoted);
    assert_eq!(went_on(&guard.ports, "1.3.0"), 1);
}

#[test]
fn whenever_the_second_try_acts_the_newer_one_waits_and_the_older_one_ends() {
    in_any_order(
        &failed_once(),
        4,
        |guard| vec![acquires(guard, "1.3.0", 3), tries(guard, SECOND, 4)],
        |world| {
            ends_by_itself(world);
            assert_eq!(world.line(), ["1.3.0"]);
        },
    );
}

#[test]
fn of_two_that_join_at_once_the_newer_one_waits() {
    in_any_order(
        &start(),
        4,
        |guard| vec![acquires(guard, "1.2.0", 2), acquires(guard, "1.3.0", 3)],
        |world| {
            let said = "token of 1.2.0 is superseded by 1.3.0";
            assert_eq!(world.signals()[1..], [said]);
            assert_eq!(world.line(), ["1.3.0"]);
        },
    );
}

#[test]
fn a_second_try_ends_by_itself_when_the_newer_one_has_had_its_turn() {
    let guard = failed_once();
    run(acquire(&guard, "1.3.0", 3)).unwrap();
    end(&guard, "1.1.0", Outcome::RolledBack);
    assert_eq!(guard.ports.holder().as_deref(), Some("1.3.0"));
    run(tries(&guard, SECOND, 4)).unwrap();
    let superseded = format!("{SECOND} is superseded by 1.3.0");
    assert_eq!(guard.ports.signals().last(), Some(&superseded));
    assert!(guard.ports.line().is_empty());
}

#[test]
fn a_newer_one_that_has_ended_supersedes_nobody() {
    let guard = failed_once();
    run(acquire(&guard, "1.3.0", 3)).unwrap();
    guard.ports.0.borrow_mut().broken = Some("waiting");
    end(&guard, "1.3.0", Outcome::Aborted);
    guard.ports.0.borrow_mut().broken = None;
    assert_eq!(guard.ports.line(), ["1.3.0"]);
    run(tries(&guard, SECOND, 4)).unwrap();
    assert_eq!(guard.ports.signals().len(), 1);
    assert_eq!(guard.ports.line(), ["1.2.0"]);
}

#[test]
fn the_newer_one_is_the_one_that_was_opened_later_whatever_its_version() {
    let guard = start();
    opened(&guard, "1.2.0", 20);
    opened(&guard, "1.3.0", 10);
    run(acquire(&guard, "1.3.0", 30)).unwrap();
    run(acquire(&guard, "1.2.0", 40)).unwrap();
    let said = "token of 1.3.0 is superseded by 1.2.0";
    assert_eq!(guard.ports.signals()[1..], [said]);
    assert_eq!(guard.ports.line(), ["1.2.0"]);
}
