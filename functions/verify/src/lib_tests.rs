use sluice_domain::digest::Digest;
use sluice_domain::document::Invalid;
use sluice_platform::bundle::BundleError;
use sluice_platform::lambda::Named as _;

use super::*;

#[path = "copies_tests.rs"]
mod copies;
#[path = "earlier_tests.rs"]
mod earlier;
#[path = "evidence_tests.rs"]
mod evidence;
#[path = "fakes.rs"]
mod fakes;
#[path = "migrations_tests.rs"]
mod migrations_tests;
#[path = "replicas_tests.rs"]
mod replicas;
#[path = "tags_tests.rs"]
mod tags_tests;

use fakes::{World, content, patience};

const BUNDLE: &str = include_str!("../../../events/verify/bundle.json");
const IMAGES: &str = include_str!("../../../events/verify/images.json");
const MISSING_ARTIFACT: &str = include_str!("../../../events/verify/missing-artifact.json");
const DIGEST_MISMATCH: &str = include_str!("../../../events/verify/digest-mismatch.json");
const CHANGED_MANIFEST: &str = include_str!("../../../events/verify/changed-manifest.json");
const MISSING_MANIFEST: &str = include_str!("../../../events/verify/missing-manifest.json");
const OTHER_RELEASE: &str = include_str!("../../../events/verify/other-release.json");
const TAKEN: &str = include_str!("../../../events/verify/taken.json");
const MALFORMED: &str = include_str!("../../../events/verify/malformed.json");
const UNKNOWN_FIELD: &str = include_str!("../../../events/verify/unknown-field.json");

async fn hand(world: &World, event: &str) -> Result<Output, Error> {
    let verify = Verify {
        promotions: world,
        bundles: world,
        objects: world,
        copies: world,
        images: world,
        environments: world,
        ledger: world,
        scanner: Scanner::new().expect("patterns"),
        patience: patience(),
        migrator: "arn:aws:lambda:eu-west-1:123456789012:function:sluice-migrate:7".to_owned(),
    };
    let input = serde_json::from_str(event).expect("the input is understood");
    verify.handle(input, Timestamp::UNIX_EPOCH).await
}

/// Hands over an input that must be refused under this name; nothing may be
/// pinned or recorded as verified.
async fn refusal(world: &World, event: &str, name: &str) -> String {
    let error = hand(world, event).await.expect_err("must be refused");
    assert_eq!(error.name(), name, "{error}");
    assert!(world.pins().is_empty(), "nothing is pinned");
    assert!(
        world.verified().is_empty(),
        "nothing is recorded as verified"
    );
    error.to_string()
}

fn pins(pins: &[(&str, &str)]) -> Pins {
    pins.iter()
        .map(|(key, version)| ((*key).to_owned(), (*version).to_owned()))
        .collect()
}

#[tokio::test]
async fn a_bundle_is_verified_pinned_and_recorded() {
    let world = World::with_release("1.1.0");
    let output = hand(&world, BUNDLE).await.expect("verified");
    assert_eq!(
        output,
        Output {
            artifacts: 3,
            images: 0,
            migrations: None,
            operation: None,
        }
    );
    let expected = pins(&[
        ("catalog.zip", "v-catalog.zip"),
        ("checkout.zip", "v-checkout.zip"),
        ("tests/junit.xml", "v-tests/junit.xml"),
    ]);
    assert_eq!(world.pins(), expected);
    let (promotion, facts) = world.verified().remove(0);
    assert_eq!(promotion, "storefront/dev/1.1.0/1");
    assert_eq!(facts["pins"]["checkout.zip"], "v-checkout.zip");
}

#[tokio::test]
async fn content_is_read_only_where_s3_has_no_digest_of_the_whole_object() {
    let world = World::with_release("1.1.0");
    hand(&world, BUNDLE).await.expect("verified");
    assert_eq!(world.hashed(), Vec::<String>::new());

    let world = World::with_release("1.1.0");
    world.forget_digest("storefront/1.1.0/checkout.zip");
    hand(&world, BUNDLE).await.expect("verified");
    assert_eq!(
        world.hashed(),
        ["s3://sluice-artifacts/storefront/1.1.0/checkout.zip version v-checkout.zip"]
    );
}

#[tokio::test]
async fn verifying_again_under_the_same_execution_changes_nothing() {
    let world = World::with_release("1.1.0");
    let first = hand(&world, BUNDLE).await.expect("verified");
    assert_eq!(hand(&world, BUNDLE).await.expect("verified"), first);
    assert_eq!(world.verified().len(), 1);
}

#[tokio::test]
async fn a_promotion_that_another_execution_owns_is_left_alone() {
    let world = World::with_release("1.1.0");
    hand(&world, BUNDLE).await.expect("verified");
    let before = world.pins();
    let error = hand(&world, TAKEN).await.expect_err("must be refused");
    assert_eq!(error.name(), "PromotionTaken");
    assert!(
        error
            .to_string()
            .contains("storefront/dev/1.1.0/1 is not arn:aws:states"),
        "{error}"
    );
    assert_eq!(world.pins(), before);
}

#[tokio::test]
async fn a_missing_artifact_is_refused_with_its_key() {
    let world = World::with_release("1.1.1");
    world.remove("storefront/1.1.1/checkout.zip");
    let message = refusal(&world, MISSING_ARTIFACT, "ArtifactMissing").await;
    assert!(
        message.contains("storefront/1.1.1/checkout.zip is not in bucket sluice-artifacts"),
        "{message}"
    );
}

#[tokio::test]
async fn a_digest_mismatch_is_refused_with_key_found_and_expected() {
    for knows_digest in [true, false] {
        let world = World::with_release("1.1.2");
        world.replace("storefront/1.1.2/checkout.zip", b"somebody else's code");
        if !knows_digest {
            world.forget_digest("storefront/1.1.2/checkout.zip");
        }
        let message = refusal(&world, DIGEST_MISMATCH, "DigestMismatch").await;
        let (found, expected) = (
            Digest::of(b"somebody else's code"),
            Digest::of(&content("checkout.zip")),
        );
        let sentence =
            format!("storefront/1.1.2/checkout.zip has digest {found}; expected {expected}");
        assert!(message.contains(&sentence), "{message}");
    }
}

#[tokio::test]
async fn all_problems_of_all_artifacts_are_told_at_once() {
    let world = World::with_release("1.1.2");
    world.remove("storefront/1.1.2/catalog.zip");
    world.remove("storefront/1.1.2/tests/junit.xml");
    world.replace("storefront/1.1.2/checkout.zip", b"x");
    let message = refusal(&world, DIGEST_MISMATCH, "DigestMismatch").await;
    for part in [
        "catalog.zip is not in",
        "checkout.zip has digest",
        "tests/junit.xml is not in",
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
}

#[tokio::test]
async fn an_artifact_that_cannot_be_pinned_is_refused() {
    for version in [None, Some("null")] {
        let world = World::with_release("1.1.0");
        world.set_version("storefront/1.1.0/checkout.zip", version);
        let message = refusal(&world, BUNDLE, "BundleInvalid").await;
        assert!(
            message.contains("checkout.zip in bucket sluice-artifacts has no S3 version"),
            "{message}"
        );
    }
}

#[tokio::test]
async fn a_manifest_that_changed_after_the_release_started_is_refused() {
    let world = World::with_release("1.1.0");
    let message = refusal(&world, CHANGED_MANIFEST, "DigestMismatch").await;
    assert!(
        message.contains("storefront/1.1.0/release.json has digest sha256:9f86"),
        "{message}"
    );
}

#[tokio::test]
async fn a_missing_manifest_is_refused_with_its_key() {
    let world = World::with_release("1.1.0");
    let message = refusal(&world, MISSING_MANIFEST, "ArtifactMissing").await;
    assert!(
        message.contains("there is no storefront/9.9.9/release.json"),
        "{message}"
    );
}

#[tokio::test]
async fn a_manifest_of_another_release_is_refused() {
    let world = World::with_release("1.1.0");
    let message = refusal(&world, OTHER_RELEASE, "BundleInvalid").await;
    assert!(
        message.contains("a manifest of storefront 1.1.0; expected one of storefront 1.2.0"),
        "{message}"
    );
}

#[tokio::test]
async fn images_are_looked_up_by_digest() {
    let world = World::with_images(
        "1.4.0",
        "123456789012.dkr.ecr.eu-central-1.amazonaws.com/storefront/checkout",
    );
    let output = hand(&world, IMAGES).await.expect("verified");
    assert_eq!(
        output,
        Output {
            artifacts: 2,
            images: 1,
            migrations: None,
            operation: None,
        }
    );

    let world = World::with_images(
        "1.4.0",
        "123456789012.dkr.ecr.eu-central-1.amazonaws.com/storefront/gone",
    );
    let message = refusal(&world, IMAGES, "ArtifactMissing").await;
    assert!(
        message.contains(
            "there is no image 123456789012.dkr.ecr.eu-central-1.amazonaws.com/storefront/gone@sha256:"
        ),
        "{message}"
    );

    let world = World::with_images("1.4.0", "docker.io/storefront/checkout");
    let message = refusal(&world, IMAGES, "BundleInvalid").await;
    assert!(
        message.contains("found image repository `docker.io/storefront/checkout`"),
        "{message}"
    );
}

#[tokio::test]
async fn several_artifacts_are_looked_at_side_by_side_but_never_more_than_the_bound() {
    let world = World::with_release("1.1.0");
    world.add_evidence("1.1.0", 50);
    let output = hand(&world, BUNDLE).await.expect("verified");
    assert_eq!(output.artifacts, 53);
    assert_eq!(world.most_at_once(), AT_ONCE);
}

#[tokio::test]
async fn a_failed_call_is_told_as_such_and_not_as_a_problem_of_the_bundle() {
    for operation in [
        "open", "manifest", "settings", "attempts", "pins", "find", "read", "spool", "pin",
        "function", "remember", "record",
    ] {
        let world = World::with_release("1.1.0");
        world.begin(BUNDLE, &["dev"]);
        world.fail_next(operation);
        let error = hand(&world, BUNDLE).await.expect_err("the call failed");
        assert_eq!(error.name(), "Throttled", "{operation}");
        hand(&world, BUNDLE)
            .await
            .expect("verified at the second try");
        assert_eq!(world.verified().len(), 1, "{operation}");
    }
}

#[test]
fn names_of_manifest_errors_are_those_that_state_machines_know() {
    let invalid = Error::Bundle(BundleError::Invalid(Invalid {
        document: "release.json".into(),
        problems: vec![],
    }));
    let too_large = Error::Bundle(BundleError::TooLarge {
        key: "release.json".into(),
        size: 2_000_000,
    });
    assert_eq!(
        (invalid.name(), too_large.name()),
        ("BundleInvalid", "BundleInvalid")
    );
}

#[test]
fn malformed_inputs_are_refused_with_the_field() {
    let error = serde_json::from_str::<Input>(MALFORMED)
        .expect_err("no promotion")
        .to_string();
    assert!(
        error.contains("`storefront/dev/1.1.0` names no promotion"),
        "{error}"
    );
    let error = serde_json::from_str::<Input>(UNKNOWN_FIELD)
        .expect_err("unknown field")
        .to_string();
    assert!(error.contains("unknown field `skip_digests`"), "{error}");
}
