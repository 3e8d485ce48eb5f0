//! Runs of suites on a schedule, against what serves: which suite is next, what came of
//! the one before, and how the run ended.
//!
//! A run tests what the last promotion left. While another one moves traffic, nothing is
//! tested: the judge counts every call, and what is tested would not be one version. What
//! begins to move in the middle ends the run without a verdict.

use std::future::Future;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sluice_domain::cause;
use sluice_domain::journal::Versions;
use sluice_domain::promotion::{Promotion, PromotionId};
use sluice_domain::settings::Settings;
use sluice_domain::suites::{Next, Stage, Start, Subject, Suite, follows};
use sluice_domain::test_run::{TestOutcome, TestRun, serving};
use sluice_platform::fault::Fault;
use sluice_platform::settings::SettingsError;
use sluice_platform::store::StoreError;

use crate::verdict::{Ended, Verdict};
use crate::{Error, Reports, reported};

/// A run that was asked for.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// The run.
    pub run: TestRun,
}

/// A run that broke off.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BrokenOff {
    /// The run.
    pub run: TestRun,
    /// The name of the error that it broke off with.
    pub error: Option<String>,
    /// What is known of that.
    pub cause: Option<String>,
}

/// What a suite of a run ended with.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Done {
    /// The run.
    pub run: TestRun,
    /// What is tested: the promotion that brought it.
    pub promotion: PromotionId,
    /// The suite's name.
    pub suite: String,
    /// What the function or the state machine answered. Null: it failed, or it was a build.
    pub answer: Value,
    /// The name of the error that the suite's run failed with, if it did.
    pub error: Option<String>,
    /// What is known of that.
    pub cause: Option<String>,
    /// What is wrong with the suites before it.
    pub failed: Vec<String>,
}

/// What follows in a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tested {
    /// What is done.
    pub next: Next,
    /// The suite that is started. Null: the run is over.
    pub suite: Option<Start>,
    /// What is tested. Null: nothing.
    pub promotion: Option<PromotionId>,
    /// What is wrong with the suites so far, a sentence for each.
    pub failed: Vec<String>,
}

/// How a run ended, as the ledger has it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct End {
    /// How it ended.
    pub outcome: TestOutcome,
    /// What was tested.
    pub promotion: Option<PromotionId>,
    /// What is wrong, a sentence for each suite.
    pub failed: Vec<String>,
    /// Why it was set aside, or broke off.
    pub reason: Option<String>,
}

/// What stands in environments.
pub trait Environments {
    /// The settings of an environment. Reads only.
    fn settings(
        &self,
        application: &str,
        environment: &str,
    ) -> impl Future<Output = Result<Settings, SettingsError>>;

    /// All promotions of an application, how they end a moment late. Reads only.
    fn promotions(
        &self,
        application: &str,
    ) -> impl Future<Output = Result<Vec<Promotion>, StoreError>>;

    /// What a promotion published, if it got that far. Reads only.
    fn published(
        &self,
        id: &PromotionId,
    ) -> impl Future<Output = Result<Option<Versions>, StoreError>>;
}

/// The chain of an environment's runs in the ledger. Repeating a fact records nothing.
pub trait Chain {
    /// What came of a suite.
    fn ran(
        &self,
        run: &TestRun,
        suite: &Suite,
        verdict: &Verdict,
    ) -> impl Future<Output = Result<(), Fault>>;

    /// How a run ended.
    fn ended(&self, run: &TestRun, end: &End) -> impl Future<Output = Result<(), Fault>>;
}

/// The function, for runs on a schedule.
pub struct Scheduled<E, O, L> {
    /// What stands there.
    pub environments: E,
    /// Where reports are.
    pub reports: O,
    /// The way to the ledger.
    pub ledger: L,
}

impl<E: Environments, O: Reports, L: Chain> Scheduled<E, O, L> {
    /// Says which suite a run begins with, if there is anything to test.
    ///
    /// # Errors
    /// When that can't be known.
    pub async fn begin(&self, Asked { run }: &Asked) -> Result<Tested, Error> {
        let suites = self.suites(run).await?;
        if suites.is_empty() {
            let why = format!(
                "no suite of {} has the stage `{}`",
                run.environment,
                Stage::Scheduled
            );
            return self.set_aside(run, None, why).await;
        }
        match self.serving(run).await? {
            Ok(there) => self.next(run, &suites, &there, None, Vec::new()).await,
            Err(why) => self.set_aside(run, None, why).await,
        }
    }

    /// Judges a suite, records what came of it, and says what follows: the next one in any
    /// case, so that one morning shows all that is wrong.
    ///
    /// # Errors
    /// When what came of it can't be known.
    pub async fn follow_up(&self, done: Done) -> Result<Tested, Error> {
        let Done {
            run,
            promotion,
            suite: name,
            answer,
            error,
            cause,
            mut failed,
        } = done;
        let suites = self.suites(&run).await?;
        let Some(suite) = suites.iter().find(|suite| suite.name == name) else {
            let why = format!("suite {name} is gone from the settings");
            return self.set_aside(&run, Some(promotion), why).await;
        };
        let ended = Ended {
            suite,
            error,
            cause,
        };
        let place = suite.place(&promotion, Some(&run.name()));
        let report = reported(&self.reports, place, &answer).await?;
        let verdict = Verdict::of(&ended, report);
        self.ledger.ran(&run, suite, &verdict).await?;
        let there = match self.serving(&run).await? {
            Ok(there) if there.id == promotion => there,
            Ok(other) => {
                let why = format!("{} took the place of what was tested", other.id);
                return self.set_aside(&run, Some(promotion), why).await;
            }
            Err(why) => return self.set_aside(&run, Some(promotion), why).await,
        };
        failed.extend(
            verdict
                .problem
                .map(|problem| format!("suite `{name}`: {problem}")),
        );
        self.next(&run, &suites, &there, Some(&name), failed).await
    }

    /// Records that a run broke off.
    ///
    /// # Errors
    /// When it can't be recorded.
    pub async fn give_up(&self, broken: &BrokenOff) -> Result<Tested, Error> {
        let BrokenOff { run, error, cause } = broken;
        let why = cause::sentence(error.as_deref(), cause.as_deref());
        let why = why.unwrap_or_else(|| "no error was named".to_owned());
        let reason = format!("the run broke off: {why}");
        let end = End {
            outcome: TestOutcome::Failed,
            promotion: None,
            failed: Vec::new(),
            reason: Some(reason),
        };
        self.end(run, end).await
    }

    async fn next(
        &self,
        run: &TestRun,
        suites: &[Suite],
        there: &Promotion,
        after: Option<&str>,
        failed: Vec<String>,
    ) -> Result<Tested, Error> {
        let versions = self.environments.published(&there.id).await?;
        let name = run.name();
        let subject = Subject {
            promotion: &there.id,
            bundle: &there.bundle.digest,
            versions: &versions.unwrap_or_default(),
            run: Some(&name),
        };
        let following = follows(suites, Stage::Scheduled, after, subject);
        let promotion = Some(there.id.clone());
        if following.suite.is_some() {
            return Ok(Tested {
                next: following.next,
                suite: following.suite,
                promotion,
                failed,
            });
        }
        let outcome = match failed.is_empty() {
            true => TestOutcome::Passed,
            false => TestOutcome::Failed,
        };
        let end = End {
            outcome,
            promotion,
            failed,
            reason: None,
        };
        self.end(run, end).await
    }

    async fn set_aside(
        &self,
        run: &TestRun,
        promotion: Option<PromotionId>,
        why: String,
    ) -> Result<Tested, Error> {
        let end = End {
            outcome: TestOutcome::SetAside,
            promotion,
            failed: Vec::new(),
            reason: Some(why),
        };
        self.end(run, end).await
    }

    async fn end(&self, run: &TestRun, end: End) -> Result<Tested, Error> {
        self.ledger.ended(run, &end).await?;
        tracing::info!(chain = run.chain(), run = run.name(), outcome = ?end.outcome, reason = end.reason, "ended");
        Ok(Tested {
            next: match end.outcome {
                TestOutcome::Failed => Next::Failed,
                TestOutcome::Passed | TestOutcome::SetAside => Next::Done,
            },
            suite: None,
            promotion: end.promotion,
            failed: end.failed,
        })
    }

    async fn suites(&self, run: &TestRun) -> Result<Vec<Suite>, Error> {
        let settings = self
            .environments
            .settings(&run.application, &run.environment);
        let mut suites = settings.await?.suites;
        suites.retain(|suite| suite.stage == Stage::Scheduled);
        Ok(suites)
    }

    /// The promotion that brought what serves, or why it is not tested now.
    async fn serving(&self, run: &TestRun) -> Result<Result<Promotion, String>, Error> {
        let promotions = self.environments.promotions(&run.application).await?;
        let open = promotions.iter().filter(|promotion| {
            promotion.id.environment == run.environment && promotion.outcome.is_none()
        });
        let mut rolling = None;
        for promotion in open {
            // What waits for people or in line has touched nothing yet.
            if self.environments.published(&promotion.id).await?.is_some() {
                rolling = Some(&promotion.id);
            }
        }
        Ok(serving(&promotions, &run.environment, rolling).cloned())
    }
}

#[cfg(test)]
#[path = "scheduled_tests.rs"]
mod tests;
