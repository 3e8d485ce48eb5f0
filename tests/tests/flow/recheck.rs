//! What was approved is what ships: whatever changes while people think voids
//! their approval.

use serde_json::{Value, json};
use sluice_domain::approval::Choice;
use sluice_domain::ledger::Kind;
use sluice_domain::promotion::Outcome;
use sluice_tests::World;

use crate::approvals::{CODE, waiting};

/// What somebody does in the meantime.
enum Meanwhile {
    MoveAnAlias,
    ChangeTheSteps,
    ConfigureAFunction,
    Freeze,
}

impl Meanwhile {
    async fn happens(&self, world: &World) {
        match self {
            Self::MoveAnAlias => {
                let other = world.healthy("6.6.6", &["worker"]);
                let theirs = world.publish("prod", "worker", &other).await;
                world.move_alias("prod", "worker", &theirs).await;
            }
            Self::ChangeTheSteps => {
                let steps = json!([{ "weight": 1, "bake_seconds": 0 }, { "weight": 100, "bake_seconds": 0 }]);
                change_settings(world, json!({ "steps": steps })).await;
            }
            Self::ConfigureAFunction => {
                world
                    .configure("prod", "worker", 512, ("MODE", "other"))
                    .await;
            }
            Self::Freeze => {
                let freeze = json!({ "by": "ada", "reason": "the sale has begun" });
                change_settings(world, json!({ "frozen": freeze })).await;
            }
        }
    }
}

async fn change_settings(world: &World, more: Value) {
    let parameter = format!("/sluice/{}/prod", world.application);
    let settings = world.read_parameter(&parameter).await.expect("settings");
    let mut settings: Value = serde_json::from_str(&settings).expect("JSON");
    for (name, value) in more.as_object().expect("fields") {
        settings[name] = value.clone();
    }
    world.write_settings("prod", &settings.to_string()).await;
}

/// Checks that an approval does not hold after this, with the error's name and
/// something that it says.
async fn refused_after(meanwhile: Meanwhile, error: &str, says: &str) {
    let (world, build, id) = waiting(600).await;
    meanwhile.happens(&world).await;
    world
        .vote(&id, Choice::Approve, CODE)
        .await
        .expect("a vote");

    let ended = world.ended(&id).await;
    ended.is(Outcome::Refused);
    let reason = ended.reason();
    assert!(reason.contains(&format!("{error}: ")), "{reason}");
    assert!(reason.contains(says), "{reason}");
    let kinds = ended.kinds();
    assert!(kinds.contains(&Kind::ApprovalDecided), "{kinds:?}");
    assert!(!kinds.contains(&Kind::TargetsAcquired), "{kinds:?}");
    assert!(!kinds.contains(&Kind::VersionsPublished), "{kinds:?}");
    assert_eq!(world.versions("prod", "api").await, ["1"]);
    world.unlocked("prod", &build).await;
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn an_approval_does_not_hold_for_another_plan() {
    let another = "the plan changed since it was approved";
    tokio::join!(
        refused_after(Meanwhile::MoveAnAlias, "PlanChanged", another),
        refused_after(Meanwhile::ChangeTheSteps, "PlanChanged", another),
        refused_after(Meanwhile::ConfigureAFunction, "PlanChanged", another),
    );
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn an_environment_that_was_frozen_during_the_wait_lets_nothing_in() {
    refused_after(Meanwhile::Freeze, "Frozen", "the sale has begun").await;
}
