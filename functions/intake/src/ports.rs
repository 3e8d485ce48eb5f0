//! What the function needs of the world.

use std::future::Future;

use semver::Version;
use serde_json::Value;
use sluice_domain::digest::Digest;
use sluice_domain::ledger::Kind;
use sluice_domain::manifest::Manifest;
use sluice_domain::path::Place;
use sluice_domain::promotion::{BundleRef, Promotion, PromotionId};
use sluice_domain::test_run::TestRun;
use sluice_platform::bundle::BundleError;
use sluice_platform::fault::Fault;
use sluice_platform::settings::SettingsError;
use sluice_platform::store::{Labelled, Release, StoreError};

use crate::attempt::ExecutionInput;
use crate::preview::Previews;
use crate::request::Subject;

/// Manifests in S3, and in labels of images.
pub trait Bundles {
    /// The manifest at this key, with the reference that pins it. None takes
    /// the current version. Reads only.
    fn pin(
        &self,
        bucket: &str,
        key: &str,
        version_id: Option<&str>,
    ) -> impl Future<Output = Result<(Manifest, BundleRef), BundleError>>;

    /// The manifest that was pinned before, with its digest. Reads only.
    fn manifest(&self, bundle: &BundleRef) -> impl Future<Output = Result<Manifest, BundleError>>;

    /// The own manifest of an image, as it was pushed; None if it is gone. Reads only.
    fn image(
        &self,
        repository: &str,
        digest: &Digest,
    ) -> impl Future<Output = Result<Option<String>, Fault>>;

    /// A repository, as manifests of releases name it. Reads only.
    fn uri(&self, repository: &str) -> impl Future<Output = Result<String, Fault>>;

    /// A file of an image, which must be no longer than its configuration may be. Reads
    /// only.
    fn blob(
        &self,
        repository: &str,
        digest: &Digest,
    ) -> impl Future<Output = Result<Vec<u8>, Fault>>;

    /// Puts a manifest where none is, and leaves one that is there. Safe to repeat.
    fn add(
        &self,
        bucket: &str,
        key: &str,
        bytes: Vec<u8>,
    ) -> impl Future<Output = Result<(), Fault>>;
}

/// What Sluice was told about applications.
pub trait Catalogue: Previews {
    /// The environments of an application, in the order of its path; none if
    /// nobody set it up. Reads only.
    fn path(&self, application: &str) -> impl Future<Output = Result<Vec<Place>, SettingsError>>;

    /// The application that an ECR repository belongs to. Reads only.
    fn application_of(
        &self,
        repository: &str,
    ) -> impl Future<Output = Result<Option<String>, Fault>>;
}

/// Attempts at releasing a version.
pub trait Attempts {
    /// All there were, in order. Reads only.
    fn of(
        &self,
        application: &str,
        version: &Version,
    ) -> impl Future<Output = Result<Vec<Release>, StoreError>>;

    /// Notes an attempt; false if it was noted before. Safe to repeat.
    fn begin(&self, release: &Release) -> impl Future<Output = Result<bool, StoreError>>;

    /// Notes who brought a manifest in an image's label. Who is noted first stays. Safe to
    /// repeat.
    fn note_label(&self, labelled: &Labelled) -> impl Future<Output = Result<(), StoreError>>;

    /// Who brought the manifest of this digest in an image's label, if anybody did. Reads
    /// only.
    fn labelled(
        &self,
        subject: &Subject,
        digest: &Digest,
    ) -> impl Future<Output = Result<Option<Labelled>, StoreError>>;

    /// A promotion of an attempt, if it got that far. Reads only.
    fn promotion(
        &self,
        id: &PromotionId,
    ) -> impl Future<Output = Result<Option<Promotion>, StoreError>>;

    /// All promotions of an application, how they end a moment late. Reads only.
    fn promotions(
        &self,
        application: &str,
    ) -> impl Future<Output = Result<Vec<Promotion>, StoreError>>;

    /// The attempts at any version of an application that may still be running, shown a
    /// moment late. Reads only.
    fn running(&self, application: &str) -> impl Future<Output = Result<Vec<Release>, StoreError>>;
}

/// The state machines `release` and `suites`.
pub trait Machine {
    /// The ARN that an execution of this name has or will have.
    fn arn_of(&self, name: &str) -> String;

    /// How an execution stands; None if there is none. Reads only.
    fn status(&self, execution_arn: &str) -> impl Future<Output = Result<Option<Status>, Fault>>;

    /// Starts an execution; false if it was there already. Safe to repeat: a
    /// name runs once.
    fn start(
        &self,
        name: &str,
        input: &ExecutionInput,
    ) -> impl Future<Output = Result<bool, Fault>>;

    /// The ARN that an execution of `suites` of this name has or will have.
    fn arn_of_test(&self, name: &str) -> String;

    /// Starts an execution of `suites`; false if it was there already. Safe to repeat.
    fn test(&self, name: &str, run: &TestRun) -> impl Future<Output = Result<bool, Fault>>;
}

/// How a `release` execution stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It has not ended.
    Running,
    /// It promoted everywhere.
    Succeeded,
    /// It ended before that.
    Failed,
}

/// What is written down of requests.
pub trait Record {
    /// Records a fact under a key that makes it recognisable within its chain
    /// when it is recorded again.
    fn record(
        &self,
        chain: &str,
        kind: Kind,
        key: &str,
        facts: Value,
    ) -> impl Future<Output = Result<(), Fault>>;
}
