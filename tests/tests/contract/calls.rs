//! Who may call whom: machines their children and functions, functions each other.

use std::collections::BTreeSet;

use sluice_tests::machine::{State, states};
use sluice_tests::template::{functions, granted, machines, permissions, references};
use sluice_tests::{expect_none, state_machines, template};

#[test]
fn a_machine_with_children_may_start_watch_and_stop_them_and_hear_of_their_ends() {
    let template = template();
    let resources = machines(&template);
    let mut problems = Vec::new();
    for (name, machine) in state_machines() {
        let Some(resource) = resources.get(&name) else {
            continue;
        };
        let held = permissions(&template, resource);
        let states = states(&machine);
        let children = states.iter().filter(|state| state.runs_a_child());
        for child in children.map(|state| state.calls()) {
            let on_child = |action: &str| {
                granted(&held, action)
                    .iter()
                    .any(|statement| statement.references().contains(child))
            };
            let actions = [
                "states:StartExecution",
                "states:DescribeExecution",
                "states:StopExecution",
            ];
            problems.extend(
                actions
                    .iter()
                    .filter(|action| !on_child(action))
                    .map(|action| format!("{name}: {action} on {child}")),
            );
            let rule = "rule/StepFunctionsGetEventsForStepFunctionsExecutionRule";
            let on_rule = |action: &str| {
                let granted = granted(&held, action);
                granted
                    .iter()
                    .any(|statement| statement.arns().iter().any(|arn| arn.ends_with(rule)))
            };
            let actions = ["events:PutRule", "events:PutTargets", "events:DescribeRule"];
            problems.extend(
                actions
                    .iter()
                    .filter(|action| !on_rule(action))
                    .map(|action| format!("{name}: {action} on {rule}")),
            );
        }
    }
    expect_none(problems);
}

#[test]
fn a_machine_may_invoke_what_it_calls_and_nothing_else() {
    let template = template();
    let resources = machines(&template);
    for (name, machine) in state_machines() {
        let states = states(&machine);
        let suites = states.iter().any(State::runs_a_suite);
        let migrates = states.iter().any(State::migrates);
        let called: BTreeSet<String> = states
            .iter()
            .filter(|state| state.invokes())
            .map(|state| state.calls().to_owned())
            .chain(suites.then(|| "ManagedSuites".to_owned()))
            .chain(migrates.then(|| "ManagedMigrators".to_owned()))
            .collect();
        let held = permissions(&template, &resources[&name]);
        let granted = granted(&held, "lambda:InvokeFunction");
        let allowed: BTreeSet<String> = granted
            .iter()
            .flat_map(|statement| statement.references())
            .collect();
        assert_eq!(allowed, called, "{name}");
    }
}

#[test]
fn a_function_may_invoke_those_that_its_environment_names() {
    let template = template();
    let functions = functions(&template);
    expect_none(functions.iter().filter_map(|(name, function)| {
        let variables = function.property("Environment")["Variables"].as_object()?;
        let called: BTreeSet<String> = variables
            .iter()
            .filter(|(name, _)| name.ends_with("_FUNCTION"))
            .flat_map(|(_, value)| references(value))
            .collect();
        let held = permissions(&template, function);
        let allowed: BTreeSet<String> = granted(&held, "lambda:InvokeFunction")
            .iter()
            .flat_map(|statement| statement.references())
            .filter(|id| functions.values().any(|function| function.id == id))
            .collect();
        (allowed != called).then(|| format!("{name} calls {called:?}, and may call {allowed:?}"))
    }));
}
