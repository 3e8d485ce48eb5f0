//! Attacks on the page.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use sluice_domain::approval::Choice;
use sluice_domain::promotion::Outcome;

use super::*;

/// Another secret than Ada's.
const BOB: &str = "MFRGGZDFMZTWQ2LKNNWG23TPOBYXE43U";

fn vote<'a>(person: &'a str, code: &'a str, choice: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("person", person),
        ("code", code),
        ("choice", choice),
        ("comment", "as I said"),
    ]
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn no_method_but_post_changes_anything_on_any_route() {
    let asked = Asked::of_ada().await;
    let before = asked.standing().await;
    let mut table = Table::default();
    let code = asked.world.code(CODE).await;
    let form = vote("ada", &code, "approve");
    let request = format!("r/{}", asked.request);
    let with_form = {
        let mut query = form_urlencoded::Serializer::new(String::new());
        format!("{request}?{}", query.extend_pairs(&form).finish())
    };
    let done = format!("{request}?done");
    let routes = [
        "",
        "style.css",
        "sign-in",
        "sign-out",
        "slack",
        "nothing",
        &request,
        &done,
        &with_form,
    ];
    for route in routes {
        for method in ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH"] {
            let url = format!("{}/{route}", asked.root());
            let sent = Sent {
                method,
                ..Sent::form(&url, &form)
            };
            let got = sent.send().await;
            let is_changed = asked.standing().await != before;
            let short = route.split(['?', '/']).next().unwrap_or_default();
            table.row(
                format!("{method} /{short}"),
                got.status.to_string(),
                is_changed,
            );
        }
    }
    table.is_refused_throughout();
    asked
        .world
        .vote(&asked.id, Choice::Reject, CODE)
        .await
        .expect("a vote");
    asked.world.ended(&asked.id).await.is(Outcome::Rejected);
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn strangers_scanners_and_other_sites_cast_no_vote() {
    let world = World::new().await;
    let ada = world.approver("ada", CODE).await;
    let asked = Asked::new(vec![ada.clone()], world).await;
    // Another release that the same person, with the same codes, is asked about.
    let other = Asked::new(vec![ada], World::new().await).await;
    let (before, before_other) = (asked.standing().await, other.standing().await);
    let link = asked.link();
    let right = asked.world.code(CODE).await;
    let page = Sent {
        method: "GET",
        ..Sent::form(&link, &[])
    }
    .send()
    .await
    .body;
    let shown = page
        .split("name=\"shown\" value=\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next());
    let shown = shown.expect("what the page showed").to_owned();
    let long = "x".repeat(200 * 1024);
    let form = |fields: &[(&str, &str)]| Sent::form(&link, fields);
    let scanner = |choice: &str| {
        form(&[
            ("shown", &shown),
            ("person", "ada"),
            ("code", ""),
            ("choice", choice),
            ("comment", ""),
        ])
    };
    let right_vote = vote("ada", &right, "approve");
    let own_origin = form(&right_vote).with("sec-fetch-site", "none");
    let attacks = vec![
        ("a scanner sends the form: approve", scanner("approve")),
        ("a scanner sends the form: reject", scanner("reject")),
        ("a scanner sends the form: withdraw", scanner("withdraw")),
        (
            "a forged vote, with a code that is guessed",
            form(&vote("ada", "000000", "approve")),
        ),
        (
            "a right code from another site",
            form(&right_vote).with("sec-fetch-site", "cross-site"),
        ),
        (
            "a right code from a sibling of the site",
            form(&right_vote).with("sec-fetch-site", "same-site"),
        ),
        ("a right code, typed into an address bar", own_origin),
        (
            "a person that nobody is",
            form(&vote("mallory", &right, "approve")),
        ),
        ("no person", form(&vote("", &right, "approve"))),
        (
            "two people at once",
            form(
                &[
                    vote("ada", &right, "approve"),
                    vote("bob", &right, "approve"),
                ]
                .concat(),
            ),
        ),
        (
            "a choice that there is not",
            form(&vote("ada", &right, "approve-all")),
        ),
        (
            "JSON in place of a form",
            form(&right_vote).with("content-type", "application/json"),
        ),
        ("a body of 200 KiB", form(&[("comment", &long)])),
        (
            "a link with one letter more",
            Sent {
                url: format!("{link}a"),
                ..form(&right_vote)
            },
        ),
        (
            "the request of another application",
            Sent {
                url: format!("{}/r/{}", asked.root(), "a".repeat(32)),
                ..form(&right_vote)
            },
        ),
    ];
    let mut table = Table::default();
    for (attack, sent) in attacks {
        let got = sent.send().await;
        let is_changed = asked.standing().await != before;
        table.row(
            attack,
            got.status.to_string(),
            is_changed || got.status < 400,
        );
    }

    // The same code does one thing, wherever it is sent.
    let voted = form(&right_vote).send().await;
    assert_eq!(voted.status, 303, "{}", voted.body);
    let elsewhere = Sent::form(&other.link(), &right_vote).send().await;
    let is_changed = other.standing().await != before_other;
    table.row(
        "a code that voted, on another release",
        elsewhere.status.to_string(),
        is_changed,
    );
    let fresh = asked.world.code(CODE).await;
    let mut of_another = vote("ada", &fresh, "approve");
    of_another.push(("shown", &shown));
    let not_shown = Sent::form(&other.link(), &of_another).send().await;
    let is_changed = other.standing().await != before_other;
    table.row(
        "what another release's page showed",
        not_shown.status.to_string(),
        is_changed,
    );
    let again = form(&right_vote).send().await;
    table.row(
        "a vote that is sent again",
        again.status.to_string(),
        again.status < 400,
    );
    table.is_refused_throughout();
    let ended = asked.world.ended(&asked.id).await;
    ended.is(Outcome::Promoted);
    assert_eq!(ended.count(Kind::VoteCast), 1);
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn codes_are_not_guessed_and_authors_are_known_by_any_address() {
    let mut table = Table::default();
    let asked = Asked::of_ada().await;
    let before = asked.standing().await;
    for guess in ["000000", "111111", "222222", "333333", "444444"] {
        let got = Sent::form(&asked.link(), &vote("ada", guess, "approve"))
            .send()
            .await;
        table.row(
            format!("the code {guess}"),
            got.status.to_string(),
            got.status != 403,
        );
    }
    let right = asked.world.code(CODE).await;
    let got = Sent::form(&asked.link(), &vote("ada", &right, "approve"))
        .send()
        .await;
    let is_changed = asked.standing().await != before;
    table.row(
        "the right code after five wrong ones",
        got.status.to_string(),
        is_changed,
    );

    // Grace writes every build here; Ada is beside her, so that somebody could approve.
    let world = World::new().await;
    let mut people = vec![world.approver("ada", CODE).await];
    for (name, email, aliases) in [
        ("grace", "grace@example.com", json!([])),
        (
            "grace-home",
            "home@example.com",
            json!(["GRACE+work@Example.com"]),
        ),
    ] {
        let mut person = world.approver(name, BOB).await;
        person["email"] = json!(email);
        person["aliases"] = aliases;
        people.push(person);
    }
    // One person stands once in settings: each spelling has its turn. Grace wrote all of it;
    // the last wrote with her, as the trailer of her commit says.
    let with = json!({"co_authors": [{"name": "Heidi", "email": "Heidi+x@example.com"}]});
    let mut heidi = world.approver("heidi", BOB).await;
    heidi["email"] = json!("heidi@example.com");
    people.push(heidi);
    for author in [1, 2, 3] {
        let world = World::new().await;
        let mut own = vec![people[0].clone(), people[author].clone()];
        for person in &mut own {
            let name = person["name"].as_str().expect("a name").to_owned();
            let secret = if name == "ada" { CODE } else { BOB };
            person["totp_parameter"] =
                world.approver(&name, secret).await["totp_parameter"].clone();
        }
        let name = own[1]["name"].as_str().expect("a name").to_owned();
        let asked = Asked::with(own, world, with.clone()).await;
        let before = asked.standing().await;
        let code = asked.world.code(BOB).await;
        let got = Sent::form(&asked.link(), &vote(&name, &code, "approve"))
            .send()
            .await;
        let is_changed = asked.standing().await != before;
        table.row(
            format!("the author approves as {name}"),
            got.status.to_string(),
            is_changed,
        );
    }
    table.is_refused_throughout();
}

/// The headers of every answer, whatever it is.
const HEADERS: [&str; 9] = [
    "content-security-policy",
    "x-content-type-options",
    "cache-control",
    "referrer-policy",
    "strict-transport-security",
    "cross-origin-opener-policy",
    "cross-origin-resource-policy",
    "x-robots-tag",
    "x-frame-options",
];

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn every_status_has_the_same_protective_headers_and_no_markup_of_others() {
    let asked = Asked::of_ada().await;
    let link = asked.link();
    let root = asked.root().to_owned();
    let get = |url: &str| Sent {
        method: "GET",
        ..Sent::form(url, &[])
    };
    let probes = [
        ("the page", get(&link)),
        ("the list", get(&format!("{root}/"))),
        ("the style", get(&format!("{root}/style.css"))),
        ("nothing", get(&format!("{root}/nothing"))),
        (
            "a wrong method",
            Sent {
                method: "DELETE",
                ..get(&link)
            },
        ),
        (
            "a wrong code",
            Sent::form(&link, &vote("ada", "000000", "approve")),
        ),
        (
            "another site",
            Sent::form(&link, &[]).with("sec-fetch-site", "cross-site"),
        ),
        (
            "no form",
            Sent::form(&link, &[]).with("content-type", "text/plain"),
        ),
        ("an empty form", Sent::form(&link, &[])),
        (
            "a long form",
            Sent::form(&link, &[("comment", &"x".repeat(9 * 1024))]),
        ),
        ("Slack's door", Sent::form(&format!("{root}/slack"), &[])),
        ("signing out", Sent::form(&format!("{root}/sign-out"), &[])),
    ];
    let mut statuses = BTreeSet::new();
    let mut policies = BTreeSet::new();
    for (what, probe) in probes {
        let got = probe.send().await;
        let names: BTreeSet<&str> = got.headers.iter().map(|(name, _)| name.as_str()).collect();
        for header in HEADERS {
            assert!(
                names.contains(header),
                "{what} ({}) lacks {header}",
                got.status
            );
        }
        assert!(!got.body.contains("<script"), "{what}");
        let of_policy = got.headers.iter().filter(|(name, _)| name == HEADERS[0]);
        policies.extend(of_policy.map(|(_, value)| value.clone()));
        statuses.insert(got.status);
    }
    assert_eq!(policies.len(), 1, "{policies:?}");
    let expected = [200, 303, 403, 404, 405, 413, 415, 422];
    assert!(
        expected.iter().all(|status| statuses.contains(status)),
        "{statuses:?}"
    );
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn who_sends_slowly_keeps_nobody_else_from_voting() {
    let asked = Asked::of_ada().await;
    let url = asked.link();
    let (_, rest) = url.split_once("://").expect("an address");
    let (host, path) = rest.split_once('/').expect("a path");
    let mut slow = Vec::new();
    for _ in 0..20 {
        let mut stream = TcpStream::connect(host).expect("a connection");
        let head = format!("POST /{path} HTTP/1.1\r\nhost: {host}\r\ncontent-length: 5000\r\n");
        stream.write_all(head.as_bytes()).expect("it is heard");
        stream
            .set_read_timeout(Some(Duration::from_millis(10)))
            .expect("a limit");
        slow.push(stream);
    }
    asked
        .world
        .vote(&asked.id, Choice::Approve, CODE)
        .await
        .expect("a vote");
    asked.world.ended(&asked.id).await.is(Outcome::Promoted);
    for stream in &mut slow {
        let mut nothing = [0; 1];
        assert!(
            !matches!(stream.read(&mut nothing), Ok(1..)),
            "nobody answers half a request"
        );
    }
}
