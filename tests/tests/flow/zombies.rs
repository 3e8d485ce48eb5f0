//! A function that went on after its promotion ended: it can't write any more.

use serde_json::json;
use sluice_domain::ledger::Kind;
use sluice_domain::promotion::Outcome;
use sluice_tests::World;

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn what_wakes_up_after_the_rollback_is_fenced_off() {
    let world = World::new().await;
    let first = world.healthy("1.0.0", &["api", "worker"]);
    let steps = json!([{ "weight": 50, "bake_seconds": 1 }, { "weight": 100, "bake_seconds": 0 }]);
    world
        .environment("prod", &first, json!({ "steps": steps }))
        .await;
    let judge = world.stand_in("judge", "raise RuntimeError('no')").await;
    let machines = world
        .machines(|rollout| {
            rollout["States"]["Judge"]["Arguments"]["FunctionName"] = json!(judge);
        })
        .await;
    let next = world.healthy("1.1.0", &["api", "worker"]);
    let id = world.promote(&machines, "prod", &next).await;
    let ended = world.ended(&id).await;
    ended.is(Outcome::RolledBack);
    let generation = &ended.entry(Kind::TargetsAcquired).event.facts["generation"];

    let shift = world.called_by("ShiftTraffic").await;
    // A step out of turn is refused even before the fence.
    for (goal, step, expected) in [
        ("step", json!(0), "Fenced"),
        ("step", json!(1), "OutOfStep"),
        ("commit", json!(null), "OutOfStep"),
        ("stable", json!(null), "Fenced"),
    ] {
        let input =
            json!({ "goal": goal, "promotion": id, "generation": generation, "step": step });
        let answer = world.invoke_function(&shift, &input).await;
        let name = answer.expect_err("fenced off").name;
        assert_eq!(name, expected, "{goal} {step}");
    }
    let publish = world.called_by("PublishVersions").await;
    let guard = world.called_by("CheckGuards").await;
    let input = json!({ "promotion": id, "generation": generation });
    let answer = world.invoke_function(&publish, &input).await;
    let name = answer.expect_err("fenced").name;
    assert!(name == "Fenced", "{name}");
    let check = json!({ "op": "check", "promotion": id, "generation": generation });
    let answer = world.invoke_function(&guard, &check).await;
    assert_eq!(answer.expect_err("fenced").name, "Fenced");
    world.settled("prod", &next, "1").await;
    assert_eq!(world.versions("prod", "api").await, ["1", "2"]);
    assert_eq!(world.ended(&id).await.entries, ended.entries);
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_shift_that_goes_on_after_its_task_timed_out_is_fenced_off() {
    let world = World::new().await;
    let first = world.healthy("1.0.0", &["api", "worker"]);
    world.environment("prod", &first, json!({})).await;
    let shift = world.called_by("ShiftTraffic").await;
    let (gate, _) = world.gate().await;
    let body = format!(
        "import time\n\
         ssm = boto3.client('ssm')\n\
         while not ssm.get_parameters(Names=['{gate}'])['Parameters']:\n    \
             time.sleep(0.1)\n\
         answer = boto3.client('lambda').invoke(FunctionName='{shift}', Payload=json.dumps(event).encode())\n\
         answer = answer['Payload'].read().decode()\n\
         ssm.put_parameter(Name='{gate}/answer', Type='String', Value=answer)"
    );
    let late = world.stand_in("shift", &body).await;
    let machines = world
        .machines(|rollout| {
            let state = &mut rollout["States"]["ShiftTraffic"];
            state["Arguments"]["FunctionName"] = json!(late);
            state["TimeoutSeconds"] = json!(1);
        })
        .await;
    let next = world.healthy("1.1.0", &["api", "worker"]);
    let id = world.promote(&machines, "prod", &next).await;
    let ended = world.ended(&id).await;
    ended.is(Outcome::RolledBack);
    assert!(ended.reason().contains("Timeout"), "{}", ended.reason());

    world.open(&gate).await;
    let answer = format!("{gate}/answer");
    let answer = world
        .wait("the late write", async || {
            world.read_parameter(&answer).await
        })
        .await;
    assert!(answer.contains("Fenced"), "{answer}");
    world.settled("prod", &next, "1").await;
    assert_eq!(world.ended(&id).await.entries, ended.entries);
}
