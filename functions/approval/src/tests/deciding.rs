//! Counting votes and concluding.

use super::*;

#[test]
fn a_quorum_decides_resumes_and_is_recorded() {
    let approval = world(2, &["ada", "bob"]);
    run(&approval, input(REQUEST), 0).expect("asked");
    approval.ports.cast(None, vote("ada", Choice::Approve, 1));
    assert_eq!(
        run(&approval, input(TALLY), 2).expect("counted"),
        Output::Tallied {
            state: State::Pending
        }
    );
    assert!(approval.ports.resumed.borrow().is_empty());

    approval.ports.cast(None, vote("bob", Choice::Approve, 3));
    let output = run(&approval, input(TALLY), 4).expect("counted");
    assert_eq!(
        serde_json::to_value(output).expect("json"),
        json!({"state": "approved"})
    );
    assert_eq!(approval.ports.resumed.borrow().len(), 1);
    let facts = approval.ports.facts.borrow();
    assert_eq!(
        facts["ApprovalDecided/decision"]["votes"][1]["person"],
        json!("bob")
    );
}

#[test]
fn one_reject_ends_it() {
    let approval = world(2, &["ada", "bob"]);
    run(&approval, input(REQUEST), 0).expect("asked");
    approval.ports.cast(None, vote("ada", Choice::Reject, 1));
    assert_eq!(
        run(&approval, input(TALLY), 2).expect("counted"),
        Output::Tallied {
            state: State::Rejected
        }
    );
    let output = run(&approval, input(CONCLUDE), 3).expect("concluded");
    assert_eq!(
        serde_json::to_value(output).expect("json"),
        json!({"decision": "rejected"})
    );
}

#[test]
fn a_reject_that_came_in_while_it_was_approved_holds() {
    let approval = world(1, &["ada", "bob"]);
    run(&approval, input(REQUEST), 0).expect("asked");
    approval.ports.cast(None, vote("ada", Choice::Approve, 1));
    approval.ports.overtaken_by.set(Some(State::Approved));
    approval.ports.cast(None, vote("bob", Choice::Reject, 2));
    let state = State::Rejected;
    let tallied = run(&approval, input(TALLY), 3).expect("counted");
    assert_eq!(tallied, Output::Tallied { state });
    let facts = approval.ports.facts.borrow();
    assert_eq!(facts["ApprovalDecided/decision"]["state"], "rejected");
}

#[test]
fn what_was_decided_of_something_else_lets_no_promotion_go_on() {
    let approval = world(1, &["ada"]);
    run(&approval, input(REQUEST), 0).expect("asked");
    let known = approval.ports.known.borrow()[&(own(), key(Matter::Promotion))].clone();
    let other: PromotionId = "storefront/dev/1.1.0/1".parse().expect("an id");
    (approval.ports.open.borrow_mut())
        .get_mut(&known)
        .expect("open")
        .request
        .promotion = other;
    let refused = run(&approval, input(CONCLUDE), 1).expect_err("refused");
    assert_eq!(refused.name(), "RequestAltered");
}

#[test]
fn what_has_ended_is_not_asked_any_more_and_whoever_waits_is_resumed() {
    for (ended, expected) in [
        (Outcome::Aborted, State::Superseded),
        (Outcome::Stranded, State::Pending),
    ] {
        let approval = world(1, &["ada"]);
        run(&approval, input(REQUEST), 0).expect("asked");
        approval.ports.ended.set(Some(ended));
        let output = run(&approval, input(TALLY), 2).expect("counted");
        assert_eq!(output, Output::Tallied { state: expected });
        let resumed = approval.ports.resumed.borrow().len();
        assert_eq!(resumed, usize::from(expected == State::Superseded));
    }
}

#[test]
fn a_decision_that_came_first_holds() {
    let approval = world(1, &["ada"]);
    run(&approval, input(REQUEST), 0).expect("asked");
    approval.ports.cast(None, vote("ada", Choice::Approve, 1));
    approval.ports.overtaken_by.set(Some(State::Superseded));
    let output = run(&approval, input(TALLY), 2).expect("counted");
    assert_eq!(
        output,
        Output::Tallied {
            state: State::Superseded
        }
    );
    assert_eq!(
        approval.ports.facts.borrow()["ApprovalDecided/decision"]["state"],
        json!("superseded")
    );
}

#[test]
fn a_signal_that_was_lost_is_sent_again_by_the_next_tally() {
    let approval = world(1, &["ada"]);
    run(&approval, input(REQUEST), 0).expect("asked");
    approval
        .ports
        .open
        .borrow_mut()
        .get_mut(NAME)
        .expect("open")
        .state = State::Approved;
    run(&approval, input(TALLY), 2).expect("counted");
    assert_eq!(approval.ports.resumed.borrow().len(), 1);
}

#[test]
fn a_promotion_that_does_not_wait_any_more_is_no_failure() {
    let approval = world(1, &["ada"]);
    run(&approval, input(REQUEST), 0).expect("asked");
    approval.ports.cast(None, vote("ada", Choice::Approve, 1));
    approval.ports.nobody_waits.set(true);
    assert_eq!(
        run(&approval, input(TALLY), 2).expect("counted"),
        Output::Tallied {
            state: State::Approved
        }
    );
}

#[test]
fn a_tally_at_the_deadline_ends_a_request_without_votes_and_resumes_its_promotion() {
    let approval = world(1, &["ada"]);
    run(&approval, input(REQUEST), 0).expect("asked");
    for (second, state) in [(3599, State::Pending), (3600, State::Expired)] {
        assert!(approval.ports.resumed.borrow().is_empty());
        let output = run(&approval, input(TALLY), second).expect("counted");
        assert_eq!(output, Output::Tallied { state });
    }
    assert_eq!(approval.ports.resumed.borrow().len(), 1);
    let facts = approval.ports.facts.borrow();
    let decision = &facts["ApprovalDecided/decision"];
    assert_eq!(decision["state"], json!("expired"));
    assert_eq!(decision["votes"], json!([]));
}

#[test]
fn a_request_that_nobody_decided_has_expired_when_the_wait_is_over() {
    let approval = world(2, &["ada", "bob"]);
    run(&approval, input(REQUEST), 0).expect("asked");
    approval.ports.cast(None, vote("ada", Choice::Approve, 1));
    // A moment before the deadline, whoever ended the wait: it goes on.
    for (second, decision) in [(3599, State::Pending), (3600, State::Expired)] {
        let concluded = run(&approval, input(CONCLUDE), second).expect("concluded");
        assert_eq!(concluded, Output::Concluded { decision });
    }
    assert!(
        approval.ports.resumed.borrow().is_empty(),
        "nobody waits for a conclusion"
    );
}

#[test]
fn votes_that_were_never_counted_still_decide_when_the_wait_is_over() {
    let approval = world(1, &["ada"]);
    run(&approval, input(REQUEST), 0).expect("asked");
    approval
        .ports
        .cast(None, vote("ada", Choice::Approve, 3000));
    let decision = run(&approval, input(CONCLUDE), 3700).expect("concluded");
    assert_eq!(
        decision,
        Output::Concluded {
            decision: State::Approved
        }
    );
}

#[test]
fn an_unknown_request_is_not_found_and_its_id_is_not_repeated() {
    let error = run(&world(1, &["ada"]), input(TALLY), 0).expect_err("not found");
    assert_eq!(error.name(), "NotFound");
    assert!(!error.to_string().contains(NAME), "{error}");
    assert_eq!(
        run(&world(1, &["ada"]), input(CONCLUDE), 0)
            .expect_err("not found")
            .name(),
        "NotFound"
    );
}

#[test]
fn a_vote_that_is_taken_back_while_it_is_counted_decides_nothing() {
    let approval = world(1, &["ada", "bob"]);
    run(&approval, request_with("token"), 0).expect("asked");
    approval.ports.cast(None, vote("ada", Choice::Approve, 1));
    approval.ports.withdraws.replace(Some(("ada", at(2))));
    let id = approval.ports.opened().request.id;
    let tallied = run(&approval, Input::Tally { approval: id }, 2);
    let pending = Output::Tallied {
        state: State::Pending,
    };
    assert_eq!(tallied.expect("counted"), pending);
    assert!(approval.ports.resumed.borrow().is_empty());
}

#[test]
fn who_began_the_release_is_asked_about_it_and_can_not_approve_it() {
    let approval = world(1, &["ada", "bob"]);
    let arn = "arn:aws:sts::123456789012:assumed-role/release-managers/ada";
    let began = Principal::of_arn(arn).expect("a caller");
    approval.ports.requester.replace(Some(began.clone()));
    run(&approval, request_with("token"), 0).expect("asked");
    assert_eq!(approval.ports.opened().request.requester, Some(began));
}
