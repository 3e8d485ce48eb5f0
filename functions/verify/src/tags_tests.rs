//! The tags of images.

use super::*;

const CHECKOUT: &str = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/storefront/checkout";

fn tagged() -> World {
    World::with_images("1.4.0", CHECKOUT)
}

fn outcome(world: &World) -> Value {
    let checks = world.assessed()["checks"].clone();
    let mut checks = checks.as_array().expect("checks").iter();
    let check = checks.find(|check| check["name"] == "image tags");
    check.map_or(Value::Null, |check| check["outcome"].clone())
}

async fn refused(world: &World) -> String {
    let error = hand(world, IMAGES).await.expect_err("must be refused");
    assert_eq!(error.name(), "EvidenceRefused", "{error}");
    assert!(world.verified().is_empty(), "it is not verified");
    error.to_string()
}

#[tokio::test]
async fn an_image_under_its_version_and_commit_passes() {
    let world = tagged();
    hand(&world, IMAGES).await.expect("verified");
    assert_eq!(outcome(&world), "pass");
}

#[tokio::test]
async fn a_release_of_zip_files_has_no_tags_to_look_at() {
    let world = World::with_release("1.1.0");
    hand(&world, BUNDLE).await.expect("verified");
    assert_eq!(outcome(&world), Value::Null);
}

#[tokio::test]
async fn a_tag_that_was_moved_to_another_image_refuses_with_both_digests() {
    let world = tagged();
    world.ask(json!({"image_tags": {"wait_seconds": 0}}));
    world.tag("v1.4.0", b"another");
    let message = refused(&world).await;
    let found = format!("found `v1.4.0` on {}", Digest::of(b"another"));
    let image = format!("image tags ({CHECKOUT}@{})", Digest::of(b"image"));
    for part in [&found, &image, "push it under both"] {
        assert!(message.contains(part), "{part}: {message}");
    }
}

#[tokio::test]
async fn a_tag_that_is_pushed_a_moment_later_is_waited_for() {
    let world = tagged();
    world.tag_late("sha-0123456");
    hand(&world, IMAGES).await.expect("verified");
    assert_eq!(outcome(&world), "pass");
}

#[tokio::test]
async fn a_tag_that_never_comes_refuses_unless_it_is_not_required() {
    let world = tagged();
    world.untag("sha-0123456");
    world.ask(json!({"image_tags": {"wait_seconds": 0}}));
    let message = refused(&world).await;
    assert!(message.contains("found no tag `sha-0123456"), "{message}");
    for (ask, expected) in [
        (json!({"image_tags": {"require": false}}), json!("not_run")),
        (json!({"image_tags": null}), Value::Null),
    ] {
        let world = tagged();
        world.untag("sha-0123456");
        world.ask(ask);
        hand(&world, IMAGES).await.expect("verified");
        assert_eq!(outcome(&world), expected);
    }
}

#[tokio::test]
async fn going_back_waits_for_no_tag_and_is_refused_for_none() {
    let world = tagged();
    world.begin_rollback(IMAGES, &["dev"]);
    world.promoted_before(IMAGES);
    // A second look would find it.
    world.tag_late("v1.4.0");
    hand(&world, IMAGES).await.expect("verified");
    assert_eq!(outcome(&world), "refuse");
}

#[tokio::test]
async fn a_call_that_fails_is_no_verdict_on_the_tags() {
    for operation in ["tags", "tagged"] {
        let world = tagged();
        world.fail_next(operation);
        let error = hand(&world, IMAGES).await.expect_err("the call failed");
        assert_eq!(error.name(), "Throttled", "{operation}");
        assert_eq!(world.assessed(), Value::Null, "{operation}");
    }
}
