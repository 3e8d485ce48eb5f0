//! The page in a real browser: without scripts, on a telephone and on a desk, in the light and
//! in the dark. What is seen is kept under `target/screenshots`.

use serde_json::{Value, json};
use sluice_domain::ledger::Kind;
use sluice_domain::promotion::{Outcome, PromotionId};
use sluice_tests::World;
use sluice_tests::world::{Browser, Looks};

use crate::approvals::CODE;

const BOB: &str = "MFRGGZDFMZTWQ2LKNNWG23TPOBYXE43U";

const DESK: Looks = Looks {
    scheme: "light",
    width: 1280,
};
const TELEPHONE: Looks = Looks {
    scheme: "dark",
    width: 360,
};

/// A release that waits for Ada and Bob.
async fn asked(expires_seconds: u64) -> (World, PromotionId, String) {
    let world = World::new().await;
    let first = world.healthy("1.0.0", &["api"]);
    let mut ada = world.approver("ada", CODE).await;
    ada["roles"] = json!(["devops"]);
    let mut bob = world.approver("bob", BOB).await;
    bob["roles"] = json!(["pm"]);
    let settings = json!({"approval": {
        "approvers": [ada, bob], "expires_seconds": expires_seconds, "type_version": true,
        "slots": [{"role": "devops", "count": 1}, {"role": "pm", "count": 1}],
        "checklist": [{"name": "on-call", "text": "Somebody is on call for two hours"}],
    }});
    world.environment("prod", &first, settings).await;
    let build = world.healthy("1.1.0", &["api"]);
    world.upload(&build).await;
    let id = world.promotion("prod", "1.1.0");
    world.happened(&id, Kind::ApprovalRequested).await;
    let request = world.asked(&id).await.request.id;
    let link = format!("{}/r/{request}", world.desk().trim_end_matches('/'));
    (world, id, link)
}

/// Fills the form in, and sends it.
async fn vote(browser: &mut Browser, world: &World, (person, secret): (&str, &str), choice: &str) {
    browser.does(json!({"choose": ["#person", person]})).await;
    let code = world.code(secret).await;
    browser.does(json!({"fill": ["#code", code]})).await;
    let radio = format!("input[name=choice][value={choice}]");
    browser.does(json!({ "tick": radio })).await;
    if choice == "approve" {
        browser.does(json!({"tick": "input[name=attest]"})).await;
        browser.does(json!({"fill": ["#version", "1.1.0"]})).await;
    }
    browser
        .does(json!({"fill": ["#comment", "Seen on a telephone"]}))
        .await;
    browser
        .presses("section[aria-labelledby=vote] button")
        .await;
}

/// What is seen on a telephone and on a desk, each within its window.
async fn shown(browser: &mut Browser, link: &str, name: &str) -> String {
    let mut text = String::new();
    for looks in [TELEPHONE, DESK] {
        browser.opens(looks).await;
        assert_eq!(browser.visits(link).await, 200);
        let name = format!("{name}-{}-{}", looks.width, looks.scheme);
        let seen = browser.looks(&name).await;
        assert!(seen.width <= seen.window, "{name} is {} wide", seen.width);
        text = seen.text;
    }
    assert_eq!(browser.audits(link).await, Vec::<String>::new(), "{name}");
    text
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn two_people_read_and_approve_in_a_browser_without_scripts() {
    let Some(mut browser) = Browser::start().await else {
        return;
    };
    let (world, id, link) = asked(600).await;
    let text = shown(&mut browser, &link, "waiting").await;
    for said in [
        "Waiting for approval",
        "Somebody is on call for two hours",
        "devops",
        "pm",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
    browser.opens(TELEPHONE).await;
    browser.visits(&link).await;
    vote(&mut browser, &world, ("ada", CODE), "approve").await;
    let seen = browser.looks("recorded").await.text;
    assert!(seen.contains("1 of 2"), "{seen}");
    assert!(seen.contains("waiting for pm"), "{seen}");

    browser.opens(DESK).await;
    browser.visits(&link).await;
    vote(&mut browser, &world, ("bob", BOB), "approve").await;
    world.ended(&id).await.is(Outcome::Promoted);
    let text = shown(&mut browser, &link, "approved").await;
    assert!(text.contains("✓ Approved"), "{text}");
    let forms = browser.does(json!({"count": "form"})).await;
    assert_eq!(forms["count"], 0, "nobody can vote any more");
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn whoever_is_wrong_is_told_so_and_a_reject_ends_it() {
    let Some(mut browser) = Browser::start().await else {
        return;
    };
    let (world, id, link) = asked(600).await;
    browser.opens(TELEPHONE).await;
    browser.visits(&link).await;
    browser.does(json!({"choose": ["#person", "ada"]})).await;
    browser.does(json!({"fill": ["#code", "000000"]})).await;
    browser
        .does(json!({"tick": "input[name=choice][value=reject]"}))
        .await;
    browser.does(json!({"fill": ["#comment", "no"]})).await;
    let status = browser
        .presses("section[aria-labelledby=vote] button")
        .await;
    let seen = browser.looks("wrong-code").await.text;
    assert_eq!(status, 403);
    assert!(seen.contains("This code is wrong"), "{seen}");

    vote(&mut browser, &world, ("ada", CODE), "reject").await;
    world.ended(&id).await.is(Outcome::Rejected);
    let text = shown(&mut browser, &link, "rejected").await;
    assert!(text.contains("✗ Rejected"), "{text}");
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn what_is_over_says_how_and_takes_no_vote() {
    let Some(mut browser) = Browser::start().await else {
        return;
    };
    let (world, id, link) = asked(20).await;
    // Opened in time, sent too late.
    browser.opens(DESK).await;
    browser.visits(&link).await;
    world.ended(&id).await.is(Outcome::Expired);
    vote(&mut browser, &world, ("ada", CODE), "approve").await;
    let seen = browser.looks("too-late").await.text;
    assert!(seen.contains("The request is expired"), "{seen}");
    let text = shown(&mut browser, &link, "expired").await;
    assert!(text.contains("Expired"), "{text}");
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_request_that_a_newer_release_made_needless_says_so() {
    let Some(mut browser) = Browser::start().await else {
        return;
    };
    let (world, id, link) = asked(600).await;
    let newer = world.healthy("1.2.0", &["api"]);
    world.upload(&newer).await;
    world.ended(&id).await.is(Outcome::Superseded);
    let text = shown(&mut browser, &link, "superseded").await;
    assert!(text.contains("Not open any more"), "{text}");
    let newest = world.promotion("prod", "1.2.0");
    world
        .vote(&newest, sluice_domain::approval::Choice::Reject, CODE)
        .await
        .expect("a vote");
    world.ended(&newest).await.is(Outcome::Rejected);
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn who_signs_in_sees_the_list_and_who_is_lost_is_told() {
    let Some(mut browser) = Browser::start().await else {
        return;
    };
    let (world, id, link) = asked(600).await;
    let home = format!("{}/", world.desk().trim_end_matches('/'));
    let text = shown(&mut browser, &home, "sign-in").await;
    assert!(text.contains("Sign in"), "{text}");
    let missing = format!("{home}r/nothing");
    browser.opens(TELEPHONE).await;
    assert_eq!(browser.visits(&missing).await, 404);
    browser.looks("not-found").await;
    assert_eq!(browser.audits(&missing).await, Vec::<String>::new());

    browser.visits(&home).await;
    let person = world.signs_in_as("ada");
    browser.does(json!({"fill": ["#person", person]})).await;
    let code = world.code(CODE).await;
    browser.does(json!({"fill": ["#code", code]})).await;
    assert_eq!(browser.presses("button").await, 200);
    let seen = browser.looks("list").await;
    assert!(seen.width <= seen.window, "{seen:?}");
    assert!(seen.text.contains(&world.application), "{}", seen.text);
    assert!(seen.text.contains("Waits for people"), "{}", seen.text);
    let request = link.rsplit('/').next().expect("a name");
    let here: Value = browser
        .does(json!({"count": format!("a[href$='{request}']")}))
        .await;
    assert_eq!(here["count"], 1);
    assert_eq!(browser.presses("button").await, 200);
    let seen = browser.looks("signed-out").await;
    assert!(!seen.text.contains(&world.application), "{}", seen.text);

    world
        .vote(&id, sluice_domain::approval::Choice::Reject, CODE)
        .await
        .expect("a vote");
    world.ended(&id).await.is(Outcome::Rejected);
}
