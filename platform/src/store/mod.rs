//! The state table: Sluice's working memory. One DynamoDB table, typed access.
//!
//! | item | pk | sk |
//! |---|---|---|
//! | a promotion, with its fencing generation | `promotion#<id>` | `promotion` |
//! | its plan, pins, versions, journal, what operators asked, … | `promotion#<id>` | `part#<name>` |
//! | a lock | `lock#<target>` | `lock` |
//! | a function that gets no calls while a database is put back | `stopped#<function's ARN>` | `stopped` |
//! | the last promotion that put a server back | `restore#<account> <region> <server>` | `last` |
//! | a queue ticket | `queue` | `<time>#<promotion>` |
//! | the name of a promotion's approval request, and of those of its steps | `approval#<promotion>` | `part#approval`, … |
//! | an approval request | `approval#<name>` | `request` |
//! | the task tokens that it resumes | `token#<name of the request>` | `tokens` |
//! | a vote | `vote#<name of the request>` | `vote#<person>` |
//! | the last one-time code that was used, by its secret; the last click in Slack, by person | `code#<parameter>`, `code#slack/<team>/<user>` | `used` |
//! | codes that a person tried in a window of time | `vote#<name of the request>` | `try#<person>@<window>` |
//! | who signed in to the page | `session#<digest of a token>` | `session` |
//! | what shows a promotion elsewhere: messages in Slack, a deployment on GitHub | `mirror#<promotion>` | `shown#<name>` |
//! | a release's attempt | `release#<application>#<version>` | `<attempt>` |
//! | who pushed a manifest in a label | `release#<application>#<version>#label` | `<digest>` |
//!
//! Documents are JSON in the attribute `document`; what conditions look at
//! (`generation`, `status`, `owner`) stands beside it. Tried codes and sessions alone expire
//! (`expires_at`); whatever else is here stays. What happened is in the
//! ledger; this table only says how things stand. The template lets each function
//! write only the partitions that are its own (`dynamodb:LeadingKeys`).

mod approvals;
mod controls;
mod fenced;
mod labels;
mod locks;
mod mirrored;
mod promotions;
mod releases;
mod reminders;
mod restores;
mod sessions;
mod stopped;
mod tokens;
mod write;

use std::collections::HashMap;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sluice_domain::promotion::{Generation, PromotionId};

pub use approvals::{EXPIRES_AT, OpenRequest};
pub use labels::Labelled;
pub use locks::{Held, Ticket};
pub use mirrored::Mirrored;
pub use promotions::Part;
pub use releases::Release;
pub use sessions::Session;
pub use tokens::TaskToken;
pub use write::{THROTTLED, is_throttling};

use crate::fault::Fault;
use crate::lambda::{MissingVariable, variable};
use write::{CONDITION_FAILED, write};

/// The state table.
#[derive(Clone)]
pub struct Store {
    client: Client,
    table: String,
}

/// Why something was not stored.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The writer's generation is not the promotion's any more.
    #[error(
        "generation {generation} of {promotion} is fenced off: the promotion has ended or was taken over; nothing was written"
    )]
    Fenced {
        /// The promotion.
        promotion: PromotionId,
        /// The generation that the writer carried.
        generation: Generation,
    },
    /// A target is held by another promotion.
    #[error("{target} is held by {holder}")]
    Held {
        /// The target.
        target: String,
        /// Who holds it.
        holder: String,
    },
    /// There is no such item.
    #[error("there is no {0} in the state table")]
    Missing(String),
    /// DynamoDB failed, or an item can't be read.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl StoreError {
    /// The name under which it leaves a function.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Fenced { .. } => "Fenced",
            Self::Held { .. } => "TargetsBusy",
            Self::Missing(_) => "NotFound",
            Self::Fault(fault) => crate::lambda::fault_name(fault),
        }
    }
}

type Item = HashMap<String, AttributeValue>;

impl Store {
    /// From `SLUICE_STATE_TABLE`.
    ///
    /// # Errors
    /// When the variable is not set.
    pub fn from_env(config: &SdkConfig) -> Result<Self, MissingVariable> {
        Ok(Self::new(config, variable("SLUICE_STATE_TABLE")?))
    }

    /// The table of this name.
    #[must_use]
    pub fn new(config: &SdkConfig, table: String) -> Self {
        Self {
            client: Client::new(config),
            table,
        }
    }

    /// One item, as it stands now.
    async fn get(&self, pk: &str, sk: &str) -> Result<Option<Item>, Fault> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .key("pk", text(pk))
            .key("sk", text(sk))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| {
                Fault::new(format!("dynamodb:GetItem of {} {sk}", shown(pk)), error)
            })?;
        Ok(answer.item)
    }

    /// All items of a partition whose sort key starts so, in order.
    async fn query(&self, pk: &str, prefix: &str) -> Result<Vec<Item>, Fault> {
        let request = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .expression_attribute_values(":pk", text(pk));
        // DynamoDB refuses an empty prefix.
        let request = if prefix.is_empty() {
            request.key_condition_expression("pk = :pk")
        } else {
            request
                .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
                .expression_attribute_values(":prefix", text(prefix))
        };
        let mut pages = request.into_paginator().items().send();
        let mut items = Vec::new();
        while let Some(item) = pages.next().await {
            items.push(
                item.map_err(|error| {
                    Fault::new(format!("dynamodb:Query of {}", shown(pk)), error)
                })?,
            );
        }
        Ok(items)
    }

    /// All items that an index has under a value, a moment late.
    async fn indexed(&self, index: &str, attribute: &str, value: &str) -> Result<Vec<Item>, Fault> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(index)
            .key_condition_expression("#attribute = :value")
            .expression_attribute_names("#attribute", attribute)
            .expression_attribute_values(":value", text(value))
            .into_paginator()
            .items()
            .send();
        let mut found = Vec::new();
        while let Some(item) = pages.next().await {
            found.push(
                item.map_err(|error| {
                    Fault::new(format!("dynamodb:Query of index {index}"), error)
                })?,
            );
        }
        Ok(found)
    }

    /// The last items of an index's key, so many at most, last first.
    async fn last_indexed(
        &self,
        (index, attribute): (&str, &str),
        value: &str,
        most: i32,
    ) -> Result<Vec<Item>, Fault> {
        let request = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(index)
            .key_condition_expression("#attribute = :value")
            .expression_attribute_names("#attribute", attribute)
            .expression_attribute_values(":value", text(value))
            .scan_index_forward(false)
            .limit(most);
        let found = request.send().await;
        let operation = || format!("dynamodb:Query of index {index}");
        let found = found.map_err(|error| Fault::new(operation(), error))?;
        Ok(found.items.unwrap_or_default())
    }

    /// Puts an item if there is none yet. Says whether it did.
    async fn put_new(&self, item: Item) -> Result<bool, Fault> {
        let request = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(pk)");
        match write("dynamodb:PutItem", || request.clone().send()).await {
            Ok(_) => Ok(true),
            Err(fault) if fault.is(CONDITION_FAILED) => Ok(false),
            Err(fault) => Err(fault),
        }
    }
}

/// A key as messages may show it: a request's name is the capability to read it.
fn shown(pk: &str) -> &str {
    let of_requests = ["approval#", "token#", "vote#"];
    if of_requests.iter().any(|start| pk.starts_with(start)) {
        "an approval request"
    } else {
        pk
    }
}

fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

fn number(value: u64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// A time as a sort key: the same width always, so that text sorts like time.
fn sortable(time: Timestamp) -> String {
    format!("{time:.9}")
}

fn promotion_key(id: &PromotionId) -> String {
    format!("promotion#{id}")
}

/// An item of this key around a document.
fn item<T: Serialize>(pk: &str, sk: &str, document: &T) -> Result<Item, Fault> {
    let document = serde_json::to_string(document)
        .map_err(|error| Fault::other(format!("writing {} {sk}", shown(pk)), error))?;
    Ok(HashMap::from([
        ("pk".to_owned(), text(pk)),
        ("sk".to_owned(), text(sk)),
        ("document".to_owned(), text(document)),
    ]))
}

/// The document of an item.
fn document<T: DeserializeOwned>(item: &Item) -> Result<T, Fault> {
    let operation = || {
        format!(
            "reading {} {}",
            shown(string(item, "pk")),
            string(item, "sk")
        )
    };
    serde_json::from_str(string(item, "document")).map_err(|error| Fault::other(operation(), error))
}

fn string<'a>(item: &'a Item, name: &str) -> &'a str {
    item.get(name)
        .and_then(|value| value.as_s().ok())
        .map_or("", String::as_str)
}

fn unsigned(item: &Item, name: &str) -> u64 {
    item.get(name)
        .and_then(|value| value.as_n().ok())
        .and_then(|n| n.parse().ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod requests_tests;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_sort_as_text_also_when_a_fraction_ends_in_zeros() {
        let time = |nanosecond| sortable(Timestamp::new(1_900_000_000, nanosecond).unwrap());
        let times = [
            time(0),
            time(100_000_000),
            time(100_000_001),
            time(120_000_000),
        ];
        assert!(times.is_sorted(), "{times:?}");
        assert!(times.iter().all(|time| time.len() == times[0].len()));
    }
}
