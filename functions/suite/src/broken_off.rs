//! Executions of `suites` that ended where the machine can't write it down: somebody
//! stopped one, its history was full, an expression failed that no Catch sees.
//!
//! EventBridge tells of every execution that did not succeed, in the shape of
//! <https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html>. Most
//! of them have their end in the ledger already: there it stands once, and what came first
//! holds.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::scheduled::{Asked, BrokenOff};

/// An execution that did not succeed.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct ExecutionEnded {
    detail: Detail,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Detail {
    /// `FAILED`, `TIMED_OUT` or `ABORTED`.
    status: String,
    /// What it was started with.
    #[serde(deserialize_with = "within_text")]
    input: Asked,
    /// The error that it ended with, if it has a name.
    error: Option<String>,
    /// What is known of that.
    cause: Option<String>,
}

impl From<ExecutionEnded> for BrokenOff {
    fn from(ended: ExecutionEnded) -> Self {
        let Detail {
            status,
            input,
            error,
            cause,
        } = ended.detail;
        let error = error.map_or(status.clone(), |error| format!("{status}: {error}"));
        Self {
            run: input.run,
            error: Some(error),
            cause,
        }
    }
}

/// A document that stands as text in another one.
fn within_text<'de, D: Deserializer<'de>>(text: D) -> Result<Asked, D::Error> {
    let text = String::deserialize(text)?;
    serde_json::from_str(&text).map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use crate::Event;

    use super::*;

    const STOPPED: &str = include_str!("../../../events/suite/execution-aborted.json");

    fn broken_off(event: &str) -> BrokenOff {
        match serde_json::from_str(event) {
            Ok(Event::Ended(ended)) => ended.into(),
            other => panic!("not an execution that ended: {other:?}"),
        }
    }

    #[test]
    fn a_run_that_somebody_stopped_broke_off() {
        let BrokenOff { run, error, cause } = broken_off(STOPPED);
        assert_eq!(run.chain(), "suites/shop/prod");
        assert_eq!(run.name(), "20261102T0200Z");
        assert_eq!(error.as_deref(), Some("ABORTED"));
        assert_eq!(cause, None);
    }

    #[test]
    fn why_an_execution_failed_is_handed_on() {
        let event = STOPPED
            .replace("\"ABORTED\"", "\"FAILED\"")
            .replace("\"error\": null", "\"error\": \"States.Runtime\"")
            .replace("\"cause\": null", "\"cause\": \"no more room\"");
        let BrokenOff { error, cause, .. } = broken_off(&event);
        assert_eq!(error.as_deref(), Some("FAILED: States.Runtime"));
        assert_eq!(cause.as_deref(), Some("no more room"));
    }

    #[test]
    fn an_event_without_its_run_is_none() {
        let event = STOPPED.replace("\\\"run\\\"", "\\\"walk\\\"");
        assert_ne!(event, STOPPED);
        assert!(serde_json::from_str::<Event>(&event).is_err());
    }
}
