//! Mends what no live execution owns: ends promotions whose release was ended, those that
//! never began among them; ends approval requests that expire, has people reminded of those
//! that wait, and resumes promotions whose approval was decided without them hearing of it;
//! deletes snapshots that were made before migrations and had their time, and copies on which
//! migrations were tried. Runs on a schedule, and when an execution ends badly.
//!
//! Decides: whether a promotion has lost its owner, and in which order it is
//! put right: stop what runs of it, raise the fence, put its aliases back, end what it left
//! running in a database, close it. And when the votes of a request must be counted, for the
//! first time or again.
//!
//! Environment: `SLUICE_STATE_TABLE`, `SLUICE_RECORD_FUNCTION`,
//! `SLUICE_SHIFT_FUNCTION`, `SLUICE_WARM_FUNCTION`, `SLUICE_GUARD_FUNCTION`,
//! `SLUICE_APPROVAL_FUNCTION`, `SLUICE_MIGRATE_FUNCTION`, `SLUICE_RELEASE_MACHINE`,
//! `SLUICE_REHEARSAL_MACHINE`, `SLUICE_MIGRATIONS_MACHINE`, `SLUICE_RESTORE_MACHINE`,
//! `SLUICE_ROLLOUT_MACHINE`.
//!
//! Never: touches an alias or a lock itself, trusts what an event says, goes to a database
//! that a promotion's record names and the settings do not, decides
//! a request itself, lets a request's id into a log, deletes a snapshot or a server
//! that Sluice did not make, or interferes with a
//! promotion while its execution and its release run, except that its request is
//! counted.

pub mod aws;
mod copies;
mod loss;
mod ports;
mod releases;
mod schema;
mod snapshots;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sluice_domain::approval::State;
use sluice_domain::ledger::Kind;
use sluice_domain::promotion::{Generation, Outcome, Promotion, PromotionId};
use sluice_platform::fault::Fault;
use sluice_platform::lambda::{Named, fault_name};
use sluice_platform::store::StoreError;

use loss::{Loss, lost};
pub use ports::{
    Approvals, Asked, CallError, CopiedServer, Copies, Environments, Executions, Facts, Functions,
    Promotions, Releases, Server, Settled, Snapshot, Snapshots, Status,
};

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
            Self::Store(error) => error.name(),
            Self::Call(CallError::Fault(fault)) | Self::Fault(fault) => fault_name(fault),
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
pub struct Watchdog<P, N, E, F, A, L, S> {
    /// Where promotions and releases are.
    pub promotions: P,
    /// What the settings say.
    pub environments: N,
    /// Where executions are.
    pub executions: E,
    /// The functions that do the mending.
    pub functions: F,
    /// The requests that promotions wait for.
    pub approvals: A,
    /// The way to the ledger.
    pub ledger: L,
    /// Where snapshots and copies are.
    pub snapshots: S,
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

impl<P, N, E, F, A, L, S> Watchdog<P, N, E, F, A, L, S>
where
    P: Promotions + Releases,
    N: Environments,
    E: Executions,
    F: Functions,
    A: Approvals,
    L: Facts,
    S: Snapshots + Copies,
{
    /// Looks after every open promotion and every open release, and wakes who waits
    /// in line. What goes wrong with one does not keep the others from it.
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
        for release in self.promotions.open_releases().await? {
            match self.look_after_release(&release, now).await {
                Ok(closed) => mended.extend(closed),
                Err(error) => {
                    tracing::warn!(release = %release.execution_arn, %error, "not looked after");
                    failed = failed.or(Some(error));
                }
            }
        }
        let resumed = self.functions.hand_over().await;
        self.delete_snapshots(now).await;
        self.delete_copies(now).await;
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

    /// Leaves a promotion alone if somebody answers for it, but for its approval
    /// request, and mends it if nobody does.
    async fn look_after(&self, promotion: &Promotion, now: Timestamp) -> Result<Fate, Error> {
        let execution = self.executions.status(&promotion.execution_arn).await?;
        let release = match &execution {
            Status::Running => self.executions.release_status(promotion).await?,
            // For what is said of it alone: it is mended either way.
            _ => (self.executions.release_status(promotion).await).unwrap_or(Status::Unknown),
        };
        let Some(loss) = lost(&execution, &release, promotion.opened_at, now) else {
            return match execution {
                Status::Running => self.count(&promotion.id, now).await,
                _ => Ok(Fate::Left),
            };
        };
        // Open promotions come from an index that lags: it may have ended since.
        let promotion = self.promotions.current(&promotion.id).await?;
        match ended(&promotion) {
            // Its execution is just closing it.
            Some(_) if execution == Status::Running => Ok(Fate::Left),
            // Closing it broke off before it left the index.
            Some(ending) => self.close(&promotion.id, &ending).await,
            None => self.take_over(&promotion, &loss, now).await,
        }
    }

    /// Puts a promotion right and closes it, or tells that it could not.
    async fn take_over(
        &self,
        promotion: &Promotion,
        loss: &Loss,
        now: Timestamp,
    ) -> Result<Fate, Error> {
        tracing::warn!(promotion = %promotion.id, %loss, "taking over");
        match self.mend(promotion, loss, now).await {
            Ok(ending) => self.close(&promotion.id, &ending).await,
            Err(Error::Call(error)) if error.is_fence() => {
                tracing::info!(promotion = %promotion.id, %error, "somebody else took over");
                Ok(Fate::Left)
            }
            Err(error) => Ok(self.strand(promotion, error.to_string()).await),
        }
    }

    /// Has the votes counted that a promotion may wait for. One that has gone on to its
    /// targets waits for none, but its operators may.
    async fn count(&self, id: &PromotionId, now: Timestamp) -> Result<Fate, Error> {
        let asked = match self.promotions.wants_targets(id).await? {
            true => Asked::AboutWishes,
            false => Asked::Whatever,
        };
        // What was decided otherwise goes on, if it had not heard of that.
        Ok(match self.tally_due(id, asked, now).await? {
            true => Fate::Expired,
            false => Fate::Left,
        })
    }

    /// Has the votes on every request of a promotion that is due counted, and answers whether
    /// one has expired. One that can't be counted does not keep the others from it.
    async fn tally_due(
        &self,
        id: &PromotionId,
        asked: Asked,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let (mut has_expired, mut failed) = (false, None);
        for approval in self.approvals.due(id, asked, now).await? {
            match self.approvals.tally(&approval).await {
                Ok(state) => {
                    tracing::info!(promotion = %id, ?state, "its approval was counted");
                    has_expired |= state == State::Expired;
                }
                Err(error) => {
                    tracing::warn!(promotion = %id, %error, "a request of it was not counted");
                    failed = failed.or(Some(error));
                }
            }
        }
        match failed {
            Some(error) => Err(error.into()),
            None => Ok(has_expired),
        }
    }

    /// Puts a promotion right, and answers how it is to be closed. Every part is
    /// safe to repeat, so a run that broke off is completed by the next.
    async fn mend(
        &self,
        promotion: &Promotion,
        loss: &Loss,
        now: Timestamp,
    ) -> Result<Ending, Error> {
        let id = &promotion.id;
        self.executions.stop(promotion).await?;
        // The fence: whatever of it still runs can't write from here on. What it
        // wrote before may have been the end.
        let generation = self.promotions.take_over(id).await?;
        if let Some(ending) = ended(&self.promotions.current(id).await?) {
            return Ok(ending);
        }
        self.record(id, Kind::TakenOver, loss.facts(promotion))
            .await;
        let settled = self.put_back(id, generation).await;
        let told = self.end_migrations(id, now).await;
        let settled = settled?;
        if let Err(error) = self.functions.retire(id, generation).await {
            // Calls that it took off have to come back, however often it is tried.
            if self.promotions.has_stopped_traffic(id).await? {
                return Err(error.into());
            }
            tracing::warn!(promotion = %id, %error, "provisioned concurrency may be left over");
        }
        let outcome = match settled {
            Settled {
                outcome: Outcome::RolledBack,
                touched: false,
            } => Outcome::Aborted,
            Settled { outcome, .. } => outcome,
        };
        Ok(Ending {
            outcome,
            reason: format!("{ABANDONED}: {loss}{told}"),
            under: Some(generation),
        })
    }

    /// Puts every alias back, and reads them back.
    async fn put_back(&self, id: &PromotionId, generation: Generation) -> Result<Settled, Error> {
        let settled = self.functions.settle(id, generation).await?;
        self.functions.verify(id, generation).await?;
        Ok(settled)
    }

    /// Closes a promotion that is in order. If that fails, it stays listed, and
    /// the next run closes it.
    async fn close(&self, id: &PromotionId, ending: &Ending) -> Result<Fate, Error> {
        let said = (ending.outcome, ending.reason.as_str());
        match self.functions.close(id, said, ending.under).await {
            Ok(()) => {
                tracing::info!(promotion = %id, outcome = ending.outcome.title(), "mended");
                self.end_requests(id).await;
                Ok(Fate::Mended)
            }
            Err(error) if error.is_fence() => {
                tracing::info!(promotion = %id, %error, "somebody else took over");
                Ok(Fate::Left)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Has the requests of a promotion that has ended closed: nobody is to be
    /// asked for what can't go on. If that fails, votes on them are in vain.
    async fn end_requests(&self, id: &PromotionId) {
        // Whatever their time, they are due.
        let ended = self.tally_due(id, Asked::Whatever, Timestamp::MAX).await;
        if let Err(error) = ended {
            tracing::warn!(promotion = %id, %error, "its approval requests stay open");
        }
    }

    /// Marks a promotion as stranded, which tells people: once, however often it
    /// is tried again.
    async fn strand(&self, promotion: &Promotion, reason: String) -> Fate {
        let id = &promotion.id;
        // Somebody else may have ended it meanwhile: that outcome holds.
        if let Ok(current) = self.promotions.current(id).await
            && let Some(Ending { outcome, .. }) = ended(&current)
        {
            tracing::info!(promotion = %id, outcome = outcome.title(), reason, "not stranded: it has ended");
            return Fate::Left;
        }
        tracing::error!(promotion = %id, reason, "stranded");
        if promotion.outcome == Some(Outcome::Stranded) {
            return Fate::Stranded(reason);
        }
        let why = format!("{ABANDONED}: {reason}");
        let said = (Outcome::Stranded, why.as_str());
        match self.functions.close(id, said, None).await {
            Ok(()) => {}
            Err(error) if error.is_fence() => {
                tracing::info!(promotion = %id, %error, "somebody else took over");
                return Fate::Left;
            }
            Err(error) => {
                tracing::error!(promotion = %id, %error, "could not be marked as stranded");
                // People hear of it all the same. The mark is tried again at the next run.
                let facts = json!({ "reason": why });
                self.record(id, Kind::Stranded, facts).await;
            }
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

/// How a promotion is closed.
struct Ending {
    outcome: Outcome,
    reason: String,
    /// The generation under which it was put right. None: it had ended before.
    under: Option<Generation>,
}

/// How a promotion ended for good, in the words that were stored, since the
/// ledger may have them already. One that is stranded has not ended.
fn ended(promotion: &Promotion) -> Option<Ending> {
    let outcome = promotion.outcome?;
    let reason = promotion.reason.clone().unwrap_or_default();
    let under = None;
    (outcome != Outcome::Stranded).then_some(Ending {
        outcome,
        reason,
        under,
    })
}

/// Whether the votes on a request must be counted: its time is over, or it was
/// decided. The signal that resumes the promotion may then be lost, and
/// counting sends it again; one that got it already is not disturbed.
fn is_due(state: State, expires_at: Timestamp, now: Timestamp) -> bool {
    state != State::Pending || now >= expires_at
}

#[cfg(test)]
mod tests;
