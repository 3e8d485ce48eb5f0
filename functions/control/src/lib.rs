//! Takes what operators ask of a promotion that runs: to pause, resume, hurry.
//!
//! Decides: whether who asks may (`sluice_domain::may`), and whether it can be asked
//! (`sluice_domain::controls`). It notes the wish
//! in the promotion's record and in the ledger, with who asked and why; what takes away a
//! protection, only once the environment's approvers have approved it. What
//! follows is decided by `judge`, at its next look.
//!
//! Environment: `SLUICE_STATE_TABLE`, `SLUICE_RECORD_FUNCTION`,
//! `SLUICE_APPROVAL_FUNCTION`, `SLUICE_DESK_URL`.
//!
//! Never: moves traffic, judges, stops an execution, or lets a wish go unrecorded.

pub mod aws;

use std::future::Future;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sluice_domain::approval::{Answer, AskedWish, State, WishAnswer};
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

/// What became of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Output {
    /// It was noted.
    Noted {
        /// The wish that stands.
        asked: Asked,
        /// Whether this request made it. Otherwise it stood already.
        is_new: bool,
        /// Where it stands in the promotion's ledger.
        sequence: u64,
    },
    /// People are asked first: it is noted when it is asked again once they approved it.
    Waits {
        /// How far that is, for people.
        waits: String,
    },
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
    /// Its approvers said no, or nothing in time.
    #[error("{} is not granted to {promotion}: {because}. It goes on as planned", wish.title())]
    NotGranted {
        /// The promotion.
        promotion: PromotionId,
        /// What was asked.
        wish: Wish,
        /// Who said so.
        because: String,
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
            | Self::NotGranted { .. }
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

/// Those who approve what takes away a protection.
pub trait Approvers {
    /// Asks them, unless they were asked, and answers how that stands. Safe to repeat.
    fn ask(
        &self,
        id: &PromotionId,
        wish: &AskedWish,
        requester: Option<&Principal>,
    ) -> impl Future<Output = Result<WishAnswer, Fault>>;
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

/// What is asked of a promotion, with a wish that stands or would be noted.
struct Looked {
    generation: Generation,
    controls: Controls,
    /// Its place among all wishes.
    place: usize,
    is_new: bool,
}

/// Whether a wish may be noted.
enum Granted {
    /// Nobody has to approve it.
    Freely,
    /// What people approved: it is noted with what they read, whoever asks again.
    As(AskedWish),
    /// How far they are.
    Waits(String),
}

/// The function.
pub struct Control<E, R, A, B> {
    /// Where environments are set up.
    pub environments: E,
    /// Where promotions are.
    pub records: R,
    /// The way to approvers.
    pub approvers: A,
    /// The way to the ledger.
    pub ledger: B,
}

impl<E: Environments, R: Records, A: Approvers, B: Book> Control<E, R, A, B> {
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
        let principal = caller?;
        let input = self.allowed(input, principal.as_ref()).await?;
        for _ in 0..TRIES {
            let mut looked = self.look(&input, now).await?;
            if looked.is_new {
                // Only now: nobody is asked for what could not be noted.
                match self.granted(&input, principal.as_ref()).await? {
                    Granted::Waits(waits) => return Ok(Output::Waits { waits }),
                    Granted::As(approved) => {
                        let new = &mut looked.controls.asked[looked.place];
                        (new.by, new.reason) = (approved.by, approved.reason);
                    }
                    Granted::Freely => {}
                }
                let (id, generation) = (&input.promotion, looked.generation);
                if !self.records.note(id, generation, &looked.controls).await? {
                    continue;
                }
            }
            let asked = looked.controls.asked[looked.place].clone();
            // Also when it stands: an earlier try may have failed to record it.
            let place = looked.place;
            let sequence = self.record(&input.promotion, place, &asked).await?;
            return Ok(Output::Noted {
                asked,
                is_new: looked.is_new,
                sequence,
            });
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

    /// Whether it may be noted, and how far its approvers are where they have not said so.
    async fn granted(
        &self,
        input: &Input,
        requester: Option<&Principal>,
    ) -> Result<Granted, Error> {
        if !input.wish.asks_approvers() {
            return Ok(Granted::Freely);
        }
        let id = &input.promotion;
        let wish = AskedWish {
            wish: input.wish,
            by: input.by.clone(),
            reason: input.reason.clone(),
        };
        let WishAnswer { answer, asked } = self.approvers.ask(id, &wish, requester).await?;
        let Answer { state, because } = answer;
        match state {
            State::Approved => Ok(asked.map_or(Granted::Freely, Granted::As)),
            State::Pending => Ok(Granted::Waits(because)),
            State::Rejected | State::Expired | State::Superseded => Err(Error::NotGranted {
                promotion: id.clone(),
                wish: input.wish,
                because,
            }),
        }
    }

    /// What is asked of the promotion, with this wish among it.
    async fn look(&self, input: &Input, now: Timestamp) -> Result<Looked, Error> {
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
            return Ok(Looked {
                generation,
                controls,
                place,
                is_new: false,
            });
        }
        let refused = |why| Error::Refused {
            promotion: id.clone(),
            wish: input.wish,
            why,
        };
        controls.check(request, standing, now).map_err(refused)?;
        controls.asked.push(Asked {
            wish: input.wish,
            by: input.by.clone(),
            reason: input.reason.clone(),
            at: now,
            step: journal.and_then(|journal| journal.step),
        });
        Ok(Looked {
            generation,
            place: controls.asked.len() - 1,
            controls,
            is_new: true,
        })
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
