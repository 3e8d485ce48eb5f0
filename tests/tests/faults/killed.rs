//! Everything ends at once, in the middle of a step: the state machines, the
//! functions and the engine that ran them.
//!
//! What people hear of it is not looked at here: the engine keeps no stream of the
//! ledger's table over its end, as AWS does for a day.

use aws_sdk_sfn::types::ExecutionStatus;
use serde_json::json;
use sluice_domain::ledger::Kind;
use sluice_domain::promotion::Outcome;
use sluice_tests::World;
use sluice_tests::world::{Durable, alone};

#[tokio::test]
#[ignore = "needs the engine's environment: make test"]
async fn what_ends_in_the_middle_of_a_step_is_mended_by_the_watchdog_on_return() {
    let mut durable = Durable::start("killed").await;
    let world = World::on(durable.environment()).await;
    let functions = ["a", "b", "c"];
    let first = world.healthy("1.0.0", &functions);
    world.environment("prod", &first, json!({})).await;
    let halfway = format!("/flow/{}/halfway", world.application);
    let body = halfway_through(&world, &halfway).await;
    let shift = world.stand_in("shift", &body).await;
    let machines = world
        .machines(|rollout| {
            rollout["States"]["ShiftTraffic"]["Arguments"]["FunctionName"] = json!(shift);
        })
        .await;
    let next = world.healthy("1.1.0", &functions);
    let id = world.promote(&machines, "prod", &next).await;
    world
        .wait("the first half of a step", async || {
            world.read_parameter(&halfway).await
        })
        .await;
    // A step writes its aliases side by side: the third may have moved or not.
    for (function, version) in [("a", "2"), ("b", "1")] {
        let found = world.alias("prod", function).await;
        assert_eq!(found, alone(version), "{function}");
    }

    durable.kill().await;
    durable.start_again().await;

    world.watched(&id, Kind::PromotionClosed).await;
    let ended = world.ended(&id).await;
    assert_eq!(ended.outcome(), Some(Outcome::RolledBack));
    assert_ne!(ended.status, ExecutionStatus::Succeeded);
    for kind in [
        Kind::TrafficJournaled,
        Kind::TakenOver,
        Kind::TrafficRolledBack,
    ] {
        assert_eq!(ended.count(kind), 1, "{kind:?} among {:?}", ended.kinds());
    }
    world.settled("prod", &next, "1").await;

    // It is as good as before.
    let after = world.healthy("1.2.0", &functions);
    world.upload(&after).await;
    let promoted = world.ended(&world.promotion("prod", "1.2.0")).await;
    promoted.is(Outcome::Promoted);
    world.settled("prod", &after, "3").await;
    durable.stop().await;
}

/// Moves the first alias of the group, finds that somebody has touched the second,
/// says so and then stands still, as a step does that is just being taken.
async fn halfway_through(world: &World, said: &str) -> String {
    let shift = world.called_by("ShiftTraffic").await;
    let second = world.function("prod", "b");
    format!(
        "import time\n\
         aws = boto3.client('lambda')\n\
         aws.update_alias(FunctionName='{second}', Name='live', Description='somebody')\n\
         aws.invoke(FunctionName='{shift}', Payload=json.dumps(event).encode())\n\
         boto3.client('ssm').put_parameter(Name='{said}', Type='String', Value='yes')\n\
         time.sleep(600)"
    )
}
