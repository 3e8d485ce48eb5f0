//! Answers CodeDeploy before and after it shifts an alias.
//!
//! Decides: whether a deployment may go on. It may if the promotion that it
//! belongs to still owns its aliases, and if the release's smoke tests of its
//! function pass: at the exact new version before traffic moves, through the
//! alias afterwards. The first is the fence for what CodeDeploy moves: a
//! deployment that was created by somebody who no longer may never shifts.
//!
//! Environment: `SLUICE_STATE_TABLE`, `SLUICE_SMOKE_FUNCTION`.
//!
//! Never: leaves CodeDeploy without an answer (it would wait for an hour), lets a
//! deployment go on that it knows nothing of, or holds up a rollback.

pub mod aws;

use std::future::Future;

use serde::{Deserialize, Serialize};
use sluice_domain::alias::Routing;
use sluice_domain::codedeploy::Mark;
use sluice_domain::journal::{Published, Versions};
use sluice_domain::promotion::{Generation, Promotion, PromotionId};
use sluice_platform::fault::Fault;
use sluice_platform::lambda::{Named, fault_name};
use sluice_platform::store::StoreError;

/// What CodeDeploy calls a hook with.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Input {
    /// The deployment.
    pub deployment_id: String,
    /// Which of its hooks: what an answer is given under.
    pub lifecycle_event_hook_execution_id: String,
}

/// What CodeDeploy was answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Output {
    /// Whether the deployment may go on.
    pub may_go_on: bool,
    /// Why.
    pub because: String,
}

impl Output {
    fn go_on(because: impl Into<String>) -> Self {
        Self {
            may_go_on: true,
            because: because.into(),
        }
    }

    fn stop(because: impl ToString) -> Self {
        Self {
            may_go_on: false,
            because: because.to_string(),
        }
    }
}

/// A deployment, as CodeDeploy tells of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// Its description.
    pub description: String,
    /// Whether it takes back another one.
    pub is_rollback: bool,
}

/// Which door the tests use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The exact new version, before traffic moves.
    New,
    /// The alias, once all traffic is there.
    Live,
}

/// Deployments of CodeDeploy.
pub trait Deployments {
    /// One of them. Reads only.
    fn read(&self, id: &str) -> impl Future<Output = Result<Told, Fault>>;

    /// Says whether it may go on. Safe to repeat: the first answer stays.
    fn answer(&self, hook: &Input, may_go_on: bool) -> impl Future<Output = Result<(), Fault>>;
}

/// The promotion's record.
pub trait Records {
    /// The promotion and its fencing generation. Reads only.
    fn promotion(
        &self,
        id: &PromotionId,
    ) -> impl Future<Output = Result<(Promotion, Generation), StoreError>>;

    /// What was published. Reads only.
    fn versions(&self, id: &PromotionId) -> impl Future<Output = Result<Versions, StoreError>>;
}

/// Aliases of Lambda functions.
pub trait Aliases {
    /// Where the alias of what was published stands. Reads only.
    fn routing(&self, published: &Published) -> impl Future<Output = Result<Routing, Fault>>;
}

/// The release's smoke tests.
pub trait Tests {
    /// Runs those of one function. A fault under the name `SmokeTestFailed` says
    /// that an answer was not as expected. The tests run again each time.
    fn run(
        &self,
        id: &PromotionId,
        stage: Stage,
        function: &str,
    ) -> impl Future<Output = Result<(), Fault>>;
}

/// Why the question could not be decided.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The state table failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An AWS call failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl Named for Error {
    fn name(&self) -> &'static str {
        match self {
            Self::Store(error) => error.name(),
            Self::Fault(fault) => fault_name(fault),
        }
    }
}

/// The function.
pub struct Hook<D, R, A, T> {
    /// The way to CodeDeploy.
    pub deployments: D,
    /// Where the promotion's record is.
    pub records: R,
    /// Where aliases are.
    pub aliases: A,
    /// The way to `smoke`.
    pub tests: T,
}

impl<D: Deployments, R: Records, A: Aliases, T: Tests> Hook<D, R, A, T> {
    /// Answers one hook. What can't be decided does not go on.
    ///
    /// # Errors
    /// With what kept it from deciding, once CodeDeploy has its answer.
    pub async fn handle(&self, input: Input) -> Result<Output, Error> {
        let decided = self.decide(&input.deployment_id).await;
        let may_go_on = decided.as_ref().is_ok_and(|output| output.may_go_on);
        self.deployments.answer(&input, may_go_on).await?;
        if let Ok(output) = &decided {
            let Output { may_go_on, because } = output;
            tracing::info!(deployment = %input.deployment_id, may_go_on, because, "answered");
        }
        decided
    }

    async fn decide(&self, deployment: &str) -> Result<Output, Error> {
        let told = self.deployments.read(deployment).await?;
        if told.is_rollback {
            return Ok(Output::go_on("it takes another deployment back"));
        }
        let mark: Mark = match told.description.parse() {
            Ok(mark) => mark,
            Err(no_mark) => return Ok(Output::stop(no_mark)),
        };
        if let Some(refusal) = self.fenced(&mark).await? {
            return Ok(Output::stop(refusal));
        }
        let versions = self.records.versions(&mark.promotion).await?;
        let Some(published) = versions.get(&mark.function) else {
            let refusal = format!("{} published no `{}`", mark.promotion, mark.function);
            return Ok(Output::stop(refusal));
        };
        let stage = self.stage(published).await?;
        let ran = self.tests.run(&mark.promotion, stage, &mark.function).await;
        match ran {
            Ok(()) => Ok(Output::go_on("the smoke tests passed")),
            Err(fault) if fault.is("SmokeTestFailed") => Ok(Output::stop(fault.message)),
            Err(fault) => Err(fault.into()),
        }
    }

    /// Why this promotion may not move aliases under this generation, if it may not.
    async fn fenced(&self, mark: &Mark) -> Result<Option<String>, StoreError> {
        let (promotion, current) = match self.records.promotion(&mark.promotion).await {
            Ok(found) => found,
            Err(StoreError::Missing(what)) => return Ok(Some(format!("there is no {what}"))),
            Err(error) => return Err(error),
        };
        let is_current = promotion.outcome.is_none() && current == mark.generation;
        Ok((!is_current).then(|| {
            format!(
                "{} has ended or was taken over: found generation {current}, expected {}",
                mark.promotion, mark.generation
            )
        }))
    }

    /// Before or after: CodeDeploy does not say which, the alias does.
    async fn stage(&self, published: &Published) -> Result<Stage, Fault> {
        let routing = self.aliases.routing(published).await?;
        if routing == Routing::only(&published.version) {
            Ok(Stage::Live)
        } else {
            Ok(Stage::New)
        }
    }
}

#[cfg(test)]
#[path = "lib_tests.rs"]
mod tests;
