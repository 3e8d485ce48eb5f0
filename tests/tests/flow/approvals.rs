//! People decide: through the desk, or by not deciding.

use serde_json::{Value, json};
use sluice_cli::error::Exit;
use sluice_domain::approval::{Choice, State};
use sluice_domain::ledger::Kind;
use sluice_domain::promotion::{Outcome, PromotionId};
use sluice_platform::store::Part;
use sluice_tests::World;
use sluice_tests::world::Build;

/// The secret of ada's one-time codes.
pub(crate) const CODE: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

/// The secret of codes that are nobody's here.
const ANOTHER: &str = "MFRGGZDFMZTWQ2LKNNWG23TPOBYXE43U";

/// A release that waits for Ada.
pub(crate) async fn waiting(expires_seconds: u64) -> (World, Build, PromotionId) {
    let world = World::new().await;
    let first = world.healthy("1.0.0", &["api", "worker"]);
    let ada = world.approver("ada", CODE).await;
    let approval = json!({ "approvers": [ada], "expires_seconds": expires_seconds });
    let settings = json!({ "approval": approval });
    world.environment("prod", &first, settings).await;
    let build = world.healthy("1.1.0", &["api", "worker"]);
    world.upload(&build).await;
    let id = world.promotion("prod", "1.1.0");
    world.happened(&id, Kind::ApprovalRequested).await;
    (world, build, id)
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_wrong_code_is_refused_and_the_right_one_promotes() {
    let (world, build, id) = waiting(600).await;
    let wrong = world.vote(&id, Choice::Approve, ANOTHER).await;
    let wrong = wrong.expect_err("the code is wrong");
    assert_eq!(wrong.exit(), Exit::Refused, "{wrong}");
    world.settled("prod", &build, "1").await;
    world
        .vote(&id, Choice::Approve, CODE)
        .await
        .expect("a vote");

    let ended = world.ended(&id).await;
    ended.is(Outcome::Promoted);
    world.settled("prod", &build, "2").await;
    let votes: Vec<&str> = ended
        .entries
        .iter()
        .filter(|entry| entry.event.kind == Kind::VoteCast)
        .map(|entry| entry.event.actor.as_str())
        .collect();
    assert_eq!(votes, ["ada"]);
    let all: Value = ended.entries.iter().map(|entry| json!(entry)).collect();
    assert!(!all.to_string().contains(CODE), "{all}");
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_rejected_release_moves_no_traffic() {
    let (world, build, id) = waiting(600).await;
    world.vote(&id, Choice::Reject, CODE).await.expect("a vote");

    let ended = world.ended(&id).await;
    ended.is(Outcome::Rejected);
    assert_eq!(Exit::of(Outcome::Rejected) as u8, 4);
    untouched(&world, &build, &ended.kinds()).await;
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_release_that_nobody_decides_about_expires() {
    let (world, build, id) = waiting(1).await;

    // Nothing ends here that would wake the watchdog: its clock does, each minute.
    let ended = world.ended(&id).await;
    ended.is(Outcome::Expired);
    assert_eq!(Exit::of(Outcome::Expired) as u8, 4);
    untouched(&world, &build, &ended.kinds()).await;
    world.released("1.1.0").await;
    let again = world.ask("1.1.0", json!({ "again": true })).await;
    assert_eq!(again.expect("a new attempt")["attempt"], 2);
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_release_that_its_author_alone_could_approve_is_refused_at_once() {
    let world = World::new().await;
    let inbox = world.inbox().await;
    let first = world.healthy("1.0.0", &["api", "worker"]);
    // She writes every build here.
    let grace = world.approver("grace", CODE).await;
    let settings = json!({ "approval": { "approvers": [grace] } });
    world.environment("prod", &first, settings).await;
    let build = world.healthy("1.1.0", &["api", "worker"]);
    world.upload(&build).await;

    let ended = world.ended(&world.promotion("prod", "1.1.0")).await;
    ended.is(Outcome::Refused);
    let (_, told) = world.told(&inbox, "PromotionClosed").await;
    for said in [ended.reason(), &told] {
        assert!(said.contains("InvalidSettings: "), "{said}");
        assert!(said.contains("could never be approved"), "{said}");
    }
    let kinds = ended.kinds();
    assert!(!kinds.contains(&Kind::ApprovalRequested), "{kinds:?}");
    untouched(&world, &build, &kinds).await;
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_second_try_to_ask_at_the_same_time_asks_under_the_id_of_the_first() {
    let (world, _, id) = waiting(600).await;
    let first = world.asked(&id).await.request.id;
    let late = "of the second".to_owned();
    let store = &world.reader.store;
    let holds = store.put_part_once(&id, Part::Approval, &late).await;
    assert_eq!(holds.expect("the id that holds"), first);

    world.vote(&id, Choice::Reject, CODE).await.expect("a vote");
    world.ended(&id).await.is(Outcome::Rejected);
}

/// A release that Ada let in, and that asks her again with half of the traffic.
async fn waiting_at_a_step() -> (World, Build, PromotionId) {
    let world = World::new().await;
    let first = world.healthy("1.0.0", &["api", "worker"]);
    let ada = world.approver("ada", CODE).await;
    let settings = json!({
        "approval": { "approvers": [ada], "expires_seconds": 600 },
        "steps": [
            { "weight": 50, "bake_seconds": 0, "then": "approval" },
            { "weight": 100, "bake_seconds": 0 },
        ],
    });
    world.environment("prod", &first, settings).await;
    let build = world.healthy("1.1.0", &["api", "worker"]);
    world.upload(&build).await;
    let id = world.promotion("prod", "1.1.0");
    let voted = world.vote(&id, Choice::Approve, CODE).await;
    voted.expect("a vote");
    world
        .wait("the question of the step", async || {
            let asked = world.reader.question(&id).await.expect("the question")?;
            let step = asked.request.step?;
            (asked.state == State::Pending && step.index == 0).then_some(())
        })
        .await;
    (world, build, id)
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_step_that_asks_its_approvers_goes_on_with_their_second_approval() {
    let (world, build, id) = waiting_at_a_step().await;
    let command = ["promote-now", &id.to_string(), "--reason", "the fair"];
    let said = world.sluice(&command).run().await.is(0).stdout.clone();
    assert!(said.contains("with their approval alone"), "{said}");
    let command = ["resume", &id.to_string(), "--reason", "the fair"];
    let refused = world.sluice(&command).run().await;
    assert!(
        refused.stderr.contains("waits for its approvers"),
        "{refused:?}"
    );
    let voted = world.vote(&id, Choice::Approve, CODE).await;
    voted.expect("a second vote of the same person");

    let ended = world.ended(&id).await;
    ended.is(Outcome::Promoted);
    world.settled("prod", &build, "2").await;
    for kind in [
        Kind::ApprovalRequested,
        Kind::VoteCast,
        Kind::ApprovalDecided,
    ] {
        let facts: Vec<&Value> = ended
            .entries
            .iter()
            .filter(|entry| entry.event.kind == kind)
            .map(|entry| &entry.event.facts["step"])
            .collect();
        assert_eq!(facts, [&Value::Null, &json!(0)], "{kind:?}");
    }
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_step_that_its_approvers_reject_goes_back_on_every_alias() {
    let (world, build, id) = waiting_at_a_step().await;
    world.vote(&id, Choice::Reject, CODE).await.expect("a vote");

    let ended = world.ended(&id).await;
    ended.is(Outcome::RolledBack);
    let reason = ended.reason();
    assert!(reason.contains("rejected by ada"), "{reason}");
    world.settled("prod", &build, "1").await;
}

pub(crate) async fn untouched(world: &World, build: &Build, kinds: &[Kind]) {
    world.settled("prod", build, "1").await;
    for function in build.functions() {
        assert_eq!(world.versions("prod", function).await, ["1"]);
    }
    assert!(!kinds.contains(&Kind::TargetsAcquired), "{kinds:?}");
    assert!(!kinds.contains(&Kind::VersionsPublished), "{kinds:?}");
}
