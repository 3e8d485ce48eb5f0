//! Past the point of no return.

use aws_sdk_sfn::types::ExecutionStatus;
use serde_json::json;
use sluice_domain::ledger::Kind;
use sluice_domain::promotion::Outcome;

use crate::faults::{Scene, replace};

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_rollout_that_crashes_after_its_commit_stays_promoted() {
    let Scene { world, next, inbox } = Scene::of(&["api", "worker"], json!({})).await;
    let commit = world.called_by("Commit").await;
    // The real function commits; then this one dies, and nobody asks again.
    let body = format!(
        "boto3.client('lambda').invoke(FunctionName='{commit}', Payload=json.dumps(event).encode())\n\
         os._exit(1)"
    );
    let crash = world.stand_in("commit", &body).await;
    let machines = world
        .machines(|rollout| {
            replace(rollout, "Commit", &crash);
            rollout["States"]["Commit"]["Retry"] = json!([]);
        })
        .await;
    let id = world.promote(&machines, "prod", &next).await;

    let ended = world.ended(&id).await;
    ended.is(Outcome::Promoted);
    let rollout = machines.rollout_of(&id, &next);
    let rollout = world.execution_ended(&rollout).await;
    assert_eq!(rollout, ExecutionStatus::Failed);
    assert_eq!(ended.count(Kind::Committed), 1);
    assert_eq!(ended.count(Kind::TrafficRolledBack), 0);
    world.settled("prod", &next, "2").await;
    let (subject, _) = world.told(&inbox, "PromotionClosed").await;
    assert!(subject.contains("Promoted"), "{subject}");
}
