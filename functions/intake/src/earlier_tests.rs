//! Versions that were released before, and what has happened to their
//! `release.json` since.

use super::*;

const KEY: &str = "storefront/1.1.0/release.json";
const CHAIN: &str = "release/storefront/1.1.0";

/// 1.1.0 was promoted into production, and its last attempt ended so.
async fn released(status: Status) -> World {
    let world = World::with_bundle("storefront", "1.1.0");
    hand(&world, UPLOADED).await.expect("started");
    world.serves("prod");
    world.end(status);
    world
}

/// A rollback after success, another attempt after failure.
const REQUESTS: [(Status, &str); 2] = [
    (Status::Succeeded, MANUAL_ROLLBACK),
    (Status::Failed, MANUAL_AGAIN),
];

/// Hands over a request that must start an attempt at what the first one
/// released; answers what it says.
async fn starts_the_same(world: &World, request: &str) -> String {
    let output = hand(world, request).await.expect("started");
    assert_eq!(
        (output.outcome, output.attempt),
        (Outcome::Started, Some(2)),
        "{}",
        output.message
    );
    let first = world.releases()[0].bundle.clone();
    assert_eq!(world.input_of(&output).bundle, first);
    assert_eq!(world.releases()[1].bundle, first);
    let (_, _, facts) = world.last_entry().expect("recorded");
    assert_eq!(facts["commit"], "0123456789012345678901234567890123456789");
    output.message
}

#[tokio::test]
async fn a_further_attempt_takes_the_s3_version_that_was_released() {
    for (status, request) in REQUESTS {
        let world = released(status).await;
        let message = starts_the_same(&world, request).await;
        assert!(!message.contains("current"), "{message}");
    }
}

#[tokio::test]
async fn a_manifest_that_was_overwritten_is_left_aside_and_people_are_told() {
    for (status, request) in REQUESTS {
        let world = released(status).await;
        let first = world.releases()[0].bundle.clone();
        world.put_changed("storefront", "1.1.0", |manifest| {
            manifest["commit"] = "9876543210987654321098765432109876543210".into();
        });
        let message = starts_the_same(&world, request).await;
        for part in [
            format!("The current {KEY} is not what attempt 1 released: found one with digest"),
            format!("expected digest {}", first.digest),
            format!("S3 version {} counts", first.version_id),
        ] {
            assert!(message.contains(&part), "{part}: {message}");
        }
    }
}

#[tokio::test]
async fn a_manifest_that_was_deleted_is_released_all_the_same() {
    let world = released(Status::Succeeded).await;
    world.delete(KEY);
    let message = starts_the_same(&world, MANUAL_ROLLBACK).await;
    assert!(message.contains("found none; expected"), "{message}");
}

#[tokio::test]
async fn a_current_manifest_that_cannot_be_read_or_understood_stops_no_rollback() {
    let world = released(Status::Succeeded).await;
    world.put_changed("storefront", "1.1.0", |manifest| {
        manifest["functions"] = json!({});
    });
    let message = starts_the_same(&world, MANUAL_ROLLBACK).await;
    assert!(message.contains("functions: found none"), "{message}");

    let world = released(Status::Succeeded).await;
    world.fail_next("pin");
    let message = starts_the_same(&world, MANUAL_ROLLBACK).await;
    assert!(message.contains("can't be used"), "{message}");
}

#[tokio::test]
async fn of_several_attempts_the_last_one_counts() {
    let world = released(Status::Failed).await;
    world.expire();
    hand(&world, MANUAL_AGAIN).await.expect("started");
    world.end(Status::Succeeded);
    world.put_changed("storefront", "1.1.0", |manifest| {
        manifest["notes"] = "rebuilt".into();
    });
    let output = hand(&world, MANUAL_ROLLBACK).await.expect("started");
    assert_eq!(output.attempt, Some(3));
    assert_eq!(world.input_of(&output).bundle.version_id, "current");
}

#[tokio::test]
async fn a_request_for_what_runs_already_says_what_lies_in_the_bucket_too() {
    let world = released(Status::Running).await;
    world.delete(KEY);
    let output = hand(&world, MANUAL_AGAIN).await.expect("no error");
    assert_eq!(output.outcome, Outcome::Duplicate);
    for part in ["nothing was started. The current", "found none"] {
        assert!(output.message.contains(part), "{}", output.message);
    }
}

#[tokio::test]
async fn a_rollback_to_what_is_still_being_released_is_refused_with_what_to_stop() {
    let world = released(Status::Running).await;
    let message = refusal(&world, MANUAL_ROLLBACK, "StillRunning", CHAIN).await;
    let running = &world.releases()[0];
    assert!(message.contains(&running.execution_arn), "{message}");
    let stop = "`sluice abort` (storefront/dev/1.1.0/1, storefront/staging/1.1.0/1, storefront/prod/1.1.0/1)";
    assert!(message.contains(stop), "{message}");

    world.end(Status::Failed);
    starts_the_same(&world, MANUAL_ROLLBACK).await;
}

#[tokio::test]
async fn a_released_manifest_that_is_gone_gives_way_to_the_same_one_uploaded_again() {
    let world = released(Status::Succeeded).await;
    world.expire();
    let output = hand(&world, MANUAL_ROLLBACK).await.expect("started");
    let bundle = world.input_of(&output).bundle;
    assert_eq!(bundle.version_id, "current");
    assert_eq!(bundle.digest, world.releases()[0].bundle.digest);
    assert!(!output.message.contains("found"), "{}", output.message);
}

#[tokio::test]
async fn a_released_manifest_that_is_gone_without_a_substitute_is_refused_with_what_is_there() {
    let world = released(Status::Succeeded).await;
    let first = world.releases()[0].bundle.clone();
    world.put_changed("storefront", "1.1.0", |manifest| {
        manifest["notes"] = "rebuilt".into();
    });
    world.expire();
    let message = refusal(&world, MANUAL_ROLLBACK, "BundleMissing", CHAIN).await;
    for part in [
        format!("the {KEY} that attempt 1 released is gone"),
        "found one with digest".to_owned(),
        format!(
            "expected S3 version {} or any with digest {}",
            first.version_id, first.digest
        ),
    ] {
        assert!(message.contains(&part), "{part}: {message}");
    }

    world.delete(KEY);
    world.expire();
    let message = refusal(&world, MANUAL_ROLLBACK, "BundleMissing", CHAIN).await;
    assert!(message.contains("found none; expected"), "{message}");
}

#[tokio::test]
async fn a_failed_call_at_the_released_manifest_is_no_refusal() {
    let world = released(Status::Succeeded).await;
    world.put_changed("storefront", "1.1.0", |manifest| {
        manifest["notes"] = "rebuilt".into();
    });
    let entries = world.entries();
    for operation in ["of", "manifest", "promotions"] {
        world.fail_next(operation);
        let error = hand(&world, MANUAL_ROLLBACK).await.expect_err("failed");
        assert_eq!(error.name(), "Throttled", "{operation}");
        assert_eq!(world.entries(), entries, "{operation}");
    }
    starts_the_same(&world, MANUAL_ROLLBACK).await;
}
