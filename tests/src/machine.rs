//! The state machines, as data.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{file_name, files, text};

/// All state machines, by name: `promote`.
///
/// # Panics
/// When one is not JSON.
#[must_use]
pub fn state_machines() -> BTreeMap<String, Value> {
    files("statemachines", "json")
        .into_iter()
        .map(|path| {
            let definition = serde_json::from_str(&text(&path))
                .unwrap_or_else(|error| panic!("{} is not JSON: {error}", path.display()));
            (
                file_name(&path).trim_end_matches(".asl.json").to_owned(),
                definition,
            )
        })
        .collect()
}

/// A state of a machine.
#[derive(Debug, Clone, Copy)]
pub struct State<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its definition.
    pub body: &'a Value,
}

impl<'a> State<'a> {
    /// A field that is text; "" where it is not.
    #[must_use]
    pub fn text(&self, field: &str) -> &'a str {
        self.body[field].as_str().unwrap_or_default()
    }

    /// Whether it is of this type: `Task`.
    #[must_use]
    pub fn is(&self, kind: &str) -> bool {
        self.text("Type") == kind
    }

    /// Whether it invokes a function of Sluice's, waiting for a callback or not.
    #[must_use]
    pub fn invokes(&self) -> bool {
        let resource = self.text("Resource");
        resource.starts_with("arn:aws:states:::lambda:invoke") && !self.runs_a_suite()
    }

    /// Whether it runs a suite that settings name: no placeholder, but known when it runs.
    #[must_use]
    pub fn runs_a_suite(&self) -> bool {
        let arguments = &self.body["Arguments"];
        let targets = ["FunctionName", "StateMachineArn", "ProjectName"];
        let targets = targets.iter().filter_map(|field| arguments[field].as_str());
        let mut targets = targets.filter_map(expression);
        targets.any(|target| target == "$suite.target")
    }

    /// Whether it calls `migrate`: Sluice's own, or the one that settings name, which is the
    /// same deployed elsewhere. `verify` says which.
    #[must_use]
    pub fn migrates(&self) -> bool {
        let target = self.body["Arguments"]["FunctionName"].as_str();
        let target = target.and_then(expression).unwrap_or_default();
        ["$migrations.function", "$request.function"].contains(&target)
    }

    /// Whether something else resumes it.
    #[must_use]
    pub fn waits_for_a_token(&self) -> bool {
        self.text("Resource").ends_with(".waitForTaskToken")
    }

    /// Whether it runs another state machine of Sluice's to its end.
    #[must_use]
    pub fn runs_a_child(&self) -> bool {
        let resource = self.text("Resource");
        resource == "arn:aws:states:::states:startExecution.sync:2" && !self.runs_a_suite()
    }

    /// The parts of its definition that lead somewhere, each with the place:
    /// itself, its catchers, its choices.
    #[must_use]
    pub fn exits(&self) -> Vec<(&'a Value, &'a str)> {
        let next = (self.body, self.text("Next"));
        let default = (self.body, self.text("Default"));
        let listed = ["Catch", "Choices"]
            .into_iter()
            .flat_map(|list| items(&self.body[list]));
        [next, default]
            .into_iter()
            .chain(listed.map(|item| (item, item["Next"].as_str().unwrap_or_default())))
            .filter(|(_, to)| !to.is_empty())
            .collect()
    }

    /// The placeholder of what it calls: `VerifyFunction` of
    /// `"FunctionName": "${VerifyFunction}"`. "" where it calls nothing.
    #[must_use]
    pub fn calls(&self) -> &'a str {
        if self.migrates() {
            return "MigrateFunction";
        }
        let arguments = &self.body["Arguments"];
        ["FunctionName", "StateMachineArn"]
            .into_iter()
            .find_map(|field| placeholder(arguments[field].as_str()?))
            .unwrap_or_default()
    }
}

/// A machine, or the part of one that a Map or a branch repeats.
#[derive(Debug, Clone)]
pub struct Scope<'a> {
    /// The state that it begins with.
    pub start: &'a str,
    /// The states in it.
    pub states: Vec<State<'a>>,
    /// The state of the scope around it that runs it. None: the whole machine.
    pub within: Option<&'a str>,
}

/// A machine and all scopes in it, outer ones first.
#[must_use]
pub fn scopes(machine: &Value) -> Vec<Scope<'_>> {
    let mut found = Vec::new();
    collect(machine, None, &mut found);
    found
}

fn collect<'a>(definition: &'a Value, within: Option<&'a str>, found: &mut Vec<Scope<'a>>) {
    let states: Vec<State<'a>> = definition["States"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, body)| State { name, body })
        .collect();
    let start = definition["StartAt"].as_str().unwrap_or_default();
    found.push(Scope {
        start,
        states: states.clone(),
        within,
    });
    for state in states {
        let inner = items(&state.body["Branches"]).chain(state.body.get("ItemProcessor"));
        inner.for_each(|definition| collect(definition, Some(state.name), found));
    }
}

/// All states of a machine, those of its inner scopes as well.
#[must_use]
pub fn states(machine: &Value) -> Vec<State<'_>> {
    scopes(machine)
        .into_iter()
        .flat_map(|scope| scope.states)
        .collect()
}

/// All states of all machines, each with its place: `promote.Rollout`.
#[must_use]
pub fn all_states(machines: &BTreeMap<String, Value>) -> Vec<(String, State<'_>)> {
    machines
        .iter()
        .flat_map(|(name, machine)| {
            states(machine)
                .into_iter()
                .map(move |state| (format!("{name}.{}", state.name), state))
        })
        .collect()
}

/// The name in a placeholder: `A` of `${A}`.
#[must_use]
pub fn placeholder(text: &str) -> Option<&str> {
    text.strip_prefix("${")?.strip_suffix('}')
}

/// The expression in a string: `$a` of `{% $a %}`.
#[must_use]
pub fn expression(text: &str) -> Option<&str> {
    Some(text.strip_prefix("{%")?.strip_suffix("%}")?.trim())
}

/// All strings in a value that are not keys.
#[must_use]
pub fn strings(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(strings).collect(),
        Value::Object(fields) => fields.values().flat_map(strings).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}

/// The items of a list; none where it is not a list.
pub fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
