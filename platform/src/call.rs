//! How one of Sluice's functions calls another.

use aws_sdk_lambda::Client;
use aws_sdk_lambda::primitives::Blob;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::fault::Fault;

/// Calls a function and waits for its answer. `operation` says what for. An error
/// of the function is a fault under that error's name.
///
/// # Errors
/// When the function can't be reached, fails, or answers something else.
pub async fn call<T: DeserializeOwned>(
    client: &Client,
    function: &str,
    operation: String,
    request: &impl Serialize,
) -> Result<T, Fault> {
    let payload = match serde_json::to_vec(request) {
        Ok(payload) => payload,
        Err(error) => return Err(Fault::other(operation, error)),
    };
    let call = client
        .invoke()
        .function_name(function)
        .payload(Blob::new(payload));
    let answer = match call.send().await {
        Ok(answer) => answer,
        Err(error) => return Err(Fault::new(operation, error)),
    };
    let body = answer.payload().map(Blob::as_ref).unwrap_or_default();
    if answer.function_error().is_some() {
        return Err(Fault::of_function(operation, body));
    }
    serde_json::from_slice(body).map_err(|error| Fault::other(operation, error))
}
