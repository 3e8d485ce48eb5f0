//! Bad input, and input that asks for nothing.

use super::*;

const ARTIFACT: &str = include_str!("../../../events/intake/s3-artifact.json");
const OTHER_BUCKET: &str = include_str!("../../../events/intake/s3-other-bucket.json");
const WRONG_FOLDER: &str = include_str!("../../../events/intake/s3-wrong-folder.json");
const OTHER_VERSION: &str = include_str!("../../../events/intake/s3-other-version.json");
const UNKNOWN_APPLICATION: &str =
    include_str!("../../../events/intake/s3-unknown-application.json");
const INVALID_SETTINGS: &str = include_str!("../../../events/intake/s3-invalid-settings.json");
const INVALID_MANIFEST: &str = include_str!("../../../events/intake/s3-invalid-manifest.json");
const MALFORMED: &str = include_str!("../../../events/intake/malformed.json");
const FOREIGN: &str = include_str!("../../../events/intake/foreign.json");
const PUSHED: &str = include_str!("../../../events/intake/ecr-push.json");
const PUSHED_LATEST: &str = include_str!("../../../events/intake/ecr-push-latest.json");
const PUSHED_UNTAGGED: &str = include_str!("../../../events/intake/ecr-push-untagged.json");
const PUSHED_ELSEWHERE: &str =
    include_str!("../../../events/intake/ecr-push-other-repository.json");
const DELETED: &str = include_str!("../../../events/intake/ecr-delete.json");
const MISSING_BUNDLE: &str = include_str!("../../../events/intake/manual-missing-bundle.json");
const MISSPELLED: &str = include_str!("../../../events/intake/manual-misspelled.json");
const OTHER_KEY: &str = include_str!("../../../events/intake/manual-other-key.json");

#[tokio::test]
async fn a_malformed_event_is_refused_with_the_field_that_is_missing() {
    let world = World::with_bundle("storefront", "1.1.0");
    let message = refusal(&world, MALFORMED, "InvalidEvent", "release/unknown").await;
    assert!(message.contains("missing field `key`"), "{message}");
    let message = refusal(&world, FOREIGN, "InvalidEvent", "release/unknown").await;
    assert!(
        message.contains("found a `Scheduled Event` of `aws.events`"),
        "{message}"
    );
    for event in ["null", "[]", "{}", "\"release\""] {
        refusal(&world, event, "InvalidEvent", "release/unknown").await;
    }
}

#[tokio::test]
async fn the_same_refusal_is_recorded_once_and_told_each_time() {
    let world = World::default();
    refusal(&world, MALFORMED, "InvalidEvent", "release/unknown").await;
    refusal(&world, MALFORMED, "InvalidEvent", "release/unknown").await;
    assert_eq!(world.entries(), 1);
    world.fail_next("record");
    assert_eq!(
        hand(&world, FOREIGN).await.expect_err("refused").name(),
        "InvalidEvent"
    );
}

#[tokio::test]
async fn a_misspelled_field_of_a_request_is_refused_with_its_name() {
    let world = World::with_bundle("storefront", "1.1.0");
    let message = refusal(&world, MISSPELLED, "InvalidEvent", "release/unknown").await;
    assert!(message.contains("unknown field `agian`"), "{message}");
}

#[tokio::test]
async fn a_request_needs_a_person_and_an_applications_name() {
    let world = World::with_bundle("storefront", "1.1.0");
    let nobody = r#"{"application":"storefront","version":"1.1.0","requested_by":" "}"#;
    assert!(
        refusal(&world, nobody, "InvalidEvent", "release/unknown")
            .await
            .contains("requested_by: found 0 bytes; expected 1 to 500")
    );
    let path = r#"{"application":"../storefront","version":"1.1.0","requested_by":"ada"}"#;
    assert!(
        refusal(&world, path, "InvalidEvent", "release/unknown")
            .await
            .contains("found `../storefront`")
    );
}

#[tokio::test]
async fn an_unknown_application_is_refused_with_the_way_to_set_it_up() {
    let world = World::with_bundle("warehouse", "1.0.0");
    let message = refusal(
        &world,
        UNKNOWN_APPLICATION,
        "UnknownApplication",
        "release/warehouse/1.0.0",
    )
    .await;
    assert!(
        message.contains("`warehouse` has no environment") && message.contains("sluice env put"),
        "{message}"
    );
}

#[tokio::test]
async fn invalid_settings_are_refused_with_the_parameter_and_the_field() {
    let world = World::with_bundle("billing", "2.0.0");
    world.set(
        "billing",
        "prod",
        &json!({"schema": 1, "order": 1, "functions": {}, "stpes": []}),
    );
    let message = refusal(
        &world,
        INVALID_SETTINGS,
        "InvalidSettings",
        "release/billing/2.0.0",
    )
    .await;
    assert!(
        message.contains("/sluice/billing/prod") && message.contains("unknown field `stpes`"),
        "{message}"
    );
}

#[tokio::test]
async fn an_invalid_manifest_is_refused_with_all_its_problems() {
    let world = World::with_bundle("storefront", "1.3.0");
    world.put_changed("storefront", "1.3.0", |manifest| {
        manifest["commit"] = "main".into();
        manifest["functions"] = json!({});
    });
    let message = refusal(
        &world,
        INVALID_MANIFEST,
        "InvalidManifest",
        "release/storefront/1.3.0",
    )
    .await;
    assert!(
        message.contains("commit: found `main`") && message.contains("functions: found none"),
        "{message}"
    );
}

#[tokio::test]
async fn a_bundle_that_is_not_there_is_refused_with_its_key() {
    let world = World::with_bundle("storefront", "1.1.0");
    let message = refusal(
        &world,
        MISSING_BUNDLE,
        "BundleMissing",
        "release/storefront/9.9.9",
    )
    .await;
    assert!(
        message.contains("storefront/9.9.9/release.json"),
        "{message}"
    );
}

#[tokio::test]
async fn a_bucket_without_versions_is_refused() {
    let world = World::with_bundle("storefront", "1.1.0");
    world.stop_versioning();
    let message = refusal(&world, MANUAL, "BundleMissing", "release/storefront/1.1.0").await;
    assert!(message.contains("turn versioning on"), "{message}");
}

#[tokio::test]
async fn a_manifest_in_a_folder_of_another_name_is_refused() {
    let world = World::with_bundle("storefront", "1.1.0");
    let message = refusal(
        &world,
        WRONG_FOLDER,
        "BundlePathMismatch",
        "release/unknown",
    )
    .await;
    assert!(
        message.contains("storefront/latest/release.json"),
        "{message}"
    );

    let other_key = refusal(&world, OTHER_KEY, "BundlePathMismatch", "release/unknown").await;
    assert!(
        other_key.contains("the folder of storefront 1.0.0"),
        "{other_key}"
    );

    world.copy(
        "storefront/1.1.0/release.json",
        "storefront/1.2.0/release.json",
    );
    let message = refusal(
        &world,
        OTHER_VERSION,
        "BundlePathMismatch",
        "release/storefront/1.2.0",
    )
    .await;
    assert!(
        message.contains("found a manifest of storefront 1.1.0; expected one of storefront 1.2.0"),
        "{message}"
    );
}

#[tokio::test]
async fn objects_that_are_no_manifests_of_this_bucket_are_ignored() {
    let world = World::with_bundle("storefront", "1.1.0");
    assert!(
        ignored(&world, ARTIFACT)
            .await
            .contains("checkout.zip is no manifest")
    );
    assert!(
        ignored(&world, OTHER_BUCKET)
            .await
            .contains("is in bucket somebody-elses")
    );
}

#[tokio::test]
async fn a_pushed_image_starts_the_release_whose_manifest_names_it() {
    let world = World::with_image("storefront", "1.4.0");
    let output = hand(&world, PUSHED).await.expect("started");
    assert_eq!(
        (output.outcome, output.attempt),
        (Outcome::Started, Some(1))
    );
    assert!(
        world.releases()[0]
            .requested_by
            .starts_with("ecr:storefront/checkout@sha256:7f5b2640")
    );
}

#[tokio::test]
async fn a_pushed_image_that_its_manifest_does_not_name_is_refused() {
    let world = World::with_image("storefront", "1.4.0");
    let other = Digest::of(b"another build");
    world.put_changed("storefront", "1.4.0", |m| {
        m["functions"]["checkout"]["image"]["digest"] = json!(other)
    });
    let message = refusal(
        &world,
        PUSHED,
        "InvalidManifest",
        "release/storefront/1.4.0",
    )
    .await;
    assert!(
        message.contains("names no image storefront/checkout@sha256:7f5b2640"),
        "{message}"
    );
}

#[tokio::test]
async fn pushes_that_are_no_releases_are_ignored_with_the_reason() {
    let world = World::with_image("storefront", "1.1.0");
    for (event, reason) in [
        (PUSHED, "the release starts when it is uploaded"),
        (
            PUSHED_LATEST,
            "storefront/checkout:latest names another image after each push, so no release starts",
        ),
        (PUSHED_UNTAGGED, "without a tag"),
        (
            PUSHED_ELSEWHERE,
            "write its name to parameter /sluice-repositories/tools/linter",
        ),
        (DELETED, "DELETE in storefront/checkout"),
    ] {
        let message = ignored(&world, event).await;
        assert!(message.contains(reason), "{message}");
    }
}
