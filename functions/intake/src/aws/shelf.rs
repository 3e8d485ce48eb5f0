//! Manifests in S3, and in labels of images in ECR.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_ecr::types::ImageIdentifier;
use aws_sdk_s3::primitives::ByteStream;
use sluice_domain::digest::Digest;
use sluice_domain::manifest::Manifest;
use sluice_domain::promotion::BundleRef;
use sluice_platform::bundle::{BundleError, BundleReader};
use sluice_platform::fault::Fault;

use super::download::Downloads;
use crate::Bundles;
use crate::label::LARGEST_CONFIGURATION;

/// What an image's manifest may be. Without it ECR converts some to an older kind, which
/// has another digest.
const MANIFESTS: [&str; 4] = [
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
];

/// How long an image's configuration is waited for.
const WITHIN: Duration = Duration::from_secs(10);

/// Where manifests are.
pub struct Shelf {
    reader: BundleReader,
    objects: aws_sdk_s3::Client,
    images: aws_sdk_ecr::Client,
    downloads: Downloads,
}

impl Shelf {
    /// Builds the clients.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self {
            reader: BundleReader::new(config),
            objects: aws_sdk_s3::Client::new(config),
            images: aws_sdk_ecr::Client::new(config),
            downloads: Downloads::new(WITHIN),
        }
    }
}

impl Bundles for Shelf {
    async fn pin(
        &self,
        bucket: &str,
        key: &str,
        version_id: Option<&str>,
    ) -> Result<(Manifest, BundleRef), BundleError> {
        self.reader.pin(bucket, key, version_id).await
    }

    async fn manifest(&self, bundle: &BundleRef) -> Result<Manifest, BundleError> {
        self.reader.manifest(bundle).await
    }

    async fn image(&self, repository: &str, digest: &Digest) -> Result<Option<String>, Fault> {
        let image = ImageIdentifier::builder().image_digest(digest.to_string());
        let request = self
            .images
            .batch_get_image()
            .repository_name(repository)
            .image_ids(image.build())
            .set_accepted_media_types(Some(MANIFESTS.map(str::to_owned).to_vec()));
        let answer = request.send().await.map_err(|error| {
            Fault::new(format!("ecr:BatchGetImage of {repository}@{digest}"), error)
        })?;
        let found = answer.images().first();
        let manifest = found.and_then(|image| image.image_manifest());
        Ok(manifest.map(str::to_owned))
    }

    async fn uri(&self, repository: &str) -> Result<String, Fault> {
        let operation = || format!("ecr:DescribeRepositories of {repository}");
        let request = self.images.describe_repositories();
        let answer = request.repository_names(repository).send().await;
        let answer = answer.map_err(|error| Fault::new(operation(), error))?;
        let found = answer.repositories().first();
        let uri = found.and_then(|found| found.repository_uri());
        uri.map(str::to_owned)
            .ok_or_else(|| Fault::other(operation(), "found no URI of the repository"))
    }

    async fn blob(&self, repository: &str, digest: &Digest) -> Result<Vec<u8>, Fault> {
        let operation = format!("ecr:GetDownloadUrlForLayer of {digest} in {repository}");
        let request = self
            .images
            .get_download_url_for_layer()
            .repository_name(repository)
            .layer_digest(digest.to_string());
        let answer = request.send().await;
        let answer = answer.map_err(|error| Fault::new(&operation, error))?;
        let url = answer
            .download_url()
            .ok_or_else(|| Fault::other(&operation, "found no URL in the answer"))?;
        // The URL is a capability: no error may tell it.
        let operation = format!("downloading {digest} of {repository}");
        let got = self.downloads.get(url, LARGEST_CONFIGURATION).await;
        got.map_err(|why| Fault::other(operation, why))
    }

    async fn add(&self, bucket: &str, key: &str, bytes: Vec<u8>) -> Result<(), Fault> {
        let request = self
            .objects
            .put_object()
            .bucket(bucket)
            .key(key)
            .content_type("application/json")
            .if_none_match("*")
            .body(ByteStream::from(bytes));
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) => {
                let fault = Fault::new(format!("s3:PutObject of s3://{bucket}/{key}"), error);
                if fault.is("PreconditionFailed") {
                    Ok(())
                } else {
                    Err(fault)
                }
            }
        }
    }
}
