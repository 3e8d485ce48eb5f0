//! Where the states of a machine lead, and what is known when they get there.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use sluice_tests::machine::{Scope, State, expression, items, scopes, states, strings};
use sluice_tests::{expect_none, state_machines};

type Names = BTreeSet<String>;

#[test]
fn every_next_state_exists() {
    expect_none(every_scope(|scope| {
        let known: BTreeSet<&str> = scope.states.iter().map(|state| state.name).collect();
        let exits = scope.states.iter().flat_map(State::exits).map(|(_, to)| to);
        exits
            .chain([scope.start])
            .filter(|to| !known.contains(to))
            .map(str::to_owned)
            .collect()
    }));
}

#[test]
fn every_state_can_be_reached() {
    expect_none(every_scope(|scope| {
        let mut reached = BTreeSet::from([scope.start]);
        let mut open = vec![scope.start];
        while let Some(name) = open.pop() {
            let state = scope.states.iter().find(|state| state.name == name);
            let exits = state.map(State::exits).unwrap_or_default();
            open.extend(
                exits
                    .into_iter()
                    .map(|(_, to)| to)
                    .filter(|to| reached.insert(to)),
            );
        }
        let names = scope.states.iter().map(|state| state.name);
        names
            .filter(|name| !reached.contains(name))
            .map(str::to_owned)
            .collect()
    }));
}

#[test]
fn every_state_leads_on_or_ends() {
    expect_none(every_scope(|scope| {
        let stuck = scope.states.iter().filter(|state| {
            let goes_on = !state.text("Next").is_empty() || !state.text("Default").is_empty();
            let ends = state.is("Fail") || state.is("Succeed") || state.body["End"] == true;
            goes_on == ends
        });
        stuck.map(|state| state.name.to_owned()).collect()
    }));
}

/// Names are unique in a whole machine, as Step Functions demands.
#[test]
fn no_state_name_stands_in_two_scopes() {
    for (name, machine) in state_machines() {
        let names: Vec<&str> = states(&machine)
            .into_iter()
            .map(|state| state.name)
            .collect();
        let unique: BTreeSet<&str> = names.iter().copied().collect();
        assert_eq!(names.len(), unique.len(), "{name}");
    }
}

/// Reading a variable that nothing assigned ends an execution, in a Choice with
/// nothing caught.
#[test]
fn every_variable_is_assigned_on_every_way_to_where_it_is_read() {
    let mut problems = Vec::new();
    for (name, machine) in state_machines() {
        let mut outer: BTreeMap<&str, Names> = BTreeMap::new();
        for scope in scopes(&machine) {
            let around = scope.within.and_then(|state| outer.get(state)).cloned();
            let known = known_in(&scope, around.unwrap_or_default());
            for state in &scope.states {
                let here = known.get(state.name).cloned().unwrap_or_default();
                let unknown = read_in(state)
                    .into_iter()
                    .filter(|variable| !here.contains(variable));
                problems
                    .extend(unknown.map(|variable| format!("{name}.{}: ${variable}", state.name)));
            }
            outer.extend(known);
        }
    }
    expect_none(problems);
}

#[test]
fn every_variable_that_is_assigned_is_read() {
    let mut problems = Vec::new();
    for (name, machine) in state_machines() {
        let read: Names = states(&machine).iter().flat_map(read_in).collect();
        let assigned: Names = states(&machine)
            .iter()
            .flat_map(assigned_anywhere)
            .collect();
        problems.extend(
            assigned
                .difference(&read)
                .map(|variable| format!("{name}: ${variable}")),
        );
    }
    expect_none(problems);
}

/// For each state of a scope, the variables that are assigned whichever way led
/// there.
fn known_in<'a>(scope: &Scope<'a>, around: Names) -> BTreeMap<&'a str, Names> {
    let mut known = BTreeMap::from([(scope.start, around)]);
    let mut open = vec![scope.start];
    while let Some(name) = open.pop() {
        let Some(state) = scope.states.iter().find(|state| state.name == name) else {
            continue;
        };
        let before = known[name].clone();
        for (exit, to) in state.exits() {
            let after: Names = before
                .iter()
                .cloned()
                .chain(keys(&exit["Assign"]))
                .collect();
            let common = match known.get(to) {
                Some(earlier) => earlier.intersection(&after).cloned().collect(),
                None => after,
            };
            if known.get(to) != Some(&common) {
                known.insert(to, common);
                open.push(to);
            }
        }
    }
    known
}

fn assigned_anywhere(state: &State<'_>) -> Names {
    let exits = state.exits().into_iter().map(|(exit, _)| exit);
    exits
        .chain([state.body])
        .flat_map(|exit| keys(&exit["Assign"]))
        .collect()
}

fn keys(assign: &Value) -> impl Iterator<Item = String> {
    assign
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, _)| name.clone())
}

/// The variables that a state reads; not what Step Functions gives it, and not
/// what the states within it read.
fn read_in(state: &State<'_>) -> Names {
    let own = state.body.as_object().into_iter().flatten();
    let own = own.filter(|(field, _)| !["ItemProcessor", "Branches"].contains(&field.as_str()));
    own.flat_map(|(_, value)| strings(value))
        .filter_map(expression)
        .flat_map(variables)
        .filter(|name| name != "states")
        .collect()
}

fn variables(expression: &str) -> Vec<String> {
    let name = |rest: &str| -> Option<String> {
        let name: String = rest
            .chars()
            .take_while(|letter| letter.is_ascii_alphanumeric() || *letter == '_')
            .collect();
        // `$exists(…)` is a function.
        (!rest[name.len()..].starts_with('(')).then_some(name)
    };
    expression.split('$').skip(1).filter_map(name).collect()
}

fn every_scope(problems: impl Fn(&Scope<'_>) -> Vec<String>) -> Vec<String> {
    let mut found = Vec::new();
    for (name, machine) in state_machines() {
        for scope in scopes(&machine) {
            found.extend(
                problems(&scope)
                    .into_iter()
                    .map(|problem| format!("{name}: {problem}")),
            );
        }
    }
    found
}

#[test]
fn a_release_goes_through_its_environments_one_by_one() {
    let machines = state_machines();
    let release = states(&machines["release"]);
    let each = release
        .iter()
        .find(|state| state.is("Map"))
        .expect("release goes through a list");
    assert_eq!(
        each.body["MaxConcurrency"], 1,
        "one environment after the other"
    );
    assert_eq!(
        items(&each.body["Catch"]).count(),
        1,
        "the first that is not promoted ends it"
    );
}
