//! Promotions that never begin: everybody hears of them, and of why.

use aws_sdk_sfn::types::ExecutionStatus;
use serde_json::{Value, json};
use sluice_domain::ledger::{Entry, Kind, verify};
use sluice_domain::promotion::{Outcome, PromotionId};
use sluice_tests::World;
use sluice_tests::world::Build;

/// An application that serves version 1 in prod, and its next build.
async fn serving() -> (World, Build) {
    let world = World::new().await;
    let first = world.healthy("1.0.0", &["api"]);
    world.environment("prod", &first, json!({})).await;
    let build = world.healthy("1.1.0", &["api"]);
    (world, build)
}

/// A copy of `release`, with a change.
async fn copy(world: &World, change: impl FnOnce(&mut Value)) -> String {
    let mut definition = world.deployed("release").await;
    change(&mut definition);
    let definition = definition.to_string();
    let machine = world.create_machine("release", &definition).await;
    let copies = [("ReleaseMachine", machine.as_str())];
    world.let_the_watchdog_see(&copies).await;
    machine
}

/// What the ledger says of a promotion that never began: its end, and no more.
async fn only_ended(world: &World, id: &PromotionId, outcome: Outcome) -> String {
    world.happened(id, Kind::PromotionClosed).await;
    let entries: Vec<Entry> = world.ledger(&id.to_string()).await;
    assert_eq!(verify(&entries), Ok(()));
    let kinds: Vec<Kind> = entries.iter().map(|entry| entry.event.kind).collect();
    assert_eq!(kinds, [Kind::PromotionClosed]);
    let facts = &entries[0].event.facts;
    assert_eq!(facts["outcome"], json!(outcome), "{facts}");
    facts["reason"].as_str().expect("a reason").to_owned()
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_promotion_that_cannot_be_started_is_refused_and_everybody_hears_why() {
    let (world, build) = serving().await;
    let inbox = world.inbox().await;
    let nowhere = format!("{}-gone", world.machine("promote"));
    let machine = copy(&world, |release| {
        let each = &mut release["States"]["EachEnvironment"]["ItemProcessor"]["States"];
        each["Promote"]["Arguments"]["StateMachineArn"] = json!(nowhere);
    });
    let (id, release) = world.release(&machine.await, "prod", &build).await;

    let reason = only_ended(&world, &id, Outcome::Refused).await;
    assert!(reason.starts_with("NotBegun: "), "{reason}");
    assert!(reason.contains("StateMachineDoesNotExist"), "{reason}");
    let status = world.execution_ended(&release).await;
    assert_eq!(status, ExecutionStatus::Failed);
    let (subject, text) = world.told(&inbox, "PromotionClosed").await;
    assert!(subject.contains("Refused"), "{subject}");
    assert!(text.contains(&reason), "{text}");
    world.settled("prod", &build, "1").await;

    let name = format!("{}/1.1.0", world.application);
    let watched = world.sluice(&["watch", &name]).run().await;
    assert!(watched.is(6).stdout.contains(&reason), "{watched:?}");
    let watched = world.sluice(&["watch", &name, "--json"]).run().await;
    assert_eq!(watched.is(6).json()["outcome"], "Refused", "{watched:?}");
    let listed = world.sluice(&["history", &world.application]).run().await;
    assert!(listed.is(0).stdout.contains("NotBegun: "), "{listed:?}");
    let history = ["history", "--promotion", &id.to_string()];
    let one = world.sluice(&history).run().await;
    assert!(one.is(0).stdout.contains("NotBegun: "), "{one:?}");
}

/// Its release is stopped before it has started anything.
#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn what_a_release_never_got_to_before_it_was_stopped_is_closed_by_the_watchdog() {
    let (world, build) = serving().await;
    let inbox = world.inbox().await;
    let machine = copy(&world, |release| {
        let first = release["StartAt"].take();
        let wait = json!({ "Type": "Wait", "Seconds": 900, "Next": first });
        release["States"]["WaitFirst"] = wait;
        release["StartAt"] = json!("WaitFirst");
    });
    let (id, release) = world.release(&machine.await, "prod", &build).await;
    world.stop(&release).await;

    world.watched(&id, Kind::PromotionClosed).await;
    let reason = only_ended(&world, &id, Outcome::Aborted).await;
    assert!(reason.ends_with("its release ended ABORTED"), "{reason}");
    let (subject, text) = world.told(&inbox, "PromotionClosed").await;
    assert!(subject.contains("Aborted"), "{subject}");
    assert!(text.contains(&reason), "{text}");
    world.settled("prod", &build, "1").await;
}
