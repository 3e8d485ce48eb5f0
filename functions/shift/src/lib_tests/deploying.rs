//! Through CodeDeploy.

use std::rc::Rc;

use serde_json::json;
use sluice_domain::alias::Routing;
use sluice_domain::codedeploy::Status;
use sluice_domain::ledger::Kind;
use sluice_domain::promotion::Outcome;
use sluice_platform::lambda::Named;

use super::world::{World, shared};
use super::*;

fn deployed() -> Rc<World> {
    World::new(&["api", "web"], &[]).with_codedeploy()
}

fn ids(world: &World) -> Vec<Option<String>> {
    let journal = world.journal.borrow();
    let entries = journal.as_ref().expect("a journal").functions.values();
    let ids = entries.map(|entry| entry.deployment.as_ref().and_then(|it| it.id.clone()));
    ids.collect()
}

#[tokio::test]
async fn the_journal_is_saved_before_deployments_are_created_and_with_each_of_them() {
    let world = deployed();
    let output = world.ask(world.step(0)).await.expect("deployments");
    assert_eq!(
        world.take_log(),
        [
            "save step -",
            "record TrafficJournaled",
            "save step 0",
            "create d-1 in shop/api",
            "save step 0",
            "create d-2 in shop/web",
            "save step 0",
            "record DeploymentsCreated",
            "save step 0",
        ]
    );
    let json = serde_json::to_value(output).expect("JSON");
    let expected = json!({ "next": "bake", "wait_seconds": 60, "next_step": 0 });
    assert_eq!(json, expected);
}

#[tokio::test]
async fn a_deployment_says_whose_it_is_and_calls_the_hook() {
    let world = deployed();
    world.ask(world.step(0)).await.expect("deployments");
    let codedeploy = world.codedeploy.borrow();
    let order = &codedeploy.orders[0];
    assert_eq!(
        order.mark.to_string(),
        "sluice storefront/prod/1.1.0/1 function api generation 1"
    );
    assert!(order.app_spec.contains("CodeDeployHook_sluice"));
    assert!(order.app_spec.contains(r#""CurrentVersion":"1""#));
}

#[tokio::test]
async fn deployments_are_followed_until_all_have_succeeded_and_what_they_left_is_signed() {
    let world = deployed();
    world.ask(world.step(0)).await.expect("deployments");
    world.deploy(10.0);
    world.take_log();
    let output = world.ask(world.step(0)).await.expect("under way");
    assert_eq!((output.next, output.next_step), (Some(Next::Bake), Some(0)));
    world.deploy(100.0);
    let output = world.ask(world.step(0)).await.expect("all through");
    assert_eq!((output.next, output.next_step), (Some(Next::Live), Some(1)));
    let expected = [
        "save step 0",
        "save step 0",
        "write api version 2",
        "write web version 2",
        "save step 0 done",
        "record TrafficShifted",
    ];
    assert_eq!(world.take_log(), expected);
    world.ask(world.commit()).await.expect("a commit");
}

#[tokio::test]
async fn a_function_without_an_alias_gets_it_from_sluice_once_the_others_are_through() {
    let world = World::new(&["api"], &["jobs"]).with_codedeploy();
    world.ask(world.step(0)).await.expect("deployments");
    assert_eq!(world.standing(), [("d-1".to_owned(), Status::Running)]);
    assert_eq!(world.routing("jobs"), None);
    world.deploy(100.0);
    world.ask(world.step(0)).await.expect("all through");
    assert_eq!(world.routing("jobs"), Some(Routing::only("2")));
}

#[tokio::test]
async fn a_deployment_whose_id_could_not_be_written_down_is_found_and_not_created_again() {
    let world = deployed();
    world.codedeploy.borrow_mut().dies_after = Some(2);
    assert!(world.try_ask(world.step(0)).await.is_none());
    assert_eq!(ids(&world), [Some("d-1".to_owned()), None]);
    world
        .ask(world.step(0))
        .await
        .expect("the same deployments");
    let both = ["d-1", "d-2"].map(|id| Some(id.to_owned()));
    assert_eq!(ids(&world), both);
    assert_eq!(world.standing().len(), 2);
}

#[tokio::test]
async fn a_deployment_whose_creation_got_no_answer_is_found_before_anything_is_given_up() {
    let world = deployed();
    world.codedeploy.borrow_mut().loses = Some(1);
    world.ask(world.step(0)).await.expect("deployments");
    let both = ["d-1", "d-2"].map(|id| Some(id.to_owned()));
    assert_eq!(ids(&world), both);
    assert_eq!(world.standing().len(), 2);
}

#[tokio::test]
async fn one_that_fails_fails_the_step_in_codedeploys_own_words() {
    let world = deployed();
    world.ask(world.step(0)).await.expect("deployments");
    world.deployment_fails("web", "HOOK_EXECUTION_FAILURE: BeforeAllowTraffic");
    let error = world.ask(world.step(0)).await.expect_err("a failure");
    assert_eq!(error.name(), "DeploymentFailed");
    let said = error.to_string();
    assert!(
        said.contains("web: deployment d-2 failed: HOOK_EXECUTION_FAILURE: BeforeAllowTraffic"),
        "{said}"
    );
}

#[tokio::test]
async fn deployments_that_take_longer_than_the_plan_gives_them_fail_the_step() {
    let world = deployed();
    world.ask(world.step(0)).await.expect("deployments");
    let an_hour_ago = Timestamp::UNIX_EPOCH - jiff::SignedDuration::from_secs(3600);
    if let Some(journal) = world.journal.borrow_mut().as_mut() {
        journal.begun_at = Some(an_hour_ago);
    }
    let error = world.ask(world.step(0)).await.expect_err("too long");
    assert_eq!(error.name(), "DeploymentFailed");
    assert!(error.to_string().contains("3600 s"), "{error}");
}

#[tokio::test]
async fn an_alias_that_is_elsewhere_when_codedeploy_is_through_stops_the_rollout() {
    let world = deployed();
    world.ask(world.step(0)).await.expect("deployments");
    world.deploy(100.0);
    world.foreign("web", Some(Routing::only("7")));
    let error = world.ask(world.step(0)).await.expect_err("foreign");
    assert_eq!(error.name(), "AliasChanged");
}

#[tokio::test]
async fn rolling_back_stops_what_runs_and_puts_every_alias_back() {
    let world = deployed();
    world.ask(world.step(0)).await.expect("deployments");
    world.deploy(10.0);
    world.take_log();
    let output = world.ask(world.stable()).await.expect("a roll back");
    assert_eq!(output.settled, Some(Outcome::RolledBack));
    assert_eq!(
        world.take_log(),
        [
            "save step 0",
            "stop d-1",
            "stop d-2",
            "write web version 1",
            "write api version 1",
            "record TrafficRolledBack",
        ]
    );
    let told = world.facts.borrow().last().map(|fact| fact.facts.clone());
    let weight = told.expect("a fact")["weight"].clone();
    assert!(weight.is_null(), "CodeDeploy's to know, found {weight}");
    world.ask(world.verify()).await.expect("all is back");
    world.ask(world.stable()).await.expect("the same again");
    assert!(!world.take_log().iter().any(|line| line.starts_with("stop")));
}

#[tokio::test]
async fn a_deployment_that_nobody_could_write_down_is_stopped_too() {
    let world = deployed();
    world.codedeploy.borrow_mut().dies_after = Some(1);
    assert!(world.try_ask(world.step(0)).await.is_none());
    world.generation.set(2);
    world.ask(world.stable()).await.expect("a roll back");
    assert_eq!(world.standing(), [("d-1".to_owned(), Status::Stopped)]);
}

#[tokio::test]
async fn a_deployment_that_does_not_end_is_told_and_aliases_go_back_all_the_same() {
    let world = deployed();
    world.ask(world.step(0)).await.expect("deployments");
    world.deploy(10.0);
    assert_eq!(world.routing("api"), Some(shared("1", "2", 0.1)));
    world.codedeploy.borrow_mut().never_stops = true;
    world.patience.set(Duration::ZERO);
    let error = world.ask(world.stable()).await.expect_err("not over");
    assert_eq!(error.name(), "RollbackIncomplete");
    assert!(
        error.to_string().contains("found d-1, d-2 under way"),
        "{error}"
    );
    assert_eq!(world.routing("api"), Some(Routing::only("1")));
    assert!(!world.kinds().contains(&Kind::TrafficRolledBack));
}

#[tokio::test]
async fn a_deployment_that_an_answer_leaves_out_may_still_run_and_is_told() {
    let world = deployed();
    world.ask(world.step(0)).await.expect("deployments");
    world.codedeploy.borrow_mut().untold = Some("d-2".to_owned());
    world.patience.set(Duration::ZERO);
    let error = world.ask(world.stable()).await.expect_err("not known");
    assert_eq!(error.name(), "RollbackIncomplete");
    assert!(error.to_string().contains("found d-2, "), "{error}");
    assert_eq!(world.routing("web"), Some(Routing::only("1")));
    world.codedeploy.borrow_mut().untold = None;
    world.patience.set(Duration::from_secs(60));
    world.ask(world.stable()).await.expect("a roll back");
    let stopped = ["d-1", "d-2"].map(|id| (id.to_owned(), Status::Stopped));
    assert_eq!(world.standing(), stopped);
}

#[tokio::test]
async fn a_zombie_creates_no_deployment() {
    let world = deployed();
    let late = world.step(0);
    world.ask(world.step(0)).await.expect("deployments");
    world.ask(world.stable()).await.expect("a roll back");
    world.generation.set(2);
    let error = world.ask(late).await.expect_err("fenced");
    assert_eq!(error.name(), "Fenced");
    assert_eq!(world.standing().len(), 2);
}
