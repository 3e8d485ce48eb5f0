//! Reads what a test suite of an environment reported, and says what `rollout` does
//! next: the next suite, or on with traffic. Says the same to `suites`, which runs suites
//! on a schedule ([`scheduled`]). Hears of executions of `suites` that ended
//! where the machine can't say why ([`broken_off`]).
//!
//! Decides: whether a suite showed that all is well ([`verdict`]). It did if its run
//! succeeded and its report has tests that ran, of which none failed.
//!
//! Environment: `SLUICE_STATE_TABLE`, `SLUICE_RECORD_FUNCTION`.
//!
//! Never: starts a suite (the state machine does), reads a report of more than
//! [`LARGEST_REPORT`] bytes, or goes on after a suite that did not pass.

pub mod aws;
pub mod broken_off;
mod error;
pub mod scheduled;
pub mod verdict;

use std::future::Future;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sluice_domain::evidence::Tests;
use sluice_domain::journal::Versions;
use sluice_domain::plan::Plan;
use sluice_domain::promotion::PromotionId;
use sluice_domain::suites::{Follows, Place, Stage, Subject, Suite, follows};
use sluice_platform::fault::Fault;
use sluice_platform::store::StoreError;

use broken_off::ExecutionEnded;
pub use error::Error;
use scheduled::{Asked, BrokenOff, Chain, Done, Environments, Scheduled, Tested};
use verdict::{Ended, Verdict};

/// The largest report that is read, in bytes.
pub const LARGEST_REPORT: i64 = 10 * 1024 * 1024;

/// What wakes the function.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Event {
    /// A state machine asks.
    Asked(Request),
    /// An execution of `suites` ended badly.
    Ended(ExecutionEnded),
}

/// What a state machine asks for.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum Request {
    /// What a suite of a promotion reported, and what `rollout` does next.
    Report(Input),
    /// What a run on a schedule begins with.
    Begin(Asked),
    /// What a suite of a run on a schedule reported, and what follows.
    FollowUp(Done),
    /// To write down that a run on a schedule broke off.
    GiveUp(BrokenOff),
}

/// What it answers.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// To `rollout`.
    Rollout(Follows),
    /// To `suites`.
    Scheduled(Tested),
}

/// What a suite of a promotion ended with.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Whose suite.
    pub promotion: PromotionId,
    /// When it ran.
    pub stage: Stage,
    /// Its name.
    pub suite: String,
    /// What the function or the state machine answered. Null: it failed, or it was a build.
    pub answer: Value,
    /// The name of the error that the run failed with, if it did.
    pub error: Option<String>,
    /// What is known of that.
    pub cause: Option<String>,
}

/// What earlier steps wrote down.
#[derive(Debug, Clone)]
pub struct Work {
    /// Holds the suites.
    pub plan: Plan,
    /// What was published.
    pub versions: Versions,
}

/// The promotion's record.
pub trait Records {
    /// What earlier steps wrote down. Reads only.
    fn work(&self, id: &PromotionId) -> impl Future<Output = Result<Work, StoreError>>;
}

/// Why an object is not read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is not there, or not for Sluice, or too large: its words say so.
    #[error("{0}")]
    Unusable(String),
    /// S3 failed in a way that passes.
    #[error(transparent)]
    Fault(Fault),
}

/// Where reports are put.
pub trait Reports {
    /// A report's bytes. Reads only.
    fn read(&self, place: &Place) -> impl Future<Output = Result<Vec<u8>, ReadError>>;
}

/// The way to the ledger.
pub trait Record {
    /// Records what came of a suite. Recorded once, however often it is repeated.
    fn ran(
        &self,
        id: &PromotionId,
        suite: &Suite,
        verdict: &Verdict,
    ) -> impl Future<Output = Result<(), Fault>>;
}

/// The function.
pub struct Suites<R, O, L> {
    /// Where the promotion's record is.
    pub records: R,
    /// Where reports are.
    pub reports: O,
    /// The way to the ledger.
    pub ledger: L,
}

impl<R: Records, O: Reports, L: Record> Suites<R, O, L> {
    /// Reads what a suite reported, records it, and answers what follows.
    ///
    /// # Errors
    /// `SuiteFailed` where it did not pass, `SuiteTimedOut` where it did not end; others when that can't be known.
    pub async fn handle(&self, input: Input) -> Result<Follows, Error> {
        let id = &input.promotion;
        let work = self.records.work(id).await?;
        let suite = find(&work.plan, &input)?;
        let ended = Ended {
            suite,
            error: input.error.clone(),
            cause: input.cause.clone(),
        };
        let place = suite.place(id, None);
        let report = reported(&self.reports, place, &input.answer).await?;
        let verdict = Verdict::of(&ended, report);
        self.ledger.ran(id, suite, &verdict).await?;
        if let Some(problem) = verdict.problem {
            let (suite, stage) = (suite.name.clone(), suite.stage);
            return Err(match verdict.timed_out_after_seconds {
                Some(_) => Error::SuiteTimedOut {
                    suite,
                    stage,
                    problem,
                },
                None => Error::SuiteFailed {
                    suite,
                    stage,
                    problem,
                },
            });
        }
        let subject = Subject {
            promotion: id,
            bundle: &work.plan.bundle,
            versions: &work.versions,
            run: None,
        };
        let after = Some(suite.name.as_str());
        Ok(follows(&work.plan.suites, suite.stage, after, subject))
    }
}

/// Answers what a state machine asks for, and writes down what it can't say any more.
///
/// # Errors
/// As [`Suites::handle`] and [`Scheduled`] say.
pub async fn answer<R, E, O, L>(
    suites: &Suites<R, O, L>,
    scheduled: &Scheduled<E, O, L>,
    event: Event,
) -> Result<Answer, Error>
where
    R: Records,
    E: Environments,
    O: Reports,
    L: Record + Chain,
{
    let request = match event {
        Event::Asked(request) => request,
        Event::Ended(ended) => Request::GiveUp(ended.into()),
    };
    Ok(match request {
        Request::Report(input) => Answer::Rollout(suites.handle(input).await?),
        Request::Begin(asked) => Answer::Scheduled(scheduled.begin(&asked).await?),
        Request::FollowUp(done) => Answer::Scheduled(scheduled.follow_up(done).await?),
        Request::GiveUp(broken) => Answer::Scheduled(scheduled.give_up(&broken).await?),
    })
}

/// What a report says, in its place or else in the answer; or why there is none.
async fn reported<O: Reports>(
    reports: &O,
    place: Option<Place>,
    answer: &Value,
) -> Result<Result<Tests, String>, Error> {
    let Some(place) = place else {
        return Ok(verdict::answered(answer));
    };
    match reports.read(&place).await {
        Ok(bytes) => Ok(verdict::read(&bytes)),
        Err(ReadError::Unusable(why)) => Ok(Err(why)),
        Err(ReadError::Fault(fault)) => Err(fault.into()),
    }
}

fn find<'a>(plan: &'a Plan, input: &Input) -> Result<&'a Suite, StoreError> {
    let Input {
        promotion,
        suite: name,
        stage,
        ..
    } = input;
    let mut all = plan.suites.iter();
    let found = all.find(|suite| suite.name == *name && suite.stage == *stage);
    found.ok_or_else(|| {
        StoreError::Missing(format!(
            "suite {name} at stage {stage} in the plan of {promotion}"
        ))
    })
}

#[cfg(test)]
#[path = "lib_tests.rs"]
mod tests;
