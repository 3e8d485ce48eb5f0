use sluice_domain::alias::Routing;
use sluice_domain::ledger::Kind;
use sluice_domain::promotion::Outcome;
use sluice_platform::lambda::Named;

use super::group;
use super::world::{Trouble, World, shared};

async fn steps(world: &std::rc::Rc<World>, count: usize) {
    for step in 0..count {
        world.ask(world.step(step)).await.expect("a step");
    }
}

#[tokio::test]
async fn what_died_half_way_through_a_group_is_put_back_in_reverse() {
    let world = group();
    world.at_write(2, Trouble::CrashAfter);
    assert!(world.try_ask(world.step(0)).await.is_none());
    assert!(world.serves_canary());
    world.take_log();
    let output = world.ask(world.stable()).await.expect("a roll back");
    assert_eq!(
        world.take_log(),
        [
            "save step 0",
            "write web version 1",
            "write jobs version 1",
            "write api version 1",
            "record TrafficRolledBack",
        ]
    );
    let json = serde_json::to_value(output).expect("JSON");
    let expected = serde_json::json!({ "settled": "rolled_back", "touched": true });
    assert_eq!(json, expected);
    world.ask(world.verify()).await.expect("all is back");
}

#[tokio::test]
async fn an_alias_that_is_as_the_journal_says_is_put_back_without_reading_it() {
    let world = group();
    steps(&world, 1).await;
    world.foreign("jobs", Some(shared("1", "2", 0.3)));
    world.ask(world.stable()).await.expect("a roll back");
    assert_eq!(world.take_reads(), ["jobs"]);
    world.ask(world.verify()).await.expect("all is back");
    assert_eq!(world.take_reads(), ["api", "jobs", "web"]);
}

#[tokio::test]
async fn rolling_back_again_answers_the_same_and_is_recorded_once() {
    let world = group();
    steps(&world, 3).await;
    let first = world.ask(world.stable()).await.expect("a roll back");
    let second = world.ask(world.stable()).await.expect("the same again");
    assert_eq!(first, second);
    let backs = world.kinds();
    let backs = backs
        .iter()
        .filter(|kind| **kind == Kind::TrafficRolledBack);
    assert_eq!(backs.count(), 1);
}

#[tokio::test]
async fn what_was_never_begun_is_settled_and_untouched() {
    let world = group();
    for request in [world.stable(), world.verify()] {
        let output = world.ask(request).await.expect("nothing to do");
        assert_eq!(output.settled, Some(Outcome::RolledBack));
        assert_eq!(output.touched, Some(false));
    }
    assert_eq!(world.take_log(), Vec::<String>::new());
}

#[tokio::test]
async fn after_the_commit_nothing_reverts() {
    let world = World::new(&["api", "jobs"], &["web"]);
    steps(&world, 3).await;
    world.ask(world.commit()).await.expect("a commit");
    let aliases = world.aliases();
    world.generation.set(2);
    for request in [world.stable(), world.verify()] {
        let output = world.ask(request).await.expect("nothing to do");
        assert_eq!(output.settled, Some(Outcome::Promoted));
        assert_eq!(output.touched, Some(true));
    }
    assert_eq!(world.aliases(), aliases);
    assert!(!world.kinds().contains(&Kind::TrafficRolledBack));
}

#[tokio::test]
async fn after_rolling_back_nothing_commits() {
    let world = group();
    steps(&world, 3).await;
    world.ask(world.stable()).await.expect("a roll back");
    let error = world
        .ask(world.commit())
        .await
        .expect_err("it was rolled back");
    assert_eq!(error.name(), "OutOfStep");
    assert!(!world.kinds().contains(&Kind::Committed));
    let again = world
        .ask(world.step(2))
        .await
        .expect_err("it was rolled back");
    assert_eq!(again.name(), "AliasChanged");
}

#[tokio::test]
async fn rolling_back_deletes_the_alias_of_a_first_deployment() {
    let world = World::new(&["api"], &["web"]);
    steps(&world, 3).await;
    world.ask(world.stable()).await.expect("a roll back");
    assert_eq!(world.routing("web"), None);
    assert_eq!(world.routing("api"), Some(Routing::only("1")));
    world.ask(world.verify()).await.expect("all is back");
}

#[tokio::test]
async fn a_zombie_that_was_past_the_fence_before_the_mend_writes_nothing_after_it() {
    let world = group();
    // The second alias has the RevisionId that the zombie carries, and stands on
    // the stable version already: only the mend's own write makes it differ.
    world.at_write(2, Trouble::Pause);
    let zombie = world.ask(world.step(0));
    let mend = async {
        world.until_paused().await;
        world.generation.set(2);
        world.ask(world.stable()).await.expect("a roll back");
        let mended = world.aliases();
        world.resume();
        mended
    };
    let (stopped, mended) = tokio::join!(zombie, mend);
    assert_eq!(stopped.expect_err("too late").name(), "AliasChanged");
    assert_eq!(world.aliases(), mended);
    world.ask(world.verify()).await.expect("all is back");
}

#[tokio::test]
async fn a_rolled_back_journal_that_no_step_touched_still_stops_a_zombie() {
    let world = group();
    for write in 1..=3 {
        world.at_write(write, Trouble::CrashBefore);
    }
    assert!(world.try_ask(world.step(0)).await.is_none());
    let before = world.aliases();
    world.ask(world.stable()).await.expect("a roll back");
    for (name, alias) in world.aliases() {
        assert_eq!(alias.routing, before[&name].routing);
        assert_ne!(alias.revision, before[&name].revision, "{name}");
    }
}

#[tokio::test]
async fn one_alias_that_can_not_be_put_back_does_not_keep_the_others_from_it() {
    let world = group();
    steps(&world, 1).await;
    world.broken.borrow_mut().insert("jobs".to_owned());
    let error = world.ask(world.stable()).await.expect_err("one is broken");
    assert_eq!(error.name(), "RollbackIncomplete");
    let text = error.to_string();
    assert!(text.starts_with("1 of 3 aliases"), "{text}");
    assert!(
        text.contains("jobs:live: write failed: AccessDenied"),
        "{text}"
    );
    assert_eq!(world.routing("api"), Some(Routing::only("1")));
    assert_eq!(world.routing("web"), Some(Routing::only("1")));
    assert!(!world.kinds().contains(&Kind::TrafficRolledBack));

    world.calm();
    world.ask(world.stable()).await.expect("it works again");
    assert_eq!(world.routing("jobs"), Some(Routing::only("1")));
}

#[tokio::test]
async fn a_lost_answer_while_rolling_back_is_made_good_by_asking_again() {
    let world = group();
    steps(&world, 1).await;
    world.at_write(1, Trouble::AnswerLost);
    let error = world.ask(world.stable()).await.expect_err("a lost answer");
    assert!(error.to_string().contains("web:live"), "{error}");
    world.ask(world.stable()).await.expect("a roll back");
    assert!(!world.serves_canary());
}

#[tokio::test]
async fn somebody_who_writes_once_while_rolling_back_does_not_stop_it() {
    let world = group();
    steps(&world, 1).await;
    world.at_write(1, Trouble::Foreign(shared("1", "2", 0.3)));
    world.ask(world.stable()).await.expect("a roll back");
    assert_eq!(world.routing("web"), Some(Routing::only("1")));
}

#[tokio::test]
async fn somebody_who_keeps_writing_is_named_and_the_others_are_put_back() {
    let world = group();
    steps(&world, 1).await;
    for n in 1..=5 {
        world.at_write(n, Trouble::Foreign(shared("1", "2", 0.3)));
    }
    let error = world.ask(world.stable()).await.expect_err("a race");
    let text = error.to_string();
    assert!(
        text.contains("web:live: somebody else keeps writing it"),
        "{text}"
    );
    assert_eq!(world.routing("api"), Some(Routing::only("1")));
}

#[tokio::test]
async fn a_foreign_single_version_is_left_alone_and_noted() {
    let world = group();
    steps(&world, 1).await;
    world.foreign("jobs", Some(Routing::only("7")));
    world.ask(world.stable()).await.expect("a roll back");
    assert_eq!(world.routing("jobs"), Some(Routing::only("7")));
    let facts = world.facts.borrow();
    let last = facts.last().expect("a fact");
    assert_eq!(last.kind, Kind::TrafficRolledBack);
    let expected = "jobs:live was moved by somebody else and stays on version 7";
    assert_eq!(last.facts["notes"], serde_json::json!([expected]));
}

#[tokio::test]
async fn the_new_version_is_taken_out_beside_a_foreign_one() {
    let world = group();
    steps(&world, 1).await;
    world.foreign("jobs", Some(shared("7", "2", 0.3)));
    world.ask(world.stable()).await.expect("a roll back");
    assert_eq!(world.routing("jobs"), Some(Routing::only("7")));
}

#[tokio::test]
async fn an_alias_that_somebody_deleted_is_noted_and_not_made_again() {
    let world = group();
    steps(&world, 1).await;
    world.foreign("jobs", None);
    world.ask(world.stable()).await.expect("a roll back");
    assert_eq!(world.routing("jobs"), None);
    let facts = world.facts.borrow();
    let notes = facts.last().map(|fact| fact.facts["notes"].clone());
    let expected = serde_json::json!(["jobs:live was deleted by somebody else"]);
    assert_eq!(notes, Some(expected));
}

#[tokio::test]
async fn verify_finds_a_weight_that_was_left_over() {
    let world = group();
    steps(&world, 1).await;
    world.ask(world.stable()).await.expect("a roll back");
    world.foreign("jobs", Some(shared("1", "2", 0.1)));
    let error = world
        .ask(world.verify())
        .await
        .expect_err("a weight is left");
    assert_eq!(error.name(), "NotSettled");
    let expected = "jobs:live still serves the new version: version 1 with 10 % on 2";
    assert!(error.to_string().ends_with(expected), "{error}");
}
