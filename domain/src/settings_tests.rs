use serde_json::{Value, json};

use super::*;

fn parse(value: &Value) -> Result<Settings, crate::document::Invalid> {
    Settings::parse("/sluice/shop/prod", value.to_string().as_bytes())
}

fn minimal() -> Value {
    json!({"schema": 1, "order": 1, "functions": {"api": {"name": "shop-api"}}})
}

fn problem_of(change: impl FnOnce(&mut Value)) -> String {
    let mut value = minimal();
    change(&mut value);
    parse(&value).expect_err("must be refused").to_string()
}

fn problem_or_none(change: impl FnOnce(&mut Value)) -> Option<String> {
    let mut value = minimal();
    change(&mut value);
    parse(&value).err().map(|error| error.to_string())
}

#[test]
fn the_shipped_defaults_bake_for_minutes_and_are_valid() {
    let settings = parse(&minimal()).expect("valid");
    assert!(settings.steps.iter().all(|step| step.bake_seconds >= 600));
    assert_eq!(settings.judge.period_seconds, 60);
    assert_eq!(settings.functions["api"].alias, "live");
}

#[test]
fn steps_must_rise_and_end_at_one_hundred() {
    let error = problem_of(|s| {
        s["steps"] = json!([{"weight": 50, "bake_seconds": 1}, {"weight": 20, "bake_seconds": 1}])
    });
    assert!(
        error.contains("steps[1].weight: found 20; expected more than 50"),
        "{error}"
    );
    assert!(
        error.contains("the last step's weight is not 100"),
        "{error}"
    );
}

#[test]
fn a_period_that_cloudwatch_lacks_is_refused() {
    for period in [0, 7, 90] {
        let error = problem_of(|s| s["judge"] = json!({"period_seconds": period}));
        assert!(error.contains("judge.period_seconds"), "{error}");
    }
}

#[test]
fn a_quorum_that_nobody_can_reach_is_refused() {
    let error = problem_of(|s| {
        s["approval"] = json!({"quorum": 2, "approvers": [
            {"name": "ada", "email": "ada@example.com", "totp_parameter": "/codes/ada"}]});
    });
    assert!(
        error.contains("approval.quorum: found 2; expected 1 to 1"),
        "{error}"
    );
}

#[test]
fn an_address_by_which_nobody_can_be_known_is_refused() {
    for email in [
        "nope",
        "@example.com",
        "ada@",
        "ada@one@two",
        "ada @example.com",
    ] {
        let error = problem_of(|s| {
            s["approval"] = json!({"approvers": [
                {"name": "ada", "email": email, "totp_parameter": "/codes/ada"}]});
        });
        assert!(
            error.contains("approval.approvers[0].email: found"),
            "{error}"
        );
    }
}

#[test]
fn the_same_person_under_two_addresses_is_refused() {
    let error = problem_of(|s| {
        s["approval"] = json!({"quorum": 2, "approvers": [
            {"name": "ada", "email": "ada@example.com", "totp_parameter": "/codes/ada"},
            {"name": "lovelace", "email": "Ada+two@Example.com", "totp_parameter": "/codes/two"}]});
    });
    assert!(
        error.contains(
            "approval.approvers[1]: has the same address (case and a `+tag` don't count) as `ada`"
        ),
        "{error}"
    );
}

#[test]
fn who_could_never_vote_as_it_is_asked_is_refused_before_anybody_waits_for_them() {
    let slack = json!({"team": "T1", "user": "U1"});
    let ada = json!({"name": "ada", "email": "ada@example.com", "slack": slack});
    let error = problem_of(|s| {
        s["approval"] = json!({"assurance": "proven", "approvers": [ada]});
    });
    assert!(error.contains("a click in Slack proves nobody"), "{error}");
    let mut role = ada.clone();
    role["principals"] = json!(["arn:aws:iam::123456789012:role/release-managers"]);
    let error = problem_of(|s| s["approval"] = json!({"approvers": [role]}));
    assert!(error.contains("a role, and STS names whoever"), "{error}");
}

#[test]
fn one_lambda_function_under_two_names_is_refused() {
    let error = problem_of(|s| s["functions"]["web"] = json!({"name": "shop-api"}));
    assert!(error.contains("expected each function once"), "{error}");
}

#[test]
fn an_alias_that_is_a_version_is_refused() {
    for alias in ["$LATEST", "7", ""] {
        let error = problem_of(|s| s["functions"]["api"]["alias"] = json!(alias));
        assert!(error.contains("expected an alias"), "{alias}: {error}");
    }
}

#[test]
fn bakes_that_one_execution_has_no_room_for_are_refused() {
    let steps =
        json!([{"weight": 10, "bake_seconds": 604_800}, {"weight": 100, "bake_seconds": 60}]);
    let error = problem_of(|s| s["steps"] = steps.clone());
    assert!(error.contains("looks of the judge"), "{error}");
    let mut value = minimal();
    value["steps"] = steps;
    value["judge"] = json!({"period_seconds": 600});
    parse(&value).expect("a longer period makes room");
}

#[test]
fn room_is_kept_for_every_step_that_may_be_left_to_a_person() {
    let mut value = minimal();
    let bakes = (1..=20).map(|step| json!({"weight": 5 * step, "bake_seconds": 120}));
    value["steps"] = bakes.collect();
    parse(&value).expect("bakes and extensions fit");
    value["judge"] = json!({"on_inconclusive": "pause"});
    let error = parse(&value)
        .expect_err("days of waiting do not")
        .to_string();
    assert!(
        error.contains("may wait for a person come to 5120 looks"),
        "{error}"
    );
}

#[test]
fn a_step_that_asks_for_an_approval_needs_somebody_to_ask() {
    let steps = json!([{"weight": 100, "bake_seconds": 600, "then": "approval"}]);
    let error = problem_of(|s| s["steps"] = steps.clone());
    assert!(error.contains("steps[0].then"), "{error}");
    let mut value = minimal();
    value["steps"] = steps;
    value["approval"] = json!({"approvers": [
        {"name": "ada", "email": "ada@example.com", "totp_parameter": "/codes/ada"},
    ]});
    let settings = parse(&value).expect("somebody can be asked");
    assert_eq!(settings.step_approval_seconds(), Some(24 * 60 * 60));
}

#[test]
fn room_is_kept_for_the_days_for_which_approvers_of_steps_may_be_waited_for() {
    let week = 7 * 24 * 60 * 60;
    let with = |steps: usize| {
        problem_or_none(|s| {
            let step = |n: usize| json!({"weight": n + 1, "bake_seconds": 600, "then": "approval"});
            let mut all: Vec<Value> = (0..steps).map(step).collect();
            all.push(json!({"weight": 100, "bake_seconds": 600}));
            s["steps"] = json!(all);
            s["approval"] = json!({"expires_seconds": week, "approvers": [
                {"name": "ada", "email": "ada@example.com", "totp_parameter": "/codes/ada"},
            ]});
        })
    };
    assert_eq!(with(1), None);
    let refused = with(2).expect("two weeks do not fit");
    assert!(refused.contains("approval.expires_seconds"), "{refused}");
}

#[test]
fn a_bake_in_which_no_whole_period_can_be_seen_is_refused_where_it_would_be_rolled_back() {
    let short = |s: &mut Value| {
        s["steps"] =
            json!([{"weight": 10, "bake_seconds": 60}, {"weight": 100, "bake_seconds": 0}]);
        s["judge"] = json!({"extend_seconds": 59});
    };
    let error = problem_of(short);
    assert!(
        error.contains("steps[0].bake_seconds: found 60 and an `extend_seconds` of 59")
            && error.contains("expected two metric periods together, 120")
            && !error.contains("steps[1]"),
        "{error}"
    );
    for (name, value) in [
        ("extend_seconds", json!(60)),
        ("period_seconds", json!(30)),
        ("on_inconclusive", json!("advance")),
        ("on_inconclusive", json!("pause")),
    ] {
        let mut settings = minimal();
        short(&mut settings);
        settings["judge"][name] = value;
        parse(&settings).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn a_lag_may_be_left_to_the_plan_and_room_is_kept_for_the_longest() {
    let settings = parse(&minimal()).expect("valid");
    assert_eq!(settings.judge.lag_seconds, None);
    assert_eq!(settings.judge.looks(600), (600 + 60 + 1020 + 3600) / 60 + 1);
    let error = problem_of(|s| s["judge"] = json!({"lag_seconds": 3601}));
    assert!(error.contains("judge.lag_seconds"), "{error}");
}

#[test]
fn warm_up_calls_are_counted_and_carry_what_the_function_knows() {
    let mut value = minimal();
    value["warm_up"] = json!({"invocations": 2});
    value["functions"]["api"]["warm_up"] = json!({"invocations": 5, "payload": {"ping": true}});
    let settings = parse(&value).expect("valid");
    let (all, own) = (settings.warm_up, settings.functions["api"].warm_up.clone());
    assert_eq!(all.expect("for all").payload, json!({}));
    assert_eq!(own.expect("its own").payload, json!({"ping": true}));
    let error = problem_of(|s| s["warm_up"] = json!({"invocations": 0}));
    assert!(error.contains("warm_up.invocations: found 0"), "{error}");
    let error = problem_of(|s| {
        s["functions"]["api"]["warm_up"] = json!({"invocations": 101});
    });
    assert!(
        error.contains("functions.api.warm_up.invocations"),
        "{error}"
    );
}

#[test]
fn ten_versions_are_kept_unless_settings_say_otherwise_and_never_fewer_than_two() {
    assert_eq!(parse(&minimal()).expect("valid").keep_versions, Some(10));
    let mut all = minimal();
    all["keep_versions"] = json!(null);
    assert_eq!(parse(&all).expect("valid").keep_versions, None);
    let error = problem_of(|s| s["keep_versions"] = json!(1));
    assert!(
        error.contains("keep_versions: found 1; expected 2"),
        "{error}"
    );
}

#[test]
fn latencies_of_a_group_whose_verdict_would_not_fit_are_refused() {
    let group = |s: &mut Value, functions: usize, limits: usize| {
        let named = |n| (format!("f{n}"), json!({"name": format!("shop-{n}")}));
        s["functions"] = (0..functions).map(named).collect();
        s["judge"] = json!({"latency": vec![json!({"percentile": 95, "above_ms": 100}); limits]});
    };
    let mut fits = minimal();
    group(&mut fits, 100, 3);
    parse(&fits).expect("valid");
    let error = problem_of(|s| group(s, 100, 4));
    assert!(
        error.contains("judge.latency: found 4 for each of 100 functions"),
        "{error}"
    );
}

#[test]
fn a_stack_is_named_by_its_name() {
    for stack in [
        "",
        "arn:aws:cloudformation:eu-west-1:1:stack/shop/1",
        "1shop",
    ] {
        let error = problem_of(|s| s["functions"]["api"]["stack"] = json!(stack));
        let told = format!("functions.api.stack: found `{stack}`; expected a stack's name");
        assert!(error.contains(&told), "{error}");
    }
    let mut named = minimal();
    named["functions"]["api"]["stack"] = json!("shop-prod");
    assert!(parse(&named).is_ok());
}

#[test]
fn a_freeze_says_who_and_why() {
    let error = problem_of(|s| s["frozen"] = json!({"by": "", "reason": " "}));
    for told in ["frozen.by: found nothing", "frozen.reason: found nothing"] {
        assert!(error.contains(told), "{error}");
    }
}
