//! What the watchdog needs of others.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use sluice_domain::approval::State;
use sluice_domain::ledger::Kind;
use sluice_domain::migrations::{Database, Migrating};
use sluice_domain::promotion::{Generation, Outcome, Promotion, PromotionId};
use sluice_platform::fault::Fault;
use sluice_platform::settings::SettingsError;
use sluice_platform::store::{Release, StoreError};

/// Promotions in the state table.
pub trait Promotions {
    /// Those that have not ended, stranded ones included. May lag. Reads only.
    fn open(&self) -> impl Future<Output = Result<Vec<Promotion>, StoreError>>;

    /// One, as it stands now. Reads only.
    fn current(&self, id: &PromotionId) -> impl Future<Output = Result<Promotion, StoreError>>;

    /// Whether it has tried to lock its targets, so that it waits for no
    /// approval any more. Reads only.
    fn wants_targets(&self, id: &PromotionId) -> impl Future<Output = Result<bool, StoreError>>;

    /// That it applied something to a database, or was about to. None: nothing. Reads only.
    fn migrating(
        &self,
        id: &PromotionId,
    ) -> impl Future<Output = Result<Option<Migrating>, StoreError>>;

    /// Whether it began to put a database back to a backup, and so took traffic off.
    /// Reads only.
    fn has_stopped_traffic(
        &self,
        id: &PromotionId,
    ) -> impl Future<Output = Result<bool, StoreError>>;

    /// Raises its generation, which fences off everybody else. Safe to repeat:
    /// the newest generation is the one that counts.
    fn take_over(&self, id: &PromotionId) -> impl Future<Output = Result<Generation, StoreError>>;
}

/// What environments are.
pub trait Environments {
    /// The database of a promotion's environment, as its settings say now. None: it has none.
    /// Reads only.
    fn database(
        &self,
        id: &PromotionId,
    ) -> impl Future<Output = Result<Option<Database>, SettingsError>>;
}

/// Releases in the state table.
pub trait Releases {
    /// Those that nobody has seen to the end of. May lag. Reads only.
    fn open_releases(&self) -> impl Future<Output = Result<Vec<Release>, StoreError>>;

    /// Stops looking after a release. Safe to repeat.
    fn settle_release(&self, release: &Release) -> impl Future<Output = Result<(), StoreError>>;
}

/// How an execution stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// It runs.
    Running,
    /// It ended, under this status of Step Functions'.
    Ended(String),
    /// Step Functions knows no such execution.
    Unknown,
}

impl Status {
    /// Whether it was ended from outside.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        matches!(self, Self::Ended(status) if ["ABORTED", "TIMED_OUT"].contains(&status.as_str()))
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Running => f.write_str("runs"),
            Self::Ended(status) => write!(f, "ended {status}"),
            Self::Unknown => f.write_str("is not known to Step Functions; it ended"),
        }
    }
}

/// Executions of the state machines.
pub trait Executions {
    /// How an execution stands. Reads only.
    fn status(&self, arn: &str) -> impl Future<Output = Result<Status, Fault>>;

    /// How the release stands that a promotion is part of. Reads only.
    fn release_status(&self, promotion: &Promotion) -> impl Future<Output = Result<Status, Fault>>;

    /// Stops the promotion's execution and then what it runs, as far as they
    /// run. Safe to repeat.
    fn stop(&self, promotion: &Promotion) -> impl Future<Output = Result<(), Fault>>;
}

/// How a promotion's aliases stand after putting them back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Settled {
    /// `rolled_back`, or `promoted` where it had passed the point of no return.
    #[serde(rename = "settled")]
    pub outcome: Outcome,
    /// Whether an alias had been touched at all.
    pub touched: bool,
}

/// Why a call of another function came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The function answered with an error.
    #[error("{function} failed with {name}: {message}")]
    Failed {
        /// Which function, and what it was asked.
        function: &'static str,
        /// The error's name.
        name: String,
        /// What it said.
        message: String,
    },
    /// The function could not be called, or its answer makes no sense.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl CallError {
    /// Whether the function found that somebody else has taken over since.
    #[must_use]
    pub fn is_fence(&self) -> bool {
        matches!(self, Self::Failed { name, .. } if name == "Fenced")
    }
}

/// `shift`, `warm`, `guard` and `migrate`, which do the mending.
pub trait Functions {
    /// Puts every alias back (or finds that the promotion had committed). Safe to repeat.
    fn settle(
        &self,
        id: &PromotionId,
        generation: Generation,
    ) -> impl Future<Output = Result<Settled, CallError>>;

    /// Reads the aliases back. Reads only.
    fn verify(
        &self,
        id: &PromotionId,
        generation: Generation,
    ) -> impl Future<Output = Result<(), CallError>>;

    /// Has `migrate` end what still runs in a database for a promotion, and begin nothing of
    /// it any more. Safe to repeat.
    fn end_migrations(
        &self,
        id: &PromotionId,
        database: &Database,
        epoch: i64,
    ) -> impl Future<Output = Result<(), CallError>>;

    /// Takes off what the versions without traffic have, and lets traffic in that a restore
    /// stopped, or tells people why it stays off where it must. Safe to repeat.
    fn retire(
        &self,
        id: &PromotionId,
        generation: Generation,
    ) -> impl Future<Output = Result<(), CallError>>;

    /// Gives the locks back and writes down the outcome. Safe to repeat: the
    /// first outcome stays, but for `Stranded`, and nothing is lost if a call
    /// broke off. Whoever took it over later than `under` closes it instead.
    fn close(
        &self,
        id: &PromotionId,
        said: (Outcome, &str),
        under: Option<Generation>,
    ) -> impl Future<Output = Result<(), CallError>>;

    /// Closes a release's promotion into an environment that never began, so that a
    /// late one is refused, and writes down its outcome. One that began is left
    /// alone. Safe to repeat: the first outcome stays.
    fn close_unbegun(
        &self,
        release: &Release,
        environment: &str,
        outcome: Outcome,
        why: &str,
    ) -> impl Future<Output = Result<(), CallError>>;

    /// Resumes who waits in line for locks that are free. Safe to repeat.
    fn hand_over(&self) -> impl Future<Output = Result<u64, CallError>>;
}

/// Which of a promotion's requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// All.
    Whatever,
    /// Those about what an operator wants. `judge` looks at those of steps itself.
    AboutWishes,
}

/// Approval requests, and `approval`, which decides them. A request's id lets
/// whoever has it see the request: no error repeats it.
pub trait Approvals {
    /// The ids of those of this promotion's requests whose time is over, whose decision it
    /// may not have heard of, or of which people are to be reminded. Reads only.
    fn due(
        &self,
        id: &PromotionId,
        asked: Asked,
        now: Timestamp,
    ) -> impl Future<Output = Result<Vec<String>, StoreError>>;

    /// Has the votes counted, which decides a request whose time is over, resumes the
    /// promotion of one that is decided, and reminds people of one that waits. Safe to
    /// repeat: the first decision stays, and people are told once.
    fn tally(&self, approval: &str) -> impl Future<Output = Result<State, CallError>>;
}

/// What a snapshot is of, and what a copy is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    /// An Aurora cluster.
    Cluster,
    /// An RDS instance.
    Instance,
}

/// A snapshot of a database server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// What it is of.
    pub server: Server,
    /// Its name.
    pub name: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// Snapshots in the account and the region that Sluice is in.
pub trait Snapshots {
    /// All that somebody asked for, whoever that was. Reads only.
    fn snapshots(&self, server: Server) -> impl Future<Output = Result<Vec<Snapshot>, Fault>>;

    /// Deletes one. Safe to repeat: one that is gone is fine.
    fn delete(&self, snapshot: &Snapshot) -> impl Future<Output = Result<(), Fault>>;
}

/// A database server that may be a copy on which migrations were tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopiedServer {
    /// What it is.
    pub server: Server,
    /// Its name.
    pub name: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// Database servers in the account and the region that Sluice is in.
pub trait Copies {
    /// All of them, copies or not. Reads only.
    fn copies(&self, server: Server) -> impl Future<Output = Result<Vec<CopiedServer>, Fault>>;

    /// Deletes one, with nothing left of it. Safe to repeat: one that is gone is fine.
    fn delete_copy(&self, copy: &CopiedServer) -> impl Future<Output = Result<(), Fault>>;
}

/// The ledger.
pub trait Facts {
    /// Records a fact. Safe to repeat: the same kind and key again record nothing.
    fn record(
        &self,
        id: &PromotionId,
        kind: Kind,
        key: &str,
        facts: Value,
    ) -> impl Future<Output = Result<(), Fault>>;
}
