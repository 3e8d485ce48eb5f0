//! A machine that takes the place of a child execution and misbehaves.

use serde_json::{Value, json};

use super::{Fault, Wrapper, request};

/// The machine that stands between a task and the child that it runs. None:
/// the fault is none of a child's.
#[must_use]
pub fn relay(fault: Fault, child: &str, wrapper: &Wrapper) -> Option<Value> {
    let chain = match fault {
        Fault::Throws => vec![fails("RuntimeError", "a fault was put in")],
        // The call that starts the child is refused before there is one.
        Fault::ThrottledThreeTimes => vec![refused("Rate exceeded")],
        Fault::AccessDenied => vec![refused(
            "User is not authorized to perform: states:StartExecution",
        )],
        Fault::TimesOut => vec![asks(wrapper, Fault::TimesOut), done()],
        Fault::WritesAfterTimeOut => {
            vec![asks(wrapper, Fault::TimesOut), runs(child), done()]
        }
        Fault::Crashes => vec![asks(wrapper, Fault::Stopped), done()],
        Fault::Stopped => vec![stops_the_parent(wrapper), runs(child), done()],
        Fault::Malformed => vec![runs(child), succeeds(json!({ "fine": true }))],
        Fault::AnswerLost => vec![
            runs(child),
            fails("StepFunctions.SdkClientException", "the answer was lost"),
        ],
        Fault::RunsTwice => vec![runs(child), whatever_comes_of_it(runs(child)), done()],
        Fault::Expression
        | Fault::PayloadTooLarge
        | Fault::HistoryTooLong
        | Fault::ExecutionTimedOut => return None,
    };
    Some(machine(chain))
}

/// A machine of these states, one after the other.
fn machine(chain: Vec<Value>) -> Value {
    let name = |place: usize| format!("State{place}");
    let states = chain.into_iter().enumerate().map(|(place, mut state)| {
        if state["Type"] == "Task" {
            state["Next"] = json!(name(place + 1));
        }
        if state["Catch"].is_array() {
            state["Catch"][0]["Next"] = json!(name(place + 1));
        }
        (name(place), state)
    });
    let states: Value = states.collect::<serde_json::Map<_, _>>().into();
    json!({ "QueryLanguage": "JSONata", "StartAt": name(0), "States": states })
}

fn fails(error: &str, cause: &str) -> Value {
    json!({ "Type": "Fail", "Error": error, "Cause": cause })
}

fn refused(cause: &str) -> Value {
    fails("StepFunctions.AWSStepFunctionsException", cause)
}

fn succeeds(output: Value) -> Value {
    json!({ "Type": "Succeed", "Output": output })
}

fn done() -> Value {
    succeeds(json!("{% $states.input %}"))
}

/// Has the wrapper do something to this very execution.
fn asks(wrapper: &Wrapper, fault: Fault) -> Value {
    json!({
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Arguments": { "FunctionName": wrapper.arn, "Payload": request(wrapper, fault) },
        "Output": "{% $states.input %}",
    })
}

fn stops_the_parent(wrapper: &Wrapper) -> Value {
    let mut state = asks(wrapper, Fault::Stopped);
    state["Arguments"]["Payload"]["execution"] =
        json!("{% $states.input.AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID %}");
    state
}

/// Runs the child under the name that the parent gave.
fn runs(child: &str) -> Value {
    json!({
        "Type": "Task",
        "Resource": "arn:aws:states:::states:startExecution.sync:2",
        "Arguments": {
            "StateMachineArn": child,
            "Name": "{% $states.context.Execution.Name %}",
            "Input": "{% $states.input %}",
        },
        "Output": "{% $states.input %}",
    })
}

/// On AWS, a name is taken once its execution has ended.
fn whatever_comes_of_it(mut state: Value) -> Value {
    state["Catch"] = json!([{ "ErrorEquals": ["States.ALL"], "Output": "{% $states.input %}" }]);
    state
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::{State, states};

    #[test]
    fn every_fault_of_a_task_is_one_that_a_child_can_have() {
        let wrapper = Wrapper {
            arn: "the wrapper".to_owned(),
            notes: "/notes".to_owned(),
        };
        for fault in Fault::OF_TASKS {
            let relay = relay(fault, "the child", &wrapper).expect("a relay");
            let states = states(&relay);
            for (_, to) in states.iter().flat_map(State::exits) {
                assert!(states.iter().any(|state| state.name == to), "{relay}");
            }
        }
    }
}
