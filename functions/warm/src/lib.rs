//! Makes new versions ready before their first traffic, and retires those that
//! have none any more. Takes all calls off functions while a database is put back to a
//! backup, and lets them in again.
//!
//! Decides: how much provisioned concurrency a new version needs (as much as the
//! version that serves has), what has to be woken, when all of it is ready, and
//! afterwards which versions give theirs back and which may be deleted
//! (`sluice_domain::versions`). Whether traffic may come back after a restore.
//!
//! Environment: `SLUICE_STATE_TABLE`, `SLUICE_RECORD_FUNCTION`.
//!
//! Never: touches an alias or `$LATEST`, takes provisioned concurrency off a version
//! that an alias points to or that it did not move, fails a promotion for what a
//! warm-up call answers, reserves concurrency that it did not find before, or asks for
//! any while another request may still come.

pub mod aws;
mod error;
mod ready;
mod reserving;
mod retire;
mod traffic;

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sluice_domain::alias::Routing;
use sluice_domain::cause::sentence;
use sluice_domain::journal::{Journal, Versions};
use sluice_domain::ledger::Kind;
use sluice_domain::plan::Plan;
use sluice_domain::promotion::{Generation, PromotionId};
use sluice_domain::settings::Role;
use sluice_domain::versions::{CodeStorage, Listed, Provisions};
use sluice_platform::fault::Fault;
use sluice_platform::patience::Patience;
use sluice_platform::store::StoreError;

pub use error::Error;
pub use reserving::{RESERVES_FOR, Reserving, SETTLES_IN};
pub use traffic::Stops;

/// How long provisioned concurrency and waking may take together. Ends before the
/// function's own time-out does, so that what was waited for is named.
pub const WAITS_FOR: Duration = Duration::from_secs(12 * 60);
/// How long all warm-up calls may take together.
pub const WARMS_UP_FOR: Duration = Duration::from_secs(60);
/// How long old versions may be deleted while the next in line waits. What is left
/// goes after the next promotion.
pub const PRUNES_FOR: Duration = Duration::from_secs(60);

/// What is asked of this function.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub enum Input {
    /// Make the new versions ready, and those that may have to serve again.
    Ready {
        /// Whose.
        promotion: PromotionId,
        /// The caller's fencing generation.
        generation: Generation,
    },
    /// Traffic is where it stays: take off what the versions without any have.
    Retire {
        /// Whose.
        promotion: PromotionId,
        /// The caller's fencing generation.
        generation: Generation,
    },
    /// A database is put back to a backup: take all calls off the functions.
    Stop {
        /// Whose.
        promotion: PromotionId,
        /// The caller's fencing generation.
        generation: Generation,
    },
    /// That is over, however it ended: let calls in again, if they may come.
    Resume {
        /// Whose.
        promotion: PromotionId,
        /// The caller's fencing generation.
        generation: Generation,
        /// The error that ended it. Null: none did.
        error: Option<String>,
        /// Its cause, as Step Functions has it.
        cause: Option<String>,
    },
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Output {
    /// The new versions are ready.
    Ready {
        /// How many got provisioned concurrency.
        provisioned: usize,
        /// How many versions had to be woken.
        woken: usize,
        /// How many warm-up calls were made.
        calls: usize,
        /// How many of them failed.
        failed: usize,
    },
    /// What had no traffic is retired.
    Retired {
        /// How many versions gave back provisioned concurrency.
        unprovisioned: usize,
        /// How many versions were deleted.
        deleted: usize,
        /// What could not be done.
        problems: usize,
    },
    /// No new call reaches the functions.
    Stopped {
        /// How many functions.
        stopped: usize,
        /// How long a call that began before may still run.
        wait_seconds: u64,
    },
    /// Calls were let in, or not.
    Resumed {
        /// How many functions have back what they had.
        resumed: usize,
        /// How many must stay without calls.
        stopped: usize,
        /// How it stands, for people.
        said: String,
    },
}

/// How a version stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It takes calls.
    Active,
    /// Lambda still works on it.
    Pending,
    /// It was idle for weeks and sleeps: a call fails, and wakes it.
    Inactive,
    /// Lambda gave up on it, and says why.
    Failed(String),
}

/// Provisioned concurrency of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provisioned {
    /// How many environments were asked for.
    pub executions: u32,
    /// How far they are.
    pub status: Allocation,
}

/// How far provisioned concurrency is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Allocation {
    /// All of it is there.
    Ready,
    /// Lambda still starts environments.
    InProgress,
    /// Lambda gave up on it, and says why.
    Failed(String),
}

/// Versions that take calls.
pub trait Calls {
    /// How a version stands. Reads only.
    fn state(&self, function: &str, version: &str) -> impl Future<Output = Result<State, Fault>>;

    /// Calls a version and waits for its answer, which nobody reads. Err: there was
    /// none, or it is an error, and what was said. The function runs each time.
    fn call(
        &self,
        function: &str,
        version: &str,
        payload: &Value,
    ) -> impl Future<Output = Result<(), String>>;
}

/// Provisioned concurrency.
pub trait Provisioning {
    /// What a version has. Reads only.
    fn provisioned(
        &self,
        function: &str,
        version: &str,
    ) -> impl Future<Output = Result<Option<Provisioned>, Fault>>;

    /// Asks for this much. Safe to repeat.
    fn provision(
        &self,
        function: &str,
        version: &str,
        executions: u32,
    ) -> impl Future<Output = Result<(), Fault>>;

    /// Gives it back. Safe to repeat.
    fn unprovision(&self, function: &str, version: &str)
    -> impl Future<Output = Result<(), Fault>>;
}

/// All versions of a function, and who uses them.
pub trait Catalogue {
    /// Where its aliases send their callers. Reads only.
    fn aliases(&self, function: &str) -> impl Future<Output = Result<Vec<Routing>, Fault>>;

    /// The versions that were published. Reads only.
    fn versions(&self, function: &str) -> impl Future<Output = Result<Vec<Listed>, Fault>>;

    /// Whether a queue or a stream feeds this version. Reads only.
    fn is_fed(&self, function: &str, version: u64) -> impl Future<Output = Result<bool, Fault>>;

    /// How full the account's room for code is. Reads only.
    fn code_storage(&self) -> impl Future<Output = Result<CodeStorage, Fault>>;

    /// Deletes one version. False: somebody uses it. Safe to repeat.
    fn delete(&self, function: &str, version: u64) -> impl Future<Output = Result<bool, Fault>>;
}

/// Opens an environment's account.
pub trait Open {
    /// What it opens.
    type Account: Calls + Provisioning + Catalogue + Reserving;

    /// With the role that the environment's settings name, if any. Changes nothing.
    fn open(
        &self,
        role: Option<&Role>,
        promotion: &PromotionId,
    ) -> impl Future<Output = Self::Account>;
}

/// What earlier steps wrote down.
#[derive(Debug, Clone)]
pub struct Work {
    /// What was approved.
    pub plan: Plan,
    /// What was published. None: it did not come to that.
    pub versions: Option<Versions>,
    /// Where traffic was sent. None: nowhere.
    pub journal: Option<Journal>,
    /// What an earlier try began to provision.
    pub provisions: Option<Provisions>,
}

/// The promotion's record.
pub trait Records: Stops {
    /// What earlier steps wrote down. None: it did not come to a plan. Reads only.
    fn work(&self, id: &PromotionId) -> impl Future<Output = Result<Option<Work>, StoreError>>;

    /// Fails if this generation may not write any more. Reads only.
    fn check_fence(
        &self,
        id: &PromotionId,
        generation: Generation,
    ) -> impl Future<Output = Result<(), StoreError>>;

    /// Writes down what is about to be provisioned, if this generation may still
    /// write, in one transaction. Safe to repeat.
    fn save(
        &self,
        id: &PromotionId,
        generation: Generation,
        provisions: &Provisions,
    ) -> impl Future<Output = Result<(), StoreError>>;
}

/// The way to the ledger.
pub trait Record {
    /// Records what was done. Recorded once for each key.
    fn record(
        &self,
        id: &PromotionId,
        kind: Kind,
        key: &str,
        facts: Value,
    ) -> impl Future<Output = Result<(), Fault>>;
}

/// The function.
pub struct Warm<A, R, L> {
    /// Where versions are.
    pub accounts: A,
    /// Where the promotion's record is.
    pub records: R,
    /// The way to the ledger.
    pub ledger: L,
    /// How long Lambda is waited for.
    pub patience: Patience,
    /// How long all warm-up calls may take together.
    pub warms_up_for: Duration,
    /// How long versions are deleted.
    pub prunes_for: Duration,
    /// How long Lambda may take over a function's reserved concurrency.
    pub reserves_for: Duration,
    /// How long a request for it is waited for that somebody else has made.
    pub settles: Patience,
}

/// What is said of each function, by the name that manifests use.
type Facts = BTreeMap<String, Value>;

impl<A: Open, R: Records, L: Record> Warm<A, R, L> {
    /// Handles one request.
    ///
    /// # Errors
    /// With what is not ready, or what failed.
    pub async fn handle(&self, input: Input) -> Result<Output, Error> {
        match input {
            Input::Ready {
                promotion,
                generation,
            } => self.ready(&promotion, generation).await,
            Input::Retire {
                promotion,
                generation,
            } => self.retire(&promotion, generation).await,
            Input::Stop {
                promotion,
                generation,
            } => self.stop(&promotion, generation).await,
            Input::Resume {
                promotion,
                generation,
                error,
                cause,
            } => {
                let failed = sentence(error.as_deref(), cause.as_deref());
                let output = self.resume(&promotion, generation).await?;
                Ok(output.after(failed))
            }
        }
    }
}

#[cfg(test)]
#[path = "lib_tests.rs"]
mod tests;
