//! What may enter an environment.

use sluice_domain::caller::Principal;
use sluice_domain::judge::AlarmState;

use super::*;
use crate::fakes::guard;

/// Production comes after staging, where nothing was promoted. Whether the attempt takes
/// both.
fn guard_behind_staging(takes_both: bool) -> Guard<World> {
    let guard = guard();
    {
        let mut state = guard.ports.0.borrow_mut();
        state.before = vec!["staging".to_owned()];
        state.attempts_begin_earlier = takes_both;
    }
    guard
}

/// Has the bundle of 1.1.0 been promoted in staging by this attempt at this second.
fn promoted_in_staging(guard: &Guard<World>, attempt: u32, second: i64) {
    let mut state = guard.ports.0.borrow_mut();
    let (mut there, _) = state.promotions[&id("1.1.0")].clone();
    there.id.environment = "staging".to_owned();
    there.id.attempt = attempt;
    there.outcome = Some(Outcome::Promoted);
    there.closed_at = Some(at(second));
    let entry = (there.id.clone(), (there, Generation(1)));
    state.promotions.extend([entry]);
}

fn entry(guard: &Guard<World>, rules: Value) {
    guard.ports.0.borrow_mut().settings["entry"] = rules;
}

fn refusal(guard: &Guard<World>, now: i64) -> (&'static str, String) {
    let error = run(guard.handle(input(PLAN), at(now))).unwrap_err();
    (error.name(), error.to_string())
}

#[test]
fn a_version_older_than_the_last_promoted_one_is_refused() {
    let guard = guard();
    guard.ports.promoted("1.2.0", 10);
    let error = run(guard.handle(input(PLAN), at(20))).unwrap_err();
    assert_eq!(error.name(), "OutOfOrder");
    assert!(
        error.to_string().contains("storefront/prod/1.2.0/1"),
        "{error}"
    );
}

#[test]
fn a_newer_version_counts_also_before_the_list_shows_that_it_was_promoted() {
    let guard = guard();
    guard.ports.promoted("1.2.0", 10);
    guard.ports.0.borrow_mut().shown_late.insert(id("1.2.0"));
    assert_eq!(send(&guard, PLAN), Err("OutOfOrder"));
}

#[test]
fn an_older_version_is_allowed_for_a_rollback() {
    let guard = guard();
    guard.ports.promoted("1.2.0", 10);
    guard.ports.0.borrow_mut().rollbacks.insert(id("1.1.0"));
    assert_eq!(send(&guard, PLAN), Err("OutOfOrder"), "it never was here");
    guard.ports.goes_back("1.1.0");
    assert!(send(&guard, PLAN).is_ok());
    let plan = guard.ports.0.borrow().plans[&id("1.1.0")].clone();
    assert!(plan.goes_back, "approvers learn of it");
}

#[test]
fn after_a_rollback_the_version_that_serves_counts_not_the_highest_ever() {
    let guard = guard();
    guard.ports.promoted("1.2.0", 10);
    guard.ports.promoted("1.0.0", 20);
    assert!(send(&guard, PLAN).is_ok());
}

#[test]
fn newer_versions_of_other_environments_and_failed_ones_do_not_count() {
    let guard = guard();
    guard.ports.promoted("1.2.0", 10);
    guard.ports.promoted("1.3.0", 11);
    {
        let mut state = guard.ports.0.borrow_mut();
        let (mut staging, generation) = state.promotions.remove(&id("1.2.0")).unwrap();
        staging.id.environment = "staging".to_owned();
        let moved = (staging.id.clone(), (staging, generation));
        state.promotions.extend([moved]);
        let failed = state.promotions.get_mut(&id("1.3.0")).unwrap();
        failed.0.outcome = Some(Outcome::RolledBack);
    }
    assert!(send(&guard, PLAN).is_ok());
}

#[test]
fn a_release_that_the_environment_before_has_not_promoted_is_refused() {
    let guard = guard_behind_staging(true);
    assert_eq!(send(&guard, PLAN), Err("OutOfTurn"));
    assert!(guard.ports.0.borrow().plans.is_empty());
}

#[test]
fn what_the_same_attempt_promoted_before_lets_it_in_also_where_the_list_shows_it_late() {
    let guard = guard_behind_staging(true);
    promoted_in_staging(&guard, 1, 10);
    assert!(send(&guard, PLAN).is_ok());
    let before = "storefront/staging/1.1.0/1".parse().unwrap();
    guard.ports.0.borrow_mut().shown_late.insert(before);
    assert!(send(&guard, PLAN).is_ok());
    assert!(send(&guard, RECHECK).is_ok());
}

#[test]
fn an_attempt_that_begins_here_needs_an_earlier_one_that_promoted_the_same_bundle_before() {
    let guard = guard_behind_staging(false);
    let (name, message) = refusal(&guard, 20);
    assert_eq!(name, "OutOfTurn");
    assert!(
        message.contains("staging has not promoted this bundle of 1.1.0: found nothing"),
        "{message}"
    );
    promoted_in_staging(&guard, 7, 10);
    assert!(send(&guard, PLAN).is_ok());

    let staged = "storefront/staging/1.1.0/7".parse().unwrap();
    {
        let mut state = guard.ports.0.borrow_mut();
        let (staged, _) = state.promotions.get_mut(&staged).unwrap();
        staged.bundle.digest = sluice_domain::digest::Digest::of(b"another build");
    }
    let (name, message) = refusal(&guard, 20);
    assert_eq!(name, "OutOfTurn");
    assert!(
        message.contains("storefront/staging/1.1.0/7 with digest"),
        "{message}"
    );
}

#[test]
fn a_rollback_in_the_environment_before_bars_the_way_also_during_a_wait() {
    let guard = guard_behind_staging(false);
    promoted_in_staging(&guard, 1, 10);
    assert!(send(&guard, PLAN).is_ok());
    guard.ports.promoted("1.0.0", 20);
    {
        let mut state = guard.ports.0.borrow_mut();
        let (mut back, generation) = state.promotions.remove(&id("1.0.0")).unwrap();
        back.id.environment = "staging".to_owned();
        let entry = (back.id.clone(), (back, generation));
        state.promotions.extend([entry]);
    }
    assert_eq!(send(&guard, RECHECK), Err("OutOfTurn"));
    let (_, message) = refusal(&guard, 30);
    assert!(
        message.contains("1.1.0 was taken back in staging"),
        "{message}"
    );
}

#[test]
fn a_way_back_is_never_barred_and_what_was_never_here_is_no_way_back() {
    let guard = guard_behind_staging(false);
    entry(&guard, json!({"branches": ["main"]}));
    guard.ports.0.borrow_mut().rollbacks.insert(id("1.1.0"));
    assert_eq!(refusal(&guard, 20).0, "NotAdmitted");
    guard.ports.goes_back("1.1.0");
    assert!(send(&guard, PLAN).is_ok());
    assert!(send(&guard, RECHECK).is_ok());
}

#[test]
fn rules_that_the_release_does_not_meet_refuse_it_also_if_they_came_during_a_wait() {
    let guard = guard();
    assert!(send(&guard, PLAN).is_ok());
    entry(&guard, json!({"tags": ["v*"]}));
    assert_eq!(send(&guard, RECHECK), Err("NotAdmitted"));
    let (name, message) = refusal(&guard, 20);
    assert_eq!(name, "NotAdmitted");
    assert!(
        message.contains("prod takes no build of this origin: found no branch, no tag"),
        "{message}"
    );
}

#[test]
fn pre_releases_stay_out_of_the_last_environment_unless_it_takes_them() {
    let guard = guard();
    guard.ports.open("1.2.0-rc.1");
    let plan = |guard: &Guard<World>| {
        let promotion = id("1.2.0-rc.1");
        let answer = run(guard.handle(
            Input::Plan {
                promotion,
                migrations: None,
                restore: None,
            },
            at(20),
        ));
        answer.map(drop).map_err(|error| error.name())
    };
    assert_eq!(plan(&guard), Err("NotAdmitted"));
    entry(&guard, json!({"pre_releases": true}));
    assert_eq!(plan(&guard), Ok(()));
}

#[test]
fn a_release_waits_until_it_has_soaked_and_is_refused_if_it_is_past_its_wait() {
    let guard = guard_behind_staging(false);
    entry(&guard, json!({"soak_seconds": 100}));
    promoted_in_staging(&guard, 1, 10);
    let ask = |event: &str, second: i64| {
        let answer = run(guard.handle(input(event), at(second)));
        answer.map(|output| serde_json::to_value(output).unwrap())
    };
    assert_eq!(ask(PLAN, 90).unwrap()["timed"], true);
    let waits = json!({"starts": false, "wait_seconds": 20});
    assert_eq!(ask(SCHEDULE, 90).unwrap(), waits);
    let early = ask(RECHECK, 109).unwrap_err();
    assert_eq!(early.name(), "NotSoaked");
    for part in ["in staging for 100 s", &at(110).to_string()] {
        assert!(early.to_string().contains(part), "{early}");
    }
    let starts = json!({"starts": true, "wait_seconds": 0});
    assert_eq!(ask(SCHEDULE, 110).unwrap(), starts);
    assert!(ask(RECHECK, 110).is_ok());
}

/// A newer version takes 1.1.0's place in staging.
fn replaced_in_staging(guard: &Guard<World>, second: i64) {
    guard.ports.promoted("1.2.0", second);
    let mut state = guard.ports.0.borrow_mut();
    let (mut newer, generation) = state.promotions.remove(&id("1.2.0")).unwrap();
    newer.id.environment = "staging".to_owned();
    let entry = (newer.id.clone(), (newer, generation));
    state.promotions.extend([entry]);
}

/// 1.1.0 stands in staging, which is watched by an alarm, and has to soak there.
fn soaking_under_an_alarm() -> Guard<World> {
    let guard = guard_behind_staging(false);
    entry(&guard, json!({"soak_seconds": 100}));
    promoted_in_staging(&guard, 1, 10);
    {
        let mut state = guard.ports.0.borrow_mut();
        let mut staging = state.settings.clone();
        staging["guards"] = json!({"alarms": ["staging-is-ill"]});
        state.settings_before.insert("staging".to_owned(), staging);
    }
    sounds(&guard, AlarmState::Ok);
    assert!(send(&guard, PLAN).is_ok());
    guard
}

fn sounds(guard: &Guard<World>, state: AlarmState) {
    let alarms = &mut guard.ports.0.borrow_mut().alarms;
    alarms.insert("staging-is-ill".to_owned(), state);
}

#[test]
fn a_soak_that_takes_longer_than_it_may_wait_is_told_as_a_soak_and_not_as_a_window() {
    let guard = guard_behind_staging(false);
    entry(&guard, json!({"soak_seconds": 100}));
    guard.ports.0.borrow_mut().settings["longest_wait_seconds"] = json!(0);
    promoted_in_staging(&guard, 1, 10);
    assert!(run(guard.handle(input(PLAN), at(20))).is_ok());
    let error = run(guard.handle(input(SCHEDULE), at(20))).unwrap_err();
    assert_eq!(error.name(), "NotSoaked");
    assert!(!error.to_string().contains("override-windows"), "{error}");
}

#[test]
fn a_newer_version_that_takes_its_place_too_soon_ends_the_wait() {
    let guard = guard_behind_staging(false);
    entry(&guard, json!({"soak_seconds": 100}));
    promoted_in_staging(&guard, 1, 10);
    assert!(send(&guard, PLAN).is_ok());
    replaced_in_staging(&guard, 50);
    assert_eq!(send(&guard, SCHEDULE), Err("NotSoaked"));
}

#[test]
fn who_may_start_is_asked_again_where_settings_changed_after_the_start() {
    let guard = guard();
    let managers = "arn:aws:sts::123456789012:assumed-role/managers/*";
    guard.ports.0.borrow_mut().settings["may"] = json!({"start": [managers]});
    let (name, said) = refusal(&guard, 20);
    assert_eq!(name, "NotAllowed");
    assert!(said.contains("without a proof"), "{said}");
    for (arn, may) in [
        ("arn:aws:sts::123456789012:assumed-role/interns/bob", false),
        ("arn:aws:sts::123456789012:assumed-role/managers/ada", true),
    ] {
        let principal = Principal::of_arn(arn).expect("a caller");
        guard.ports.0.borrow_mut().principal = Some(principal);
        let planned = run(guard.handle(input(PLAN), at(20))).map_err(|error| error.name());
        match planned {
            Ok(_) => assert!(may, "{arn}"),
            Err(name) => assert_eq!((name, may), ("NotAllowed", false)),
        }
    }
}

#[test]
fn an_alarm_where_a_release_soaks_ends_its_way_and_names_that_environment() {
    let guard = soaking_under_an_alarm();
    assert!(send(&guard, SCHEDULE).is_ok());
    sounds(&guard, AlarmState::Alarm);
    for second in [20, 110] {
        let error = run(guard.handle(input(SCHEDULE), at(second))).unwrap_err();
        assert_eq!(error.name(), "AlarmRaised");
        assert!(error.to_string().starts_with("in staging,"), "{error}");
    }
    assert!(send(&guard, CHECK).is_ok(), "production has no such guard");
}

#[test]
fn an_alarm_where_another_release_stands_by_now_says_nothing_of_this_one() {
    let guard = soaking_under_an_alarm();
    replaced_in_staging(&guard, 111);
    sounds(&guard, AlarmState::Alarm);
    let starts = json!({"starts": true, "wait_seconds": 0});
    let answer = run(guard.handle(input(SCHEDULE), at(112))).unwrap();
    assert_eq!(serde_json::to_value(answer).unwrap(), starts);
}

#[test]
fn nothing_that_is_wrong_where_it_stands_before_bars_the_way_back() {
    let guard = soaking_under_an_alarm();
    sounds(&guard, AlarmState::Alarm);
    assert_eq!(send(&guard, SCHEDULE), Err("AlarmRaised"));
    guard.ports.0.borrow_mut().rollbacks.insert(id("1.1.0"));
    guard.ports.goes_back("1.1.0");
    assert!(send(&guard, SCHEDULE).is_ok());
}
