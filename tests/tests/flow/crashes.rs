//! Every task of `promote`, crashed without a further try, beside rollouts that are
//! well or fail. The tasks are read from the definition, so that a new one is tried
//! the day it is added. (Whatever else can go wrong with them, the fault matrix has.)

use aws_sdk_sfn::types::ExecutionStatus;
use serde_json::{Value, json};
use sluice_domain::ledger::Kind;
use sluice_domain::naming::{execution_arn, promotion_execution};
use sluice_domain::promotion::Outcome;
use sluice_tests::World;
use tokio::task::{JoinSet, LocalSet};

use crate::faults::{Scene, replace};

/// The tasks of a machine that call a function and wait for its answer. (On an
/// engine, who waits for a token hears nothing of a crash.)
fn tasks(definition: &Value) -> Vec<String> {
    let states = definition["States"].as_object().expect("states");
    let calls = states.iter().filter(|(_, state)| {
        let function = &state["Arguments"]["FunctionName"];
        let waits = state["Resource"] == "arn:aws:states:::lambda:invoke";
        state["Type"] == "Task" && waits && function.is_string()
    });
    calls.map(|(name, _)| name.clone()).collect()
}

/// Each has an application of its own.
async fn a_few_at_a_time(all: impl Iterator<Item = impl Future<Output = ()> + 'static>) {
    let mut all = all.peekable();
    let local = LocalSet::new();
    while all.peek().is_some() {
        let mut some = JoinSet::new();
        for one in all.by_ref().take(3) {
            some.spawn_local_on(one, &local);
        }
        local.run_until(some.join_all()).await;
    }
}

/// Crashes one task of `promote`, beside a rollout that is well or fails.
async fn crash_supervisor(state: String, is_healthy: bool) {
    let case = format!("{state} beside a rollout that is well: {is_healthy}");
    let Scene { world, next, inbox } = Scene::of(&["api", "worker"], json!({})).await;
    let crash = world.stand_in("crash", "os._exit(1)").await;
    let machines = world
        .machines_with(
            |rollout| {
                if !is_healthy {
                    replace(rollout, "Judge", &crash);
                    rollout["States"]["Judge"]["Retry"] = json!([]);
                }
            },
            |promote| {
                replace(promote, &state, &crash);
                promote["States"][&state]["Retry"] = json!([]);
            },
        )
        .await;
    let id = world.promote(&machines, "prod", &next).await;
    let name = promotion_execution(&id, &next.bundle.digest());
    let execution = execution_arn(&machines.promote, &name);
    let status = world.execution_ended(&execution).await;

    if state == "VerifyBundle" {
        assert_eq!(status, ExecutionStatus::Failed, "{case}");
        world.settled("prod", &next, "1").await;
        // It was never opened, and people hear of it all the same.
        let (subject, _) = world.told(&inbox, "PromotionClosed").await;
        assert!(subject.contains("Refused"), "{case}: {subject}");
        return;
    }
    world.watched(&id, Kind::PromotionClosed).await;
    let ended = world.ended(&id).await;
    let outcome = ended.outcome().expect("an outcome");
    let version = if outcome == Outcome::Promoted {
        "2"
    } else {
        "1"
    };
    world.settled("prod", &next, version).await;
    let succeeded = status == ExecutionStatus::Succeeded;
    assert!(
        !succeeded || outcome == Outcome::Promoted,
        "{case}: {ended:#?}"
    );
    assert!(
        is_healthy || outcome != Outcome::Promoted,
        "{case}: {ended:#?}"
    );
    let (subject, _) = world.told(&inbox, "PromotionClosed").await;
    assert!(subject.contains(outcome.title()), "{case}: {subject}");
    println!("{case}: {status:?}, {outcome:?}");
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn whichever_task_of_the_supervisor_crashes_its_promotion_is_settled() {
    let promote = World::new().await.deployed("promote").await;
    let tasks = tasks(&promote);
    assert!(tasks.len() > 5, "{tasks:?}");
    let both = tasks
        .iter()
        .flat_map(|state| [(state, true), (state, false)]);
    let all = both.map(|(state, is_healthy)| crash_supervisor(state.clone(), is_healthy));
    a_few_at_a_time(all).await;
}
