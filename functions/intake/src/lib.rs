//! Turns events and requests into releases.
//!
//! Decides: who sends an event or a request, what it asks for, whether its bundle is what
//! its place says, how far who asks may take it, and whether that starts an attempt, is a
//! repetition, or is refused. What starts does so once, however often its event arrives. A
//! further attempt at a version takes the bundle that was pinned before. Starts runs of
//! test suites, too.
//!
//! Environment: `SLUICE_RELEASE_MACHINE`, `SLUICE_SUITES_MACHINE`,
//! `SLUICE_ARTIFACTS_BUCKET`, `SLUICE_STATE_TABLE`, `SLUICE_RECORD_FUNCTION`.
//!
//! Never: looks into artifacts (`verify` does) but for the label of an image that was
//! pushed, changes a manifest that is there, or starts anything for a bundle
//! that it has not pinned.

pub mod attempt;
pub mod aws;
mod bundle;
mod enter;
mod error;
pub mod label;
mod output;
mod ports;
mod preview;
pub mod request;
mod schedule;
mod sender;
mod suites;
mod unpack;

use jiff::Timestamp;
use serde_json::{Value, json};
use sluice_domain::caller::Principal;
use sluice_domain::digest::Digest;
use sluice_domain::ledger::Kind;
use sluice_domain::manifest::Manifest;
use sluice_domain::naming::release_execution;
use sluice_domain::promotion::{BundleRef, Outcome as PromotionOutcome};
use sluice_platform::bundle::BundleError;
use sluice_platform::lambda::Named as _;
use sluice_platform::store::Release;

use attempt::{ExecutionInput, Next, Repeat, Standing, next};
use bundle::Chosen;
use enter::Destination;
pub use error::Error;
pub use output::{Outcome, Output};
pub use ports::{Attempts, Bundles, Catalogue, Machine, Record, Status};
pub use preview::Previews;
use request::{Input, Push, Subject, Test, Upload, Wanted};
pub use sender::{PEOPLE, Sender};

/// The function.
pub struct Intake<B, C, A, M, L> {
    /// The bucket that bundles are uploaded to.
    pub bucket: String,
    /// Where manifests are.
    pub bundles: B,
    /// Where applications are set up.
    pub catalogue: C,
    /// Where attempts are noted.
    pub attempts: A,
    /// What runs a release.
    pub machine: M,
    /// The way to the ledger.
    pub ledger: L,
}

/// What an event asks for.
enum Understood {
    Release(Box<Wanted>),
    /// The same, asked for by a schedule, which asks again.
    Scheduled(Box<Wanted>),
    Test(Test, Option<Principal>),
    Nothing(String),
}

impl From<Wanted> for Understood {
    fn from(wanted: Wanted) -> Self {
        Self::Release(Box::new(wanted))
    }
}

impl<B: Bundles, C: Catalogue, A: Attempts, M: Machine, L: Record> Intake<B, C, A, M, L> {
    /// Handles one event or request of this sender that arrived at this time.
    ///
    /// # Errors
    /// With why it was refused, once that is in the ledger; or with the AWS call
    /// that failed, in which case the same event may simply come again.
    pub async fn handle(
        &self,
        event: Value,
        sender: Sender,
        now: Timestamp,
    ) -> Result<Output, Error> {
        let (mut wanted, is_scheduled) = match self.understand(&event, sender).await {
            Ok(Understood::Release(wanted)) => (wanted, false),
            Ok(Understood::Scheduled(wanted)) => (wanted, true),
            Ok(Understood::Nothing(why)) => {
                tracing::info!(why, "ignored");
                return Ok(Output::ignored(why));
            }
            Ok(Understood::Test(test, caller)) => {
                let by = test.by(caller.as_ref());
                return match self.test(test, caller.as_ref(), now).await {
                    Ok(output) => {
                        tracing::info!(outcome = ?output.outcome, "{}", output.message);
                        Ok(output)
                    }
                    Err(error) => Err(self.refuse(None, Some(&by), &event, error).await),
                };
            }
            Err(error) => return Err(self.refuse(None, None, &event, error).await),
        };
        match self.release(&mut wanted, now).await {
            Ok(output) => {
                let execution = &output.execution_arn;
                tracing::info!(outcome = ?output.outcome, execution, "{}", output.message);
                Ok(output)
            }
            Err(error) if is_scheduled && error.may_pass() => {
                tracing::info!(why = %error, "nothing to take on yet");
                Ok(Output::ignored(error.to_string()))
            }
            Err(error) => {
                let (subject, by) = (&wanted.subject, &wanted.by);
                let refused = self.refuse(Some((subject, &wanted.key)), Some(by), &event, error);
                Err(refused.await)
            }
        }
    }

    async fn understand(&self, event: &Value, sender: Sender) -> Result<Understood, Error> {
        let input = Input::read(event)?;
        sender.refuse_unless_sends(&input)?;
        match input {
            Input::Upload(upload) => self.understand_upload(upload),
            Input::Push(push) => self.understand_push(push).await,
            Input::Manual(manual) => {
                Wanted::by_hand(manual, sender.caller()?).map(Understood::from)
            }
            Input::Scheduled(promote) => self.understand_schedule(promote).await,
            Input::Test(test) => Ok(Understood::Test(test, sender.caller()?)),
        }
    }

    fn understand_upload(&self, upload: Upload) -> Result<Understood, Error> {
        let Upload { bucket, key, .. } = &upload;
        if *bucket != self.bucket {
            return Ok(Understood::Nothing(format!(
                "{key} is in bucket {bucket}; bundles are in {}",
                self.bucket
            )));
        }
        if !key.ends_with("/release.json") {
            return Ok(Understood::Nothing(format!(
                "{key} is no manifest; a release starts with its release.json"
            )));
        }
        Wanted::uploaded(upload).map(Understood::from)
    }

    /// The rule that brings pushes here sees every repository of the account:
    /// what isn't meant for Sluice is no mistake.
    async fn understand_push(&self, push: Push) -> Result<Understood, Error> {
        let version = match push.version() {
            Ok(version) => version,
            Err(why) => return Ok(Understood::Nothing(why)),
        };
        match self.catalogue.application_of(&push.repository).await? {
            Some(application) => Wanted::pushed(push, &application, version).map(Understood::from),
            None => {
                let repository = &push.repository;
                let parameter = request::repository_parameter(repository);
                Ok(Understood::Nothing(format!(
                    "repository {repository} belongs to no application; \
                     to change that, write its name to parameter {parameter}"
                )))
            }
        }
    }

    async fn release(&self, wanted: &mut Wanted, now: Timestamp) -> Result<Output, Error> {
        let chosen = match (self.choose(wanted).await, &wanted.image) {
            // An image is pushed before the manifest that names its digest, or holds it.
            (Err(Error::Bundle(BundleError::Missing { key, .. })), Some(push)) => {
                let Some(subject) = self.unpack(wanted, push, now).await? else {
                    return Ok(Output::ignored(format!(
                        "there is no {key} yet, and the image has no label `{}`; \
                         the release starts when it is uploaded",
                        label::LABEL
                    )));
                };
                wanted.key = subject.key();
                wanted.subject = subject;
                self.choose(wanted).await?
            }
            (chosen, _) => chosen?,
        };
        bundle::check(wanted, &chosen)?;
        self.attribute(wanted, &chosen.bundle).await?;
        self.begin(wanted, chosen, now).await
    }

    async fn begin(
        &self,
        wanted: &Wanted,
        chosen: Chosen,
        now: Timestamp,
    ) -> Result<Output, Error> {
        let Chosen {
            manifest,
            bundle,
            note,
        } = chosen;
        let Destination {
            path,
            environments,
            ends,
        } = self.destination(wanted, &manifest, now).await?;
        let [first, ..] = &environments[..] else {
            let why = ends.unwrap_or_default();
            return self.set_aside(Outcome::Held, wanted, &bundle, why).await;
        };
        self.refuse_unless_new_there(wanted, &bundle, &path, first)
            .await?;
        self.refuse_rollback_to_what_never_was_there(wanted, &bundle, &environments)
            .await?;
        self.refuse_operation_of_another_release(wanted, &bundle, first)
            .await?;
        let mut output = self
            .attempt(wanted, &manifest, bundle, environments, now)
            .await?;
        let started = output.outcome == Outcome::Started;
        for said in [ends.filter(|_| started), note].into_iter().flatten() {
            output.message = format!("{}. {said}", output.message);
        }
        Ok(output)
    }

    /// The bundle that is meant. All attempts at a version have one digest, so
    /// any earlier one's would do; S3 keeps the last one's longest.
    async fn choose(&self, wanted: &Wanted) -> Result<Chosen, Error> {
        let Subject {
            application,
            version,
        } = &wanted.subject;
        let earlier = if wanted.repeat.is_further() {
            self.attempts.of(application, version).await?.pop()
        } else {
            None
        };
        let now = self
            .bundles
            .pin(&self.bucket, &wanted.key, wanted.version_id.as_deref())
            .await;
        let Some(earlier) = earlier else {
            return Ok(now?.into());
        };
        let released = self.bundles.manifest(&earlier.bundle).await;
        bundle::choose(earlier, released, now)
    }

    async fn attempt(
        &self,
        wanted: &Wanted,
        manifest: &Manifest,
        bundle: BundleRef,
        environments: Vec<String>,
        now: Timestamp,
    ) -> Result<Output, Error> {
        let Manifest {
            application,
            version,
            ..
        } = manifest;
        // Twice: whoever loses the race for an attempt finds the winner's.
        for _ in 0..2 {
            let earlier = self.attempts.of(application, version).await?;
            let attempt = match self
                .next(&earlier, &bundle.digest, wanted, &environments)
                .await?
            {
                Next::Begin(attempt) => attempt,
                Next::Resume(release) => return self.start(release, manifest, now).await,
                Next::Duplicate(release, why) => {
                    return Ok(Output::of(Outcome::Duplicate, release, why));
                }
            };
            if let Some(why) = self.superseded(wanted, &environments).await? {
                return self
                    .set_aside(Outcome::Superseded, wanted, &bundle, why)
                    .await;
            }
            let name = release_execution(application, version, &bundle.digest, attempt);
            let release = Release {
                application: application.clone(),
                version: version.clone(),
                bundle: bundle.clone(),
                attempt,
                environments: environments.clone(),
                rollback: wanted.repeat == Repeat::Ended,
                operation: wanted.operation.clone(),
                execution_arn: self.machine.arn_of(&name),
                requested_by: wanted.by.clone(),
                principal: wanted.principal.clone(),
                requested_at: now,
            };
            if self.attempts.begin(&release).await? {
                return self.start(&release, manifest, now).await;
            }
        }
        Err(Error::Contended(wanted.subject.clone()))
    }

    async fn next<'a>(
        &self,
        earlier: &'a [Release],
        digest: &Digest,
        wanted: &Wanted,
        environments: &[String],
    ) -> Result<Next<'a>, Error> {
        let Some(last) = earlier.last() else {
            return Ok(Next::Begin(1));
        };
        if let Some(other) = earlier
            .iter()
            .find(|release| release.bundle.digest != *digest)
        {
            return Err(Error::VersionTaken {
                application: other.application.clone(),
                version: other.version.clone(),
                attempt: other.attempt,
                found: digest.clone(),
                expected: other.bundle.digest.clone(),
            });
        }
        let mut standing = self.standing(last).await?;
        let has_ended = matches!(standing, Standing::Promoted | Standing::Ended);
        // What was done to a database since says nothing of how the release stands.
        if has_ended && last.operation.is_some() {
            let mut releases = earlier.iter().filter(|one| one.operation.is_none());
            if let Some(release) = releases.next_back() {
                standing = self.standing(release).await?;
            }
        }
        let meant = (environments, wanted.operation.as_ref());
        next(last, standing, wanted.repeat, meant)
    }

    async fn standing(&self, release: &Release) -> Result<Standing, Error> {
        Ok(match self.machine.status(&release.execution_arn).await? {
            Some(Status::Running) => Standing::Running,
            Some(Status::Succeeded) => Standing::Promoted,
            Some(Status::Failed) => Standing::Ended,
            None => self.standing_by_record(release).await?,
        })
    }

    /// No execution: it was never started, or ended so long ago that Step
    /// Functions has forgotten it. The promotions' records are kept and tell.
    async fn standing_by_record(&self, release: &Release) -> Result<Standing, Error> {
        let mut standing = Standing::NeverStarted;
        for environment in &release.environments {
            let id = release.promotion(environment);
            standing = match self.attempts.promotion(&id).await? {
                Some(promotion) if promotion.outcome == Some(PromotionOutcome::Promoted) => {
                    Standing::Promoted
                }
                Some(_) => Standing::Ended,
                None if standing == Standing::NeverStarted => Standing::NeverStarted,
                None => Standing::Ended,
            };
        }
        Ok(standing)
    }

    async fn start(
        &self,
        release: &Release,
        manifest: &Manifest,
        now: Timestamp,
    ) -> Result<Output, Error> {
        self.refresh_preview(manifest, now).await?;
        let Release {
            application,
            version,
            attempt,
            ..
        } = release;
        let chain = Subject {
            application: application.clone(),
            version: version.clone(),
        }
        .chain();
        let facts = json!({
            "application": application,
            "version": version,
            "attempt": attempt,
            "digest": release.bundle.digest,
            "bundle": release.bundle,
            "commit": manifest.commit,
            "author": manifest.author,
            "environments": release.environments,
            "preview": manifest.preview,
            "rollback": release.rollback,
            "operation": release.operation,
            "requested_by": release.requested_by,
            "execution_arn": release.execution_arn,
        });
        self.ledger
            .record(&chain, Kind::ReleaseStarted, &attempt.to_string(), facts)
            .await?;
        let name = release_execution(application, version, &release.bundle.digest, *attempt);
        let path = release.environments.join(", ");
        if self
            .machine
            .start(&name, &ExecutionInput::of(release))
            .await?
        {
            let message =
                format!("attempt {attempt} at releasing {application} {version} started: {path}");
            Ok(Output::of(Outcome::Started, release, message))
        } else {
            let message = format!(
                "attempt {attempt} at releasing {application} {version} had started already"
            );
            Ok(Output::of(Outcome::Duplicate, release, message))
        }
    }

    /// Records why something was refused. The same event again, or the same request of
    /// the same caller, is the same refusal. A failed AWS call is none: the event comes again.
    async fn refuse(
        &self,
        release: Option<(&Subject, &str)>,
        by: Option<&str>,
        event: &Value,
        error: Error,
    ) -> Error {
        if !error.is_refusal() {
            return error;
        }
        let subject = release.map(|(subject, _)| subject);
        let chain = subject.map_or_else(|| "release/unknown".to_owned(), Subject::chain);
        let facts = json!({
            "error": error.name(),
            "reason": error.to_string(),
            "application": subject.map(|subject| &subject.application),
            "version": subject.map(|subject| &subject.version),
            "key": release.map(|(_, key)| key),
            "requested_by": by,
        });
        let same = Digest::of(format!("{event}{}", by.unwrap_or_default()).as_bytes());
        let key = format!("{}/{}", error.name(), same.short());
        if let Err(fault) = self
            .ledger
            .record(&chain, Kind::ReleaseRefused, &key, facts)
            .await
        {
            // The caller learns of the refusal all the same.
            tracing::error!(%fault, refusal = error.name(), "the refusal was not recorded");
        }
        error
    }
}

#[cfg(test)]
#[path = "lib_tests.rs"]
mod tests;
