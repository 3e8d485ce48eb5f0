use serde_json::{Value, json};

use super::*;
use crate::document::Document as _;
use crate::settings::Settings;

fn settings(steps: &Value) -> Result<Settings, String> {
    let document = json!({
        "schema": 1, "order": 1, "functions": {"api": {"name": "shop-api"}}, "steps": steps,
    });
    let parsed = Settings::parse("/sluice/shop/prod", document.to_string().as_bytes());
    parsed.map_err(|error| error.to_string())
}

/// Weights and bakes.
fn expanded(steps: &Value) -> Vec<(f64, u64)> {
    let settings = settings(steps).expect("valid");
    let pairs = settings.steps.iter();
    pairs.map(|step| (step.weight, step.bake_seconds)).collect()
}

fn refusal(steps: &Value) -> String {
    settings(steps).expect_err("must be refused")
}

#[test]
fn a_list_is_taken_as_it_stands_and_each_step_has_its_own_terms() {
    let list = json!([
        {"weight": 5, "bake_seconds": 300, "min_invocations": 500},
        {"weight": 25, "bake_seconds": 600, "then": "pause"},
        {"weight": 100, "bake_seconds": 1800}
    ]);
    let steps = settings(&list).expect("valid").steps;
    assert_eq!(
        serde_json::to_value(&steps).expect("json")[1]["then"],
        "pause"
    );
    assert_eq!(steps[0].min_invocations, Some(500));
    assert_eq!(steps[2], Step::new(100.0, 1800));
}

#[test]
fn a_step_without_terms_of_its_own_is_written_as_ever_so_that_plans_keep_their_hash() {
    let written = serde_json::to_value(Step::new(10.0, 600)).expect("json");
    assert_eq!(written, json!({"weight": 10.0, "bake_seconds": 600}));
}

#[test]
fn a_linear_shape_rises_by_the_same_and_ends_at_one_hundred() {
    let linear = json!({"linear": {"percent": 25, "bake_seconds": 600}});
    let expected = [(25.0, 600), (50.0, 600), (75.0, 600), (100.0, 1800)];
    assert_eq!(expanded(&linear), expected);
    let uneven = json!({"linear": {"percent": 40, "bake_seconds": 600, "final_bake_seconds": 900}});
    assert_eq!(expanded(&uneven), [(40.0, 600), (80.0, 600), (100.0, 900)]);
    let thirds = json!({"linear": {"percent": 33.333_333_333_333_336, "bake_seconds": 600}});
    assert_eq!(expanded(&thirds).len(), 3, "{:?}", expanded(&thirds));
}

#[test]
fn an_exponential_shape_multiplies_and_ends_at_one_hundred() {
    let doubling = json!({"exponential": {"from": 10, "factor": 2, "bake_seconds": 300}});
    let expected = [
        (10.0, 300),
        (20.0, 300),
        (40.0, 300),
        (80.0, 300),
        (100.0, 1800),
    ];
    assert_eq!(expanded(&doubling), expected);
}

#[test]
fn a_canary_is_one_small_step_and_its_terms_are_that_steps_alone() {
    let canary = json!({"canary": {
        "percent": 5, "bake_seconds": 600, "min_invocations": 1000, "then": "pause",
        "final_bake_seconds": 3600,
    }});
    let steps = settings(&canary).expect("valid").steps;
    let small = Step {
        min_invocations: Some(1000),
        then: Some(Then::Pause),
        ..Step::new(5.0, 600)
    };
    assert_eq!(steps, [small, Step::new(100.0, 3600)]);
}

#[test]
fn blue_green_is_one_switch_and_can_wait_for_a_person_before_it() {
    assert_eq!(expanded(&json!({"blue_green": {}})), [(100.0, 1800)]);
    let asked = settings(&json!({"blue_green": {"then": "pause"}})).expect("valid");
    let weights: Vec<f64> = asked.steps.iter().map(|step| step.weight).collect();
    assert_eq!(weights, [0.0, 100.0]);
    assert_eq!(asked.steps[0].then, Some(Then::Pause));
    assert_eq!(expanded(&json!({"all_at_once": {}})), [(100.0, 1800)]);
}

#[test]
fn codedeploys_presets_are_known_with_and_without_what_it_puts_before_them() {
    let canary = [(10.0, 300), (100.0, 1800)];
    for name in [
        "Canary10Percent5Minutes",
        "LambdaCanary10Percent5Minutes",
        "CodeDeployDefault.LambdaCanary10Percent5Minutes",
    ] {
        assert_eq!(expanded(&json!(name)), canary, "{name}");
    }
    let linear = expanded(&json!(
        "CodeDeployDefault.LambdaLinear10PercentEvery3Minutes"
    ));
    assert_eq!(linear.len(), 10);
    assert_eq!(
        (linear[0], linear[8], linear[9]),
        ((10.0, 180), (90.0, 180), (100.0, 1800))
    );
    assert_eq!(expanded(&json!("AllAtOnce")), [(100.0, 1800)]);
}

#[test]
fn every_preset_is_a_shift_that_settings_take_and_ends_in_a_final_bake() {
    for name in presets::names() {
        let steps = expanded(&json!(name));
        let (weight, bake) = steps[steps.len() - 1];
        assert!(
            (weight - 100.0).abs() < f64::EPSILON && bake >= 600,
            "{name}: {steps:?}"
        );
    }
}

/// Settings count the looks at steps that wait for a person, and a pause of an
/// operator's holds a step no longer.
#[test]
fn an_execution_has_room_for_long_pauses_of_nine_steps_of_any_preset() {
    for name in presets::names() {
        let steps = presets::steps(name).expect("a preset").into_iter();
        let held = steps.enumerate().map(|(place, step)| Step {
            then: (place < 9).then_some(Then::Pause),
            ..step
        });
        let held: Vec<Step> = held.collect();
        if let Err(refused) = settings(&json!(held)) {
            panic!("{name}: {refused}");
        }
    }
}

#[test]
fn a_preset_that_there_is_not_is_refused_with_those_that_there_are() {
    for name in [
        "Canary10Percent7Minutes",
        "Lambdastandard",
        "CodeDeployDefault.OneAtATime",
    ] {
        let error = refusal(&json!(name));
        assert!(
            error.contains(&format!(
                "steps: found `{name}`; expected one of standard, "
            )),
            "{error}"
        );
        assert!(error.contains("Linear10PercentEvery10Minutes"), "{error}");
    }
}

#[test]
fn a_problem_of_a_shape_has_its_path_what_was_found_and_what_was_expected() {
    for (steps, expected) in [
        (
            json!({"linear": {"percent": 0, "bake_seconds": 60}}),
            "steps.linear.percent: found 0; expected 1 to 100",
        ),
        (
            json!({"exponential": {"from": 1, "factor": 1, "bake_seconds": 60}}),
            "steps.exponential.factor: found 1; expected 1.1 to 100",
        ),
        (
            json!({"linear": {"percent": "10"}}),
            "steps.linear.percent: invalid type: string \"10\"",
        ),
        (
            json!({"linear": {"percent": 10}}),
            "steps.linear: missing field `bake_seconds`",
        ),
        (
            json!({"canary": {"percent": 10, "bake": 60}}),
            "steps.canary.bake: unknown field `bake`",
        ),
        (
            json!({"canari": {}}),
            "steps.canari: unknown field `canari`",
        ),
        (
            json!({}),
            "steps: found no shape, or several; expected exactly one of `linear`",
        ),
        (
            json!({"all_at_once": {}, "blue_green": {}}),
            "found no shape, or several",
        ),
        (
            json!(10),
            "steps: invalid type: integer `10`, expected a list of steps, the name of a preset, or an object with one shape",
        ),
        (
            json!([{"weight": 100, "bake_seconds": 60, "then": "wait"}]),
            "steps[0].then: unknown variant `wait`, expected `pause`",
        ),
    ] {
        let error = refusal(&steps);
        assert!(error.contains(expected), "{steps}: {error}");
    }
}

#[test]
fn the_first_step_alone_may_have_no_traffic_and_nothing_is_judged_at_it() {
    let ready = json!([{"weight": 0, "bake_seconds": 0}, {"weight": 100, "bake_seconds": 600}]);
    settings(&ready).expect("valid");
    let later = json!([{"weight": 10, "bake_seconds": 600}, {"weight": 0, "bake_seconds": 0}, {"weight": 100, "bake_seconds": 600}]);
    assert!(refusal(&later).contains("steps[1].weight: found 0; expected more than 10"));
    let judged = json!([{"weight": 0, "bake_seconds": 600}, {"weight": 100, "bake_seconds": 600}]);
    assert!(refusal(&judged).contains("steps[0]: nobody calls the new version at 0 %"));
}
