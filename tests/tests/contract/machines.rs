//! Each state machine alone: well formed, named and guarded as the house rules say.

use std::collections::BTreeSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use sluice_domain::promotion::Outcome;
use sluice_platform::lambda::TRIED_AGAIN;
use sluice_tests::machine::{State, all_states, items, placeholder, states, strings};
use sluice_tests::{expect_none, files, state_machines, text};

/// What Step Functions says of Lambda when waiting helps, whichever function is
/// called.
const TRANSIENT: [&str; 4] = [
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
];

/// How the machines beside `promote` may end. Its own ends are the outcomes of a
/// promotion.
const ENDS: [&str; 12] = [
    "Promoted",
    "NotPromoted",
    "Released",
    "NotReleased",
    "Committed",
    "Migrated",
    "Restored",
    "NotRestored",
    "Rehearsed",
    "Unhealthy",
    "Tested",
    "SuitesFailed",
];

/// JSON in which no object has a key twice.
struct Strict;

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Self;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON without a key that stands twice")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self, A::Error> {
        while items.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Self, A::Error> {
        let mut seen = BTreeSet::new();
        while let Some((key, _)) = fields.next_entry::<String, Self>()? {
            if let Some(twice) = seen.replace(key) {
                return Err(serde::de::Error::custom(format!("{twice} stands twice")));
            }
        }
        Ok(self)
    }
}

#[test]
fn every_state_machine_file_is_json_as_it_stands() {
    let paths = files("statemachines", "json");
    assert!(!paths.is_empty(), "there is no state machine");
    expect_none(paths.into_iter().filter_map(|path| {
        let error = serde_json::from_str::<Strict>(&text(&path)).err()?;
        Some(format!("{}: {error}", path.display()))
    }));
}

#[test]
fn a_key_that_stands_twice_is_noticed() {
    assert!(serde_json::from_str::<Strict>(r#"{"a": [{"b": 1, "b": 2}]}"#).is_err());
    assert!(serde_json::from_str::<Strict>(r#"{"a": [{"b": 1, "c": null}]}"#).is_ok());
}

#[test]
fn placeholders_are_whole_strings() {
    expect_none(state_machines().iter().flat_map(|(name, machine)| {
        let parts = strings(machine).into_iter().filter(|text| {
            text.contains("${") && placeholder(text).is_none_or(|name| !is_name(name))
        });
        parts
            .map(move |text| format!("{name}: {text}"))
            .collect::<Vec<_>>()
    }));
}

#[test]
fn every_state_machine_is_jsonata_and_says_why_it_is() {
    for (name, machine) in state_machines() {
        assert_eq!(machine["QueryLanguage"], "JSONata", "{name}");
        assert!(machine["Comment"].is_string(), "{name} has no Comment");
        for state in states(&machine) {
            assert!(
                state.body["QueryLanguage"].is_null(),
                "{name}.{}: one language",
                state.name
            );
        }
    }
}

#[test]
fn every_task_says_why_it_is() {
    expect_none(tasks(|state| state.text("Comment").is_empty()));
}

#[test]
fn every_task_that_calls_a_function_has_a_time_out() {
    expect_none(tasks(|state| {
        !state.runs_a_child() && state.body["TimeoutSeconds"].is_null()
    }));
}

#[test]
fn every_task_that_runs_no_suite_is_one_of_three_kinds() {
    expect_none(tasks(|state| {
        if state.runs_a_suite() {
            return false;
        }
        let callback = "arn:aws:states:::lambda:invoke.waitForTaskToken";
        let invokes = state.text("Resource") == "arn:aws:states:::lambda:invoke";
        !invokes && state.text("Resource") != callback && !state.runs_a_child()
    }));
}

#[test]
fn transient_errors_are_retried_first_and_with_jitter() {
    expect_none(tasks(|state| {
        if state.runs_a_child() || state.runs_a_suite() {
            return false;
        }
        // A retrier without attempts only keeps the next ones from its errors.
        let first = items(&state.body["Retry"]).find(|retrier| retrier["MaxAttempts"] != 0);
        let Some(first) = first else { return true };
        let errors: Vec<&str> = strings(&first["ErrorEquals"]);
        let mut transient = TRANSIENT.iter().chain(&TRIED_AGAIN);
        let covers = errors == ["States.ALL"] || transient.all(|name| errors.contains(name));
        !covers || !is_patient(first)
    }));
}

/// What Step Functions says when it may not have started a child: its own quota
/// (https://docs.aws.amazon.com/step-functions/latest/dg/connect-stepfunctions.html),
/// also under the name of the exception's class; whatever the API answers beside the
/// errors of its own, throttling and refusals among them; and no answer at all.
const NOT_STARTED: [&str; 4] = [
    "StepFunctions.ExecutionLimitExceeded",
    "StepFunctions.ExecutionLimitExceededException",
    "StepFunctions.AWSStepFunctionsException",
    "StepFunctions.SdkClientException",
];

/// A child that failed is not run again, and a name that is taken is no reason to try
/// once more: what became of its execution is in the record.
#[test]
fn only_a_start_that_may_not_have_come_about_is_tried_again_and_with_jitter() {
    expect_none(tasks(|state| {
        let retriers: Vec<&Value> = items(&state.body["Retry"]).collect();
        let same = retriers
            .iter()
            .all(|retrier| strings(&retrier["ErrorEquals"]) == NOT_STARTED && is_patient(retrier));
        state.runs_a_child() && !(retriers.len() == 1 && same)
    }));
}

/// Whether a retrier gives others time, and goes different ways from them.
fn is_patient(retrier: &Value) -> bool {
    retrier["JitterStrategy"] == "FULL"
        && retrier["MaxAttempts"].as_u64() >= Some(3)
        && !retrier["MaxDelaySeconds"].is_null()
        && retrier["BackoffRate"].as_f64() > Some(1.0)
}

/// Whatever became of a promotion, its release hears it from the record, and what
/// never began is closed.
#[test]
fn a_release_closes_what_never_began_and_goes_by_the_record() {
    let machines = state_machines();
    let states = states(&machines["release"]);
    let exits = |name: &str| -> BTreeSet<&str> {
        let state = states.iter().find(|state| state.name == name);
        let exits = state.expect("the state").exits();
        exits.into_iter().map(|(_, to)| to).collect()
    };
    assert_eq!(exits("Promote"), BTreeSet::from(["CloseUnbegun"]));
    assert_eq!(exits("CloseUnbegun"), BTreeSet::from(["OnRecord"]));
    let ends = BTreeSet::from(["Promoted", "NotPromoted"]);
    assert_eq!(exits("OnRecord"), ends);
}

#[test]
fn every_child_runs_under_a_name_of_its_own_and_knows_its_parent() {
    expect_none(tasks(|state| {
        let arguments = &state.body["Arguments"];
        let parent = &arguments["Input"]["AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID"];
        state.runs_a_child()
            && (arguments["Name"].is_null() || parent != "{% $states.context.Execution.Id %}")
    }));
}

#[test]
fn every_task_of_promote_catches_everything() {
    let machines = state_machines();
    expect_none(
        states(&machines["promote"])
            .into_iter()
            .filter_map(|state| {
                let last = items(&state.body["Catch"]).last();
                let all =
                    last.is_some_and(|catcher| strings(&catcher["ErrorEquals"]) == ["States.ALL"]);
                (state.is("Task") && !all).then(|| state.name.to_owned())
            }),
    );
}

#[test]
fn promote_ends_only_after_it_closed_the_promotion() {
    let machines = state_machines();
    let states = states(&machines["promote"]);
    let is_end = |name: &str| states.iter().any(|state| state.name == name && ends(state));
    let leading: BTreeSet<&str> = states
        .iter()
        .filter(|state| state.exits().iter().any(|(_, to)| is_end(to)))
        .map(|state| state.name)
        .collect();
    assert_eq!(leading, BTreeSet::from(["OnOutcome", "Strand"]));
    let before: BTreeSet<&str> = states
        .iter()
        .filter(|state| state.exits().iter().any(|(_, to)| *to == "OnOutcome"))
        .map(|state| state.name)
        .collect();
    assert_eq!(before, BTreeSet::from(["ReleaseTargets"]));
}

/// Traffic may have moved: only rolling back, or knowing that it failed, comes next.
#[test]
fn a_rollout_that_failed_is_rolled_back_and_that_is_checked() {
    let machines = state_machines();
    let states = states(&machines["promote"]);
    let exits = |name: &str| -> BTreeSet<&str> {
        let state = states
            .iter()
            .find(|state| state.name == name)
            .expect("the state");
        state.exits().into_iter().map(|(_, to)| to).collect()
    };
    assert_eq!(
        exits("Rollout"),
        BTreeSet::from(["RetireVersions", "FenceOff"])
    );
    assert_eq!(exits("FenceOff"), BTreeSet::from(["OnFenced", "Strand"]));
    assert_eq!(
        exits("OnFenced"),
        BTreeSet::from(["FenceSchema", "RollBack"])
    );
    // A database that can't be reached keeps no alias from going back.
    assert_eq!(exits("FenceSchema"), BTreeSet::from(["RollBack"]));
    assert_eq!(
        exits("RollBack"),
        BTreeSet::from(["VerifyRollback", "Strand"])
    );
    assert_eq!(
        exits("VerifyRollback"),
        BTreeSet::from(["RetireVersions", "Strand"])
    );
    // What is tidied up changes no outcome, but traffic that a restore took off has to be back.
    assert_eq!(
        exits("RetireVersions"),
        BTreeSet::from(["OnUnretired", "ReleaseTargets", "Strand"])
    );
    assert_eq!(
        exits("OnUnretired"),
        BTreeSet::from(["ReleaseTargets", "Strand"])
    );
    assert_eq!(
        exits("ReleaseTargets"),
        BTreeSet::from(["OnOutcome", "Strand"])
    );
    assert_eq!(exits("Strand"), BTreeSet::from(["Stranded"]));
}

#[test]
fn promote_ends_in_the_outcomes_of_a_promotion() {
    let machines = state_machines();
    let states = states(&machines["promote"]);
    let found: BTreeSet<&str> = states
        .iter()
        .filter(|state| ends(state))
        .map(|state| state.name)
        .collect();
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
    assert_eq!(found, outcomes.into_iter().map(Outcome::title).collect());
    let succeeding = states
        .iter()
        .filter(|state| state.is("Succeed"))
        .map(|state| state.name);
    assert_eq!(
        succeeding.collect::<BTreeSet<_>>(),
        BTreeSet::from(["Done", "Promoted"]),
        "a run that failed ends FAILED"
    );
}

#[test]
fn choices_alone_are_called_on_something() {
    expect_none(
        all_states(&state_machines())
            .into_iter()
            .filter_map(|(place, state)| {
                let rest = state.name.strip_prefix("On").unwrap_or_default();
                let named = rest.starts_with(|first: char| first.is_ascii_uppercase());
                (named != state.is("Choice") || !is_name(state.name)).then_some(place)
            }),
    );
}

#[test]
fn tasks_are_called_by_what_they_do() {
    expect_none(tasks(|state| {
        let first = state
            .name
            .char_indices()
            .skip(1)
            .find(|(_, letter)| letter.is_ascii_uppercase());
        let verb = first.map_or(state.name, |(end, _)| &state.name[..end]);
        verb.ends_with("ed") || verb.ends_with("ing")
    }));
}

#[test]
fn ends_are_called_by_what_became_of_it() {
    expect_none(state_machines().iter().flat_map(|(name, machine)| {
        let others = states(machine).into_iter().filter(|state| {
            let known = name == "promote" || ENDS.contains(&state.name);
            let says_so = !state.is("Fail") || state.text("Error") == state.name;
            ends(state) && !(known && says_so)
        });
        others
            .map(|state| format!("{name}.{}", state.name))
            .collect::<Vec<_>>()
    }));
}

fn ends(state: &State<'_>) -> bool {
    state.is("Fail") || state.is("Succeed")
}

fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_uppercase())
        && text.chars().all(|letter| letter.is_ascii_alphanumeric())
}

/// The places of the tasks of which this is true.
fn tasks(wrong: impl Fn(&State<'_>) -> bool) -> Vec<String> {
    let machines = state_machines();
    let states = all_states(&machines).into_iter();
    states
        .filter(|(_, state)| state.is("Task") && wrong(state))
        .map(|(place, _)| place)
        .collect()
}

/// The word that a state assigns to a variable, wherever it does.
pub(crate) fn assigned_words<'a>(machine: &'a Value, variable: &str) -> BTreeSet<&'a str> {
    let places = states(machine).into_iter().flat_map(|state| {
        let catchers = items(&state.body["Catch"]).map(|catcher| &catcher["Assign"]);
        catchers.chain([&state.body["Assign"]]).collect::<Vec<_>>()
    });
    places
        .filter_map(|assign| assign[variable].as_str())
        .filter(|word| !word.starts_with("{%"))
        .collect()
}
