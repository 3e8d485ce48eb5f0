//! Proves that a bundle is what its manifest says, and pins it.
//!
//! Decides: whether every artifact is there with the digest that the manifest
//! names, and which S3 version of it the promotion will use: the one that an
//! earlier promotion of the bundle used, or else the current one. Opens the
//! promotion's record.
//!
//! Environment: `SLUICE_STATE_TABLE`, `SLUICE_RECORD_FUNCTION`.
//!
//! Never: changes a bundle, or looks at what the artifacts would change.

pub mod aws;
mod error;
mod image;
mod pins;

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;

use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sluice_domain::digest::Digest;
use sluice_domain::ledger::Kind;
use sluice_domain::manifest::Manifest;
use sluice_domain::promotion::{BundleRef, Promotion, PromotionId};
use sluice_platform::bundle::BundleError;
use sluice_platform::fault::Fault;
use sluice_platform::store::{Release, StoreError};

pub use error::{Error, Problem};
pub use image::Repository;
pub use pins::Pins;

/// How many artifacts are looked at side by side. Hashing streams, so this
/// bounds memory too.
pub const AT_ONCE: usize = 8;

/// What the state machine asks for.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The promotion to open.
    pub promotion: PromotionId,
    /// What it promotes.
    pub bundle: BundleRef,
    /// The `promote` execution that owns it.
    pub execution_arn: String,
}

/// What was proven.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Output {
    /// How many files of the bundle have the digest that the manifest names.
    pub artifacts: usize,
    /// How many container images exist.
    pub images: usize,
}

/// A version of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its name; None in a bucket without versioning.
    pub version_id: Option<String>,
    /// Its SHA-256, where S3 computed it over the whole object.
    pub digest: Option<Digest>,
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

    /// What a promotion pinned, if it got that far. Reads only.
    fn pins(&self, id: &PromotionId) -> impl Future<Output = Result<Option<Pins>, StoreError>>;
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

    /// Computes the digest of this version from its content. Reads only.
    fn hash(
        &self,
        bucket: &str,
        key: &str,
        version_id: &str,
    ) -> impl Future<Output = Result<Digest, Fault>>;
}

/// Images in ECR.
pub trait Images {
    /// Whether the image exists. Reads only.
    fn exists(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> impl Future<Output = Result<bool, Fault>>;
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

/// The function.
pub struct Verify<P, B, O, I, L> {
    /// Where promotions' records are.
    pub promotions: P,
    /// Where manifests are.
    pub bundles: B,
    /// Where artifacts are.
    pub objects: O,
    /// Where images are.
    pub images: I,
    /// The way to the ledger.
    pub ledger: L,
}

/// What looking at one thing found: its pin, or what is wrong with it.
type Found<T> = Result<T, Problem>;

impl<P: Promotions, B: Bundles, O: Objects, I: Images, L: Record> Verify<P, B, O, I, L> {
    /// Handles one request at this time.
    ///
    /// # Errors
    /// With everything that is wrong with the bundle, or with the AWS call that failed.
    pub async fn handle(&self, input: Input, now: Timestamp) -> Result<Output, Error> {
        let Input {
            promotion: id,
            bundle,
            execution_arn,
        } = input;
        let promotion = Promotion {
            id: id.clone(),
            bundle: bundle.clone(),
            execution_arn,
            opened_at: now,
            outcome: None,
            reason: None,
            closed_at: None,
        };
        if !self.promotions.open(&promotion).await? {
            return Err(Error::PromotionTaken {
                promotion: id,
                execution_arn: promotion.execution_arn,
            });
        }
        let manifest = self.bundles.manifest(&bundle).await?;
        check_subject(&id, &bundle, &manifest)?;
        let earlier = self.earlier_pins(&id, &bundle).await?;
        let (pins, images) = self.check(&bundle, &manifest, &earlier).await?;
        self.promotions.pin(&id, &pins).await?;

        let output = Output {
            artifacts: pins.len(),
            images,
        };
        let facts = json!({
            "bundle": bundle,
            "commit": manifest.commit,
            "author": manifest.author,
            "co_authors": manifest.co_authors,
            "source": manifest.source,
            "artifacts": output.artifacts,
            "images": output.images,
            "pins": pins,
        });
        self.ledger
            .record(&id, Kind::BundleVerified, "bundle", facts)
            .await?;
        let Output { artifacts, images } = output;
        tracing::info!(promotion = %id, artifacts, images, "verified");
        Ok(output)
    }

    /// What was pinned when this bundle was promoted before; nothing if it never was.
    async fn earlier_pins(&self, id: &PromotionId, bundle: &BundleRef) -> Result<Pins, StoreError> {
        let attempts = self.promotions.attempts(id).await?;
        for earlier in pins::promotions_of(bundle, &attempts) {
            if let Some(pins) = self.promotions.pins(&earlier).await? {
                return Ok(pins);
            }
        }
        Ok(Pins::new())
    }

    /// Looks at everything that the manifest names, so that all problems are
    /// told at once.
    async fn check(
        &self,
        bundle: &BundleRef,
        manifest: &Manifest,
        earlier: &Pins,
    ) -> Result<(Pins, usize), Error> {
        // Functions may share a file; the manifest allows that only with one digest.
        let artifacts: BTreeMap<String, Digest> = manifest
            .artifacts()
            .map(|artifact| (artifact.key, artifact.digest))
            .collect();
        let images: BTreeSet<(&str, &Digest)> = manifest
            .functions
            .values()
            .filter_map(|function| function.image.as_ref())
            .map(|image| (image.repository.as_str(), &image.digest))
            .collect();
        let artifacts: Vec<Result<Found<(String, String)>, Fault>> = stream::iter(artifacts)
            .map(|(key, digest)| self.check_artifact(bundle, key, digest, earlier))
            .buffered(AT_ONCE)
            .collect()
            .await;
        let images: Vec<Result<Found<()>, Fault>> = stream::iter(images)
            .map(|(repository, digest)| self.check_image(repository, digest))
            .buffered(AT_ONCE)
            .collect()
            .await;

        let (mut pins, mut count, mut problems) = (Pins::new(), 0, Vec::new());
        for found in artifacts {
            match found? {
                Ok((key, version_id)) => drop(pins.insert(key, version_id)),
                Err(problem) => problems.push(problem),
            }
        }
        for found in images {
            match found? {
                Ok(()) => count += 1,
                Err(problem) => problems.push(problem),
            }
        }
        if problems.is_empty() {
            Ok((pins, count))
        } else {
            Err(Error::Artifacts(problems))
        }
    }

    /// The version that was pinned before, or else the current one: the digest
    /// makes either the same file.
    async fn check_artifact(
        &self,
        bundle: &BundleRef,
        relative: String,
        expected: Digest,
        earlier: &Pins,
    ) -> Result<Found<(String, String)>, Fault> {
        let key = bundle.key_of(&relative);
        let look = |version| self.look(&bundle.bucket, &key, version, &expected);
        let pinned = earlier.get(&relative);
        if let Some(pinned) = pinned
            && let Ok(version_id) = look(Some(pinned)).await?
        {
            return Ok(Ok((relative, version_id)));
        }
        Ok(match (look(None).await?, pinned) {
            (Ok(version_id), _) => Ok((relative, version_id)),
            (Err(problem), None) => Err(problem),
            (Err(problem), Some(pinned)) => Err(problem.without(pinned, &expected)),
        })
    }

    /// The version of an object that is this file, if it is.
    async fn look(
        &self,
        bucket: &str,
        key: &str,
        version_id: Option<&str>,
        expected: &Digest,
    ) -> Result<Found<String>, Fault> {
        let (bucket, key) = (bucket.to_owned(), key.to_owned());
        let Some(object) = self.objects.find(&bucket, &key, version_id).await? else {
            return Ok(Err(Problem::Missing { bucket, key }));
        };
        // "null" is what S3 calls the version of an object that was put before
        // versioning was turned on: it can be overwritten.
        let Some(version_id) = object.version_id.filter(|version| version != "null") else {
            return Ok(Err(Problem::Unversioned { bucket, key }));
        };
        let found = match object.digest {
            Some(digest) => digest,
            None => self.objects.hash(&bucket, &key, &version_id).await?,
        };
        if found == *expected {
            return Ok(Ok(version_id));
        }
        Ok(Err(Problem::Different {
            key,
            found,
            expected: expected.clone(),
        }))
    }

    async fn check_image(&self, repository: &str, digest: &Digest) -> Result<Found<()>, Fault> {
        let Some(place) = Repository::parse(repository) else {
            return Ok(Err(Problem::NotEcr {
                repository: repository.to_owned(),
            }));
        };
        if self.images.exists(&place, digest).await? {
            return Ok(Ok(()));
        }
        Ok(Err(Problem::NoImage {
            repository: repository.to_owned(),
            digest: digest.clone(),
        }))
    }
}

/// Is the manifest that of the release that is promoted?
fn check_subject(id: &PromotionId, bundle: &BundleRef, manifest: &Manifest) -> Result<(), Error> {
    if manifest.application == id.application && manifest.version == id.version {
        return Ok(());
    }
    Err(Error::OtherRelease {
        key: bundle.key.clone(),
        found: format!("{} {}", manifest.application, manifest.version),
        expected: format!("{} {}", id.application, id.version),
    })
}

#[cfg(test)]
#[path = "lib_tests.rs"]
mod tests;
