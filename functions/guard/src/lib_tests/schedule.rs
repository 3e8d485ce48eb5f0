//! Waiting for the time to start, and what is refused when it is not that time.

use sluice_domain::controls::Wish;
use sluice_domain::ledger::Kind;

use super::*;
use crate::fakes::guard;

/// A window of UTC that starts at this second and lasts so long.
fn window(kind: &str, second: i64, lasts: &str) -> Value {
    let starts = at(second).strftime("%Y-%m-%dT%H:%M:%S").to_string();
    json!({"kind": kind, "starts": starts, "lasts": lasts, "time_zone": "UTC", "reason": "sale"})
}

/// 1.1.0 is planned; these windows stand in the settings, and no bake takes any time.
fn with(windows: Value) -> Guard<World> {
    let guard = guard();
    {
        let mut state = guard.ports.0.borrow_mut();
        state.settings["windows"] = windows;
        state.settings["steps"] = json!([{"weight": 100, "bake_seconds": 0}]);
    }
    run(guard.handle(input(PLAN), at(0))).unwrap();
    guard
}

fn asks(guard: &Guard<World>, event: &str, second: i64) -> Result<Value, &'static str> {
    match run(guard.handle(input(event), at(second))) {
        Ok(output) => Ok(serde_json::to_value(output).unwrap()),
        Err(error) => Err(error.name()),
    }
}

fn waits(seconds: u64) -> Result<Value, &'static str> {
    Ok(json!({"starts": false, "wait_seconds": seconds}))
}

fn starts() -> Result<Value, &'static str> {
    Ok(json!({"starts": true, "wait_seconds": 0}))
}

#[test]
fn nobody_asks_for_the_time_where_settings_have_no_windows() {
    let guard = guard();
    assert_eq!(asks(&guard, PLAN, 0).unwrap()["timed"], false);
    assert_eq!(asks(&guard, SCHEDULE, 0), starts());
}

#[test]
fn a_promotion_waits_for_its_window_and_then_starts() {
    let guard = with(json!([window("maintenance", 90, "PT1H")]));
    assert_eq!(asks(&guard, PLAN, 0).unwrap()["timed"], true);
    assert_eq!(asks(&guard, SCHEDULE, 0), waits(30));
    assert_eq!(asks(&guard, SCHEDULE, 60), waits(30));
    assert_eq!(asks(&guard, SCHEDULE, 90), starts());
    let entries = guard.ports.recorded("1.1.0", Kind::StartScheduled);
    assert_eq!(entries.len(), 1, "one wait is written down once");
    assert_eq!(entries[0]["not_before"], json!(at(90)));
    assert_eq!(entries[0]["why"], "no maintenance window is open");
}

#[test]
fn the_plan_in_the_ledger_says_when_it_would_start() {
    let guard = with(json!([window("freeze", -60, "PT1H")]));
    let entries = guard.ports.recorded("1.1.0", Kind::ChangesPlanned);
    let expected = json!({"why": "freeze: sale", "not_before": at(3540)});
    assert_eq!(entries[0]["starts"], expected);
}

#[test]
fn who_would_wait_too_long_is_refused_after_an_hour_in_which_windows_can_be_overridden() {
    let guard = with(json!([window("freeze", -60, "P30D")]));
    assert_eq!(asks(&guard, SCHEDULE, 0), waits(30));
    assert_eq!(asks(&guard, SCHEDULE, 3_600), Err("OutsideWindow"));
    guard.ports.0.borrow_mut().settings["longest_wait_seconds"] = json!(0);
    assert_eq!(asks(&guard, SCHEDULE, 0), Err("OutsideWindow"));
    guard.ports.wish("1.1.0", Wish::OverrideWindows);
    assert_eq!(asks(&guard, SCHEDULE, 0), starts());
}

#[test]
fn what_waits_sees_windows_that_are_written_meanwhile() {
    let guard = with(json!([window("freeze", -60, "PT2M")]));
    assert_eq!(asks(&guard, SCHEDULE, 0), waits(30));
    let longer = json!([window("freeze", -60, "PT1H")]);
    guard.ports.0.borrow_mut().settings["windows"] = longer;
    assert_eq!(asks(&guard, SCHEDULE, 60), waits(30));
    let entries = guard.ports.recorded("1.1.0", Kind::StartScheduled);
    assert_eq!(entries.len(), 2);
    guard.ports.0.borrow_mut().settings["windows"] = json!([]);
    assert_eq!(asks(&guard, SCHEDULE, 120), starts());
}

#[test]
fn a_window_that_closed_again_before_the_rollout_refuses_it_and_says_when_the_next_opens() {
    let guard = with(json!([window("maintenance", 0, "PT1H")]));
    assert!(asks(&guard, RECHECK, 10).is_ok());
    let error = run(guard.handle(input(RECHECK), at(3_600))).unwrap_err();
    assert_eq!(error.name(), "OutsideWindow");
    assert!(error.to_string().contains("no opening is known"), "{error}");
    let again = window("maintenance", 7_200, "PT1H");
    let windows = json!([window("maintenance", 0, "PT1H"), again]);
    guard.ports.0.borrow_mut().settings["windows"] = windows;
    let error = run(guard.handle(input(RECHECK), at(3_600))).unwrap_err();
    let next = format!("the next opening is at {}", at(7_200));
    assert!(error.to_string().contains(&next), "{error}");
}

#[test]
fn a_rollout_whose_bakes_do_not_fit_before_the_freeze_does_not_begin() {
    let guard = with(json!([window("freeze", 600, "PT1H")]));
    assert!(asks(&guard, RECHECK, 0).is_ok());
    guard.ports.0.borrow_mut().settings["steps"] = json!([{"weight": 100, "bake_seconds": 600}]);
    let error = run(guard.handle(input(RECHECK), at(0))).unwrap_err();
    assert_eq!(error.name(), "OutsideWindow");
    let next = format!("the next opening is at {}", at(4_200));
    assert!(error.to_string().contains(&next), "{error}");
}

#[test]
fn a_freeze_that_begins_stops_the_next_step_unless_it_was_overridden() {
    let guard = with(json!([window("freeze", 600, "PT1H")]));
    assert!(asks(&guard, CHECK, 599).is_ok());
    assert_eq!(asks(&guard, CHECK, 600), Err("OutsideWindow"));
    guard.ports.wish("1.1.0", Wish::OverrideWindows);
    assert!(asks(&guard, CHECK, 600).is_ok());
}

#[test]
fn a_rollout_that_outlasts_its_maintenance_window_is_finished() {
    let guard = with(json!([window("maintenance", 0, "PT1H")]));
    assert!(asks(&guard, CHECK, 3_601).is_ok());
}

#[test]
fn an_override_of_windows_overrides_no_freeze_by_hand() {
    let guard = with(json!([]));
    guard.ports.freeze();
    guard.ports.wish("1.1.0", Wish::OverrideWindows);
    assert_eq!(asks(&guard, CHECK, 0), Err("Frozen"));
    assert_eq!(asks(&guard, RECHECK, 0), Err("Frozen"));
}
