//! Copies of files, from Sluice's bucket through this function into the bucket of an
//! environment's role: neither side has to let the other one in.

use aws_config::SdkConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::types::ChecksumMode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sluice_domain::digest::Digest;
use sluice_platform::aws::PerAccount;
use sluice_platform::fault::Fault;

use super::objects::object;
use crate::{Copies, CopyError, Near, Object, Place};

/// Buckets near functions, and the files that are copied there.
pub struct Buckets {
    region: String,
    own: Client,
    there: PerAccount<Client>,
}

impl Buckets {
    /// Builds the clients once.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self {
            region: config.region().map(ToString::to_string).unwrap_or_default(),
            own: Client::new(config),
            there: PerAccount::new(config, Client::new),
        }
    }
}

impl Copies for Buckets {
    fn region(&self) -> &str {
        &self.region
    }

    async fn find(
        &self,
        near: &Near<'_>,
        key: &str,
        version_id: Option<&str>,
    ) -> Result<Option<Object>, CopyError> {
        let client = self.there.of(Some(near.role), near.id).await;
        let request = client
            .head_object()
            .bucket(near.bucket)
            .key(key)
            .set_version_id(version_id.map(str::to_owned))
            .set_expected_bucket_owner(near.role.account().map(str::to_owned))
            .checksum_mode(ChecksumMode::Enabled);
        match request.send().await {
            Ok(head) => Ok(Some(object(&head))),
            Err(error) if error.as_service_error().is_some_and(|it| it.is_not_found()) => Ok(None),
            Err(error) => Err(self.sorted("s3:HeadObject", near, key, error)),
        }
    }

    async fn copy(
        &self,
        from: &Place,
        digest: &Digest,
        near: &Near<'_>,
        key: &str,
    ) -> Result<Option<String>, CopyError> {
        let reading = || format!("s3:GetObject of {from}");
        let source = self
            .own
            .get_object()
            .bucket(&from.bucket)
            .key(&from.key)
            .version_id(&from.version_id);
        let source = source
            .send()
            .await
            .map_err(|error| Fault::new(reading(), error))?;
        let length = source.content_length();
        let length = length.ok_or_else(|| Fault::other(reading(), "the answer has no length"))?;
        // With the digest beside it, S3 takes no other bytes than these.
        let client = self.there.of(Some(near.role), near.id).await;
        let request = client
            .put_object()
            .bucket(near.bucket)
            .key(key)
            .set_expected_bucket_owner(near.role.account().map(str::to_owned))
            .content_length(length)
            .checksum_sha256(STANDARD.encode(digest.bytes()))
            .body(source.body);
        match request.send().await {
            Ok(put) => Ok(put.version_id),
            Err(error) => Err(self.sorted("s3:PutObject", near, key, error)),
        }
    }
}

/// What S3 tells of a refusal beside its words.
struct Answer<'a> {
    status: u16,
    /// The region in which the bucket is.
    region: Option<&'a str>,
}

impl Buckets {
    fn sorted<E>(
        &self,
        action: &str,
        near: &Near<'_>,
        key: &str,
        error: SdkError<E, HttpResponse>,
    ) -> CopyError
    where
        E: std::error::Error + ProvideErrorMetadata + 'static,
    {
        let operation = format!("{action} of {}", near.place_of(key));
        let response = error.raw_response().map(|response| {
            let region = response.headers().get("x-amz-bucket-region");
            (response.status().as_u16(), region.map(str::to_owned))
        });
        let fault = Fault::new(operation, error);
        let answer = response.as_ref().map(|(status, region)| Answer {
            status: *status,
            region: region.as_deref(),
        });
        let expected = near.role.region.as_deref().unwrap_or(&self.region);
        sort(fault, answer, near, expected)
    }
}

/// By how to react. What HEAD is refused with has a status and no words.
fn sort(fault: Fault, answer: Option<Answer<'_>>, near: &Near<'_>, expected: &str) -> CopyError {
    let Some(Answer { status, region }) = answer else {
        return fault.into();
    };
    let elsewhere = region.filter(|found| *found != expected);
    match (status, fault.code.as_deref()) {
        (_, Some("BadDigest")) => CopyError::Different,
        (301, _) | (_, Some("PermanentRedirect" | "AuthorizationHeaderMalformed")) => {
            let found = elsewhere.unwrap_or("another region");
            CopyError::Refused(format!(
                "the bucket is in {found}, the functions are in {expected}, and Lambda takes code in its own region only; \
                 name a bucket there (`role.bucket`)"
            ))
        }
        (400, _) if elsewhere.is_some() => sort(
            fault,
            Some(Answer {
                status: 301,
                region,
            }),
            near,
            expected,
        ),
        (_, Some("NoSuchBucket")) => {
            CopyError::Refused("there is no such bucket; create it, or mend `role.bucket`".into())
        }
        (403, _) => CopyError::Refused(format!(
            "{} is denied ({}); allow s3:GetObject, s3:PutObject and s3:ListBucket to {}, and what the bucket's key asks \
             for. The bucket has to belong to the role's account",
            fault.operation, fault.message, near.role.arn
        )),
        _ => fault.into(),
    }
}

#[cfg(test)]
mod tests {
    use sluice_domain::promotion::PromotionId;
    use sluice_domain::role::Role;

    use super::*;

    fn sorted(code: Option<&str>, status: u16, region: Option<&str>) -> CopyError {
        let id: PromotionId = "shop/prod/1.0.0/1".parse().expect("a promotion");
        let role = Role {
            arn: "arn:aws:iam::444455556666:role/sluice-managed".to_owned(),
            external_id: "shop".to_owned(),
            region: Some("us-east-1".to_owned()),
            bucket: Some("code".to_owned()),
            registry: None,
        };
        let near = Near {
            id: &id,
            role: &role,
            bucket: "code",
        };
        let fault = Fault {
            operation: "s3:PutObject of s3://code/shop/1.zip".to_owned(),
            code: code.map(str::to_owned),
            message: "S3 says so".to_owned(),
        };
        sort(fault, Some(Answer { status, region }), &near, "us-east-1")
    }

    fn reason(code: Option<&str>, status: u16, region: Option<&str>) -> String {
        match sorted(code, status, region) {
            CopyError::Refused(reason) => reason,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_bucket_in_another_region_is_told_with_both_regions() {
        let there = Some("eu-west-1");
        let refusals = [
            reason(None, 301, there),
            reason(None, 400, there),
            reason(Some("PermanentRedirect"), 301, there),
            reason(Some("AuthorizationHeaderMalformed"), 400, there),
        ];
        for refusal in refusals {
            assert!(refusal.contains("is in eu-west-1"), "{refusal}");
            assert!(refusal.contains("are in us-east-1"), "{refusal}");
        }
    }

    #[test]
    fn a_denied_copy_is_told_with_the_role_and_what_to_allow() {
        for code in [Some("AccessDenied"), None] {
            let refusal = reason(code, 403, Some("us-east-1"));
            assert!(
                refusal.contains("s3:PutObject and s3:ListBucket"),
                "{refusal}"
            );
            assert!(refusal.contains(":role/sluice-managed"), "{refusal}");
        }
        let refusal = reason(Some("NoSuchBucket"), 404, None);
        assert!(refusal.contains("`role.bucket`"), "{refusal}");
    }

    #[test]
    fn other_bytes_are_told_from_a_failure_that_passes() {
        assert!(matches!(
            sorted(Some("BadDigest"), 400, None),
            CopyError::Different
        ));
        for (code, status) in [("SlowDown", 503), ("InternalError", 500)] {
            let error = sorted(Some(code), status, Some("us-east-1"));
            assert!(matches!(error, CopyError::Fault(fault) if fault.is(code)));
        }
    }
}
