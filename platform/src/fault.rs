//! Errors of AWS calls, reduced to what a caller can react to.

use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

/// The code of a write to DynamoDB that another transaction at the same items
/// kept out.
pub const TRANSACTION_CONFLICT: &str = "TransactionConflict";

/// The code of a call that got no answer: a time-out, a broken connection.
const NO_ANSWER: &str = "NoAnswer";

/// A failed AWS call.
#[derive(Debug, thiserror::Error)]
#[error("{operation} failed: {message}")]
pub struct Fault {
    /// What was tried: `lambda:UpdateAlias of shop-checkout-prod:live`.
    pub operation: String,
    /// The service's error code, if it answered, or that it did not.
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
        let code = match error.as_service_error() {
            Some(service) => service.code(),
            None => was_not_answered(&error).then_some(NO_ANSWER),
        };
        let code = code.map(str::to_owned);
        let message = match error.as_service_error() {
            Some(service) => {
                let text = service.message().unwrap_or("no message");
                format!("{}: {text}", code.as_deref().unwrap_or("unnamed error"))
            }
            None => chain(&error),
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

    /// Whether AWS says that the caller may not do this: it will say so again until somebody
    /// changes a policy.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        const CODES: [&str; 6] = [
            "AccessDenied",
            "AccessDeniedException",
            "AuthorizationError",
            "AuthorizationErrorException",
            "KMSAccessDeniedException",
            "KmsAccessDeniedException",
        ];
        self.is_one_of(&CODES)
    }

    /// Whether AWS asks to wait and try again, or others are faster.
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
        self.is_one_of(&CODES)
    }

    /// Whether AWS failed by itself or did not answer, so that trying again may help.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        const CODES: [&str; 12] = [
            NO_ANSWER,
            "AwsUnavailable",
            "InternalError",
            "InternalFailure",
            "InternalServerError",
            "InternalServiceError",
            "InternalServiceFault",
            "RequestTimeout",
            "ServerException",
            "ServiceException",
            "ServiceUnavailable",
            "ServiceUnavailableException",
        ];
        self.is_one_of(&CODES)
    }

    fn is_one_of(&self, codes: &[&str]) -> bool {
        self.code
            .as_deref()
            .is_some_and(|code| codes.contains(&code))
    }
}

/// An error with its causes, each said once. The innermost one tells most.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = error.source();
    }
    text
}

/// Whether a call went out, or may have gone out, and nothing came back that
/// can be read. A call that could not be made is none: credentials, say, that
/// nobody gives.
fn was_not_answered<E, R>(error: &SdkError<E, R>) -> bool {
    match error {
        SdkError::TimeoutError(_) | SdkError::ResponseError(_) => true,
        SdkError::DispatchFailure(failure) => failure.is_timeout() || failure.is_io(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use aws_smithy_runtime_api::client::result::ConnectorError;
    use aws_smithy_types::error::metadata::ErrorMetadata;

    use super::*;

    /// An answer that names its error.
    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Answered(ErrorMetadata);

    impl ProvideErrorMetadata for Answered {
        fn meta(&self) -> &ErrorMetadata {
            &self.0
        }
    }

    fn fault(error: SdkError<Answered, ()>) -> Fault {
        Fault::new("ssm:GetParameter of /a", error)
    }

    fn answered(code: &str) -> Fault {
        let meta = ErrorMetadata::builder().code(code).message("no").build();
        fault(SdkError::service_error(Answered(meta), ()))
    }

    #[test]
    fn what_was_sent_and_not_answered_may_be_tried_again() {
        let broken = || io::Error::other("the connection was reset").into();
        for error in [
            SdkError::timeout_error(broken()),
            SdkError::dispatch_failure(ConnectorError::timeout(broken())),
            SdkError::dispatch_failure(ConnectorError::io(broken())),
            SdkError::response_error(broken(), ()),
        ] {
            let fault = fault(error);
            assert!(fault.is_unavailable() && !fault.is_throttling(), "{fault}");
        }
        let nobody_gives_credentials = ConnectorError::other(broken(), None);
        for error in [
            SdkError::dispatch_failure(nobody_gives_credentials),
            SdkError::construction_failure(broken()),
        ] {
            let fault = fault(error);
            assert!(!fault.is_unavailable() && fault.code.is_none(), "{fault}");
        }
    }

    #[test]
    fn a_call_that_reached_nobody_says_why_in_words() {
        let refused = ConnectorError::io(io::Error::other("connection refused").into());
        let fault = fault(SdkError::dispatch_failure(refused));
        let said = "ssm:GetParameter of /a failed: dispatch failure: io error: connection refused";
        assert_eq!(fault.to_string(), said);
    }

    #[test]
    fn a_service_that_failed_is_told_from_one_that_asks_to_wait_and_one_that_refuses() {
        for code in ["InternalServerError", "ServiceUnavailable"] {
            let fault = answered(code);
            assert!(fault.is_unavailable() && !fault.is_throttling(), "{fault}");
        }
        assert!(answered("SlowDown").is_throttling());
        assert!(!answered("SlowDown").is_denied());
        assert!(answered("KMSAccessDeniedException").is_denied());
        let refused = answered("AccessDeniedException");
        assert!(refused.is_denied());
        assert!(!refused.is_unavailable() && !refused.is_throttling());
        assert_eq!(
            refused.to_string(),
            "ssm:GetParameter of /a failed: AccessDeniedException: no"
        );
    }
}
