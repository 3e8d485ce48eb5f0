//! Plans, queues, locks, rechecks and closes promotions.
//!
//! Decides: whether a promotion may go on: is the plan still what was
//! approved, is the line stopped, does a guard of the settings say no, is it this
//! promotion's time and its turn, are the aliases Sluice's to move.
//!
//! Environment: `SLUICE_STATE_TABLE`, `SLUICE_RECORD_FUNCTION`, `SLUICE_SEAL_KEY`.
//!
//! Never: moves traffic, publishes, or lets what resumed a task decide
//! anything: every check reads the record again.

mod approved;
pub mod aws;
mod check;
mod close;
mod error;
mod line;
mod operation;
mod path;
mod ports;
mod reason;
mod restore;
mod schedule;
mod signals;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sluice_domain::digest::Digest;
use sluice_domain::migrations::{MigrationPlan, RestorePlan};
use sluice_domain::promotion::{BundleRef, Generation, Outcome, PromotionId};
use sluice_platform::store::TaskToken;

pub(crate) use close::Ending;
pub use error::Error;
pub use ports::{
    Approvals, Bundles, Environments, Executions, Line, Locks, Lookup, Owners, Paths, Promotions,
    Record, Signals, Waits,
};

/// What is asked of this function.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub enum Input {
    /// What would this promotion change?
    Plan {
        /// Whose plan.
        promotion: PromotionId,
        /// What its migrations would do, as `migrate` found it.
        #[serde(default)]
        migrations: Option<Box<MigrationPlan>>,
        /// What putting the database back to a backup would do, likewise.
        #[serde(default)]
        restore: Option<Box<RestorePlan>>,
    },
    /// Would it be planned as it is, or is it refused? Keeps nothing.
    Admit {
        /// Whose plan.
        promotion: PromotionId,
        /// What its migrations would do, as `migrate` found it.
        migrations: Box<MigrationPlan>,
    },
    /// May it start, or how long does it wait for its time?
    Schedule {
        /// Whose.
        promotion: PromotionId,
    },
    /// Lock what it changes, or wait in line.
    Acquire {
        /// Whose turn.
        promotion: PromotionId,
        /// What resumes its state machine.
        task_token: TaskToken,
    },
    /// After all waits: does everything that was approved still hold?
    Recheck {
        /// Whose.
        promotion: PromotionId,
        /// The caller's fencing generation.
        generation: Generation,
    },
    /// Before each step: may it go on?
    Check {
        /// Whose.
        promotion: PromotionId,
        /// The caller's fencing generation.
        generation: Generation,
    },
    /// Its rollout failed: whatever of it still runs writes no more.
    Fence {
        /// Whose rollout.
        promotion: PromotionId,
        /// The execution that asks: it must own the promotion.
        execution_arn: String,
    },
    /// The promotion ended.
    Close {
        /// Which.
        promotion: PromotionId,
        /// What it promotes: with it a promotion can be closed whose record was
        /// never opened. The watchdog, which closes what has one, leaves it out.
        #[serde(default)]
        bundle: Option<BundleRef>,
        /// How.
        outcome: Outcome,
        /// The error that ended it, if one did.
        #[serde(default)]
        error: Option<String>,
        /// That error's cause.
        #[serde(default)]
        cause: Option<String>,
        /// What kept the database from being fenced off, if something did.
        #[serde(default)]
        unfenced: Option<String>,
        /// The execution that says so. One that does not own the promotion (a
        /// second start under the same name) closes nothing. The watchdog
        /// leaves it out: it took the promotion over.
        #[serde(default)]
        execution_arn: Option<String>,
        /// The generation under which the watchdog put it right. If somebody else
        /// took it over since, they are not done yet, and close it themselves.
        #[serde(default)]
        generation: Option<Generation>,
    },
    /// The promotion could not be started, or its execution ended before it had
    /// opened a record: close it, unless it began.
    CloseUnbegun {
        /// Which.
        promotion: PromotionId,
        /// What it would promote.
        bundle: BundleRef,
        /// How it is to end.
        outcome: Outcome,
        /// The error that kept it from beginning, if one did.
        #[serde(default)]
        error: Option<String>,
        /// That error's cause.
        #[serde(default)]
        cause: Option<String>,
        /// The `release` execution that it is part of.
        execution_arn: String,
    },
    /// Resume whoever waits for what is free. From the watchdog, in case the
    /// one that gave it back could not.
    Handover {},
}

/// What was reached.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Output {
    /// The plan is made.
    Planned {
        /// What approval binds to.
        plan_hash: Digest,
        /// How many functions change.
        changes: usize,
        /// Whether people must be asked.
        approval_required: bool,
        /// How long they have, in seconds.
        approval_seconds: u64,
        /// Whether something says when it may start.
        timed: bool,
        /// Whether there is a migration to apply.
        migrates: bool,
        /// The plan of migrations that people approve. None: nobody is asked, and a
        /// promotion that waited in line goes on from what the one before it left.
        approves: Option<Digest>,
    },
    /// Its time has come, or not yet.
    Scheduled {
        /// Whether it starts now.
        starts: bool,
        /// How long it waits before it asks again, in seconds.
        wait_seconds: u64,
    },
    /// The promotion has its locks, or waits in line.
    Queued {
        /// Whether it has them.
        acquired: bool,
    },
    /// Everything still holds.
    Rechecked {
        /// Since when it has its locks, in milliseconds since 1970: later ones have more.
        epoch: i64,
    },
    /// It may go on.
    Clear {
        /// Always true: what says no is an error.
        clear: bool,
    },
    /// Its rollout is fenced off.
    FencedOff {
        /// What may write from now on.
        generation: Generation,
    },
    /// It is closed.
    Closed {
        /// The outcome that holds, whoever set it.
        outcome: Outcome,
    },
    /// It never began, and is closed; or it is what it was.
    Unbegun {
        /// How it ended, whoever said so. None: it began, and has not ended.
        outcome: Option<Outcome>,
    },
    /// The line was looked at.
    HandedOver {
        /// How many promotions were resumed.
        resumed: u64,
    },
}

/// The function.
pub struct Guard<P> {
    /// Everything it works on.
    pub ports: P,
}

/// Everything that `guard` works on.
pub trait Ports:
    Promotions
    + Bundles
    + Environments
    + Paths
    + Lookup
    + Owners
    + Approvals
    + Signals
    + Waits
    + Locks
    + Line
    + Executions
    + Record
{
}

impl<T> Ports for T where
    T: Promotions
        + Bundles
        + Environments
        + Paths
        + Lookup
        + Owners
        + Approvals
        + Signals
        + Waits
        + Locks
        + Line
        + Executions
        + Record
{
}

impl<P: Ports> Guard<P> {
    /// Handles one request at this time.
    ///
    /// # Errors
    /// With what says no, or what failed.
    pub async fn handle(&self, input: Input, now: Timestamp) -> Result<Output, Error> {
        match input {
            Input::Plan {
                promotion,
                migrations,
                restore,
            } => {
                let found = check::Found {
                    migrations: migrations.map(|plan| *plan),
                    restore: restore.map(|plan| *plan),
                };
                self.plan(&promotion, found, now).await
            }
            Input::Admit {
                promotion,
                migrations,
            } => {
                let found = check::Found {
                    migrations: Some(*migrations),
                    restore: None,
                };
                self.admit(&promotion, found, now).await
            }
            Input::Schedule { promotion } => self.schedule(&promotion, now).await,
            Input::Acquire {
                promotion,
                task_token,
            } => self.acquire(&promotion, task_token, now).await,
            Input::Recheck {
                promotion,
                generation,
            } => self.recheck(&promotion, generation, now).await,
            Input::Check {
                promotion,
                generation,
            } => self.check(&promotion, generation, now).await,
            Input::Fence {
                promotion,
                execution_arn,
            } => self.fence(&promotion, &execution_arn).await,
            Input::Close {
                promotion,
                bundle,
                outcome,
                error,
                cause,
                unfenced,
                execution_arn,
                generation,
            } => {
                let why = reason::sentence(error.as_deref(), cause.as_deref());
                let ending = Ending {
                    bundle,
                    outcome,
                    reason: reason::with_unfenced(why, unfenced.as_deref()),
                    execution_arn,
                    generation,
                };
                let closed = self.close(&promotion, ending, now).await?;
                let outcome = closed.unwrap_or(outcome);
                Ok(Output::Closed { outcome })
            }
            Input::CloseUnbegun {
                promotion,
                bundle,
                outcome,
                error,
                cause,
                execution_arn,
            } => {
                let why = reason::sentence(error.as_deref(), cause.as_deref());
                let ending = Ending {
                    bundle: Some(bundle),
                    outcome,
                    reason: Some(reason::not_begun(why.as_deref())),
                    execution_arn: Some(execution_arn),
                    generation: None,
                };
                let outcome = self.close_unbegun(&promotion, ending, now).await?;
                Ok(Output::Unbegun { outcome })
            }
            Input::Handover {} => {
                let resumed = self.hand_over().await?;
                Ok(Output::HandedOver { resumed })
            }
        }
    }
}

#[cfg(test)]
mod fakes;
#[cfg(test)]
#[path = "lib_tests.rs"]
mod tests;
