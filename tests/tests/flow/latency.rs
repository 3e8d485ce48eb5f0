//! How long people and Slack wait for the desk, with the functions as they are shipped:
//! `make bench` prints it. A measurement and no test: times differ from machine to machine.

use std::time::{Duration, Instant};

use aws_sdk_lambda::primitives::Blob;
use jiff::Timestamp;
use serde_json::{Value, json};
use sluice_domain::ledger::Kind;
use sluice_platform::slack::SigningSecret;
use sluice_platform::totp::OneTimeSecret;
use sluice_tests::World;

use crate::approvals::CODE;

const CLICK: &str = include_str!("../../../events/desk/slack-click.json");
/// That of the tests' app.
const SIGNING: &str = "8f742231b10e8888abcd99yyyzzz85a5";

/// So many people vote on each of so many requests, and the page is read so often.
const PEOPLE: usize = 4;
const REQUESTS: usize = 12;
const READS: usize = 200;
/// So many functions start that nobody called before.
const STARTS: usize = 10;

/// Prints how long it took: the middle, what one in a hundred exceeds, and the same above what
/// the engine takes for so many functions that do nothing. Answers the middle.
fn prints(what: &str, floor: Option<(Duration, u32)>, took: &mut [Duration]) -> Duration {
    took.sort();
    let at = |percent: usize| took[(took.len() * percent).div_ceil(100) - 1];
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let (times, middle, late) = (took.len(), at(50), at(99));
    let above = floor.map_or(String::new(), |(floor, functions)| {
        let above = |time: Duration| ms(time.saturating_sub(floor * functions));
        let (middle, late) = (above(middle), above(late));
        format!("; above {functions} that do nothing: p50 {middle:.0} ms, p99 {late:.0} ms")
    });
    let (middle_ms, late_ms) = (ms(middle), ms(late));
    println!("{what:<36} {times:>3} times: p50 {middle_ms:.0} ms, p99 {late_ms:.0} ms{above}");
    middle
}

/// Sends something to the desk on a connection that stays: its status, and how long it took.
fn timed(agent: &ureq::Agent, url: &str, form: Option<&str>) -> (u16, Duration) {
    let before = Instant::now();
    let answer = match form {
        None => agent.get(url).call(),
        Some(form) => agent
            .post(url)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("sec-fetch-site", "same-origin")
            .send(form),
    };
    let mut answer = answer.expect("an answer");
    let text = answer.body_mut().read_to_string();
    text.expect("a page");
    (answer.status().as_u16(), before.elapsed())
}

/// A release that waits for all of these people: the address of its page, and the secrets of
/// their codes by name.
async fn asked() -> (World, String, Vec<(String, OneTimeSecret)>) {
    let world = World::new().await;
    let first = world.healthy("1.0.0", &["api"]);
    let (mut approvers, mut secrets) = (Vec::new(), Vec::new());
    for number in 0..PEOPLE {
        let secret = OneTimeSecret::generate().expect("random bytes");
        let name = format!("person-{number}");
        approvers.push(world.approver(&name, secret.reveal()).await);
        secrets.push((name, secret));
    }
    // One who does not vote: a release that goes on meanwhile is not what is measured.
    approvers.push(world.approver("late", CODE).await);
    let approval = json!({"approvers": approvers, "quorum": PEOPLE + 1, "expires_seconds": 900});
    let settings = json!({ "approval": approval });
    world.environment("prod", &first, settings).await;
    world.upload(&world.healthy("1.1.0", &["api"])).await;
    let id = world.promotion("prod", "1.1.0");
    world.happened(&id, Kind::ApprovalRequested).await;
    let request = world.asked(&id).await.request.id;
    let url = format!("{}/r/{request}", world.desk().trim_end_matches('/'));
    (world, url, secrets)
}

/// How long each of so many reads took, after some that warm up.
fn reads(agent: &ureq::Agent, url: &str) -> Vec<Duration> {
    let read = || {
        let (status, took) = timed(agent, url, None);
        assert_eq!(status, 200);
        took
    };
    for _ in 0..10 {
        read();
    }
    (0..READS).map(|_| read()).collect()
}

fn votes(agent: &ureq::Agent, url: &str, secrets: &[(String, OneTimeSecret)]) -> Vec<Duration> {
    let vote = |(name, secret): &(String, OneTimeSecret)| {
        let code = secret.code_at(Timestamp::now());
        let form = form_urlencoded::Serializer::new(String::new())
            .extend_pairs([
                ("person", name.as_str()),
                ("code", &code),
                ("choice", "approve"),
            ])
            .finish();
        let (status, took) = timed(agent, url, Some(&form));
        assert_eq!(status, 303, "{name}");
        took
    };
    secrets.iter().map(vote).collect()
}

#[tokio::test]
#[ignore = "measures: make bench"]
async fn a_page_is_read_and_votes_are_taken() {
    let mut all = Vec::new();
    for _ in 0..REQUESTS {
        all.push(asked().await);
    }
    let measured = tokio::task::spawn_blocking(move || {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .build()
            .into();
        let (world, page, _) = &all[0];
        let style = format!("{}/style.css", world.desk().trim_end_matches('/'));
        let mut floor = reads(&agent, &style);
        let mut pages = reads(&agent, page);
        let voted = all
            .iter()
            .flat_map(|(_, url, secrets)| votes(&agent, url, secrets));
        let mut voted: Vec<Duration> = voted.collect();
        let floor = prints("an answer without a call to AWS", None, &mut floor);
        prints("the page, warm", Some((floor, 1)), &mut pages);
        // `desk`, and `record` and `approval`, which it calls.
        prints("a vote, warm", Some((floor, 3)), &mut voted);
    });
    measured.await.expect("it is measured");
}

#[tokio::test]
#[ignore = "measures: make bench"]
async fn slack_is_answered_by_a_function_that_starts() {
    let world = World::new().await;
    world.channel().await;
    let mut took = Vec::new();
    for number in 0..STARTS {
        let desk = world.output("DeskFunction").to_owned();
        let name = format!("desk-{number}");
        let double = world.double(&name, &desk, &[]).await;
        let payload = json!({
            "type": "block_actions", "user": {"id": "U1", "team_id": "T1"}, "team": {"id": "T1"},
            "trigger_id": "latency", "actions": [{"action_id": "approve", "value": "a".repeat(32)}],
        });
        let body = form_urlencoded::Serializer::new(String::new())
            .append_pair("payload", &payload.to_string())
            .finish();
        let now = Timestamp::now().as_second();
        let secret = SigningSecret::parse(SIGNING).expect("a secret");
        let mut event: Value = serde_json::from_str(CLICK).expect("JSON");
        event["headers"]["x-slack-request-timestamp"] = json!(now.to_string());
        event["headers"]["x-slack-signature"] = json!(secret.sign(now, body.as_bytes()));
        event["body"] = json!(body);
        event["isBase64Encoded"] = json!(false);
        let request = world.lambda().invoke().function_name(double);
        let request = request.payload(Blob::new(event.to_string()));
        let before = Instant::now();
        let answer = request.send().await.expect("an answer");
        took.push(before.elapsed());
        let answer = answer.payload().map(Blob::as_ref).unwrap_or_default();
        let answer: Value = serde_json::from_slice(answer).expect("JSON");
        assert_eq!(answer["statusCode"], 200, "{answer}");
    }
    prints("a click in Slack, from a cold start", None, &mut took);
}
