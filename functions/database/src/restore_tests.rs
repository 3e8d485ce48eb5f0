use jiff::ToSpan as _;
use serde_json::Value;
use sluice_domain::migrations::Standing;
use sluice_domain::naming::beside;
use sluice_platform::lambda::Named as _;

use super::*;
use crate::Input;
use crate::fakes::{World, at};

#[path = "restore_tests/another.rs"]
mod another;
#[path = "restore_tests/endpoints.rs"]
mod endpoints;

const PLAN: &str = include_str!("../../../events/database/plan_restore.json");
const CHECK: &str = include_str!("../../../events/database/check_backup.json");
const RESTORE: &str = include_str!("../../../events/database/restore.json");
const RESTORED: &str = include_str!("../../../events/database/restored.json");

const BACKUP: &str = "sluice-storefront-prod-1-1-0-1-0f8a3c21";
const ORIGIN: &str = "storefront/prod/1.1.0/1";

fn world() -> World {
    let plan = json!({
        "bundle": sluice_domain::digest::Digest::of(b"bundle"), "functions": {}, "steps": [], "judge": {},
    });
    let world = World::new(serde_json::from_value(plan).expect("a plan"));
    world.stopped(ORIGIN);
    world.saved.replace(Some(Saved {
        of: "storefront".to_owned(),
        status: "available".to_owned(),
        made_at: Some(Timestamp::UNIX_EPOCH),
    }));
    let up = ("storefront".to_owned(), Standing::Available);
    world.servers.replace([up].into());
    world
}

async fn ask_at(world: &World, event: &str, now: Timestamp) -> Result<Output, Error> {
    let databases = Databases {
        promotions: world,
        backups: world,
        ledger: world,
    };
    let input: Input = serde_json::from_str(event).expect("the input is understood");
    databases.handle(input, now).await
}

async fn ask(world: &World, event: &str) -> Result<Output, Error> {
    ask_at(world, event, Timestamp::UNIX_EPOCH).await
}

fn is_ready(output: &Output) -> bool {
    matches!(output, Output::Restoring { ready: true, .. })
}

/// Asks until the database is restored, whatever is lost on the way.
async fn until_ready(world: &World) -> Output {
    for _ in 0..20 {
        let asked = ask(world, RESTORE).await;
        world.settle();
        if let Ok(output) = asked
            && is_ready(&output)
        {
            return output;
        }
    }
    panic!("it never came to an end: {:?}", world.servers.borrow());
}

fn progress(world: &World) -> Progress {
    world.restoring.borrow().as_ref().expect("begun").progress
}

/// The settings name an instance, a cluster or a function.
fn of(event: &str, backup: Value) -> String {
    let mut event: Value = serde_json::from_str(event).expect("json");
    event["request"]["database"]["backup"] = backup;
    event.to_string()
}

#[tokio::test]
async fn a_new_server_takes_the_name_and_the_one_of_before_is_kept() {
    let world = world();
    let output = until_ready(&world).await;
    let names = beside("storefront", &ORIGIN.parse().expect("an id"), BACKUP);
    let expected = Output::Restoring {
        ready: true,
        wait_seconds: PACE,
        made_at: Some(Timestamp::UNIX_EPOCH),
        kept: Some(names.old.clone()),
        before: Some(at(&names.old)),
    };
    assert_eq!(output, expected);
    let created = format!("cluster storefront from {BACKUP}");
    let changes = [&created, "storefront to old", "new to storefront"];
    assert_eq!(*world.changes.borrow(), changes);
    let servers = world.servers.borrow();
    let there: Vec<&str> = servers.keys().map(String::as_str).collect();
    assert_eq!(there, ["storefront", names.old.as_str()]);
    let ended = format!("end sessions {}", names.old);
    assert_eq!(*world.made.borrow(), [ended]);
    assert_eq!(progress(&world), Progress::Swapping);
}

#[tokio::test]
async fn whatever_answer_gets_lost_the_next_call_goes_on_and_comes_to_the_same() {
    for is_cluster in [false, true] {
        let changes = if is_cluster { 4 } else { 3 };
        for at in 0..changes {
            for made in [false, true] {
                let world = world();
                world.is_cluster.set(is_cluster);
                world.lost.set(Some((at, made)));
                until_ready(&world).await;
                assert!(is_ready(&ask(&world, RESTORE).await.expect("again")));
                assert_eq!(world.changes.borrow().len(), changes, "lost {at}, {made}");
                assert!(world.servers.borrow().contains_key("storefront"));
            }
        }
    }
}

#[tokio::test]
async fn before_the_first_name_changes_the_record_says_so() {
    let world = world();
    ask(&world, RESTORE).await.expect("created");
    ask(&world, RESTORE).await.expect("it comes");
    assert_eq!(progress(&world), Progress::Stopped);
    world.settle();
    world.lost.set(Some((1, false)));
    ask(&world, RESTORE).await.expect_err("lost");
    assert_eq!(progress(&world), Progress::Swapping);
}

#[tokio::test]
async fn a_later_promotion_goes_on_where_an_earlier_one_ended() {
    let world = world();
    world.stopped("storefront/prod/1.1.0/7");
    ask(&world, RESTORE).await.expect("created");
    let names = beside(
        "storefront",
        &"storefront/prod/1.1.0/7".parse().expect("an id"),
        BACKUP,
    );
    assert!(world.servers.borrow().contains_key(&names.new));
}

#[tokio::test]
async fn a_server_of_before_that_does_not_come_by_itself_is_not_asked() {
    let world = world();
    until_ready(&world).await;
    let names = beside("storefront", &ORIGIN.parse().expect("an id"), BACKUP);
    for (status, before) in [
        ("storage-full", None),
        ("stopped", None),
        ("rebooting", Some(at(&names.old))),
    ] {
        let standing = Standing::of(status);
        world
            .servers
            .borrow_mut()
            .insert(names.old.clone(), standing);
        let output = ask(&world, RESTORE).await.expect("restored");
        let Output::Restoring { before: found, .. } = output else {
            panic!("not restored: {output:?}");
        };
        assert_eq!(found, before, "{status}");
    }
}

#[tokio::test]
async fn what_is_no_name_of_a_snapshot_is_refused_and_a_function_gets_it_as_it_is() {
    let arn = "arn:aws:rds:eu-west-1:999988887777:cluster-snapshot:theirs";
    let of_others = |event: &str| event.replace(BACKUP, arn);
    let world = world();
    for event in [PLAN, RESTORE] {
        let error = ask(&world, &of_others(event)).await.expect_err("refused");
        assert_eq!(error.name(), "BackupUnfit");
        assert!(error.to_string().contains("by its ARN"), "{error}");
    }
    assert!(world.changes.borrow().is_empty());
    let by_function = json!({ "function": "saves", "restore": "restores" });
    let event = of(&of_others(PLAN), by_function);
    ask(&world, &event).await.expect("planned");
}

#[tokio::test]
async fn who_was_fenced_off_changes_no_server() {
    let world = world();
    world.generation.set(Generation(3));
    for event in [CHECK, RESTORE] {
        let error = ask(&world, event).await.expect_err("refused");
        assert_eq!(error.name(), "Fenced");
    }
    let error = ask(&world, RESTORED).await.expect_err("refused");
    assert_eq!(error.name(), "Fenced");
    assert!(world.changes.borrow().is_empty());
}

#[tokio::test]
async fn who_comes_after_traffic_was_let_in_changes_no_server() {
    let world = world();
    let before = world.restoring.borrow().clone().expect("begun");
    let resumed = Restoring {
        progress: Progress::Resumed,
        ..before.clone()
    };
    world.restoring.replace(Some(resumed.clone()));
    let error = ask(&world, RESTORE).await.expect_err("late");
    assert_eq!(error.name(), "Fenced");
    let id = ORIGIN.parse().expect("an id");
    let swapping = Restoring {
        progress: Progress::Swapping,
        ..before.clone()
    };
    let promotions = &world;
    let saved = promotions.save_restoring(&id, Generation(0), (&before, &swapping));
    saved.await.expect_err("it was read before");
    assert_eq!(progress(&world), Progress::Resumed);
    assert!(world.changes.borrow().is_empty());
}

#[tokio::test]
async fn a_server_that_does_not_come_is_told_with_all_names() {
    let world = world();
    let names = beside("storefront", &ORIGIN.parse().expect("an id"), BACKUP);
    let broken = Standing::of("incompatible-restore");
    world.servers.borrow_mut().insert(names.new.clone(), broken);
    let error = ask(&world, RESTORE).await.expect_err("stuck");
    assert_eq!(error.name(), "RestoreFailed");
    let text = error.to_string();
    for said in [&names.new, &names.old, "incompatible-restore"] {
        assert!(text.contains(said), "{text}");
    }
    assert_eq!(progress(&world), Progress::Stopped);
}

#[tokio::test]
async fn one_that_takes_too_long_has_failed() {
    let world = world();
    ask(&world, RESTORE).await.expect("created");
    let later = Timestamp::UNIX_EPOCH + (HOURS + 1).hours();
    let error = ask_at(&world, RESTORE, later).await.expect_err("too slow");
    assert_eq!(error.name(), "RestoreFailed");
}

#[tokio::test]
async fn what_would_be_done_is_planned_and_nothing_is_changed() {
    let world = world();
    let output = ask(&world, PLAN).await.expect("planned");
    let Output::RestorePlanned { restore } = output else {
        panic!("not planned: {output:?}");
    };
    assert_eq!(restore.server, "cluster storefront");
    assert_eq!(restore.made_at, Some(Timestamp::UNIX_EPOCH));
    assert_eq!(restore.notes, ["shop-2 stays with the server of before"]);
    assert!(world.changes.borrow().is_empty());
}

#[tokio::test]
async fn a_backup_that_is_gone_not_ready_or_of_another_server_is_refused() {
    let saved = |of: &str, status: &str| {
        Some(Saved {
            of: of.to_owned(),
            status: status.to_owned(),
            made_at: None,
        })
    };
    for (found, said) in [
        (None, "is not there"),
        (saved("storefront", "creating"), "is creating"),
        (saved("other", "available"), "is of other"),
    ] {
        let world = world();
        world.saved.replace(found);
        for event in [PLAN, CHECK, RESTORE] {
            let error = ask(&world, event).await.expect_err("refused");
            assert_eq!(error.name(), "BackupUnfit");
            assert!(error.to_string().contains(said), "{error}");
        }
        assert!(world.changes.borrow().is_empty());
    }
}

#[tokio::test]
async fn who_gives_a_name_away_is_noted_first_and_who_goes_on_with_it() {
    let world = world();
    ask(&world, RESTORE).await.expect("created");
    assert_eq!(*world.last.borrow(), None);
    world.settle();
    ask(&world, RESTORE).await.expect("set aside");
    let noted = world.last.borrow_mut().take();
    assert_eq!(noted, Some(ORIGIN.parse().expect("an id")));
    // A later attempt takes it over, as `warm` writes it down.
    let restoring = world.restoring.borrow_mut().take().expect("begun");
    let later = Restoring {
        began_at: None,
        ..restoring
    };
    world.restoring.replace(Some(later));
    ask(&world, RESTORE).await.expect("it goes on");
    assert_eq!(*world.last.borrow(), noted);
}

#[tokio::test]
async fn settings_without_a_way_to_restore_are_refused_before_anything_moves() {
    for backup in [json!({ "before": "none" }), json!({ "function": "saves" })] {
        let world = world();
        for event in [PLAN, CHECK, RESTORE] {
            let error = ask(&world, &of(event, backup.clone())).await;
            assert_eq!(error.expect_err("refused").name(), "InvalidSettings");
        }
        assert_eq!(progress(&world), Progress::Stopped);
    }
}

#[tokio::test]
async fn a_function_of_the_teams_is_asked_until_it_says_that_it_is_through() {
    let world = world();
    let answer = |restored, wait_seconds| Answered {
        restored,
        wait_seconds,
    };
    world.answers.replace(vec![
        answer(false, Some(3)),
        answer(false, None),
        answer(true, None),
    ]);
    let event = of(
        RESTORE,
        json!({ "function": "saves", "restore": "restores" }),
    );
    let mut waits = Vec::new();
    for ready in [false, false, true] {
        let output = ask(&world, &event).await.expect("asked");
        assert_eq!(is_ready(&output), ready);
        if let Output::Restoring { wait_seconds, .. } = output {
            waits.push(wait_seconds);
        }
        assert_eq!(progress(&world), Progress::Swapping);
    }
    assert_eq!(waits, [3, PACE, PACE]);
    assert_eq!(*world.made.borrow(), vec![format!("restores {BACKUP}"); 3]);
}

#[tokio::test]
async fn at_the_end_traffic_may_come_and_it_is_on_record() {
    let world = world();
    for _ in 0..2 {
        ask(&world, RESTORED).await.expect("recorded");
        assert_eq!(progress(&world), Progress::Checked);
    }
    let entries = world.entries.borrow();
    assert_eq!(entries[0].0, Kind::DatabaseRestored);
    assert_eq!(entries[0].1["backup"], BACKUP);
    assert_eq!(entries[0].1["kept"], "storefront-sluice-0f8a3c21-old");
}
