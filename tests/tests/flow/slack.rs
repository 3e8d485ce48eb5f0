//! Approvals in Slack, and what else is said there.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sluice_domain::ledger::Kind;
use sluice_domain::promotion::{Outcome, PromotionId};
use sluice_tests::World;
use sluice_tests::world::Channel;

use crate::approvals::CODE;

fn member(user: &str, team: &str) -> Value {
    json!({"id": user, "name": "ada", "username": "ada", "team_id": team})
}

/// A release that waits for Ada or Bob, in a channel.
async fn asked() -> (World, Channel, PromotionId, Value) {
    let world = World::new().await;
    let channel = world.channel().await;
    let first = world.healthy("1.0.0", &["api"]);
    let mut people = Vec::new();
    for (name, user) in [("ada", "U1"), ("bob", "U2")] {
        let mut person = world.approver(name, CODE).await;
        person["totp_parameter"] = Value::Null;
        let person = person.as_object_mut().expect("an approver");
        person.remove("totp_parameter");
        person.insert("slack".to_owned(), json!({"team": "T1", "user": user}));
        people.push(json!(person));
    }
    let settings = json!({
        "approval": {"approvers": people, "quorum": 2, "expires_seconds": 600},
        "channels": channel.setting(),
    });
    world.environment("prod", &first, settings).await;
    let build = world.healthy("1.1.0", &["api"]);
    world.upload(&build).await;
    let id = world.promotion("prod", "1.1.0");
    let is_asked = |message: &Value| text(message).contains("Approval needed");
    let ask = world.said(&channel, "a request", is_asked).await;
    (world, channel, id, ask)
}

fn text(message: &Value) -> String {
    message["blocks"][0]["text"]["text"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn two_people_approve_in_slack_and_the_message_says_so_until_its_buttons_are_gone() {
    let (world, channel, id, ask) = asked().await;
    for (user, comment) in [("U1", "Looks good"), ("U2", "")] {
        let user = member(user, "T1");
        let dialog = channel.click(&user, "approve", &ask).await;
        let answer = channel
            .submit(&Channel::submission(&user, &dialog, comment))
            .await;
        assert_eq!(answer["response_action"], "update", "{answer}");
    }
    let ended = world.ended(&id).await;
    ended.is(Outcome::Promoted);
    let votes = ended.entries.iter();
    let votes = votes.filter(|entry| entry.event.kind == Kind::VoteCast);
    let methods: Vec<&Value> = votes.map(|entry| &entry.event.facts["method"]).collect();
    assert_eq!(methods, ["slack", "slack"]);

    let is_over = |message: &Value| text(message).starts_with("Approved");
    let over = world.said(&channel, "that it is approved", is_over).await;
    assert_eq!(over["ts"], ask["ts"], "the same message");
    let is_vote = |action: &str| {
        over.to_string()
            .contains(&format!("\"action_id\":\"{action}\""))
    };
    assert!(!is_vote("approve") && !is_vote("reject"), "{over}");
    let is_end = |message: &Value| text(message).contains("Promoted");
    let end = world.said(&channel, "the end", is_end).await;
    assert_eq!(
        end["thread_ts"], ask["ts"],
        "everything else is in its thread"
    );
    let messages = channel.messages().await;
    let said = messages
        .iter()
        .any(|message| text(message) == "ada approved: Looks good");
    assert!(said, "{messages:#?}");
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn only_what_slack_signed_just_now_of_who_is_known_there_is_a_vote() {
    let (world, channel, id, ask) = asked().await;
    let ada = member("U1", "T1");
    let dialog = channel.click(&ada, "reject", &ask).await;
    let vote = Channel::submission(&ada, &dialog, "no");
    let now = Timestamp::now();
    let (status, _) = channel
        .send(&vote, "the-secret-of-somebody-else", now)
        .await;
    assert_eq!(status, 401);
    let old = now - SignedDuration::from_mins(6);
    let secret = "8f742231b10e8888abcd99yyyzzz85a5";
    let (status, _) = channel.send(&vote, secret, old).await;
    assert_eq!(status, 401);
    for stranger in [member("U1", "T2"), member("U9", "T1")] {
        let answer = channel
            .submit(&Channel::submission(&stranger, &dialog, "no"))
            .await;
        assert_eq!(answer["response_action"], "errors", "{answer}");
    }
    let request = world.asked(&id).await.request.id;
    let votes = world.reader.store.votes(&request).await;
    assert_eq!(votes.expect("the votes"), []);

    let answer = channel.submit(&vote).await;
    assert_eq!(answer["response_action"], "update", "{answer}");
    world.ended(&id).await.is(Outcome::Rejected);
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_repository_shows_each_promotion_as_a_deployment() {
    let world = World::new().await;
    let channel = world.channel().await;
    world
        .shared_parameter("/sluice-github/token", "github_pat_of_the_tests")
        .await;
    let repository = format!("acme/{}", world.application);
    let first = world.healthy("1.0.0", &["api"]);
    let settings = json!({"channels": {"github": {"repository": repository}}});
    world.environment("prod", &first, settings).await;
    let build = world.healthy("1.1.0", &["api"]);
    world.upload(&build).await;
    world
        .ended(&world.promotion("prod", "1.1.0"))
        .await
        .is(Outcome::Promoted);

    let path = format!("/github/repos/{repository}/deployments");
    let states = world
        .wait("on GitHub: the end", async || {
            let calls = channel.calls().await.into_iter();
            let own: Vec<_> = calls.filter(|call| call.path.starts_with(&path)).collect();
            let states = own.iter().filter_map(|call| call.body["state"].as_str());
            let states: Vec<String> = states.map(str::to_owned).collect();
            let deployments = own.iter().filter(|call| call.path == path).count();
            (states.last()? == "success").then_some((deployments, states))
        })
        .await;
    assert_eq!(states.0, 1, "one deployment");
    assert_eq!(states.1[0], "queued");
    assert!(states.1.contains(&"in_progress".to_owned()), "{states:?}");
}
