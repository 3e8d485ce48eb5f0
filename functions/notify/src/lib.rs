//! Tells people what happened: reads the ledger's stream and writes messages.
//!
//! Decides: which kinds of events people hear of, and in which words, by whatever way.
//!
//! Environment: `SLUICE_TOPIC` (told where the environment names no topic of
//! its own).
//!
//! Never: changes anything. A message may arrive twice, since streams deliver
//! at least once; none is skipped silently, since what could not be told is
//! handed back to the stream.

pub mod aws;
mod message;

use std::future::Future;

use aws_lambda_events::event::dynamodb::{Event as StreamEvent, EventRecord};
use serde::Serialize;
use sluice_domain::ledger::Entry;
use sluice_platform::fault::Fault;
use sluice_platform::lambda::{Named, fault_name};
use sluice_platform::people::Message;

pub use message::{Chain, about};

/// What could not be told. Lambda delivers again from the first of them on.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Told {
    /// At most one: whatever follows a failure is delivered again anyway.
    pub batch_item_failures: Vec<Failure>,
}

/// One record that could not be told.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// Its sequence number in the stream.
    pub item_identifier: String,
}

/// What stopped a message.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The record holds no entry that can be read.
    #[error("ledger item {item} holds no readable entry: {problem}; expected what `record` writes")]
    Unreadable {
        /// Its keys.
        item: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The stream's record can't even be named, so that the whole batch must come again.
    #[error("a stream record has no sequence number; the whole batch is delivered again")]
    Unnamed,
    /// An AWS call failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl Named for Error {
    fn name(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "UnreadableEntry",
            Self::Unnamed => "InvalidEvent",
            Self::Fault(fault) => fault_name(fault),
        }
    }
}

/// Where an environment wants to be told.
pub trait Topics {
    /// The environment's own topic. None: it has none, or its settings can't be
    /// used (people are told all the same). Reads only.
    fn topic(
        &self,
        application: &str,
        environment: &str,
    ) -> impl Future<Output = Result<Option<String>, Fault>>;
}

/// The way to people.
pub trait People {
    /// Tells whoever subscribed to this topic (None: to Sluice's own).
    /// Repeating it tells them twice.
    fn tell(
        &self,
        topic: Option<&str>,
        message: &Message,
    ) -> impl Future<Output = Result<(), Fault>>;
}

/// The function.
pub struct Notify<T, P> {
    /// Where to tell.
    pub topics: T,
    /// How to tell.
    pub people: P,
}

impl<T: Topics, P: People> Notify<T, P> {
    /// Tells of one batch, in order. Stops at the first failure, so that nobody
    /// hears of an end before the beginning.
    ///
    /// # Errors
    /// When the failed record can't be named.
    pub async fn handle(&self, event: StreamEvent) -> Result<Told, Error> {
        told(&event, async |entry| self.tell(&entry).await).await
    }

    async fn tell(&self, entry: &Entry) -> Result<(), Error> {
        let Some(message) = about(entry) else {
            return Ok(());
        };
        let chain = Chain::of(&entry.event.chain);
        // The settings of a preview that was removed are gone: its people are those of the
        // environment that it was derived from.
        let base = entry.event.facts["preview_of"].as_str();
        let environment = base.or(chain.environment.as_deref());
        let topic = match (&chain.application, environment) {
            (Some(application), Some(environment)) => {
                self.topics.topic(application, environment).await?
            }
            // A release belongs to no environment yet.
            _ => None,
        };
        self.people.tell(topic.as_deref(), &message).await?;
        tracing::info!(chain = %entry.event.chain, kind = entry.event.kind.name(), "told");
        Ok(())
    }
}

/// Tells of the entries of one batch, in order, and stops at the first failure. This is how
/// whatever hangs on the ledger's stream reads it.
///
/// # Errors
/// When the failed record can't be named.
pub async fn told<E: From<Error> + Named>(
    event: &StreamEvent,
    tell: impl AsyncFn(Entry) -> Result<(), E>,
) -> Result<Told, Error> {
    for record in &event.records {
        let told = match entry(record) {
            Ok(None) => continue,
            Ok(Some(entry)) => tell(entry).await,
            Err(error) => Err(error.into()),
        };
        if let Err(error) = told {
            let sequence = record.change.sequence_number.clone();
            let sequence = sequence.ok_or(Error::Unnamed)?;
            tracing::error!(%sequence, %error, name = error.name(), "not told; the stream delivers it again");
            return Ok(Told {
                batch_item_failures: vec![Failure {
                    item_identifier: sequence,
                }],
            });
        }
    }
    Ok(Told::default())
}

/// The entry that a record added, if it is one: the ledger holds other items too.
fn entry(record: &EventRecord) -> Result<Option<Entry>, Error> {
    if record.event_name != "INSERT" {
        return Ok(None);
    }
    let image = record.change.new_image.inner();
    let text = |name: &str| match image.get(name) {
        Some(serde_dynamo::AttributeValue::S(text) | serde_dynamo::AttributeValue::N(text)) => {
            Some(text.as_str())
        }
        _ => None,
    };
    let Some(json) = text("entry") else {
        return Ok(None);
    };
    let unreadable = |problem: serde_json::Error| Error::Unreadable {
        item: format!(
            "{} {}",
            text("pk").unwrap_or_default(),
            text("sk").unwrap_or_default()
        ),
        problem: problem.to_string(),
    };
    serde_json::from_str(json).map(Some).map_err(unreadable)
}

#[cfg(test)]
#[path = "lib_tests.rs"]
mod tests;
