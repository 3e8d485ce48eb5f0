//! What a POST does, and what it must not.

use super::*;

const APPROVE: &str = "person=ada&code=correct+horse&choice=approve";

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
    assert_eq!((votes[0].method.as_str(), votes[0].at), ("code", at(60)));
    assert_eq!(*desk.ports.recorded.borrow(), *votes);
    assert!(
        !format!("{votes:?}").contains(CODE),
        "the code is kept nowhere"
    );
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
    let second = program(&desk, "person=bob&code=b&choice=approve");
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
fn a_wrong_code_is_refused_and_the_page_never_shows_it() {
    let desk = desk();
    let answer = run(
        &desk,
        event(VOTE, form("person=ada&code=hunter2&choice=approve")),
        60,
    );
    assert_eq!(answer.status, 403);
    assert!(
        answer
            .body
            .contains("This code is wrong. Tries left until 10:15 UTC: 4. Nothing was recorded."),
        "{}",
        answer.body
    );
    assert!(!answer.body.contains("hunter2"));
    assert!(desk.ports.votes.borrow().is_empty());
}

#[test]
fn after_five_wrong_codes_even_the_right_one_is_refused_for_a_while() {
    let desk = desk();
    for _ in 0..5 {
        assert_eq!(
            program(&desk, "person=ada&code=x&choice=approve").status,
            403
        );
    }
    let locked = run(&desk, event(PROGRAM, form(APPROVE)), 899);
    assert_eq!(
        (locked.status, locked.json()["recorded"].clone()),
        (429, json!(false))
    );
    assert!(
        locked.body.contains(
            "Too many codes were tried as ada on this request. Try again from 10:15 UTC on."
        ),
        "{}",
        locked.body
    );
    assert!(desk.ports.votes.borrow().is_empty());
    assert_eq!(
        run(&desk, event(PROGRAM, form(APPROVE)), 900).status,
        200,
        "tries come back with time"
    );
}

#[test]
fn wrong_codes_of_one_person_cost_another_nothing() {
    let desk = desk();
    for _ in 0..6 {
        program(&desk, "person=ada&code=x&choice=approve");
    }
    assert_eq!(
        program(&desk, "person=bob&code=b&choice=approve").status,
        200
    );
}

#[test]
fn the_fifth_code_may_still_be_the_right_one() {
    let desk = desk();
    for _ in 0..4 {
        program(&desk, "person=ada&code=x&choice=approve");
    }
    assert_eq!(program(&desk, APPROVE).status, 200);
}

#[test]
fn people_whom_the_policy_does_not_name_are_refused() {
    let answer = program(&desk(), "person=mallory&code=x&choice=reject");
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
    let refused = program(&desk, "person=eve&code=correct+horse&choice=approve");
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
    let rejected = program(
        &desk,
        "person=eve&code=correct+horse&choice=reject&comment=not+yet",
    );
    assert_eq!(
        (rejected.status, rejected.json()["state"].clone()),
        (200, json!("rejected"))
    );
}

#[test]
fn a_code_that_was_never_set_lets_nobody_in() {
    for kept in [None, Some(""), Some("  \n")] {
        let mut desk = desk();
        desk.ports.codes.clear();
        desk.ports
            .codes
            .extend(kept.map(|code| ("/codes/ada", code)));
        let answer = program(&desk, "person=ada&code=+&choice=approve");
        assert_eq!(answer.status, 422, "an empty code is not even compared");
        assert_eq!(
            program(&desk, "person=ada&code=x&choice=approve").status,
            403
        );
        assert!(desk.ports.votes.borrow().is_empty());
    }
}

#[test]
fn the_same_vote_again_finishes_what_an_earlier_try_left() {
    let desk = desk();
    desk.ports.tally_fails.set(true);
    let first = program(&desk, APPROVE);
    assert_eq!(
        (first.status, first.json()["recorded"].clone()),
        (202, json!(true))
    );
    assert!(first.body.contains("Send it once more"), "{}", first.body);
    desk.ports.tally_fails.set(false);
    assert_eq!(program(&desk, APPROVE).status, 200);
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
    program(&desk, APPROVE);
    let answer = program(&desk, "person=ada&code=correct+horse&choice=reject");
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
        let answer = program(&desk, APPROVE);
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
    let answer = program(&desk, APPROVE);
    assert_eq!(
        (answer.status, answer.json()["state"].clone()),
        (409, json!("superseded"))
    );
    assert!(desk.ports.votes.borrow().is_empty());
    assert_eq!(desk.ports.tallies.get(), 1);
}

#[test]
fn a_vote_on_a_decided_request_has_it_counted_again() {
    let desk = desk();
    desk.ports.state.set(State::Approved);
    let answer = program(&desk, APPROVE);
    assert_eq!((answer.status, desk.ports.tallies.get()), (409, 1));
    desk.ports.tally_fails.set(true);
    let answer = program(&desk, APPROVE);
    assert_eq!(
        (answer.status, answer.json()["state"].clone()),
        (409, json!("approved")),
        "the watchdog counts as well: the answer does not wait for it"
    );
}

#[test]
fn votes_in_time_that_nobody_counted_decide_a_request_that_looks_expired() {
    let desk = desk();
    desk.ports.tally_fails.set(true);
    program(&desk, APPROVE);
    program(&desk, "person=bob&code=b&choice=approve");
    desk.ports.tally_fails.set(false);
    let late = run(&desk, event(PROGRAM, form(APPROVE)), 86_400);
    assert_eq!(
        (late.status, late.json()["state"].clone()),
        (409, json!("approved"))
    );
}

#[test]
fn a_second_thought_has_the_first_one_counted_if_that_failed_before() {
    let desk = desk();
    program(&desk, "person=bob&code=b&choice=approve");
    desk.ports.tally_fails.set(true);
    assert_eq!(program(&desk, APPROVE).status, 202);
    desk.ports.tally_fails.set(false);
    let answer = program(&desk, "person=ada&code=correct+horse&choice=reject");
    assert_eq!(
        (answer.status, answer.json()["state"].clone()),
        (409, json!("approved"))
    );
}

#[test]
fn a_request_decided_at_the_last_moment_takes_no_vote() {
    let desk = desk();
    desk.ports.overtaken.set(true);
    let answer = program(&desk, APPROVE);
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
            "neither `approve` nor `reject`",
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
