//! The dialect: paths and equality. What could fail or decide lives in Rust.

use serde_json::Value;
use sluice_tests::machine::{State, all_states, expression, items, strings};
use sluice_tests::{expect_none, state_machines};

#[test]
fn a_choice_only_compares_a_variable_with_a_constant() {
    each_state(|state| {
        let conditions = items(&state.body["Choices"]).map(|choice| &choice["Condition"]);
        let conditions = conditions.filter(|condition| {
            let equation = condition.as_str().and_then(expression);
            equation.is_none_or(|equation| !compares_a_variable(equation))
        });
        conditions.map(Value::to_string).collect()
    });
}

/// Without a Default, a word that none of the choices knows ends the execution
/// with nothing caught.
#[test]
fn a_choice_has_nothing_in_it_that_can_fail() {
    each_state(|state| {
        if !state.is("Choice") {
            return Vec::new();
        }
        let allowed = ["Type", "Comment", "Choices", "Default"];
        let others = fields(state.body)
            .into_iter()
            .filter(|field| !allowed.contains(&field.as_str()));
        let in_choices = items(&state.body["Choices"]).flat_map(fields);
        let in_choices = in_choices.filter(|field| field != "Condition" && field != "Next");
        let missing = state.body["Default"]
            .is_null()
            .then(|| "no Default".to_owned());
        others.chain(in_choices).chain(missing).collect()
    });
}

#[test]
fn a_wait_lasts_as_long_as_a_variable_says() {
    each_state(|state| {
        if !state.is("Wait") {
            return Vec::new();
        }
        let seconds = state.text("Seconds");
        let is_variable = expression(seconds).is_some_and(is_variable);
        if is_variable {
            Vec::new()
        } else {
            vec![format!("Seconds: {}", state.body["Seconds"])]
        }
    });
}

#[test]
fn a_time_out_is_a_number_or_a_path() {
    each_state(|state| {
        let limit = &state.body["TimeoutSeconds"];
        let fine = limit.is_null()
            || limit.is_u64()
            || limit.as_str().and_then(expression).is_some_and(is_path);
        if fine {
            Vec::new()
        } else {
            vec![limit.to_string()]
        }
    });
}

#[test]
fn every_other_expression_is_a_path() {
    each_state(|state| {
        let others = state
            .body
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(field, _)| {
                !["Choices", "ItemProcessor", "Branches", "Comment"].contains(&field.as_str())
            });
        let found = others.flat_map(|(field, value)| {
            strings(value)
                .into_iter()
                .map(move |text| (field.as_str(), text))
        });
        let wrong = found.filter(|(field, text)| {
            let Some(inner) = expression(text) else {
                return text.contains("{%");
            };
            let fallback = match *field {
                "Cause" => is_cause(inner),
                "Catch" => inner == CAUSE_IF_ANY,
                _ => false,
            };
            !is_path(inner) && !fallback
        });
        wrong
            .map(|(field, text)| format!("{field}: {text}"))
            .collect()
    });
}

#[test]
fn what_the_dialect_takes_is_what_it_should() {
    for fine in ["$a = 'b'", "$a_b = true", "$a = null", "$a = 3"] {
        assert!(compares_a_variable(fine), "{fine}");
    }
    for wrong in [
        "$states.input.a = 'b'",
        "$exists($a)",
        "$a = $b",
        "$a != 'b'",
        "$a = 'b' or $c = 'd'",
    ] {
        assert!(!compares_a_variable(wrong), "{wrong}");
    }
    for fine in ["$a", "$states.result.Payload.next"] {
        assert!(is_path(fine), "{fine}");
    }
    for wrong in ["$a + 1", "$string($a)", "a", "$a.", "$a[0]", "$a & $b"] {
        assert!(!is_path(wrong), "{wrong}");
    }
}

/// `$a.b.c`
fn is_path(text: &str) -> bool {
    text.strip_prefix('$')
        .is_some_and(|path| path.split('.').all(is_word))
}

/// `$a`
fn is_variable(text: &str) -> bool {
    text.strip_prefix('$').is_some_and(is_word)
}

fn is_word(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && text
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

fn compares_a_variable(text: &str) -> bool {
    let Some((variable, constant)) = text.split_once(" = ") else {
        return false;
    };
    let word = constant
        .strip_prefix('\'')
        .and_then(|rest| rest.strip_suffix('\''));
    let constant = ["true", "false", "null"].contains(&constant)
        || constant.parse::<u64>().is_ok()
        || word.is_some_and(is_word);
    is_variable(variable) && constant
}

/// A time-out may come without a cause, and reading what is not there ends an
/// execution.
const CAUSE_IF_ANY: &str = "$exists($states.errorOutput.Cause) ? $states.errorOutput.Cause : null";

/// `$a = null ? 'words' : $a`: a Fail needs some text.
fn is_cause(text: &str) -> bool {
    let Some((condition, rest)) = text.split_once(" ? ") else {
        return false;
    };
    let Some((words, path)) = rest.split_once(" : ") else {
        return false;
    };
    let words = words
        .strip_prefix('\'')
        .and_then(|rest| rest.strip_suffix('\''));
    compares_a_variable(condition)
        && words.is_some_and(|words| !words.contains('\''))
        && is_path(path)
}

fn fields(value: &Value) -> Vec<String> {
    value
        .as_object()
        .into_iter()
        .flatten()
        .map(|(field, _)| field.clone())
        .collect()
}

fn each_state(problems: impl Fn(&State<'_>) -> Vec<String>) {
    let machines = state_machines();
    expect_none(
        all_states(&machines)
            .into_iter()
            .flat_map(|(place, state)| {
                let found = problems(&state).into_iter();
                found
                    .map(|problem| format!("{place}: {problem}"))
                    .collect::<Vec<_>>()
            }),
    );
}
