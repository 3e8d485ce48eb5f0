use jiff::SignedDuration;
use serde_json::{Value, json};

use super::*;
use crate::settings::Assurance;

/// Ada and Bob are of `devops`, Bob and Eve of `pm`. Eve wrote the change.
fn request(quorum: usize) -> Request {
    let policy = json!({
        "approvers": [
            {"name": "ada", "email": "ada@example.com", "roles": ["devops"], "totp_parameter": "/totp/ada"},
            {"name": "bob", "email": "bob@example.com", "roles": ["devops", "pm"], "totp_parameter": "/totp/bob",
             "principals": ["arn:aws:sts::123456789012:assumed-role/*/bob"]},
            {"name": "eve", "email": "eve@example.com", "aliases": ["eve@home.example"], "roles": ["pm"],
             "slack": {"team": "T1", "user": "U3"}}],
        "quorum": quorum,
        "expires_seconds": 60,
    });
    Request {
        id: "r".into(),
        promotion: "shop/prod/1.0.0/1".parse().expect("id"),
        bundle: Digest::of(b"b"),
        plan: Digest::of(b"p"),
        step: None,
        wish: None,
        policy: serde_json::from_value(policy).expect("a policy"),
        authors: vec!["Eve+work@example.com".into()],
        requester: None,
        starter: None,
        desk_url: None,
        opened_at: Timestamp::UNIX_EPOCH,
        expires_at: Timestamp::UNIX_EPOCH + SignedDuration::from_secs(60),
    }
}

fn of_roles(slots: Value) -> Request {
    let mut request = request(1);
    request.policy.slots = serde_json::from_value(slots).expect("slots");
    request
}

fn vote(person: &str, choice: Choice, second: i64) -> Vote {
    let at = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second);
    Vote {
        person: person.into(),
        choice,
        comment: String::new(),
        at,
        method: Method::Totp,
        attested: Vec::new(),
        shown: None,
        from: None,
        withdrawn_at: None,
    }
}

fn tally(quorum: usize, votes: &[Vote], second: i64) -> State {
    request(quorum).tally(
        votes,
        Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second),
    )
}

#[test]
fn enough_different_people_approve() {
    let votes = [
        vote("ada", Choice::Approve, 1),
        vote("bob", Choice::Approve, 2),
    ];
    assert_eq!(tally(2, &votes[..1], 3), State::Pending);
    assert_eq!(tally(2, &votes, 3), State::Approved);
}

#[test]
fn an_answer_says_who_gave_it_and_leaves_out_whose_vote_does_not_count() {
    let mut votes = [
        vote("ada", Choice::Approve, 1),
        vote("eve", Choice::Approve, 2),
        vote("bob", Choice::Reject, 3),
    ];
    votes[2].comment = "too slow".into();
    let because = |state| request(1).answer(state, &votes).because;
    assert_eq!(because(State::Approved), "approved by ada");
    assert_eq!(because(State::Rejected), "rejected by bob (too slow)");
    assert_eq!(
        because(State::Expired),
        "not approved until 1970-01-01T00:01:00Z"
    );
}

#[test]
fn each_step_that_asks_has_facts_of_its_own() {
    let step = AtStep {
        index: 1,
        of: 3,
        weight: 25.0,
        verdict: "pass".into(),
    };
    assert_eq!(step.to_string(), "step 2 of 3, 25 % of the traffic");
    let of_step = Request {
        step: Some(step),
        ..request(1)
    };
    assert_eq!(request(1).ledger_key("decision"), "decision");
    assert_eq!(of_step.ledger_key("decision"), "decision/1");
}

#[test]
fn one_person_counts_once() {
    let votes = [
        vote("ada", Choice::Approve, 1),
        vote("ada", Choice::Approve, 2),
    ];
    assert_eq!(tally(2, &votes, 3), State::Pending);
}

#[test]
fn one_reject_ends_it_whatever_the_others_say() {
    let votes = [
        vote("ada", Choice::Approve, 1),
        vote("bob", Choice::Reject, 2),
    ];
    assert_eq!(tally(1, &votes, 3), State::Rejected);
}

#[test]
fn authors_cannot_approve_their_own_change_under_any_spelling_but_may_reject_it() {
    assert_eq!(
        tally(1, &[vote("eve", Choice::Approve, 1)], 3),
        State::Pending
    );
    assert_eq!(
        tally(1, &[vote("eve", Choice::Reject, 1)], 3),
        State::Rejected
    );
    assert_eq!(
        request(1).voter("eve", Choice::Approve, Timestamp::UNIX_EPOCH),
        Err(Ineligible::Author("eve".into()))
    );
}

#[test]
fn strangers_do_not_count() {
    assert_eq!(
        tally(1, &[vote("mallory", Choice::Reject, 1)], 3),
        State::Pending
    );
}

#[test]
fn a_vote_after_the_deadline_does_not_count() {
    assert_eq!(
        tally(1, &[vote("ada", Choice::Approve, 60)], 61),
        State::Expired
    );
    assert_eq!(
        tally(1, &[vote("ada", Choice::Approve, 59)], 61),
        State::Approved
    );
}

fn at(second: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second)
}

fn yes(person: &str, second: i64) -> Vote {
    vote(person, Choice::Approve, second)
}

#[test]
fn each_role_needs_somebody_of_its_own_whoever_votes_first() {
    let request = of_roles(json!([{"role": "devops", "count": 1}, {"role": "pm", "count": 1}]));
    let bob_first = [yes("bob", 1), yes("ada", 2)];
    assert_eq!(request.tally(&bob_first[..1], at(3)), State::Pending);
    let because = request.answer(State::Pending, &bob_first[..1]).because;
    assert_eq!(because, "1 of 2 approvals so far; waiting for pm");
    // Bob makes room: Ada is of one role only.
    assert_eq!(request.tally(&bob_first, at(3)), State::Approved);
    let slots = request.slots(&bob_first);
    let by = |slot: &Filled<'_>| slot.by.map(|vote| vote.person.clone());
    assert_eq!(by(&slots[0]), Some("ada".to_owned()));
    assert_eq!(by(&slots[1]), Some("bob".to_owned()));
}

#[test]
fn a_quorum_beyond_the_roles_is_filled_by_anybody() {
    let mut request = of_roles(json!([{"role": "pm", "count": 1}]));
    request.policy.quorum = 2;
    assert_eq!(request.tally(&[yes("bob", 1)], at(3)), State::Pending);
    let both = [yes("bob", 1), yes("ada", 2)];
    assert_eq!(request.tally(&both, at(3)), State::Approved);
}

#[test]
fn who_has_no_role_that_is_asked_is_told_which_are() {
    let request = of_roles(json!([{"role": "pm", "count": 1}]));
    let error = request
        .voter("ada", Choice::Approve, at(1))
        .expect_err("none");
    let text = "`ada` has none of the roles that are asked: pm";
    assert_eq!(error.to_string(), text);
    assert_eq!(request.tally(&[yes("ada", 1)], at(2)), State::Pending);
    let no = vote("ada", Choice::Reject, 1);
    assert_eq!(request.tally(&[no], at(2)), State::Rejected);
}

#[test]
fn who_started_it_or_wrote_it_under_another_address_may_not_approve_it() {
    let mut own = request(1);
    own.authors = vec!["Eve@Home.Example".into()];
    assert_eq!(own.tally(&[yes("eve", 1)], at(2)), State::Pending);
    let arn = "arn:aws:sts::123456789012:assumed-role/release-managers/bob";
    own.requester = Some(Principal::of_arn(arn).expect("a caller"));
    let error = own.voter("bob", Choice::Approve, at(1));
    assert_eq!(error, Err(Ineligible::Requester("bob".into())));
    assert_eq!(own.tally(&[yes("bob", 1)], at(2)), State::Pending);
    assert_eq!(own.tally(&[yes("ada", 1)], at(2)), State::Approved);
}

#[test]
fn a_vote_that_was_taken_back_does_not_count() {
    let mut taken = yes("ada", 1);
    assert!(taken.stands());
    taken.withdrawn_at = Some(at(2));
    assert!(!taken.stands());
    assert_eq!(request(1).tally(&[taken], at(3)), State::Pending);
}

#[test]
fn roles_that_are_lent_count_for_a_time_and_authors_lend_none() {
    let mut request = of_roles(json!([{"role": "pm", "count": 1}]));
    let lent = |from: &str| json!([{"from": from, "to": "ada", "until": "1970-01-01T00:00:10Z"}]);
    request.policy.delegations = serde_json::from_value(lent("bob")).expect("delegations");
    assert_eq!(request.tally(&[yes("ada", 9)], at(11)), State::Approved);
    assert_eq!(request.tally(&[yes("ada", 10)], at(11)), State::Pending);
    request.policy.delegations = serde_json::from_value(lent("eve")).expect("delegations");
    assert_eq!(request.tally(&[yes("ada", 9)], at(11)), State::Pending);
}

#[test]
fn after_a_while_others_may_fill_any_slot() {
    let mut request = of_roles(json!([{"role": "pm", "count": 1}]));
    let later = json!({"after_seconds": 30, "people": ["ada"]});
    request.policy.escalation = serde_json::from_value(later).expect("an escalation");
    assert_eq!(request.tally(&[yes("ada", 29)], at(40)), State::Pending);
    assert_eq!(request.tally(&[yes("ada", 30)], at(40)), State::Approved);
}

#[test]
fn an_environment_may_want_more_than_a_click_in_slack() {
    let mut request = request(1);
    let mut click = yes("bob", 1);
    click.method = Method::Slack;
    assert_eq!(request.tally(&[click.clone()], at(2)), State::Approved);
    request.policy.assurance = Assurance::Proven;
    assert_eq!(
        request.check(&click),
        Err(Ineligible::Unsure(Method::Slack))
    );
    assert_eq!(request.tally(&[click], at(2)), State::Pending);
    assert_eq!(request.tally(&[yes("bob", 1)], at(2)), State::Approved);
}

#[test]
fn who_approves_ticks_the_whole_checklist_and_who_rejects_need_not() {
    let mut request = request(1);
    let items = json!([{"name": "on-call", "text": "Somebody is on call"}]);
    request.policy.checklist = serde_json::from_value(items).expect("a checklist");
    let mut vote = yes("ada", 1);
    let missing = Ineligible::Unattested(vec!["on-call".into()]);
    assert_eq!(request.check(&vote), Err(missing));
    vote.attested = vec!["on-call".into()];
    assert_eq!(request.tally(&[vote.clone()], at(2)), State::Approved);
    vote.attested.clear();
    vote.choice = Choice::Reject;
    assert_eq!(request.tally(&[vote], at(2)), State::Rejected);
}

#[test]
fn a_request_that_nobody_could_ever_approve_is_known_when_it_is_opened() {
    assert!(request(2).is_reachable());
    assert!(!request(3).is_reachable());
    let mut own = of_roles(json!([{"role": "pm", "count": 1}]));
    assert!(own.is_reachable());
    own.authors.push("bob@example.com".into());
    assert!(!own.is_reachable());
    own.policy.escalation =
        serde_json::from_value(json!({"after_seconds": 30, "people": ["ada"]})).ok();
    assert!(own.is_reachable());
}

#[test]
fn roles_that_are_lent_for_a_part_of_the_time_can_be_counted_on() {
    let mut request = of_roles(json!([{"role": "pm", "count": 2}, {"role": "devops", "count": 1}]));
    request.authors.clear();
    request.policy.approvers[1].roles = vec!["pm".into()];
    request.policy.approvers[2].roles = vec!["devops".into()];
    assert!(!request.is_reachable());
    let mut lent = |since: Option<&str>, until: &str| {
        let lent = json!([{"from": "bob", "to": "ada", "since": since, "until": until}]);
        request.policy.delegations = serde_json::from_value(lent).expect("delegations");
        request.is_reachable()
    };
    let [before, opened] = ["1969-12-31T00:00:00Z", "1970-01-01T00:00:00Z"];
    let [soon, late] = ["1970-01-01T00:00:10Z", "1970-01-01T00:00:20Z"];
    let [expires, after] = ["1970-01-01T00:01:00Z", "1970-01-02T00:00:00Z"];
    assert!(lent(None, soon));
    assert!(lent(Some(soon), late));
    assert!(lent(Some(late), after));
    assert!(!lent(Some(before), opened));
    // No vote counts that comes when it ends.
    assert!(!lent(Some(expires), after));
}

#[test]
fn a_requests_link_is_one_line_below_the_desk() {
    let mut request = request(1);
    assert_eq!(request.link(), None);
    for desk in ["https://desk.example.com", "https://desk.example.com//"] {
        request.desk_url = Some(desk.into());
        let link = request.link();
        assert_eq!(link.as_deref(), Some("https://desk.example.com/r/r"));
    }
    request.desk_url = Some("https://desk.example.com\n\u{202e}".into());
    let link = request.link();
    assert_eq!(link.as_deref(), Some("https://desk.example.com /r/r"));
}

#[test]
fn a_seal_covers_the_vote_and_all_that_it_is_about() {
    let (request, vote) = (request(1), yes("ada", 1));
    let message = |request: &Request, vote: &Vote| request.message(vote).expect("json");
    let sealed = message(&request, &vote);
    assert_eq!(sealed, message(&request.clone(), &vote.clone()));
    let others: [fn(&mut Request, &mut Vote); 9] = [
        |request, _| request.id.push('s'),
        |request, _| request.bundle = Digest::of(b"another"),
        |request, _| request.plan = Digest::of(b"another"),
        |request, _| request.promotion.environment = "dev".into(),
        |request, _| request.policy.quorum = 2,
        |request, _| request.authors.clear(),
        |_, vote| vote.choice = Choice::Reject,
        |_, vote| vote.person = "bob".into(),
        |_, vote| vote.at = at(2),
    ];
    for change in others {
        let (mut request, mut vote) = (request.clone(), vote.clone());
        change(&mut request, &mut vote);
        assert_ne!(message(&request, &vote), sealed, "{request:?} {vote:?}");
    }
}
