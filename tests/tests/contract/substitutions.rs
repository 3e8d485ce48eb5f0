//! From a task to a function's folder: task, placeholder, substitution, resource,
//! binary.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use sluice_tests::machine::{all_states, placeholder, strings};
use sluice_tests::template::{
    Resource, definition_file, functions, is_machine, machines, references, resources,
};
use sluice_tests::{expect_none, file_name, files, state_machines, template};

/// The folder of the function that a placeholder stands for: `verify` for
/// `VerifyFunction`.
pub(crate) fn function_of(placeholder: &str) -> String {
    placeholder
        .trim_end_matches("Function")
        .to_ascii_lowercase()
}

#[test]
fn every_state_machine_file_is_a_resource_and_back() {
    let template = template();
    let of_template: BTreeSet<String> = machines(&template).into_values().map(file).collect();
    let of_folder: BTreeSet<String> = files("statemachines", "json")
        .iter()
        .map(|path| format!("statemachines/{}", file_name(path)))
        .collect();
    assert_eq!(of_template, of_folder);
}

fn file(machine: Resource<'_>) -> String {
    definition_file(&machine).unwrap_or_default().to_owned()
}

#[test]
fn every_placeholder_is_substituted_and_every_substitution_is_used() {
    let template = template();
    let resources = machines(&template);
    expect_none(state_machines().iter().flat_map(|(name, machine)| {
        let used: BTreeSet<&str> = strings(machine)
            .into_iter()
            .filter_map(placeholder)
            .collect();
        let given = resources
            .get(name)
            .map(|resource| substitutions(resource))
            .unwrap_or_default();
        let given: BTreeSet<&str> = given.into_keys().collect();
        let difference = used.symmetric_difference(&given);
        difference
            .map(|placeholder| format!("{name}: {placeholder}"))
            .collect::<Vec<_>>()
    }));
}

fn substitutions<'a>(machine: &Resource<'a>) -> BTreeMap<&'a str, &'a Value> {
    let given = machine.property("DefinitionSubstitutions").as_object();
    given
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.as_str(), value))
        .collect()
}

#[test]
fn a_placeholder_has_the_name_of_the_resource_it_stands_for() {
    each_substitution(|template, name, value| {
        let resources = resources(template);
        let found: Vec<String> = references(value).into_iter().collect();
        let [id] = found.as_slice() else {
            return Some(format!("refers to {found:?}"));
        };
        // SAM adds a function's URL under its own name.
        let owner = id.strip_suffix("Url").unwrap_or(id);
        let Some(resource) = resources.get(owner) else {
            return Some(format!("{id} does not exist"));
        };
        let fits = match name {
            _ if name.ends_with("Function") => {
                resource.kind == "AWS::Serverless::Function" && id == name
            }
            _ if name.ends_with("Machine") => is_machine(resource) && id == name,
            _ if name.ends_with("Url") => resource.property("FunctionUrlConfig").is_object(),
            _ => false,
        };
        (!fits).then(|| format!("{id} is a {}", resource.kind))
    });
}

/// An upgrade of Sluice must not change a promotion that is under way.
#[test]
fn state_machines_call_published_versions() {
    each_substitution(|template, name, value| {
        let published = value["Ref"]
            .as_str()
            .is_some_and(|id| id.ends_with(".Version"));
        let functions = functions(template);
        let called = functions.get(&function_of(name));
        let alias = template["Globals"]["Function"]["AutoPublishAlias"].is_string()
            || called.is_some_and(|function| function.property("AutoPublishAlias").is_string());
        let wrong = name.ends_with("Function") && !(published && alias);
        wrong.then(|| {
            format!(
                "calls {value}; expected !Ref {name}.Version of a function with AutoPublishAlias"
            )
        })
    });
}

#[test]
fn a_function_is_called_by_the_name_of_its_binary() {
    let template = template();
    let functions = functions(&template);
    expect_none(functions.iter().filter_map(|(binary, function)| {
        let found = function_of(function.id);
        (found != *binary || !function.id.ends_with("Function"))
            .then(|| format!("{}: its binary is {binary}", function.id))
    }));
    expect_none(
        all_states(&state_machines())
            .into_iter()
            .filter_map(|(place, state)| {
                let called = function_of(state.calls());
                (state.invokes() && !functions.contains_key(&called))
                    .then(|| format!("{place}: {called}"))
            }),
    );
}

#[test]
fn a_child_machine_is_called_by_the_name_of_its_file() {
    let template = template();
    expect_none(
        machines(&template)
            .into_iter()
            .filter_map(|(name, machine)| {
                let found = machine.id.trim_end_matches("Machine").to_ascii_lowercase();
                (found != name).then(|| format!("{} runs {name}", machine.id))
            }),
    );
}

fn each_substitution(problem: impl Fn(&Value, &str, &Value) -> Option<String>) {
    let template = template();
    let mut problems = Vec::new();
    for (machine, resource) in machines(&template) {
        for (name, value) in substitutions(&resource) {
            let problem = problem(&template, name, value);
            problems.extend(problem.map(|problem| format!("{machine}: {name} {problem}")));
        }
    }
    expect_none(problems);
}
