//! How far a release goes by itself, what a person begins, and what comes too late.

use sluice_domain::migrations::Operation;

use super::*;

const CHAIN: &str = "release/storefront/1.1.0";
const FROM_PROD: &str = include_str!("../../../events/intake/manual-from.json");

/// An environment of storefront, with these rules.
fn rules(world: &World, environment: &str, order: u32, entry: &Value) {
    let functions = json!({"checkout": {"name": format!("storefront-checkout-{environment}")}});
    world.set(
        "storefront",
        environment,
        &json!({"schema": 1, "order": order, "functions": functions, "entry": entry}),
    );
}

/// A bundle, and a production that a person begins.
fn with_prod_by_hand() -> World {
    let world = World::with_bundle("storefront", "1.1.0");
    rules(&world, "prod", 3, &json!({"start": "manual"}));
    world
}

/// The bundle of 1.1.0 was promoted there by this attempt.
pub(super) fn promoted(
    world: &World,
    environment: &str,
    version: &str,
    attempt: u32,
    second: i64,
) -> Promoted {
    let digest = match world.releases().first() {
        Some(release) if release.version.to_string() == version => release.bundle.digest.clone(),
        _ => Digest::of(version.as_bytes()),
    };
    let mut promotion = promotion(environment, Some(Ended::Promoted));
    promotion.id = format!("storefront/{environment}/{version}/{attempt}")
        .parse()
        .expect("an id");
    promotion.bundle.digest = digest;
    promotion.closed_at = Some(Timestamp::from_second(second).expect("a time"));
    promotion
}

type Promoted = sluice_domain::promotion::Promotion;

#[tokio::test]
async fn an_upload_goes_as_far_as_environments_begin_by_themselves_and_says_who_begins_the_next() {
    let world = with_prod_by_hand();
    let output = hand(&world, UPLOADED).await.expect("started");
    assert_eq!(output.outcome, Outcome::Started);
    assert_eq!(world.releases()[0].environments, ["dev", "staging"]);
    assert!(
        output
            .message
            .contains("`sluice promote storefront 1.1.0 prod`"),
        "{}",
        output.message
    );
}

#[tokio::test]
async fn a_person_takes_it_on_from_where_it_stopped_once() {
    let world = with_prod_by_hand();
    hand(&world, UPLOADED).await.expect("started");
    world.end(Status::Succeeded);
    let message = refusal(&world, FROM_PROD, "OutOfTurn", CHAIN).await;
    assert!(
        message.contains("staging has not promoted this bundle of 1.1.0: found nothing"),
        "{message}"
    );

    let staged = promoted(&world, "staging", "1.1.0", 1, 10);
    world.note_promotions([staged.clone()]);
    let output = hand(&world, FROM_PROD).await.expect("started");
    assert_eq!(
        (output.outcome, output.attempt),
        (Outcome::Started, Some(2))
    );
    let second = &world.releases()[1];
    assert_eq!(
        (second.environments.clone(), second.rollback),
        (vec!["prod".to_owned()], false)
    );
    assert_eq!(second.bundle, world.releases()[0].bundle);

    let output = hand(&world, FROM_PROD).await.expect("no error");
    assert_eq!(
        (output.outcome, output.attempt),
        (Outcome::Duplicate, Some(2))
    );

    world.end(Status::Succeeded);
    let there = promoted(&world, "prod", "1.1.0", 2, 20);
    world.note_promotions([staged, there]);
    let message = refusal(&world, FROM_PROD, "AlreadyReleased", CHAIN).await;
    assert!(
        message.contains("1.1.0 stands in prod already: storefront/prod/1.1.0/2"),
        "{message}"
    );
}

#[tokio::test]
async fn what_is_still_on_its_way_elsewhere_is_not_taken_on() {
    let world = with_prod_by_hand();
    hand(&world, UPLOADED).await.expect("started");
    world.note_promotions([promoted(&world, "staging", "1.1.0", 1, 10)]);
    refusal(&world, FROM_PROD, "StillRunning", CHAIN).await;
}

#[tokio::test]
async fn an_upload_where_a_person_begins_everything_starts_nothing_and_says_how_to_begin() {
    let world = World::with_bundle("storefront", "1.1.0");
    rules(&world, "dev", 1, &json!({"start": "manual"}));
    for _ in 0..2 {
        let output = hand(&world, UPLOADED).await.expect("no error");
        assert_eq!(output.outcome, Outcome::Held);
        assert!(
            output
                .message
                .contains("`sluice promote storefront 1.1.0 dev`"),
            "{}",
            output.message
        );
    }
    assert_eq!((world.starts(), world.releases().len()), (0, 0));
    let (chain, kind, facts) = world.last_entry().expect("recorded");
    assert_eq!((chain.as_str(), kind), (CHAIN, Kind::ReleaseSetAside));
    assert_eq!((&facts["outcome"], world.entries()), (&json!("held"), 1));

    let from_dev = FROM_PROD.replace("prod", "dev");
    let output = hand(&world, &from_dev).await.expect("started");
    assert_eq!(
        (output.outcome, output.attempt),
        (Outcome::Started, Some(1))
    );
    assert_eq!(world.releases()[0].environments, ["dev", "staging", "prod"]);
}

#[tokio::test]
async fn a_build_that_the_first_environment_does_not_take_is_refused_and_later_ones_end_its_way() {
    let world = World::with_bundle("storefront", "1.1.0");
    let only_main = json!({"branches": ["main"]});
    rules(&world, "staging", 2, &only_main);
    let output = hand(&world, UPLOADED).await.expect("started");
    assert_eq!(world.releases()[0].environments, ["dev"]);
    assert!(
        output
            .message
            .contains("staging takes no build of this origin: found no branch, no tag"),
        "{}",
        output.message
    );

    let world = World::with_bundle("storefront", "1.1.0");
    rules(&world, "dev", 1, &only_main);
    let message = refusal(&world, UPLOADED, "NotAdmitted", CHAIN).await;
    assert!(
        message.contains("expected a branch that fits `main`"),
        "{message}"
    );

    world.put_changed("storefront", "1.1.0", |manifest| {
        manifest["branch"] = json!("main");
    });
    let output = hand(&world, UPLOADED).await.expect("started");
    assert_eq!(output.outcome, Outcome::Started);
    assert_eq!(world.releases()[0].environments, ["dev", "staging", "prod"]);
}

#[tokio::test]
async fn rules_hold_for_environments_that_a_person_names_and_not_for_the_way_back() {
    let world = World::with_bundle("storefront", "1.1.0");
    hand(&world, UPLOADED).await.expect("started");
    world.end(Status::Succeeded);
    world.serves("prod");
    rules(&world, "prod", 3, &json!({"branches": ["main"]}));
    let named = r#"{"application":"storefront","version":"1.1.0","requested_by":"ada","environments":["prod"]}"#;
    refusal(&world, named, "NotAdmitted", CHAIN).await;
    refusal(&world, FROM_PROD, "NotAdmitted", CHAIN).await;
    let output = hand(&world, MANUAL_ROLLBACK).await.expect("started");
    assert_eq!(output.outcome, Outcome::Started);
}

#[tokio::test]
async fn there_is_no_way_back_to_where_a_bundle_never_was() {
    let world = World::with_bundle("storefront", "1.1.0");
    let message = refusal(&world, MANUAL_ROLLBACK, "NeverPromoted", CHAIN).await;
    assert!(
        message.contains("in prod: this bundle was never promoted there"),
        "{message}"
    );

    hand(&world, UPLOADED).await.expect("started");
    world.end(Status::Failed);
    world.serves("staging");
    let everywhere =
        r#"{"application":"storefront","version":"1.1.0","requested_by":"ada","rollback":true}"#;
    let message = refusal(&world, everywhere, "NeverPromoted", CHAIN).await;
    assert!(message.contains("in dev, prod: "), "{message}");
    assert_eq!(world.started(), 1);
}

#[tokio::test]
async fn environments_that_the_application_lacks_are_refused_with_those_it_has() {
    let world = World::with_bundle("storefront", "1.1.0");
    let ask = |more: &str| {
        format!(r#"{{"application":"storefront","version":"1.1.0","requested_by":"ada",{more}}}"#)
    };
    let cases = [
        (r#""environments":["qa"]"#, "environments: found `qa`"),
        (r#""environments":[]"#, "environments: found ``"),
        (r#""from":"qa""#, "from: found `qa`"),
    ];
    for (more, found) in cases {
        let message = refusal(&world, &ask(more), "InvalidEvent", CHAIN).await;
        let expected = format!("{found}; expected some of `dev`, `staging`, `prod`");
        assert!(message.contains(&expected), "{message}");
    }
    for more in [
        r#""from":"prod","again":true"#,
        r#""from":"prod","environments":["prod"]"#,
    ] {
        let message = refusal(&world, &ask(more), "InvalidEvent", "release/unknown").await;
        assert!(message.contains("from: found `prod` beside"), "{message}");
    }
}

#[tokio::test]
async fn an_event_of_a_version_older_than_what_is_there_is_superseded() {
    let world = World::with_bundle("storefront", "1.1.0");
    world.note_promotions([promoted(&world, "dev", "1.2.0", 1, 10)]);
    for _ in 0..2 {
        let output = hand(&world, UPLOADED).await.expect("no error");
        assert_eq!(output.outcome, Outcome::Superseded);
        assert!(
            output
                .message
                .contains("storefront/dev/1.2.0/1 was promoted"),
            "{}",
            output.message
        );
    }
    assert_eq!(
        (world.starts(), world.releases().len(), world.entries()),
        (0, 0, 1)
    );
    let (chain, kind, facts) = world.last_entry().expect("recorded");
    assert_eq!((chain.as_str(), kind), (CHAIN, Kind::ReleaseSetAside));
    assert_eq!(facts["outcome"], "superseded");

    // A person may ask for it, and `guard` decides.
    let output = hand(&world, MANUAL).await.expect("started");
    assert_eq!(output.outcome, Outcome::Started);
}

#[tokio::test]
async fn an_event_of_a_version_older_than_one_on_its_way_is_superseded_while_that_runs() {
    let world = World::with_bundle("storefront", "1.2.0");
    let newer = UPLOADED.replace("1.1.0", "1.2.0");
    world.copy(
        "storefront/1.2.0/release.json",
        "storefront/1.1.0/release.json",
    );
    world.put_changed("storefront", "1.1.0", |manifest| {
        manifest["version"] = json!("1.1.0");
    });
    hand(&world, &newer).await.expect("started");
    let output = hand(&world, UPLOADED).await.expect("no error");
    assert_eq!(output.outcome, Outcome::Superseded);
    assert!(
        output.message.contains("attempt 1 at 1.2.0 is running"),
        "{}",
        output.message
    );
    assert_eq!(world.starts(), 1);

    world.end(Status::Failed);
    let output = hand(&world, UPLOADED).await.expect("started");
    assert_eq!(output.outcome, Outcome::Started);
}

#[tokio::test]
async fn after_a_rollback_a_version_between_the_two_is_not_too_late() {
    let world = World::with_bundle("storefront", "1.1.0");
    world.note_promotions([
        promoted(&world, "dev", "1.2.0", 1, 10),
        promoted(&world, "dev", "1.0.0", 2, 20),
    ]);
    let output = hand(&world, UPLOADED).await.expect("started");
    assert_eq!(output.outcome, Outcome::Started);
}

const SCHEDULE: &str = include_str!("../../../events/intake/schedule.json");

/// A schedule that finds nothing to take on: why.
async fn nothing_to_take_on(world: &World) -> String {
    let started = world.started();
    let output = hand(world, SCHEDULE).await.expect("no error");
    assert_eq!(output.outcome, Outcome::Ignored, "{}", output.message);
    assert_eq!(world.started(), started);
    output.message
}

#[tokio::test]
async fn a_schedule_takes_on_what_stands_in_the_environment_before_once() {
    let world = with_prod_by_hand();
    let message = nothing_to_take_on(&world).await;
    assert!(
        message.contains("nothing stands in staging yet"),
        "{message}"
    );

    hand(&world, UPLOADED).await.expect("started");
    world.end(Status::Succeeded);
    let staged = promoted(&world, "staging", "1.1.0", 1, 10);
    world.note_promotions([staged.clone()]);
    let output = hand(&world, SCHEDULE).await.expect("started");
    assert_eq!(
        (output.outcome, output.attempt),
        (Outcome::Started, Some(2))
    );
    let release = &world.releases()[1];
    assert_eq!(
        (release.environments.clone(), release.requested_by.as_str()),
        (vec!["prod".to_owned()], "schedule")
    );
    let output = hand(&world, SCHEDULE).await.expect("no error");
    assert_eq!(output.outcome, Outcome::Duplicate);

    world.end(Status::Succeeded);
    world.note_promotions([staged, promoted(&world, "prod", "1.1.0", 2, 20)]);
    let message = nothing_to_take_on(&world).await;
    assert!(
        message.contains("1.1.0 stands in prod, and 1.1.0 in staging"),
        "{message}"
    );
}

#[tokio::test]
async fn no_schedule_begins_again_what_was_said_no_to_or_goes_back() {
    let world = with_prod_by_hand();
    hand(&world, UPLOADED).await.expect("started");
    world.end(Status::Succeeded);
    let staged = promoted(&world, "staging", "1.1.0", 1, 10);
    let ended = |outcome| {
        let mut tried = promoted(&world, "prod", "1.1.0", 2, 20);
        tried.outcome = Some(outcome);
        tried
    };
    for outcome in [
        Ended::RolledBack,
        Ended::Rejected,
        Ended::Expired,
        Ended::Aborted,
    ] {
        world.note_promotions([staged.clone(), ended(outcome)]);
        let message = nothing_to_take_on(&world).await;
        assert!(
            message.contains("`sluice promote storefront 1.1.0 prod` does"),
            "{message}"
        );
    }
    world.note_promotions([staged.clone(), promoted(&world, "prod", "1.2.0", 1, 5)]);
    let message = nothing_to_take_on(&world).await;
    assert!(message.contains("1.2.0 stands in prod"), "{message}");

    world.note_promotions([staged, ended(Ended::Refused)]);
    let output = hand(&world, SCHEDULE).await.expect("started");
    assert_eq!(output.outcome, Outcome::Started);
}

#[tokio::test]
async fn a_schedule_for_an_environment_that_none_comes_before_is_refused() {
    let world = World::with_bundle("storefront", "1.1.0");
    for environment in ["dev", "qa"] {
        let event = SCHEDULE.replace("prod", environment);
        let message = refusal(&world, &event, "InvalidEvent", "release/unknown").await;
        assert!(
            message.contains(&format!("found environment `{environment}`")),
            "{message}"
        );
    }
    let event = SCHEDULE.replace("environment", "enviroment");
    refusal(&world, &event, "InvalidEvent", "release/unknown").await;
}

#[tokio::test]
async fn a_schedule_that_meets_a_running_attempt_or_closed_doors_is_no_mistake() {
    let world = with_prod_by_hand();
    hand(&world, UPLOADED).await.expect("started");
    let staged = promoted(&world, "staging", "1.1.0", 1, 10);
    world.note_promotions([staged]);
    let entries = world.entries();
    let message = nothing_to_take_on(&world).await;
    assert!(message.contains("while attempt 1 at it runs"), "{message}");

    world.end(Status::Succeeded);
    rules(
        &world,
        "prod",
        3,
        &json!({"start": "manual", "branches": ["main"]}),
    );
    let message = nothing_to_take_on(&world).await;
    assert!(
        message.contains("prod takes no build of this origin"),
        "{message}"
    );
    assert_eq!(world.entries(), entries, "nothing was refused");
}

/// To work on the database of an environment in the name of 1.1.0.
fn operation(environment: &str, kind: &str) -> String {
    format!(
        r#"{{"application":"storefront","version":"1.1.0","requested_by":"ada","environments":["{environment}"],"operation":{{"kind":"{kind}"}}}}"#
    )
}

#[tokio::test]
async fn a_database_is_worked_on_by_an_attempt_of_its_own_in_the_name_of_what_serves() {
    let world = World::with_bundle("storefront", "1.1.0");
    hand(&world, UPLOADED).await.expect("started");
    world.end(Status::Succeeded);
    world.serves("prod");
    let output = hand(&world, &operation("prod", "contract")).await;
    let output = output.expect("started");
    assert_eq!(
        (output.outcome, output.attempt),
        (Outcome::Started, Some(2))
    );
    let last = world.releases().pop().expect("an attempt");
    assert_eq!(last.operation, Some(Operation::Contract {}));
    assert_eq!(
        (last.environments, last.rollback),
        (vec!["prod".to_owned()], false)
    );
    world.end_last(Status::Failed);
    // What became of it says nothing of the release, which was promoted everywhere.
    refusal(&world, MANUAL_AGAIN, "AlreadyReleased", CHAIN).await;
}

#[tokio::test]
async fn a_database_is_not_worked_on_in_the_name_of_another_release() {
    let world = World::with_bundle("storefront", "1.1.0");
    hand(&world, UPLOADED).await.expect("started");
    world.end(Status::Succeeded);
    for kind in ["contract", "undo"] {
        let event = operation("prod", kind);
        let message = refusal(&world, &event, "WrongRelease", CHAIN).await;
        assert!(
            message.contains("was never promoted into prod"),
            "{message}"
        );
    }
    world.serves("prod");
    let message = refusal(&world, &operation("prod", "undo"), "WrongRelease", CHAIN).await;
    assert!(message.contains("serves in prod"), "{message}");
    assert_eq!(world.started(), 1);
}

#[tokio::test]
async fn an_operation_is_of_one_environment_and_of_nothing_else() {
    let world = World::with_bundle("storefront", "1.1.0");
    let plain = operation("prod", "contract");
    for (from, to) in [
        (r#"["prod"]"#, r#"["dev","prod"]"#),
        (r#""operation""#, r#""again":true,"operation""#),
        (r#""operation""#, r#""rollback":true,"operation""#),
    ] {
        let event = plain.replace(from, to);
        let error = hand(&world, &event).await.expect_err("refused");
        assert_eq!(error.name(), "InvalidEvent", "{event}");
    }
}
