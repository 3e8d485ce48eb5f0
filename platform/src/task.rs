//! Tasks that wait: a state machine calls a function with a task token
//! (`lambda:invoke.waitForTaskToken`), and goes on when somebody says so under
//! that token.

use std::future::Future;

use aws_config::SdkConfig;
use aws_sdk_sfn::Client;
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::fault::Fault;
use crate::lambda::{Named, TRIED_AGAIN, answer, init_logging};
use crate::store::TaskToken;

/// What signalling a task met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resumed {
    /// It goes on.
    Resumed,
    /// Nobody waits under this token any more: it was resumed before, timed out
    /// or was stopped.
    NobodyWaits,
}

/// The way to tasks that wait.
#[derive(Clone)]
pub struct Tasks {
    client: Client,
}

impl Tasks {
    /// Builds the client, once.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self {
            client: Client::new(config),
        }
    }

    /// Lets a task go on with this output. Safe to repeat.
    ///
    /// # Errors
    /// When Step Functions fails.
    pub async fn succeed(&self, token: &TaskToken, output: &Value) -> Result<Resumed, Fault> {
        let request = self
            .client
            .send_task_success()
            .task_token(&token.0)
            .output(output.to_string());
        match request.send().await {
            Ok(_) => Ok(Resumed::Resumed),
            Err(error) => nobody_waits(Fault::new("states:SendTaskSuccess", error)),
        }
    }

    /// Ends a task with an error that its state machine can catch. Safe to repeat.
    ///
    /// # Errors
    /// When Step Functions fails.
    pub async fn fail(
        &self,
        token: &TaskToken,
        error: &str,
        cause: &str,
    ) -> Result<Resumed, Fault> {
        let request = self
            .client
            .send_task_failure()
            .task_token(&token.0)
            .error(error)
            .cause(cause);
        match request.send().await {
            Ok(_) => Ok(Resumed::Resumed),
            Err(error) => nobody_waits(Fault::new("states:SendTaskFailure", error)),
        }
    }
}

/// What Step Functions answers when nobody waits under a token.
fn nobody_waits(fault: Fault) -> Result<Resumed, Fault> {
    let gone = ["TaskTimedOut", "TaskDoesNotExist", "InvalidToken"];
    if gone.iter().any(|code| fault.is(code)) {
        Ok(Resumed::NobodyWaits)
    } else {
        Err(fault)
    }
}

/// Serves a handler as [`crate::lambda::serve`] does, and ends a task that it
/// refuses for good under its token, before it answers the error.
///
/// Such a task waits for its token; whether an error of the function that was
/// called with it ends the task, too, is the engine's matter. Step Functions
/// takes the first of the two, which is the one under the token: it is sent
/// before the function answers. The second finds a task that has ended. Both
/// have the same name and cause, so a Catch can't tell them apart.
///
/// # Errors
/// When the runtime API can't be reached.
pub async fn serve<I, O, E, F, Fut>(
    config: &SdkConfig,
    handler: F,
) -> Result<(), lambda_runtime::Error>
where
    I: DeserializeOwned,
    O: Serialize,
    E: Named,
    F: Fn(I) -> Fut,
    Fut: Future<Output = Result<O, E>>,
{
    init_logging();
    let (tasks, handler) = (&Tasks::new(config), &handler);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| async move {
        let token = token_in(&event.payload);
        let answer = answer(handler, event).await;
        if let (Some(token), Err(error)) = (token, &answer) {
            end(tasks, &token, error).await;
        }
        answer
    }))
    .await
}

/// Ends a task that was refused for good. That this fails hides nothing: the
/// error is answered all the same.
async fn end(tasks: &Tasks, token: &TaskToken, error: &Diagnostic) {
    let Some(cause) = cause(error) else {
        return;
    };
    let name = error.error_type.as_str();
    match tasks.fail(token, name, &cause).await {
        Ok(Resumed::Resumed) => {}
        Ok(Resumed::NobodyWaits) => tracing::info!(name, "nobody waits under the token any more"),
        Err(fault) => tracing::warn!(name, %fault, "the task was not ended under its token"),
    }
}

/// The token of the task that waits for an event's answer, if one does.
fn token_in(payload: &Value) -> Option<TaskToken> {
    let token = payload.get("task_token")?.as_str()?;
    Some(TaskToken(token.to_owned()))
}

/// The cause to end a task with, as Step Functions makes it of a function's
/// error. None: the task is tried again, and only its state machine knows when
/// it gives up.
fn cause(error: &Diagnostic) -> Option<String> {
    let Diagnostic {
        error_type: name,
        error_message: message,
    } = error;
    let is_final = !TRIED_AGAIN.contains(&name.as_str());
    is_final.then(|| json!({ "errorType": name, "errorMessage": message }).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(name: &str) -> Diagnostic {
        Diagnostic {
            error_type: name.to_owned(),
            error_message: "api is held by \"shop\"".to_owned(),
        }
    }

    #[test]
    fn a_task_ends_with_the_cause_that_its_functions_error_has_anyway() {
        let refused = error("TargetsBusy");
        let said: Value = serde_json::from_str(&cause(&refused).unwrap()).unwrap();
        assert_eq!(said, serde_json::to_value(&refused).unwrap());
    }

    #[test]
    fn what_is_tried_again_does_not_end_a_task() {
        for name in TRIED_AGAIN {
            assert_eq!(cause(&error(name)), None);
        }
    }

    #[test]
    fn only_an_event_with_a_token_is_waited_for() {
        let waits = json!({ "op": "acquire", "task_token": "AQB8" });
        assert_eq!(token_in(&waits), Some(TaskToken("AQB8".to_owned())));
        assert_eq!(token_in(&json!({ "op": "close" })), None);
        assert_eq!(token_in(&json!({ "task_token": null })), None);
    }

    #[test]
    fn a_token_that_was_used_or_timed_out_is_no_failure() {
        let fault = |code: &str| Fault {
            operation: "states:SendTaskFailure".to_owned(),
            code: Some(code.to_owned()),
            message: String::new(),
        };
        for code in ["TaskTimedOut", "TaskDoesNotExist", "InvalidToken"] {
            assert_eq!(nobody_waits(fault(code)).unwrap(), Resumed::NobodyWaits);
        }
        assert!(nobody_waits(fault("ThrottlingException")).is_err());
    }
}
