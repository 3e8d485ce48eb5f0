//! What people get to read, and how a browser votes.

use serde_json::json;
use sluice_domain::approval::State;
use sluice_domain::ledger::Kind;
use sluice_domain::promotion::{Outcome, PromotionId};
use sluice_tests::World;
use sluice_tests::world::{Build, Inbox};

use crate::approvals::CODE;

/// A release that waits for Ada, and somebody who hears of it.
async fn heard(expires_seconds: u64) -> (World, Build, PromotionId, Inbox) {
    let world = World::new().await;
    let inbox = world.inbox().await;
    let first = world.healthy("1.0.0", &["api"]);
    let ada = world.approver("ada", CODE).await;
    let approval = json!({ "approvers": [ada], "expires_seconds": expires_seconds });
    let settings = json!({ "approval": approval });
    world.environment("prod", &first, settings).await;
    let build = world.healthy("1.1.0", &["api"]);
    world.upload(&build).await;
    let id = world.promotion("prod", "1.1.0");
    (world, build, id, inbox)
}

/// Where this machine reaches a link to the page: an engine answers for the
/// Function URL under an address of its own, which names the same URL.
fn reached(world: &World, link: &str) -> String {
    let (host, capability) = link.split_once("/r/").expect("a link to a request");
    let url = host.trim_start_matches("https://").split('.').next();
    let desk = world.desk().trim_end_matches('/');
    assert!(
        desk.contains(url.unwrap_or(host)),
        "{link} is not at {desk}"
    );
    format!("{desk}/r/{capability}")
}

/// What a browser gets: the status and the page.
type Page = (u16, String);

fn browser() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .build()
        .into()
}

async fn get(link: &str) -> Page {
    let link = link.to_owned();
    let got = tokio::task::spawn_blocking(move || {
        let mut answer = browser().get(&link).call().expect("an answer");
        let page = answer.body_mut().read_to_string().expect("a page");
        (answer.status().as_u16(), page)
    });
    got.await.expect("the page is read")
}

/// Sends a page's form as a browser does from that page: where it is sent on to.
async fn send(link: &str, page: &str, fields: Vec<(&'static str, String)>) -> String {
    let action = page.split("<form method=\"post\" action=\"").nth(1);
    let action = action.and_then(|rest| rest.split('"').next());
    let (folder, _) = link.rsplit_once('/').expect("a folder");
    let target = format!("{folder}/{}", action.expect("a form"));
    let sent = tokio::task::spawn_blocking(move || {
        let request = browser().post(&target);
        let answer = request
            .header("accept", "text/html")
            .header("sec-fetch-site", "same-origin")
            .send_form(fields)
            .expect("an answer");
        assert_eq!(answer.status().as_u16(), 303);
        let location = answer.headers().get("location").expect("a way on");
        location.to_str().expect("text").to_owned()
    });
    format!("{folder}/{}", sent.await.expect("the form is sent"))
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn the_link_in_the_message_shows_the_request_and_its_form_takes_the_vote() {
    let (world, build, id, inbox) = heard(600).await;
    let (subject, text) = world.told(&inbox, "ApprovalRequested").await;
    assert!(subject.contains("1.1.0 into prod"), "{subject}");
    let link = text.split_whitespace().find(|word| word.contains("/r/"));
    let link = link.unwrap_or_else(|| panic!("no link in {text}"));
    let link = &reached(&world, link);

    let (status, page) = get(link).await;
    assert_eq!(status, 200, "{page}");
    assert!(page.contains("Waiting for approval"), "{page}");
    let (_, same) = get(link).await;
    let form = |page: &str| page.split("<form").nth(1).map(str::to_owned);
    assert_eq!(form(&same), form(&page), "reading it changes nothing");
    let request = world.asked(&id).await.request.id;
    assert!(link.ends_with(&request), "{link}: {request}");
    let votes = world.reader.store.votes(&request).await;
    assert_eq!(votes.expect("the votes"), []);

    let comment = "not on a Friday";
    let fields = vec![
        ("person", "ada".to_owned()),
        ("code", world.code(CODE).await),
        ("choice", "reject".to_owned()),
        ("comment", comment.to_owned()),
    ];
    let (status, page) = get(&send(link, &page, fields).await).await;
    assert_eq!(status, 200, "{page}");
    assert!(page.contains("Recorded. The request is"), "{page}");
    let ended = world.ended(&id).await;
    ended.is(Outcome::Rejected);
    let votes = world.reader.store.votes(&request).await;
    let votes = votes.expect("the votes");
    assert_eq!((votes.len(), votes[0].vote.comment.as_str()), (1, comment));
    world.settled("prod", &build, "1").await;

    let (subject, text) = world.told(&inbox, "PromotionClosed").await;
    assert!(subject.contains("Rejected"), "{subject}");
    assert!(text.contains(ended.reason()), "{text}");
    let (status, page) = get(link).await;
    assert_eq!(status, 200, "{page}");
    assert!(
        page.contains("✗ Rejected") && form(&page).is_none(),
        "{page}"
    );
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn people_hear_that_their_time_is_over() {
    let (world, build, id, inbox) = heard(1).await;
    world.watched(&id, Kind::ApprovalDecided).await;
    let ended = world.ended(&id).await;
    ended.is(Outcome::Expired);
    let decided = &ended.entry(Kind::ApprovalDecided).event.facts["state"];
    assert_eq!(*decided, json!(State::Expired));
    let (subject, _) = world.told(&inbox, "PromotionClosed").await;
    assert!(subject.contains("Expired"), "{subject}");
    world.settled("prod", &build, "1").await;
}
