//! The ledger table in DynamoDB.
//!
//! | item | pk | sk | beside it |
//! |---|---|---|---|
//! | an entry | its chain | its sequence | `entry` (JSON), `kind`, `at` |
//! | an entry's key | `key#<chain>#<key>` | 0 | `sequence` |

use std::collections::HashMap;
use std::fmt::Debug;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};
use sluice_domain::ledger::Entry;
use sluice_platform::fault::Fault;
use sluice_platform::lambda::{MissingVariable, variable};
use sluice_platform::store::{THROTTLED, is_throttling};

use crate::{Chains, Meter, Written};

type Item = HashMap<String, AttributeValue>;
type Refused<R> = SdkError<TransactWriteItemsError, R>;

/// The ledger table.
pub struct Table {
    client: Client,
    name: String,
}

impl Table {
    /// From `SLUICE_LEDGER_TABLE`.
    ///
    /// # Errors
    /// When the variable is not set.
    pub fn from_env(config: &SdkConfig) -> Result<Self, MissingVariable> {
        Ok(Self {
            client: Client::new(config),
            name: variable("SLUICE_LEDGER_TABLE")?,
        })
    }

    /// A write that only succeeds where nothing is.
    fn put(&self, item: Item) -> Result<TransactWriteItem, Fault> {
        let put = Put::builder()
            .table_name(&self.name)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(pk)")
            .build()
            .map_err(|error| Fault::other("dynamodb:TransactWriteItems", error))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }
}

impl Chains for Table {
    async fn head(&self, chain: &str) -> Result<Option<Entry>, Fault> {
        let operation = || format!("dynamodb:Query of the last entry of {chain}");
        let answer = self
            .client
            .query()
            .table_name(&self.name)
            .key_condition_expression("pk = :chain")
            .expression_attribute_values(":chain", text(chain))
            .scan_index_forward(false)
            .limit(1)
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| Fault::new(operation(), error))?;
        let last = answer.items().first().map(read).transpose();
        last.map_err(|error| Fault::other(operation(), error))
    }

    async fn entry(&self, chain: &str, sequence: u64) -> Result<Option<Entry>, Fault> {
        let operation = || format!("dynamodb:GetItem of entry {sequence} of {chain}");
        let answer = self
            .client
            .get_item()
            .table_name(&self.name)
            .key("pk", text(chain))
            .key("sk", number(sequence))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| Fault::new(operation(), error))?;
        let entry = answer.item().map(read).transpose();
        entry.map_err(|error| Fault::other(operation(), error))
    }

    async fn place(&self, chain: &str, key: &str) -> Result<Option<u64>, Fault> {
        let pk = key_of(chain, key);
        let answer = self
            .client
            .get_item()
            .table_name(&self.name)
            .key("pk", text(&pk))
            .key("sk", number(0))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| Fault::new(format!("dynamodb:GetItem of {pk}"), error))?;
        let sequence = answer
            .item()
            .and_then(|item| item.get("sequence"))
            .and_then(|value| value.as_n().ok());
        Ok(sequence.and_then(|sequence| sequence.parse().ok()))
    }

    async fn write(&self, entry: &Entry) -> Result<Written, Fault> {
        let operation = || {
            format!(
                "dynamodb:TransactWriteItems of entry {} of {}",
                entry.sequence, entry.event.chain
            )
        };
        let json =
            serde_json::to_string(entry).map_err(|error| Fault::other(operation(), error))?;
        let place = HashMap::from([
            ("pk".to_owned(), text(&entry.event.chain)),
            ("sk".to_owned(), number(entry.sequence)),
            ("entry".to_owned(), text(json)),
            ("kind".to_owned(), text(entry.event.kind.name())),
            ("at".to_owned(), text(entry.at.to_string())),
        ]);
        let key = HashMap::from([
            (
                "pk".to_owned(),
                text(key_of(&entry.event.chain, &entry.event.key)),
            ),
            ("sk".to_owned(), number(0)),
            ("sequence".to_owned(), number(entry.sequence)),
        ]);
        let request = self
            .client
            .transact_write_items()
            .transact_items(self.put(place)?)
            .transact_items(self.put(key)?);
        match request.send().await {
            Ok(_) => Ok(Written::Done),
            Err(error) => answer(operation(), error),
        }
    }
}

/// What a failed transaction means. One that was throttled is a fault that
/// says so, and is tried again by whoever called.
fn answer<R>(operation: String, error: Refused<R>) -> Result<Written, Fault>
where
    R: Debug + 'static,
{
    let codes = reasons(&error);
    if let Some(refused) = refusal(&codes) {
        return Ok(refused);
    }
    let throttled = codes.into_iter().any(is_throttling);
    let mut fault = Fault::new(operation, error);
    if throttled {
        fault.code = Some(THROTTLED.to_owned());
    }
    Err(fault)
}

/// Why a transaction was cancelled: one code for each of its writes.
fn reasons<R>(error: &Refused<R>) -> Vec<&str> {
    match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => cancelled
            .cancellation_reasons()
            .iter()
            .map(|reason| reason.code().unwrap_or_default())
            .collect(),
        _ => Vec::new(),
    }
}

/// What a cancelled transaction means: its first write is the entry, its second
/// the key. None: nobody else's write was the reason.
fn refusal(codes: &[&str]) -> Option<Written> {
    const THERE: &str = "ConditionalCheckFailed";
    const MET_ANOTHER: &str = "TransactionConflict";
    match codes {
        [_, THERE] => Some(Written::Known),
        [THERE, _] => Some(Written::Taken),
        codes if codes.contains(&MET_ANOTHER) => Some(Written::Taken),
        _ => None,
    }
}

/// The entry of an item.
fn read(item: &Item) -> Result<Entry, serde_json::Error> {
    let json = item.get("entry").and_then(|value| value.as_s().ok());
    serde_json::from_str(json.map_or("", String::as_str))
}

fn key_of(chain: &str, key: &str) -> String {
    format!("key#{chain}#{key}")
}

fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

fn number(value: u64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// Standard output, which Lambda hands to CloudWatch Logs.
pub struct StandardOut;

impl Meter for StandardOut {
    fn print(&self, line: &str) {
        println!("{line}");
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::error::ErrorMetadata;
    use aws_sdk_dynamodb::types::CancellationReason;
    use aws_sdk_dynamodb::types::error::TransactionCanceledException;
    use sluice_platform::lambda::Named as _;

    use super::*;
    use crate::Error;

    /// How the function fails when its transaction was cancelled for these reasons.
    fn failure(reasons: &[&str]) -> Error {
        let reasons = reasons
            .iter()
            .map(|code| CancellationReason::builder().code(*code).build());
        let code = "TransactionCanceledException";
        let cancelled = TransactionCanceledException::builder()
            .set_cancellation_reasons(Some(reasons.collect()))
            .meta(ErrorMetadata::builder().code(code).build())
            .build();
        let error = TransactWriteItemsError::TransactionCanceledException(cancelled);
        let error = SdkError::service_error(error, ());
        let fault = answer("writing".to_owned(), error).expect_err("nothing was written");
        fault.into()
    }

    #[test]
    fn a_key_that_is_there_is_recognised_even_if_the_place_is_taken_too() {
        assert_eq!(
            refusal(&["ConditionalCheckFailed", "ConditionalCheckFailed"]),
            Some(Written::Known)
        );
        assert_eq!(
            refusal(&["None", "ConditionalCheckFailed"]),
            Some(Written::Known)
        );
    }

    #[test]
    fn a_taken_place_and_a_meeting_with_another_writer_are_tried_again() {
        assert_eq!(
            refusal(&["ConditionalCheckFailed", "None"]),
            Some(Written::Taken)
        );
        assert_eq!(
            refusal(&["TransactionConflict", "None"]),
            Some(Written::Taken)
        );
        assert_eq!(
            refusal(&["None", "TransactionConflict"]),
            Some(Written::Taken)
        );
    }

    #[test]
    fn a_throttled_write_is_throttled_and_no_final_failure() {
        for reason in ["ThrottlingError", "ProvisionedThroughputExceeded"] {
            for reasons in [[reason, "None"], ["None", reason]] {
                assert_eq!(failure(&reasons).name(), "Throttled", "{reasons:?}");
            }
        }
    }

    #[test]
    fn other_reasons_are_failures() {
        assert_eq!(failure(&["ValidationError", "None"]).name(), "RecordFailed");
        assert_eq!(failure(&[]).name(), "RecordFailed");
    }
}
