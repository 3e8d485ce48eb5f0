//! Moves alias traffic of a release group: forward, to an end, and back; itself, or
//! through the CodeDeploy deployments that it creates.
//!
//! Decides: whether an alias may be written (fence, RevisionId), what it
//! should say (`sluice_domain::alias`), in which order a group moves, and when
//! deployments are through or have failed (`sluice_domain::codedeploy`).
//!
//! Environment: `SLUICE_STATE_TABLE`, `SLUICE_RECORD_FUNCTION`, `SLUICE_HOOK_NAME`.
//!
//! Never: judges, waits for a bake, or touches an alias before the journal is
//! written.

pub mod aws;
mod back;
mod deploy;
mod error;
mod forward;
mod undo;

use std::future::Future;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sluice_domain::alias::{Alias, Routing};
use sluice_domain::codedeploy::{DeploymentGroup, Found, Mark};
use sluice_domain::journal::{Entry, Journal, Versions};
use sluice_domain::plan::Plan;
use sluice_domain::promotion::{Generation, Outcome, PromotionId};
use sluice_domain::settings::Role;
use sluice_platform::fault::Fault;
use sluice_platform::patience::Patience;
use sluice_platform::store::StoreError;

pub use error::Error;
pub use undo::Undone;

/// What the state machines ask for.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// What to do.
    pub goal: Goal,
    /// Whose aliases.
    pub promotion: PromotionId,
    /// The caller's fencing generation.
    pub generation: Generation,
    /// Which step to take, from 0. Only with the goal `step`: naming it makes a
    /// repeated request recognisable.
    #[serde(default)]
    pub step: Option<usize>,
}

/// Where the aliases should go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// One step towards the new versions.
    Step,
    /// Past the point of no return: nothing moves, and nothing reverts from here on.
    Commit,
    /// Back to the stable versions.
    Stable,
    /// Nowhere: read back that rolling back worked.
    Verify,
}

/// What was reached.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Output {
    /// What the rollout does next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<Next>,
    /// How long it waits before that, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wait_seconds: Option<u64>,
    /// The step to take after this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_step: Option<usize>,
    /// How the promotion stands after rolling back: `rolled_back`, or
    /// `promoted` where it had committed before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settled: Option<Outcome>,
    /// Whether an alias had been touched at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub touched: Option<bool>,
}

/// What the rollout does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Next {
    /// Watch the step.
    Bake,
    /// Take the next step: this one is not watched.
    Advance,
    /// Test what all callers now use.
    Live,
}

/// Why an alias was not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// Its RevisionId is not the one that was sent: somebody else wrote it, or
    /// an earlier try of ours whose answer was lost.
    #[error("the alias changed since it was read")]
    Changed,
    /// Lambda failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Aliases of Lambda functions.
pub trait Aliases {
    /// The alias as it stands, or None if there is none. Reads only.
    fn read(&self, entry: &Entry) -> impl Future<Output = Result<Option<Alias>, Fault>>;

    /// Points the alias there if its RevisionId is still this one (None: creates
    /// it), and answers the new RevisionId. Safe to repeat: the second time
    /// fails with `Changed`.
    fn write(
        &self,
        entry: &Entry,
        routing: &Routing,
        revision: Option<&str>,
        why: &str,
    ) -> impl Future<Output = Result<String, WriteError>>;

    /// Deletes the alias. Safe to repeat.
    fn delete(&self, entry: &Entry) -> impl Future<Output = Result<(), Fault>>;
}

/// A deployment to be created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Where.
    pub group: DeploymentGroup,
    /// What it shifts, as JSON.
    pub app_spec: String,
    /// Whose it is.
    pub mark: Mark,
}

/// Deployments of CodeDeploy, in Sluice's own account.
pub trait Deployments {
    /// Creates one, which CodeDeploy rolls back by itself whenever it ends badly,
    /// and answers its id. Asks once, and is not safe to repeat: whoever tries again
    /// looks with `find` first.
    fn create(&self, order: &Order) -> impl Future<Output = Result<String, Fault>>;

    /// The deployment of this group that carries this mark, of whatever
    /// generation, and is younger than this. Reads only.
    fn find(
        &self,
        group: &DeploymentGroup,
        mark: &Mark,
        since: Timestamp,
    ) -> impl Future<Output = Result<Option<String>, Fault>>;

    /// How these deployments stand. Reads only.
    fn look(&self, ids: &[String]) -> impl Future<Output = Result<Vec<Found>, Fault>>;

    /// Stops one and has it rolled back. Safe to repeat: one that has ended stays
    /// as it is.
    fn stop(&self, id: &str) -> impl Future<Output = Result<(), Fault>>;
}

/// Opens the aliases of an environment's account, and CodeDeploy.
pub trait Account {
    /// What it opens.
    type Aliases: Aliases;
    /// The way to CodeDeploy.
    type Deployments: Deployments;

    /// CodeDeploy in Sluice's own account.
    fn deployments(&self) -> impl Future<Output = Self::Deployments>;

    /// With the role that the environment's settings name, if any.
    fn open(
        &self,
        role: Option<&Role>,
        promotion: &PromotionId,
    ) -> impl Future<Output = Self::Aliases>;
}

/// The promotion's record.
pub trait Records {
    /// The journal, if it was begun.
    fn journal(
        &self,
        id: &PromotionId,
    ) -> impl Future<Output = Result<Option<Journal>, StoreError>>;

    /// What was approved and what was published.
    fn begun(&self, id: &PromotionId)
    -> impl Future<Output = Result<(Plan, Versions), StoreError>>;

    /// Writes the journal if this generation may still write, in one
    /// transaction. Safe to repeat.
    fn save(
        &self,
        id: &PromotionId,
        generation: Generation,
        journal: &Journal,
    ) -> impl Future<Output = Result<(), StoreError>>;
}

/// What is written down of a shift.
pub trait Record {
    /// Records a fact of the promotion under a key that makes it recognisable
    /// when it is recorded again.
    fn record(&self, id: &PromotionId, fact: Fact) -> impl Future<Output = Result<(), Fault>>;
}

/// A fact for the ledger.
#[derive(Debug, Clone, PartialEq)]
pub struct Fact {
    /// What happened.
    pub kind: sluice_domain::ledger::Kind,
    /// Its key within the promotion.
    pub key: String,
    /// Its content.
    pub facts: serde_json::Value,
}

/// The function.
pub struct Shift<A, R, L> {
    /// Where aliases are.
    pub account: A,
    /// Where the journal is.
    pub records: R,
    /// The way to the ledger.
    pub ledger: L,
    /// The function that deployments call before and after they shift.
    pub hook: String,
    /// How long deployments are waited for when rolling back.
    pub patience: Patience,
}

/// CodeDeploy takes seconds to stop a deployment and to roll it back.
pub const PATIENCE: Patience = Patience {
    first: Duration::from_secs(1),
    longest: Duration::from_secs(1),
    total: Duration::from_secs(25),
};

impl<A: Account, R: Records, L: Record> Shift<A, R, L> {
    /// Handles one request at this time.
    ///
    /// # Errors
    /// With what stopped it; what was moved before that is in the journal.
    pub async fn handle(
        &self,
        input: Input,
        clock: impl Fn() -> Timestamp,
    ) -> Result<Output, Error> {
        match input.goal {
            Goal::Step => self.step(&input, clock).await,
            Goal::Commit => self.commit(&input).await,
            Goal::Stable => self.back(&input, clock()).await,
            Goal::Verify => self.verify(&input).await,
        }
    }
}

#[cfg(test)]
#[path = "lib_tests.rs"]
mod tests;
