use sluice_domain::promotion::Outcome as Ended;
use sluice_platform::caller::Caller;

use super::*;

#[path = "earlier_tests.rs"]
mod earlier;
#[path = "fakes.rs"]
mod fakes;
#[path = "may_tests.rs"]
mod may;
#[path = "path_tests.rs"]
mod path;
#[path = "preview_tests.rs"]
mod preview;
#[path = "refusal_tests.rs"]
mod refusals;
#[path = "sender_tests.rs"]
mod senders;
#[path = "storm_tests.rs"]
mod storm;
#[path = "suites_tests.rs"]
mod suites;
#[path = "unpack_tests.rs"]
mod unpack;

use fakes::{BUCKET, World, promotion};

const UPLOADED: &str = include_str!("../../../events/intake/s3-object-created.json");
const UPLOADED_AGAIN: &str = include_str!("../../../events/intake/s3-object-created-again.json");
const UPLOADED_WITHOUT_VERSION: &str =
    include_str!("../../../events/intake/s3-object-created-without-version.json");
const MANUAL: &str = include_str!("../../../events/intake/manual.json");
const MANUAL_AGAIN: &str = include_str!("../../../events/intake/manual-again.json");
const MANUAL_ROLLBACK: &str = include_str!("../../../events/intake/manual-rollback.json");
const ALREADY_RELEASED: &str = include_str!("../../../events/intake/manual-already-released.json");

/// Hands an event, or the request of nobody known, to the function where it belongs.
async fn hand(world: &World, event: &str) -> Result<Output, Error> {
    hand_as(world, event, Ok(None)).await
}

/// Hands an event, or the request of this caller, to the function where it belongs.
async fn hand_as(world: &World, event: &str, caller: Caller) -> Result<Output, Error> {
    let sent: Value = serde_json::from_str(event).expect("event files are JSON");
    let is_event =
        Input::read(&sent).is_ok_and(|input| Sender::Events.refuse_unless_sends(&input).is_ok());
    let sender = match is_event {
        true => Sender::Events,
        false => Sender::Person(caller),
    };
    hand_over(world, event, sender).await
}

/// Hands what this sender sends to the function.
async fn hand_over(world: &World, event: &str, sender: Sender) -> Result<Output, Error> {
    let intake = Intake {
        bucket: BUCKET.into(),
        bundles: world,
        catalogue: world,
        attempts: world,
        machine: world,
        ledger: world,
    };
    let event = serde_json::from_str(event).expect("event files are JSON");
    intake
        .handle(
            event,
            sender,
            "2026-11-02T09:00:01Z".parse().expect("a time"),
        )
        .await
}

/// Hands over an event that must be refused: with this name, on this chain,
/// and nothing may have started.
async fn refusal(world: &World, event: &str, name: &str, chain: &str) -> String {
    let started = world.starts();
    let error = hand(world, event).await.expect_err("must be refused");
    assert_eq!(error.name(), name, "{error}");
    assert_eq!(world.starts(), started, "something started");
    let (last, kind, facts) = world.last_entry().expect("the refusal is recorded");
    assert_eq!((last.as_str(), kind), (chain, Kind::ReleaseRefused));
    assert_eq!(facts["error"], name);
    error.to_string()
}

/// Hands over an event that asks for no release.
async fn ignored(world: &World, event: &str) -> String {
    let output = hand(world, event).await.expect("no error");
    assert_eq!(output.outcome, Outcome::Ignored, "{}", output.message);
    assert_eq!(world.starts(), 0);
    assert!(
        world.last_entry().is_none(),
        "nothing is recorded of what is ignored"
    );
    output.message
}

#[tokio::test]
async fn an_uploaded_manifest_starts_the_first_attempt_through_all_environments_in_order() {
    let world = World::with_bundle("storefront", "1.1.0");
    let output = hand(&world, UPLOADED).await.expect("started");
    assert_eq!(output.outcome, Outcome::Started);
    assert_eq!(output.attempt, Some(1));

    let input = world.input_of(&output);
    let path: Vec<_> = input
        .promotions
        .iter()
        .map(|p| (p.environment.as_str(), p.promotion.to_string()))
        .collect();
    let id = |environment: &str| format!("storefront/{environment}/1.1.0/1");
    assert_eq!(
        path,
        [
            ("dev", id("dev")),
            ("staging", id("staging")),
            ("prod", id("prod"))
        ]
    );
    assert_eq!(input.bundle.version_id, "3sL4kqtJlcpXroDTDmJ.rmSpXd3dIbrHY");

    let (chain, kind, facts) = world.last_entry().expect("recorded");
    assert_eq!(
        (chain.as_str(), kind),
        ("release/storefront/1.1.0", Kind::ReleaseStarted)
    );
    assert_eq!(facts["requested_by"], "s3:123456789012");
}

#[tokio::test]
async fn an_event_that_names_no_version_pins_the_current_one() {
    let world = World::with_bundle("storefront", "1.1.0");
    let output = hand(&world, UPLOADED_WITHOUT_VERSION)
        .await
        .expect("started");
    assert_eq!(world.input_of(&output).bundle.version_id, "current");
}

#[tokio::test]
async fn a_repeated_event_starts_nothing_and_says_so() {
    let world = World::with_bundle("storefront", "1.1.0");
    let first = hand(&world, UPLOADED).await.expect("started");
    for event in [UPLOADED, UPLOADED_AGAIN, MANUAL, MANUAL_AGAIN] {
        let output = hand(&world, event).await.expect("no error");
        assert_eq!(output.outcome, Outcome::Duplicate);
        assert_eq!(output.execution_arn, first.execution_arn);
        assert!(
            output.message.contains("is running; nothing was started"),
            "{}",
            output.message
        );
    }
    assert_eq!(world.starts(), 1);
}

#[tokio::test]
async fn after_a_failed_attempt_an_event_says_how_to_ask_and_a_person_gets_the_next_one() {
    let world = World::with_bundle("storefront", "1.1.0");
    hand(&world, UPLOADED).await.expect("started");
    world.end(Status::Failed);
    for event in [UPLOADED_AGAIN, MANUAL] {
        let output = hand(&world, event).await.expect("no error");
        assert_eq!(output.outcome, Outcome::Duplicate);
        assert!(
            output.message.contains("sluice release --again"),
            "{}",
            output.message
        );
    }
    let output = hand(&world, MANUAL_AGAIN).await.expect("started");
    assert_eq!(
        (output.outcome, output.attempt),
        (Outcome::Started, Some(2))
    );
    assert_eq!(world.input_of(&output).promotions[0].promotion.attempt, 2);
    assert_eq!(world.starts(), 2);
}

#[tokio::test]
async fn asking_again_where_nothing_was_tried_begins_the_first_attempt() {
    let world = World::with_bundle("storefront", "1.1.0");
    let output = hand(&world, MANUAL_AGAIN).await.expect("started");
    assert_eq!(
        (output.outcome, output.attempt),
        (Outcome::Started, Some(1))
    );
}

#[tokio::test]
async fn a_version_that_is_already_released_is_refused() {
    let world = World::with_bundle("storefront", "1.1.0");
    hand(&world, UPLOADED).await.expect("started");
    world.end(Status::Succeeded);
    let chain = "release/storefront/1.1.0";
    let message = refusal(&world, ALREADY_RELEASED, "AlreadyReleased", chain).await;
    assert!(
        message.contains("storefront 1.1.0 is released: attempt 1"),
        "{message}"
    );
}

#[tokio::test]
async fn an_event_that_comes_again_after_the_release_is_no_refusal() {
    let world = World::with_bundle("storefront", "1.1.0");
    hand(&world, UPLOADED).await.expect("started");
    world.end(Status::Succeeded);
    let output = hand(&world, UPLOADED_AGAIN).await.expect("a duplicate");
    assert_eq!(output.outcome, Outcome::Duplicate);
    assert!(output.message.contains("came again"), "{}", output.message);
    assert_eq!(world.releases().len(), 1);
}

#[tokio::test]
async fn a_rollback_releases_a_released_version_once_more() {
    let world = World::with_bundle("storefront", "1.1.0");
    hand(&world, UPLOADED).await.expect("started");
    world.end(Status::Succeeded);
    world.serves("prod");
    let output = hand(&world, MANUAL_ROLLBACK).await.expect("started");
    assert_eq!(
        (output.outcome, output.attempt),
        (Outcome::Started, Some(2))
    );
    let rollbacks: Vec<bool> = world
        .releases()
        .iter()
        .map(|release| release.rollback)
        .collect();
    assert_eq!(rollbacks, [false, true]);
    assert_eq!(world.releases()[1].environments, ["prod"]);
}

#[tokio::test]
async fn a_version_that_step_functions_has_forgotten_is_judged_by_its_records() {
    let world = World::with_bundle("storefront", "1.1.0");
    hand(&world, UPLOADED).await.expect("started");
    let environments = ["dev", "staging", "prod"];
    world.forget_executions();
    world.note_promotions(
        environments.map(|environment| promotion(environment, Some(Ended::Promoted))),
    );
    refusal(
        &world,
        ALREADY_RELEASED,
        "AlreadyReleased",
        "release/storefront/1.1.0",
    )
    .await;

    world.note_promotions([
        promotion("dev", Some(Ended::Promoted)),
        promotion("staging", Some(Ended::RolledBack)),
    ]);
    let output = hand(&world, MANUAL_AGAIN).await.expect("started");
    assert_eq!(output.attempt, Some(2));
}

#[tokio::test]
async fn another_bundle_under_the_same_version_is_refused_with_both_digests() {
    let world = World::with_bundle("storefront", "1.1.0");
    hand(&world, UPLOADED).await.expect("started");
    world.end(Status::Failed);
    let first = world.releases()[0].bundle.digest.clone();
    world.put_changed("storefront", "1.1.0", |manifest| {
        manifest["notes"] = "rebuilt".into()
    });
    for event in [UPLOADED_AGAIN, MANUAL] {
        let message = refusal(&world, event, "VersionTaken", "release/storefront/1.1.0").await;
        assert!(message.contains(&format!("expected {first}")), "{message}");
    }
}

#[tokio::test]
async fn an_attempt_that_was_noted_but_never_started_is_started_under_its_name() {
    let world = World::with_bundle("storefront", "1.1.0");
    world.fail_next("start");
    let error = hand(&world, UPLOADED).await.expect_err("the call failed");
    assert_eq!(error.name(), "Throttled");
    assert_eq!(world.starts(), 0);

    let output = hand(&world, UPLOADED).await.expect("started");
    assert_eq!(
        (output.outcome, output.attempt),
        (Outcome::Started, Some(1))
    );
    assert_eq!(
        output.execution_arn.as_ref(),
        Some(&world.releases()[0].execution_arn)
    );
    assert_eq!(world.releases().len(), 1);
    assert_eq!(world.entries(), 1, "the same start is recorded once");
}

#[tokio::test]
async fn of_two_events_at_the_same_moment_one_starts_the_release() {
    let world = World::with_bundle("storefront", "1.1.0");
    world.race();
    let output = hand(&world, UPLOADED).await.expect("no error");
    assert_eq!(
        (output.outcome, output.attempt),
        (Outcome::Duplicate, Some(1))
    );
    assert_eq!(world.starts(), 1);
}

#[tokio::test]
async fn a_failed_call_is_no_refusal_and_leaves_no_entry() {
    for operation in ["pin", "path", "of", "promotions", "running", "begin"] {
        let world = World::with_bundle("storefront", "1.1.0");
        world.fail_next(operation);
        let error = hand(&world, UPLOADED).await.expect_err("the call failed");
        assert_eq!(error.name(), "Throttled", "{operation}");
        assert!(world.last_entry().is_none(), "{operation}");
        assert_eq!(
            hand(&world, UPLOADED).await.expect("started").outcome,
            Outcome::Started
        );
    }
}
