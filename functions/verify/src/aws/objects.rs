//! Files in S3.

use std::io::{Seek as _, Write as _};

use aws_config::SdkConfig;
use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::types::{ChecksumMode, ChecksumType};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sluice_domain::digest::{Digest, Hasher};
use sluice_platform::fault::Fault;

use crate::nameless::nameless;
use crate::{Object, Objects, Place, Spooled};

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
            Ok(head) => Ok(Some(object(&head))),
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

    async fn hash(&self, place: &Place) -> Result<Digest, Fault> {
        let mut hash = Hasher::default();
        self.stream(place, |chunk| {
            hash.update(chunk);
            Ok(())
        })
        .await?;
        Ok(hash.finish())
    }

    async fn read(&self, place: &Place) -> Result<Vec<u8>, Fault> {
        let mut bytes = Vec::new();
        self.stream(place, |chunk| {
            bytes.extend_from_slice(chunk);
            Ok(())
        })
        .await?;
        Ok(bytes)
    }

    async fn spool(&self, place: &Place, hash: bool) -> Result<Spooled, Fault> {
        let failed = |error| Fault::other(format!("keeping {place} on disk"), error);
        let mut file = nameless().map_err(failed)?;
        let mut hashed = hash.then(Hasher::default);
        self.stream(place, |chunk| {
            if let Some(hash) = &mut hashed {
                hash.update(chunk);
            }
            file.write_all(chunk)
        })
        .await?;
        file.rewind().map_err(failed)?;
        Ok(Spooled {
            file,
            digest: hashed.map(Hasher::finish),
        })
    }
}

impl S3 {
    /// Hands the content over, piece by piece.
    async fn stream(
        &self,
        place: &Place,
        mut take: impl FnMut(&[u8]) -> std::io::Result<()>,
    ) -> Result<(), Fault> {
        let operation = || format!("s3:GetObject of {place}");
        let request = self
            .0
            .get_object()
            .bucket(&place.bucket)
            .key(&place.key)
            .version_id(&place.version_id);
        let answer = request
            .send()
            .await
            .map_err(|error| Fault::new(operation(), error))?;
        let mut body = answer.body;
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(|error| Fault::other(operation(), error))?;
            take(&chunk).map_err(|error| Fault::other(operation(), error))?;
        }
        Ok(())
    }
}

/// What S3 tells of an object.
pub(super) fn object(head: &HeadObjectOutput) -> Object {
    let size = head.content_length();
    Object {
        version_id: head.version_id().map(str::to_owned),
        digest: whole_object_digest(head.checksum_type(), head.checksum_sha256()),
        size: size
            .and_then(|length| u64::try_from(length).ok())
            .unwrap_or_default(),
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
