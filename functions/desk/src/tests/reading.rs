//! What GET and HEAD show.

use super::*;

#[test]
fn the_page_shows_what_would_be_released_and_who_decides() {
    let page = run(&desk(), event(SHOW, as_sent), 0);
    assert_eq!(page.status, 200);
    for part in [
        "<bdi>storefront</bdi> <bdi>1.1.0</bdi>",
        "Waiting for approval",
        "2026-11-22 10:00:00 UTC",
        "24 h 0 min left",
        "0 of 2 approvals",
        &format!("version 7 ({})", Digest::of(b"old checkout").short()),
        &format!("new version ({})", Digest::of(b"new checkout").short()),
        "unchanged",
        "memory: 128 MB -&#62; 512 MB",
        "environment variable PRICES_TABLE: new",
        "needs secrets: payment-key",
        "stays as it is",
        "10 % of the traffic, watched for 10 min",
        "100 % of the traffic, not watched",
        Digest::of(b"bundle").short(),
        plan().hash().expect("hash").short(),
        "0123456789abcdef0123456789abcdef01234567",
        "href=\"https://git.example.com/storefront/pull/17\"",
        "junit: evidence/tests.xml",
        "an order goes through (checkout)",
        "may reject, not approve: `eve` is an author of this change",
        "href=\"../style.css\"",
    ] {
        assert!(page.body.contains(part), "{part} in {}", page.body);
    }
}

#[test]
fn the_page_says_what_codedeploy_shifts_of_what_changes() {
    let desk = desk();
    let group = |name: &str| json!({"application": "shop", "deployment_group": name});
    let codedeploy = json!({"functions": {"checkout": group("checkout"), "cart": group("cart")}});
    desk.ports.subject.borrow_mut().plan.codedeploy =
        serde_json::from_value(codedeploy).expect("valid");
    let page = run(&desk, event(SHOW, as_sent), 0);
    let told = "CodeDeploy shifts checkout through shop/checkout";
    assert!(page.body.contains(told), "{}", page.body);
    assert!(!page.body.contains("shop/cart"), "{}", page.body);
}

#[test]
fn the_page_says_that_it_is_a_rollback() {
    let desk = desk();
    let page = run(&desk, event(SHOW, as_sent), 0);
    assert!(!page.body.contains("This is a rollback"), "{}", page.body);
    desk.ports.subject.borrow_mut().plan.goes_back = true;
    let page = run(&desk, event(SHOW, as_sent), 0);
    assert!(page.body.contains("This is a rollback"), "{}", page.body);
}

#[test]
fn the_page_names_each_statement_that_asks_for_care() {
    let desk = desk();
    desk.ports.subject.borrow_mut().plan.migrations =
        serde_json::from_value(migrations()).expect("valid");
    let page = run(&desk, event(SHOW, as_sent), 0);
    for told in [
        "1 migration on db:5432/shop, statements of each class: 0 A, 0 B, 1 C",
        "C  4_drop.sql:1  DO: it can",
        "and 2 more",
        "nobody is lost: SELECT id FROM person",
    ] {
        assert!(page.body.contains(told), "{told}: {}", page.body);
    }
}

#[test]
fn the_page_says_which_test_suites_run() {
    let desk = desk();
    let suites = json!([{"name": "orders", "stage": "live", "function": "shop-tests"}]);
    desk.ports.subject.borrow_mut().plan.suites = serde_json::from_value(suites).expect("valid");
    let page = run(&desk, event(SHOW, as_sent), 0);
    let told = "suite orders, run by shop-tests with all traffic";
    assert!(page.body.contains(told), "{}", page.body);
}

#[test]
fn what_others_wrote_cannot_become_markup_or_reorder_the_page() {
    let page = run(&desk(), event(SHOW, as_sent), 0);
    assert!(!page.body.contains("<script") && !page.body.contains('\u{202e}'));
    assert!(page.body.contains("Mallory gpj.exe"));
    assert!(
        !page.body.contains("secret-value"),
        "values of variables are not shown"
    );
}

#[test]
fn what_is_not_there_is_said() {
    let desk = desk();
    let mut bare = manifest();
    for field in ["source", "smoke_tests", "evidence", "notes"] {
        bare.as_object_mut().expect("object").remove(field);
    }
    desk.ports.subject.borrow_mut().manifest = Some(parse(&bare));
    let page = run(&desk, event(SHOW, as_sent), 0);
    for part in [
        "no link given",
        "none given",
        "brings no test report",
        "nothing will be tried before traffic moves",
    ] {
        assert!(page.body.contains(part), "{part} in {}", page.body);
    }
}

#[test]
fn get_and_head_change_nothing_and_head_has_no_body() {
    let desk = desk();
    run(&desk, event(SHOW, as_sent), 0);
    let head = run(
        &desk,
        event(SHOW, |event| {
            event["requestContext"]["http"]["method"] = json!("HEAD")
        }),
        0,
    );
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert!(desk.ports.votes.borrow().is_empty() && desk.ports.recorded.borrow().is_empty());
    assert_eq!(
        (desk.ports.tries.borrow().len(), desk.ports.state.get()),
        (0, State::Pending)
    );
}

#[test]
fn every_answer_has_the_same_protective_headers() {
    let path = |path: &'static str| move |event: &mut Value| event["rawPath"] = json!(path);
    let delete = |event: &mut Value| event["requestContext"]["http"]["method"] = json!("DELETE");
    let failing = desk();
    failing.ports.ledger_fails.set(true);
    let answers = [
        run(&desk(), event(SHOW, as_sent), 0),
        run(&desk(), event(NOT_FOUND, as_sent), 0),
        run(&desk(), event(SHOW, delete), 0),
        run(&desk(), event(SHOW, path("/")), 0),
        run(&desk(), event(SHOW, path("/style.css")), 0),
        run(&desk(), event(VOTE, as_sent), 60),
        run(&desk(), event(PROGRAM, as_sent), 60),
        run(&desk(), event(OTHER_SITE, as_sent), 60),
        run(&failing, event(VOTE, as_sent), 60),
    ];
    assert_eq!(
        answers.each_ref().map(|answer| answer.status),
        [200, 404, 405, 200, 200, 303, 200, 403, 500]
    );
    for answer in answers {
        let policy = answer.header(header::CONTENT_SECURITY_POLICY);
        assert!(
            policy.starts_with("default-src 'none'; style-src 'self'")
                && policy.contains("frame-ancestors 'none'")
        );
        assert_eq!(answer.header(header::X_CONTENT_TYPE_OPTIONS), "nosniff");
        assert_eq!(answer.header(header::CACHE_CONTROL), "no-store");
        assert_eq!(answer.header(header::REFERRER_POLICY), "same-origin");
        assert!(
            answer
                .header(header::STRICT_TRANSPORT_SECURITY)
                .contains("max-age")
        );
        assert_eq!(answer.headers["cross-origin-opener-policy"], "same-origin");
        assert_eq!(answer.headers["x-robots-tag"], "noindex, nofollow");
        assert!(answer.headers.contains_key(header::CONTENT_TYPE));
    }
}

#[test]
fn the_start_page_shows_no_data() {
    let page = run(
        &desk(),
        event(SHOW, |event| event["rawPath"] = json!("/")),
        0,
    );
    assert!(page.body.contains("Sign in") && page.body.contains("href=\"style.css\""));
    assert!(!page.body.contains("storefront"));
}

#[test]
fn an_unknown_link_looks_like_any_other_missing_page() {
    let unknown = run(
        &desk(),
        event(SHOW, |event| {
            event["rawPath"] = json!(format!("/r/{}", "a".repeat(32)))
        }),
        0,
    );
    let nonsense = run(
        &desk(),
        event(SHOW, |event| event["rawPath"] = json!("/r/../../etc")),
        0,
    );
    assert_eq!((unknown.status, nonsense.status), (404, 404));
    assert!(unknown.body.contains("Nothing stands under this address"));
}

#[test]
fn a_wrong_method_is_told_the_right_ones() {
    let answer = run(
        &desk(),
        event(SHOW, |event| {
            event["requestContext"]["http"]["method"] = json!("PUT")
        }),
        0,
    );
    assert_eq!(
        (answer.status, answer.header(header::ALLOW)),
        (405, "GET, HEAD, POST")
    );
}

#[test]
fn a_manifest_that_cannot_be_shown_takes_the_form_away() {
    let desk = desk();
    desk.ports.subject.borrow_mut().manifest = None;
    let page = run(&desk, event(SHOW, as_sent), 0);
    assert!(
        page.body.contains("release.json can&#39;t be read"),
        "{}",
        page.body
    );
    assert!(!page.body.contains("<form"));
}

#[test]
fn a_plan_that_is_not_the_one_asked_about_takes_the_form_away() {
    let desk = desk();
    desk.ports.subject.borrow_mut().plan.steps.clear();
    let page = run(&desk, event(SHOW, as_sent), 0);
    assert!(page.body.contains("not what people were asked about"));
    assert!(!page.body.contains("<form"));
}

#[test]
fn a_request_past_its_deadline_shows_as_expired_even_before_it_is_decided() {
    let page = run(&desk(), event(SHOW, as_sent), 86_400);
    assert!(page.body.contains("Expired: nobody decided in time") && !page.body.contains("<form"));
}

#[test]
fn the_page_says_which_step_is_asked_about_and_what_the_judge_said_of_it() {
    let page = run(&desk_at_a_step(), event(SHOW, as_sent), 60).body;
    for said in [
        "step 2 of 3, 50 % of the traffic",
        "checkout is &#60;b&#62;within&#60;/b&#62; the margin",
        "may go on from this step",
        "all traffic goes back",
    ] {
        assert!(page.contains(said), "{said}: {page}");
    }
    let page = run(&desk(), event(SHOW, as_sent), 60).body;
    assert!(!page.contains("step 2 of 3") && page.contains("may enter"));
}

#[test]
fn a_request_of_a_promotion_that_has_ended_is_closed_whether_or_not_anybody_closed_it() {
    let desk = desk_at_a_step();
    desk.ports.ended.set(true);
    let page = run(&desk, event(SHOW, as_sent), 60).body;
    assert!(page.contains("Not open any more"), "{page}");
    assert!(!page.contains("<form"));
    desk.ports.state.set(State::Approved);
    let page = run(&desk, event(SHOW, as_sent), 60).body;
    assert!(page.contains("Approved"), "what was decided stays: {page}");
}

#[test]
fn the_page_after_a_vote_says_what_is_still_missing() {
    let desk = desk();
    run(&desk, event(VOTE, as_sent), 60);
    let page = run(
        &desk,
        event(SHOW, |event| event["rawQueryString"] = json!("done")),
        61,
    );
    assert!(
        page.body
            .contains("role=\"status\">Recorded: 1 of 2 approvals so far."),
        "{}",
        page.body
    );
    assert!(
        page.body.contains("✓ approved, 2026-11-21 10:01:00 UTC")
            && page.body.contains("Looks good")
    );
    assert!(
        page.body.contains("ada (has voted: may take it back)"),
        "{}",
        page.body
    );
}

/// Writes the pages to `target/desk/`, to be looked at in a browser.
#[test]
fn the_pages_can_be_looked_at() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/desk");
    std::fs::create_dir_all(folder.join("r")).expect("folder");
    let write = |name: &str, answer: Answered| {
        assert!(!answer.body.is_empty());
        std::fs::write(folder.join(name), answer.body).expect("written");
    };
    let desk = desk();
    write(
        "style.css",
        run(
            &desk,
            event(SHOW, |event| event["rawPath"] = json!("/style.css")),
            0,
        ),
    );
    write(
        "index.html",
        run(&desk, event(SHOW, |event| event["rawPath"] = json!("/")), 0),
    );
    write("not-found.html", run(&desk, event(NOT_FOUND, as_sent), 0));
    write("r/open.html", run(&desk, event(SHOW, as_sent), 0));
    let wrong = "person=ada&code=000000&choice=approve";
    write("r/refused.html", run(&desk, event(VOTE, form(wrong)), 30));
    run(&desk, event(VOTE, as_sent), 60);
    write(
        "r/voted.html",
        run(
            &desk,
            event(SHOW, |event| event["rawQueryString"] = json!("done")),
            61,
        ),
    );
    run(&desk, event(VOTE, form(&vote("bob", "approve", 60))), 90);
    write("r/approved.html", run(&desk, event(SHOW, as_sent), 91));
}
