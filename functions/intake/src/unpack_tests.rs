//! Pushes of images that carry their manifest in a label.

use super::*;

const PUSHED: &str = include_str!("../../../events/intake/ecr-push.json");
const KEY: &str = "storefront/1.4.0/release.json";

/// A template of storefront 1.4.0, whose only function runs the image.
fn template() -> Value {
    json!({
        "schema": 1,
        "application": "storefront",
        "version": "1.4.0",
        "commit": "0123456789012345678901234567890123456789",
        "author": {"name": "Ada", "email": "ada@example.com"},
        "functions": {"checkout": {"configuration": {"memory_mb": 512}}},
    })
}

/// The storefront's settings, and nothing in the bucket under version 1.4.0.
fn world() -> World {
    World::with_bundle("storefront", "1.1.0")
}

/// Pushes an image with these labels; the event that ECR sends for its version.
fn push(world: &World, labels: Value) -> String {
    let configuration = json!({"config": {"Labels": labels}}).to_string();
    let digest = Digest::of(configuration.as_bytes());
    world.store_blob(&digest, configuration.as_bytes());
    let manifest =
        json!({"schemaVersion": 2, "config": {"digest": digest, "size": configuration.len()}});
    push_manifest(world, &manifest)
}

fn push_manifest(world: &World, manifest: &Value) -> String {
    let manifest = manifest.to_string();
    let digest = Digest::of(manifest.as_bytes());
    world.store_blob(&digest, manifest.as_bytes());
    let mut event: Value = serde_json::from_str(PUSHED).expect("an event");
    event["detail"]["image-digest"] = json!(digest);
    event.to_string()
}

fn labelled(world: &World, template: &Value) -> String {
    push(world, json!({label::LABEL: template.to_string()}))
}

/// The event that S3 sends for the manifest that was written down.
fn written() -> String {
    let mut event: Value = serde_json::from_str(UPLOADED).expect("an event");
    event["detail"]["object"]["key"] = json!(KEY);
    event["detail"]["object"]["version-id"] = json!("current");
    event.to_string()
}

#[tokio::test]
async fn an_image_that_carries_its_manifest_is_released_and_its_upload_starts_nothing_more() {
    let world = world();
    let event = labelled(&world, &template());
    let output = hand(&world, &event).await.expect("started");
    assert_eq!(output.outcome, Outcome::Started, "{}", output.message);
    let manifest = world.manifest_at(KEY).expect("it was written down");
    let checkout = &manifest["functions"]["checkout"];
    let repository = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/storefront/checkout";
    assert_eq!(checkout["image"]["repository"], repository);
    assert!(event.contains(checkout["image"]["digest"].as_str().expect("a digest")));
    assert_eq!(checkout["configuration"]["memory_mb"], 512);

    for event in [&written(), &event] {
        let again = hand(&world, event).await.expect("no error");
        assert_eq!(again.outcome, Outcome::Duplicate, "{}", again.message);
    }
    assert_eq!((world.started(), world.releases().len()), (1, 1));
}

#[tokio::test]
async fn where_the_upload_is_quicker_it_starts_the_release_and_the_push_does_not() {
    let world = world();
    let event = labelled(&world, &template());
    world.fail_next("of");
    let error = hand(&world, &event).await.expect_err("the call failed");
    assert_eq!(error.name(), "Throttled");
    let output = hand(&world, &written()).await.expect("started");
    assert_eq!(output.outcome, Outcome::Started, "{}", output.message);
    let again = hand(&world, &event).await.expect("no error");
    assert_eq!(again.outcome, Outcome::Duplicate, "{}", again.message);
    assert_eq!(world.started(), 1);
}

#[tokio::test]
async fn a_versions_build_number_is_written_with_a_hyphen_in_the_tag_and_is_the_labels() {
    let mut template = template();
    template["version"] = json!("1.4.0+7");
    let world = world();
    let event = labelled(&world, &template);
    let tagged = |tag: &str| {
        let mut event: Value = serde_json::from_str(&event).expect("an event");
        event["detail"]["image-tag"] = json!(tag);
        event.to_string()
    };
    let event = tagged("v1.4.0-7");
    let output = hand(&world, &event).await.expect("started");
    assert_eq!(output.version, "1.4.0+7".parse().ok(), "{}", output.message);
    assert!(
        world
            .manifest_at("storefront/1.4.0+7/release.json")
            .is_some()
    );
    let upload = written().replace("1.4.0", "1.4.0+7");
    for event in [&upload, &event] {
        let again = hand(&world, event).await.expect("no error");
        assert_eq!(again.outcome, Outcome::Duplicate, "{}", again.message);
    }
    let other = tagged("v1.4.0-8");
    let chain = "release/storefront/1.4.0-8";
    let said = refusal(&world, &other, "ImageUnfit", chain).await;
    assert!(said.contains("found storefront 1.4.0+7"), "{said}");
}

/// The same, where settings of dev say who may start, and all others let in anybody.
fn where_dev_is_started_by(pattern: &str) -> World {
    let world = world();
    let functions = json!({"checkout": {"name": "storefront-checkout-dev"}});
    let may = json!({"start": [pattern]});
    let settings = json!({"schema": 1, "order": 1, "functions": functions, "may": may});
    world.set("storefront", "dev", &settings);
    world
}

#[tokio::test]
async fn a_push_that_may_not_start_is_refused_and_leaves_nothing_that_could_start_in_sluices_name()
{
    let world = where_dev_is_started_by("s3:123456789012");
    let event = labelled(&world, &template());
    let chain = "release/storefront/1.4.0";
    let said = refusal(&world, &event, "NotAllowed", chain).await;
    assert!(
        said.contains("ecr:storefront/checkout may not start"),
        "{said}"
    );
    assert_eq!(world.manifest_at(KEY), None);
}

#[tokio::test]
async fn where_pushes_may_start_the_manifest_that_one_brought_is_no_upload_whichever_comes_first() {
    for comes_first in ["the push", "the upload"] {
        let world = where_dev_is_started_by("ecr:storefront/checkout");
        let push = labelled(&world, &template());
        if comes_first == "the upload" {
            world.fail_next("of");
            let error = hand(&world, &push).await.expect_err("the call failed");
            assert_eq!(error.name(), "Throttled");
            let output = hand(&world, &written()).await.expect("started");
            assert_eq!(output.outcome, Outcome::Started, "{}", output.message);
        } else {
            let output = hand(&world, &push).await.expect("started");
            assert_eq!(output.outcome, Outcome::Started, "{}", output.message);
        }
        for event in [&written(), &push] {
            let output = hand(&world, event).await.expect("no refusal");
            assert_eq!(output.outcome, Outcome::Duplicate, "{}", output.message);
        }
        let [release] = world.releases().try_into().expect("one attempt");
        let principal = release.principal.expect("it is known");
        assert_eq!(principal.as_str(), "ecr:storefront/checkout");
        let by = format!("{principal}@sha256:");
        assert!(release.requested_by.starts_with(&by), "{comes_first}");
        assert_eq!(world.entries(), 1, "it starts once, and nothing is refused");
    }
}

#[tokio::test]
async fn another_manifest_in_its_place_is_whoevers_upload_it_is() {
    let world = where_dev_is_started_by("ecr:storefront/checkout");
    let push = labelled(&world, &template());
    world.fail_next("of");
    hand(&world, &push).await.expect_err("the call failed");
    world.put_changed("storefront", "1.4.0", |manifest| {
        manifest["notes"] = json!("changed");
    });
    let said = refusal(&world, &written(), "NotAllowed", "release/storefront/1.4.0").await;
    assert!(said.contains("s3:123456789012 may not start"), "{said}");
}

#[tokio::test]
async fn a_manifest_in_the_bucket_counts_and_a_label_does_not() {
    let world = World::with_image("storefront", "1.4.0");
    let event = labelled(&world, &template());
    let message = refusal(
        &world,
        &event,
        "InvalidManifest",
        "release/storefront/1.4.0",
    )
    .await;
    assert!(message.contains("names no image"), "{message}");
}

#[tokio::test]
async fn an_image_without_the_label_or_that_is_gone_waits_for_its_manifest() {
    let world = world();
    for labels in [json!(null), json!({}), json!({"maintainer": "ada"})] {
        let event = push(&world, labels);
        let message = ignored(&world, &event).await;
        assert!(
            message.contains("no label `dev.sluice.release`"),
            "{message}"
        );
    }
    ignored(&world, PUSHED).await;
}

#[tokio::test]
async fn what_no_release_can_be_made_of_is_refused_and_nothing_is_written_down() {
    let mut other_version = template();
    other_version["version"] = json!("1.3.0");
    let mut other_repository = template();
    other_repository["functions"]["checkout"]["image"]["repository"] = json!("elsewhere");
    let mut no_commit = template();
    no_commit["commit"] = json!("main");
    let mut all_code = template();
    all_code["functions"]["checkout"] =
        json!({"zip": {"key": "checkout.zip", "digest": Digest::of(b"zip")}});
    let world = world();
    let index = json!({"schemaVersion": 2, "manifests": [{"digest": Digest::of(b"one")}]});
    let long = json!({"config": {"digest": Digest::of(b"long"), "size": 2_000_000}});
    for (event, found) in [
        (push_manifest(&world, &index), "--provenance=false"),
        (
            push_manifest(&world, &long),
            "a configuration of 2000000 bytes",
        ),
        (push(&world, json!({label::LABEL: "{"})), "what is no JSON"),
        (labelled(&world, &other_version), "found storefront 1.3.0"),
        (
            labelled(&world, &other_repository),
            "the repository \"elsewhere\"",
        ),
        (labelled(&world, &no_commit), "`main`"),
        (labelled(&world, &all_code), "no function without code"),
    ] {
        let message = refusal(&world, &event, "ImageUnfit", "release/storefront/1.4.0").await;
        assert!(message.contains(found), "{found}: {message}");
        assert_eq!(world.manifest_at(KEY), None);
    }
}

#[tokio::test]
async fn a_call_that_fails_on_the_way_leaves_the_push_to_come_again() {
    for operation in ["image", "blob", "uri", "note_label", "add"] {
        let world = world();
        let event = labelled(&world, &template());
        world.fail_next(operation);
        let error = hand(&world, &event).await.expect_err("the call failed");
        assert_eq!(error.name(), "Throttled", "{operation}");
        assert!(world.last_entry().is_none(), "{operation}");
        let output = hand(&world, &event).await.expect("started");
        assert_eq!(output.outcome, Outcome::Started, "{operation}");
    }
}
