//! What the function needs of the world.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::File;
use std::future::Future;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sluice_domain::digest::Digest;
use sluice_domain::evidence::Findings;
use sluice_domain::ledger::Kind;
use sluice_domain::manifest::Manifest;
use sluice_domain::promotion::{BundleRef, Promotion, PromotionId};
use sluice_domain::repository::Repository;
use sluice_domain::role::{CodeCopies, Role};
use sluice_domain::settings::Settings;
use sluice_evidence::Fitting;
use sluice_platform::bundle::BundleError;
use sluice_platform::fault::Fault;
use sluice_platform::settings::SettingsError;
use sluice_platform::store::{Release, StoreError};

use crate::pins::Pins;

/// A version of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its name; None in a bucket without versioning.
    pub version_id: Option<String>,
    /// Its SHA-256, where S3 computed it over the whole object.
    pub digest: Option<Digest>,
    /// How long it is, in bytes.
    pub size: u64,
}

/// Where one version of an object is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The bucket.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// The version.
    pub version_id: String,
}

/// As faults name it.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            bucket,
            key,
            version_id,
        } = self;
        write!(f, "s3://{bucket}/{key} version {version_id}")
    }
}

/// The bucket near an environment's functions, and the way there.
#[derive(Debug, Clone, Copy)]
pub struct Near<'a> {
    /// Whose code is copied.
    pub id: &'a PromotionId,
    /// The role that may write there.
    pub role: &'a Role,
    /// The bucket.
    pub bucket: &'a str,
}

impl Near<'_> {
    /// A key of the bucket, as people are told.
    pub(crate) fn place_of(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.bucket)
    }
}

/// Why a file was not copied.
#[derive(Debug)]
pub enum CopyError {
    /// It will never be like this: why, and what to do.
    Refused(String),
    /// S3 got other bytes than the digest stands for, and took none.
    Different,
    /// An AWS call failed.
    Fault(Fault),
}

impl From<Fault> for CopyError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// An object's content in a file without a name: it is gone when this is.
pub struct Spooled {
    /// The file, at its beginning.
    pub file: File,
    /// The SHA-256 of what was written, if it was asked for.
    pub digest: Option<Digest>,
}

/// A function as Lambda has it now.
#[derive(Default)]
pub struct Live {
    /// What a package of it must fit.
    pub fitting: Fitting,
    /// Its environment variables. None: Lambda can't decrypt them.
    pub variables: Option<BTreeMap<String, String>>,
}

/// How far ECR is with a scan of an image.
#[derive(Debug, Clone, PartialEq)]
pub enum Scan {
    /// It is over, and found this.
    Complete(Findings),
    /// It has not begun, or runs.
    Running,
    /// There will be none, in ECR's words.
    None(String),
}

/// What is remembered of a promotion's evidence.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Remembered {
    /// The share of lines that tests reach, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage: Option<f64>,
}

/// Promotions' records.
pub trait Promotions {
    /// Opens a promotion; false if another execution owns it or it has ended.
    /// Safe to repeat.
    fn open(&self, promotion: &Promotion) -> impl Future<Output = Result<bool, StoreError>>;

    /// Writes the pins. Safe to repeat.
    fn pin(&self, id: &PromotionId, pins: &Pins) -> impl Future<Output = Result<(), StoreError>>;

    /// The attempts at releasing what this promotion promotes, in order. Reads only.
    fn attempts(&self, id: &PromotionId) -> impl Future<Output = Result<Vec<Release>, StoreError>>;

    /// Writes where the code was copied to. Safe to repeat.
    fn keep_copies(
        &self,
        id: &PromotionId,
        copies: &CodeCopies,
    ) -> impl Future<Output = Result<(), StoreError>>;

    /// All promotions of an application, how they end a moment late. Reads only.
    fn of_application(
        &self,
        application: &str,
    ) -> impl Future<Output = Result<Vec<Promotion>, StoreError>>;

    /// What a promotion pinned, if it got that far. Reads only.
    fn pins(&self, id: &PromotionId) -> impl Future<Output = Result<Option<Pins>, StoreError>>;

    /// Writes what the next release is compared with. Safe to repeat.
    fn remember(
        &self,
        id: &PromotionId,
        remembered: &Remembered,
    ) -> impl Future<Output = Result<(), StoreError>>;

    /// What was remembered of the release that was promoted last where this one goes.
    /// Reads only.
    fn remembered(
        &self,
        id: &PromotionId,
    ) -> impl Future<Output = Result<Option<Remembered>, StoreError>>;
}

/// Manifests in S3.
pub trait Bundles {
    /// The manifest, at its pinned version and with its digest. Reads only.
    fn manifest(&self, bundle: &BundleRef) -> impl Future<Output = Result<Manifest, BundleError>>;
}

/// Objects in S3.
pub trait Objects {
    /// This version of an object, or the current one where none is named; None
    /// if there is none. Reads only.
    fn find(
        &self,
        bucket: &str,
        key: &str,
        version_id: Option<&str>,
    ) -> impl Future<Output = Result<Option<Object>, Fault>>;

    /// Computes the digest from the content. Reads only.
    fn hash(&self, place: &Place) -> impl Future<Output = Result<Digest, Fault>>;

    /// The content, which is known to fit into memory. Reads only.
    fn read(&self, place: &Place) -> impl Future<Output = Result<Vec<u8>, Fault>>;

    /// Copies the content to a file, and hashes it on its way if that is asked for.
    /// Reads only.
    fn spool(&self, place: &Place, hash: bool) -> impl Future<Output = Result<Spooled, Fault>>;
}

/// Copies of files in the buckets of environments' roles.
pub trait Copies {
    /// Sluice's own region.
    fn region(&self) -> &str;

    /// This version of what lies under a key there, or what lies there now; None if
    /// there is nothing. Reads only.
    fn find(
        &self,
        near: &Near<'_>,
        key: &str,
        version_id: Option<&str>,
    ) -> impl Future<Output = Result<Option<Object>, CopyError>>;

    /// Copies a file there as a stream, and answers the copy's version if the bucket
    /// keeps any. S3 takes these bytes or none. Safe to repeat.
    fn copy(
        &self,
        from: &Place,
        digest: &Digest,
        near: &Near<'_>,
        key: &str,
    ) -> impl Future<Output = Result<Option<String>, CopyError>>;
}

/// Images in ECR.
pub trait Images {
    /// Whether the image exists. Reads only.
    fn exists(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> impl Future<Output = Result<bool, Fault>>;

    /// Whether the image exists near the functions of an environment: asked with the role
    /// that leads to them, with which Lambda is told to take it. Reads only.
    fn is_near(
        &self,
        id: &PromotionId,
        role: Option<&Role>,
        repository: &Repository,
        digest: &Digest,
    ) -> impl Future<Output = Result<bool, Fault>>;

    /// The tags that name the image. Reads only.
    fn tags(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> impl Future<Output = Result<BTreeSet<String>, Fault>>;

    /// The image that a tag names; None if there is no such tag. Reads only.
    fn tagged(
        &self,
        repository: &Repository,
        tag: &str,
    ) -> impl Future<Output = Result<Option<Digest>, Fault>>;

    /// How far ECR's scan of the image is. Reads only.
    fn scan(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> impl Future<Output = Result<Scan, Fault>>;
}

/// What environments ask, and what is there.
pub trait Environments {
    /// The settings of the environment that a promotion goes to. Reads only.
    fn settings(&self, id: &PromotionId) -> impl Future<Output = Result<Settings, SettingsError>>;

    /// A function of that environment; None if there is none. Reads only.
    fn function(
        &self,
        id: &PromotionId,
        role: Option<&Role>,
        name: &str,
    ) -> impl Future<Output = Result<Option<Live>, Fault>>;

    /// A public key that KMS holds, in DER. Reads only.
    fn public_key(&self, arn: &str) -> impl Future<Output = Result<Vec<u8>, Fault>>;
}

/// What is written down of promotions.
pub trait Record {
    /// Records a fact under a key that makes it recognisable when it is
    /// recorded again.
    fn record(
        &self,
        id: &PromotionId,
        kind: Kind,
        key: &str,
        facts: Value,
    ) -> impl Future<Output = Result<(), Fault>>;
}
