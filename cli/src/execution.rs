//! What Step Functions knows of an execution: where it is, and what it took.

use std::collections::BTreeMap;

use aws_config::SdkConfig;
use aws_sdk_sfn::Client;
use aws_sdk_sfn::types::{ExecutionStatus, HistoryEvent};
use serde_json::Value;
use sluice_platform::fault::Fault;

/// What an execution took.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Trace {
    /// State transitions: states that were entered.
    pub state_transitions: u64,
    /// How long each call of a function took, by the state that called it. A
    /// call that waits for a person counts until the function had answered.
    pub calls: Vec<(String, f64)>,
}

/// How an execution stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// Its status.
    pub status: ExecutionStatus,
    /// Its error's cause, if it failed.
    pub cause: Option<String>,
}

impl Standing {
    /// Whether it goes on.
    #[must_use]
    pub fn runs(&self) -> bool {
        matches!(
            self.status,
            ExecutionStatus::Running | ExecutionStatus::PendingRedrive
        )
    }
}

/// Reads executions.
#[derive(Clone)]
pub struct Executions {
    client: Client,
}

impl Executions {
    /// Builds the client.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self {
            client: Client::new(config),
        }
    }

    /// How an execution stands. None: there is no such execution.
    ///
    /// # Errors
    /// When Step Functions fails.
    pub async fn standing(&self, arn: &str) -> Result<Option<Standing>, Fault> {
        match self
            .client
            .describe_execution()
            .execution_arn(arn)
            .send()
            .await
        {
            Ok(answer) => Ok(Some(Standing {
                status: answer.status,
                cause: answer.cause,
            })),
            Err(error) => {
                let fault = Fault::new(format!("states:DescribeExecution of {arn}"), error);
                if fault.is("ExecutionDoesNotExist") {
                    Ok(None)
                } else {
                    Err(fault)
                }
            }
        }
    }

    /// The state that an execution entered last.
    ///
    /// # Errors
    /// When Step Functions fails.
    pub async fn state(&self, arn: &str) -> Result<Option<String>, Fault> {
        let request = self.client.get_execution_history().execution_arn(arn);
        let answer = request
            .reverse_order(true)
            .max_results(20)
            .include_execution_data(false)
            .send()
            .await;
        let answer = answer
            .map_err(|error| Fault::new(format!("states:GetExecutionHistory of {arn}"), error))?;
        Ok(answer.events.iter().find_map(entered).map(str::to_owned))
    }

    /// What an execution took. Its children have histories of their own.
    ///
    /// # Errors
    /// When Step Functions fails.
    pub async fn trace(&self, arn: &str) -> Result<Trace, Fault> {
        let request = self
            .client
            .get_execution_history()
            .execution_arn(arn)
            .include_execution_data(false);
        let mut pages = request.into_paginator().items().send();
        let mut events = Vec::new();
        while let Some(event) = pages.next().await {
            events.push(event.map_err(|error| {
                Fault::new(format!("states:GetExecutionHistory of {arn}"), error)
            })?);
        }
        Ok(trace(&events))
    }

    /// Stops an execution.
    ///
    /// # Errors
    /// When Step Functions fails.
    pub async fn stop(&self, arn: &str, error: &str, cause: &str) -> Result<(), Fault> {
        let request = self
            .client
            .stop_execution()
            .execution_arn(arn)
            .error(error)
            .cause(cause);
        request
            .send()
            .await
            .map_err(|error| Fault::new(format!("states:StopExecution of {arn}"), error))?;
        Ok(())
    }

    /// Which function each state of a state machine calls.
    ///
    /// # Errors
    /// When Step Functions fails.
    pub async fn functions(&self, machine: &str) -> Result<BTreeMap<String, String>, Fault> {
        let answer = self
            .client
            .describe_state_machine()
            .state_machine_arn(machine)
            .send()
            .await;
        let answer = answer.map_err(|error| {
            Fault::new(format!("states:DescribeStateMachine of {machine}"), error)
        })?;
        let definition: Value = serde_json::from_str(&answer.definition)
            .map_err(|error| Fault::other(format!("reading the definition of {machine}"), error))?;
        Ok(functions(&definition))
    }
}

fn functions(definition: &Value) -> BTreeMap<String, String> {
    let states = definition
        .get("States")
        .and_then(Value::as_object)
        .into_iter()
        .flatten();
    let called = states.filter_map(|(name, state)| {
        Some((
            name.clone(),
            state
                .pointer("/Arguments/FunctionName")?
                .as_str()?
                .to_owned(),
        ))
    });
    called.collect()
}

fn entered(event: &HistoryEvent) -> Option<&str> {
    event
        .state_entered_event_details()
        .map(|details| details.name())
}

fn is_call(event: &HistoryEvent) -> bool {
    let details = event.task_scheduled_event_details();
    details.is_some_and(|details| details.resource_type() == "lambda")
}

fn trace(events: &[HistoryEvent]) -> Trace {
    let mut trace = Trace::default();
    let mut state = "";
    let mut called_at = None;
    for event in events {
        if let Some(name) = entered(event) {
            trace.state_transitions += 1;
            state = name;
        }
        if event.task_scheduled_event_details().is_some() {
            called_at = is_call(event).then(|| event.timestamp().as_secs_f64());
        }
        // Submitted: the function has answered, the task waits for its token.
        let answered = event.task_submitted_event_details().is_some()
            || event.task_succeeded_event_details().is_some()
            || event.task_failed_event_details().is_some();
        if answered && let Some(began) = called_at.take() {
            trace.calls.push((
                state.to_owned(),
                (event.timestamp().as_secs_f64() - began).max(0.0),
            ));
        }
    }
    trace
}

#[cfg(test)]
mod tests {
    use aws_sdk_sfn::primitives::DateTime;
    use aws_sdk_sfn::types::builders::HistoryEventBuilder;
    use aws_sdk_sfn::types::{
        HistoryEventType, StateEnteredEventDetails, TaskScheduledEventDetails,
        TaskSubmittedEventDetails, TaskSucceededEventDetails,
    };
    use serde_json::json;

    use super::*;

    fn event(
        second: f64,
        kind: HistoryEventType,
        with: impl FnOnce(HistoryEventBuilder) -> HistoryEventBuilder,
    ) -> HistoryEvent {
        let builder = HistoryEvent::builder()
            .timestamp(DateTime::from_secs_f64(second))
            .r#type(kind)
            .id(1);
        with(builder).build().expect("an event")
    }

    fn enter(second: f64, name: &str) -> HistoryEvent {
        let details = StateEnteredEventDetails::builder()
            .name(name)
            .build()
            .expect("details");
        event(second, HistoryEventType::TaskStateEntered, |event| {
            event.state_entered_event_details(details)
        })
    }

    fn schedule(second: f64, service: &str) -> HistoryEvent {
        let details = TaskScheduledEventDetails::builder()
            .resource_type(service)
            .resource("invoke")
            .region("eu-west-1")
            .parameters("{}");
        let details = details.build().expect("details");
        event(second, HistoryEventType::TaskScheduled, |event| {
            event.task_scheduled_event_details(details)
        })
    }

    fn succeed(second: f64) -> HistoryEvent {
        let details = TaskSucceededEventDetails::builder()
            .resource_type("lambda")
            .resource("invoke")
            .build()
            .expect("details");
        event(second, HistoryEventType::TaskSucceeded, |event| {
            event.task_succeeded_event_details(details)
        })
    }

    fn submit(second: f64) -> HistoryEvent {
        let details = TaskSubmittedEventDetails::builder()
            .resource_type("lambda")
            .resource("invoke")
            .build()
            .expect("details");
        event(second, HistoryEventType::TaskSubmitted, |event| {
            event.task_submitted_event_details(details)
        })
    }

    #[test]
    fn transitions_are_states_entered_and_calls_are_timed_until_the_function_answered() {
        let events = [
            enter(0.0, "VerifyBundle"),
            schedule(0.0, "lambda"),
            succeed(0.5),
            enter(0.5, "RequestApproval"),
            schedule(0.5, "lambda"),
            submit(0.75),
            succeed(3600.0),
            enter(3600.0, "Rollout"),
            schedule(3600.0, "states"),
            succeed(3700.0),
        ];
        let calls = vec![
            ("VerifyBundle".to_owned(), 0.5),
            ("RequestApproval".to_owned(), 0.25),
        ];
        assert_eq!(
            trace(&events),
            Trace {
                state_transitions: 3,
                calls
            }
        );
    }

    #[test]
    fn the_functions_of_a_machine_are_read_from_its_definition() {
        let definition = json!({"States": {
            "Judge": {"Type": "Task", "Arguments": {"FunctionName": "judge-1"}},
            "Bake": {"Type": "Wait"}
        }});
        assert_eq!(
            functions(&definition),
            BTreeMap::from([("Judge".to_owned(), "judge-1".to_owned())])
        );
    }
}
