//! An alias has one owner, and its callers use it: what else moves it is refused
//! before Sluice moves anything, and what goes past it is told.

use aws_sdk_lambda::types::DeadLetterConfig;
use serde_json::json;
use sluice_domain::ledger::Kind;
use sluice_domain::promotion::Outcome;
use sluice_tests::World;
use sluice_tests::world::{ALIAS, Build, Ended, alone};

async fn serving() -> (World, Build) {
    let world = World::new().await;
    let first = world.healthy("1.0.0", &["api"]);
    world.environment("prod", &first, json!({})).await;
    (world, first)
}

async fn released(world: &World, version: &str) -> Ended {
    let build = world.healthy(version, &["api"]);
    world.upload(&build).await;
    world.ended(&world.promotion("prod", version)).await
}

/// The settings of prod with these steps, and a version that is adopted.
async fn settings(world: &World, build: &Build, adopt: Option<&str>, steps: &[u32]) {
    let name = world.function("prod", "api");
    let function = json!({ "name": name, "alias": ALIAS, "adopt": adopt });
    let steps = steps.iter();
    let steps: Vec<_> = steps
        .map(|weight| json!({ "weight": weight, "bake_seconds": 0 }))
        .collect();
    let more = json!({ "functions": { "api": function }, "steps": steps });
    world.settings("prod", build, more).await;
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn an_alias_that_somebody_moved_is_refused_until_its_version_is_adopted_or_gone() {
    let (world, first) = serving().await;
    released(&world, "1.1.0").await.is(Outcome::Promoted);
    let hot = world.healthy("6.6.6", &["api"]);
    let theirs = world.publish("prod", "api", &hot).await;
    world.move_alias("prod", "api", &theirs).await;

    let refused = released(&world, "1.2.0").await;
    refused.is(Outcome::Refused);
    let one = world.promotion("prod", "1.1.0");
    for told in [
        "AliasDrifted",
        &format!("on version {theirs}, and {one} left it on version 2"),
        "not Sluice",
    ] {
        assert!(refused.reason().contains(told), "{}", refused.reason());
    }
    assert!(!refused.kinds().contains(&Kind::ChangesPlanned));
    world.settled("prod", &hot, &theirs).await;
    let application = world.application.as_str();
    let planned = world.sluice(&["plan", application, "prod"]).run().await;
    planned
        .is(0)
        .says("left it on version 2")
        .says("`\"adopt\": ");
    let looked = world.sluice(&["doctor", application]).run().await;
    looked.is(1).says("alias of api").says("docs/handover.md");

    settings(&world, &first, Some(&theirs), &[50, 100]).await;
    let adopted = released(&world, "1.3.0").await;
    adopted.is(Outcome::Promoted);
    let journal = &adopted.entry(Kind::TrafficJournaled).event.facts["functions"];
    assert_eq!(journal["api"]["stable"], json!(theirs), "{journal}");

    // Put back by hand to where it was left, it is Sluice's as before.
    let now = world.alias("prod", "api").await.expect("an alias").version;
    world.move_alias("prod", "api", "1").await;
    world.move_alias("prod", "api", &now).await;
    released(&world, "1.4.0").await.is(Outcome::Promoted);
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn an_alias_whose_description_somebody_rewrote_is_known_by_its_version() {
    let (world, _) = serving().await;
    released(&world, "1.1.0").await.is(Outcome::Promoted);
    let describe = |text: &'static str, version: Option<&'static str>| {
        let request = world
            .lambda()
            .update_alias()
            .function_name(world.function("prod", "api"))
            .name(ALIAS)
            .description(text)
            .set_function_version(version.map(str::to_owned));
        async move { request.send().await.expect("the alias is written") }
    };
    describe("ours", None).await;
    released(&world, "1.2.0").await.is(Outcome::Promoted);
    describe("hot fix", Some("2")).await;
    let refused = released(&world, "1.3.0").await;
    refused.is(Outcome::Refused);
    assert!(
        refused.reason().contains("`hot fix`"),
        "{}",
        refused.reason()
    );
    assert_eq!(world.alias("prod", "api").await, alone("2"));
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn an_alias_that_was_taken_back_directly_is_still_sluices() {
    let (world, first) = serving().await;
    released(&world, "1.1.0").await.is(Outcome::Promoted);
    let command = ["rollback", &world.application, "prod", "--direct"];
    world.sluice(&command).run().await.is(0);
    world.settled("prod", &first, "1").await;
    released(&world, "1.2.0").await.is(Outcome::Promoted);
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_new_dead_letter_queue_ships_in_one_step_and_is_refused_in_two() {
    let (world, first) = serving().await;
    settings(&world, &first, None, &[50, 100]).await;
    let queue = "arn:aws:sqs:us-east-1:000000000000:letters";
    let letters = DeadLetterConfig::builder().target_arn(queue).build();
    let request = world
        .lambda()
        .update_function_configuration()
        .function_name(world.function("prod", "api"))
        .dead_letter_config(letters);
    request.send().await.expect("the function is configured");

    let refused = released(&world, "1.1.0").await;
    refused.is(Outcome::Refused);
    for told in ["CannotShareAlias", "dead-letter queue: none", queue] {
        assert!(refused.reason().contains(told), "{}", refused.reason());
    }
    world.settled("prod", &first, "1").await;

    settings(&world, &first, None, &[100]).await;
    let ended = released(&world, "1.2.0").await;
    ended.is(Outcome::Promoted);
    assert_eq!(world.alias("prod", "api").await, alone("2"));
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn who_may_call_a_function_past_its_alias_is_told() {
    let (world, _) = serving().await;
    let rule = "arn:aws:events:us-east-1:000000000000:rule/nightly";
    let request = world
        .lambda()
        .add_permission()
        .function_name(world.function("prod", "api"))
        .statement_id("nightly")
        .action("lambda:InvokeFunction")
        .principal("events.amazonaws.com")
        .source_arn(rule);
    request.send().await.expect("the permission is given");
    let past = format!("events.amazonaws.com for {rule}");
    let application = world.application.as_str();
    let planned = world.sluice(&["plan", application, "prod"]).run().await;
    planned.is(0).says(&past);
    let looked = world.sluice(&["doctor", application]).run().await;
    looked.is(0).says(&past).says("no step protects it");
}
