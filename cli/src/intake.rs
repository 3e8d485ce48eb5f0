//! Asks `intake` for a release by hand: a new attempt, or an earlier version.

use aws_config::SdkConfig;
use aws_sdk_lambda::primitives::Blob;
use semver::Version;
use serde::{Deserialize, Serialize};
use sluice_platform::fault::Fault;

use crate::error::{Error, Result};

/// What is asked.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Request {
    /// The application.
    pub application: String,
    /// The version.
    pub version: Version,
    /// Whether a version that was tried before is tried again.
    pub again: bool,
    /// Who asks.
    pub requested_by: String,
    /// The environments to enter. None: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environments: Option<Vec<String>>,
    /// Whether an older version may take a newer one's place.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub rollback: bool,
}

/// What `intake` answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// `started`, `duplicate` or `ignored`.
    pub outcome: String,
    /// The `release` execution.
    #[serde(default)]
    pub execution_arn: Option<String>,
    /// The attempt.
    #[serde(default)]
    pub attempt: Option<u32>,
    /// In a sentence.
    #[serde(default)]
    pub message: String,
}

#[derive(Deserialize)]
struct Diagnostic {
    #[serde(rename = "errorType", default)]
    name: String,
    #[serde(rename = "errorMessage", default)]
    message: String,
}

/// Asks.
///
/// # Errors
/// `Refused` when `intake` says no; else when it can't be reached.
pub async fn ask(config: &SdkConfig, function: &str, request: &Request) -> Result<Answer> {
    let operation = || format!("lambda:Invoke of {function}");
    let payload = serde_json::to_vec(request).map_err(|error| Fault::other(operation(), error))?;
    let client = aws_sdk_lambda::Client::new(config);
    let answer = client
        .invoke()
        .function_name(function)
        .payload(Blob::new(payload))
        .send()
        .await;
    let answer = answer.map_err(|error| Fault::new(operation(), error))?;
    let body = answer.payload().map(Blob::as_ref).unwrap_or_default();
    if answer.function_error().is_some() {
        return Err(refusal(&operation(), body));
    }
    Ok(serde_json::from_slice(body).map_err(|error| Fault::other(operation(), error))?)
}

/// Errors that say nothing about the request.
const FAILURES: [&str; 4] = [
    "Throttled",
    "AwsUnavailable",
    "AwsCallFailed",
    "InvalidInput",
];

fn refusal(operation: &str, body: &[u8]) -> Error {
    match serde_json::from_slice::<Diagnostic>(body) {
        Ok(Diagnostic { name, message })
            if name.is_empty() || name.contains('.') || FAILURES.contains(&name.as_str()) =>
        {
            Fault::other(operation, format!("{name}: {message}")).into()
        }
        Ok(Diagnostic { name, message }) => Error::Refused { name, message },
        Err(_) => Fault::other(operation, String::from_utf8_lossy(body)).into(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::error::Exit;

    fn request(rollback: bool) -> Request {
        Request {
            application: "shop".into(),
            version: Version::new(1, 0, 0),
            again: true,
            requested_by: "ada".into(),
            environments: rollback.then(|| vec!["prod".to_owned()]),
            rollback,
        }
    }

    #[test]
    fn a_plain_request_has_only_the_fields_that_every_intake_knows() {
        let plain = json!({"application": "shop", "version": "1.0.0", "again": true, "requested_by": "ada"});
        assert_eq!(serde_json::to_value(request(false)).expect("json"), plain);
        let rollback = serde_json::to_value(request(true)).expect("json");
        assert_eq!(
            (&rollback["rollback"], &rollback["environments"]),
            (&json!(true), &json!(["prod"]))
        );
    }

    #[test]
    fn a_refusal_is_told_from_a_failure_by_the_errors_name() {
        let of = |name: &str| {
            refusal(
                "asking",
                json!({"errorType": name, "errorMessage": "m"})
                    .to_string()
                    .as_bytes(),
            )
            .exit()
        };
        assert_eq!(of("AlreadyReleased"), Exit::Refused);
        for name in ["Throttled", "AwsCallFailed", "Runtime.ExitError", ""] {
            assert_eq!(of(name), Exit::Failed, "{name}");
        }
    }
}
