//! Puts a bundle into the artifacts bucket: `release.json` last, since its
//! arrival is what starts a release.

use std::collections::BTreeMap;

use aws_config::SdkConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumMode, ChecksumType};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sluice_domain::digest::Digest;
use sluice_platform::fault::Fault;

use crate::pack::{Bundle, RELEASE_JSON};

/// Writes to the artifacts bucket.
pub struct Uploader {
    client: Client,
    bucket: String,
}

/// What an upload did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Uploaded {
    /// Files that were sent.
    pub sent: usize,
    /// Files that were there already.
    pub kept: usize,
}

impl Uploader {
    /// For this bucket.
    #[must_use]
    pub fn new(config: &SdkConfig, bucket: impl Into<String>) -> Self {
        Self {
            client: Client::new(config),
            bucket: bucket.into(),
        }
    }

    /// The folder of a bundle.
    #[must_use]
    pub fn folder(bundle: &Bundle) -> String {
        format!(
            "{}/{}",
            bundle.manifest.application, bundle.manifest.version
        )
    }

    /// Uploads what is not there yet, `release.json` last and always: its
    /// arrival is the request.
    ///
    /// # Errors
    /// When S3 fails.
    pub async fn send(&self, bundle: &Bundle) -> Result<Uploaded, Fault> {
        let folder = Self::folder(bundle);
        let mut uploaded = self.send_files(&folder, &bundle.files).await?;
        self.put(&format!("{folder}/{RELEASE_JSON}"), &bundle.release_json)
            .await?;
        uploaded.sent += 1;
        Ok(uploaded)
    }

    /// Uploads what is not there, and nothing if all of it is. A `release.json`
    /// that has to be sent asks for a release that is known already.
    ///
    /// # Errors
    /// When S3 fails.
    pub async fn complete(&self, bundle: &Bundle) -> Result<Uploaded, Fault> {
        let folder = Self::folder(bundle);
        let mut uploaded = self.send_files(&folder, &bundle.files).await?;
        let manifest = BTreeMap::from([(RELEASE_JSON.to_owned(), bundle.release_json.clone())]);
        let last = self.send_files(&folder, &manifest).await?;
        uploaded.sent += last.sent;
        uploaded.kept += last.kept;
        Ok(uploaded)
    }

    async fn send_files(
        &self,
        folder: &str,
        files: &BTreeMap<String, Vec<u8>>,
    ) -> Result<Uploaded, Fault> {
        let mut uploaded = Uploaded::default();
        for (name, bytes) in files {
            let key = format!("{folder}/{name}");
            if self.holds(&key, &checksum(bytes)).await {
                uploaded.kept += 1;
            } else {
                self.put(&key, bytes).await?;
                uploaded.sent += 1;
            }
        }
        Ok(uploaded)
    }

    /// Whether S3 itself has seen these bytes there. In doubt it has not.
    async fn holds(&self, key: &str, checksum: &str) -> bool {
        let request = self
            .client
            .head_object()
            .bucket(&self.bucket)
            .key(key)
            .checksum_mode(ChecksumMode::Enabled);
        let Ok(there) = request.send().await else {
            return false;
        };
        let whole = there
            .checksum_type()
            .is_none_or(|kind| *kind == ChecksumType::FullObject);
        whole && there.checksum_sha256() == Some(checksum)
    }

    async fn put(&self, key: &str, bytes: &[u8]) -> Result<(), Fault> {
        let request = self
            .client
            .put_object()
            .bucket(&self.bucket)
            .key(key)
            .checksum_algorithm(ChecksumAlgorithm::Sha256)
            .checksum_sha256(checksum(bytes))
            .body(ByteStream::from(bytes.to_vec()));
        let operation = format!("s3:PutObject of s3://{}/{key}", self.bucket);
        request
            .send()
            .await
            .map_err(|error| Fault::new(operation, error))?;
        Ok(())
    }
}

/// SHA-256 as S3 writes it.
fn checksum(bytes: &[u8]) -> String {
    STANDARD.encode(Digest::of(bytes).bytes())
}

#[cfg(test)]
mod tests {
    use super::checksum;

    #[test]
    fn checksums_are_written_as_s3_does() {
        // The S3 documentation's own example value: SHA-256 of the empty object.
        assert_eq!(
            checksum(b""),
            "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
        );
    }
}
