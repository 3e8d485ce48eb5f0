//! Votes that are signed with IAM credentials.

use sluice_domain::approval::Method;
use sluice_domain::caller::{Principal, Refused};
use sluice_platform::caller::Caller;

use super::*;

const VOTE: &str = include_str!("../../../../events/desk/vote-signed.json");
const WITHDRAW: &str = include_str!("../../../../events/desk/withdraw-signed.json");

/// The ARN of a session of this role.
fn session(role: &str) -> String {
    format!("arn:aws:sts::123456789012:assumed-role/{role}/session")
}

/// The desk, where Ada and Bob are known by their roles.
fn desk_with_roles() -> Desk<World> {
    let mut desk = desk();
    for approver in &mut desk.ports.request.policy.approvers {
        approver.principals = vec![session(&format!("{}-*", approver.name))];
    }
    desk
}

fn by(role: &str) -> Caller {
    let principal = Principal::of_arn(&session(role));
    Ok(Some(principal.expect("a principal")))
}

fn call(
    desk: &Desk<World>,
    event: &str,
    (qualifier, caller, second): (&str, Caller, i64),
) -> Result<Output, Error> {
    let input: Input = serde_json::from_str(event).expect("the event is understood");
    let call = Call {
        qualifier: Some(qualifier.to_owned()),
        caller,
        once: Some(Digest::of(format!("{second} {event}").as_bytes())),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.expect("a runtime");
    runtime.block_on(desk.answer_to(input, call, at(60)))
}

/// What is said to what was signed at this second.
fn said(desk: &Desk<World>, event: &str, (caller, second): (Caller, i64)) -> Said {
    match call(desk, event, (PEOPLE, caller, second)) {
        Ok(Output::Said(said)) => said,
        other => panic!("expected an answer to a call: {other:?}"),
    }
}

#[test]
fn whoever_signs_votes_as_the_approver_whose_principals_fit_and_needs_no_code() {
    let desk = desk_with_roles();
    let answer = said(&desk, VOTE, (by("ada-admin"), 50));
    assert!(answer.recorded, "{answer:?}");
    assert_eq!(answer.state, Some(State::Pending));
    let votes = desk.ports.votes.borrow().clone();
    let [vote] = votes.as_slice() else {
        panic!("one vote: {votes:?}");
    };
    assert_eq!((vote.person.as_str(), vote.method), ("ada", Method::Iam));
    assert_eq!(vote.attested, ["on-call"]);
    assert_eq!(vote.from, None);
    assert!(desk.ports.tries.borrow().is_empty());
    assert_eq!(*desk.ports.recorded.borrow(), votes);
    let second = said(&desk, VOTE, (by("bob-admin"), 50));
    assert_eq!(second.state, Some(State::Approved));
}

#[test]
fn a_signed_vote_is_taken_back_by_whoever_gave_it() {
    let desk = desk_with_roles();
    assert!(said(&desk, VOTE, (by("ada-admin"), 50)).recorded);
    let other = said(&desk, WITHDRAW, (by("bob-admin"), 51));
    assert!(!other.recorded, "{other:?}");
    assert!(other.message.contains("no vote of yours"), "{other:?}");
    assert!(said(&desk, WITHDRAW, (by("ada-admin"), 51)).recorded);
    assert!(desk.ports.votes.borrow()[0].withdrawn_at.is_some());
}

#[test]
fn what_was_signed_counts_once_also_after_it_was_taken_back() {
    let desk = desk_with_roles();
    assert!(said(&desk, VOTE, (by("ada-admin"), 50)).recorded);
    let lost = said(&desk, VOTE, (by("ada-admin"), 50));
    assert!(lost.recorded, "whose answer was lost is told again");
    assert!(said(&desk, WITHDRAW, (by("ada-admin"), 55)).recorded);
    let again = said(&desk, VOTE, (by("ada-admin"), 50));
    assert!(
        !again.recorded && again.message.contains("used before"),
        "{again:?}"
    );
    assert!(desk.ports.votes.borrow().iter().all(|vote| !vote.stands()));
    assert!(said(&desk, VOTE, (by("ada-admin"), 55)).recorded);
}

#[test]
fn who_is_nobody_or_several_or_an_author_or_says_not_who_they_are_does_not_vote() {
    let mut desk = desk_with_roles();
    let whoever = session("*");
    desk.ports.request.policy.approvers[1]
        .principals
        .push(whoever);
    let strangers = desk_with_roles();
    for (desk, caller, refused) in [
        (&strangers, by("mallory"), "none of the approvers"),
        (&desk, by("ada-admin"), "any of ada, bob"),
        (
            &strangers,
            by("eve-admin"),
            "`eve` is an author of this change",
        ),
        (&strangers, Ok(None), "does not say who sends it"),
    ] {
        let answer = said(desk, VOTE, (caller, 50));
        assert!(
            !answer.recorded && answer.message.contains(refused),
            "{answer:?}"
        );
        assert!(desk.ports.votes.borrow().is_empty());
    }
    let nobody = Err(Refused::NoCaller("x".to_owned()).into());
    let refused = call(&strangers, VOTE, (PEOPLE, nobody, 50)).expect_err("refused");
    assert!(matches!(refused, Error::Caller(_)), "{refused}");
}

#[test]
fn a_reject_without_a_reason_is_no_vote_whichever_door_it_comes_through() {
    let desk = desk_with_roles();
    let silent = VOTE.replace("approve", "reject").replace("as I said", " ");
    let answer = said(&desk, &silent, (by("ada-admin"), 50));
    assert!(answer.message.contains("say why"), "{answer:?}");
    assert!(desk.ports.votes.borrow().is_empty());
}

#[test]
fn a_signed_vote_comes_in_at_the_alias_for_people_and_a_page_nowhere_there() {
    let desk = desk_with_roles();
    for (event, qualifier) in [(VOTE, "live"), (SHOW, PEOPLE), (PROGRAM, PEOPLE)] {
        let refused = call(&desk, event, (qualifier, by("ada-admin"), 50));
        let refused = refused.expect_err("the wrong door");
        assert_eq!(refused.name(), "WrongDoor");
    }
    assert!(desk.ports.votes.borrow().is_empty());
    let shown = call(&desk, SHOW, ("live", Ok(None), 50)).expect("a page");
    assert!(matches!(shown, Output::Http(_)));
}
