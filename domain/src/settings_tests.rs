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
            {"name": "ada", "email": "ada@example.com", "code_parameter": "/codes/ada"}]});
    });
    assert!(
        error.contains("approval.quorum: found 2; expected 1 to 1"),
        "{error}"
    );
}

#[test]
fn the_same_person_under_two_addresses_is_refused() {
    let error = problem_of(|s| {
        s["approval"] = json!({"quorum": 2, "approvers": [
            {"name": "ada", "email": "ada@example.com", "code_parameter": "/codes/ada"},
            {"name": "lovelace", "email": "Ada+two@Example.com", "code_parameter": "/codes/two"}]});
    });
    assert!(
        error.contains("approval.approvers[1]: names a person that stands above"),
        "{error}"
    );
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
