//! Pins, and where those of a bundle that was promoted before are.
//!
//! A bundle digest stands for the digests of all its files. What one promotion
//! of it pinned is therefore right for each later one, whatever has happened to
//! the current objects since.

use std::collections::BTreeMap;

use sluice_domain::promotion::{BundleRef, PromotionId};
use sluice_platform::store::Release;

/// The S3 VersionIds of a bundle's files, by the key that the manifest uses.
pub type Pins = BTreeMap<String, String>;

/// The promotions that may have pinned the files of this bundle, at this place:
/// the latest first, since S3 forgets replaced versions in their order.
pub(crate) fn promotions_of(
    bundle: &BundleRef,
    attempts: &[Release],
) -> impl Iterator<Item = PromotionId> {
    let is_same = |other: &BundleRef| {
        (&other.bucket, &other.key, &other.digest) == (&bundle.bucket, &bundle.key, &bundle.digest)
    };
    attempts
        .iter()
        .rev()
        .filter(move |attempt| is_same(&attempt.bundle))
        .flat_map(|attempt| {
            let environments = attempt.environments.iter().rev();
            environments.map(|environment| attempt.promotion(environment))
        })
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sluice_domain::digest::Digest;

    use super::*;

    fn attempt(attempt: u32, digest: &Digest, environments: &[&str]) -> Release {
        let release = json!({
            "application": "storefront",
            "version": "1.1.0",
            "bundle": {
                "bucket": "sluice-artifacts",
                "key": "storefront/1.1.0/release.json",
                "version_id": format!("v{attempt}"),
                "digest": digest,
            },
            "attempt": attempt,
            "environments": environments,
            "execution_arn": "execution",
            "requested_by": "ada",
            "requested_at": "2026-11-02T09:00:00Z",
        });
        serde_json::from_value(release).expect("an attempt")
    }

    fn found(bundle: &BundleRef, attempts: &[Release]) -> Vec<String> {
        promotions_of(bundle, attempts)
            .map(|id| id.to_string())
            .collect()
    }

    #[test]
    fn the_latest_promotion_of_the_latest_attempt_comes_first() {
        let digest = Digest::of(b"bundle");
        let attempts = [
            attempt(1, &digest, &["dev", "prod"]),
            attempt(2, &digest, &["prod"]),
        ];
        assert_eq!(
            found(&attempts[1].bundle, &attempts),
            [
                "storefront/prod/1.1.0/2",
                "storefront/prod/1.1.0/1",
                "storefront/dev/1.1.0/1"
            ]
        );
    }

    #[test]
    fn only_promotions_of_the_same_bundle_at_the_same_place_count() {
        let attempts = [attempt(1, &Digest::of(b"bundle"), &["dev"])];
        let bundle = attempts[0].bundle.clone();
        assert_eq!(found(&bundle, &attempts), ["storefront/dev/1.1.0/1"]);
        let others = [
            BundleRef {
                digest: Digest::of(b"another"),
                ..bundle.clone()
            },
            BundleRef {
                bucket: "another".into(),
                ..bundle.clone()
            },
            BundleRef {
                key: "aside.json".into(),
                ..bundle
            },
        ];
        for other in others {
            assert_eq!(found(&other, &attempts), Vec::<String>::new(), "{other:?}");
        }
    }
}
