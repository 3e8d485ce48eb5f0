//! What a POST does, and what it must not.

use sluice_domain::approval::Method as How;

use super::*;

/// Ada's vote, with the code of the second at which programs ask here.
#[test]
fn a_vote_with_the_right_code_is_stored_recorded_counted_and_leads_back_to_the_page() {
    let desk = desk();
    let answer = run(&desk, event(VOTE, as_sent), 60);
    assert_eq!(
        (answer.status, answer.header(header::LOCATION)),
        (303, format!("{ID}?done").as_str())
    );
    let votes = desk.ports.votes.borrow();
    assert_eq!(
        (
            votes[0].person.as_str(),
            votes[0].choice,
            votes[0].comment.as_str()
        ),
        ("ada", Choice::Approve, "Looks good")
    );
    assert_eq!((votes[0].method, votes[0].at), (How::Totp, at(60)));
    assert_eq!(votes[0].from.as_deref(), Some("192.0.2.0/24"));
    assert_eq!(*desk.ports.recorded.borrow(), *votes);
    let code = code(ADA, 60);
    assert!(!format!("{votes:?}").contains(&code), "it is kept nowhere");
}

#[test]
fn a_program_gets_json() {
    let desk = desk();
    let first = run(&desk, event(PROGRAM, as_sent), 60);
    assert_eq!(
        (first.status, first.header(header::CONTENT_TYPE)),
        (200, "application/json")
    );
    let expected = json!({"recorded": true, "state": "pending", "message": "Your vote is recorded. The request is still open."});
    assert_eq!(first.json(), expected);
    let second = program(&desk, &bob());
    assert_eq!(second.json()["state"], json!("approved"));
}

#[test]
fn a_vote_from_another_site_is_refused_before_anything_is_looked_up() {
    let desk = desk();
    let answer = run(&desk, event(OTHER_SITE, as_sent), 60);
    assert_eq!(answer.status, 403);
    assert!(answer.body.contains("came from another site"));
    assert!(desk.ports.tries.borrow().is_empty());
    let old_browser = |event: &mut Value| event["headers"]["sec-fetch-site"] = Value::Null;
    let mut sent: Value = serde_json::from_str(OTHER_SITE).expect("json");
    old_browser(&mut sent);
    sent["headers"]
        .as_object_mut()
        .expect("object")
        .remove("sec-fetch-site");
    assert_eq!(
        run(&desk, serde_json::from_value(sent).expect("event"), 60).status,
        403,
        "by its Origin"
    );
}

#[test]
fn an_old_browser_that_names_the_right_origin_may_vote() {
    let mut sent: Value = serde_json::from_str(VOTE).expect("json");
    sent["headers"]
        .as_object_mut()
        .expect("object")
        .remove("sec-fetch-site");
    assert_eq!(
        run(&desk(), serde_json::from_value(sent).expect("event"), 60).status,
        303
    );
}

#[test]
fn nobody_approves_what_can_not_be_shown_but_anybody_may_reject_it() {
    let desk = desk();
    desk.ports.subject.borrow_mut().manifest = None;
    let answer = program(&desk, &approve());
    assert_eq!(answer.status, 409);
    assert!(answer.body.contains("can't be read"), "{}", answer.body);
    assert!(desk.ports.votes.borrow().is_empty());
    let reject = program(&desk, &vote("ada", "reject", 60));
    assert_eq!(reject.status, 200, "{}", reject.body);
}

#[test]
fn a_vote_taken_back_that_the_ledger_did_not_take_is_recorded_by_the_next_try() {
    let desk = desk();
    program(&desk, &approve());
    desk.ports.ledger_fails.set(true);
    let withdraw = vote("ada", "withdraw", 90);
    let send = || run(&desk, event(PROGRAM, form(&withdraw)), 90);
    assert_eq!(send().status, 500);
    assert!(desk.ports.withdrawn.borrow().is_empty());
    desk.ports.ledger_fails.set(false);
    assert_eq!(send().status, 200);
    assert_eq!(desk.ports.withdrawn.borrow()[0].withdrawn_at, Some(at(90)));
}

#[test]
fn people_whom_the_policy_does_not_name_are_refused() {
    let answer = program(&desk(), "person=mallory&code=x&choice=reject&comment=no");
    assert_eq!(answer.status, 403);
    assert!(
        answer.body.contains("`mallory` is not among the approvers"),
        "{}",
        answer.body
    );
}

#[test]
fn authors_may_reject_their_change_but_not_approve_it() {
    let desk = desk();
    let refused = program(&desk, &vote("eve", "approve", 60));
    assert_eq!(refused.status, 403);
    assert!(
        refused.body.contains("is an author of this change"),
        "{}",
        refused.body
    );
    assert_eq!(
        desk.ports.tries.borrow().len(),
        0,
        "refused before any code is looked at"
    );
    let rejected = program(&desk, &vote("eve", "reject", 60));
    assert_eq!(
        (rejected.status, rejected.json()["state"].clone()),
        (200, json!("rejected"))
    );
}

#[test]
fn the_same_vote_again_finishes_what_an_earlier_try_left() {
    let desk = desk();
    desk.ports.tally_fails.set(true);
    let first = program(&desk, &approve());
    assert_eq!(
        (first.status, first.json()["recorded"].clone()),
        (202, json!(true))
    );
    assert!(first.body.contains("Send it once more"), "{}", first.body);
    desk.ports.tally_fails.set(false);
    assert_eq!(program(&desk, &approve()).status, 200);
    assert_eq!(desk.ports.votes.borrow().len(), 1);
}

#[test]
fn a_vote_that_the_ledger_did_not_take_is_a_failure_and_can_be_sent_again() {
    let desk = desk();
    desk.ports.ledger_fails.set(true);
    let failed = run(&desk, event(VOTE, as_sent), 60);
    assert_eq!(failed.status, 500);
    assert!(failed.body.contains("send it again") && !failed.body.contains("out of reach"));
    desk.ports.ledger_fails.set(false);
    assert_eq!(run(&desk, event(VOTE, as_sent), 61).status, 303);
    assert_eq!(
        desk.ports.recorded.borrow()[0].at,
        at(60),
        "the vote that is stored is the one recorded"
    );
}

#[test]
fn a_second_thought_does_not_change_the_vote() {
    let desk = desk();
    program(&desk, &approve());
    let at_90 = event(PROGRAM, form(&vote("ada", "reject", 90)));
    let answer = run(&desk, at_90, 90);
    assert_eq!(answer.status, 409);
    assert!(
        answer.body.contains("You have approved this already"),
        "{}",
        answer.body
    );
    assert_eq!(desk.ports.votes.borrow()[0].choice, Choice::Approve);
}

#[test]
fn a_request_that_is_over_takes_no_votes() {
    for (state, words) in [
        (State::Approved, "approved"),
        (State::Rejected, "rejected"),
        (State::Superseded, "superseded"),
    ] {
        let desk = desk();
        desk.ports.state.set(state);
        let answer = program(&desk, &approve());
        assert_eq!(answer.status, 409);
        assert!(answer.body.contains(words), "{}", answer.body);
        assert!(desk.ports.tries.borrow().is_empty());
    }
    let late = run(&desk(), event(PROGRAM, as_sent), 86_400);
    assert_eq!(
        (late.status, late.json()["state"].clone()),
        (409, json!("expired"))
    );
}

#[test]
fn a_vote_on_a_promotion_that_has_ended_is_refused_and_has_its_request_closed() {
    let desk = desk_at_a_step();
    desk.ports.ended.set(true);
    let answer = program(&desk, &approve());
    assert_eq!(
        (answer.status, answer.json()["state"].clone()),
        (409, json!("superseded"))
    );
    assert!(desk.ports.votes.borrow().is_empty());
    assert_eq!(desk.ports.tallies.get(), 1);
}

#[test]
fn a_vote_on_a_decided_request_costs_nothing_whoever_sends_it() {
    let desk = desk();
    desk.ports.state.set(State::Approved);
    let answer = program(&desk, &approve());
    assert_eq!(
        (answer.status, answer.json()["state"].clone()),
        (409, json!("approved"))
    );
    assert_eq!(desk.ports.tallies.get(), 0);
}

#[test]
fn votes_in_time_that_nobody_counted_decide_a_request_that_looks_expired() {
    let desk = desk();
    desk.ports.tally_fails.set(true);
    program(&desk, &approve());
    program(&desk, &bob());
    desk.ports.tally_fails.set(false);
    let late = run(&desk, event(PROGRAM, form(&approve())), 86_400);
    assert_eq!(
        (late.status, late.json()["state"].clone()),
        (409, json!("approved"))
    );
}

#[test]
fn a_second_thought_has_the_first_one_counted_if_that_failed_before() {
    let desk = desk();
    program(&desk, &bob());
    desk.ports.tally_fails.set(true);
    assert_eq!(program(&desk, &approve()).status, 202);
    desk.ports.tally_fails.set(false);
    let at_90 = event(PROGRAM, form(&vote("ada", "reject", 90)));
    let answer = run(&desk, at_90, 90);
    assert_eq!(
        (answer.status, answer.json()["state"].clone()),
        (409, json!("approved"))
    );
}

#[test]
fn a_request_decided_at_the_last_moment_takes_no_vote() {
    let desk = desk();
    desk.ports.overtaken.set(true);
    let answer = program(&desk, &approve());
    assert_eq!(
        (answer.status, answer.json()["state"].clone()),
        (409, json!("superseded"))
    );
    assert!(desk.ports.recorded.borrow().is_empty());
}

#[test]
fn a_vote_on_an_unknown_request_is_not_found() {
    let elsewhere = |event: &mut Value| event["rawPath"] = json!(format!("/r/{}", "a".repeat(32)));
    let answer = run(&desk(), event(PROGRAM, elsewhere), 60);
    assert_eq!(
        (answer.status, answer.json()["state"].clone()),
        (404, Value::Null)
    );
}

#[test]
fn forms_that_are_incomplete_or_doubled_are_refused_by_field() {
    for (fields, names) in [
        ("code=x&choice=approve", "`person` is missing"),
        ("person=ada&choice=approve", "`code` is missing"),
        ("person=ada&code=x", "`choice` is missing"),
        (
            "person=ada&code=x&choice=maybe",
            "none of `approve`, `reject` and `withdraw`",
        ),
        (
            "person=ada&code=x&choice=reject",
            "`comment` is missing; say why you reject it",
        ),
        (
            "person=ada&code=x&choice=approve&shown=yes",
            "`shown` is not what the page has there",
        ),
        (
            "person=ada&person=bob&code=x&choice=approve",
            "`person` was sent twice",
        ),
        (
            &format!(
                "person=ada&code=x&choice=approve&comment={}",
                "c".repeat(1001)
            ),
            "longer than 1000",
        ),
    ] {
        let answer = program(&desk(), fields);
        assert_eq!(answer.status, 422, "{fields}");
        assert!(answer.body.contains(names), "{names} in {}", answer.body);
    }
}

#[test]
fn bodies_that_are_too_long_garbled_or_no_form_are_refused() {
    let long = "x".repeat(8 * 1024 + 1);
    assert_eq!(program(&desk(), &long).status, 413);
    let garbled = |event: &mut Value| event["body"] = json!("%%%");
    assert_eq!(run(&desk(), event(PROGRAM, garbled), 0).status, 400);
    let other = |event: &mut Value| event["headers"]["content-type"] = json!("application/json");
    assert_eq!(run(&desk(), event(PROGRAM, other), 0).status, 415);
}

#[test]
fn a_vote_is_taken_back_until_it_is_decided_and_another_takes_its_place() {
    let desk = desk();
    let none = program(&desk, &vote("ada", "withdraw", 60));
    assert_eq!(none.status, 409);
    assert!(
        none.body.contains("no vote of yours to take back"),
        "{}",
        none.body
    );
    assert_eq!(
        program(&desk, &approve()).status,
        403,
        "that code told of a vote that is not there"
    );
    let next_code = event(PROGRAM, form(&vote("ada", "approve", 90)));
    assert_eq!(run(&desk, next_code, 75).status, 200);
    let taken_at = event(PROGRAM, form(&vote("ada", "withdraw", 120)));
    let taken = run(&desk, taken_at, 120);
    assert_eq!(
        taken.json()["message"],
        "Your vote is taken back. The request is still open."
    );
    assert_eq!(desk.ports.withdrawn.borrow()[0].withdrawn_at, Some(at(120)));
    assert_eq!(program(&desk, &bob()).json()["state"], "pending");
    let again = event(PROGRAM, form(&vote("ada", "approve", 150)));
    assert_eq!(run(&desk, again, 150).json()["state"], "approved");
    let late = event(PROGRAM, form(&vote("ada", "withdraw", 180)));
    assert_eq!(run(&desk, late, 180).status, 409);
}

#[test]
fn who_approves_ticks_what_is_asked_and_types_the_version_where_that_is_asked() {
    let mut desk = desk();
    let items = json!([{"name": "on-call", "text": "Somebody is on call"}]);
    desk.ports.request.policy.checklist = serde_json::from_value(items).expect("a checklist");
    desk.ports.request.policy.type_version = true;
    let missing = program(&desk, &approve());
    assert_eq!(missing.status, 403);
    assert!(
        missing.body.contains("not ticked: on-call"),
        "{}",
        missing.body
    );
    let ticked = format!("{}&attest=on-call", approve());
    let untyped = program(&desk, &ticked);
    assert!(
        untyped.body.contains("is not 1.1.0: type it"),
        "{}",
        untyped.body
    );
    assert!(
        desk.ports.tries.borrow().is_empty(),
        "refused before any code is looked at"
    );
    let typed = program(&desk, &format!("{ticked}&version=1.1.0"));
    assert_eq!(typed.status, 200, "{}", typed.body);
    assert_eq!(desk.ports.votes.borrow()[0].attested, ["on-call"]);
}

#[test]
fn a_vote_says_what_the_page_showed_and_counts_for_nothing_else() {
    let desk = desk();
    let page = run(&desk, event(SHOW, as_sent), 60).body;
    let shown = page
        .split("name=\"shown\" value=\"")
        .nth(1)
        .expect("the digest");
    let shown = shown.split('"').next().expect("the digest");
    let fields = format!("{}&shown={shown}", approve());
    let changed = format!("{}&shown={}", approve(), Digest::of(b"something else"));
    let refused = program(&desk, &changed);
    assert_eq!(refused.status, 409);
    assert!(
        refused.body.contains("is not what the page showed"),
        "{}",
        refused.body
    );
    assert_eq!(program(&desk, &fields).status, 200);
    let votes = desk.ports.votes.borrow();
    assert_eq!(
        votes[0].shown.as_ref().map(Digest::to_string).as_deref(),
        Some(shown)
    );
}
