//! Images where the functions are.

use super::*;

const AT_HOME: &str = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/storefront/checkout";
const AWAY: &str = "123456789012.dkr.ecr.us-east-1.amazonaws.com/storefront/checkout";
const ELSEWHERE: &str = "222222222222.dkr.ecr.us-east-1.amazonaws.com/storefront/checkout";
const ROLE: &str = "arn:aws:iam::222222222222:role/sluice";

/// A release of an image, into functions behind this role.
fn away(more: Value) -> World {
    let world = World::with_images("1.4.0", AT_HOME);
    let mut role = json!({ "arn": ROLE, "external_id": "e", "bucket": "code-us" });
    let fields = role.as_object_mut().expect("an object");
    fields.extend(more.as_object().cloned().unwrap_or_default());
    world.enter_by(role);
    world
}

fn image(repository: &str) -> String {
    format!("{repository}@{}", Digest::of(b"image"))
}

/// Hands over a release whose image is not where it would be taken from.
async fn refused(world: &World) -> String {
    let error = hand(world, IMAGES).await.expect_err("must be refused");
    assert_eq!(error.name(), "ArtifactMissing", "{error}");
    assert!(world.verified().is_empty(), "it is not verified");
    error.to_string()
}

#[tokio::test]
async fn functions_of_another_region_get_the_image_of_their_own() {
    for (role, repository) in [
        (json!({ "region": "us-east-1" }), AWAY),
        (
            json!({ "region": "us-east-1", "registry": "222222222222" }),
            ELSEWHERE,
        ),
    ] {
        let world = away(role);
        world.replicas.images.replace(vec![image(repository)]);
        hand(&world, IMAGES).await.expect("verified");
        let looks = world.replicas.looks.borrow();
        assert_eq!(*looks, [(Some(ROLE.to_owned()), image(repository))]);
        let (_, facts) = world.verified().remove(0);
        assert_eq!(facts["replicas"], json!([image(repository)]));
    }
}

#[tokio::test]
async fn a_manifest_that_names_another_region_is_no_obstacle_to_functions_beside_sluice() {
    let world = World::with_images("1.4.0", AWAY);
    world.replicas.images.replace(vec![image(AT_HOME)]);
    hand(&world, IMAGES).await.expect("verified");
    assert_eq!(*world.replicas.looks.borrow(), [(None, image(AT_HOME))]);
}

#[tokio::test]
async fn an_image_where_the_functions_are_is_looked_for_once() {
    for role in [
        json!({}),
        json!({ "region": "eu-central-1" }),
        json!({ "registry": "123456789012" }),
    ] {
        let world = away(role);
        hand(&world, IMAGES).await.expect("verified");
        assert!(world.replicas.looks.borrow().is_empty());
        assert_eq!(world.verified()[0].1["replicas"], Value::Null);
    }
}

#[tokio::test]
async fn an_image_that_is_replicated_a_moment_later_is_waited_for() {
    let world = away(json!({ "region": "us-east-1" }));
    world.replicas.late.replace(vec![image(AWAY)]);
    hand(&world, IMAGES).await.expect("verified");
    assert_eq!(world.replicas.looks.borrow().len(), 2);
}

#[tokio::test]
async fn an_image_that_is_not_there_is_refused_with_where_it_was_looked_for_and_what_brings_it() {
    let world = away(json!({ "region": "us-east-1" }));
    let message = refused(&world).await;
    for part in [
        "dev are in us-east-1",
        &image(AWAY),
        ROLE,
        "replication",
        "push it there",
        "`role.registry`",
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
}

#[tokio::test]
async fn going_back_waits_for_no_replica() {
    let world = away(json!({ "region": "us-east-1" }));
    world.begin_rollback(IMAGES, &["dev"]);
    world.promoted_before(IMAGES);
    // A second look would find it.
    world.replicas.late.replace(vec![image(AWAY)]);
    refused(&world).await;
    assert_eq!(world.replicas.looks.borrow().len(), 1);
}

#[tokio::test]
async fn a_call_that_fails_does_not_say_that_the_image_is_missing() {
    let world = away(json!({ "region": "us-east-1" }));
    world.fail_next("is_near");
    let error = hand(&world, IMAGES).await.expect_err("the call failed");
    assert_eq!(error.name(), "Throttled");
}
