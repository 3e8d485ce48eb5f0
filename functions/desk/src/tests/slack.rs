//! Clicks in Slack.

use sluice_domain::approval::Method as How;
use sluice_domain::settings::{Assurance, Item, SlackUser};
use sluice_platform::slack::{BotToken, SigningSecret};

use super::*;

const CLICK: &str = include_str!("../../../../events/desk/slack-click.json");
const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";

/// The desk of a stack with Slack, where Ada and Bob are known by their IDs.
fn desk_with_slack() -> Desk<World> {
    let mut desk = desk();
    for (approver, user) in desk
        .ports
        .request
        .policy
        .approvers
        .iter_mut()
        .zip(["U1", "U2"])
    {
        approver.slack = Some(SlackUser {
            team: "T1".to_owned(),
            user: user.to_owned(),
        });
    }
    desk.ports.app = Arc::new(Found {
        signing: SigningSecret::parse(SECRET).ok(),
        bot: Some(BotToken::new("xoxb-token")),
    });
    desk
}

/// What Slack sends: this payload, signed at this second with this secret.
fn signed(payload: &Value, secret: &str, second: i64) -> Value {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("payload", &payload.to_string());
    let body = form.finish();
    let secret = SigningSecret::parse(secret).expect("a secret");
    let timestamp = at(second).as_second();
    let mut event: Value = serde_json::from_str(CLICK).expect("json");
    event["headers"]["x-slack-request-timestamp"] = json!(timestamp.to_string());
    event["headers"]["x-slack-signature"] = json!(secret.sign(timestamp, body.as_bytes()));
    event["body"] = json!(body);
    event["isBase64Encoded"] = json!(false);
    event
}

fn sent(desk: &Desk<World>, payload: &Value, second: i64) -> Answered {
    let event = signed(payload, SECRET, second);
    run(
        desk,
        serde_json::from_value(event).expect("the event"),
        second,
    )
}

fn user(user: &str) -> Value {
    json!({"id": user, "username": "ada", "name": "ada", "team_id": "T1"})
}

/// A click on a button of the message.
fn click(who: &Value, action: &str) -> Value {
    json!({
        "type": "block_actions", "user": who, "team": {"id": "T1", "domain": "shop"},
        "trigger_id": "398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c",
        "actions": [{"action_id": action, "block_id": "vote", "value": ID, "type": "button"}],
    })
}

/// The dialog that this person's click opens.
fn dialog(desk: &Desk<World>, who: &str, action: &str, second: i64) -> Value {
    let answer = sent(desk, &click(&user(who), action), second);
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    desk.ports.dialogs.borrow_mut().pop().expect("a dialog")
}

/// The dialog, filled in with this comment, as it is sent.
fn filled(dialog: &Value, who: &Value, comment: &str) -> Value {
    json!({
        "type": "view_submission", "user": who, "team": {"id": "T1"},
        "view": {
            "callback_id": "vote", "private_metadata": dialog["private_metadata"],
            "state": {"values": {"comment": {"typed": {"type": "plain_text_input", "value": comment}}}},
        },
    })
}

fn text_of(view: &Value) -> &str {
    view["blocks"][0]["text"]["text"].as_str().expect("text")
}

#[test]
fn a_click_opens_a_dialog_and_submitting_that_is_a_vote() {
    let desk = desk_with_slack();
    let ask = dialog(&desk, "U1", "approve", 60);
    assert!(
        text_of(&ask).starts_with("storefront 1.1.0 in prod"),
        "{ask}"
    );
    assert!(desk.ports.votes.borrow().is_empty(), "a click is no vote");
    let answer = sent(&desk, &filled(&ask, &user("U1"), "Looks good"), 61);
    let said = answer.json();
    assert_eq!(said["response_action"], "update");
    assert_eq!(
        text_of(&said["view"]),
        "Your vote is recorded. The request is still open."
    );
    let votes = desk.ports.votes.borrow().clone();
    let [vote] = votes.as_slice() else {
        panic!("one vote: {votes:?}")
    };
    assert_eq!((vote.person.as_str(), vote.method), ("ada", How::Slack));
    assert_eq!(vote.comment, "Looks good");
    let subject = desk.ports.subject.borrow();
    let shown = page::shown(&desk.ports.request, &subject).expect("a page");
    assert_eq!(vote.shown, Some(shown));
    assert_eq!(*desk.ports.recorded.borrow(), votes);
}

#[test]
fn what_slack_did_not_sign_now_changes_nothing() {
    let desk = desk_with_slack();
    let ask = dialog(&desk, "U1", "approve", 60);
    let vote = filled(&ask, &user("U1"), "Looks good");
    let forged = signed(&vote, "another-signing-secret", 61);
    let late = signed(&vote, SECRET, 61 - 301);
    let mut changed = signed(&vote, SECRET, 61);
    let body = changed["body"]
        .as_str()
        .expect("a body")
        .replace("U1", "U2");
    changed["body"] = json!(body);
    let mut unsigned = signed(&vote, SECRET, 61);
    unsigned["headers"] = json!({"content-type": "application/x-www-form-urlencoded"});
    for event in [forged, late, changed, unsigned] {
        let answer = run(&desk, serde_json::from_value(event).expect("the event"), 61);
        assert_eq!(answer.status, 401, "{}", answer.body);
    }
    assert!(desk.ports.votes.borrow().is_empty());
}

#[test]
fn a_vote_that_is_sent_again_counts_once_also_after_it_was_taken_back() {
    let desk = desk_with_slack();
    let ask = dialog(&desk, "U1", "approve", 60);
    let vote = filled(&ask, &user("U1"), "Looks good");
    sent(&desk, &vote, 61);
    let back = dialog(&desk, "U1", "approve", 62);
    assert_eq!(back["title"]["text"], "Take your vote back");
    let answer = sent(&desk, &filled(&back, &user("U1"), ""), 63);
    let said = answer.json();
    assert_eq!(
        text_of(&said["view"]),
        "Your vote is taken back. The request is still open."
    );
    let event = signed(&vote, SECRET, 61);
    let again = run(&desk, serde_json::from_value(event).expect("the event"), 64);
    let said = again.json();
    assert_eq!(said["response_action"], "errors", "{said}");
    let votes = desk.ports.votes.borrow();
    assert!(
        votes.iter().all(|vote| vote.withdrawn_at.is_some()),
        "{votes:?}"
    );
}

#[test]
fn whoever_is_known_by_a_name_alone_or_is_of_another_workspace_is_nobody() {
    let desk = desk_with_slack();
    let guest = json!({"id": "U1", "name": "ada", "team_id": "T2"});
    let namesake = json!({"id": "U9", "name": "ada", "username": "ada", "team_id": "T1"});
    for who in [&guest, &namesake] {
        sent(&desk, &click(who, "approve"), 60);
        let view = desk.ports.dialogs.borrow_mut().pop().expect("a dialog");
        assert!(text_of(&view).contains("none of the approvers"), "{view}");
        assert!(view.get("submit").is_none());
    }
    let ask = dialog(&desk, "U1", "approve", 60);
    for who in [&guest, &namesake] {
        let said = sent(&desk, &filled(&ask, who, "Looks good"), 61).json();
        assert_eq!(said["response_action"], "errors", "{said}");
    }
    let mut nowhere = click(&json!({"id": "U1"}), "approve");
    nowhere["team"] = Value::Null;
    sent(&desk, &nowhere, 62);
    let view = desk.ports.dialogs.borrow_mut().pop().expect("a dialog");
    assert!(text_of(&view).contains("of which workspace"), "{view}");
    assert!(desk.ports.votes.borrow().is_empty());
}

#[test]
fn what_was_forgotten_is_said_in_the_dialog_which_stays_open() {
    let mut desk = desk_with_slack();
    desk.ports.request.policy.type_version = true;
    desk.ports.request.policy.checklist = vec![Item {
        name: "on-call".to_owned(),
        text: "Somebody is on call".to_owned(),
    }];
    let ask = dialog(&desk, "U1", "approve", 60);
    let mut vote = filled(&ask, &user("U1"), "");
    let why = |answer: &Answered| {
        let said = answer.json();
        said["errors"]["comment"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    assert!(why(&sent(&desk, &vote, 61)).contains("not ticked: on-call"));
    let values = &mut vote["view"]["state"]["values"];
    values["attest-0"] =
        json!({"ticked": {"type": "checkboxes", "selected_options": [{"value": "on-call"}]}});
    assert!(why(&sent(&desk, &vote, 62)).contains("not 1.1.0"));
    let values = &mut vote["view"]["state"]["values"];
    values["version"] = json!({"typed": {"type": "plain_text_input", "value": "1.1.0"}});
    let said = sent(&desk, &vote, 63).json();
    assert_eq!(said["response_action"], "update", "{said}");
    assert_eq!(desk.ports.votes.borrow()[0].attested, ["on-call"]);
    let no = dialog(&desk, "U2", "reject", 64);
    assert!(why(&sent(&desk, &filled(&no, &user("U2"), ""), 65)).contains("say why"));
}

#[test]
fn who_may_not_vote_so_is_told_before_a_dialog_asks_for_anything() {
    let mut desk = desk_with_slack();
    desk.ports
        .request
        .authors
        .push("ada@example.com".to_owned());
    let view = dialog(&desk, "U1", "approve", 60);
    assert!(text_of(&view).contains("author of this change"), "{view}");
    desk.ports.request.policy.assurance = Assurance::Proven;
    let view = dialog(&desk, "U2", "approve", 60);
    assert!(text_of(&view).contains("takes no vote by Slack"), "{view}");
    desk.ports.state.set(State::Rejected);
    let view = dialog(&desk, "U2", "approve", 60);
    assert_eq!(text_of(&view), "The request is rejected.");
}

#[test]
fn a_stack_without_slack_has_no_such_address() {
    let desk = desk();
    let answer = sent(&desk, &click(&user("U1"), "approve"), 60);
    assert_eq!(answer.status, 404);
}

#[test]
fn what_is_no_interaction_is_refused_and_what_asks_nothing_is_heard() {
    let desk = desk_with_slack();
    let closed = json!({"type": "view_closed", "user": user("U1")});
    let link = click(&user("U1"), "review");
    for payload in [closed, link] {
        let answer = sent(&desk, &payload, 60);
        assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    }
    let none = sent(&desk, &json!({"type": "block_actions"}), 60);
    assert_eq!(none.status, 400);
    let ask = dialog(&desk, "U1", "approve", 60);
    let mut other = filled(&ask, &user("U1"), "a");
    other["view"]["private_metadata"] = json!("{}");
    assert_eq!(sent(&desk, &other, 61).status, 400);
    let mut get = signed(&closed_view(), SECRET, 60);
    get["requestContext"]["http"]["method"] = json!("GET");
    let answer = run(&desk, serde_json::from_value(get).expect("the event"), 60);
    assert_eq!(answer.status, 405);
    let long = json!({"type": "view_closed", "more": "x".repeat(128 * 1024)});
    assert_eq!(sent(&desk, &long, 60).status, 413);
}

fn closed_view() -> Value {
    json!({"type": "view_closed", "user": user("U1")})
}

/// Slack's limits on a modal: https://docs.slack.dev/reference/block-kit/blocks
#[test]
fn a_dialog_is_within_slacks_limits_whatever_is_in_it() {
    let mut desk = desk_with_slack();
    let policy = &mut desk.ports.request.policy;
    policy.type_version = true;
    policy.checklist = (0..20)
        .map(|index| Item {
            name: format!("item-{index}-{}", "n".repeat(54)),
            text: format!("{index} {}", "\u{202e}<!channel> *wide* ".repeat(15)),
        })
        .collect();
    let checklist = policy.checklist.clone();
    let ask = dialog(&desk, "U1", "approve", 60);
    let blocks = ask["blocks"].as_array().expect("blocks");
    assert!(blocks.len() <= 100);
    for Item { name, text } in &checklist {
        let whole = format!("• {name}: {}", sluice_domain::text::plain(text));
        let is_whole = |block: &Value| block["text"]["text"] == whole.as_str();
        assert!(blocks.iter().any(is_whole), "{whole}: {ask}");
    }
    assert!(ask["private_metadata"].as_str().expect("text").len() <= 3_000);
    assert!(ask["title"]["text"].as_str().expect("text").chars().count() <= 24);
    for block in blocks {
        let text = block["text"]["text"].as_str().unwrap_or_default();
        assert!(text.chars().count() <= 3_000 && !text.contains('\u{202e}'));
        assert_ne!(block["text"]["type"], "mrkdwn");
        let options = block["element"]["options"].as_array();
        let options = options.map(Vec::as_slice).unwrap_or_default();
        assert!(options.len() <= 10);
        for option in options {
            let text = option["text"]["text"].as_str().expect("text");
            assert!(text.chars().count() <= 75);
        }
    }
}

#[test]
fn a_dialog_shows_what_settings_say_as_text() {
    for text in sluice_hostile::TEXTS {
        let mut desk = desk_with_slack();
        desk.ports.request.policy.checklist = vec![Item {
            name: "told".to_owned(),
            text: format!("{text} x"),
        }];
        let ask = dialog(&desk, "U1", "approve", 60);
        let harmless = sluice_domain::text::plain(text);
        let shown = sluice_hostile::places(&ask).into_iter().filter(|place| {
            let text = ask.pointer(place).and_then(Value::as_str);
            let text = text.expect("a text");
            assert_eq!(sluice_hostile::hides(text), None, "{place}: {text}");
            text.contains(harmless.trim())
        });
        assert!(shown.count() >= 1, "{ask}");
        assert!(!ask.to_string().contains("mrkdwn"), "{ask}");
    }
}
