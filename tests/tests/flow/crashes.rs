//! Every task of `rollout`, crashed. The tasks are read from the definition, so
//! that a new one is tried the day it is added.

use serde_json::{Value, json};
use sluice_domain::ledger::Kind;
use sluice_tests::World;
use tokio::task::{JoinSet, LocalSet};

use crate::faults::{Scene, replace};

/// The tasks of a machine that call a function.
fn tasks(definition: &Value) -> Vec<String> {
    let states = definition["States"].as_object().expect("states");
    let calls = states.iter().filter(|(_, state)| {
        let function = &state["Arguments"]["FunctionName"];
        state["Type"] == "Task" && function.is_string()
    });
    calls.map(|(name, _)| name.clone()).collect()
}

/// Crashes one task, which nobody tries again, and looks at what is left.
async fn crash(state: String) {
    let scene = Scene::of(&["api", "worker"], json!({})).await;
    let crash = scene.world.stand_in("crash", "os._exit(1)").await;
    let (id, _) = scene
        .promote(|rollout| {
            replace(rollout, &state, &crash);
            rollout["States"][&state]["Retry"] = json!([]);
        })
        .await;
    let ended = scene.rolled_back(&id).await;
    assert_eq!(ended.count(Kind::Committed), 0, "{state}: {ended:#?}");
    println!("{state}: {}", ended.reason());
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn whichever_task_of_the_rollout_crashes_its_traffic_goes_back() {
    let rollout = World::new().await.deployed("rollout").await;
    let tasks = tasks(&rollout);
    assert!(tasks.len() > 5, "{tasks:?}");
    // A few at a time: each has an application of its own.
    let all = async {
        for some in tasks.chunks(3) {
            let mut crashes = JoinSet::new();
            for state in some {
                crashes.spawn_local(crash(state.clone()));
            }
            crashes.join_all().await;
        }
    };
    LocalSet::new().run_until(all).await;
}
