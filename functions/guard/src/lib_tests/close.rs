//! How promotions end.

use sluice_domain::ledger::Kind;

use super::*;
use crate::fakes::guard;

/// Whether nobody looks after 1.1.0 any more.
fn settled(guard: &Guard<World>) -> bool {
    guard.ports.0.borrow().settled.contains(&id("1.1.0"))
}

#[test]
fn a_close_ends_fences_unlocks_and_records_in_a_sentence() {
    let guard = guard();
    assert!(enter(&guard, "1.1.0", 1));
    assert_eq!(send(&guard, CLOSE), Ok(json!({"outcome": "rolled_back"})));
    assert_eq!(guard.ports.holder(), None);
    assert_eq!(send(&guard, CHECK), Err("Fenced"));
    let reason = "Unhealthy: checkout fails more often than before";
    assert_eq!(
        guard.ports.recorded("1.1.0", Kind::PromotionClosed),
        [json!({"outcome": "rolled_back", "reason": reason})]
    );
    let state = guard.ports.0.borrow();
    let (closed, generation) = &state.promotions[&id("1.1.0")];
    assert_eq!(closed.reason.as_deref(), Some(reason));
    assert_eq!(*generation, Generation(1));
}

#[test]
fn where_the_database_was_not_fenced_off_the_reason_says_that_a_migration_may_still_run() {
    let guard = guard();
    assert!(enter(&guard, "1.1.0", 1));
    let mut event: Value = serde_json::from_str(CLOSE).expect("json");
    event["unfenced"] = json!("DatabaseUnreachable");
    send(&guard, &event.to_string()).expect("closed");
    let reason = "Unhealthy: checkout fails more often than before; a migration may still run in the \
                  database: DatabaseUnreachable";
    assert_eq!(
        guard.ports.recorded("1.1.0", Kind::PromotionClosed),
        [json!({"outcome": "rolled_back", "reason": reason})]
    );
}

#[test]
fn a_watchdog_that_was_overtaken_closes_nothing() {
    let guard = guard();
    assert!(enter(&guard, "1.1.0", 1));
    let close = |generation: u64| {
        let close = json!({
            "op": "close", "promotion": id("1.1.0"), "outcome": "rolled_back", "generation": generation,
        });
        send(&guard, &close.to_string())
    };
    // Two took it over, one after the other: the first to be done is the slow one.
    for _ in 0..2 {
        run(guard.ports.fence(&id("1.1.0"))).expect("taken over");
    }
    assert_eq!(close(1), Err("Fenced"));
    assert!(guard.ports.holder().is_some() && !settled(&guard));
    assert_eq!(close(2), Ok(json!({"outcome": "rolled_back"})));
    assert_eq!(guard.ports.holder(), None);
    assert_eq!(
        close(1),
        Ok(json!({"outcome": "rolled_back"})),
        "it is closed"
    );
}

#[test]
fn closing_again_changes_nothing_and_the_first_outcome_stays() {
    let guard = guard();
    assert!(enter(&guard, "1.1.0", 1));
    assert_eq!(end(&guard, "1.1.0", Outcome::Promoted), Outcome::Promoted);
    let before = guard.ports.0.borrow().promotions.clone();
    for later in [Outcome::Promoted, Outcome::RolledBack, Outcome::Stranded] {
        assert_eq!(end(&guard, "1.1.0", later), Outcome::Promoted);
    }
    assert_eq!(guard.ports.0.borrow().promotions, before);
    assert_eq!(
        guard.ports.recorded("1.1.0", Kind::PromotionClosed).len(),
        1
    );
    assert!(guard.ports.recorded("1.1.0", Kind::Stranded).is_empty());
}

#[test]
fn a_close_that_broke_off_is_completed_by_the_next() {
    for broken in ["end", "unlock", "record", "settle"] {
        let guard = guard();
        assert!(enter(&guard, "1.1.0", 1));
        guard.ports.0.borrow_mut().broken = Some(broken);
        assert!(send(&guard, CLOSE).is_err(), "{broken}");
        assert!(!settled(&guard), "{broken}: the watchdog must find it");
        guard.ports.0.borrow_mut().broken = None;
        assert!(send(&guard, CLOSE).is_ok(), "{broken}");
        assert!(settled(&guard));
        assert_eq!(guard.ports.holder(), None);
        assert_eq!(
            guard.ports.recorded("1.1.0", Kind::PromotionClosed).len(),
            1
        );
    }
}

#[test]
fn whoever_completes_a_close_records_the_reason_that_was_stored_first() {
    let guard = guard();
    assert!(enter(&guard, "1.1.0", 1));
    guard.ports.0.borrow_mut().broken = Some("record");
    assert!(send(&guard, CLOSE).is_err());
    guard.ports.0.borrow_mut().broken = None;
    end(&guard, "1.1.0", Outcome::Stranded);
    let reason = "Unhealthy: checkout fails more often than before";
    assert_eq!(
        guard.ports.recorded("1.1.0", Kind::PromotionClosed),
        [json!({"outcome": "rolled_back", "reason": reason})]
    );
}

#[test]
fn a_stranded_promotion_keeps_its_locks_until_it_is_mended() {
    let guard = guard();
    assert!(enter(&guard, "1.1.0", 1));
    assert!(!enter(&guard, "1.2.0", 2));
    assert_eq!(end(&guard, "1.1.0", Outcome::Stranded), Outcome::Stranded);
    assert_eq!(guard.ports.holder().as_deref(), Some("1.1.0"));
    assert!(!settled(&guard));
    assert_eq!(guard.ports.line(), ["1.2.0"]);
    assert_eq!(guard.ports.recorded("1.1.0", Kind::Stranded).len(), 1);
    assert!(
        guard
            .ports
            .recorded("1.1.0", Kind::PromotionClosed)
            .is_empty()
    );

    assert_eq!(
        end(&guard, "1.1.0", Outcome::RolledBack),
        Outcome::RolledBack
    );
    assert_eq!(guard.ports.outcome("1.1.0"), Some(Outcome::RolledBack));
    assert!(settled(&guard));
    assert_eq!(guard.ports.holder().as_deref(), Some("1.2.0"));
    assert_eq!(
        guard.ports.recorded("1.1.0", Kind::PromotionClosed).len(),
        1
    );
}

#[test]
fn an_execution_that_does_not_own_the_promotion_closes_nothing() {
    let guard = guard();
    assert!(enter(&guard, "1.1.0", 1));
    let mut event: Value = serde_json::from_str(CLOSE).unwrap();
    event["execution_arn"] = json!(execution("another"));
    for outcome in ["refused", "stranded"] {
        event["outcome"] = json!(outcome);
        let answer = send(&guard, &event.to_string());
        assert_eq!(answer, Ok(json!({"outcome": outcome})));
        assert_eq!(guard.ports.outcome("1.1.0"), None);
        assert_eq!(guard.ports.holder().as_deref(), Some("1.1.0"));
    }
    assert!(
        guard
            .ports
            .recorded("1.1.0", Kind::PromotionClosed)
            .is_empty()
    );
    assert!(guard.ports.recorded("1.1.0", Kind::Stranded).is_empty());
    assert!(send(&guard, CHECK).is_ok());
}

#[test]
fn the_watchdog_closes_without_saying_who_it_is() {
    let guard = guard();
    assert!(enter(&guard, "1.1.0", 1));
    let mut event: Value = serde_json::from_str(CLOSE).unwrap();
    event.as_object_mut().unwrap().remove("execution_arn");
    assert!(send(&guard, &event.to_string()).is_ok());
    assert_eq!(guard.ports.outcome("1.1.0"), Some(Outcome::RolledBack));
}

#[test]
fn a_promotion_whose_record_was_never_opened_is_closed_in_a_record_and_in_the_ledger() {
    let guard = guard();
    guard.ports.0.borrow_mut().promotions.clear();
    assert_eq!(end(&guard, "1.1.0", Outcome::Refused), Outcome::Refused);
    assert_eq!(guard.ports.outcome("1.1.0"), Some(Outcome::Refused));
    assert!(settled(&guard));
    assert_eq!(
        guard.ports.recorded("1.1.0", Kind::PromotionClosed).len(),
        1
    );
}

#[test]
fn what_has_no_record_is_not_closed_by_who_does_not_say_what_it_promotes() {
    let guard = guard();
    guard.ports.0.borrow_mut().promotions.clear();
    let mut event: Value = serde_json::from_str(CLOSE).unwrap();
    event.as_object_mut().unwrap().remove("bundle");
    assert_eq!(send(&guard, &event.to_string()), Err("NotFound"));
    assert!(guard.ports.0.borrow().entries.is_empty());
}

#[test]
fn a_close_hands_over_to_the_next_in_line() {
    let guard = guard();
    assert!(enter(&guard, "1.1.0", 1));
    assert!(!enter(&guard, "1.2.0", 2));
    end(&guard, "1.1.0", Outcome::Promoted);
    assert_eq!(guard.ports.holder().as_deref(), Some("1.2.0"));
    assert_eq!(
        guard.ports.signals(),
        ["token of 1.1.0 goes on at 0", "token of 1.2.0 goes on at 0"]
    );
}

#[test]
fn a_promotion_is_settled_before_the_next_in_line_is_resumed() {
    let guard = guard();
    assert!(enter(&guard, "1.1.0", 1));
    assert!(!enter(&guard, "1.2.0", 2));
    guard.ports.0.borrow_mut().broken = Some("settle");
    assert!(send(&guard, CLOSE).is_err());
    assert_eq!(guard.ports.line(), ["1.2.0"]);
    guard.ports.0.borrow_mut().broken = Some("waiting");
    assert!(send(&guard, CLOSE).is_ok());
    assert!(settled(&guard));
}

#[test]
fn a_close_succeeds_although_it_could_not_hand_over_and_the_watchdog_does() {
    let guard = guard();
    assert!(enter(&guard, "1.1.0", 1));
    assert!(!enter(&guard, "1.2.0", 2));
    guard.ports.0.borrow_mut().broken = Some("resume");
    assert_eq!(end(&guard, "1.1.0", Outcome::Promoted), Outcome::Promoted);
    guard.ports.0.borrow_mut().broken = None;
    assert_eq!(send(&guard, HANDOVER), Ok(json!({"resumed": 1})));
    assert_eq!(send(&guard, HANDOVER), Ok(json!({"resumed": 0})));
    assert_eq!(guard.ports.holder().as_deref(), Some("1.2.0"));
}
