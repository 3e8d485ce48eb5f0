//! When a release may start: windows open and close while it waits and shifts.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sluice_domain::approval::Choice;
use sluice_domain::ledger::Kind;
use sluice_domain::promotion::{Outcome, PromotionId};
use sluice_tests::World;
use sluice_tests::world::Build;

use crate::approvals::CODE;

/// A window that starts so many seconds from now and lasts for an hour.
pub(crate) fn window(kind: &str, seconds: i64) -> Value {
    let starts = Timestamp::now() + SignedDuration::from_secs(seconds);
    let starts = TimeZone::UTC.to_datetime(starts);
    let starts = starts.strftime("%Y-%m-%dT%H:%M:%S").to_string();
    json!({"kind": kind, "starts": starts, "lasts": "PT1H", "time_zone": "UTC", "reason": "the sale"})
}

/// A release of 1.1.0 into an environment with these settings.
async fn released(settings: Value) -> (World, Build, PromotionId) {
    let world = World::new().await;
    let first = world.healthy("1.0.0", &["api"]);
    world.environment("prod", &first, settings).await;
    let build = world.healthy("1.1.0", &["api"]);
    world.upload(&build).await;
    let id = world.promotion("prod", "1.1.0");
    (world, build, id)
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn what_is_approved_outside_its_window_ships_when_that_opens() {
    let world = World::new().await;
    let first = world.healthy("1.0.0", &["api"]);
    let ada = world.approver("ada", CODE).await;
    let windows = json!([window("maintenance", 3600)]);
    let settings = json!({ "approval": { "approvers": [ada] }, "windows": windows });
    world.environment("prod", &first, settings.clone()).await;
    let build = world.healthy("1.1.0", &["api"]);
    world.upload(&build).await;
    let id = world.promotion("prod", "1.1.0");
    world.happened(&id, Kind::ApprovalRequested).await;
    // The window that it will wait for is moved close, so that nobody waits an hour.
    let opens = window("maintenance", 12);
    let settings = json!({ "approval": settings["approval"], "windows": [opens] });
    world.settings("prod", &build, settings).await;
    let voted = world.vote(&id, Choice::Approve, CODE).await;
    voted.expect("a vote");
    let scheduled = world.happened(&id, Kind::StartScheduled).await;
    let status = world.sluice(&["status", &world.application]).run().await;
    status.is(0).says("no maintenance window is open");
    world.settled("prod", &build, "1").await;

    let ended = world.ended(&id).await;
    ended.is(Outcome::Promoted);
    world.settled("prod", &build, "2").await;
    let not_before = scheduled.event.facts["not_before"].as_str();
    let not_before: Timestamp = not_before.expect("a time").parse().expect("a time");
    let acquired = ended.entry(Kind::TargetsAcquired);
    assert!(acquired.at >= not_before, "{acquired:?}");
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_freeze_that_outlasts_the_wait_lets_nothing_in() {
    let windows = json!([window("freeze", -60)]);
    let settings = json!({ "windows": windows, "longest_wait_seconds": 1 });
    let (world, build, id) = released(settings).await;
    let ended = world.ended(&id).await;
    ended.is(Outcome::Refused);
    let reason = ended.reason();
    assert!(reason.starts_with("OutsideWindow: "), "{reason}");
    assert!(reason.contains("freeze: the sale"), "{reason}");
    assert_eq!(ended.count(Kind::StartScheduled), 1);
    assert_eq!(ended.count(Kind::TargetsAcquired), 0);
    world.settled("prod", &build, "1").await;
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_freeze_that_begins_takes_a_rollout_back_before_its_next_step() {
    let steps = json!([{ "weight": 50, "bake_seconds": 5 }, { "weight": 100, "bake_seconds": 0 }]);
    let (world, build, id) = released(json!({ "steps": steps })).await;
    world.happened(&id, Kind::TrafficShifted).await;
    let more = json!({ "steps": steps, "windows": [window("freeze", -1)] });
    world.settings("prod", &build, more).await;
    let ended = world.ended(&id).await;
    ended.is(Outcome::RolledBack);
    let reason = ended.reason();
    assert!(reason.starts_with("OutsideWindow: "), "{reason}");
    world.settled("prod", &build, "1").await;
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn who_overrides_the_windows_is_in_the_ledger_and_the_promotion_ships() {
    let windows = json!([window("freeze", -60)]);
    let (world, build, id) = released(json!({ "windows": windows })).await;
    world.happened(&id, Kind::StartScheduled).await;
    let name = id.to_string();
    let asked = ["override-windows", &name, "--reason", "customers can't pay"];
    let said = world.sluice(&asked).run().await;
    said.is(0).says("override the windows, asked by ");

    let ended = world.ended(&id).await;
    ended.is(Outcome::Promoted);
    world.settled("prod", &build, "2").await;
    let facts = &ended.entry(Kind::OperatorAsked).event.facts;
    assert_eq!(facts["wish"], "override_windows", "{facts}");
    assert_eq!(facts["reason"], "customers can't pay", "{facts}");
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn where_people_approve_releases_they_approve_that_a_freeze_is_overridden_too() {
    let world = World::new().await;
    let first = world.healthy("1.0.0", &["api"]);
    let ada = world.approver("ada", CODE).await;
    let windows = json!([window("freeze", -60)]);
    let settings = json!({ "windows": windows, "approval": { "approvers": [ada] } });
    world.environment("prod", &first, settings).await;
    let build = world.healthy("1.1.0", &["api"]);
    world.upload(&build).await;
    let id = world.promotion("prod", "1.1.0");
    world.happened(&id, Kind::ApprovalRequested).await;
    world
        .vote(&id, Choice::Approve, CODE)
        .await
        .expect("a vote");
    world.happened(&id, Kind::StartScheduled).await;

    let name = id.to_string();
    let ask = ["override-windows", &name, "--reason", "customers can't pay"];
    let waits = world.sluice(&ask).run().await;
    waits.is(4).says("override the windows needs an approval");
    let entries = world.ledger(&name).await;
    let asked = entries
        .iter()
        .any(|entry| entry.event.kind == Kind::OperatorAsked);
    assert!(!asked, "nothing has changed");
    let listed = world.sluice(&["approvals", &world.application]).run().await;
    listed.is(0).says("override the windows");
    let request = world.asked(&id).await.request;
    assert_eq!(request.wish.expect("a wish").reason, "customers can't pay");

    world
        .vote(&id, Choice::Approve, CODE)
        .await
        .expect("a vote");
    let granted = world.sluice(&ask).run().await;
    granted.is(0).says("override the windows, asked by ");
    let ended = world.ended(&id).await;
    ended.is(Outcome::Promoted);
    assert_eq!(ended.count(Kind::ApprovalDecided), 2);
}
