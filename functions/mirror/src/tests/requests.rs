//! The message of a request.

use sluice_domain::settings::Assurance;

use super::*;

const REQUESTED: &str = include_str!("../../../../events/mirror/approval-requested.json");
const CAST: &str = include_str!("../../../../events/mirror/vote-cast.json");

#[test]
fn what_the_stream_brings_is_said_in_slack() {
    let mirror = mirror();
    for event in [REQUESTED, CAST] {
        let event = serde_json::from_str(event).expect("the event is understood");
        assert_eq!(run(&mirror, event, 60), Told::default());
    }
    let posts = mirror.ports.posts.borrow();
    let titles: Vec<&str> = posts.iter().map(title).collect();
    let expected = [
        "Approval needed: storefront 1.1.0 → prod",
        "ada approved: Looks good",
    ];
    assert_eq!(titles, expected);
}

#[test]
fn people_are_asked_in_one_message_that_changes_with_each_vote_and_loses_its_buttons_at_the_end() {
    let mirror = mirror();
    tell(&mirror, Kind::ApprovalRequested, json!({}));
    let ask = mirror.ports.posts.borrow()[0].clone();
    assert_eq!(title(&ask), "Approval needed: storefront 1.1.0 → prod");
    let all = ["approve", "reject", "review"].map(str::to_owned);
    assert_eq!(buttons(&ask), BTreeSet::from(all));
    assert!(ask.to_string().contains("devops: waiting; pm: waiting"));

    let ada = vote("ada", Choice::Approve);
    mirror
        .ports
        .asked
        .borrow_mut()
        .as_mut()
        .expect("asked")
        .votes
        .push(ada);
    tell(
        &mirror,
        Kind::VoteCast,
        json!({"person": "ada", "choice": "approve", "comment": "fine"}),
    );
    let (ts, changed) = mirror.ports.updates.borrow()[0].clone();
    assert_eq!(ts, "1");
    assert!(
        changed.to_string().contains("devops: ada; pm: waiting"),
        "{changed}"
    );
    assert!(
        changed
            .to_string()
            .contains("✓ approved by ada, 10:01 UTC, with Slack")
    );

    mirror
        .ports
        .asked
        .borrow_mut()
        .as_mut()
        .expect("asked")
        .state = State::Rejected;
    tell(&mirror, Kind::ApprovalDecided, json!({"state": "rejected"}));
    let (_, ended) = mirror.ports.updates.borrow()[1].clone();
    assert_eq!(title(&ended), "Rejected: storefront 1.1.0 → prod");
    assert_eq!(buttons(&ended), BTreeSet::from(["review".to_owned()]));

    let posts = mirror.ports.posts.borrow();
    let thread: Vec<&str> = posts[1..].iter().map(title).collect();
    assert_eq!(thread, ["ada approved: fine", "It is rejected."]);
    assert!(posts[1..].iter().all(|post| post["thread_ts"] == "1"));
}

#[test]
fn there_is_no_button_where_a_click_counts_for_nothing() {
    let mirror = mirror();
    mirror
        .ports
        .asked
        .borrow_mut()
        .as_mut()
        .expect("asked")
        .request
        .policy
        .assurance = Assurance::Proven;
    tell(&mirror, Kind::ApprovalRequested, json!({}));
    let ask = mirror.ports.posts.borrow()[0].clone();
    assert_eq!(buttons(&ask), BTreeSet::from(["review".to_owned()]));
}

#[test]
fn nothing_that_others_wrote_is_a_mention_a_link_or_a_command() {
    let mirror = mirror();
    {
        let mut asked = mirror.ports.asked.borrow_mut();
        let request = &mut asked.as_mut().expect("asked").request;
        request.authors =
            vec!["<!channel> <https://evil.example.com|ok> *a* \u{202e}x@example.com".to_owned()];
    }
    tell(&mirror, Kind::ApprovalRequested, json!({}));
    let comment = "<!channel> & <@U1> `a` \u{202e}\u{200b}";
    tell(
        &mirror,
        Kind::VoteCast,
        json!({"person": "ada", "choice": "reject", "comment": comment}),
    );
    let posts = mirror.ports.posts.borrow();
    for post in posts.iter() {
        let notification = post["text"].as_str().expect("text");
        assert!(
            !notification.contains(['<', '>', '\u{202e}']),
            "{notification}"
        );
        assert!(!post.to_string().contains('\u{202e}'));
    }
    assert!(
        posts[1]["text"]
            .as_str()
            .expect("text")
            .contains("&lt;!channel&gt; &amp;")
    );
}

#[test]
fn each_author_is_named_once() {
    let mirror = mirror();
    {
        let mut asked = mirror.ports.asked.borrow_mut();
        let request = &mut asked.as_mut().expect("asked").request;
        let authors = ["eve", "ada", "eve", "zoe", "ada", "eve"];
        request.authors = authors.map(|name| format!("{name}@example.com")).to_vec();
    }
    tell(&mirror, Kind::ApprovalRequested, json!({}));
    let ask = mirror.ports.posts.borrow()[0].to_string();
    let named = "Written by\\neve@example.com, ada@example.com, zoe@example.com\"";
    assert!(ask.contains(named), "{ask}");
}

#[test]
fn a_message_is_within_slacks_limits_whatever_is_in_it() {
    let mirror = mirror();
    {
        let mut asked = mirror.ports.asked.borrow_mut();
        let request = &mut asked.as_mut().expect("asked").request;
        request.authors = (0..200)
            .map(|n| format!("{n}{}@example.com", "x".repeat(900)))
            .collect();
    }
    tell(&mirror, Kind::ApprovalRequested, json!({}));
    let long = "y".repeat(10_000);
    tell(
        &mirror,
        Kind::VoteCast,
        json!({"person": "ada", "choice": "approve", "comment": long}),
    );
    assert_eq!(mirror.ports.posts.borrow().len(), 2);
}

#[test]
fn a_webhook_is_told_at_the_beginning_and_at_the_end_and_has_no_button_that_votes() {
    let mut mirror = mirror();
    mirror.ports.channels.slack = Some(SlackChannel {
        channel: None,
        webhook_parameter: Some("/sluice-slack/hooks/shop".to_owned()),
    });
    tell(&mirror, Kind::ApprovalRequested, json!({}));
    tell(
        &mirror,
        Kind::VoteCast,
        json!({"person": "ada", "choice": "approve", "comment": ""}),
    );
    mirror
        .ports
        .asked
        .borrow_mut()
        .as_mut()
        .expect("asked")
        .state = State::Approved;
    tell(&mirror, Kind::ApprovalDecided, json!({"state": "approved"}));
    let posts = mirror.ports.posts.borrow();
    let titles: Vec<&str> = posts.iter().map(title).collect();
    assert_eq!(
        titles,
        [
            "Approval needed: storefront 1.1.0 → prod",
            "ada approved.",
            "Approved: storefront 1.1.0 → prod",
            "It is approved.",
        ]
    );
    assert_eq!(buttons(&posts[0]), BTreeSet::from(["review".to_owned()]));
    assert!(posts.iter().all(|post| post["thread_ts"].is_null()));
}
