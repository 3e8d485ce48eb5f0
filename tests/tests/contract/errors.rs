//! Error names: caught ones are said, and said ones are known to people.

use std::collections::BTreeSet;

use sluice_platform::lambda::TRIED_AGAIN;
use sluice_tests::machine::{all_states, items, strings};
use sluice_tests::{expect_none, files, folders, repository, state_machines, text};

use crate::substitutions::function_of;

/// Said for every function by the Lambda loop, when an input can't be read.
const UNREADABLE: &str = "InvalidInput";

/// The names under which a function's errors leave it, as its sources say: from
/// what implements `Named`, the functions beside it that answer names, and what
/// it lets a waiting task fail with.
fn names(function: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::from([UNREADABLE.to_owned()]);
    for path in files(format!("functions/{function}/src"), "rs") {
        let source = text(&path);
        if source.contains("impl Named for") {
            found.extend(names_in(&source));
        }
        found.extend(failures_in(&source));
    }
    found
}

/// What a source lets a waiting task fail with: the name in `.fail(token, "…"`.
fn failures_in(source: &str) -> Vec<String> {
    let calls = source.split(".fail(").skip(1);
    let names = calls.filter_map(|call| call.split_once(')')?.0.split('"').nth(1));
    names.map(str::to_owned).collect()
}

fn names_in(source: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for part in source.split("-> &'static str").skip(1) {
        let body = part.split_once("\n    }\n").map_or(part, |(body, _)| body);
        let body = body.split_once("\n}\n").map_or(body, |(body, _)| body);
        let literals = body.split('"').skip(1).step_by(2);
        found.extend(literals.filter(|text| is_name(text)).map(str::to_owned));
        if body.contains("fault_name(") {
            found.extend(names_in(&text("platform/src/lambda.rs")));
        }
        if body.contains("error.name()") {
            found.extend(names_in(&text("platform/src/store/mod.rs")));
        }
    }
    found
}

fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_uppercase())
        && text.chars().all(|letter| letter.is_ascii_alphanumeric())
}

#[test]
fn names_are_found_where_they_are_said() {
    let source = "fn name(&self) -> &'static str {\n        match self {\n            \
        Self::A => \"OneName\",\n            Self::B(fault) => fault_name(fault),\n        }\n    }\n";
    let found: Vec<String> = names_in(source).into_iter().collect();
    let expected = ["AwsCallFailed", "AwsUnavailable", "OneName", "Throttled"];
    assert_eq!(found, expected);
    assert!(
        names("guard").contains("Superseded"),
        "what a waiting task fails with"
    );
    assert!(
        names("verify").contains("DigestMismatch"),
        "a name from a function of its own"
    );
}

#[test]
fn every_function_names_its_errors() {
    expect_none(
        folders("functions")
            .into_iter()
            .filter(|function| names(function).len() < 2),
    );
}

#[test]
fn every_name_that_a_state_machine_knows_is_said_by_the_function_it_calls() {
    let machines = state_machines();
    // Whoever has the token may let a waiting task fail.
    let sources = files("functions", "rs").into_iter();
    let failures: Vec<String> = sources.flat_map(|path| failures_in(&text(path))).collect();
    let mut problems = Vec::new();
    for (place, state) in all_states(&machines) {
        let mut known = BTreeSet::new();
        if state.invokes() {
            known.extend(names(&function_of(state.calls())));
        }
        if state.waits_for_a_token() {
            known.extend(failures.iter().cloned());
        }
        let handlers = ["Retry", "Catch"]
            .into_iter()
            .flat_map(|list| items(&state.body[list]));
        for name in handlers.flat_map(|handler| strings(&handler["ErrorEquals"])) {
            let foreign = [
                "States.",
                "Lambda.",
                "Runtime.",
                "Sandbox.",
                "StepFunctions.",
                "CodeBuild.",
            ];
            let foreign = foreign.iter().any(|service| name.starts_with(service));
            if !foreign && !known.contains(name) {
                problems.push(format!("{place}: {name}"));
            }
        }
    }
    expect_none(problems);
}

/// One hiccup of AWS neither refuses a promotion nor rolls one back.
#[test]
fn every_task_tries_again_what_its_function_says_of_failures_that_pass() {
    let machines = state_machines();
    let invoking = all_states(&machines)
        .into_iter()
        .filter(|(_, state)| state.invokes());
    expect_none(invoking.flat_map(|(place, state)| {
        let said = names(&function_of(state.calls()));
        let passing = TRIED_AGAIN.into_iter().filter(|name| said.contains(*name));
        let once = passing.filter(|name| {
            // The first retrier that knows an error decides.
            let retrier = items(&state.body["Retry"]).find(|retrier| {
                let errors = strings(&retrier["ErrorEquals"]);
                errors.contains(name) || errors == ["States.ALL"]
            });
            retrier.is_none_or(|retrier| retrier["MaxAttempts"] == 0)
        });
        once.map(|name| format!("{place}: {name}"))
            .collect::<Vec<_>>()
    }));
    let all = folders("functions").into_iter();
    expect_none(all.filter(|function| {
        TRIED_AGAIN
            .iter()
            .any(|name| !names(function).contains(*name))
    }));
}

/// Whoever refuses for good says so under the token, and leaves to the state
/// machine what it tries again.
#[test]
fn a_function_that_a_task_waits_for_knows_its_token_and_what_is_tried_again() {
    let machines = state_machines();
    let waiting = all_states(&machines)
        .into_iter()
        .filter(|(_, state)| state.waits_for_a_token());
    expect_none(waiting.filter_map(|(place, state)| {
        let retried: BTreeSet<&str> = items(&state.body["Retry"])
            .flat_map(|retrier| strings(&retrier["ErrorEquals"]))
            .filter(|name| !name.starts_with("Lambda."))
            .collect();
        let token = &state.body["Arguments"]["Payload"]["task_token"];
        let main = text(format!(
            "functions/{}/src/main.rs",
            function_of(state.calls())
        ));
        let agrees = retried == BTreeSet::from(TRIED_AGAIN)
            && token == "{% $states.context.Task.Token %}"
            && main.contains("task::serve(");
        (!agrees).then(|| format!("{place} retries {retried:?}, and passes {token}"))
    }));
}

/// An operator meets the name first, in an execution's history.
#[test]
fn every_error_name_stands_in_the_documentation() {
    let pages = ["README.md", "ARCHITECTURE.md"].map(|page| repository().join(page));
    let pages: String = pages
        .iter()
        .filter(|page| page.exists())
        .map(text)
        .collect();
    let names = folders("functions").into_iter().flat_map(|function| {
        names(&function)
            .into_iter()
            .map(move |name| (function.clone(), name))
    });
    expect_none(names.filter_map(|(function, name)| {
        (!pages.contains(&format!("`{name}`"))).then(|| format!("{function}: {name}"))
    }));
}
