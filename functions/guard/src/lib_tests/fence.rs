//! Fencing off a rollout that failed.

use super::*;
use crate::fakes::guard;

/// 1.1.0 has its locks.
fn rolling_out() -> Guard<World> {
    let guard = guard();
    assert!(enter(&guard, "1.1.0", 1));
    guard
}

fn generation(guard: &Guard<World>) -> Generation {
    guard.ports.0.borrow().promotions[&id("1.1.0")].1
}

#[test]
fn a_rollout_that_is_fenced_off_goes_no_further_and_keeps_its_locks() {
    let guard = rolling_out();
    assert_eq!(send(&guard, FENCE), Ok(json!({"generation": 1})));
    assert_eq!(send(&guard, CHECK), Err("Fenced"));
    assert_eq!(send(&guard, RECHECK), Err("Fenced"));
    assert_eq!(guard.ports.holder().as_deref(), Some("1.1.0"));
}

#[test]
fn fencing_again_answers_the_generation_that_may_write_then() {
    let guard = rolling_out();
    assert_eq!(send(&guard, FENCE), Ok(json!({"generation": 1})));
    assert_eq!(send(&guard, FENCE), Ok(json!({"generation": 2})));
    assert_eq!(generation(&guard), Generation(2));
}

#[test]
fn an_execution_that_does_not_own_the_promotion_fences_nobody_off() {
    let guard = rolling_out();
    let mut event: Value = serde_json::from_str(FENCE).unwrap();
    event["execution_arn"] = json!(execution("another"));
    assert_eq!(send(&guard, &event.to_string()), Err("Fenced"));
    assert_eq!(generation(&guard), Generation(0));
}

#[test]
fn a_promotion_that_has_ended_is_not_fenced_again() {
    for outcome in [Outcome::RolledBack, Outcome::Stranded] {
        let guard = rolling_out();
        end(&guard, "1.1.0", outcome);
        assert_eq!(send(&guard, FENCE), Err("Fenced"));
        assert_eq!(generation(&guard), Generation(1));
    }
}
