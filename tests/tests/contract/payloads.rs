//! What state machines send is what functions take, and what they read is what
//! functions answer.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Value, json};
use sluice_domain::approval::State as Decision;
use sluice_domain::promotion::Outcome;
use sluice_domain::suites::Next;
use sluice_tests::machine::{State, all_states, expression, states, strings};
use sluice_tests::{expect_none, files, state_machines, text};

use crate::machines::assigned_words;
use crate::samples::{accepts, answer, sample, value};
use crate::substitutions::function_of;

/// What a state sends, with samples for what is only known when it runs.
fn payload_of(state: &State<'_>) -> Value {
    let mut payload = state.body["Arguments"]["Payload"].clone();
    for (key, value) in payload.as_object_mut().into_iter().flatten() {
        if value
            .as_str()
            .is_some_and(|text| expression(text).is_some() || text.starts_with("${"))
        {
            *value = sample(key);
        }
    }
    payload
}

/// Of each state that invokes a function: its place, the function, the payload.
fn calls(mut seen: impl FnMut(&str, &State<'_>, &str, Value)) {
    let machines = state_machines();
    for (place, state) in all_states(&machines) {
        if state.invokes() {
            seen(
                &place,
                &state,
                &function_of(state.calls()),
                payload_of(&state),
            );
        }
    }
}

#[test]
fn every_function_takes_what_state_machines_send_it() {
    let mut problems = Vec::new();
    calls(|place, _, function, payload| {
        problems.extend(
            accepts(function, payload)
                .err()
                .map(|error| format!("{place}: {error}")),
        );
    });
    expect_none(problems);
}

#[test]
fn every_function_refuses_a_field_that_it_does_not_know() {
    let mut problems = Vec::new();
    calls(|place, _, function, mut payload| {
        payload["no_such_field"] = json!(1);
        if accepts(function, payload).is_ok() {
            problems.push(format!("{place}: {function} took no_such_field"));
        }
    });
    expect_none(problems);
}

#[test]
fn everything_read_from_a_result_is_answered() {
    let mut problems = Vec::new();
    calls(|place, state, function, payload| {
        let answer = answer(function, &payload);
        for path in strings(state.body).into_iter().filter_map(expression) {
            let Some(rest) = path.strip_prefix("$states.result.") else {
                continue;
            };
            let known = match rest.strip_prefix("Payload.") {
                _ if state.waits_for_a_token() => is_sent_on_resuming(function, rest),
                Some(field) => answer.get(field).is_some(),
                None => false,
            };
            if !known {
                problems.push(format!(
                    "{place}: {function} does not answer {rest}: {answer}"
                ));
            }
        }
    });
    expect_none(problems);
}

/// What resumes a task is written by hand: `json!({ "generation": … })`.
fn is_sent_on_resuming(function: &str, field: &str) -> bool {
    let sources = files(format!("functions/{function}/src"), "rs");
    let mut adapters = sources.iter().map(text);
    adapters
        .any(|text| text.contains(".succeed(") && text.contains(&format!("json!({{ \"{field}\":")))
}

#[test]
fn every_outcome_that_promote_can_set_closes_a_promotion() {
    let machines = state_machines();
    let promote = &machines["promote"];
    let mut words: BTreeSet<String> = assigned_words(promote, "outcome")
        .into_iter()
        .map(str::to_owned)
        .collect();
    for decision in [Decision::Rejected, Decision::Expired, Decision::Superseded] {
        words.extend(value(decision).as_str().map(str::to_owned));
    }
    expect_none(words.into_iter().filter_map(|word| {
        let payload = json!({"op": "close", "promotion": sample("promotion"), "outcome": word});
        Some(format!("{word}: {}", accepts("guard", payload).err()?))
    }));
}

/// A word that nobody says is a branch that is never taken.
#[test]
fn choices_know_exactly_the_words_that_functions_say() {
    let outcomes = [
        Outcome::Promoted,
        Outcome::RolledBack,
        Outcome::Rejected,
        Outcome::Expired,
        Outcome::Superseded,
        Outcome::Refused,
        Outcome::Aborted,
        Outcome::Stranded,
        Outcome::Done,
        Outcome::Failed,
    ];
    let decisions = [
        Decision::Approved,
        Decision::Rejected,
        Decision::Expired,
        Decision::Superseded,
        Decision::Pending,
    ];
    let shifted = [shift::Next::Bake, shift::Next::Advance, shift::Next::Live];
    let judged = [
        judge::Follows::Bake,
        judge::Follows::Advance,
        judge::Follows::RollBack,
    ];
    let following = [
        Next::Function,
        Next::StateMachine,
        Next::Build,
        Next::Shift,
        Next::Bake,
    ];
    let scheduled = [
        Next::Function,
        Next::StateMachine,
        Next::Build,
        Next::Done,
        Next::Failed,
    ];
    let cases = [
        ("promote", "OnOutcome", words(&outcomes), 1),
        // It promoted or was done, or it did not, whatever else.
        ("release", "OnRecord", words(&outcomes), outcomes.len() - 2),
        ("promote", "OnDecision", words(&decisions), 3),
        ("rollout", "OnSuite", words(&following), 1),
        ("suites", "OnSuite", words(&scheduled), 1),
        ("rollout", "OnShift", words(&shifted), 1),
        ("rollout", "OnVerdict", words(&judged), 1),
        ("rollout", "OnFinalVerdict", words(&judged), 1),
    ];
    let machines = state_machines();
    for (machine, name, said, left_to_the_default) in cases {
        let states = states(&machines[machine]);
        let choice = states.iter().find(|state| state.name == name);
        let compared: BTreeSet<String> = strings(&choice.expect("the state").body["Choices"])
            .into_iter()
            .filter_map(|text| Some(text.split_once('\'')?.1.split_once('\'')?.0.to_owned()))
            .collect();
        let unknown: Vec<_> = compared.difference(&said).collect();
        assert!(unknown.is_empty(), "{machine}.{name} waits for {unknown:?}");
        assert_eq!(
            said.len() - compared.len(),
            left_to_the_default,
            "{machine}.{name}: {said:?}"
        );
    }
}

fn words<T: Serialize>(values: &[T]) -> BTreeSet<String> {
    values
        .iter()
        .filter_map(|word| Some(value(word).as_str()?.to_owned()))
        .collect()
}
