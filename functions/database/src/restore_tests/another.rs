//! What an earlier restore left, and one of another backup after it.

use super::*;

/// The same, asked for another backup.
fn another(event: &str) -> String {
    event.replace(BACKUP, "nightly")
}

/// A later attempt takes it over, as `warm` writes it down.
fn taken_over(world: &World) {
    let restoring = world.restoring.borrow_mut().take().expect("begun");
    let later = Restoring {
        began_at: None,
        ..restoring
    };
    world.restoring.replace(Some(later));
}

#[tokio::test]
async fn between_two_servers_no_other_backup_is_begun_and_people_read_which_one_is_first() {
    let world = world();
    ask(&world, RESTORE).await.expect("created");
    world.settle();
    ask(&world, RESTORE).await.expect("set aside");
    taken_over(&world);
    let changes = world.changes.borrow().len();
    for event in [PLAN, CHECK, RESTORE] {
        let error = ask(&world, &another(event)).await.expect_err("refused");
        assert_eq!(error.name(), "RestoreFailed");
        let said = format!("ask for {BACKUP} first");
        assert!(error.to_string().contains(&said), "{error}");
    }
    assert_eq!(world.changes.borrow().len(), changes);
    until_ready(&world).await;
}

#[tokio::test]
async fn once_a_restored_server_is_in_place_one_of_another_backup_may_take_it_and_the_first_again()
{
    let world = world();
    until_ready(&world).await;
    let first = beside("storefront", &ORIGIN.parse().expect("an id"), BACKUP);
    // What is there does not fit: each time a later attempt asks for the other backup.
    for (version, event) in [
        ("1.2.0", another(RESTORE)),
        ("1.3.0", RESTORE.to_owned()),
        ("1.4.0", another(RESTORE)),
    ] {
        taken_over(&world);
        let event = event.replace(
            "storefront/prod/1.1.0/1",
            &format!("storefront/prod/{version}/1"),
        );
        for check in [PLAN, CHECK] {
            let asked = if event.contains(BACKUP) {
                check.to_owned()
            } else {
                another(check)
            };
            ask(&world, &asked).await.expect("it may begin");
        }
        let (changes, kept) = (world.changes.borrow().len(), world.servers.borrow().len());
        loop {
            let output = ask(&world, &event).await.expect("it goes on");
            assert_eq!(progress(&world), Progress::Swapping, "no traffic may come");
            world.settle();
            if is_ready(&output) {
                break;
            }
        }
        assert_eq!(world.changes.borrow().len(), changes + 3, "{version}");
        assert_eq!(world.servers.borrow().len(), kept + 1, "all are kept");
        let restoring = world.restoring.borrow().clone().expect("begun");
        assert_eq!(
            restoring.origin.to_string(),
            ORIGIN,
            "for whom calls are noted"
        );
        let by = format!("storefront/prod/{version}/1");
        assert_eq!(restoring.names().to_string(), by);
        let last = world.last.borrow().clone().expect("noted");
        assert_eq!(last.to_string(), by);
    }
    assert!(world.servers.borrow().contains_key(&first.old));
}

#[tokio::test]
async fn what_answers_get_lost_as_another_backup_begins_its_servers_have_names_of_their_own() {
    for at in 3..6 {
        for made in [false, true] {
            let world = world();
            until_ready(&world).await;
            taken_over(&world);
            world.lost.set(Some((at, made)));
            for _ in 0..20 {
                let asked = ask(&world, &another(RESTORE)).await;
                world.settle();
                if asked.is_ok_and(|output| is_ready(&output)) {
                    break;
                }
            }
            assert_eq!(world.changes.borrow().len(), 6, "lost {at}, {made}");
            assert_eq!(world.servers.borrow().len(), 3);
        }
    }
}

#[tokio::test]
async fn before_a_name_changes_another_backup_may_be_begun() {
    let world = world();
    ask(&world, RESTORE).await.expect("created");
    taken_over(&world);
    ask(&world, &another(RESTORE)).await.expect("created");
    let changes = world.changes.borrow();
    assert_eq!(
        changes.last().map(String::as_str),
        Some("cluster storefront from nightly")
    );
}

#[tokio::test]
async fn a_function_of_the_teams_may_be_asked_for_another_backup_whatever_it_did_before() {
    let world = world();
    let by_function = json!({ "function": "saves", "restore": "restores" });
    let answer = |restored| Answered {
        restored,
        wait_seconds: None,
    };
    world.answers.replace(vec![answer(false), answer(true)]);
    let event = of(RESTORE, by_function);
    ask(&world, &event).await.expect("asked");
    let output = ask(&world, &another(&event)).await.expect("asked");
    assert!(is_ready(&output), "{output:?}");
}

#[tokio::test]
async fn a_server_that_is_gone_is_refused_unless_a_restore_of_any_version_left_it_in_the_middle() {
    let origin: PromotionId = "storefront/prod/1.0.0/3".parse().expect("an id");
    let names = beside("storefront", &origin, BACKUP);
    let nightly = beside("storefront", &origin, "nightly");
    let (stopped, swapping) = (Progress::Stopped, Progress::Swapping);
    for (there, progress, backup, refused) in [
        (None, stopped, BACKUP, Some("storefront is not there")),
        (None, swapping, BACKUP, Some("storefront is not there")),
        (
            Some("storefront-reports"),
            swapping,
            BACKUP,
            Some("storefront is not there"),
        ),
        (
            Some(names.old.as_str()),
            stopped,
            BACKUP,
            Some("storefront is not there"),
        ),
        (
            Some(nightly.old.as_str()),
            swapping,
            "nightly",
            Some("ask for nightly first"),
        ),
        (Some(names.old.as_str()), swapping, BACKUP, None),
        (Some(names.new.as_str()), swapping, BACKUP, None),
        (Some("storefront"), stopped, BACKUP, None),
        (Some("storefront"), swapping, "nightly", None),
        (None, swapping, "nightly", Some("storefront is not there")),
    ] {
        let world = world();
        let left = Restoring {
            origin: origin.clone(),
            named_by: None,
            backup: Some(backup.parse().expect("a backup")),
            began_at: None,
            progress,
        };
        world.others.borrow_mut().insert(origin.clone(), left);
        world.last.replace(Some(origin.clone()));
        let there = there.map(|name| (name.to_owned(), Standing::Available));
        world.servers.replace(there.into_iter().collect());
        for event in [PLAN, CHECK] {
            let answer = ask(&world, event).await;
            let text = answer.err().map(|error| error.to_string());
            match (&text, refused) {
                (Some(text), Some(said)) => assert!(text.contains(said), "{text}"),
                (text, said) => assert_eq!(text.as_deref(), said, "{:?}", world.servers.borrow()),
            }
        }
        assert!(world.changes.borrow().is_empty());
    }
}

#[tokio::test]
async fn a_server_that_can_not_be_renamed_is_refused_before_traffic_stops_and_before_a_name_changes()
 {
    for status in ["stopped", "stopping", "storage-full", "failed"] {
        let world = world();
        let named = ("storefront".to_owned(), Standing::of(status));
        world.servers.replace([named].into());
        for event in [PLAN, CHECK] {
            let error = ask(&world, event).await.expect_err("refused");
            assert_eq!(error.name(), "BackupUnfit");
            let said = format!("cluster storefront is {status}; expected it to be available");
            assert!(error.to_string().contains(&said), "{error}");
        }
        let error = ask(&world, RESTORE).await.expect_err("stuck");
        assert_eq!(error.name(), "RestoreFailed");
        assert_eq!(progress(&world), Progress::Stopped, "traffic may come back");
        assert!(world.changes.borrow().is_empty());
    }
    let world = world();
    let named = ("storefront".to_owned(), Standing::of("backing-up"));
    world.servers.replace([named].into());
    for event in [PLAN, CHECK, RESTORE] {
        ask(&world, event).await.expect("RDS is at work on it");
    }
}

#[tokio::test]
async fn a_server_that_is_stopped_while_the_new_one_comes_keeps_its_name_and_traffic_comes_back() {
    let world = world();
    ask(&world, RESTORE).await.expect("created");
    world.settle();
    let named = ("storefront".to_owned(), Standing::of("stopped"));
    world.servers.borrow_mut().extend([named]);
    let error = ask(&world, RESTORE).await.expect_err("stuck");
    assert!(error.to_string().contains("is stopped"), "{error}");
    assert_eq!(progress(&world), Progress::Stopped);
}

#[tokio::test]
async fn servers_that_a_restore_left_between_their_names_are_gone_on_with_whoever_let_traffic_in() {
    let world = world();
    ask(&world, RESTORE).await.expect("created");
    world.settle();
    ask(&world, RESTORE).await.expect("set aside");
    // Traffic was let in by hand: of the next attempt nobody notes whose calls were stopped.
    let left = world.restoring.borrow_mut().take().expect("begun");
    let first: PromotionId = ORIGIN.parse().expect("an id");
    world.others.borrow_mut().insert(first.clone(), left);
    let later = |event: &str| event.replace(ORIGIN, "storefront/prod/1.2.0/1");
    world.stopped("storefront/prod/1.2.0/1");
    for event in [PLAN, CHECK] {
        ask(&world, &later(event)).await.expect("it may go on");
    }
    loop {
        let output = ask(&world, &later(RESTORE)).await.expect("it goes on");
        assert_eq!(progress(&world), Progress::Swapping, "no traffic may come");
        world.settle();
        if is_ready(&output) {
            break;
        }
    }
    let restoring = world.restoring.borrow().clone().expect("begun");
    assert_eq!(restoring.names(), &first);
    assert_eq!(world.changes.borrow().len(), 3, "nothing is made anew");
}
