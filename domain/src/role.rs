//! The way into another account or region: a role, and where Lambda takes code from there.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::document::Problem;
use crate::repository::is_account;

/// A role in another account or for another region, and the external id that it asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// The role's ARN.
    pub arn: String,
    /// The external id in its trust policy.
    pub external_id: String,
    /// The region of the functions. Left out: Sluice's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// A bucket of the role's account, in the functions' region: zip files are copied
    /// there, and Lambda takes them from there. Left out: from Sluice's own bucket,
    /// which Lambda takes in its region only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bucket: Option<String>,
    /// The account whose registry has the container images, in the functions' region.
    /// Left out: the account of the repository that the manifest names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry: Option<String>,
}

impl Role {
    /// The account that the role belongs to, as its ARN says.
    #[must_use]
    pub fn account(&self) -> Option<&str> {
        let account = self.arn.split(':').nth(4)?;
        (!account.is_empty()).then_some(account)
    }

    /// The region of the functions, where it is another one than this.
    #[must_use]
    pub fn other_region(&self, own: &str) -> Option<&str> {
        self.region.as_deref().filter(|region| *region != own)
    }

    /// The region whose functions could be given no zip file: Lambda takes them from a
    /// bucket in its own region only, and none is named there.
    #[must_use]
    pub fn lacks_bucket(&self, own: &str) -> Option<&str> {
        let there = self.other_region(own)?;
        self.bucket.is_none().then_some(there)
    }

    pub(crate) fn check(&self, problems: &mut Vec<Problem>) {
        let bucket = self.bucket.as_ref().filter(|bucket| !is_bucket(bucket));
        if let Some(bucket) = bucket {
            let message = format!("found `{bucket}`; expected a bucket's name, not its ARN or URL");
            problems.push(Problem::new("role.bucket", message));
        }
        let registry = self.registry.as_ref().filter(|id| !is_account(id));
        if let Some(registry) = registry {
            let message = format!("found `{registry}`; expected an account's ID, of twelve digits");
            problems.push(Problem::new("role.registry", message));
        }
    }
}

/// Whether S3 would take it for the name of a general purpose bucket.
fn is_bucket(name: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    (3..=63).contains(&name.len())
        && name.bytes().all(|b| is_plain(b) || b == b'-' || b == b'.')
        && name.bytes().next().is_some_and(is_plain)
        && name.bytes().last().is_some_and(is_plain)
}

/// A zip file that was copied to where its functions are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeCopy {
    /// The bucket.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// Its version. None: the bucket keeps none, and the content that Lambda took tells
    /// whether it is still this file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_id: Option<String>,
}

/// The copies that one promotion takes code from, by the keys of the manifest.
pub type CodeCopies = BTreeMap<String, CodeCopy>;

/// Where the copy of a zip file lies: the same content at the same place, whatever
/// release it belongs to, and each application's below its own name.
#[must_use]
pub fn copy_key(application: &str, digest: &Digest) -> String {
    format!("{application}/{}.zip", digest.hex())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(region: Option<&str>, bucket: Option<&str>) -> Role {
        Role {
            arn: "arn:aws:iam::444455556666:role/sluice-managed".to_owned(),
            external_id: "shop".to_owned(),
            region: region.map(str::to_owned),
            bucket: bucket.map(str::to_owned),
            registry: None,
        }
    }

    #[test]
    fn functions_of_another_region_need_a_bucket_there() {
        let own = "eu-central-1";
        let lacks = |region, bucket| role(region, bucket).lacks_bucket(own).map(str::to_owned);
        assert_eq!(lacks(None, None), None);
        assert_eq!(lacks(Some(own), None), None);
        assert_eq!(lacks(Some("us-east-1"), Some("code")), None);
        assert_eq!(lacks(Some("us-east-1"), None).as_deref(), Some("us-east-1"));
    }

    #[test]
    fn a_roles_account_stands_in_its_arn() {
        assert_eq!(role(None, None).account(), Some("444455556666"));
        let arn = "sluice-managed".to_owned();
        let nameless = Role {
            arn,
            ..role(None, None)
        };
        assert_eq!(nameless.account(), None);
    }

    #[test]
    fn only_what_s3_takes_for_a_buckets_name_is_one() {
        let problems = |bucket| {
            let mut problems = Vec::new();
            role(None, Some(bucket)).check(&mut problems);
            problems.len()
        };
        for bucket in ["code", "shop.code-1", "1ab"] {
            assert_eq!(problems(bucket), 0, "{bucket}");
        }
        let long = "x".repeat(64);
        for bucket in [
            "",
            "ab",
            "Code",
            "-code",
            "code.",
            "s3://code",
            "arn:aws:s3:::code",
            &long,
        ] {
            assert_eq!(problems(bucket), 1, "{bucket}");
        }
    }

    #[test]
    fn a_registry_is_an_accounts() {
        for (registry, expected) in [
            ("210987654321", 0),
            ("21098765432", 1),
            ("210987654321.dkr.ecr.us-east-1.amazonaws.com", 1),
            ("the-registry", 1),
        ] {
            let role = Role {
                registry: Some(registry.to_owned()),
                ..role(None, None)
            };
            let mut problems = Vec::new();
            role.check(&mut problems);
            assert_eq!(problems.len(), expected, "{registry}");
        }
    }

    #[test]
    fn the_same_content_of_an_application_has_one_place() {
        let key = copy_key("shop", &Digest::of(b"code"));
        assert_eq!(key, copy_key("shop", &Digest::of(b"code")));
        assert!(key.starts_with("shop/") && key.ends_with(".zip"), "{key}");
        assert_ne!(key, copy_key("shop", &Digest::of(b"other code")));
        assert_ne!(key, copy_key("cafe", &Digest::of(b"code")));
    }
}
