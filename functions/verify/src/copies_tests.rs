//! Code that is copied to where its functions are.

use serde_json::json;
use sluice_domain::role::copy_key;
use sluice_platform::fault::Fault;

use super::*;

const ID: &str = "storefront/dev/1.1.0/1";

/// The functions are in another region, and this bucket is there.
fn away() -> World {
    let world = World::with_release("1.1.0");
    world.enter_by(role(json!({ "region": "us-east-1", "bucket": "code-us" })));
    world
}

fn role(more: Value) -> Value {
    let mut role = json!({ "arn": "arn:aws:iam::222222222222:role/sluice", "external_id": "e" });
    let fields = role.as_object_mut().expect("an object");
    fields.extend(more.as_object().cloned().unwrap_or_default());
    role
}

fn place(file: &str) -> String {
    copy_key("storefront", &Digest::of(&content(file)))
}

fn fault() -> CopyError {
    Fault::other("s3:PutObject", "the connection broke").into()
}

#[tokio::test]
async fn zip_files_are_copied_to_the_roles_bucket_and_evidence_is_not() {
    let world = away();
    hand(&world, BUNDLE).await.expect("verified");
    let mut expected =
        ["catalog.zip", "checkout.zip"].map(|file| format!("code-us/{}", place(file)));
    let mut sent = world.near.sent.borrow().clone();
    expected.sort();
    sent.sort();
    assert_eq!(sent, expected);
    let copies = world.near.copies.borrow()[ID].clone();
    assert_eq!(
        copies.keys().collect::<Vec<_>>(),
        ["catalog.zip", "checkout.zip"]
    );
    let checkout = &copies["checkout.zip"];
    assert_eq!(
        (checkout.bucket.as_str(), checkout.key.as_str()),
        ("code-us", place("checkout.zip").as_str())
    );
    assert_eq!(checkout.version_id.as_deref(), Some("1"));
    let (_, facts) = world.verified().remove(0);
    assert_eq!(facts["copies"]["checkout.zip"]["bucket"], "code-us");
}

#[tokio::test]
async fn what_is_there_is_not_copied_again() {
    let world = away();
    hand(&world, BUNDLE).await.expect("verified");
    let copies = world.near.copies.borrow()[ID].clone();
    hand(&world, BUNDLE).await.expect("verified again");
    assert_eq!(world.near.sent.borrow().len(), 2);
    assert_eq!(world.near.copies.borrow()[ID], copies);
}

#[tokio::test]
async fn what_somebody_else_put_in_a_copys_place_is_copied_over() {
    let world = away();
    hand(&world, BUNDLE).await.expect("verified");
    world.near.tamper();
    hand(&world, BUNDLE).await.expect("verified again");
    assert_eq!(world.near.sent.borrow().len(), 4);
    let version = world.near.copies.borrow()[ID]["checkout.zip"]
        .version_id
        .clone();
    assert_eq!(version.as_deref(), Some("3"));
}

#[tokio::test]
async fn a_bucket_without_versions_will_do() {
    let world = away();
    world.near.is_unversioned.set(true);
    hand(&world, BUNDLE).await.expect("verified");
    assert_eq!(
        world.near.copies.borrow()[ID]["checkout.zip"].version_id,
        None
    );
}

#[tokio::test]
async fn a_file_is_sent_again_as_a_whole_where_that_failed_and_not_for_ever() {
    let world = away();
    (world.near.failures.borrow_mut()).extend([fault(), CopyError::Different]);
    hand(&world, BUNDLE).await.expect("verified");
    assert_eq!(world.near.sent.borrow().len(), 4);

    let world = away();
    (world.near.failures.borrow_mut()).extend((0..6).map(|_| fault()));
    let error = hand(&world, BUNDLE).await.expect_err("given up");
    assert_eq!(error.name(), "AwsCallFailed");
    assert!(
        error.to_string().contains("the connection broke"),
        "{error}"
    );
}

#[tokio::test]
async fn a_copy_that_s3_refuses_ends_the_promotion_under_a_name_of_its_own() {
    type Break = fn(&World);
    let denied: Break = |world| world.near.denied.set(true);
    let damaged: Break = |world| {
        let mut failures = world.near.failures.borrow_mut();
        failures.extend((0..6).map(|_| CopyError::Different));
    };
    let shared: Break = |world| world.near.is_shared.set(true);
    for (break_it, name, said) in [
        (denied, "CopyRefused", "it is denied"),
        (damaged, "DigestMismatch", "each time"),
        (shared, "DigestMismatch", "after it was copied"),
    ] {
        let world = away();
        break_it(&world);
        let error = hand(&world, BUNDLE).await.expect_err("must be refused");
        assert_eq!(error.name(), name, "{error}");
        let message = error.to_string();
        assert!(
            message.contains(said) && message.contains("s3://code-us/storefront/"),
            "{message}"
        );
        assert!(
            world.verified().is_empty(),
            "nothing is recorded as verified"
        );
        assert!(world.near.copies.borrow().is_empty());
    }
}

#[tokio::test]
async fn functions_of_another_region_are_refused_without_a_bucket_there() {
    let world = World::with_release("1.1.0");
    world.enter_by(role(json!({ "region": "us-east-1" })));
    let error = hand(&world, BUNDLE).await.expect_err("must be refused");
    assert_eq!(error.name(), "InvalidSettings");
    let message = error.to_string();
    assert!(
        message.contains("dev are in us-east-1") && message.contains("`role.bucket`"),
        "{message}"
    );
}

#[tokio::test]
async fn functions_of_the_own_region_take_code_from_the_bundles_bucket() {
    for settings in [json!({}), json!({ "region": "eu-central-1" })] {
        let world = World::with_release("1.1.0");
        world.enter_by(role(settings));
        hand(&world, BUNDLE).await.expect("verified");
        assert!(world.near.sent.borrow().is_empty());
        assert!(world.near.copies.borrow().is_empty());
        assert_eq!(world.verified()[0].1["copies"], Value::Null);
    }
}

#[tokio::test]
async fn what_the_environment_refuses_is_not_copied() {
    let world = away();
    world.ask(json!({ "require": ["sbom"] }));
    hand(&world, BUNDLE).await.expect_err("must be refused");
    assert!(world.near.sent.borrow().is_empty());
}
