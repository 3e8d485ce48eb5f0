//! Reading bundles: always one S3 version, always checked against its digest.

use aws_config::SdkConfig;
use aws_sdk_s3::Client;
use sluice_domain::digest::Digest;
use sluice_domain::document::{Document as _, Invalid};
use sluice_domain::manifest::Manifest;
use sluice_domain::promotion::BundleRef;

use crate::fault::Fault;

/// `release.json` may be at most this large.
pub const LARGEST_MANIFEST: i64 = 1024 * 1024;

/// Why a manifest can't be used.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// It is not the file that was approved.
    #[error(
        "{key} has digest {found}; expected {expected}: the bundle was changed after the release started"
    )]
    DigestMismatch {
        /// Its key.
        key: String,
        /// What was read.
        found: Digest,
        /// What the release is bound to.
        expected: Digest,
    },
    /// It is too large to be a manifest.
    #[error("{key} has {size} bytes; a manifest has at most {LARGEST_MANIFEST}")]
    TooLarge {
        /// Its key.
        key: String,
        /// Its size.
        size: i64,
    },
    /// It is wrong.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// It isn't there.
    #[error("there is no {key} in bucket {bucket}; a bundle is uploaded with `sluice release`")]
    Missing {
        /// The bucket.
        bucket: String,
        /// Its key.
        key: String,
    },
    /// S3 failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Reads manifests.
#[derive(Clone)]
pub struct BundleReader {
    client: Client,
}

impl BundleReader {
    /// Builds the client.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self {
            client: Client::new(config),
        }
    }

    /// The manifest of a bundle, read at its pinned version and checked
    /// against its digest.
    ///
    /// # Errors
    /// When it is missing, changed or wrong, or S3 fails.
    pub async fn manifest(&self, bundle: &BundleRef) -> Result<Manifest, BundleError> {
        let (bytes, _) = self
            .fetch(&bundle.bucket, &bundle.key, Some(&bundle.version_id))
            .await?;
        let found = Digest::of(&bytes);
        if found != bundle.digest {
            return Err(BundleError::DigestMismatch {
                key: bundle.key.clone(),
                found,
                expected: bundle.digest.clone(),
            });
        }
        Ok(Manifest::parse(&bundle.key, &bytes)?)
    }

    /// A manifest as it lies there, with the reference that pins it.
    ///
    /// # Errors
    /// When it is missing or wrong, or S3 fails.
    pub async fn pin(
        &self,
        bucket: &str,
        key: &str,
        version_id: Option<&str>,
    ) -> Result<(Manifest, BundleRef), BundleError> {
        let (bytes, version_id) = self.fetch(bucket, key, version_id).await?;
        let manifest = Manifest::parse(key, &bytes)?;
        let bundle = BundleRef {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            version_id,
            digest: Digest::of(&bytes),
        };
        Ok((manifest, bundle))
    }

    async fn fetch(
        &self,
        bucket: &str,
        key: &str,
        version_id: Option<&str>,
    ) -> Result<(Vec<u8>, String), BundleError> {
        let operation = || format!("s3:GetObject of s3://{bucket}/{key}");
        let answer = self
            .client
            .get_object()
            .bucket(bucket)
            .key(key)
            .set_version_id(version_id.map(str::to_owned))
            .send()
            .await
            .map_err(|error| {
                let fault = Fault::new(operation(), error);
                if fault.is("NoSuchKey") || fault.is("NoSuchVersion") {
                    return BundleError::Missing {
                        bucket: bucket.to_owned(),
                        key: key.to_owned(),
                    };
                }
                fault.into()
            })?;
        let size = answer.content_length().unwrap_or_default();
        if size > LARGEST_MANIFEST {
            return Err(BundleError::TooLarge {
                key: key.to_owned(),
                size,
            });
        }
        let version = answer.version_id().unwrap_or_default().to_owned();
        let bytes = answer
            .body
            .collect()
            .await
            .map_err(|error| Fault::other(operation(), error))?;
        Ok((bytes.to_vec(), version))
    }
}
