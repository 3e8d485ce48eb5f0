//! A bundle that was promoted before, and what has happened to its files since.

use super::*;

const ROLLBACK: &str = include_str!("../../../events/verify/rollback.json");
const CATALOG: &str = "storefront/1.1.0/catalog.zip";
const CHECKOUT: &str = "storefront/1.1.0/checkout.zip";

/// 1.1.0 was verified for dev, and is taken back into prod.
async fn taken_back() -> World {
    let world = World::with_release("1.1.0");
    world.begin(BUNDLE, &["dev", "prod"]);
    hand(&world, BUNDLE).await.expect("verified");
    world.begin(ROLLBACK, &["prod"]);
    world
}

/// Hands over the rollback, which must be refused under this name.
async fn refused(world: &World, name: &str) -> String {
    let error = hand(world, ROLLBACK).await.expect_err("must be refused");
    assert_eq!(error.name(), name, "{error}");
    assert_eq!(world.verified().len(), 1, "only the first is verified");
    error.to_string()
}

#[tokio::test]
async fn a_file_that_was_overwritten_is_used_as_it_was_pinned() {
    for knows_digest in [true, false] {
        let world = taken_back().await;
        let before = world.pins();
        if !knows_digest {
            world.forget_digest(CHECKOUT);
        }
        world.replace(CHECKOUT, b"somebody else's code");
        let output = hand(&world, ROLLBACK).await.expect("verified");
        assert_eq!(output.artifacts, 3);
        assert_eq!(world.pins(), before);
        let (promotion, facts) = world.verified().remove(1);
        assert_eq!(promotion, "storefront/prod/1.1.0/2");
        assert_eq!(facts["pins"]["checkout.zip"], "v-checkout.zip");
    }
}

#[tokio::test]
async fn a_file_under_a_delete_marker_is_used_as_it_was_pinned() {
    let world = taken_back().await;
    let before = world.pins();
    world.delete(CHECKOUT);
    hand(&world, ROLLBACK).await.expect("verified");
    assert_eq!(world.pins(), before);
}

#[tokio::test]
async fn a_later_environment_of_the_same_attempt_uses_what_the_first_one_pinned() {
    let world = World::with_release("1.1.0");
    world.begin(BUNDLE, &["dev", "prod"]);
    hand(&world, BUNDLE).await.expect("verified");
    world.replace(CHECKOUT, b"somebody else's code");
    let later = BUNDLE.replace("storefront/dev/", "storefront/prod/");
    hand(&world, &later).await.expect("verified");
    assert_eq!(world.pins()["checkout.zip"], "v-checkout.zip");
}

#[tokio::test]
async fn an_attempt_that_pinned_nothing_is_passed_over() {
    let world = taken_back().await;
    world.replace(CHECKOUT, b"somebody else's code");
    let third = ROLLBACK.replace("/1.1.0/2\"", "/1.1.0/3\"");
    world.begin(&third, &["prod"]);
    hand(&world, &third).await.expect("verified");
    assert_eq!(world.pins()["checkout.zip"], "v-checkout.zip");
}

#[tokio::test]
async fn where_no_promotion_pinned_it_before_the_current_file_counts() {
    let world = World::with_release("1.1.0");
    world.begin(BUNDLE, &["dev"]);
    world.begin(ROLLBACK, &["prod"]);
    world.replace(CHECKOUT, &content("checkout.zip"));
    hand(&world, ROLLBACK).await.expect("verified");
    assert_eq!(world.pins()["checkout.zip"], "v2");

    let world = World::with_release("1.1.0");
    world.begin(ROLLBACK, &["prod"]);
    world.replace(CHECKOUT, b"somebody else's code");
    let message = refusal(&world, ROLLBACK, "DigestMismatch").await;
    assert!(message.contains("checkout.zip has digest"), "{message}");
}

#[tokio::test]
async fn a_pinned_version_that_is_gone_gives_way_to_the_same_file_uploaded_again() {
    let world = taken_back().await;
    world.replace(CHECKOUT, &content("checkout.zip"));
    world.expire(CHECKOUT);
    hand(&world, ROLLBACK).await.expect("verified");
    assert_eq!(world.pins()["checkout.zip"], "v2");
    assert_eq!(world.pins()["catalog.zip"], "v-catalog.zip");
}

#[tokio::test]
async fn pinned_versions_that_are_gone_without_a_substitute_are_refused_with_what_is_there() {
    let world = taken_back().await;
    world.replace(CHECKOUT, b"somebody else's code");
    world.expire(CHECKOUT);
    world.remove(CATALOG);
    let message = refused(&world, "ArtifactMissing").await;
    let (found, expected) = (
        Digest::of(b"somebody else's code"),
        Digest::of(&content("checkout.zip")),
    );
    for sentence in [
        format!(
            "S3 version v-checkout.zip of {CHECKOUT}, which was released before, is gone, \
             and what is there now has digest {found}; expected {expected}"
        ),
        format!(
            "S3 version v-catalog.zip of {CATALOG}, which was released before, is gone, \
             and nothing is there now; expected {}",
            Digest::of(&content("catalog.zip"))
        ),
        "upload that very file again, or release a new version".to_owned(),
    ] {
        assert!(message.contains(&sentence), "{sentence}: {message}");
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_pinned_any_more_is_told_as_such() {
    let world = taken_back().await;
    world.replace(CHECKOUT, &content("checkout.zip"));
    world.expire(CHECKOUT);
    world.set_version(CHECKOUT, None);
    let message = refused(&world, "BundleInvalid").await;
    assert!(message.contains("has no S3 version"), "{message}");
}
