//! Mends what no live execution owns, ends approval requests that expire, and
//! resumes promotions whose approval was decided without them hearing of it:
//! runs on a schedule, and when an execution of `promote` ends badly.
//!
//! Decides: whether a promotion has lost its owner, and in which order it is
//! put right: stop its rollout, raise the fence, put its aliases back, close it.
//! And when the votes of a request must be counted, for the first time or again.
//!
//! Environment: `SLUICE_STATE_TABLE`, `SLUICE_RECORD_FUNCTION`,
//! `SLUICE_SHIFT_FUNCTION`, `SLUICE_GUARD_FUNCTION`, `SLUICE_APPROVAL_FUNCTION`,
//! `SLUICE_ROLLOUT_MACHINE`.
//!
//! Never: touches an alias or a lock itself, trusts what an event says, decides
//! a request itself, lets a request's id into a log, or interferes with a
//! promotion whose execution runs, except that its request is counted.

pub mod aws;
mod ports;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sluice_domain::approval::State;
use sluice_domain::ledger::Kind;
use sluice_domain::promotion::{Outcome, Promotion, PromotionId};
use sluice_platform::fault::Fault;
use sluice_platform::lambda::{Named, fault_name};
use sluice_platform::store::StoreError;

pub use ports::{Approvals, CallError, Executions, Facts, Functions, Promotions, Settled, Status};

/// The event that woke the watchdog. Its content decides nothing: events are
/// best effort and may be old, so all open promotions are looked at each time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Input {}

/// What was put right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Output {
    /// The promotions that were closed.
    pub mended: Vec<PromotionId>,
    /// The promotions whose approval request has expired.
    pub expired: Vec<PromotionId>,
    /// How many that waited in line were resumed.
    pub resumed: u64,
}

/// What the watchdog could not do. It did all the rest.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Promotions that could not be put right. A person must look.
    #[error(
        "{} could not be put right: {}. Their locks stay, and the watchdog tries again at its next run",
        count(stranded.len()), stranded.join("; ")
    )]
    Stranded {
        /// Each with its reason.
        stranded: Vec<String>,
    },
    /// Another function of Sluice's failed.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The state table refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An AWS call failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl Named for Error {
    fn name(&self) -> &'static str {
        match self {
            Self::Stranded { .. } => "Stranded",
            Self::Call(CallError::Failed { .. }) => "FunctionFailed",
            Self::Store(StoreError::Missing(_)) => "NotFound",
            Self::Store(StoreError::Fenced { .. } | StoreError::Held { .. }) => "Fenced",
            Self::Store(StoreError::Fault(fault))
            | Self::Call(CallError::Fault(fault))
            | Self::Fault(fault) => fault_name(fault),
        }
    }
}

fn count(promotions: usize) -> String {
    if promotions == 1 {
        "1 promotion".to_owned()
    } else {
        format!("{promotions} promotions")
    }
}

/// The function.
pub struct Watchdog<P, E, F, A, L> {
    /// Where promotions are.
    pub promotions: P,
    /// Where executions are.
    pub executions: E,
    /// The functions that do the mending.
    pub functions: F,
    /// The requests that promotions wait for.
    pub approvals: A,
    /// The way to the ledger.
    pub ledger: L,
}

/// What became of a promotion that was looked at.
enum Fate {
    /// Nothing had to be done.
    Left,
    /// It is closed.
    Mended,
    /// People did not decide in time: it goes on, and ends.
    Expired,
    /// It could not be put right, for this reason.
    Stranded(String),
}

impl<P: Promotions, E: Executions, F: Functions, A: Approvals, L: Facts> Watchdog<P, E, F, A, L> {
    /// Looks after every open promotion, and wakes who waits in line. What goes
    /// wrong with one does not keep the others from it.
    ///
    /// # Errors
    /// At the end, with what could not be done.
    pub async fn handle(&self, _: Input, now: Timestamp) -> Result<Output, Error> {
        let mut open = self.promotions.open().await?;
        // Those that were stranded before come last: they must not cost the others their turn.
        open.sort_by_key(|promotion| promotion.outcome == Some(Outcome::Stranded));
        let (mut mended, mut expired) = (Vec::new(), Vec::new());
        let (mut stranded, mut failed) = (Vec::new(), None);
        for promotion in open {
            match self.look_after(&promotion, now).await {
                Ok(Fate::Left) => {}
                Ok(Fate::Mended) => mended.push(promotion.id),
                Ok(Fate::Expired) => expired.push(promotion.id),
                Ok(Fate::Stranded(reason)) => stranded.push(format!("{}: {reason}", promotion.id)),
                Err(error) => {
                    tracing::warn!(promotion = %promotion.id, %error, "not looked after");
                    failed = failed.or(Some(error));
                }
            }
        }
        let resumed = self.functions.hand_over().await;
        if !stranded.is_empty() {
            return Err(Error::Stranded { stranded });
        }
        if let Some(error) = failed {
            return Err(error);
        }
        Ok(Output {
            mended,
            expired,
            resumed: resumed?,
        })
    }

    /// Leaves a promotion alone if somebody owns it, but for its approval
    /// request, and mends it if nobody does.
    async fn look_after(&self, promotion: &Promotion, now: Timestamp) -> Result<Fate, Error> {
        let owner = self.executions.status(&promotion.execution_arn).await?;
        if owner == Status::Running {
            return self.count(&promotion.id, now).await;
        }
        if !is_orphaned(&owner, promotion.opened_at, now) {
            return Ok(Fate::Left);
        }
        // Open promotions come from an index that lags: it may have ended since.
        let promotion = self.promotions.current(&promotion.id).await?;
        if let Some(outcome) = ended(&promotion) {
            // It ended, but closing it broke off before it left the index. The
            // same words again, since the ledger may have them already.
            let reason = promotion.reason.as_deref().unwrap_or_default();
            return self.close(&promotion.id, outcome, reason).await;
        }
        tracing::warn!(promotion = %promotion.id, owner = %owner, "no live execution owns it: taking over");
        match self.mend(&promotion, &owner).await {
            Ok(outcome) => {
                let reason = format!(
                    "{ABANDONED}: its execution {owner} without closing it; the watchdog did"
                );
                self.close(&promotion.id, outcome, &reason).await
            }
            Err(Error::Call(error)) if error.is_fence() => {
                tracing::info!(promotion = %promotion.id, %error, "somebody else took over");
                Ok(Fate::Left)
            }
            Err(error) => Ok(self.strand(&promotion, error.to_string()).await),
        }
    }

    /// Has the votes counted if a promotion may wait for that. One that has
    /// gone on to its targets does not, so that only few are counted again.
    async fn count(&self, id: &PromotionId, now: Timestamp) -> Result<Fate, Error> {
        if self.promotions.wants_targets(id).await? {
            return Ok(Fate::Left);
        }
        let Some(approval) = self.approvals.due(id, now).await? else {
            return Ok(Fate::Left);
        };
        let state = self.approvals.tally(&approval).await?;
        tracing::info!(promotion = %id, ?state, "its approval was counted");
        Ok(match state {
            State::Expired => Fate::Expired,
            // It was decided, and goes on if it had not heard of that.
            _ => Fate::Left,
        })
    }

    /// Puts a promotion right, and answers how it is to be closed. Every part is
    /// safe to repeat, so a run that broke off is completed by the next.
    async fn mend(&self, promotion: &Promotion, owner: &Status) -> Result<Outcome, Error> {
        let id = &promotion.id;
        self.executions.stop_rollout(promotion).await?;
        // The fence: whatever of it still runs can't write from here on.
        let generation = self.promotions.take_over(id).await?;
        let facts = json!({ "execution": promotion.execution_arn, "status": owner.to_string(), "generation": generation });
        self.record(id, Kind::TakenOver, facts).await;
        let settled = self.functions.settle(id, generation).await?;
        self.functions.verify(id, generation).await?;
        Ok(match settled {
            Settled {
                outcome: Outcome::RolledBack,
                touched: false,
            } => Outcome::Aborted,
            Settled { outcome, .. } => outcome,
        })
    }

    /// Closes a promotion that is in order. If that fails, it stays listed, and
    /// the next run closes it.
    async fn close(&self, id: &PromotionId, outcome: Outcome, why: &str) -> Result<Fate, Error> {
        match self.functions.close(id, outcome, why).await {
            Ok(()) => {
                tracing::info!(promotion = %id, outcome = outcome.title(), "mended");
                Ok(Fate::Mended)
            }
            Err(error) if error.is_fence() => {
                tracing::info!(promotion = %id, %error, "somebody else took over");
                Ok(Fate::Left)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Tells people. What fails here is tried again at the next run.
    async fn strand(&self, promotion: &Promotion, reason: String) -> Fate {
        let id = &promotion.id;
        // Somebody else may have ended it meanwhile: that outcome holds.
        if let Ok(current) = self.promotions.current(id).await
            && let Some(outcome) = ended(&current)
        {
            tracing::info!(promotion = %id, outcome = outcome.title(), reason, "not stranded: it has ended");
            return Fate::Left;
        }
        tracing::error!(promotion = %id, reason, "stranded");
        self.record(id, Kind::Stranded, json!({ "reason": reason }))
            .await;
        let why = format!("{ABANDONED}: {reason}");
        if promotion.outcome != Some(Outcome::Stranded)
            && let Err(error) = self.functions.close(id, Outcome::Stranded, &why).await
        {
            tracing::error!(promotion = %id, %error, "could not be marked as stranded");
        }
        Fate::Stranded(reason)
    }

    /// Records a fact once per promotion: a watchdog that runs every minute must
    /// not fill the ledger. Mending goes on without it.
    async fn record(&self, id: &PromotionId, kind: Kind, facts: serde_json::Value) {
        if let Err(error) = self.ledger.record(id, kind, "watchdog", facts).await {
            tracing::error!(promotion = %id, %error, kind = kind.name(), "not recorded");
        }
    }
}

/// The error under which a promotion that nobody owned is closed.
const ABANDONED: &str = "Abandoned";

/// How a promotion ended for good. One that is stranded has not.
fn ended(promotion: &Promotion) -> Option<Outcome> {
    promotion
        .outcome
        .filter(|outcome| *outcome != Outcome::Stranded)
}

/// Whether the votes on a request must be counted: its time is over, or it was
/// decided. The signal that resumes the promotion may then be lost, and
/// counting sends it again; one that got it already is not disturbed.
fn is_due(state: State, expires_at: Timestamp, now: Timestamp) -> bool {
    state != State::Pending || now >= expires_at
}

/// An execution that Step Functions does not know may be too new for it to say.
const GRACE: SignedDuration = SignedDuration::from_mins(5);

/// Whether nobody owns a promotion any more.
fn is_orphaned(owner: &Status, opened_at: Timestamp, now: Timestamp) -> bool {
    match owner {
        Status::Running => false,
        Status::Ended(_) => true,
        Status::Unknown => now.duration_since(opened_at) > GRACE,
    }
}

#[cfg(test)]
mod tests;
