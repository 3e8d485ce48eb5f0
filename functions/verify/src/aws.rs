//! Records through the state table, artifacts through S3, images through ECR,
//! facts through `record`.

use aws_config::{Region, SdkConfig};
use aws_sdk_ecr::types::ImageIdentifier;
use aws_sdk_s3::types::{ChecksumMode, ChecksumType};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use sluice_domain::digest::Digest;
use sluice_domain::ledger::Kind;
use sluice_domain::manifest::Manifest;
use sluice_domain::promotion::{BundleRef, Promotion, PromotionId};
use sluice_platform::bundle::{BundleError, BundleReader};
use sluice_platform::fault::Fault;
use sluice_platform::ledger::Ledger;
use sluice_platform::store::{Part, Release, Store, StoreError};

use crate::{Bundles, Images, Object, Objects, Pins, Promotions, Record, Repository};

/// Records in the state table.
pub struct Table(pub Store);

impl Promotions for Table {
    async fn open(&self, promotion: &Promotion) -> Result<bool, StoreError> {
        self.0.open_promotion(promotion).await
    }

    async fn pin(&self, id: &PromotionId, pins: &Pins) -> Result<(), StoreError> {
        self.0.put_part(id, Part::Pins, pins).await
    }

    async fn attempts(&self, id: &PromotionId) -> Result<Vec<Release>, StoreError> {
        self.0.releases(&id.application, &id.version).await
    }

    async fn pins(&self, id: &PromotionId) -> Result<Option<Pins>, StoreError> {
        self.0.part(id, Part::Pins).await
    }
}

impl Bundles for BundleReader {
    async fn manifest(&self, bundle: &BundleRef) -> Result<Manifest, BundleError> {
        self.manifest(bundle).await
    }
}

/// Artifacts in S3.
pub struct S3(aws_sdk_s3::Client);

impl S3 {
    /// Builds the client.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self(aws_sdk_s3::Client::new(config))
    }
}

impl Objects for S3 {
    async fn find(
        &self,
        bucket: &str,
        key: &str,
        version_id: Option<&str>,
    ) -> Result<Option<Object>, Fault> {
        let request = self
            .0
            .head_object()
            .bucket(bucket)
            .key(key)
            .set_version_id(version_id.map(str::to_owned))
            .checksum_mode(ChecksumMode::Enabled);
        match request.send().await {
            Ok(head) => Ok(Some(Object {
                version_id: head.version_id().map(str::to_owned),
                digest: whole_object_digest(head.checksum_type(), head.checksum_sha256()),
            })),
            Err(error) => {
                let version = version_id.map_or_else(String::new, |id| format!(" version {id}"));
                let operation = format!("s3:HeadObject of s3://{bucket}/{key}{version}");
                let fault = Fault::new(operation, error);
                if fault.is("NotFound") {
                    Ok(None)
                } else {
                    Err(fault)
                }
            }
        }
    }

    async fn hash(&self, bucket: &str, key: &str, version_id: &str) -> Result<Digest, Fault> {
        let operation = || format!("s3:GetObject of s3://{bucket}/{key} version {version_id}");
        let request = self
            .0
            .get_object()
            .bucket(bucket)
            .key(key)
            .version_id(version_id);
        let answer = request
            .send()
            .await
            .map_err(|error| Fault::new(operation(), error))?;
        let mut body = answer.body;
        let mut hash = Sha256::new();
        while let Some(chunk) = body.next().await {
            hash.update(&chunk.map_err(|error| Fault::other(operation(), error))?);
        }
        Ok(Digest::from_hash(&hash.finalize().into()))
    }
}

/// The SHA-256 that S3 computed over the whole object. Of an object that was
/// uploaded in parts it may only have a hash of the parts' hashes.
fn whole_object_digest(kind: Option<&ChecksumType>, sha256: Option<&str>) -> Option<Digest> {
    if kind != Some(&ChecksumType::FullObject) {
        return None;
    }
    let hash: [u8; 32] = STANDARD.decode(sha256?).ok()?.try_into().ok()?;
    Some(Digest::from_hash(&hash))
}

/// Images in the registries of any account and region.
pub struct Registries {
    config: SdkConfig,
    own: aws_sdk_ecr::Client,
}

impl Registries {
    /// Builds the client for the own region.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self {
            config: config.clone(),
            own: aws_sdk_ecr::Client::new(config),
        }
    }

    fn client(&self, region: &str) -> aws_sdk_ecr::Client {
        if self
            .config
            .region()
            .is_some_and(|own| own.as_ref() == region)
        {
            return self.own.clone();
        }
        let there =
            aws_sdk_ecr::config::Builder::from(&self.config).region(Region::new(region.to_owned()));
        aws_sdk_ecr::Client::from_conf(there.build())
    }
}

impl Images for Registries {
    async fn exists(&self, repository: &Repository, digest: &Digest) -> Result<bool, Fault> {
        let request = self
            .client(&repository.region)
            .describe_images()
            .registry_id(&repository.account)
            .repository_name(&repository.name)
            .image_ids(
                ImageIdentifier::builder()
                    .image_digest(digest.to_string())
                    .build(),
            );
        match request.send().await {
            Ok(answer) => Ok(!answer.image_details().is_empty()),
            Err(error) => {
                let fault = Fault::new(
                    format!("ecr:DescribeImages of {}@{digest}", repository.name),
                    error,
                );
                let is_missing =
                    fault.is("ImageNotFoundException") || fault.is("RepositoryNotFoundException");
                if is_missing { Ok(false) } else { Err(fault) }
            }
        }
    }
}

impl Record for Ledger {
    async fn record(
        &self,
        id: &PromotionId,
        kind: Kind,
        key: &str,
        facts: Value,
    ) -> Result<(), Fault> {
        self.append(id, kind, key, facts).await.map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_checksum_over_the_whole_object_counts_as_its_digest() {
        let digest = Digest::of(b"artifact");
        let sha256 = STANDARD.encode(digest.bytes());
        let of_parts = format!("{sha256}-2");
        assert_eq!(
            whole_object_digest(Some(&ChecksumType::FullObject), Some(&sha256)),
            Some(digest)
        );
        assert_eq!(
            whole_object_digest(Some(&ChecksumType::Composite), Some(&of_parts)),
            None
        );
        assert_eq!(
            whole_object_digest(Some(&ChecksumType::FullObject), Some(&of_parts)),
            None
        );
        assert_eq!(
            whole_object_digest(Some(&ChecksumType::FullObject), None),
            None
        );
        assert_eq!(whole_object_digest(None, Some(&sha256)), None);
    }
}
