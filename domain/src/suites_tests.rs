use serde_json::json;

use super::*;

fn suites(written: Value) -> Vec<Suite> {
    serde_json::from_value(written).expect("suites")
}

fn id() -> PromotionId {
    "shop/prod/1.4.0/2".parse().expect("a promotion")
}

fn versions() -> Versions {
    let published = Published {
        name: "shop-checkout-prod".to_owned(),
        arn: "arn:aws:lambda:eu-west-1:111122223333:function:shop-checkout-prod".to_owned(),
        alias: "live".to_owned(),
        version: "8".to_owned(),
        stable: Some("7".to_owned()),
        revision: None,
        changed: true,
    };
    Versions::from([("checkout".to_owned(), published)])
}

fn following(suites: &[Suite], stage: Stage, after: Option<&str>) -> Follows {
    let subject = Subject {
        promotion: &id(),
        bundle: &Digest::of(b"bundle"),
        versions: &versions(),
        run: None,
    };
    follows(suites, stage, after, subject)
}

fn problems(written: Value) -> Vec<String> {
    let mut problems = Vec::new();
    check(&suites(written), &mut problems);
    problems.iter().map(ToString::to_string).collect()
}

#[test]
fn suites_run_in_their_order_each_at_its_stage_and_then_the_rollout_goes_on() {
    let suites = suites(json!([
        {"name": "orders", "stage": "new", "function": "shop-tests"},
        {"name": "browser", "stage": "live", "project": "shop-browser", "report": "s3://reports/{run}.xml"},
        {"name": "contract", "stage": "new", "state_machine": "arn:aws:states:eu-west-1:1:stateMachine:t"},
    ]));
    let ways = [
        (Stage::New, None, Next::Function, Some("orders")),
        (
            Stage::New,
            Some("orders"),
            Next::StateMachine,
            Some("contract"),
        ),
        (Stage::New, Some("contract"), Next::Shift, None),
        (Stage::Live, None, Next::Build, Some("browser")),
        (Stage::Live, Some("browser"), Next::Bake, None),
    ];
    for (stage, after, next, name) in ways {
        let follows = following(&suites, stage, after);
        assert_eq!(follows.next, next, "{stage} after {after:?}");
        let started = follows.suite.map(|suite| suite.name);
        assert_eq!(started.as_deref(), name, "{stage} after {after:?}");
    }
}

#[test]
fn without_suites_a_rollout_goes_on_at_once() {
    for (stage, next) in [(Stage::New, Next::Shift), (Stage::Live, Next::Bake)] {
        let follows = following(&[], stage, None);
        assert_eq!(follows, Follows { next, suite: None });
    }
}

#[test]
fn before_traffic_a_suite_is_told_the_exact_versions_and_after_it_the_aliases() {
    for (stage, qualifier) in [("new", "8"), ("live", "live")] {
        let suites = suites(json!([{"name": "orders", "stage": stage, "function": "tests"}]));
        let start = following(&suites, suites[0].stage, None)
            .suite
            .expect("it runs");
        let arn = &versions()["checkout"].arn;
        let expected = json!({
            "run": format!("shop/prod/1.4.0/2/{stage}/orders"),
            "suite": "orders",
            "stage": stage,
            "application": "shop",
            "environment": "prod",
            "version": "1.4.0",
            "functions": {"checkout": format!("{arn}:{qualifier}")},
            "report": null,
            "payload": null,
        });
        assert_eq!(serde_json::to_value(&start.input).expect("json"), expected);
    }
}

#[test]
fn a_build_is_told_the_same_by_its_environment_and_where_its_report_belongs() {
    let suites = suites(json!([{
        "name": "browser", "stage": "live", "project": "shop-browser",
        "payload": {"browsers": ["firefox"]}, "report": "s3://reports/sluice/{run}/junit.xml",
    }]));
    let start = following(&suites, Stage::Live, None)
        .suite
        .expect("it runs");
    assert_eq!(start.target, "shop-browser");
    let place = "s3://reports/sluice/shop/prod/1.4.0/2/live/browser/junit.xml";
    assert_eq!(start.input.report.as_deref(), Some(place));
    let variables = serde_json::to_value(&start.variables).expect("json");
    let report = json!({"Name": "SLUICE_REPORT", "Value": place, "Type": "PLAINTEXT"});
    assert_eq!(variables[1], report);
    assert_eq!(variables[0]["Name"], "SLUICE_SUITE");
    let told = variables[0]["Value"].as_str().expect("text");
    let told: Input = serde_json::from_str(told).expect("what a function is given");
    assert_eq!(told, start.input);
    assert_eq!(told.payload["browsers"][0], "firefox");
}

#[test]
fn people_are_told_what_runs_a_suite_and_when() {
    let suites = suites(json!([
        {"name": "orders", "stage": "new", "function": "shop-tests"},
        {"name": "browser", "stage": "live", "project": "shop-browser"},
    ]));
    let told: Vec<String> = suites.iter().map(ToString::to_string).collect();
    let expected = [
        "suite orders, run by shop-tests before traffic",
        "suite browser, run by shop-browser with all traffic",
    ];
    assert_eq!(told, expected);
}

#[test]
fn what_runs_a_suite_is_one_thing() {
    let found = problems(json!([
        {"name": "none", "stage": "new"},
        {"name": "two", "stage": "new", "function": "a", "project": "b", "report": "s3://b/{run}"},
        {"name": "empty", "stage": "new", "function": ""},
        {"name": "named", "stage": "new", "state_machine": "tests"},
        {"name": "part", "stage": "new", "function": "tests:live"},
    ]));
    let expected = [
        "suites[0]: found 0 of `function`, `state_machine` and `project`; expected the one that runs it",
        "suites[1]: found 2 of `function`, `state_machine` and `project`; expected the one that runs it",
        "suites[2]: names nothing; expected what runs it",
        "suites[3].state_machine: found `tests`; expected a state machine's ARN",
        "suites[4].function: found `tests:live`; expected a function's name, or its whole ARN",
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_suite_is_waited_for_as_long_as_its_settings_say_or_as_its_kind_takes() {
    let report = "s3://reports/{run}.xml";
    let ways = [
        (json!({"function": "tests"}), 960),
        (json!({"function": "tests", "timeout_seconds": 30}), 30),
        (
            json!({"state_machine": "arn:aws:states:eu-west-1:1:stateMachine:t"}),
            3_600,
        ),
        (json!({"project": "p", "report": report}), 3_600),
        (
            json!({"project": "p", "report": report, "timeout_seconds": 14_400}),
            14_400,
        ),
    ];
    for (mut suite, seconds) in ways {
        suite["name"] = json!("orders");
        suite["stage"] = json!("new");
        let suites = suites(json!([suite]));
        let start = following(&suites, Stage::New, None).suite;
        assert_eq!(start.expect("it runs").timeout_seconds, seconds, "{suite}");
    }
}

#[test]
fn a_time_out_is_no_longer_than_what_runs_the_suite_can_take() {
    let machine = "arn:aws:states:eu-west-1:1:stateMachine:t";
    let found = problems(json!([
        {"name": "a", "stage": "new", "function": "tests", "timeout_seconds": 900},
        {"name": "b", "stage": "new", "function": "tests", "timeout_seconds": 901},
        {"name": "c", "stage": "new", "state_machine": machine, "timeout_seconds": 14_401},
        {"name": "d", "stage": "new", "state_machine": machine, "timeout_seconds": 0},
    ]));
    let expected = [
        "suites[1].timeout_seconds: found 901; expected 1 to 900",
        "suites[2].timeout_seconds: found 14401; expected 1 to 14400",
        "suites[3].timeout_seconds: found 0; expected 1 to 14400",
    ];
    assert_eq!(found, expected);
}

/// Plans hold suites, and approvals are bound to plans.
#[test]
fn a_suite_without_a_time_out_is_written_as_before_there_were_any() {
    let written = json!({"name": "a", "stage": "new", "function": "tests"});
    let suite = &suites(json!([written]))[0];
    assert_eq!(serde_json::to_value(suite).expect("json"), written);
}

#[test]
fn each_run_has_a_report_of_its_own_and_a_build_has_one_at_all() {
    let fine = ["s3://b/{run}", "s3://b/a/{run}.xml"];
    for report in fine {
        let suite = json!([{"name": "a", "stage": "new", "project": "p", "report": report}]);
        assert_eq!(problems(suite), [""; 0], "{report}");
    }
    for report in [
        json!("s3://b/latest.xml"),
        json!("s3://{run}/"),
        json!("b/{run}"),
        Value::Null,
    ] {
        let suite = json!([{"name": "a", "stage": "new", "project": "p", "report": report}]);
        let found = problems(suite);
        assert_eq!(found.len(), 1, "{report}: {found:?}");
        assert!(
            found[0].contains("expected `s3://bucket/key` with `{run}`"),
            "{found:?}"
        );
    }
}

#[test]
fn a_suites_name_stands_once_and_there_are_not_too_many() {
    let suite = |name: &str| json!({"name": name, "stage": "new", "function": "tests"});
    let twice = problems(json!([suite("a"), suite("a")]));
    assert_eq!(
        twice,
        ["suites[1].name: found `a` twice; expected each once"]
    );
    let many: Vec<_> = (0..=MOST).map(|n| suite(&format!("s{n}"))).collect();
    assert_eq!(
        problems(json!(many)),
        ["suites: found 21; expected 0 to 20"]
    );
}

#[test]
fn suites_on_a_schedule_are_no_part_of_a_release_and_call_aliases() {
    let suites = suites(json!([
        {"name": "orders", "stage": "new", "function": "tests"},
        {"name": "nightly", "stage": "scheduled", "function": "tests", "report": "s3://reports/{run}.xml"},
    ]));
    let of_release: Vec<String> = (in_releases(&suites).into_iter())
        .map(|suite| suite.name)
        .collect();
    assert_eq!(of_release, ["orders"]);
    let subject = Subject {
        promotion: &id(),
        bundle: &Digest::of(b"bundle"),
        versions: &versions(),
        run: Some("20261102T0200Z"),
    };
    let start = follows(&suites, Stage::Scheduled, None, subject).suite;
    let input = start.expect("it follows").input;
    assert_eq!(
        input.run,
        "shop/prod/1.4.0/2/scheduled/nightly/20261102T0200Z"
    );
    assert_eq!(
        input.report,
        Some(format!("s3://reports/{}.xml", input.run))
    );
    assert!(input.functions["checkout"].ends_with(":live"));
    let over = follows(&suites, Stage::Scheduled, Some("nightly"), subject);
    assert_eq!((over.next, over.suite), (Next::Done, None));
}
