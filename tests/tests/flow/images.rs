//! Container images: what a push starts. Nothing invokes them: an engine may need Docker
//! for that.

use serde_json::{Value, json};
use sluice_domain::digest::Digest;
use sluice_domain::ledger::Kind;
use sluice_domain::promotion::Outcome;
use sluice_tests::World;
use sluice_tests::world::{Build, Image, alone, commit};

/// A build whose function runs an image.
fn of_image(world: &World, version: &str, image: &Image) -> Build {
    let named = json!({ "repository": image.uri, "digest": image.digest });
    let manifest = json!({ "functions": { "api": { "image": named } } });
    world.build(version, &[], manifest)
}

/// Uploads a manifest that nobody can release yet: the application has no settings.
async fn uploaded_too_early(world: &World, build: &Build) {
    world.upload(build).await;
    let chain = world.release_chain(&build.version().to_string());
    world
        .wait("the refusal of the upload", async || {
            let entries = world.ledger(&chain).await;
            let mut kinds = entries.iter().map(|entry| entry.event.kind);
            kinds.find(|kind| *kind == Kind::ReleaseRefused)
        })
        .await;
}

async fn pushed(world: &World, image: &Image, tag: &str) -> Value {
    let event = world.ecr_event(image, tag);
    let answer = world.invoke("IntakeEvents", &event).await;
    answer.expect("it is understood")
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn an_image_that_is_pushed_is_released_by_its_digest() {
    let world = World::new().await;
    let by_commit = format!("sha-{}", &commit("1.1.0")[..7]);
    let image = world
        .push_image(b"{}", &["v1.1.0", &by_commit, "latest"])
        .await;
    let build = of_image(&world, "1.1.0", &image);
    uploaded_too_early(&world, &build).await;
    world.create_of_image("prod", "api", &image).await;
    world.settings("prod", &build, json!({})).await;

    // Each tag is an event of its own.
    let of_latest = pushed(&world, &image, "latest").await;
    assert_eq!(of_latest["outcome"], "ignored", "{of_latest}");
    let started = pushed(&world, &image, "v1.1.0").await;
    assert_eq!(started["outcome"], "started", "{started}");
    let again = pushed(&world, &image, "v1.1.0").await;
    assert_eq!(again["outcome"], "duplicate", "{again}");
    let ended = world.ended(&world.promotion("prod", "1.1.0")).await;
    let verified = &ended.entry(Kind::BundleVerified).event.facts;
    assert_eq!(verified["images"], 1, "{verified}");
    ended.is(Outcome::Promoted);
    assert_eq!(world.alias("prod", "api").await, alone("1"));
    let release = world.attempts("1.1.0").await.remove(0);
    let by = format!("ecr:{}@{}", image.repository, image.digest);
    assert_eq!(release.requested_by, by);
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn functions_of_another_account_and_region_wait_for_an_images_replica_and_run_that() {
    let here = World::new().await;
    let by_commit = format!("sha-{}", commit("1.1.0"));
    let tags = ["v1.1.0", &by_commit];
    let image = here.push_image(b"{}", &tags).await;
    let build = of_image(&here, "1.1.0", &image);
    let (there, mut role) = here.in_account("222222222222", "eu-west-1").await;
    let before = Image {
        repository: image.repository.clone(),
        uri: image.uri.clone(),
        digest: Digest::of(b"another image").to_string(),
    };
    there.create_of_image("prod", "api", &before).await;
    role["registry"] = json!("222222222222");
    here.settings("prod", &build, json!({ "role": role })).await;
    here.upload(&build).await;
    let id = here.promotion("prod", "1.1.0");
    // By now it is looked for.
    here.happened(&id, Kind::EvidenceAssessed).await;

    let replica = there.push_image(b"{}", &tags).await;
    let expected = format!("{}@{}", replica.uri, image.digest);
    assert!(
        expected.starts_with("222222222222.dkr.ecr.eu-west-1."),
        "{expected}"
    );
    let ended = here.ended(&id).await;
    ended.is(Outcome::Promoted);
    let verified = &ended.entry(Kind::BundleVerified).event.facts;
    assert_eq!(verified["replicas"], json!([expected]));
    assert_eq!(there.alias("prod", "api").await, alone("1"));
    assert_eq!(there.image_of("prod", "api", "1").await, expected);
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn an_image_whose_version_names_another_image_by_now_is_refused() {
    let world = World::new().await;
    let by_commit = format!("sha-{}", commit("1.1.0"));
    let image = world.push_image(b"{}", &["v1.1.0", &by_commit]).await;
    let build = of_image(&world, "1.1.0", &image);
    uploaded_too_early(&world, &build).await;
    world.create_of_image("prod", "api", &image).await;
    let settings = json!({ "evidence": { "image_tags": { "wait_seconds": 0 } } });
    world.settings("prod", &build, settings).await;
    let other = world
        .push_into(&image.repository, b"{\"other\":true}", &["v1.1.0"])
        .await;

    let started = pushed(&world, &image, "v1.1.0").await;
    assert_eq!(started["outcome"], "started", "{started}");
    let ended = world.ended(&world.promotion("prod", "1.1.0")).await;
    ended.is(Outcome::Refused);
    let reason = ended.reason();
    for part in [
        "EvidenceRefused",
        &format!("found `v1.1.0` on {other}"),
        &by_commit,
    ] {
        assert!(reason.contains(part), "{part}: {reason}");
    }
    assert!(world.versions("prod", "api").await.is_empty());
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn an_image_that_carries_its_manifest_in_a_label_is_all_that_a_release_needs() {
    let world = World::new().await;
    let template = json!({
        "schema": 1,
        "application": world.application,
        "version": "1.1.0",
        "commit": commit("1.1.0"),
        "author": { "name": "Grace", "email": "grace@example.com" },
        "functions": { "api": {} },
    });
    let labels = json!({ "dev.sluice.release": template.to_string() });
    let configuration = json!({ "config": { "Labels": labels } }).to_string();
    let configuration = configuration.as_bytes();
    let by_commit = format!("sha-{}", commit("1.1.0"));
    let image = world
        .push_image(configuration, &["v1.1.0", &by_commit])
        .await;
    let build = of_image(&world, "1.1.0", &image);
    world.create_of_image("prod", "api", &image).await;
    world.settings("prod", &build, json!({})).await;

    let intake = world.intake_with_registry(&image, configuration).await;
    let event = world.ecr_event(&image, "v1.1.0");
    let answer = world.invoke_function(&intake, &event).await;
    let answer = answer.expect("it starts");
    assert!(
        ["started", "duplicate"]
            .iter()
            .any(|word| answer["outcome"] == *word),
        "the upload may be quicker: {answer}"
    );
    let ended = world.ended(&world.promotion("prod", "1.1.0")).await;
    ended.is(Outcome::Promoted);
    assert_eq!(world.alias("prod", "api").await, alone("1"));
    let again = world.invoke_function(&intake, &event).await;
    assert_eq!(again.expect("it says so")["outcome"], "duplicate");
    assert_eq!(world.attempts("1.1.0").await.len(), 1);
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn an_index_of_images_is_refused_before_anything_is_written_down() {
    let world = World::new().await;
    let image = world.push_image(b"{}", &["v1.0.0"]).await;
    let digest = world.push_index(&image.repository, "v1.1.0").await;
    let index = Image { digest, ..image };
    let event = world.ecr_event(&index, "v1.1.0");
    let refusal = world.invoke("IntakeEvents", &event).await;
    let refusal = refusal.expect_err("it is refused");
    assert_eq!(refusal.name, "ImageUnfit", "{}", refusal.message);
    assert!(
        refusal.message.contains("--provenance=false"),
        "{}",
        refusal.message
    );
}
