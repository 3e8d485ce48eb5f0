//! Environments that CodeDeploy shifts, before a stand-in for its lifecycle.

use aws_sdk_sfn::types::ExecutionStatus;
use serde_json::{Value, json};
use sluice_domain::ledger::Kind;
use sluice_domain::promotion::{Outcome, PromotionId};
use sluice_tests::World;
use sluice_tests::codedeploy::StandIn;
use sluice_tests::world::{Build, Ended, Machines};

/// A group of two at version 1, and its next build, on its way through CodeDeploy.
struct Scene {
    world: World,
    codedeploy: StandIn,
    machines: Machines,
    next: Build,
    id: PromotionId,
}

impl Scene {
    async fn of(change: impl FnOnce(&StandIn)) -> Self {
        let functions = ["api", "worker"];
        let world = World::new().await;
        let codedeploy = StandIn::open(&world.config, &functions).await;
        change(&codedeploy);
        let machines = world.machines_with_codedeploy(&codedeploy).await;
        let first = world.healthy("1.0.0", &functions);
        let settings = world.through_codedeploy(&first);
        world.environment("prod", &first, settings).await;
        let sources = functions.map(|name| (name, sluice_tests::world::healthy("1.1.0")));
        let test = |function: &str| {
            json!({ "name": format!("{function} is new"), "function": function,
                    "expect": { "json": { "$.version": "1.1.0" } } })
        };
        let tests = json!({ "smoke_tests": functions.map(test) });
        let next = world.build("1.1.0", &sources, tests);
        let id = world.promote(&machines, "prod", &next).await;
        Self {
            world,
            codedeploy,
            machines,
            next,
            id,
        }
    }

    /// Waits until every alias has its first tenth on the new version.
    async fn shifting(&self) {
        for function in self.next.functions() {
            let what = format!("the first tenth of {function}");
            self.world
                .wait(&what, async || {
                    let alias = self.world.alias("prod", function).await?;
                    (alias.weights.get("2") == Some(&0.1)).then_some(())
                })
                .await;
        }
    }

    fn answers(&self) -> Vec<Vec<(String, String)>> {
        let deployments = self.codedeploy.deployments().into_iter();
        deployments.map(|deployment| deployment.hooks).collect()
    }

    async fn rolled_back(&self) -> Ended {
        let ended = self.world.ended(&self.id).await;
        ended.is(Outcome::RolledBack);
        assert_eq!(ended.status, ExecutionStatus::Failed);
        self.world.settled("prod", &self.next, "1").await;
        let deployments = self.codedeploy.deployments();
        let open = |status: &str| ["Created", "InProgress"].contains(&status);
        assert!(
            !deployments.iter().any(|one| open(one.status)),
            "{deployments:#?}"
        );
        ended
    }
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn codedeploy_shifts_a_group_between_its_hooks_and_the_release_is_promoted() {
    let scene = Scene::of(|_| ()).await;
    scene.shifting().await;
    let verdict = scene.world.happened(&scene.id, Kind::VerdictReached).await;
    assert_eq!(verdict.event.facts["weight"], Value::Null);
    scene.codedeploy.let_them_go_on();

    let ended = scene.world.ended(&scene.id).await;
    ended.is(Outcome::Promoted);
    scene.world.settled("prod", &scene.next, "2").await;
    let both = ["BeforeAllowTraffic", "AfterAllowTraffic"]
        .map(|event| (event.to_owned(), "Succeeded".to_owned()));
    assert_eq!(scene.answers(), [both.to_vec(), both.to_vec()]);
    assert_eq!(ended.count(Kind::DeploymentsCreated), 1);
    assert_eq!(ended.count(Kind::TrafficShifted), 1);
    let tested = ended.entries.iter();
    let tested = tested.filter(|entry| entry.event.kind == Kind::SmokeTested);
    let mut tested: Vec<_> = tested.map(|entry| entry.event.key.as_str()).collect();
    tested.sort_unstable();
    let of_hooks = ["live/api", "live/worker", "new/api", "new/worker"];
    for key in of_hooks.map(|stage| format!("SmokeTested/{stage}")) {
        assert!(tested.contains(&key.as_str()), "{key} in {tested:?}");
    }
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn one_alarm_of_codedeploys_takes_the_whole_group_back() {
    let scene = Scene::of(|codedeploy| codedeploy.alarm("worker")).await;

    let ended = scene.rolled_back().await;
    let reason = ended.reason();
    assert!(reason.starts_with("DeploymentFailed"), "{reason}");
    assert!(
        reason.contains("worker: deployment") && reason.contains("ALARM_ACTIVE"),
        "{reason}"
    );
    let stopped = scene.codedeploy.asked("StopDeployment");
    assert_eq!(stopped.len(), 1, "that of api: {stopped:?}");
    assert_eq!(stopped[0]["autoRollbackEnabled"], true);
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_rollout_that_is_stopped_while_codedeploy_shifts_is_stopped_there_with_its_rollback() {
    let scene = Scene::of(|_| ()).await;
    scene.shifting().await;
    let rollout = scene.machines.rollout_of(&scene.id, &scene.next);
    scene.world.stop(&rollout).await;

    scene.rolled_back().await;
    let stopped = scene.codedeploy.asked("StopDeployment");
    assert_eq!(stopped.len(), 2, "{stopped:?}");
    assert!(
        stopped
            .iter()
            .all(|input| input["autoRollbackEnabled"] == true)
    );
    let deployments = scene.codedeploy.deployments();
    let statuses: Vec<&str> = deployments.iter().map(|one| one.status).collect();
    assert_eq!(statuses, ["Stopped", "Stopped", "Succeeded", "Succeeded"]);
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn what_codedeploy_shifts_can_not_be_held_and_is_taken_back_without_sluices_functions() {
    let scene = Scene::of(|_| ()).await;
    scene.shifting().await;
    let id = scene.id.to_string();
    for wish in ["pause", "skip-bake", "promote-now", "emergency"] {
        let command = [wish, &id, "--reason", "orders look odd"];
        let refused = scene.world.sluice(&command).run().await;
        refused.is(6).says("`sluice abort` takes traffic back");
    }

    // Whoever may stop nothing and call nothing of Sluice's.
    let denied = ["lambda:InvokeFunction", "states:StopExecution"];
    let person = scene.world.person(&denied).await;
    let application = &scene.world.application;
    let command = ["rollback", application, "prod", "--direct"];
    let command = scene.world.sluice(&command).by(&person);
    let run = command.with_codedeploy(&scene.codedeploy).run().await;
    run.is(0);
    let stopped = scene.codedeploy.asked("StopDeployment");
    assert_eq!(stopped.len(), 2, "{stopped:?}");
    for function in scene.next.functions() {
        let alias = scene.world.alias("prod", function).await.expect("an alias");
        assert_eq!((alias.version.as_str(), alias.weights.len()), ("1", 0));
    }
    let ended = scene.rolled_back().await;
    assert_eq!(ended.count(Kind::OperatorAsked), 0);
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_deployment_group_that_is_not_there_is_refused_before_anything_moves() {
    let world = World::new().await;
    let codedeploy = StandIn::open(&world.config, &["api"]).await;
    let machines = world.machines_with_codedeploy(&codedeploy).await;
    let first = world.healthy("1.0.0", &["api", "worker"]);
    let settings = world.through_codedeploy(&first);
    world.environment("prod", &first, settings).await;
    let next = world.healthy("1.1.0", &["api", "worker"]);
    let id = world.promote(&machines, "prod", &next).await;

    let ended = world.ended(&id).await;
    ended.is(Outcome::Refused);
    let reason = ended.reason();
    assert!(reason.contains("shop/worker"), "{reason}");
    assert!(codedeploy.deployments().is_empty());
    world.settled("prod", &first, "1").await;
}
