//! The Lambda loop: log format, and errors under names that state machines catch.

use std::future::Future;
use std::time::{Instant, SystemTime};

use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tracing_subscriber::EnvFilter;

use crate::fault::Fault;

/// An error that a state machine can catch by name.
pub trait Named: std::error::Error + 'static {
    /// The name, the same for ever: state machines and their operators know it.
    fn name(&self) -> &'static str;
}

/// The names of failures that pass: state machines try again what ends so.
pub const TRIED_AGAIN: [&str; 2] = ["Throttled", "AwsUnavailable"];

/// The name under which a failed AWS call leaves a function: one of
/// [`TRIED_AGAIN`] where waiting may help, `AwsCallFailed` otherwise.
#[must_use]
pub fn fault_name(fault: &Fault) -> &'static str {
    if fault.is_throttling() {
        "Throttled"
    } else if fault.is_unavailable() {
        "AwsUnavailable"
    } else {
        "AwsCallFailed"
    }
}

/// Serves a handler until the runtime ends the process. Each call leaves a line in the log: that
/// it was answered, or the error, which is answered under its name.
///
/// # Errors
/// When the runtime API can't be reached.
pub async fn serve<I, O, E, F, Fut>(handler: F) -> Result<(), lambda_runtime::Error>
where
    I: DeserializeOwned,
    O: Serialize,
    E: Named,
    F: Fn(I) -> Fut,
    Fut: Future<Output = Result<O, E>>,
{
    init_logging();
    let handler = &handler;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| async move {
        answer(handler, event).await
    }))
    .await
}

/// The same, of a handler that is told when Lambda ends the call.
///
/// # Errors
/// When the runtime API can't be reached.
pub async fn serve_until<I, O, E, F, Fut>(handler: F) -> Result<(), lambda_runtime::Error>
where
    I: DeserializeOwned,
    O: Serialize,
    E: Named,
    F: Fn(I, Instant) -> Fut,
    Fut: Future<Output = Result<O, E>>,
{
    init_logging();
    let handler = &handler;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| async move {
        let until = end_of(event.context.deadline(), SystemTime::now());
        answer(|input| handler(input, until), event).await
    }))
    .await
}

/// A time of Lambda's on the clock that nobody sets. One that is over is now.
fn end_of(deadline: SystemTime, now: SystemTime) -> Instant {
    Instant::now() + deadline.duration_since(now).unwrap_or_default()
}

/// What a handler answers to an event. How the call ended and how long that took is logged here,
/// once.
pub(crate) async fn answer<I, O, E, F, Fut>(
    handler: F,
    event: LambdaEvent<Value>,
) -> Result<O, Diagnostic>
where
    I: DeserializeOwned,
    E: Named,
    F: FnOnce(I) -> Fut,
    Fut: Future<Output = Result<O, E>>,
{
    let began = Instant::now();
    let request_id = event.context.request_id;
    let input = serde_json::from_value(event.payload).map_err(|error| {
        tracing::error!(%request_id, %error, name = "InvalidInput", "the input was not understood");
        Diagnostic {
            error_type: "InvalidInput".to_owned(),
            error_message: format!("the input was not understood: {error}"),
        }
    })?;
    let answered = Box::pin(handler(input)).await;
    let seconds = began.elapsed().as_secs_f64();
    match answered {
        Ok(output) => {
            tracing::info!(%request_id, seconds, "answered");
            Ok(output)
        }
        Err(error) => {
            tracing::error!(%request_id, seconds, %error, name = error.name(), "failed");
            Err(Diagnostic {
                error_type: error.name().to_owned(),
                error_message: error.to_string(),
            })
        }
    }
}

/// JSON lines for CloudWatch Logs, without times (Lambda adds its own). The
/// runtime's own lines are off: it would log every error a second time.
pub fn init_logging() {
    let filter = EnvFilter::try_from_env("SLUICE_LOG")
        .unwrap_or_else(|_| EnvFilter::new("info,lambda_runtime=off"));
    // A second call (tests) leaves the first one in place.
    let _ = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_target(false)
        .without_time()
        .with_env_filter(filter)
        .try_init();
}

/// A required environment variable.
///
/// # Errors
/// When it is not set, with its name.
pub fn variable(name: &'static str) -> Result<String, MissingVariable> {
    std::env::var(name)
        .ok()
        .filter(|value| !value.is_empty())
        .ok_or(MissingVariable(name))
}

/// The function was deployed without a variable that it needs.
#[derive(Debug, thiserror::Error)]
#[error("environment variable {0} is not set; template.yaml sets it for this function")]
pub struct MissingVariable(pub &'static str);

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn name(code: Option<&str>) -> String {
        let fault = Fault {
            operation: "ssm:GetParameter of /a".to_owned(),
            code: code.map(str::to_owned),
            message: String::new(),
        };
        fault_name(&fault).to_owned()
    }

    #[test]
    fn a_call_ends_when_lambda_says_and_one_whose_time_is_over_at_once() {
        let now = SystemTime::now();
        let left = Duration::from_secs(890);
        let began = Instant::now();
        let until = end_of(now + left, now);
        assert!(until >= began + left && until <= Instant::now() + left);
        assert!(end_of(now - left, now) <= Instant::now());
    }

    #[test]
    fn what_may_pass_leaves_a_function_under_a_name_that_is_tried_again() {
        let names = ["SlowDown", "InternalServerError"].map(|code| name(Some(code)));
        assert_eq!(names, TRIED_AGAIN);
        for code in [Some("AccessDeniedException"), None] {
            assert_eq!(name(code), "AwsCallFailed");
        }
    }

    #[test]
    fn a_failure_that_passes_keeps_its_name_on_its_way_through_another_function() {
        for passes in TRIED_AGAIN {
            assert_eq!(name(Some(passes)), passes);
        }
    }
}
