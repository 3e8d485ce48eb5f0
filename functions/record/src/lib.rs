//! Writes the ledger, alone: every other function records through this one.
//!
//! Decides: an event's place in its chain, and its seal to the entry before
//! (`sluice_domain::ledger`). An event whose key the chain already has is
//! recognised and not written again, with a warning if the entry there says
//! something else.
//!
//! Environment: `SLUICE_LEDGER_TABLE`.
//!
//! Never: changes or deletes an entry, reads the clock for a decision, or
//! judges what it is given. Beside each new entry it prints one line of
//! CloudWatch Embedded Metric Format.

pub mod aws;
mod metric;

use std::future::Future;
use std::time::Duration;

use jiff::Timestamp;
use sluice_domain::digest::Digest;
use sluice_domain::ledger::{Append, Appended};
use sluice_domain::ledger::{Entry, Event};
use sluice_platform::fault::Fault;
use sluice_platform::lambda::{Named, fault_name};

pub use metric::line;

/// What other functions send: events of one chain, in order.
pub type Input = Append;

/// Where the last of them stands.
pub type Output = Appended;

/// Why something was not recorded.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is nothing to record.
    #[error("found no events; expected at least one")]
    NoEvents,
    /// The events belong to several chains, so one answer can't say where they stand.
    #[error(
        "found events of `{first}` and of `{other}`; expected one chain a call: send one call for each"
    )]
    SeveralChains {
        /// The first event's chain.
        first: String,
        /// Another one's.
        other: String,
    },
    /// The facts can't be sealed.
    #[error("event `{key}` of `{chain}` can't be written as JSON: {source}")]
    Unsealable {
        /// The chain.
        chain: String,
        /// The event's key.
        key: String,
        /// Why.
        source: serde_json::Error,
    },
    /// Others appended to the chain each time that this call tried.
    #[error(
        "event `{key}` found no place in `{chain}` in {TRIES} tries, since others kept appending; send it again"
    )]
    Crowded {
        /// The chain.
        chain: String,
        /// The event's key.
        key: String,
    },
    /// DynamoDB failed, or an item can't be read.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl Named for Error {
    fn name(&self) -> &'static str {
        match self {
            Self::NoEvents | Self::SeveralChains { .. } => "InvalidInput",
            Self::Crowded { .. } => "Throttled",
            Self::Unsealable { .. } => "RecordFailed",
            Self::Fault(fault) => match fault_name(fault) {
                "AwsCallFailed" => "RecordFailed",
                passes => passes,
            },
        }
    }
}

/// What became of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// The entry stands in the ledger.
    Done,
    /// The chain has this key already; nothing was written.
    Known,
    /// Another entry took the place, or is just about to; nothing was written.
    Taken,
}

/// The ledger table.
pub trait Chains {
    /// The chain's last entry, as it stands now. Reads only.
    fn head(&self, chain: &str) -> impl Future<Output = Result<Option<Entry>, Fault>>;

    /// The place of the entry with this key, if the chain has one. Reads only.
    fn place(&self, chain: &str, key: &str) -> impl Future<Output = Result<Option<u64>, Fault>>;

    /// The entry in this place. Reads only.
    fn entry(
        &self,
        chain: &str,
        sequence: u64,
    ) -> impl Future<Output = Result<Option<Entry>, Fault>>;

    /// Writes an entry and its key, both or neither, and never over another.
    /// Safe to repeat: the second time answers `Known`.
    fn write(&self, entry: &Entry) -> impl Future<Output = Result<Written, Fault>>;
}

/// Where metrics go.
pub trait Meter {
    /// Takes one line of Embedded Metric Format. Called once for each new
    /// entry; a line too many or too few harms nothing but a graph.
    fn print(&self, line: &str);
}

/// The function.
pub struct Recorder<C, M> {
    /// The ledger table.
    pub table: C,
    /// Where metrics go.
    pub meter: M,
}

/// How often an event is tried. Each lost race means that another entry got in.
const TRIES: u32 = 12;

/// The entry that a chain ends with: its place and its hash.
type Tail = Option<(u64, Digest)>;

impl<C: Chains, M: Meter> Recorder<C, M> {
    /// Appends events at this time.
    ///
    /// # Errors
    /// With the first event that was not recorded. Those before it were, and
    /// are recognised when the call is repeated.
    pub async fn handle(&self, input: Input, now: Timestamp) -> Result<Output, Error> {
        let chain = one_chain(&input.events)?;
        let mut tail = self.tail(&chain).await?;
        let mut sequence = 0;
        for event in input.events {
            (sequence, tail) = self.append(event, tail, now).await?;
        }
        Ok(Appended { chain, sequence })
    }

    async fn tail(&self, chain: &str) -> Result<Tail, Fault> {
        let head = self.table.head(chain).await?;
        Ok(head.map(|entry| (entry.sequence, entry.hash)))
    }

    /// Appends one event. Answers its place, and what the chain now ends with.
    async fn append(
        &self,
        event: Event,
        mut tail: Tail,
        now: Timestamp,
    ) -> Result<(u64, Tail), Error> {
        for turn in 0..TRIES {
            let entry = Entry::seal(event.clone(), tail.clone(), now).map_err(|source| {
                Error::Unsealable {
                    chain: event.chain.clone(),
                    key: event.key.clone(),
                    source,
                }
            })?;
            match self.table.write(&entry).await? {
                Written::Done => {
                    self.meter.print(&line(&entry));
                    return Ok((entry.sequence, Some((entry.sequence, entry.hash))));
                }
                Written::Known => {
                    let place = self.table.place(&event.chain, &event.key).await?;
                    let place = place.ok_or_else(|| {
                        Fault::other(
                            format!("finding `{}` in `{}`", event.key, event.chain),
                            "its key is there without a place",
                        )
                    })?;
                    self.compare(&event, place).await;
                    return Ok((place, tail));
                }
                Written::Taken => {
                    tokio::time::sleep(pause(turn, now)).await;
                    tail = self.tail(&event.chain).await?;
                }
            }
        }
        Err(Error::Crowded {
            chain: event.chain,
            key: event.key,
        })
    }

    /// Warns if the entry with this event's key says something else than the
    /// event: that was not recorded then. Facts stay out of the log.
    async fn compare(&self, event: &Event, place: u64) {
        let Event {
            chain, key, kind, ..
        } = event;
        match self.table.entry(chain, place).await {
            Ok(Some(there)) if there.event.kind == *kind && there.event.facts == event.facts => {}
            Ok(_) => {
                tracing::warn!(%chain, %key, place, kind = kind.name(), "the entry with this key says something else; the new event was not recorded");
            }
            Err(fault) => {
                tracing::warn!(%chain, %key, place, %fault, "the event was not compared to the entry with its key");
            }
        }
    }
}

/// The chain that all events belong to.
fn one_chain(events: &[Event]) -> Result<String, Error> {
    let first = events.first().ok_or(Error::NoEvents)?;
    match events.iter().find(|event| event.chain != first.chain) {
        None => Ok(first.chain.clone()),
        Some(other) => Err(Error::SeveralChains {
            first: first.chain.clone(),
            other: other.chain.clone(),
        }),
    }
}

/// How long to stand back after a lost race: longer each time, up to a fifth of
/// a second, and not as long as whoever else lost it (their clocks differ).
fn pause(turn: u32, now: Timestamp) -> Duration {
    let longest = (4_u64 << turn.min(6)).min(200);
    let spread = u64::from(now.subsec_nanosecond().unsigned_abs()) % longest;
    Duration::from_millis(longest / 2 + spread / 2)
}

#[cfg(test)]
#[path = "lib_tests.rs"]
mod tests;
