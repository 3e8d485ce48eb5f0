//! Test suites of environments: how `rollout` runs what settings name, and that it
//! may.

use std::collections::BTreeSet;

use serde_json::Value;
use sluice_domain::digest::Digest;
use sluice_domain::journal::Versions;
use sluice_domain::suites::{Follows, Stage, Subject, follows};
use sluice_tests::machine::{State, all_states, expression, items, states, strings};
use sluice_tests::template::{granted, machines, permissions};
use sluice_tests::{expect_none, state_machines, template};

/// What Step Functions can start and follow to its end without asking again and again.
const RESOURCES: [&str; 3] = [
    "arn:aws:states:::codebuild:startBuild.sync",
    "arn:aws:states:::lambda:invoke",
    "arn:aws:states:::states:startExecution.sync:2",
];

fn suites(rollout: &Value) -> Vec<State<'_>> {
    let all = states(rollout).into_iter();
    all.filter(State::runs_a_suite).collect()
}

#[test]
fn rollout_runs_suites_of_each_kind_and_no_other_machine_does() {
    let machines = state_machines();
    let running = all_states(&machines).into_iter();
    let places: Vec<String> = running
        .filter(|(_, state)| state.runs_a_suite())
        .map(|(place, _)| place)
        .collect();
    assert!(
        places.iter().all(|place| place.starts_with("rollout.")),
        "{places:?}"
    );
    let suites = suites(&machines["rollout"]);
    let found: BTreeSet<&str> = suites.iter().map(|state| state.text("Resource")).collect();
    assert_eq!(found, BTreeSet::from(RESOURCES));
    assert_eq!(suites.len(), RESOURCES.len());
}

/// What a suite ends with is read by the one state that knows its report, and nothing
/// else in `rollout` is caught.
#[test]
fn whatever_a_suite_ends_with_is_read_and_nothing_else_is_caught_in_rollout() {
    let machines = state_machines();
    let rollout = &machines["rollout"];
    let mut ways = BTreeSet::new();
    for state in states(rollout) {
        let catchers: Vec<&Value> = items(&state.body["Catch"]).collect();
        if !state.runs_a_suite() {
            assert!(catchers.is_empty(), "{} catches something", state.name);
            continue;
        }
        let [catcher] = catchers.as_slice() else {
            panic!("{} catches {catchers:?}", state.name);
        };
        assert_eq!(strings(&catcher["ErrorEquals"]), ["States.ALL"]);
        assert_eq!(catcher["Next"], "ReadReport", "{}", state.name);
        assert_eq!(state.text("Next"), "ReadReport", "{}", state.name);
        ways.insert(catcher.to_string());
    }
    assert_eq!(ways.len(), 1, "suites are caught alike: {ways:?}");
}

/// A retried start may start a suite once more, which costs time and nothing else.
#[test]
fn a_suites_start_is_tried_again_where_its_service_had_a_hiccup() {
    let machines = state_machines();
    expect_none(
        suites(&machines["rollout"])
            .into_iter()
            .filter_map(|state| {
                let service = state.text("Resource").split(':').nth(5).unwrap_or_default();
                let prefix = match service {
                    "codebuild" => "CodeBuild.",
                    "lambda" => "Lambda.",
                    _ => "StepFunctions.",
                };
                let retriers: Vec<&Value> = items(&state.body["Retry"]).collect();
                let fits = |retrier: &&Value| {
                    let errors = strings(&retrier["ErrorEquals"]);
                    let own = errors.iter().all(|error| error.starts_with(prefix));
                    own && !errors.is_empty() && retrier["JitterStrategy"] == "FULL"
                };
                (retriers.len() != 1 || !retriers.iter().all(fits)).then(|| state.name.to_owned())
            }),
    );
}

#[test]
fn what_rollout_reads_of_a_suite_is_what_it_is_told_of_one() {
    let written = r#"[{"name": "orders", "stage": "new", "function": "tests"}]"#;
    let suites = serde_json::from_str::<Vec<_>>(written).expect("suites");
    let subject = Subject {
        promotion: &"shop/prod/1.4.0/1".parse().expect("a promotion"),
        bundle: &Digest::of(b"a manifest"),
        versions: &Versions::new(),
    };
    let Follows { suite, .. } = follows(&suites, Stage::New, None, subject);
    let told = serde_json::to_value(suite.expect("it follows")).expect("json");
    let machines = state_machines();
    let mut read = BTreeSet::new();
    for state in states(&machines["rollout"]) {
        let paths = strings(state.body).into_iter().filter_map(expression);
        read.extend(paths.filter_map(|path| path.strip_prefix("$suite.")));
    }
    let told: BTreeSet<&str> = told
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, _)| key.as_str())
        .collect();
    assert_eq!(read, told);
}

/// The permissions that Step Functions asks for, for each of the integrations:
/// https://docs.aws.amazon.com/step-functions/latest/dg/connect-codebuild.html#codebuild-iam,
/// https://docs.aws.amazon.com/step-functions/latest/dg/connect-stepfunctions.html#sync-async-iam-policies
#[test]
fn rollout_may_start_follow_and_stop_what_the_parameter_names_and_nothing_beside_it() {
    let template = template();
    let held = permissions(&template, &machines(&template)["rollout"]);
    for action in [
        "codebuild:BatchGetBuilds",
        "codebuild:StartBuild",
        "codebuild:StopBuild",
        "states:DescribeExecution",
        "states:StartExecution",
        "states:StopExecution",
    ] {
        let statements = granted(&held, action);
        let named: BTreeSet<String> = statements
            .iter()
            .flat_map(|statement| statement.references())
            .collect();
        assert_eq!(
            named,
            BTreeSet::from(["ManagedSuites".to_owned()]),
            "{action}"
        );
    }
    let rules = [
        "rule/StepFunctionsGetEventForCodeBuildStartBuildRule",
        "rule/StepFunctionsGetEventsForStepFunctionsExecutionRule",
    ];
    for action in ["events:PutRule", "events:PutTargets", "events:DescribeRule"] {
        let statements = granted(&held, action);
        let arns: Vec<_> = statements
            .iter()
            .flat_map(|statement| statement.arns())
            .collect();
        for rule in rules {
            assert!(
                arns.iter().any(|arn| arn.ends_with(rule)),
                "{action} on {rule}: {arns:?}"
            );
        }
    }
}
