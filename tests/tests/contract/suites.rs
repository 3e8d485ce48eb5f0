//! Test suites of environments: how `rollout` and `suites` run what settings name, and
//! that they may.

use std::collections::BTreeSet;

use serde_json::Value;
use sluice_domain::digest::Digest;
use sluice_domain::journal::Versions;
use sluice_domain::suites::{Follows, Stage, Subject, follows};
use sluice_tests::machine::{State, expression, items, states, strings};
use sluice_tests::template::{Statement, functions, granted, machines, permissions};
use sluice_tests::{expect_none, state_machines, template};

/// What Step Functions can start and follow to its end without asking again and again.
const RESOURCES: [&str; 3] = [
    "arn:aws:states:::codebuild:startBuild.sync",
    "arn:aws:states:::lambda:invoke",
    "arn:aws:states:::states:startExecution.sync:2",
];

/// The machines that run suites: of releases, and on a schedule.
const RUNNING: [&str; 2] = ["rollout", "suites"];

fn suites(machine: &Value) -> Vec<State<'_>> {
    let all = states(machine).into_iter();
    all.filter(State::runs_a_suite).collect()
}

#[test]
fn rollout_and_suites_run_suites_of_each_kind_and_no_other_machine_does() {
    let machines = state_machines();
    for (name, machine) in &machines {
        let suites = suites(machine);
        if !RUNNING.contains(&name.as_str()) {
            assert!(suites.is_empty(), "{name} runs a suite");
            continue;
        }
        let found: BTreeSet<&str> = suites.iter().map(|state| state.text("Resource")).collect();
        assert_eq!(found, BTreeSet::from(RESOURCES), "{name}");
        assert_eq!(suites.len(), RESOURCES.len(), "{name}");
    }
}

/// The two machines have a copy each, which must stay one.
#[test]
fn a_suite_is_run_alike_in_a_release_and_on_a_schedule() {
    let machines = state_machines();
    let [of_rollout, of_suites] = RUNNING.map(|name| suites(&machines[name]));
    for (one, other) in of_rollout.iter().zip(&of_suites) {
        assert_eq!((one.name, one.body), (other.name, other.body));
    }
}

/// The one function of Sluice's that it calls can write none of these.
#[test]
fn a_run_on_a_schedule_can_touch_no_alias_no_lock_and_no_promotion() {
    let machines = state_machines();
    let states = states(&machines["suites"]);
    let called: BTreeSet<&str> = states.iter().map(State::calls).collect();
    assert_eq!(called, BTreeSet::from(["", "SuiteFunction"]));
    let template = template();
    let held = permissions(&template, &functions(&template)["suite"]);
    for action in [
        "dynamodb:PutItem",
        "dynamodb:UpdateItem",
        "dynamodb:DeleteItem",
        "lambda:UpdateAlias",
        "lambda:UpdateFunctionCode",
        "lambda:PublishVersion",
    ] {
        assert!(granted(&held, action).is_empty(), "{action}");
    }
}

/// Whatever goes wrong with a task of Sluice's, the run's end is written down.
#[test]
fn a_run_on_a_schedule_that_breaks_off_is_told_of() {
    let machines = state_machines();
    for state in states(&machines["suites"]) {
        if !state.is("Task") || state.runs_a_suite() || state.name == "GiveUp" {
            continue;
        }
        let catchers: Vec<&Value> = items(&state.body["Catch"]).collect();
        let [catcher] = catchers.as_slice() else {
            panic!("{} catches {catchers:?}", state.name);
        };
        assert_eq!(strings(&catcher["ErrorEquals"]), ["States.ALL"]);
        assert_eq!(catcher["Next"], "GiveUp", "{}", state.name);
    }
}

/// The settings' limit, and no other: what hangs does not hold a promotion for longer.
#[test]
fn a_suite_is_waited_for_as_long_as_its_settings_say() {
    let machines = state_machines();
    for name in RUNNING {
        for state in suites(&machines[name]) {
            let limit = expression(state.text("TimeoutSeconds"));
            assert_eq!(limit, Some("$suite.timeout_seconds"), "{}", state.name);
            let tried_again = items(&state.body["Retry"])
                .any(|retrier| strings(&retrier["ErrorEquals"]).contains(&"States.Timeout"));
            assert!(!tried_again, "{} starts over after its limit", state.name);
        }
    }
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
        (RUNNING.into_iter())
            .flat_map(|name| suites(&machines[name]))
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
fn what_machines_read_of_a_suite_is_what_they_are_told_of_one() {
    let written = r#"[{"name": "orders", "stage": "new", "function": "tests"}]"#;
    let suites = serde_json::from_str::<Vec<_>>(written).expect("suites");
    let subject = Subject {
        promotion: &"shop/prod/1.4.0/1".parse().expect("a promotion"),
        bundle: &Digest::of(b"a manifest"),
        versions: &Versions::new(),
        run: None,
    };
    let Follows { suite, .. } = follows(&suites, Stage::New, None, subject);
    let told = serde_json::to_value(suite.expect("it follows")).expect("json");
    let mut told: BTreeSet<&str> = told
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, _)| key.as_str())
        .collect();
    let machines = state_machines();
    for name in RUNNING {
        let mut read = BTreeSet::new();
        for state in states(&machines[name]) {
            let paths = strings(state.body).into_iter().filter_map(expression);
            read.extend(paths.filter_map(|path| path.strip_prefix("$suite.")));
        }
        assert_eq!(read, told, "{name}");
        // A run on a schedule has one stage.
        told.remove("stage");
    }
}

/// The permissions that Step Functions asks for, for each of the integrations:
/// https://docs.aws.amazon.com/step-functions/latest/dg/connect-codebuild.html#codebuild-iam,
/// https://docs.aws.amazon.com/step-functions/latest/dg/connect-stepfunctions.html#sync-async-iam-policies
#[test]
fn they_may_start_follow_and_stop_what_the_parameter_names_and_nothing_beside_it() {
    let template = template();
    for machine in RUNNING {
        let held = permissions(&template, &machines(&template)[machine]);
        may_run_what_the_parameter_names(&held);
    }
}

fn may_run_what_the_parameter_names(held: &[Statement]) {
    for action in [
        "codebuild:BatchGetBuilds",
        "codebuild:StartBuild",
        "codebuild:StopBuild",
        "states:DescribeExecution",
        "states:StartExecution",
        "states:StopExecution",
    ] {
        let statements = granted(held, action);
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
        let statements = granted(held, action);
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
