//! Whatever fails, wherever: aliases end on one version each, locks are free,
//! the execution has FAILED, people are told, and the ledger says why.

use aws_sdk_sfn::types::ExecutionStatus;
use serde_json::{Value, json};
use sluice_domain::ledger::Kind;
use sluice_domain::promotion::{Outcome, PromotionId};
use sluice_tests::World;
use sluice_tests::world::{Build, Ended, Inbox, alone};

/// A group that serves version 1 in prod, its next build, and a listener.
pub(crate) struct Scene {
    pub(crate) world: World,
    pub(crate) next: Build,
    pub(crate) inbox: Inbox,
}

impl Scene {
    pub(crate) async fn of(functions: &[&str], manifest: Value) -> Self {
        let world = World::new().await;
        let first = world.healthy("1.0.0", functions);
        world.environment("prod", &first, watched()).await;
        let sources: Vec<_> = functions
            .iter()
            .map(|function| (*function, sluice_tests::world::healthy("1.1.0")))
            .collect();
        let next = world.build("1.1.0", &sources, manifest);
        let inbox = world.inbox().await;
        Self { world, next, inbox }
    }

    /// Promotes on machines with this change to `rollout`.
    pub(crate) async fn promote(&self, change: impl FnOnce(&mut Value)) -> (PromotionId, String) {
        let machines = self.world.machines(change).await;
        let id = self.world.promote(&machines, "prod", &self.next).await;
        let rollout = machines.rollout_of(&id, &self.next);
        (id, rollout)
    }

    /// What must hold whatever failed.
    pub(crate) async fn rolled_back(&self, id: &PromotionId) -> Ended {
        let ended = self.world.ended(id).await;
        ended.is(Outcome::RolledBack);
        assert_eq!(ended.status, ExecutionStatus::Failed);
        self.world.settled("prod", &self.next, "1").await;
        let (subject, text) = self.world.told(&self.inbox, "PromotionClosed").await;
        assert!(subject.contains("RolledBack"), "{subject}");
        assert!(text.contains(ended.reason()), "{text}");
        ended
    }
}

/// A first step that is watched for a second, then all of it.
fn watched() -> Value {
    json!({ "steps": [{ "weight": 50, "bake_seconds": 1 }, { "weight": 100, "bake_seconds": 0 }] })
}

/// Has a state call another function.
pub(crate) fn replace(rollout: &mut Value, state: &str, function: &str) {
    rollout["States"][state]["Arguments"]["FunctionName"] = json!(function);
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_release_that_lacks_what_it_requires_changes_nothing() {
    let missing = json!({ "requires": { "parameters": ["/sluice-managed/nowhere"] } });
    let manifest = json!({ "functions": { "worker": { "configuration": missing } } });
    let scene = Scene::of(&["api", "worker"], manifest).await;
    let (id, _) = scene.promote(|_| ()).await;

    let ended = scene.rolled_back(&id).await;
    let reason = ended.reason();
    assert!(reason.contains("/sluice-managed/nowhere"), "{reason}");
    assert!(!ended.kinds().contains(&Kind::TrafficJournaled));
    for function in ["api", "worker"] {
        assert_eq!(scene.world.versions("prod", function).await, ["1"]);
    }
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_publish_that_crashes_leaves_the_aliases_where_they_were() {
    let scene = Scene::of(&["api", "worker"], json!({})).await;
    let crash = scene.world.stand_in("publish", "os._exit(1)").await;
    let (id, _) = scene
        .promote(|rollout| replace(rollout, "PublishVersions", &crash))
        .await;

    let ended = scene.rolled_back(&id).await;
    assert!(!ended.kinds().contains(&Kind::TrafficJournaled));
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_version_that_fails_its_smoke_tests_gets_no_traffic() {
    let test = json!({ "name": "it is another one", "function": "api", "expect": { "json": { "$.version": "9.9.9" } } });
    let scene = Scene::of(&["api", "worker"], json!({ "smoke_tests": [test] })).await;
    let (id, _) = scene.promote(|_| ()).await;

    let ended = scene.rolled_back(&id).await;
    let reason = ended.reason();
    assert!(reason.contains("it is another one"), "{reason}");
    assert!(!ended.kinds().contains(&Kind::TrafficJournaled));
    assert_eq!(scene.world.versions("prod", "api").await, ["1", "2"]);
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_page_that_does_not_answer_takes_all_traffic_back() {
    let test = json!({ "name": "the page", "url": "https://127.0.0.1:1/" });
    let scene = Scene::of(&["api", "worker"], json!({ "smoke_tests": [test] })).await;
    let (id, _) = scene.promote(|_| ()).await;

    let ended = scene.rolled_back(&id).await;
    assert!(ended.reason().contains("the page"), "{}", ended.reason());
    let weight = &ended.entry(Kind::TrafficShifted).event.facts["weight"];
    assert_eq!(weight.as_f64(), Some(100.0));
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_first_deployment_that_fails_leaves_no_alias() {
    let world = World::new().await;
    let before = world.healthy("0.0.1", &["fresh"]);
    world.create("prod", "fresh", &before).await;
    world.settings("prod", &before, json!({})).await;
    let test = json!({ "name": "the page", "url": "https://127.0.0.1:1/" });
    let fresh = [("fresh", sluice_tests::world::healthy("1.0.0"))];
    let build = world.build("1.0.0", &fresh, json!({ "smoke_tests": [test] }));
    world.upload(&build).await;

    let ended = world.ended(&world.promotion("prod", "1.0.0")).await;
    ended.is(Outcome::RolledBack);
    assert_eq!(world.alias("prod", "fresh").await, None);
    world.unlocked("prod", &build).await;
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_shift_that_crashes_half_way_through_a_group_is_taken_back() {
    let scene = Scene::of(&["a", "b", "c"], json!({})).await;
    let shift = scene.world.called_by("ShiftTraffic").await;
    let [a, b] = ["a", "b"].map(|function| scene.world.function("prod", function));
    // The real function moves the first alias and finds that somebody has
    // touched the second; then this one dies. The third is moved if it was begun
    // by then.
    let body = format!(
        "aws = boto3.client('lambda')\n\
         aws.update_alias(FunctionName='{b}', Name='live', Description='somebody')\n\
         answer = aws.invoke(FunctionName='{shift}', Payload=json.dumps(event).encode())\n\
         failed = json.load(answer['Payload']).get('errorType')\n\
         def weights(name):\n    \
             alias = aws.get_alias(FunctionName=name, Name='live')\n    \
             return alias.get('RoutingConfig', {{}}).get('AdditionalVersionWeights', {{}})\n\
         found = (failed, weights('{a}'), weights('{b}'))\n\
         if found != ('AliasChanged', {{'2': 0.5}}, {{}}):\n    \
             raise RuntimeError('not half-way: %r' % (found,))\n\
         os._exit(1)"
    );
    let crash = scene.world.stand_in("shift", &body).await;
    let (id, _) = scene
        .promote(|rollout| replace(rollout, "ShiftTraffic", &crash))
        .await;

    let ended = scene.rolled_back(&id).await;
    assert!(!ended.reason().contains("half-way"), "{}", ended.reason());
    let kinds = ended.kinds();
    assert!(kinds.contains(&Kind::TrafficJournaled), "{kinds:?}");
    assert!(!kinds.contains(&Kind::TrafficShifted), "{kinds:?}");
    assert!(kinds.contains(&Kind::TrafficRolledBack), "{kinds:?}");
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn an_alias_that_somebody_else_moved_is_left_to_them() {
    let scene = Scene::of(&["a", "b", "c"], json!({})).await;
    let world = &scene.world;
    let (gate, id) = gated(&scene).await;
    let theirs = world
        .publish("prod", "b", &world.healthy("6.6.6", &["b"]))
        .await;
    world.move_alias("prod", "b", &theirs).await;
    world.open(&gate).await;

    let ended = world.ended(&id).await;
    ended.is(Outcome::RolledBack);
    assert!(
        ended.reason().contains("so not Sluice"),
        "{}",
        ended.reason()
    );
    for (function, version) in [("a", "1"), ("b", &theirs), ("c", "1")] {
        let found = world.alias("prod", function).await;
        assert_eq!(found, alone(version), "{function}");
    }
    world.unlocked("prod", &scene.next).await;
}

/// A promotion at its first step, which a judge holds until its gate is open.
pub(crate) async fn gated(scene: &Scene) -> (String, PromotionId) {
    let (gate, judge) = scene.world.gate().await;
    let (id, _) = scene
        .promote(|rollout| replace(rollout, "Judge", &judge))
        .await;
    scene.world.happened(&id, Kind::TrafficShifted).await;
    (gate, id)
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_judge_that_throws_takes_the_traffic_back() {
    let scene = Scene::of(&["api", "worker"], json!({})).await;
    let body = "raise RuntimeError('no verdict today')";
    let judge = scene.world.stand_in("judge", body).await;
    let (id, _) = scene
        .promote(|rollout| replace(rollout, "Judge", &judge))
        .await;

    let ended = scene.rolled_back(&id).await;
    let reason = ended.reason();
    assert!(reason.contains("no verdict today"), "{reason}");
    assert!(ended.kinds().contains(&Kind::TrafficShifted));
    assert!(ended.kinds().contains(&Kind::TrafficRolledBack));
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_judge_that_answers_nonsense_takes_the_traffic_back() {
    let scene = Scene::of(&["api", "worker"], json!({})).await;
    let judge = scene.world.stand_in("judge", "return {'fine': True}").await;
    let (id, _) = scene
        .promote(|rollout| replace(rollout, "Judge", &judge))
        .await;

    let ended = scene.rolled_back(&id).await;
    assert!(ended.kinds().contains(&Kind::TrafficRolledBack));
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_judge_that_does_not_answer_takes_the_traffic_back() {
    let scene = Scene::of(&["api", "worker"], json!({})).await;
    let body = "import time\ntime.sleep(20)";
    let judge = scene.world.stand_in("judge", body).await;
    let (id, _) = scene
        .promote(|rollout| {
            replace(rollout, "Judge", &judge);
            rollout["States"]["Judge"]["TimeoutSeconds"] = json!(1);
        })
        .await;

    let ended = scene.rolled_back(&id).await;
    assert!(ended.kinds().contains(&Kind::TrafficRolledBack));
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_rollout_that_ends_uncaught_is_taken_back() {
    let scene = Scene::of(&["api", "worker"], json!({})).await;
    let (id, rollout) = scene
        .promote(|rollout| {
            let condition = json!("{% $error('a choice has no Catch') %}");
            rollout["States"]["OnVerdict"]["Choices"][0]["Condition"] = condition;
        })
        .await;

    let ended = scene.rolled_back(&id).await;
    let child = scene.world.execution_ended(&rollout).await;
    assert_eq!(child, ExecutionStatus::Failed);
    assert!(ended.kinds().contains(&Kind::TrafficRolledBack));
}
