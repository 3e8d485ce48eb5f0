//! Asks one of Sluice's functions, and tells its refusals from failures.

use aws_config::SdkConfig;
use aws_sdk_lambda::primitives::Blob;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sluice_platform::fault::Fault;

use crate::error::{Error, Result};
use crate::proof;

#[derive(Deserialize)]
struct Diagnostic {
    #[serde(rename = "errorType", default)]
    name: String,
    #[serde(rename = "errorMessage", default)]
    message: String,
}

/// Asks, with a proof of who does, and waits for the answer.
///
/// # Errors
/// `Refused` when the function says no; else when it can't be reached.
pub async fn ask<Q: Serialize, A: DeserializeOwned>(
    config: &SdkConfig,
    function: &str,
    request: &Q,
) -> Result<A> {
    let operation = || format!("lambda:Invoke of {function}");
    let mut request =
        serde_json::to_value(request).map_err(|error| Fault::other(operation(), error))?;
    proof::prove(config, function, &mut request, Timestamp::now()).await?;
    let payload = request.to_string();
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
