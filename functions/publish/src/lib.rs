//! Publishes the new Lambda versions of a release group. No caller sees them yet.
//!
//! Decides: what a function lacks (configuration, code, a version), in that
//! order, since a version freezes both; whether what Lambda published is what
//! the bundle holds and the plan says; whether an alias has to move at all.
//! What a manifest configures is for its version alone: the function then gets
//! its own configuration back. That is written down before it is changed, so that
//! a try that was cut off loses nothing.
//!
//! Environment: `SLUICE_STATE_TABLE`, `SLUICE_RECORD_FUNCTION`.
//!
//! Never: creates a function, touches an alias, or writes without asking the
//! fence first.

pub mod aws;
mod converge;
mod error;
mod work;

use std::future::Future;

use futures_util::{StreamExt as _, stream};
use serde::{Deserialize, Serialize};
use sluice_domain::alias::Alias;
use sluice_domain::configuration::FunctionConfiguration;
use sluice_domain::digest::Digest;
use sluice_domain::journal::Versions;
use sluice_domain::manifest::{Configuration, Requires};
use sluice_domain::promotion::{Generation, PromotionId};
use sluice_domain::settings::Role;
use sluice_platform::fault::Fault;
use sluice_platform::pace::IN_FLIGHT;
use sluice_platform::patience::Patience;
use sluice_platform::store::StoreError;

pub use error::Error;
pub use work::{Code, Work};

/// What the state machine asks for.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Whose functions.
    pub promotion: PromotionId,
    /// The caller's fencing generation.
    pub generation: Generation,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Output {
    /// How many aliases have a version to move to.
    pub published: usize,
    /// How many stand on the right version already.
    pub unchanged: usize,
}

/// A function's `$LATEST`, or one of its versions, as Lambda describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Deployed {
    /// What a change can be made conditional on.
    pub revision: String,
    /// The SHA-256 of its code. None: Lambda names none.
    pub code: Option<Digest>,
    /// The same as Lambda spells it, for conditions.
    pub code_sha256: String,
    /// Its configuration.
    pub configuration: FunctionConfiguration,
    /// How it stands.
    pub status: Status,
}

/// How a function or a version stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// It can be used and changed.
    Ready,
    /// Lambda still works on it.
    Pending,
    /// Lambda gave up on it, and says why.
    Failed(String),
}

/// Why a function was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// It is being changed, or was since it was read: look again.
    #[error("the function is being changed by somebody else")]
    Conflict,
    /// Lambda will never take this.
    #[error("{0}")]
    Refused(String),
    /// Lambda can't read the code from S3.
    #[error("{0}")]
    Unreadable(String),
    /// The function has a code-signing configuration, and Lambda does not take the code's
    /// signature.
    #[error("{0}")]
    Unsigned(String),
    /// Lambda failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Lambda functions, and what their code reads, as they are.
pub trait Inspect {
    /// A function's `$LATEST`, or this version of it. None: there is none. Reads only.
    fn deployed(
        &self,
        function: &str,
        version: Option<&str>,
    ) -> impl Future<Output = Result<Option<Deployed>, Fault>>;

    /// An alias, if there is one. Reads only.
    fn alias(
        &self,
        function: &str,
        alias: &str,
    ) -> impl Future<Output = Result<Option<Alias>, Fault>>;

    /// Which of these don't exist, each as `secret <name>` or `parameter
    /// <name>`. Reads no secret's value.
    fn missing(&self, requires: &Requires) -> impl Future<Output = Result<Vec<String>, Fault>>;
}

/// Changes to Lambda functions. Each is conditional on a RevisionId of
/// `$LATEST`: repeated, or late, it ends in `Conflict` and changes nothing.
pub trait Change {
    /// Applies what the configuration names; the rest stays. Safe to repeat.
    fn configure(
        &self,
        function: &str,
        configuration: &Configuration,
        revision: &str,
    ) -> impl Future<Output = Result<(), ChangeError>>;

    /// Replaces the code. Safe to repeat.
    fn update_code(
        &self,
        function: &str,
        code: &Code,
        revision: &str,
    ) -> impl Future<Output = Result<(), ChangeError>>;

    /// Publishes `$LATEST` as it was read, and answers the version. Safe to
    /// repeat: Lambda answers the version that exists if nothing changed.
    fn publish(
        &self,
        function: &str,
        latest: &Deployed,
        description: &str,
    ) -> impl Future<Output = Result<String, ChangeError>>;
}

/// Opens an environment's account.
pub trait Open {
    /// What it opens.
    type Account: Inspect + Change;

    /// With the role that the environment's settings name, if any. Changes nothing.
    fn open(
        &self,
        role: Option<&Role>,
        promotion: &PromotionId,
    ) -> impl Future<Output = Self::Account>;
}

/// The promotion's record.
pub trait Records {
    /// What earlier steps found and decided. Reads only.
    fn work(&self, id: &PromotionId) -> impl Future<Output = Result<Work, Error>>;

    /// Fails if this generation may not write any more. Reads only.
    fn check_fence(
        &self,
        id: &PromotionId,
        generation: Generation,
    ) -> impl Future<Output = Result<(), StoreError>>;

    /// What a function itself had before this promotion laid a manifest over it.
    /// None: it has that. Reads only.
    fn own(
        &self,
        id: &PromotionId,
        function: &str,
    ) -> impl Future<Output = Result<Option<Configuration>, StoreError>>;

    /// Writes down what a function itself has, or with None that it has it again,
    /// if this generation may still write, in one transaction. Safe to repeat.
    fn remember(
        &self,
        id: &PromotionId,
        generation: Generation,
        function: &str,
        own: Option<&Configuration>,
    ) -> impl Future<Output = Result<(), StoreError>>;

    /// Writes down what was published, if this generation may still write, in
    /// one transaction. Safe to repeat.
    fn save(
        &self,
        id: &PromotionId,
        generation: Generation,
        versions: &Versions,
    ) -> impl Future<Output = Result<(), StoreError>>;
}

/// The way to the ledger.
pub trait Record {
    /// Records what was published. Recorded once, however often it is repeated.
    fn published(
        &self,
        id: &PromotionId,
        versions: &Versions,
    ) -> impl Future<Output = Result<(), Fault>>;
}

/// The function.
pub struct Publish<A, R, L> {
    /// Where functions are.
    pub accounts: A,
    /// Where the promotion's record is.
    pub records: R,
    /// The way to the ledger.
    pub ledger: L,
    /// How long Lambda is waited for.
    pub patience: Patience,
}

impl<A: Open, R: Records, L: Record> Publish<A, R, L> {
    /// Publishes what a promotion changes. Safe to repeat: what was done is
    /// found done.
    ///
    /// # Errors
    /// With what stopped it. Functions of the group that were begun are still
    /// brought to an end, so that none is left half-way.
    pub async fn handle(&self, input: Input) -> Result<Output, Error> {
        let Input {
            promotion,
            generation,
        } = input;
        let work = self.records.work(&promotion).await?;
        let versions = match work.published.clone() {
            Some(versions) => versions,
            None => self.publish(&promotion, generation, &work).await?,
        };
        self.records.save(&promotion, generation, &versions).await?;
        self.ledger.published(&promotion, &versions).await?;
        let published = versions.values().filter(|version| version.changed).count();
        Ok(Output {
            published,
            unchanged: versions.len() - published,
        })
    }

    async fn publish(
        &self,
        promotion: &PromotionId,
        generation: Generation,
        work: &Work,
    ) -> Result<Versions, Error> {
        let jobs = work.jobs(promotion)?;
        let role = work.plan.role.as_ref();
        let account = self.accounts.open(role, promotion).await;
        check_requirements(&account, work).await?;

        let publisher = converge::Publisher {
            account: &account,
            records: &self.records,
            promotion,
            generation,
            waiting: self.patience.start(),
        };
        let results: Vec<_> = stream::iter(jobs)
            .map(|job| publisher.publish(job))
            .buffered(IN_FLIGHT)
            .collect()
            .await;
        results.into_iter().collect()
    }
}

/// Asks for everything that the group's new versions read, before any of them
/// is touched.
async fn check_requirements<A: Inspect>(account: &A, work: &Work) -> Result<(), Error> {
    let mut missing = Vec::new();
    for (name, function) in work.plan.changes() {
        let configuration = function.configuration.as_ref();
        if let Some(requires) =
            configuration.and_then(|configuration| configuration.requires.as_ref())
        {
            let absent = account.missing(requires).await?;
            missing.extend(
                absent
                    .into_iter()
                    .map(|what| format!("{what} (of function {name})")),
            );
        }
    }
    if missing.is_empty() {
        Ok(())
    } else {
        Err(Error::RequirementMissing(missing))
    }
}

#[cfg(test)]
mod configuration_tests;
#[cfg(test)]
mod copies_tests;
#[cfg(test)]
mod fakes;
#[cfg(test)]
#[path = "lib_tests.rs"]
mod tests;
