//! Compares new versions with those that serve beside them.
//!
//! Decides: what is measured of a step (which metrics, over which window), and
//! with `sluice_domain::judge` what follows from it. The policy is the one that
//! was approved with the plan, not the settings as they may read by now.
//!
//! Environment: `SLUICE_STATE_TABLE`, `SLUICE_RECORD_FUNCTION`.
//!
//! Never: moves traffic, waits, or takes missing data for health.

pub mod aws;
mod measure;

use std::collections::BTreeMap;
use std::future::Future;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sluice_domain::journal::Journal;
use sluice_domain::judge::{self, AlarmState, MetricQuery, Next, Outcome, Verdict};
use sluice_domain::ledger::Kind;
use sluice_domain::plan::Plan;
use sluice_domain::promotion::PromotionId;
use sluice_domain::settings::{Role, Step};
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
    /// Why, in a sentence.
    pub rule: String,
    /// What the rollout does next.
    pub next: Follows,
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
            Self::Store(StoreError::Missing(_)) => "NotFound",
            Self::Store(StoreError::Fenced { .. } | StoreError::Held { .. }) => "Fenced",
            Self::Store(StoreError::Fault(fault)) | Self::Fault(fault) => fault_name(fault),
        }
    }
}

/// The promotion's record.
pub trait Records {
    /// What was approved. Reads only.
    fn plan(&self, id: &PromotionId) -> impl Future<Output = Result<Plan, StoreError>>;

    /// How far the shift is. Reads only.
    fn journal(&self, id: &PromotionId) -> impl Future<Output = Result<Journal, StoreError>>;
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
pub struct Judge<R, M, L> {
    /// Where plan and journal are.
    pub records: R,
    /// Where metrics are.
    pub metrics: M,
    /// The way to the ledger.
    pub ledger: L,
}

/// The step that is judged.
struct Subject {
    plan: Plan,
    journal: Journal,
    index: usize,
    step: Step,
    shifted_at: Timestamp,
}

impl<R: Records, M: Metrics, L: Verdicts> Judge<R, M, L> {
    /// Looks at the step that the journal is at.
    ///
    /// # Errors
    /// When there is no such step, or a call to AWS fails. There is no verdict then.
    pub async fn handle(&self, input: Input, now: Timestamp) -> Result<Output, Error> {
        let id = &input.promotion;
        let subject = self.subject(id).await?;
        let policy = &subject.plan.judge;
        let before = self.before(id, &subject).await?;
        let measurement = Measurement::of(
            policy,
            &subject.journal.functions,
            subject.step.weight,
            &before.clone().unwrap_or_default(),
        );
        if let Some(reason) = not_watched(&subject.step, &measurement) {
            return self.pass_through(id, &subject, reason).await;
        }
        let window = measurement.window(subject.shifted_at, now);
        let observed = self
            .observe(id, &subject, &measurement, &window, before.is_some())
            .await?;
        let look = judge::look(policy, subject.shifted_at, now);
        let verdict = judge::judge(policy, &observed, look);
        let next = judge::next(
            policy,
            &subject.step,
            subject.shifted_at,
            now,
            verdict.outcome,
        );
        let (next, wait_seconds) = match next {
            Next::Bake(seconds) => (Follows::Bake, seconds),
            Next::Advance => (Follows::Advance, 0),
            Next::RollBack => (Follows::RollBack, 0),
        };
        // Two looks within one period may end differently: both are recorded.
        let key = format!("{}/{look}/{}", subject.index, name(next));
        // Enough to ask the same again, and to judge it again.
        let facts = json!({
            "step": subject.index,
            "weight": subject.step.weight,
            "look": look,
            "outcome": verdict.outcome,
            "rule": verdict.rule,
            "functions": verdict.functions,
            "signals": verdict.signals,
            "next": next,
            "wait_seconds": wait_seconds,
            "shifted_at": subject.shifted_at,
            "window": window,
            "queries": measurement.queries().iter().map(ToString::to_string).collect::<Vec<_>>(),
        });
        let sequence = self
            .ledger
            .record(id, Kind::VerdictReached, &key, facts)
            .await?;
        self.warn(id, &subject, &verdict).await?;
        Ok(Output {
            outcome: verdict.outcome,
            rule: verdict.rule,
            next,
            wait_seconds,
            sequence,
        })
    }

    /// What was normal before the rollout. None: it was not answered in full.
    async fn before(&self, id: &PromotionId, subject: &Subject) -> Result<Option<Before>, Error> {
        let policy = &subject.plan.judge;
        let asked = Before::queries(policy, &subject.journal.functions, subject.step.weight);
        if asked.is_empty() || subject.step.bake_seconds == 0 {
            return Ok(Some(Before::default()));
        }
        let begun_at = subject.journal.begun_at.unwrap_or(subject.shifted_at);
        let window = Window::before(policy, begun_at);
        let queries: Vec<MetricQuery> = asked.iter().map(|(_, query)| query.clone()).collect();
        let role = subject.journal.role.as_ref();
        let answers = self.metrics.series(role, id, &queries, &window).await?;
        Ok(Before::of(&asked, &answers))
    }

    /// What was observed. A window without a whole period asks nobody, and
    /// without what was normal before nothing can be said.
    async fn observe(
        &self,
        id: &PromotionId,
        subject: &Subject,
        measurement: &Measurement<'_>,
        window: &Window,
        is_before_known: bool,
    ) -> Result<judge::Observed, Error> {
        let role = subject.journal.role.as_ref();
        let names: Vec<String> = subject
            .plan
            .judge
            .alarms
            .iter()
            .map(|alarm| alarm.name.clone())
            .collect();
        let alarms = if names.is_empty() {
            BTreeMap::new()
        } else {
            self.metrics.alarms(role, id, &names).await?
        };
        let answers = if !is_before_known {
            vec![None; measurement.queries().len()]
        } else if window.is_empty() {
            vec![Some(Series::new()); measurement.queries().len()]
        } else {
            self.metrics
                .series(role, id, measurement.queries(), window)
                .await?
        };
        Ok(measurement.observe(&answers, window, &alarms))
    }

    /// Records what people should hear of: each limit once a step, however
    /// many looks find it exceeded.
    async fn warn(
        &self,
        id: &PromotionId,
        subject: &Subject,
        verdict: &Verdict,
    ) -> Result<(), Error> {
        for warning in verdict.warnings() {
            let key = format!("{}/{warning}", subject.index);
            let facts = json!({
                "step": subject.index,
                "weight": subject.step.weight,
                "warning": warning,
            });
            self.ledger
                .record(id, Kind::LimitExceeded, &key, facts)
                .await?;
        }
        Ok(())
    }

    async fn subject(&self, id: &PromotionId) -> Result<Subject, Error> {
        let journal = self.records.journal(id).await?;
        let not_shifted = |found: String| Error::NotShifted {
            promotion: id.clone(),
            found,
        };
        let index = journal
            .step
            .ok_or_else(|| not_shifted("that no step was begun".to_owned()))?;
        let shifted_at = journal
            .shifted_at
            .ok_or_else(|| not_shifted(format!("that step {index} was begun and not finished")))?;
        let steps = journal.steps.len();
        let step = journal
            .steps
            .get(index)
            .cloned()
            .ok_or_else(|| not_shifted(format!("step {index} of {steps} steps")))?;
        let plan = self.records.plan(id).await?;
        Ok(Subject {
            plan,
            journal,
            index,
            step,
            shifted_at,
        })
    }

    /// Goes on without a judgement, and says why.
    async fn pass_through(
        &self,
        id: &PromotionId,
        subject: &Subject,
        reason: &str,
    ) -> Result<Output, Error> {
        let rule = format!("not watched: {reason}");
        let facts = json!({
            "step": subject.index,
            "weight": subject.step.weight,
            "outcome": Outcome::Pass,
            "rule": rule,
            "next": Follows::Advance,
            "shifted_at": subject.shifted_at,
        });
        let key = format!("{}/unwatched", subject.index);
        let sequence = self
            .ledger
            .record(id, Kind::VerdictReached, &key, facts)
            .await?;
        Ok(Output {
            outcome: Outcome::Pass,
            rule,
            next: Follows::Advance,
            wait_seconds: 0,
            sequence,
        })
    }
}

/// Why a step is not judged, if it isn't.
fn not_watched(step: &Step, measurement: &Measurement<'_>) -> Option<&'static str> {
    if step.bake_seconds == 0 {
        return Some("this step has no bake");
    }
    measurement
        .is_empty()
        .then_some("no function receives traffic on a new version at this step")
}

fn name(next: Follows) -> &'static str {
    match next {
        Follows::Bake => "bake",
        Follows::Advance => "advance",
        Follows::RollBack => "roll_back",
    }
}

#[cfg(test)]
mod tests;
