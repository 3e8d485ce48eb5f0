//! Messages that can't be changed any more: somebody deleted them, or settings name another
//! place since.

use super::*;

fn cast() -> Value {
    json!({"person": "ada", "choice": "approve", "comment": "fine"})
}

/// Title and thread of each message that was posted.
fn posted(mirror: &Mirror<World>) -> Vec<(String, Option<String>)> {
    let posts = mirror.ports.posts.borrow();
    let thread = |post: &Value| post["thread_ts"].as_str().map(str::to_owned);
    let posts = posts.iter();
    posts
        .map(|post| (title(post).to_owned(), thread(post)))
        .collect()
}

/// A message of this title, in the thread of this one.
fn post(title: &str, thread: Option<&str>) -> (String, Option<String>) {
    (title.to_owned(), thread.map(str::to_owned))
}

fn to_channel(mirror: &mut Mirror<World>, channel: &str) {
    mirror.ports.channels.slack = Some(SlackChannel {
        channel: Some(channel.to_owned()),
        webhook_parameter: None,
    });
}

const ASK: &str = "Approval needed: storefront 1.1.0 → prod";

#[test]
fn a_request_that_somebody_deleted_is_posted_anew_and_begins_the_thread_anew() {
    let mirror = mirror();
    tell(&mirror, Kind::ApprovalRequested, json!({}));
    mirror.ports.deleted.borrow_mut().insert("1".to_owned());
    tell(&mirror, Kind::VoteCast, cast());
    let expected = [
        post(ASK, None),
        post(ASK, None),
        post("ada approved: fine", Some("2")),
    ];
    assert_eq!(posted(&mirror), expected);

    tell(&mirror, Kind::VoteCast, cast());
    assert_eq!(mirror.ports.updates.borrow()[0].0, "2");
    assert_eq!(
        posted(&mirror)[3..],
        [post("ada approved: fine", Some("2"))]
    );
}

#[test]
fn a_request_that_somebody_deleted_in_a_thread_is_posted_anew_in_that_thread() {
    let mirror = mirror();
    tell(
        &mirror,
        Kind::StartScheduled,
        json!({"why": "a window is closed"}),
    );
    tell(&mirror, Kind::ApprovalRequested, json!({}));
    mirror.ports.deleted.borrow_mut().insert("2".to_owned());
    tell(&mirror, Kind::ApprovalDecided, json!({"state": "approved"}));
    let expected = [
        post(ASK, Some("1")),
        post(ASK, Some("1")),
        post("It is approved.", Some("1")),
    ];
    assert_eq!(posted(&mirror)[1..], expected);
}

#[test]
fn a_request_that_slack_does_not_let_be_changed_keeps_no_vote_from_being_told() {
    let mirror = mirror();
    tell(&mirror, Kind::ApprovalRequested, json!({}));
    let invalid = refused("chat.update", "invalid_blocks");
    mirror.ports.change_fails.set(Some(invalid));
    tell(&mirror, Kind::VoteCast, cast());
    let expected = [post(ASK, None), post("ada approved: fine", Some("1"))];
    assert_eq!(posted(&mirror), expected);
}

#[test]
fn a_request_that_slack_can_not_change_now_comes_again_before_the_vote_is_told() {
    let mirror = mirror();
    tell(&mirror, Kind::ApprovalRequested, json!({}));
    mirror.ports.change_fails.set(Some(SlackError::Unavailable {
        method: "chat.update",
        why: "found `ratelimited`".to_owned(),
    }));
    let told = run(&mirror, stream(&[(PROMOTION, Kind::VoteCast, cast())]), 60);
    assert_eq!(told.batch_item_failures[0].item_identifier, "s0");
    assert_eq!(posted(&mirror), [post(ASK, None)]);
}

#[test]
fn what_was_posted_to_another_channel_is_neither_changed_nor_a_thread_here() {
    let mut mirror = mirror();
    tell(&mirror, Kind::ApprovalRequested, json!({}));
    to_channel(&mut mirror, "C2");
    tell(&mirror, Kind::VoteCast, cast());
    let expected = [
        post(ASK, None),
        post(ASK, None),
        post("ada approved: fine", Some("2")),
    ];
    assert_eq!(posted(&mirror), expected);
    assert!(mirror.ports.updates.borrow().is_empty());
    {
        let notes = mirror.ports.notes.borrow();
        assert!(notes.values().all(|noted| noted.place == "C2"), "{notes:?}");
    }

    mirror.ports.channels.slack = Some(SlackChannel {
        channel: None,
        webhook_parameter: Some("/sluice-slack/hooks/shop".to_owned()),
    });
    tell(&mirror, Kind::VoteCast, cast());
    assert_eq!(posted(&mirror)[3..], [post("ada approved: fine", None)]);
    assert!(mirror.ports.updates.borrow().is_empty());
}
