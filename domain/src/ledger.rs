//! The ledger: what happened, in order, each entry sealed to the one before.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::digest::Digest;

/// What kind of thing happened. Kinds are added, never changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Kind {
    /// A request for a release was accepted and its execution started.
    ReleaseStarted,
    /// A request for a release was refused.
    ReleaseRefused,
    /// A version came that starts nothing: a newer one is there, or a person begins it.
    ReleaseSetAside,
    /// The bundle is what its manifest says.
    BundleVerified,
    /// A bundle's evidence was held against what the environment asks.
    EvidenceAssessed,
    /// What would change was computed.
    ChangesPlanned,
    /// People were asked.
    ApprovalRequested,
    /// Somebody voted.
    VoteCast,
    /// Somebody took their vote back.
    VoteWithdrawn,
    /// People were told once more of a request that waits.
    ApprovalReminded,
    /// The request was decided, expired or superseded.
    ApprovalDecided,
    /// The promotion waits for its time: a window, say.
    StartScheduled,
    /// The promotion waits for its targets.
    TargetsQueued,
    /// The locks are held.
    TargetsAcquired,
    /// What is saved before migrations is there.
    BackupMade,
    /// Migrations begin.
    MigrationsBegun,
    /// Migrations are through, and the schema is as it has to be.
    MigrationsApplied,
    /// No call reaches the functions any more: a database is being put back to a backup.
    TrafficStopped,
    /// The database stands as its backup has it, and the code that serves fits.
    DatabaseRestored,
    /// Calls reach the functions again.
    TrafficResumed,
    /// Lambda versions were published.
    VersionsPublished,
    /// Versions were made ready for traffic.
    VersionsWarmed,
    /// Smoke tests ran.
    SmokeTested,
    /// A test suite of the environment ran.
    SuiteRan,
    /// A run of an environment's suites on a schedule ended.
    SuitesEnded,
    /// What is needed to roll back was written down.
    TrafficJournaled,
    /// Deployments were created, with which CodeDeploy shifts the aliases.
    DeploymentsCreated,
    /// Alias weights moved.
    TrafficShifted,
    /// The judge spoke.
    VerdictReached,
    /// A limit was exceeded that people are told of, and that fails nothing.
    LimitExceeded,
    /// An operator asked something of a rollout: to pause, to hurry.
    OperatorAsked,
    /// A step's time is over and it waits for a person's go.
    PersonAwaited,
    /// The point of no return was passed.
    Committed,
    /// The aliases were put back.
    TrafficRolledBack,
    /// What versions without traffic had was taken off them, or they were deleted.
    VersionsRetired,
    /// The promotion ended.
    PromotionClosed,
    /// The watchdog took over what no live execution owned.
    TakenOver,
    /// Rolling back failed, or traffic is off after a restore. A person must look.
    Stranded,
    /// The aliases of a preview were deleted, and its settings go.
    PreviewRemoved,
}

impl Kind {
    /// The name, as stored.
    #[must_use]
    pub fn name(self) -> String {
        // A unit variant always serializes to its name.
        serde_json::to_value(self)
            .ok()
            .and_then(|v| v.as_str().map(str::to_owned))
            .unwrap_or_default()
    }
}

/// Something to be recorded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// The chain it belongs to: a promotion's or a release's name.
    pub chain: String,
    /// Makes a repeated recording of the same fact recognisable within its chain.
    pub key: String,
    /// What happened.
    pub kind: Kind,
    /// Who did it: a function of Sluice's, or a person.
    pub actor: String,
    /// The facts. Never a secret.
    pub facts: Value,
}

/// What `record` takes: events of one chain, in order.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Append {
    /// The events.
    pub events: Vec<Event>,
}

/// What `record` answers: where the last event stands.
#[derive(Debug, Serialize, Deserialize)]
pub struct Appended {
    /// The chain.
    pub chain: String,
    /// The last event's place in it.
    pub sequence: u64,
}

/// An event in its place, sealed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The event.
    #[serde(flatten)]
    pub event: Event,
    /// Its place in the chain, from 1.
    pub sequence: u64,
    /// When it was recorded.
    pub at: Timestamp,
    /// The hash of the entry before; of nothing, for the first.
    pub previous: Digest,
    /// The hash over all of the above.
    pub hash: Digest,
}

/// What an entry's hash covers.
#[derive(Serialize)]
struct Sealed<'a> {
    event: &'a Event,
    sequence: u64,
    at: Timestamp,
    previous: &'a Digest,
}

impl Entry {
    /// Puts an event at the end of a chain whose last sequence and hash are given.
    ///
    /// # Errors
    /// When the facts can't be written as JSON.
    pub fn seal(
        event: Event,
        after: Option<(u64, Digest)>,
        at: Timestamp,
    ) -> Result<Self, serde_json::Error> {
        let (sequence, previous) = match after {
            Some((last, hash)) => (last + 1, hash),
            None => (1, Digest::of(b"")),
        };
        let hash = Digest::of_canonical(&Sealed {
            event: &event,
            sequence,
            at,
            previous: &previous,
        })?;
        Ok(Self {
            event,
            sequence,
            at,
            previous,
            hash,
        })
    }

    fn is_intact(&self) -> bool {
        let Self {
            event,
            sequence,
            at,
            previous,
            hash,
        } = self;
        Digest::of_canonical(&Sealed {
            event,
            sequence: *sequence,
            at: *at,
            previous,
        })
        .is_ok_and(|found| found == *hash)
    }
}

/// Where a chain was broken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// An entry is missing, doubled or out of place.
    #[error("entry {expected} is missing: found entry {found} in its place")]
    Gap {
        /// The sequence that should stand here.
        expected: u64,
        /// The one that does.
        found: u64,
    },
    /// An entry does not follow from the one before.
    #[error("entry {0} does not continue the entry before it")]
    Unlinked(u64),
    /// An entry is not what was sealed.
    #[error("entry {0} was changed after it was recorded")]
    Changed(u64),
}

/// Checks a whole chain, from its first entry.
///
/// # Errors
/// With the first place where it does not hold.
pub fn verify(chain: &[Entry]) -> Result<(), Broken> {
    let mut previous = Digest::of(b"");
    for (expected, entry) in (1..).zip(chain) {
        if entry.sequence != expected {
            return Err(Broken::Gap {
                expected,
                found: entry.sequence,
            });
        }
        if entry.previous != previous {
            return Err(Broken::Unlinked(expected));
        }
        if !entry.is_intact() {
            return Err(Broken::Changed(expected));
        }
        previous = entry.hash.clone();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn chain(length: u64) -> Vec<Entry> {
        let mut entries: Vec<Entry> = Vec::new();
        for n in 0..length {
            let event = Event {
                chain: "shop/prod/1.0.0/1".into(),
                key: n.to_string(),
                kind: Kind::TrafficShifted,
                actor: "shift".into(),
                facts: json!({ "weight": n }),
            };
            let after = entries
                .last()
                .map(|entry| (entry.sequence, entry.hash.clone()));
            entries.push(Entry::seal(event, after, Timestamp::UNIX_EPOCH).expect("sealed"));
        }
        entries
    }

    #[test]
    fn an_untouched_chain_verifies() {
        assert_eq!(verify(&chain(5)), Ok(()));
        assert_eq!(verify(&[]), Ok(()));
    }

    #[test]
    fn a_changed_fact_is_found() {
        let mut entries = chain(5);
        entries[2].event.facts = json!({ "weight": 99 });
        assert_eq!(verify(&entries), Err(Broken::Changed(3)));
    }

    #[test]
    fn a_missing_entry_is_found() {
        let mut entries = chain(5);
        entries.remove(1);
        assert_eq!(
            verify(&entries),
            Err(Broken::Gap {
                expected: 2,
                found: 3
            })
        );
    }

    #[test]
    fn a_replaced_tail_is_found() {
        let mut entries = chain(3);
        entries[2].previous = Digest::of(b"other");
        assert_eq!(verify(&entries), Err(Broken::Unlinked(3)));
    }

    #[test]
    fn an_entry_survives_being_written_and_read() {
        let entry = chain(1).remove(0);
        let read: Entry =
            serde_json::from_str(&serde_json::to_string(&entry).expect("json")).expect("entry");
        assert_eq!(read, entry);
    }
}
