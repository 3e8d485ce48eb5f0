//! Steps that ask their approvers before they are left.

use super::*;

/// Asks about the step at this second.
fn ask(approval: &Approval<World>, second: i64) -> Answer {
    match run(approval, input(STEP), second).expect("an answer") {
        Output::Answered(answer) => answer,
        other => panic!("expected an answer; found {other:?}"),
    }
}

/// Takes the step's request back at this second.
fn withdraw(approval: &Approval<World>, second: i64) -> State {
    match run(approval, input(WITHDRAW), second).expect("an answer") {
        Output::Tallied { state } => state,
        other => panic!("expected a state; found {other:?}"),
    }
}

#[test]
fn people_are_asked_once_about_a_step_and_counted_at_each_look() {
    let approval = world(1, &["ada", "bob"]);
    let first = ask(&approval, 1);
    assert_eq!(first.state, State::Pending);
    assert_eq!(first.because, "0 of 1 approvals so far");
    assert_eq!(ask(&approval, 61), first);
    assert_eq!(approval.ports.told.borrow().len(), 1);
    assert!(approval.ports.tokens.borrow().is_empty());

    let yes = vote("ada", Choice::Approve, 70);
    approval.ports.cast(Some(1), yes);
    let answer = ask(&approval, 121);
    assert_eq!(answer.state, State::Approved);
    assert_eq!(answer.because, "approved by ada");
    assert_eq!(ask(&approval, 9999), answer, "what was decided stays");
}

#[test]
fn people_hear_which_step_it_is_and_what_the_judge_says_of_it() {
    let approval = world(1, &["ada"]);
    ask(&approval, 1);
    let (_, message) = approval.ports.told.borrow()[0].clone();
    assert!(message.subject.ends_with("after step 2"), "{message:?}");
    for said in [
        "step 2 of 3, 25 % of the traffic",
        "within the margin",
        "it goes back",
    ] {
        assert!(message.body.contains(said), "{said}: {}", message.body);
    }
}

#[test]
fn a_try_that_broke_off_before_the_request_was_open_asks_under_the_same_id() {
    let approval = world(1, &["ada"]);
    let noted = BTreeMap::from([((own(), key(Matter::Step(1))), "noted-before".to_owned())]);
    approval.ports.known.replace(noted);
    assert_eq!(ask(&approval, 1).state, State::Pending);
    assert_eq!(approval.ports.opened().request.id, "noted-before");
}

#[test]
fn votes_on_the_promotion_itself_count_nothing_for_a_step_and_their_facts_stay_apart() {
    let approval = world(1, &["ada"]);
    run(&approval, input(REQUEST), 0).expect("asked");
    let yes = vote("ada", Choice::Approve, 1);
    approval.ports.cast(None, yes);
    run(&approval, input(TALLY), 2).expect("approved");
    assert_eq!(ask(&approval, 3).state, State::Pending);

    let no = vote("ada", Choice::Reject, 4);
    approval.ports.cast(Some(1), no);
    assert_eq!(ask(&approval, 5).state, State::Rejected);
    let facts = approval.ports.facts.borrow();
    assert_eq!(facts["ApprovalDecided/decision"]["state"], "approved");
    assert_eq!(facts["ApprovalDecided/decision/1"]["state"], "rejected");
    assert_eq!(facts["ApprovalDecided/decision/1"]["step"], 1);
    assert_eq!(facts["ApprovalRequested/request/1"]["weight"], 25.0);
    assert!(facts.contains_key("ApprovalRequested/request"));
    assert!(facts.contains_key("ApprovalRequested/request/1"));
}

#[test]
fn what_is_written_in_a_requests_place_approves_no_step() {
    let approval = world(1, &["ada"]);
    run(&approval, input(REQUEST), 0).expect("asked");
    approval.ports.cast(None, vote("ada", Choice::Approve, 1));
    run(&approval, input(TALLY), 2).expect("approved");
    ask(&approval, 3);
    let known = |matter| approval.ports.known.borrow()[&(own(), key(matter))].clone();
    let (start, step) = (known(Matter::Promotion), known(Matter::Step(1)));
    {
        let mut open = approval.ports.open.borrow_mut();
        let asked = open.get_mut(&step).expect("open");
        asked.request.step = None;
        asked.state = State::Approved;
    }
    let refused = || run(&approval, input(STEP), 4).expect_err("refused").name();
    assert_eq!(refused(), "RequestAltered", "it says of what it is not");
    let place = (own(), key(Matter::Step(1)));
    approval.ports.known.borrow_mut().insert(place, start);
    assert_eq!(refused(), "RequestAltered", "it is another one");
}

#[test]
fn votes_that_are_not_enough_by_what_settings_say_by_now_void_a_step_and_tell_why() {
    let mut approval = world(1, &["ada", "bob"]);
    ask(&approval, 1);
    let policy = approval.ports.settings.approval.as_mut().expect("a policy");
    policy.quorum = 2;
    let waits = ask(&approval, 2);
    assert_eq!(waits.state, State::Pending, "nobody has voted yet");
    let yes = vote("ada", Choice::Approve, 3);
    approval.ports.cast(Some(1), yes);
    for second in [4, 5] {
        let answer = ask(&approval, second);
        assert_eq!(answer.state, State::Superseded);
        let said = "approved by ada, but by what settings and contributors say now";
        assert!(answer.because.starts_with(said), "{answer:?}");
    }
}

#[test]
fn a_step_that_one_rejects_or_nobody_approves_in_time_is_not_approved() {
    let approval = world(2, &["ada", "bob"]);
    ask(&approval, 1);
    let mut no = vote("bob", Choice::Reject, 70);
    no.comment = "too slow".into();
    approval.ports.cast(Some(1), no);
    assert_eq!(ask(&approval, 121).because, "rejected by bob (too slow)");
    let approval = world(2, &["ada", "bob"]);
    ask(&approval, 1);
    let late = ask(&approval, 3601);
    assert_eq!(late.state, State::Expired);
    assert_eq!(late.because, "not approved until 1970-01-01T01:00:01Z");
}

#[test]
fn a_step_is_open_for_as_long_as_the_plan_says_whatever_the_settings_say_by_now() {
    let approval = world(1, &["ada"]);
    approval.ports.approval_seconds.set(Some(60));
    ask(&approval, 1);
    assert_eq!(approval.ports.opened().request.expires_at, at(61));
}

#[test]
fn a_step_of_a_promotion_that_has_ended_asks_nobody() {
    let approval = world(1, &["ada"]);
    approval.ports.ended.set(Some(Outcome::RolledBack));
    assert_eq!(ask(&approval, 1), Answer::taken_back());
    assert!(approval.ports.told.borrow().is_empty());

    let approval = world(1, &["ada"]);
    ask(&approval, 1);
    approval.ports.ended.set(Some(Outcome::Aborted));
    assert_eq!(ask(&approval, 2), Answer::taken_back());
}

#[test]
fn a_request_that_is_taken_back_is_decided_for_good_and_one_that_was_decided_stays() {
    let approval = world(1, &["ada"]);
    assert_eq!(
        withdraw(&approval, 1),
        State::Superseded,
        "nobody was asked"
    );
    ask(&approval, 1);
    assert_eq!(withdraw(&approval, 2), State::Superseded);
    assert_eq!(withdraw(&approval, 3), State::Superseded);
    let late = vote("ada", Choice::Approve, 4);
    approval.ports.cast(Some(1), late);
    assert_eq!(ask(&approval, 5).state, State::Superseded);

    let approval = world(1, &["ada"]);
    ask(&approval, 1);
    let yes = vote("ada", Choice::Approve, 2);
    approval.ports.cast(Some(1), yes);
    assert_eq!(withdraw(&approval, 3), State::Approved);
}

#[test]
fn nobody_is_to_be_resumed_when_a_vote_on_a_step_is_counted() {
    let approval = world(1, &["ada"]);
    ask(&approval, 1);
    let yes = vote("ada", Choice::Approve, 2);
    approval.ports.cast(Some(1), yes);
    let tallied = run(&approval, input(TALLY), 3).expect("a tally");
    let state = State::Approved;
    assert_eq!(tallied, Output::Tallied { state });
    assert!(approval.ports.resumed.borrow().is_empty());
}
