//! Signing in, and what it shows.

use super::*;

/// A request to this path, with this cookie, if any.
fn at_path(method: &str, path: &str, cookie: Option<&str>) -> Value {
    let mut event: Value = serde_json::from_str(VOTE).expect("json");
    event["requestContext"]["http"]["method"] = json!(method);
    event["rawPath"] = json!(path);
    event["body"] = Value::Null;
    event["cookies"] = json!(cookie.into_iter().collect::<Vec<_>>());
    event
}

fn visit(desk: &Desk<World>, event: Value, second: i64) -> Answered {
    run(
        desk,
        serde_json::from_value(event).expect("the event"),
        second,
    )
}

fn sign_in(desk: &Desk<World>, fields: &str, second: i64) -> Answered {
    let mut event = at_path("POST", "/sign-in", None);
    form(fields)(&mut event);
    visit(desk, event, second)
}

/// The cookie of somebody who signs in with the code of this second.
fn signed_in(desk: &Desk<World>, second: i64) -> String {
    let fields = format!("person=ada&code={}", code(ADA, second));
    let answer = sign_in(desk, &fields, second);
    assert_eq!(answer.status, 303, "{}", answer.body);
    let cookie = answer.cookies[0].split(';').next();
    cookie.expect("a cookie").to_owned()
}

fn asked_about(id: &str) -> Asks {
    Asks {
        id: id.to_owned(),
        about: "the start".to_owned(),
    }
}

#[test]
fn who_signs_in_sees_how_all_releases_stand_and_where_people_are_asked() {
    let mut desk = desk();
    let standing = |outcome, asks: Option<&str>| Promoted {
        promotion: promotion(outcome),
        asks: asks.into_iter().map(asked_about).collect(),
    };
    desk.ports.standing = vec![Standing {
        application: "storefront".to_owned(),
        promotions: vec![
            standing(None, Some(ID)),
            standing(Some(Outcome::RolledBack), None),
        ],
    }];
    let cookie = signed_in(&desk, 60);
    let page = visit(&desk, at_path("GET", "/", Some(&cookie)), 61);
    assert_eq!(page.status, 200);
    assert!(
        page.body.contains(&format!("href=\"r/{ID}\"")),
        "{}",
        page.body
    );
    assert!(page.body.contains("RolledBack"));
    assert!(
        !page.body.contains("<b>failed"),
        "what others wrote is escaped"
    );
    assert!(page.body.contains("signed in until 10:31 UTC"));
}

#[test]
fn nobody_sees_a_list_who_has_not_signed_in_or_whose_time_is_over() {
    let mut desk = desk();
    desk.ports.standing = vec![Standing {
        application: "storefront".to_owned(),
        promotions: Vec::new(),
    }];
    let cookie = signed_in(&desk, 60);
    let stale = visit(&desk, at_path("GET", "/", Some(&cookie)), 60 + 1_800);
    let none = visit(&desk, at_path("GET", "/", None), 61);
    let guessed = visit(
        &desk,
        at_path("GET", "/", Some("__Host-sluice=token-9")),
        61,
    );
    for page in [stale, none, guessed] {
        assert_eq!(page.status, 200);
        assert!(page.body.contains("Sign in") && !page.body.contains("storefront"));
    }
}

#[test]
fn the_cookie_is_for_this_host_alone_and_for_no_script() {
    let desk = desk();
    let fields = format!("person=ada&code={}", code(ADA, 60));
    let answer = sign_in(&desk, &fields, 60);
    let cookie = &answer.cookies[0];
    assert_eq!(
        cookie,
        "__Host-sluice=token-0; Path=/; Max-Age=1800; Secure; HttpOnly; SameSite=Strict"
    );
    assert_eq!(answer.header(header::LOCATION), "./");
}

#[test]
fn a_wrong_code_a_used_one_and_an_unknown_name_are_told_the_same() {
    let desk = desk();
    let right = format!("person=ada&code={}", code(ADA, 60));
    assert_eq!(sign_in(&desk, &right, 60).status, 303);
    for fields in [
        right.as_str(),
        "person=ada&code=000000",
        "person=nobody&code=000000",
        "person=../ada&code=000000",
    ] {
        let answer = sign_in(&desk, fields, 61);
        assert_eq!(answer.status, 403, "{fields}");
        assert!(
            answer.body.contains("This name or code is wrong"),
            "{}",
            answer.body
        );
        assert!(answer.cookies.is_empty());
    }
}

#[test]
fn codes_can_not_be_guessed_and_a_code_that_signed_in_does_not_vote() {
    let desk = desk();
    for _ in 0..5 {
        assert_eq!(sign_in(&desk, "person=ada&code=000000", 60).status, 403);
    }
    let right = format!("person=ada&code={}", code(ADA, 60));
    assert_eq!(sign_in(&desk, &right, 60).status, 429);
    assert!(desk.ports.sessions.borrow().is_empty());

    let fields = format!("person=bob&code={}", code(BOB, 60));
    assert_eq!(sign_in(&desk, &fields, 60).status, 303);
    let vote = program(&desk, &vote("bob", "approve", 60));
    assert_eq!(vote.status, 403, "{}", vote.body);
}

#[test]
fn another_site_signs_nobody_in_or_out() {
    let desk = desk();
    let cookie = signed_in(&desk, 60);
    let mut event = at_path("POST", "/sign-out", Some(&cookie));
    event["headers"]["sec-fetch-site"] = json!("cross-site");
    assert_eq!(visit(&desk, event, 61).status, 403);
    assert_eq!(desk.ports.sessions.borrow().len(), 1);
    let mut event = at_path("POST", "/sign-in", None);
    event["headers"]["sec-fetch-site"] = json!("same-site");
    form(&format!("person=bob&code={}", code(BOB, 60)))(&mut event);
    assert_eq!(visit(&desk, event, 61).status, 403);
    for path in ["/sign-in", "/sign-out"] {
        let answer = visit(&desk, at_path("GET", path, Some(&cookie)), 61);
        assert_eq!((answer.status, answer.header(header::ALLOW)), (405, "POST"));
    }
}

#[test]
fn whoever_signs_out_is_out() {
    let desk = desk();
    let cookie = signed_in(&desk, 60);
    let out = visit(&desk, at_path("POST", "/sign-out", Some(&cookie)), 61);
    assert_eq!(out.status, 303);
    assert!(out.cookies[0].starts_with("__Host-sluice=; Path=/; Max-Age=0;"));
    assert!(desk.ports.sessions.borrow().is_empty());
}
