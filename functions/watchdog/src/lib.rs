//! Mends what no live execution owns, and ends approval requests that expire:
//! runs on a schedule, and when an execution of `promote` ends badly.
//!
//! Decides: whether a promotion has lost its owner, and in which order it is
//! put right: stop its rollout, raise the fence, put its aliases back, close it.
//! And when it is time to count the votes of a request for the last time.
//!
//! Environment: `SLUICE_STATE_TABLE`, `SLUICE_RECORD_FUNCTION`,
//! `SLUICE_SHIFT_FUNCTION`, `SLUICE_GUARD_FUNCTION`, `SLUICE_APPROVAL_FUNCTION`,
//! `SLUICE_ROLLOUT_MACHINE`.
//!
//! Never: touches an alias or a lock itself, trusts what an event says, decides
//! a request itself, lets a request's id into a log, or interferes with a
//! promotion whose execution runs, except that its request expires.

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
        open.sort_by_key(|promotion| promotion.outcome.is_some());
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
            return self.expire(&promotion.id, now).await;
        }
        if !is_orphaned(&owner, promotion.opened_at, now) {
            return Ok(Fate::Left);
        }
        // Open promotions come from an index that lags: it may have ended since.
        let promotion = self.promotions.current(&promotion.id).await?;
        if promotion
            .outcome
            .is_some_and(|outcome| outcome != Outcome::Stranded)
        {
            return Ok(Fate::Left);
        }
        tracing::warn!(promotion = %promotion.id, owner = %owner, "no live execution owns it: taking over");
        match self.mend(&promotion, &owner).await {
            Ok(outcome) => {
                tracing::info!(promotion = %promotion.id, outcome = outcome.title(), "mended");
                Ok(Fate::Mended)
            }
            Err(Error::Call(error)) if error.is_fence() => {
                tracing::info!(promotion = %promotion.id, %error, "somebody else took over");
                Ok(Fate::Left)
            }
            Err(error) => {
                let reason = error.to_string();
                self.strand(&promotion, &reason).await;
                Ok(Fate::Stranded(reason))
            }
        }
    }

    /// Has the votes counted once the time for them is over.
    async fn expire(&self, id: &PromotionId, now: Timestamp) -> Result<Fate, Error> {
        let Some(approval) = self.approvals.overdue(id, now).await? else {
            return Ok(Fate::Left);
        };
        let state = self.approvals.tally(&approval).await?;
        tracing::info!(promotion = %id, ?state, "the time to approve it is over");
        Ok(match state {
            State::Expired => Fate::Expired,
            // Votes that were in time, but never counted, decided it.
            _ => Fate::Left,
        })
    }

    /// Puts a promotion right, and answers how it ended. Every part is safe to
    /// repeat, so a run that broke off is completed by the next.
    async fn mend(&self, promotion: &Promotion, owner: &Status) -> Result<Outcome, Error> {
        let id = &promotion.id;
        self.executions.stop_rollout(promotion).await?;
        // The fence: whatever of it still runs can't write from here on.
        let generation = self.promotions.take_over(id).await?;
        let facts = json!({ "execution": promotion.execution_arn, "status": owner.to_string(), "generation": generation });
        self.record(id, Kind::TakenOver, facts).await;
        let settled = self.functions.settle(id, generation).await?;
        self.functions.verify(id, generation).await?;
        let outcome = match settled {
            Settled {
                outcome: Outcome::RolledBack,
                touched: false,
            } => Outcome::Aborted,
            Settled { outcome, .. } => outcome,
        };
        let reason = format!("its execution {owner} without closing it; the watchdog did");
        self.functions.close(id, outcome, &reason).await?;
        Ok(outcome)
    }

    /// Tells people. What fails here is tried again at the next run.
    async fn strand(&self, promotion: &Promotion, reason: &str) {
        let id = &promotion.id;
        tracing::error!(promotion = %id, reason, "stranded");
        self.record(id, Kind::Stranded, json!({ "reason": reason }))
            .await;
        if promotion.outcome != Some(Outcome::Stranded)
            && let Err(error) = self.functions.close(id, Outcome::Stranded, reason).await
        {
            tracing::error!(promotion = %id, %error, "could not be marked as stranded");
        }
    }

    /// Records a fact once per promotion: a watchdog that runs every minute must
    /// not fill the ledger. Mending goes on without it.
    async fn record(&self, id: &PromotionId, kind: Kind, facts: serde_json::Value) {
        if let Err(error) = self.ledger.record(id, kind, "watchdog", facts).await {
            tracing::error!(promotion = %id, %error, kind = kind.name(), "not recorded");
        }
    }
}

/// Whether the votes on a request of a promotion that runs must be counted
/// because their time is over. A request that was decided against its promotion
/// counts as well: that one should have ended, so the signal may be lost, and
/// counting sends it again. An approved one may be rolling out.
fn is_overdue(state: State, expires_at: Timestamp, now: Timestamp) -> bool {
    now >= expires_at && state != State::Approved
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
#[path = "lib_tests.rs"]
mod tests;
