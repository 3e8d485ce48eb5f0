//! What is said beside requests, and what happens when it can't be.

use super::*;

fn unavailable() -> SlackError {
    SlackError::Unavailable {
        method: "chat.postMessage",
        why: "found status 429, expected 200".to_owned(),
    }
}

#[test]
fn the_first_message_of_a_promotion_begins_the_thread_of_all_others() {
    let mirror = mirror();
    let step = json!({"step": 0, "weight": 10.0});
    tell(
        &mirror,
        Kind::StartScheduled,
        json!({"why": "a window is closed"}),
    );
    tell(&mirror, Kind::ApprovalRequested, step);
    tell(
        &mirror,
        Kind::PromotionClosed,
        json!({"outcome": "promoted"}),
    );
    let posts = mirror.ports.posts.borrow();
    let threads: Vec<&Value> = posts.iter().map(|post| &post["thread_ts"]).collect();
    assert_eq!(threads, [&Value::Null, &json!("1"), &json!("1")]);
    assert_eq!(
        posts[1]["reply_broadcast"], true,
        "people are asked where they see it"
    );
    assert_eq!(posts[2]["reply_broadcast"], false);
}

#[test]
fn an_environment_without_slack_and_what_belongs_to_none_say_nothing() {
    let mirror = mirror();
    let told = run(
        &mirror,
        stream(&[
            (
                "storefront/dev/1.1.0/1",
                Kind::PromotionClosed,
                json!({"outcome": "promoted"}),
            ),
            ("release/storefront/1.1.0", Kind::ReleaseStarted, json!({})),
            (PROMOTION, Kind::TrafficShifted, json!({})),
        ]),
        60,
    );
    assert_eq!(told, Told::default());
    assert!(mirror.ports.posts.borrow().is_empty());
}

#[test]
fn what_slack_refuses_holds_nothing_up_and_what_it_can_not_do_now_comes_again() {
    let mirror = mirror();
    let closed = |number: usize| {
        let chain = format!("storefront/prod/1.1.{number}/1");
        (chain, Kind::PromotionClosed, json!({"outcome": "promoted"}))
    };
    let chains = [closed(0), closed(1)];
    let entries: Vec<(&str, Kind, Value)> = chains
        .iter()
        .map(|(chain, kind, facts)| (chain.as_str(), *kind, facts.clone()))
        .collect();
    mirror
        .ports
        .fails
        .set(Some(refused("chat.postMessage", "not_in_channel").into()));
    assert_eq!(run(&mirror, stream(&entries), 60), Told::default());
    assert_eq!(mirror.ports.posts.borrow().len(), 1);

    mirror.ports.fails.set(Some(unavailable().into()));
    let told = run(&mirror, stream(&entries), 60);
    assert_eq!(told.batch_item_failures[0].item_identifier, "s0");
}

#[test]
fn a_message_that_was_posted_is_changed_when_its_entry_comes_again() {
    let mirror = mirror();
    tell(&mirror, Kind::ApprovalRequested, json!({}));
    tell(&mirror, Kind::ApprovalRequested, json!({}));
    assert_eq!(mirror.ports.posts.borrow().len(), 1);
    assert_eq!(mirror.ports.updates.borrow()[0].0, "1");
}

#[test]
fn a_request_whose_time_is_over_has_no_button_before_it_is_closed() {
    let mirror = mirror();
    tell(&mirror, Kind::ApprovalRequested, json!({}));
    let late = stream(&[(
        PROMOTION,
        Kind::VoteCast,
        json!({"person": "ada", "choice": "approve"}),
    )]);
    run(&mirror, late, 86_400);
    let (_, message) = mirror.ports.updates.borrow()[0].clone();
    assert_eq!(title(&message), "Expired: storefront 1.1.0 → prod");
    assert_eq!(buttons(&message), BTreeSet::from(["review".to_owned()]));
}

#[test]
fn a_suite_that_failed_is_told_in_the_channel_itself() {
    let mirror = mirror();
    let ended = stream(&[(
        "suites/storefront/prod",
        Kind::SuitesEnded,
        json!({"outcome": "failed"}),
    )]);
    run(&mirror, ended, 60);
    let posts = mirror.ports.posts.borrow();
    assert!(
        title(&posts[0]).contains("test suites FAILED"),
        "{:?}",
        posts[0]
    );
}
