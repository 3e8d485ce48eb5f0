//! What the policies of Sluice's stack let people do, with nothing else.

use serde_json::json;
use sluice_domain::ledger::Kind;
use sluice_domain::promotion::Outcome;
use sluice_tests::World;
use sluice_tests::world::{PASSED, Person, Run, says};

use crate::approvals::{CODE, waiting};

/// Runs `sluice` as this person, who has an approval code, too.
async fn sluice(world: &World, person: &Person, command: &[&str]) -> Run {
    let sluice = world.sluice(command).by(person);
    if command[0] != "approve" {
        return sluice.run().await;
    }
    let code = world.code(CODE).await;
    let sluice = sluice.with_variable(("SLUICE_APPROVAL_CODE", &code));
    sluice.run().await
}

/// Promotes a version by its upload.
async fn promoted(world: &World, version: &str) {
    world.upload(&world.healthy(version, &["api"])).await;
    let ended = world.ended(&world.promotion("prod", version)).await;
    ended.is(Outcome::Promoted);
    world.released(version).await;
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn an_operator_approves_holds_and_aborts_what_shifts() {
    let world = World::new().await;
    let (operator, prod) = (
        world.operator().await,
        format!("{}/prod", world.application),
    );
    let first = world.healthy("1.0.0", &["api"]);
    let approval = json!({ "approvers": [world.approver("ada", CODE).await] });
    let steps =
        json!([{ "weight": 10, "bake_seconds": 900 }, { "weight": 100, "bake_seconds": 0 }]);
    let settings = json!({ "approval": approval, "steps": steps });
    world.environment("prod", &first, settings).await;
    let build = world.healthy("1.1.0", &["api"]);
    world.upload(&build).await;
    let id = world.promotion("prod", "1.1.0");
    world.happened(&id, Kind::ApprovalRequested).await;

    let status = ["status", &world.application];
    let asked = sluice(&world, &operator, &status).await;
    asked.is(0).says("1.1.0");
    let approve = ["approve", &prod, "--person", "ada"];
    sluice(&world, &operator, &approve).await.is(0);
    world.happened(&id, Kind::TrafficShifted).await;
    for wish in ["pause", "resume"] {
        let wish = [wish, &prod, "--reason", "the fair"];
        sluice(&world, &operator, &wish).await.is(0);
    }
    let abort = ["abort", &prod, "--reason", "wrong day", "--json"];
    let aborted = sluice(&world, &operator, &abort).await.is(0).json();
    let came_to = (&aborted["stopped"], &aborted["outcome"]);
    assert_eq!(came_to, (&json!("rollout"), &json!("RolledBack")));
    world.settled("prod", &build, "1").await;
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn an_operator_watches_tests_and_takes_back_what_was_promoted() {
    let world = World::new().await;
    let (operator, application) = (world.operator().await, world.application.as_str());
    let orders = world.suite(&says(PASSED)).await;
    let suite = json!({ "name": "orders", "stage": "scheduled", "function": orders });
    let first = world.healthy("1.0.0", &["api"]);
    let settings = json!({ "suites": [suite] });
    world.environment("prod", &first, settings).await;
    promoted(&world, "1.1.0").await;
    promoted(&world, "1.2.0").await;

    sluice(&world, &operator, &["watch", application])
        .await
        .is(0)
        .says("1.2.0");
    sluice(&world, &operator, &["test", application, "prod"])
        .await
        .is(0)
        .says("passed");
    let back = sluice(&world, &operator, &["rollback", application, "prod"]).await;
    back.is(0).says("1.2.0 → 1.1.0");
    let history = sluice(&world, &operator, &["history", application]).await;
    history.is(0).says("1.2.0");
    let again = world.attempt("prod", "1.1.0", 2).to_string();
    let history = sluice(&world, &operator, &["history", "--promotion", &again]).await;
    history.is(0).says("Committed");
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn who_may_read_no_requests_sees_that_people_are_asked_and_not_the_link() {
    let (world, _, id) = waiting(600).await;
    let link = world.asked(&id).await.request.id;
    let person = world.operator_without_requests().await;
    let status = sluice(&world, &person, &["status", &world.application]).await;
    status
        .is(0)
        .says("asks 1 of ada for approval, ")
        .says("the line is not shown");
    assert!(!format!("{status:?}").contains(&link), "{status:?}");
    let approve = ["approve", &id.to_string(), "--person", "ada"];
    let refused = sluice(&world, &person, &approve).await;
    refused.is(1).says("AccessDenied");
    assert!(!format!("{refused:?}").contains(&link), "{refused:?}");
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn an_operator_can_t_pass_for_a_schedule() {
    let world = World::new().await;
    let (operator, application) = (world.operator().await, &world.application);
    let first = world.healthy("1.0.0", &["api"]);
    world
        .environment("dev", &first, json!({ "order": 1 }))
        .await;
    let may = json!({ "order": 2, "may": { "start": ["schedule"] } });
    world.environment("prod", &first, may).await;
    world.upload(&world.healthy("1.1.0", &["api"])).await;
    let dev = world.ended(&world.promotion("dev", "1.1.0")).await;
    dev.is(Outcome::Promoted);
    world.released("1.1.0").await;

    let schedule = json!({ "promote": { "application": application, "environment": "prod" } });
    assert!(!world.may_invoke(&operator, "IntakeEvents").await);
    assert!(world.may_invoke(&operator, "IntakeFunction").await);
    let refused = world.invoke("IntakeFunction", &schedule).await;
    assert_eq!(refused.expect_err("refused").name, "WrongAlias");
    assert_eq!(world.attempts("1.1.0").await.len(), 1);
    let taken = world.invoke("IntakeEvents", &schedule).await;
    assert_eq!(taken.expect("of a schedule")["outcome"], "started");
}
