//! Errors of AWS calls, reduced to what a caller can react to.

use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::display::DisplayErrorContext;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

/// The code of a write to DynamoDB that another transaction at the same items
/// kept out.
pub const TRANSACTION_CONFLICT: &str = "TransactionConflict";

/// A failed AWS call.
#[derive(Debug, thiserror::Error)]
#[error("{operation} failed: {message}")]
pub struct Fault {
    /// What was tried: `lambda:UpdateAlias of shop-checkout-prod:live`.
    pub operation: String,
    /// The service's error code, if it answered.
    pub code: Option<String>,
    /// What the service or the connection said.
    pub message: String,
}

impl Fault {
    /// From an SDK error. `operation` says what was tried, and on what.
    pub fn new<E, R>(operation: impl Into<String>, error: SdkError<E, R>) -> Self
    where
        E: std::error::Error + ProvideErrorMetadata + 'static,
        R: std::fmt::Debug + 'static,
    {
        let code = error
            .as_service_error()
            .and_then(|e| e.code())
            .map(str::to_owned);
        let message = match error.as_service_error() {
            Some(service) => {
                let text = service.message().unwrap_or("no message");
                format!("{}: {text}", code.as_deref().unwrap_or("unnamed error"))
            }
            None => DisplayErrorContext(&error).to_string(),
        };
        Self {
            operation: operation.into(),
            code,
            message,
        }
    }

    /// A failure that no AWS service reported: a record that can't be read, an
    /// answer that makes no sense.
    pub fn other(operation: impl Into<String>, message: impl std::fmt::Display) -> Self {
        Self {
            operation: operation.into(),
            code: None,
            message: message.to_string(),
        }
    }

    /// From the answer of a Lambda function that failed: its error's name
    /// becomes the code.
    #[must_use]
    pub fn of_function(operation: impl Into<String>, answer: &[u8]) -> Self {
        let answer: serde_json::Value = serde_json::from_slice(answer)
            .unwrap_or_else(|_| String::from_utf8_lossy(answer).into());
        let text = |name: &str| {
            answer
                .get(name)
                .and_then(|value| value.as_str())
                .map(str::to_owned)
        };
        Self {
            operation: operation.into(),
            code: text("errorType"),
            message: text("errorMessage").unwrap_or_else(|| answer.to_string()),
        }
    }

    /// Whether the service's error code is this one.
    #[must_use]
    pub fn is(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }

    /// Whether waiting and trying again is the right reaction.
    #[must_use]
    pub fn is_throttling(&self) -> bool {
        const CODES: [&str; 9] = [
            "Throttled",
            "Throttling",
            "ThrottlingException",
            "ThrottledException",
            "TooManyRequestsException",
            "RequestLimitExceeded",
            "ProvisionedThroughputExceededException",
            "SlowDown",
            TRANSACTION_CONFLICT,
        ];
        self.code
            .as_deref()
            .is_some_and(|code| CODES.contains(&code))
    }
}
