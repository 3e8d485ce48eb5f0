//! Promotions that work on a database instead of releasing code.

use serde_json::{Value, json};
use sluice_domain::approval::{Choice, State};
use sluice_domain::migrations::{Operation, RestorePlan};
use sluice_domain::targets::together;

use super::plan::with_migrations;
use super::*;
use crate::fakes::{arn, guard, serving};

const CONTRACT: Operation = Operation::Contract {};

/// 1.1.0 serves since the start, and this is done to its database. Older code has to rest
/// for so many seconds.
fn working(operation: Operation, idle_seconds: u64) -> Guard<World> {
    let guard = guard();
    guard.ports.goes_back("1.1.0");
    let mut state = guard.ports.0.borrow_mut();
    state.rollbacks.clear();
    state.operations.insert(id("1.1.0"), operation);
    state.settings["database"] = json!({
        "secret": "db", "backup": {"before": "none"}, "contract": {"idle_seconds": idle_seconds},
    });
    drop(state);
    guard
}

/// What `migrate` found: one migration that contracts.
fn pending() -> String {
    planned_beside(None)
}

/// The same, planned while this version served.
fn planned_beside(serves: Option<&str>) -> String {
    with_migrations(&json!({
        "stays": serves,
        "digest": sluice_domain::digest::Digest::of(b"migrations"), "phase": "contract", "tool": "sqlx",
        "place": "db:5432/shop", "server": "17.10", "applied": 1, "pending": 1, "files": ["2_x.sql"],
        "waiting": 0, "classes": {"a": 1, "b": 0, "c": 0}, "more": 0, "statements": [],
    }))
}

#[test]
fn no_code_changes_and_every_function_is_held_while_the_database_is_worked_on() {
    let guard = working(CONTRACT, 0);
    let planned = send(&guard, &pending()).unwrap();
    assert_eq!(
        (&planned["changes"], &planned["migrates"]),
        (&json!(0), &json!(true))
    );
    send(&guard, ACQUIRE).unwrap();
    let world = guard.ports.0.borrow();
    for target in [
        arn("checkout"),
        arn("orders"),
        "database db:5432/shop".into(),
    ] {
        assert!(world.locks.contains_key(&target), "{:?}", world.locks);
    }
}

#[test]
fn nothing_is_taken_away_while_older_code_is_called_or_was_a_moment_ago() {
    let guard = working(CONTRACT, 1001);
    assert_eq!(send(&guard, &pending()), Err("OldCodeInUse"));
    let guard = working(CONTRACT, 1000);
    guard.ports.0.borrow_mut().old_calls = 1.0;
    assert_eq!(send(&guard, &pending()), Err("OldCodeInUse"));
    guard.ports.0.borrow_mut().old_calls = 0.0;
    send(&guard, &pending()).expect("it rested");
    send(&guard, ACQUIRE).expect("its turn");
    guard.ports.0.borrow_mut().old_calls = 1.0;
    assert_eq!(send(&guard, RECHECK), Err("OldCodeInUse"));
    guard.ports.0.borrow_mut().old_calls = 0.0;
    let rechecked = send(&guard, RECHECK).expect("it rests again");
    assert_eq!(rechecked["epoch"], at(1000).as_millisecond());
}

#[test]
fn a_release_that_does_not_serve_contracts_nothing_and_one_that_serves_undoes_nothing() {
    let guard = working(CONTRACT, 0);
    guard.ports.promoted("1.2.0", 500);
    assert_eq!(send(&guard, &pending()), Err("WrongRelease"));
    let guard = working(Operation::Undo {}, 0);
    assert_eq!(send(&guard, &pending()), Err("WrongRelease"));
    guard.ports.promoted("1.0.0", 500);
    let planned = planned_beside(Some("1.0.0"));
    send(&guard, &planned).expect("it does not serve any more");
    send(&guard, ACQUIRE).expect("its turn");
    send(&guard, RECHECK).expect("the same serves");
    guard.ports.promoted("1.0.1", 600);
    assert_eq!(send(&guard, RECHECK), Err("PlanChanged"));
}

#[test]
fn nothing_to_contract_is_said_before_anybody_is_asked() {
    let guard = working(CONTRACT, 0);
    assert_eq!(send(&guard, PLAN), Err("WrongRelease"));
    assert!(guard.ports.0.borrow().plans.is_empty());
}

#[test]
fn alarms_hold_no_restore_up() {
    let backup = "b".parse().expect("an id");
    for (operation, expected) in [
        (Operation::Restore { backup }, Ok(())),
        (CONTRACT, Err("AlarmMissing")),
    ] {
        let guard = working(operation, 0);
        {
            let settings = &mut guard.ports.0.borrow_mut().settings;
            settings["guards"] = json!({"alarms": ["checkout-5xx"]});
            settings["approval"] = json!({"approvers": [{"name": "ada", "email": "ada@example.com",
                "totp_parameter": "/sluice-approvers/ada"}]});
        }
        assert_eq!(send(&guard, &pending()).map(drop), expected);
    }
}

#[test]
fn it_is_done_or_failed_and_never_promoted_or_rolled_back() {
    for (said, expected) in [
        (Outcome::Promoted, Outcome::Done),
        (Outcome::RolledBack, Outcome::Failed),
        (Outcome::Refused, Outcome::Refused),
    ] {
        let guard = working(CONTRACT, 0);
        assert_eq!(end(&guard, "1.1.0", said), expected);
    }
}

/// What `database` and `migrate` found of a restore.
fn restore() -> String {
    let mut event: Value = serde_json::from_str(PLAN).expect("json");
    event["restore"] = json!({
        "backup": "nightly", "server": "cluster shop", "place": "db:5432/shop",
        "notes": ["shop-2 stays with the server of before"],
    });
    event.to_string()
}

/// A restore of an environment with a function that the release does not bring, and with
/// aliases of others on one that it does.
fn restoring() -> Guard<World> {
    let backup = "nightly".parse().expect("an id");
    let guard = working(Operation::Restore { backup }, 0);
    let mut state = guard.ports.0.borrow_mut();
    state.settings["approval"] = json!({"approvers": [{"name": "ada", "email": "ada@example.com",
        "totp_parameter": "/sluice-approvers/ada"}]});
    for (name, function) in [("mail", "storefront-mail-prod"), ("gone", "nothing")] {
        state.settings["functions"][name] = json!({ "name": function });
    }
    let mail = serving("mail", "1.0.0");
    state
        .functions
        .insert("storefront-mail-prod".to_owned(), mail);
    let aliases = ["live", "staging", "pr-12"].map(str::to_owned);
    state.aliases.insert(arn("checkout"), aliases.into());
    drop(state);
    guard
}

fn planned(guard: &Guard<World>) -> RestorePlan {
    let state = guard.ports.0.borrow();
    state.plans[&id("1.1.0")]
        .restore
        .clone()
        .expect("a restore")
}

#[test]
fn a_restore_waits_for_who_migrates_another_database_of_its_server_and_has_it_alone() {
    let guard = restoring();
    guard.ports.0.borrow_mut().settings["database"]["backup"] = json!({"cluster": "storefront"});
    send(&guard, &restore()).expect("planned");
    let server = guard.ports.0.borrow().plans[&id("1.1.0")].server.clone();
    let server = server.expect("its server");
    assert!(server.ends_with(" cluster storefront"), "{server}");
    let other: PromotionId = "cart/prod/1.0.0/1".parse().expect("an id");
    let (one, two) = ([together(&server)], [server.clone()]);
    run(guard.ports.lock(&other, &one)).expect("free");
    let third: PromotionId = "mail/prod/1.0.0/1".parse().expect("an id");
    run(guard.ports.lock(&third, &one)).expect("together");
    let waits = send(&guard, ACQUIRE).expect("in line");
    assert_eq!(waits, json!({"acquired": false}));
    for done in [&other, &third] {
        run(guard.ports.unlock(done)).expect("unlocked");
    }
    send(&guard, HANDOVER).expect("handed over");
    run(guard.ports.lock(&third, &one)).expect_err("the restore has it");
    run(guard.ports.lock(&third, &two)).expect_err("the restore has it");
}

#[test]
fn a_restore_takes_calls_off_every_function_of_the_settings_and_says_who_else_gets_none() {
    let guard = restoring();
    send(&guard, &restore()).expect("planned");
    let plan = planned(&guard);
    let stops: Vec<&str> = plan.stops.keys().map(String::as_str).collect();
    assert_eq!(stops, ["checkout", "mail", "orders"]);
    assert_eq!(plan.stops["mail"].arn, arn("mail"));
    let expected = [
        "shop-2 stays with the server of before",
        "calls to mail stop, too, though it is not in this release",
        "calls to storefront-checkout-prod's aliases `staging`, `pr-12` stop, too",
    ];
    assert_eq!(plan.notes, expected);
    send(&guard, ACQUIRE).expect("its turn");
    let locks = guard.ports.0.borrow().locks.clone();
    for target in ["checkout", "orders", "mail"].map(arn) {
        assert!(locks.contains_key(&target), "{locks:?}");
    }
}

#[test]
fn what_was_approved_of_a_restore_holds_while_aliases_come_and_go_but_not_with_another_function() {
    let guard = restoring();
    send(&guard, &restore()).expect("planned");
    guard
        .ports
        .asked(&[("bob", Choice::Approve)], State::Approved);
    send(&guard, ACQUIRE).expect("its turn");
    guard.ports.0.borrow_mut().aliases.clear();
    let before = planned(&guard);
    send(&guard, RECHECK).expect("the same");
    assert_eq!(planned(&guard), before);
    let there = serving("gone", "1.0.0");
    let mut state = guard.ports.0.borrow_mut();
    state.functions.insert("nothing".to_owned(), there);
    drop(state);
    assert_eq!(send(&guard, RECHECK), Err("PlanChanged"));
}
