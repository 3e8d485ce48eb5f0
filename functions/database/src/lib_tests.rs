use sluice_platform::lambda::Named as _;

use super::*;
use fakes::{World, migrations};

const PREPARE: &str = include_str!("../../../events/database/prepare.json");
const FINISH: &str = include_str!("../../../events/database/finish.json");

fn plan() -> Plan {
    let plan = json!({
        "bundle": sluice_domain::digest::Digest::of(b"bundle"), "functions": {},
        "migrations": migrations(), "steps": [], "judge": {},
    });
    serde_json::from_value(plan).expect("a plan")
}

pub(super) fn world() -> World {
    World::new(plan())
}

async fn ask(world: &World, event: &str) -> Result<Output, Error> {
    ask_at(world, event, Timestamp::UNIX_EPOCH).await
}

pub(super) async fn ask_at(world: &World, event: &str, now: Timestamp) -> Result<Output, Error> {
    let databases = Databases {
        promotions: world,
        backups: world,
        ledger: world,
    };
    let input = serde_json::from_str(event).expect("the input is understood");
    databases.handle(input, now).await
}

/// The event, with another policy for backups.
fn with_backup(policy: Value) -> String {
    let mut event: Value = serde_json::from_str(PREPARE).expect("json");
    event["request"]["database"]["backup"] = policy;
    event.to_string()
}

#[tokio::test]
async fn migrations_wait_until_the_backup_is_available() {
    let world = world();
    world.looks.set(2);
    for ready in [false, false, true] {
        let Output::Prepared { ready: found, .. } = ask(&world, PREPARE).await.expect("prepared")
        else {
            panic!("not prepared");
        };
        assert_eq!(found, ready);
    }
    assert_eq!(world.kinds(), [Kind::BackupMade, Kind::MigrationsBegun]);
    let made = world.made.borrow();
    assert!(
        made.iter().all(|one| *one == made[0]),
        "one backup, however often it is asked for"
    );
    assert!(
        made[0].starts_with("Cluster(\"storefront\") sluice-storefront-prod-1-1-0-1-"),
        "{made:?}"
    );
}

#[tokio::test]
async fn where_the_settings_ask_for_none_none_is_made_and_it_is_written_down_so() {
    let world = world();
    let event = with_backup(json!({ "before": "none" }));
    let output = ask(&world, &event).await.expect("prepared");
    let expected = Output::Prepared {
        ready: true,
        wait_seconds: 0,
        backup: None,
    };
    assert_eq!(output, expected);
    assert!(world.made.borrow().is_empty());
    assert_eq!(world.entries.borrow()[0].1["backup"], Value::Null);
}

#[tokio::test]
async fn a_server_that_can_not_go_back_in_time_is_refused_before_a_backup_is_made() {
    let world = world();
    world.recovery_days.set(Some(0));
    let error = ask(&world, PREPARE).await.expect_err("refused");
    assert_eq!(error.name(), "NoPointInTimeRecovery");
    assert!(world.made.borrow().is_empty());
    let lenient = json!({ "cluster": "storefront", "point_in_time_recovery": false });
    ask(&world, &with_backup(lenient)).await.expect("prepared");
}

#[tokio::test]
async fn a_database_on_another_server_than_its_backups_is_refused_before_one_is_made() {
    let world = world();
    world.endpoints.replace(Some(vec!["orders".to_owned()]));
    let error = ask(&world, PREPARE).await.expect_err("refused");
    assert_eq!(error.name(), "InvalidSettings");
    let text = error.to_string();
    for said in [
        "leads to host db",
        "cluster storefront",
        "answers at orders",
    ] {
        assert!(text.contains(said), "{text}");
    }
    assert!(world.made.borrow().is_empty() && world.entries.borrow().is_empty());
    let on_purpose = json!({ "cluster": "storefront", "host_is_another_name": true });
    ask(&world, &with_backup(on_purpose))
        .await
        .expect("prepared");
    let elsewhere = json!({ "function": "saves" });
    ask(&world, &with_backup(elsewhere))
        .await
        .expect("prepared");
}

#[tokio::test]
async fn what_is_about_to_be_applied_is_noted_before_for_whoever_ends_it() {
    let world = world();
    world.looks.set(1);
    ask(&world, PREPARE).await.expect("it comes");
    assert_eq!(*world.migrating.borrow(), None, "nothing is applied yet");
    ask(&world, PREPARE).await.expect("prepared");
    let migrating = world.migrating.borrow().clone().expect("noted");
    assert_eq!(migrating.epoch, 1_785_146_400_000);
    let noted = serde_json::to_string(&migrating).expect("json");
    assert!(noted.contains("sha256:"), "{noted}");
    for led in ["storefront/prod/database", "rds.amazonaws.com", "migrate"] {
        assert!(!noted.contains(led), "it leads somewhere: {noted}");
    }
}

#[tokio::test]
async fn who_was_fenced_off_has_no_backup_made() {
    let world = world();
    world.generation.set(Generation(3));
    let error = ask(&world, PREPARE).await.expect_err("refused");
    assert_eq!(error.name(), "Fenced");
    assert!(world.made.borrow().is_empty());
}

#[tokio::test]
async fn what_stands_at_the_end_is_written_down_with_the_backup() {
    let world = world();
    ask(&world, FINISH).await.expect("finished");
    let entries = world.entries.borrow();
    assert_eq!(entries[0].0, Kind::MigrationsApplied);
    assert_eq!(
        entries[0].1["backup"],
        "sluice-storefront-prod-1-1-0-1-0f8a3c21"
    );
    assert_eq!(
        entries[0].1["stands"]["changes"][0],
        "+ table public.orders"
    );
}
