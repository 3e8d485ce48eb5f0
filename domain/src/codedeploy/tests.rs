use super::*;
use crate::document::{Document as _, Invalid};

fn settings(change: impl FnOnce(&mut Value)) -> Result<Settings, Invalid> {
    let mut value = json!({
        "schema": 1, "order": 1,
        "functions": {"api": {"name": "shop-api"}},
        "codedeploy": {"functions": {"api": {"application": "shop", "deployment_group": "api-prod"}}},
    });
    change(&mut value);
    Settings::parse("settings", value.to_string().as_bytes())
}

fn problem_of(change: impl FnOnce(&mut Value)) -> String {
    settings(change).expect_err("must be refused").to_string()
}

#[test]
fn with_codedeploy_the_one_step_of_sluices_own_is_the_final_bake() {
    let settings = settings(|_| ()).expect("valid");
    assert_eq!(settings.own_steps(), [Step::new(100.0, 1800)]);
}

#[test]
fn codedeploy_and_steps_exclude_each_other() {
    let error = problem_of(|s| s["steps"] = json!([{"weight": 100, "bake_seconds": 600}]));
    assert!(
        error.contains("steps: found together with `codedeploy`"),
        "{error}"
    );
}

#[test]
fn every_function_has_a_deployment_group_and_no_other_has() {
    let error = problem_of(|s| {
        let groups = &mut s["codedeploy"]["functions"];
        *groups = json!({"web": {"application": "shop", "deployment_group": ""}});
    });
    for part in [
        "codedeploy.functions.api: found nothing",
        "codedeploy.functions.web: is no function of these settings",
        "codedeploy.functions.web.deployment_group: found 0",
    ] {
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn functions_of_another_account_are_not_shifted_by_codedeploy() {
    let error = problem_of(|s| {
        s["role"] = json!({"arn": "arn:aws:iam::210987654321:role/sluice", "external_id": "x"});
    });
    assert!(
        error.contains("codedeploy: found together with `role`"),
        "{error}"
    );
}

#[test]
fn codedeploys_time_has_its_longest_shift_as_a_limit() {
    let longest = |seconds: u64| {
        settings(|s| {
            s["codedeploy"]["shift_seconds"] = json!(seconds);
            s["judge"] = json!({"period_seconds": 300});
        })
    };
    assert!(longest(180_000).is_ok());
    let error = longest(180_001).expect_err("too long").to_string();
    assert!(
        error.contains("codedeploy.shift_seconds: found 180001"),
        "{error}"
    );
}

#[test]
fn following_has_room_in_one_executions_history() {
    let error = problem_of(|s| s["codedeploy"]["shift_seconds"] = json!(60_000));
    assert!(error.contains("codedeploy: bakes, lag"), "{error}");
    assert!(error.contains("`codedeploy.shift_seconds`"), "{error}");
}

#[test]
fn a_final_bake_that_would_see_nothing_is_refused_under_its_own_name() {
    let error = problem_of(|s| {
        s["codedeploy"]["bake_seconds"] = json!(60);
        s["judge"] = json!({"extend_seconds": 0});
    });
    assert!(
        error.contains("codedeploy.bake_seconds: found 60"),
        "{error}"
    );
}

fn entry(stable: Option<&str>) -> Entry {
    Entry {
        name: "arn:aws:lambda:eu-west-1:1:function:shop-api".into(),
        alias: "live".into(),
        stable: stable.map(str::to_owned),
        canary: "4".into(),
        revision: None,
        deployment: None,
    }
}

#[test]
fn an_app_spec_shifts_one_alias_and_calls_the_hook_before_and_after() {
    let expected = json!({
        "version": 0.0,
        "Resources": [{"shop-api": {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "Name": "shop-api", "Alias": "live", "CurrentVersion": "3", "TargetVersion": "4",
            },
        }}],
        "Hooks": [{"BeforeAllowTraffic": "CodeDeployHook_x"}, {"AfterAllowTraffic": "CodeDeployHook_x"}],
    });
    assert_eq!(
        app_spec(&entry(Some("3")), "CodeDeployHook_x"),
        Some(expected)
    );
    assert_eq!(app_spec(&entry(None), "CodeDeployHook_x"), None);
}

#[test]
fn a_mark_is_read_as_it_is_written() {
    let mark = Mark {
        promotion: "shop/prod/1.4.0-rc.1/2".parse().expect("an id"),
        function: "api".into(),
        generation: Generation(3),
    };
    assert_eq!(mark.to_string().parse(), Ok(mark.clone()));
    for text in [
        "",
        "sluice shop/prod/1.4.0/2 function api",
        "sluice shop function api generation 3",
        "by hand",
    ] {
        assert!(text.parse::<Mark>().is_err(), "{text}");
    }
}

fn found(id: &str, status: Status, rollback: Option<&str>) -> Found {
    Found {
        id: id.to_owned(),
        status,
        error: Some(format!("ALARM_ACTIVE: of {id}")),
        rollback: rollback.map(str::to_owned),
    }
}

fn together(all: &[Status]) -> Progress {
    let all = all.iter().enumerate();
    let all = all.map(|(n, status)| (format!("f{n}"), found(&format!("d-{n}"), *status, None)));
    progress(&all.collect())
}

#[test]
fn one_deployment_that_fails_fails_the_group_with_codedeploys_reason() {
    use Status::{Failed, Running, Stopped, Succeeded};
    assert_eq!(together(&[Succeeded, Running]), Progress::Running);
    assert_eq!(together(&[Succeeded, Succeeded]), Progress::Succeeded);
    let failed = [
        "f1: deployment d-1 failed: ALARM_ACTIVE: of d-1",
        "f2: deployment d-2 was stopped: ALARM_ACTIVE: of d-2",
    ];
    assert_eq!(
        together(&[Running, Failed, Stopped]),
        Progress::Failed(failed.map(str::to_owned).into())
    );
}

#[test]
fn what_runs_is_stopped_once_and_followed_until_its_rollback_has_ended() {
    let mut ending = Ending::of(vec!["d-1".into(), "d-2".into()]);
    let running = found("d-1", Status::Running, None);
    let done = found("d-2", Status::Succeeded, None);
    let look = ending.look(&[running.clone(), done.clone()]);
    assert_eq!(look.stop, ["d-1"]);
    assert_eq!(ending.look(&[running, done.clone()]).stop, [""; 0]);

    let stopped = found("d-1", Status::Stopped, Some("d-3"));
    let look = ending.look(&[stopped.clone(), done.clone()]);
    assert_eq!(look.under_way, ["d-1"]);
    assert_eq!(ending.ids(), ["d-1", "d-2", "d-3"]);

    let back = found("d-3", Status::Running, None);
    let look = ending.look(&[stopped.clone(), done.clone(), back]);
    assert_eq!(
        (look.stop.len(), look.under_way),
        (0, vec!["d-3".to_owned()])
    );
    let back = found("d-3", Status::Failed, None);
    assert_eq!(ending.look(&[stopped, done, back]).under_way, [""; 0]);
}

#[test]
fn one_that_is_not_told_of_counts_as_under_way_until_it_is() {
    let mut ending = Ending::of(vec!["d-1".into(), "d-2".into()]);
    let done = found("d-1", Status::Succeeded, None);
    let look = ending.look(std::slice::from_ref(&done));
    assert_eq!(look.under_way, ["d-2"]);
    let look = ending.look(&[done, found("d-2", Status::Running, None)]);
    assert_eq!(
        (look.stop, look.under_way),
        (vec!["d-2".to_owned()], vec!["d-2".to_owned()])
    );
}

#[test]
fn a_rollback_that_does_not_show_is_not_waited_for_for_ever() {
    let mut ending = Ending::of(vec!["d-1".into()]);
    let failed = [found("d-1", Status::Failed, None)];
    let looks = (0..10).take_while(|_| !ending.look(&failed).under_way.is_empty());
    assert_eq!(looks.count(), 3);
}

#[test]
fn what_a_deployment_shifts_is_read_from_its_app_spec_if_that_is_json() {
    let entry = entry(Some("3"));
    let ours = app_spec(&entry, "hook").expect("an AppSpec").to_string();
    assert_eq!(shifted_by(&ours).as_deref(), Some(entry.function_name()));
    for unread in ["version: 0.0\nResources: []", "{}", "[]", ""] {
        assert_eq!(shifted_by(unread), None, "{unread}");
    }
}
