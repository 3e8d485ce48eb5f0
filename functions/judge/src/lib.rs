//! Compares new versions with those that serve beside them.
//!
//! Decides: what is measured of a step (which metrics, over which window), and
//! with `sluice_domain::judge` what follows from it and from what operators
//! asked. The policy is the one that was approved with the plan, not the settings
//! as they may read by now.
//!
//! Environment: `SLUICE_STATE_TABLE`, `SLUICE_RECORD_FUNCTION`,
//! `SLUICE_SMOKE_FUNCTION`, `SLUICE_APPROVAL_FUNCTION`, `SLUICE_DESK_URL`.
//!
//! Never: moves traffic, waits, or takes missing data for health.

mod asking;
pub mod aws;
mod facts;
mod look;
mod measure;
mod probing;

use std::collections::BTreeMap;
use std::future::Future;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sluice_domain::approval::{Answer, AtStep};
use sluice_domain::controls::Controls;
use sluice_domain::journal::Journal;
use sluice_domain::judge::{AlarmState, MetricQuery, Outcome, Probed, Probing};
use sluice_domain::ledger::Kind;
use sluice_domain::plan::Plan;
use sluice_domain::promotion::PromotionId;
use sluice_domain::settings::Role;
use sluice_platform::fault::Fault;
use sluice_platform::lambda::{Named, fault_name};
use sluice_platform::store::StoreError;

pub use measure::{Asked, Before, Measurement, Series, Window};

/// What the state machine asks.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Whose step is judged.
    pub promotion: PromotionId,
}

/// The verdict, and what follows from it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Output {
    /// What the judge says.
    pub outcome: Outcome,
    /// Why, in a sentence, and who decided otherwise.
    pub rule: String,
    /// What the rollout does next.
    pub next: Follows,
    /// The step that it takes when it advances, from 0.
    pub step: usize,
    /// How long it waits before it asks again, in seconds. 0 unless it bakes.
    pub wait_seconds: u64,
    /// Where the verdict stands in the promotion's ledger.
    pub sequence: u64,
}

/// What the rollout does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Follows {
    /// Wait, and ask again.
    Bake,
    /// Take the next step, or finish.
    Advance,
    /// Roll back.
    RollBack,
}

/// Why there is no verdict.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No step has reached its aliases, so there is nothing to judge.
    #[error(
        "the journal of {promotion} says {found}; expected a step that has reached every alias: shift first"
    )]
    NotShifted {
        /// The promotion.
        promotion: PromotionId,
        /// What the journal says.
        found: String,
    },
    /// The state table has no such promotion, or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An AWS call failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl Named for Error {
    fn name(&self) -> &'static str {
        match self {
            Self::NotShifted { .. } => "NotShifted",
            Self::Store(error) => error.name(),
            Self::Fault(fault) => fault_name(fault),
        }
    }
}

/// The promotion's record.
pub trait Records {
    /// What was approved. Reads only.
    fn plan(&self, id: &PromotionId) -> impl Future<Output = Result<Plan, StoreError>>;

    /// How far the shift is. Reads only.
    fn journal(&self, id: &PromotionId) -> impl Future<Output = Result<Journal, StoreError>>;

    /// What operators asked. Reads only.
    fn controls(&self, id: &PromotionId) -> impl Future<Output = Result<Controls, StoreError>>;

    /// What probes found at earlier looks. Reads only.
    fn probing(&self, id: &PromotionId) -> impl Future<Output = Result<Probing, StoreError>>;

    /// Keeps what probes found. Repeating it changes nothing.
    fn keep(
        &self,
        id: &PromotionId,
        probing: &Probing,
    ) -> impl Future<Output = Result<(), StoreError>>;
}

/// Metrics of an environment's account.
pub trait Metrics {
    /// One series for each query, in their order: a value per period within the
    /// window, in the account that this role opens (None: this one). A series
    /// that may lack something is None. Reads only.
    fn series(
        &self,
        role: Option<&Role>,
        id: &PromotionId,
        queries: &[MetricQuery],
        window: &Window,
    ) -> impl Future<Output = Result<Vec<Option<Series>>, Fault>>;

    /// How these alarms stand, those that exist, in the same account. Reads only.
    fn alarms(
        &self,
        role: Option<&Role>,
        id: &PromotionId,
        names: &[String],
    ) -> impl Future<Output = Result<BTreeMap<String, AlarmState>, Fault>>;
}

/// The way to whoever makes probes.
pub trait Probes {
    /// Makes each probe of the promotion's plan once, and answers what it found.
    /// Repeating it calls functions and URLs again.
    fn probe(&self, id: &PromotionId) -> impl Future<Output = Result<Vec<Probed>, Fault>>;
}

/// The way to the environment's approvers.
pub trait Approvers {
    /// Asks them about a step, unless they were asked about it, and says how they
    /// answered. Safe to repeat: they are asked once.
    fn ask(&self, id: &PromotionId, step: &AtStep) -> impl Future<Output = Result<Answer, Fault>>;

    /// Takes the question back, if it is open. Safe to repeat.
    fn withdraw(&self, id: &PromotionId, step: usize) -> impl Future<Output = Result<(), Fault>>;
}

/// Other functions of Sluice: [`aws::Functions`], or one fake in tests.
pub trait Functions: Probes + Approvers {}

impl<F: Probes + Approvers> Functions for F {}

/// The ledger.
pub trait Verdicts {
    /// Records a verdict and answers its place. Safe to repeat: the same key
    /// again records nothing.
    fn record(
        &self,
        id: &PromotionId,
        kind: Kind,
        key: &str,
        facts: Value,
    ) -> impl Future<Output = Result<u64, Fault>>;
}

/// The function.
pub struct Judge<R, M, F, L> {
    /// Where plan and journal are.
    pub records: R,
    /// Where metrics are.
    pub metrics: M,
    /// Who makes probes, and who asks approvers.
    pub functions: F,
    /// The way to the ledger.
    pub ledger: L,
}

#[cfg(test)]
mod tests;
