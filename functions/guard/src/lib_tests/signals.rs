//! What guards of the settings stop: when it is planned, before it begins, before a step.

use sluice_domain::guards::Calls;
use sluice_domain::judge::AlarmState;
use sluice_domain::ledger::Kind;

use super::*;
use crate::fakes::guard;

/// 1.1.0 in an environment with these guards, planned before it had them.
fn guarded(guards: Value) -> Guard<World> {
    let guard = guard();
    run(guard.handle(input(PLAN), at(0))).unwrap();
    guard.ports.0.borrow_mut().entries.clear();
    guard.ports.0.borrow_mut().settings["guards"] = guards;
    guard
}

fn alarm(guard: &Guard<World>, state: AlarmState) {
    let alarms = &mut guard.ports.0.borrow_mut().alarms;
    alarms.insert("shop".to_owned(), state);
}

fn failed(guard: &Guard<World>, errors: f64) {
    let calls = Calls {
        invocations: 10_000.0,
        errors,
    };
    let all = &mut guard.ports.0.borrow_mut().calls;
    all.insert("checkout".to_owned(), calls);
}

#[test]
fn an_alarm_that_is_up_stops_a_plan_the_beginning_and_every_step() {
    let guard = guarded(json!({"alarms": ["shop"]}));
    alarm(&guard, AlarmState::Ok);
    for event in [PLAN, RECHECK, CHECK] {
        assert!(send(&guard, event).is_ok(), "{event}");
    }
    alarm(&guard, AlarmState::Alarm);
    for event in [PLAN, RECHECK, CHECK] {
        assert_eq!(send(&guard, event), Err("AlarmRaised"), "{event}");
    }
}

#[test]
fn an_alarm_that_is_not_there_is_told_when_a_release_is_planned() {
    let guard = guarded(json!({"alarms": ["shop"]}));
    assert_eq!(send(&guard, PLAN), Err("AlarmMissing"));
    alarm(&guard, AlarmState::InsufficientData);
    assert!(send(&guard, PLAN).is_ok());
}

#[test]
fn an_open_incident_stops_the_line_with_its_text() {
    let guard = guarded(json!({"incident_parameter": "/sluice-incidents/shop"}));
    assert!(send(&guard, PLAN).is_ok());
    guard.ports.0.borrow_mut().incident = Some("payments are down".to_owned());
    let error = run(guard.handle(input(CHECK), at(0))).unwrap_err();
    assert_eq!(error.name(), "IncidentOpen");
    assert!(error.to_string().contains("payments are down"), "{error}");
    guard.ports.0.borrow_mut().incident = Some("closed".to_owned());
    assert!(send(&guard, CHECK).is_ok());
}

#[test]
fn a_spent_error_budget_stops_a_release_before_it_begins_and_no_single_step() {
    let guard = guarded(json!({"error_budget": {"objective": 0.999}}));
    failed(&guard, 8.0);
    assert!(send(&guard, PLAN).is_ok());
    failed(&guard, 10.0);
    assert_eq!(send(&guard, PLAN), Err("ErrorBudgetSpent"));
    assert_eq!(send(&guard, RECHECK), Err("ErrorBudgetSpent"));
    assert!(send(&guard, CHECK).is_ok());
}

#[test]
fn what_guards_said_is_recorded_with_the_plan_and_before_the_rollout() {
    let guard = guarded(json!({"alarms": ["shop"], "error_budget": {"objective": 0.999}}));
    alarm(&guard, AlarmState::InsufficientData);
    send(&guard, PLAN).unwrap();
    send(&guard, RECHECK).unwrap();
    for kind in [Kind::ChangesPlanned, Kind::TargetsAcquired] {
        let said = &guard.ports.recorded("1.1.0", kind)[0]["guards"];
        assert_eq!(said[0]["guard"], "alarm", "{said}");
        assert_eq!(said[0]["state"], "unknown", "{said}");
        assert_eq!(said[1]["guard"], "error_budget", "{said}");
        // Nobody called the function yet: it is neither healthy nor held up.
        assert_eq!(said[1]["state"], "unknown", "{said}");
    }
}

#[test]
fn a_rollback_passes_what_it_mends_and_not_an_incident() {
    let guards = json!({"alarms": ["shop"], "incident_parameter": "/sluice-incidents/shop"});
    let guard = guarded(guards);
    alarm(&guard, AlarmState::Alarm);
    let rollback = id("1.1.0");
    guard.ports.0.borrow_mut().rollbacks.insert(rollback);
    for event in [PLAN, RECHECK, CHECK] {
        assert_eq!(send(&guard, event), Err("AlarmRaised"), "it never was here");
    }
    guard.ports.goes_back("1.1.0");
    send(&guard, PLAN).unwrap();
    let said = &guard.ports.recorded("1.1.0", Kind::ChangesPlanned)[0]["guards"];
    assert_eq!(said[1]["state"], "passed_over", "{said}");
    guard.ports.0.borrow_mut().incident = Some("open".to_owned());
    assert_eq!(send(&guard, CHECK), Err("IncidentOpen"));
}

#[test]
fn an_alarm_that_somebody_deleted_bars_no_way_back() {
    let guard = guarded(json!({"alarms": ["shop"]}));
    guard.ports.goes_back("1.1.0");
    for event in [PLAN, RECHECK, CHECK] {
        assert!(send(&guard, event).is_ok(), "{event}");
    }
    let said = &guard.ports.recorded("1.1.0", Kind::ChangesPlanned)[0]["guards"];
    assert_eq!(said[0]["state"], "passed_over", "{said}");
}

#[test]
fn signals_that_can_not_be_asked_bar_no_way_back_unless_an_incident_is_open() {
    let guards = json!({"alarms": ["shop"], "incident_parameter": "/sluice-incidents/shop"});
    let guard = guarded(guards);
    guard.ports.goes_back("1.1.0");
    guard.ports.0.borrow_mut().broken = Some("signals");
    send(&guard, PLAN).unwrap();
    let said = &guard.ports.recorded("1.1.0", Kind::ChangesPlanned)[0]["guards"];
    assert_eq!(said[0]["state"], "clear", "{said}");
    assert_eq!(said[1]["state"], "passed_over", "{said}");
    guard.ports.0.borrow_mut().incident = Some("open".to_owned());
    assert_eq!(send(&guard, CHECK), Err("IncidentOpen"));
}

#[test]
fn signals_that_can_not_be_asked_let_nothing_pass() {
    let guard = guarded(json!({"alarms": ["shop"]}));
    alarm(&guard, AlarmState::Ok);
    guard.ports.0.borrow_mut().broken = Some("signals");
    assert_eq!(send(&guard, PLAN), Err("AwsCallFailed"));
    assert_eq!(send(&guard, CHECK), Err("AwsCallFailed"));
}
