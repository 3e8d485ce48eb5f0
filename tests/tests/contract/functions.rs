//! Each function of the template: its environment, its log, its time-out.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use sluice_tests::machine::all_states;
use sluice_tests::template::{Resource, effective, functions, references, resources};
use sluice_tests::{expect_none, state_machines, template};

use crate::layout::opening;
use crate::substitutions::function_of;

#[test]
fn every_variable_that_a_function_names_is_set_and_back() {
    each_function(|template, function, resource| {
        let opening = opening(function);
        let documented: BTreeSet<&str> = opening
            .split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
            .filter(|word| word.starts_with("SLUICE_"))
            .collect();
        let environment = effective(template, resource, "Environment");
        let set: BTreeSet<&str> = keys(&environment["Variables"])
            // What all functions log is not a function's own matter.
            .filter(|name| *name != "SLUICE_LOG")
            .collect();
        let missing = documented
            .difference(&set)
            .map(|name| format!("{name} is not set"));
        let unknown = set
            .difference(&documented)
            .map(|name| format!("{name} is set for nothing"));
        missing.chain(unknown).collect()
    });
}

#[test]
fn a_variable_holds_what_its_name_says() {
    let kinds = BTreeMap::from([
        ("FUNCTION", "AWS::Serverless::Function"),
        ("MACHINE", "AWS::StepFunctions::StateMachine"),
        ("TABLE", "AWS::DynamoDB::Table"),
        ("BUCKET", "AWS::S3::Bucket"),
        ("TOPIC", "AWS::SNS::Topic"),
    ]);
    each_function(|template, _, resource| {
        let resources = resources(template);
        let environment = effective(template, resource, "Environment");
        let wrong = keys(&environment["Variables"]).filter(|name| {
            let Some(kind) = kinds.get(name.rsplit('_').next().unwrap_or_default()) else {
                return false;
            };
            let found = references(&environment["Variables"][*name]);
            let words: Vec<&str> = name.trim_start_matches("SLUICE_").split('_').collect();
            let expected = words.concat().to_lowercase();
            !found.iter().any(|id| {
                id.to_lowercase() == expected
                    && resources
                        .get(id.as_str())
                        .is_some_and(|resource| resource.kind == *kind)
            })
        });
        wrong
            .map(|name| format!("{name} is {}", environment["Variables"][name]))
            .collect()
    });
}

/// Functions call each other at an alias: `$LATEST` may be half deployed.
#[test]
fn no_function_calls_another_at_latest() {
    each_function(|template, _, resource| {
        let environment = effective(template, resource, "Environment");
        let latest = keys(&environment["Variables"]).filter(|name| {
            let value = &environment["Variables"][*name];
            let qualified = value["Ref"]
                .as_str()
                .is_some_and(|id| id.ends_with(".Alias") || id.ends_with(".Version"));
            name.ends_with("_FUNCTION") && !qualified
        });
        latest.map(str::to_owned).collect()
    });
}

#[test]
fn every_function_has_a_log_group_of_its_own_that_forgets() {
    let mut taken = BTreeMap::new();
    let template = template();
    let resources = resources(&template);
    let mut problems = Vec::new();
    for (name, function) in functions(&template) {
        let group = references(&function.property("LoggingConfig")["LogGroup"]).pop_first();
        let Some(group) = group else {
            problems.push(format!("{name} names no log group"));
            continue;
        };
        let kept = resources
            .get(group.as_str())
            .filter(|group| group.kind == "AWS::Logs::LogGroup");
        if kept.is_none_or(|group| group.property("RetentionInDays").is_null()) {
            problems.push(format!("{name}: {group} is no log group with a retention"));
        }
        if let Some(other) = taken.insert(group.clone(), name.clone()) {
            problems.push(format!("{name} and {other} share {group}"));
        }
    }
    expect_none(problems);
}

#[test]
fn every_function_is_traced_and_runs_on_the_processor_that_was_asked_for() {
    each_function(|template, _, resource| {
        let traced = effective(template, resource, "Tracing") == "Active";
        let runtime = effective(template, resource, "Runtime") == "provided.al2023";
        let processor = references(&effective(template, resource, "Architectures"));
        let chosen = processor
            .iter()
            .any(|id| template["Parameters"][id]["Default"] == "arm64");
        if traced && runtime && chosen {
            Vec::new()
        } else {
            vec!["runs otherwise".to_owned()]
        }
    });
}

/// CloudFormation names them, so that two stacks fit into one account. What
/// CodeDeploy's service roles may call has to be named for it, after its stack.
#[test]
fn no_function_has_a_name_in_the_template_but_codedeploys_hook() {
    each_function(|_, function, resource| {
        let name = resource.property("FunctionName");
        let expected = match function {
            "hook" => json!({ "Fn::Sub": "CodeDeployHook_${AWS::StackName}" }),
            _ => Value::Null,
        };
        (*name != expected)
            .then(|| format!("FunctionName {name}"))
            .into_iter()
            .collect()
    });
}

/// It answers whatever they find, so it must not end before they do.
#[test]
fn the_hook_runs_longer_than_the_smoke_tests_that_it_waits_for() {
    let template = template();
    let functions = functions(&template);
    let timeout = |name: &str| effective(&template, &functions[name], "Timeout").as_u64();
    assert!(timeout("hook") > timeout("smoke"));
}

/// A task that gave up must not leave a function behind that still works.
#[test]
fn a_task_waits_longer_than_its_function_runs() {
    let template = template();
    let functions = functions(&template);
    expect_none(
        all_states(&state_machines())
            .into_iter()
            .filter_map(|(place, state)| {
                let limit = state.body["TimeoutSeconds"].as_u64()?;
                let function = functions.get(&function_of(state.calls()))?;
                let timeout = effective(&template, function, "Timeout");
                let runs = timeout.as_u64();
                runs.is_none_or(|seconds| limit <= seconds)
                    .then(|| format!("{place} waits {limit} s; its function may run {timeout} s"))
            }),
    );
}

fn keys(value: &Value) -> impl Iterator<Item = &str> {
    value
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, _)| key.as_str())
}

fn each_function(problems: impl Fn(&Value, &str, &Resource<'_>) -> Vec<String>) {
    let template = template();
    let mut found = Vec::new();
    for (name, function) in functions(&template) {
        let problems = problems(&template, &name, &function).into_iter();
        found.extend(problems.map(|problem| format!("{name}: {problem}")));
    }
    expect_none(found);
}
