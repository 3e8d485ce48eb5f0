//! Writes that may meet another transaction at the same items: what DynamoDB
//! answers then, and trying again.

use std::any::Any;
use std::future::Future;
use std::time::Duration;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::CancellationReason;

use crate::fault::{Fault, TRANSACTION_CONFLICT};

/// What DynamoDB answers when a condition does not hold.
pub(super) const CONDITION_FAILED: &str = "ConditionalCheckFailedException";

/// The code of a transaction that was cancelled to slow its writer down.
pub const THROTTLED: &str = "ThrottlingException";

/// How often a write is tried that meets another transaction, which is over
/// within milliseconds.
const TRIES: u32 = 5;
/// How long the first pause is; each next one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(20);

/// Sends a write, and again after a pause while another transaction is at its
/// items. Why a transaction was cancelled becomes the fault's code.
pub(super) async fn write<T, E, F>(operation: &str, send: impl Fn() -> F) -> Result<T, Fault>
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
    F: Future<Output = Result<T, SdkError<E>>>,
{
    let mut pause = FIRST_PAUSE;
    for _ in 1..TRIES {
        match send().await.map_err(|error| fault(operation, error)) {
            Err(fault) if fault.is(TRANSACTION_CONFLICT) => tokio::time::sleep(pause).await,
            done => return done,
        }
        pause *= 2;
    }
    send().await.map_err(|error| fault(operation, error))
}

fn fault<E>(operation: &str, error: SdkError<E>) -> Fault
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
{
    let why = error.as_service_error().and_then(|error| {
        if error.code() == Some("TransactionConflictException") {
            return Some(TRANSACTION_CONFLICT);
        }
        match (error as &dyn Any).downcast_ref()? {
            TransactWriteItemsError::TransactionCanceledException(canceled) => {
                why_canceled(canceled.cancellation_reasons())
            }
            _ => None,
        }
    });
    let mut fault = Fault::new(operation, error);
    if let Some(why) = why {
        fault.code = Some(why.to_owned());
    }
    fault
}

/// Whether this is a reason to cancel a transaction that asks to wait and try
/// again. A transaction hides it: its own error has another code.
#[must_use]
pub fn is_throttling(reason: &str) -> bool {
    matches!(reason, "ThrottlingError" | "ProvisionedThroughputExceeded")
}

/// A condition that does not hold outweighs the rest: trying again would not
/// help. A conflict outweighs throttling: it is over sooner.
fn why_canceled(reasons: &[CancellationReason]) -> Option<&'static str> {
    let any = |code| reasons.iter().any(|reason| reason.code() == Some(code));
    if any("ConditionalCheckFailed") {
        Some(CONDITION_FAILED)
    } else if any("TransactionConflict") {
        Some(TRANSACTION_CONFLICT)
    } else if reasons
        .iter()
        .any(|reason| reason.code().is_some_and(is_throttling))
    {
        Some(THROTTLED)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::ready;

    use aws_sdk_dynamodb::operation::put_item::PutItemError;
    use aws_sdk_dynamodb::types::error::TransactionCanceledException;
    use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
    use aws_smithy_runtime_api::http::StatusCode;
    use aws_smithy_types::body::SdkBody;
    use aws_smithy_types::error::ErrorMetadata;

    use super::*;

    fn answered<E>(error: E) -> SdkError<E> {
        let status = StatusCode::try_from(400).unwrap();
        SdkError::service_error(error, HttpResponse::new(status, SdkBody::empty()))
    }

    /// A transaction that was cancelled for these reasons.
    fn canceled(reasons: &[&str]) -> SdkError<TransactWriteItemsError> {
        let reasons = reasons
            .iter()
            .map(|code| CancellationReason::builder().code(*code).build());
        let canceled = TransactionCanceledException::builder()
            .set_cancellation_reasons(Some(reasons.collect()))
            .meta(
                ErrorMetadata::builder()
                    .code("TransactionCanceledException")
                    .build(),
            );
        answered(TransactWriteItemsError::TransactionCanceledException(
            canceled.build(),
        ))
    }

    /// A single write that was refused with this code.
    fn refused(code: &str) -> SdkError<PutItemError> {
        answered(PutItemError::generic(
            ErrorMetadata::builder().code(code).build(),
        ))
    }

    #[tokio::test]
    async fn a_write_that_meets_a_transaction_is_tried_again_until_it_is_through() {
        let tries = Cell::new(0);
        let written = write("writing", || {
            tries.set(tries.get() + 1);
            ready(match tries.get() {
                1 => Err(canceled(&["None", "TransactionConflict"])),
                _ => Ok("written"),
            })
        });
        assert_eq!(written.await.unwrap(), "written");
        assert_eq!(tries.get(), 2);
    }

    #[tokio::test]
    async fn a_write_that_keeps_meeting_transactions_is_throttled_after_a_few_tries() {
        let tries = Cell::new(0);
        let written = write::<(), _, _>("writing", || {
            tries.set(tries.get() + 1);
            ready(Err(refused("TransactionConflictException")))
        });
        let fault = written.await.unwrap_err();
        assert_eq!(tries.get(), TRIES);
        assert!(fault.is_throttling(), "{fault}");
    }

    #[tokio::test]
    async fn a_condition_that_does_not_hold_is_not_tried_again_whatever_it_met() {
        let tries = Cell::new(0);
        let written = write::<(), _, _>("writing", || {
            tries.set(tries.get() + 1);
            ready(Err(canceled(&[
                "TransactionConflict",
                "ConditionalCheckFailed",
            ])))
        });
        assert!(written.await.unwrap_err().is(CONDITION_FAILED));
        assert_eq!(tries.get(), 1);
    }

    #[test]
    fn a_transaction_that_was_throttled_is_throttling_and_its_message_says_what_was_cancelled() {
        for reason in ["ThrottlingError", "ProvisionedThroughputExceeded"] {
            let fault = fault("writing", canceled(&["None", reason]));
            assert!(fault.is_throttling(), "{reason}: {fault}");
            let cancelled = "writing failed: TransactionCanceledException";
            assert!(fault.to_string().starts_with(cancelled), "{fault}");
        }
    }

    #[test]
    fn a_condition_and_a_conflict_outweigh_throttling() {
        for (reason, code) in [
            ("ConditionalCheckFailed", CONDITION_FAILED),
            ("TransactionConflict", TRANSACTION_CONFLICT),
        ] {
            let why = canceled(&["ThrottlingError", reason]);
            assert!(fault("writing", why).is(code), "{reason}");
        }
    }

    #[test]
    fn other_refusals_keep_their_code() {
        let code = |fault: Fault| fault.code.unwrap();
        let why = canceled(&["None", "ValidationError"]);
        assert_eq!(code(fault("writing", why)), "TransactionCanceledException");
        let why = refused(CONDITION_FAILED);
        assert_eq!(code(fault("writing", why)), CONDITION_FAILED);
    }
}
