//! Puts a fault into a definition.

use serde_json::{Value, json};

use super::{Fault, TIME_OUT_SECONDS, request};
use crate::machine::{State, expression, scopes};

/// What stands in front of what tasks call.
#[derive(Debug, Clone)]
pub struct Wrapper {
    /// The function's ARN.
    pub arn: String,
    /// The parameter below which it leaves notes.
    pub notes: String,
}

/// Puts a fault into one state of a machine. `relay` is the machine that takes
/// the place of the child, where the state runs one.
///
/// # Errors
/// When the state is none that is known how to break: with what it is.
pub fn inject(
    definition: &mut Value,
    state: &str,
    fault: Fault,
    wrapper: &Wrapper,
    relay: Option<&str>,
) -> Result<(), String> {
    let scope = scope_of(definition, state).ok_or_else(|| format!("there is no state {state}"))?;
    if let Some((error, cause)) = fault.end() {
        end_after(scope, state, error, cause);
        return Ok(());
    }
    let body = &mut scope["States"][state];
    let known = State { name: state, body };
    match (known.text("Type"), relay) {
        ("Choice", _) => body["Choices"][0]["Condition"] = failing("a Choice has no Catch"),
        ("Wait", _) => {
            body["Seconds"] = failing("a Wait has no Catch");
            drop(
                body.as_object_mut()
                    .and_then(|body| body.remove("Timestamp")),
            );
        }
        ("Task", Some(relay)) if known.runs_a_child() => {
            let child = &mut body["Arguments"];
            match fault {
                Fault::ThrottledThreeTimes => refuse_thrice(child, relay),
                Fault::AccessDenied => refuse(child, relay),
                _ => child["StateMachineArn"] = json!(relay),
            }
            hurry(body, fault);
        }
        ("Task", None) if known.invokes() || runs_a_function(&known) => {
            wrap(body, fault, wrapper);
            hurry(body, fault);
        }
        (kind, _) => {
            let resource = known.text("Resource");
            return Err(format!(
                "{state} is a {kind} of `{resource}`; teach `inject` how it goes wrong"
            ));
        }
    }
    Ok(())
}

/// Whether it invokes a function that settings name.
fn runs_a_function(state: &State<'_>) -> bool {
    state.runs_a_suite() && !state.body["Arguments"]["FunctionName"].is_null()
}

fn failing(why: &str) -> Value {
    json!(format!("{{% $error('{why}') %}}"))
}

/// A task that is to run into its time-out waits for a short time only.
fn hurry(body: &mut Value, fault: Fault) {
    if matches!(fault, Fault::TimesOut | Fault::WritesAfterTimeOut) {
        body["TimeoutSeconds"] = json!(TIME_OUT_SECONDS);
    }
}

/// The name under which a start is refused: a refused one leaves its own name free.
const REFUSED: &str = "'refused-' & $states.context.State.RetryCount";

/// Has the start of a child refused at each try, by a machine that stands for that.
fn refuse(child: &mut Value, refusing: &str) {
    child["StateMachineArn"] = json!(refusing);
    child["Name"] = json!(format!("{{% {REFUSED} %}}"));
}

/// Has the start of a child refused at three tries.
fn refuse_thrice(child: &mut Value, refusing: &str) {
    let thrice = "$states.context.State.RetryCount < 3";
    let machine = child["StateMachineArn"].as_str().unwrap_or_default();
    let machine = format!("{{% {thrice} ? '{refusing}' : '{machine}' %}}");
    let name = child["Name"].as_str().and_then(expression);
    let name = name.unwrap_or_default();
    let name = format!("{{% {thrice} ? {REFUSED} : {name} %}}");
    child["StateMachineArn"] = json!(machine);
    child["Name"] = json!(name);
}

/// Has a task call the wrapper, with what it would have called.
fn wrap(body: &mut Value, fault: Fault, wrapper: &Wrapper) {
    let waits = State { name: "", body }.waits_for_a_token();
    let mut event = request(wrapper, fault);
    event["function"] = body["Arguments"]["FunctionName"].take();
    event["event"] = body["Arguments"]["Payload"].take();
    if waits {
        event["token"] = json!("{% $states.context.Task.Token %}");
    }
    body["Arguments"] = json!({ "FunctionName": wrapper.arn, "Payload": event });
}

/// Ends the execution when a state is done.
fn end_after(scope: &mut Value, state: &str, error: &str, cause: &str) {
    const ENDED: &str = "Ended";
    scope["States"][ENDED] = json!({ "Type": "Fail", "Error": error, "Cause": cause });
    let body = &mut scope["States"][state];
    drop(body.as_object_mut().and_then(|body| body.remove("End")));
    body["Next"] = json!(ENDED);
}

/// The machine, or the part of it, that has a state of this name.
fn scope_of<'a>(definition: &'a mut Value, state: &str) -> Option<&'a mut Value> {
    if definition["States"].get(state).is_some() {
        return Some(definition);
    }
    let states = definition["States"].as_object_mut()?;
    states.values_mut().find_map(|body| {
        let body = body.as_object_mut()?;
        if let Some(inner) = body.get("ItemProcessor")
            && holds(inner, state)
        {
            return body
                .get_mut("ItemProcessor")
                .and_then(|inner| scope_of(inner, state));
        }
        let branches = body.get_mut("Branches")?.as_array_mut()?;
        let inner = branches.iter_mut().find(|inner| holds(inner, state))?;
        scope_of(inner, state)
    })
}

fn holds(definition: &Value, state: &str) -> bool {
    let mut states = scopes(definition)
        .into_iter()
        .flat_map(|scope| scope.states);
    states.any(|found| found.name == state)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state_machines;

    fn wrapper() -> Wrapper {
        Wrapper {
            arn: "the wrapper".to_owned(),
            notes: "/notes".to_owned(),
        }
    }

    #[test]
    fn a_task_behind_the_wrapper_hands_on_what_it_would_have_called() {
        let mut rollout = state_machines()["rollout"].clone();
        let before = rollout["States"]["ShiftTraffic"].clone();
        inject(
            &mut rollout,
            "ShiftTraffic",
            Fault::TimesOut,
            &wrapper(),
            None,
        )
        .unwrap();
        let after = &rollout["States"]["ShiftTraffic"];
        assert_eq!(after["Arguments"]["FunctionName"], "the wrapper");
        let event = &after["Arguments"]["Payload"];
        assert_eq!(event["function"], before["Arguments"]["FunctionName"]);
        assert_eq!(event["event"], before["Arguments"]["Payload"]);
        assert_eq!(event["fault"], "times_out");
        assert_eq!(event.get("token"), None);
        assert_eq!(after["TimeoutSeconds"], 1);
        assert_eq!(after["Retry"], before["Retry"]);
    }

    #[test]
    fn a_state_within_a_map_is_found() {
        let mut release = state_machines()["release"].clone();
        inject(
            &mut release,
            "Promote",
            Fault::Crashes,
            &wrapper(),
            Some("a relay"),
        )
        .unwrap();
        let inner = &release["States"]["EachEnvironment"]["ItemProcessor"]["States"];
        assert_eq!(inner["Promote"]["Arguments"]["StateMachineArn"], "a relay");
        inject(
            &mut release,
            "Promote",
            Fault::HistoryTooLong,
            &wrapper(),
            None,
        )
        .unwrap();
        let inner = &release["States"]["EachEnvironment"]["ItemProcessor"]["States"];
        assert_eq!(inner["Promote"]["Next"], "Ended");
        assert_eq!(inner["Ended"]["Type"], "Fail");
    }

    #[test]
    fn a_start_that_is_refused_thrice_is_the_childs_at_the_fourth_try() {
        let mut promote = state_machines()["promote"].clone();
        let throttled = Fault::ThrottledThreeTimes;
        inject(&mut promote, "Rollout", throttled, &wrapper(), Some("no")).unwrap();
        let arguments = &promote["States"]["Rollout"]["Arguments"];
        let tries = "$states.context.State.RetryCount";
        let machine = format!("{{% {tries} < 3 ? 'no' : '${{RolloutMachine}}' %}}");
        assert_eq!(arguments["StateMachineArn"], machine);
        let name = format!("{{% {tries} < 3 ? 'refused-' & {tries} : $execution %}}");
        assert_eq!(arguments["Name"], name);
    }

    #[test]
    fn a_kind_of_task_that_nobody_knows_how_to_break_is_named() {
        let task = json!({ "Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage" });
        let mut machine = json!({ "States": { "Send": task } });
        let unknown = inject(&mut machine, "Send", Fault::Throws, &wrapper(), None);
        assert!(unknown.unwrap_err().contains("sqs:sendMessage"));
    }
}
