//! Takes what operators ask of a promotion that runs: to pause, resume, hurry.
//!
//! Decides: whether who asks may (`sluice_domain::may`), and whether it can be asked
//! (`sluice_domain::controls`). It notes the wish
//! in the promotion's record and in the ledger, with who asked and why. What
//! follows is decided by `judge`, at its next look.
//!
//! Environment: `SLUICE_STATE_TABLE`, `SLUICE_RECORD_FUNCTION`.
//!
//! Never: moves traffic, judges, stops an execution, or lets a wish go unrecorded.

pub mod aws;

use std::future::Future;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sluice_domain::caller::Principal;
use sluice_domain::controls::{Asked, Controls, Refusal, Request, Standing, Wish};
use sluice_domain::journal::Journal;
use sluice_domain::judge::JudgePolicy;
use sluice_domain::may::{Deed, May, NotAllowed};
use sluice_domain::plan::Plan;
use sluice_domain::promotion::{Generation, Promotion, PromotionId};
use sluice_domain::text::{Unsaid, said};
use sluice_platform::caller::{Caller, CallerError};
use sluice_platform::fault::Fault;
use sluice_platform::lambda::{Named, fault_name};
use sluice_platform::settings::SettingsError;
use sluice_platform::store::StoreError;

/// What an operator asks.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Of which promotion.
    pub promotion: PromotionId,
    /// What.
    pub wish: Wish,
    /// The step that the caller saw it at, from 0. `go` and `skip_bake` are wishes
    /// for that step alone and need it.
    #[serde(default)]
    pub step: Option<usize>,
    /// Who asks, as the caller says. It counts where nobody proved anything.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// What was noted.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Output {
    /// The wish that stands.
    pub asked: Asked,
    /// Whether this request made it. Otherwise it stood already.
    pub is_new: bool,
    /// Where it stands in the promotion's ledger.
    pub sequence: u64,
}

/// Why nothing was noted.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request says too little or too much.
    #[error("`{field}`: {found}: say who asks, and why")]
    Unsaid {
        /// The field.
        field: &'static str,
        /// How long it is.
        found: Unsaid,
    },
    /// Who asks may not.
    #[error(transparent)]
    NotAllowed(#[from] NotAllowed),
    /// Nobody knows who asks.
    #[error(transparent)]
    Caller(#[from] CallerError),
    /// The settings can't be read, which say who may.
    #[error("nobody knows who may operate {place}: {why}")]
    Settings {
        /// Application and environment.
        place: String,
        /// Why.
        why: SettingsError,
    },
    /// The promotion is over.
    #[error("{promotion} has ended: {outcome}; expected one that runs")]
    Ended {
        /// The promotion.
        promotion: PromotionId,
        /// How.
        outcome: &'static str,
    },
    /// The rollout is over, and traffic goes back.
    #[error(
        "{0} is being rolled back; expected one whose rollout runs: there is nothing to ask of it"
    )]
    GoingBack(PromotionId),
    /// It can't be asked as the promotion stands.
    #[error("{} can't be asked of {promotion}: {why}", wish.title())]
    Refused {
        /// The promotion.
        promotion: PromotionId,
        /// What was asked.
        wish: Wish,
        /// Why not.
        why: Refusal,
    },
    /// Others asked something at the same time, again and again.
    #[error("others asked something of {0} at the same time, {TRIES} times over; ask again")]
    Crowded(PromotionId),
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
            Self::Unsaid { .. }
            | Self::Ended { .. }
            | Self::GoingBack(_)
            | Self::Refused { .. } => "ControlRefused",
            Self::NotAllowed(refusal) => refusal.name(),
            Self::Caller(error) => error.name(),
            Self::Settings { why, .. } => match why {
                SettingsError::Fault(fault) => fault_name(fault),
                SettingsError::Missing(_)
                | SettingsError::Invalid(_)
                | SettingsError::TooLarge { .. } => "InvalidSettings",
            },
            Self::Crowded(_) => "Throttled",
            Self::Store(error) => error.name(),
            Self::Fault(fault) => fault_name(fault),
        }
    }
}

/// The generation of a rollout until it is rolled back or taken over.
const ROLLOUT: Generation = Generation(0);

/// How often a wish is noted that meets another.
const TRIES: u32 = 5;

/// What the settings of environments say now.
pub trait Environments {
    /// Who may do what in one. Reads only.
    fn may(
        &self,
        application: &str,
        environment: &str,
    ) -> impl Future<Output = Result<May, SettingsError>>;
}

/// The promotion's record.
pub trait Records {
    /// The promotion and its generation. Reads only.
    fn promotion(
        &self,
        id: &PromotionId,
    ) -> impl Future<Output = Result<(Promotion, Generation), StoreError>>;

    /// What was planned, once it was. Reads only.
    fn plan(&self, id: &PromotionId) -> impl Future<Output = Result<Option<Plan>, StoreError>>;

    /// How far the shift is, once it began. Reads only.
    fn journal(
        &self,
        id: &PromotionId,
    ) -> impl Future<Output = Result<Option<Journal>, StoreError>>;

    /// What operators asked. Reads only.
    fn controls(&self, id: &PromotionId) -> impl Future<Output = Result<Controls, StoreError>>;

    /// Writes what operators asked, the last of it new, if this generation may
    /// still write and nobody else noted anything meanwhile. Says whether it did;
    /// the second time it doesn't.
    fn note(
        &self,
        id: &PromotionId,
        generation: Generation,
        controls: &Controls,
    ) -> impl Future<Output = Result<bool, StoreError>>;
}

/// The ledger.
pub trait Book {
    /// Records a wish and answers its place. Safe to repeat: the same key again
    /// records nothing.
    fn record(
        &self,
        person: &str,
        id: &PromotionId,
        key: &str,
        facts: Value,
    ) -> impl Future<Output = Result<u64, Fault>>;
}

/// The function.
pub struct Control<E, R, B> {
    /// Where environments are set up.
    pub environments: E,
    /// Where promotions are.
    pub records: R,
    /// The way to the ledger.
    pub ledger: B,
}

impl<E: Environments, R: Records, B: Book> Control<E, R, B> {
    /// Notes a wish of this caller's, unless it stands already.
    ///
    /// # Errors
    /// When they may not, when it can't be asked, or a call to AWS fails. Asking the same
    /// again is safe.
    pub async fn handle(
        &self,
        input: Input,
        caller: Caller,
        now: Timestamp,
    ) -> Result<Output, Error> {
        let unsaid = |field| move |found| Error::Unsaid { field, found };
        let input = Input {
            by: said(&input.by).map_err(unsaid("by"))?,
            reason: said(&input.reason).map_err(unsaid("reason"))?,
            ..input
        };
        let input = self.allowed(input, caller?.as_ref()).await?;
        for _ in 0..TRIES {
            if let Some((place, asked, is_new)) = self.note(&input, now).await? {
                // Also when it stands: an earlier try may have failed to record it.
                let sequence = self.record(&input.promotion, place, &asked).await?;
                return Ok(Output {
                    asked,
                    is_new,
                    sequence,
                });
            }
        }
        Err(Error::Crowded(input.promotion))
    }

    /// The input of somebody who may operate the environment, under the name that they
    /// proved, if they did.
    async fn allowed(&self, input: Input, principal: Option<&Principal>) -> Result<Input, Error> {
        let PromotionId {
            application,
            environment,
            ..
        } = &input.promotion;
        let may = self.environments.may(application, environment).await;
        let may = may.map_err(|why| Error::Settings {
            place: format!("{application}/{environment}"),
            why,
        })?;
        may.allow(Deed::Operate, environment, principal)?;
        let by = principal.map(Principal::to_string);
        Ok(Input {
            by: by.unwrap_or(input.by),
            ..input
        })
    }

    /// Notes it: its place among all wishes, and whether it is new. None: somebody
    /// else was faster.
    async fn note(
        &self,
        input: &Input,
        now: Timestamp,
    ) -> Result<Option<(usize, Asked, bool)>, Error> {
        let id = &input.promotion;
        let (promotion, generation) = self.records.promotion(id).await?;
        if let Some(outcome) = promotion.outcome {
            return Err(Error::Ended {
                promotion: id.clone(),
                outcome: outcome.title(),
            });
        }
        if generation != ROLLOUT {
            return Err(Error::GoingBack(id.clone()));
        }
        let policy = self.records.plan(id).await?.map(|plan| plan.judge);
        let policy = policy.unwrap_or_else(JudgePolicy::default);
        let journal = self.records.journal(id).await?;
        let standing = Standing {
            journal: journal.as_ref(),
            policy: &policy,
        };
        let request = Request {
            wish: input.wish,
            step: input.step,
        };
        let mut controls = self.records.controls(id).await?;
        if let Some(place) = controls.stands(request) {
            let asked = controls.asked[place].clone();
            return Ok(Some((place, asked, false)));
        }
        let refused = |why| Error::Refused {
            promotion: id.clone(),
            wish: input.wish,
            why,
        };
        controls.check(request, standing, now).map_err(refused)?;
        let asked = Asked {
            wish: input.wish,
            by: input.by.clone(),
            reason: input.reason.clone(),
            at: now,
            step: journal.and_then(|journal| journal.step),
        };
        controls.asked.push(asked.clone());
        let is_noted = self.records.note(id, generation, &controls).await?;
        Ok(is_noted.then(|| (controls.asked.len() - 1, asked, true)))
    }

    async fn record(&self, id: &PromotionId, place: usize, asked: &Asked) -> Result<u64, Fault> {
        let facts = json!({
            "wish": asked.wish,
            "reason": asked.reason,
            "step": asked.step,
            "asked_at": asked.at,
        });
        let key = (place + 1).to_string();
        self.ledger.record(&asked.by, id, &key, facts).await
    }
}

#[cfg(test)]
#[path = "lib_tests.rs"]
mod tests;
