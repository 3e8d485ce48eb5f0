//! What operators ask that people have to approve.

use sluice_domain::controls::Wish;

use super::*;

const WISH: &str = include_str!("../../../../events/approval/wish.json");

fn ask_as(approval: &Approval<World>, wish: Input, second: i64) -> WishAnswer {
    match run(approval, wish, second).expect("an answer") {
        Output::Wished(answer) => answer,
        other => panic!("expected an answer; found {other:?}"),
    }
}

fn ask(approval: &Approval<World>, second: i64) -> Answer {
    ask_as(approval, input(WISH), second).answer
}

fn emergency() -> Matter {
    Matter::Wish(Wish::Emergency)
}

#[test]
fn people_are_asked_about_a_wish_in_words_of_its_own_and_once() {
    let approval = world(1, &["ada", "bob"]);
    assert_eq!(ask(&approval, 1).state, State::Pending);
    assert_eq!(ask(&approval, 60).state, State::Pending);
    let told = approval.ports.told.borrow().clone();
    let [(_, message)] = told.as_slice() else {
        panic!("one message: {told:?}")
    };
    assert_eq!(
        message.subject,
        "Approval needed: emergency mode for storefront 1.1.0 in prod"
    );
    for said in [
        "Operators/ada asks for this",
        "checkout fails for everybody",
        "goes on as planned",
    ] {
        assert!(message.body.contains(said), "{said}: {}", message.body);
    }
    let asked = approval.ports.opened().request;
    assert_eq!(asked.matter(), emergency());

    approval
        .ports
        .cast_on(emergency(), vote("bob", Choice::Approve, 70));
    let answer = ask(&approval, 71);
    assert_eq!(answer.state, State::Approved);
    assert_eq!(answer.because, "approved by bob");
}

#[test]
fn whoever_wants_it_does_not_approve_it() {
    let mut approval = world(1, &["ada", "bob"]);
    let policy = approval.ports.settings.approval.as_mut().expect("a policy");
    policy.approvers[0].principals =
        vec!["arn:aws:sts::123456789012:assumed-role/Operators/ada".to_owned()];
    ask(&approval, 1);
    approval
        .ports
        .cast_on(emergency(), vote("ada", Choice::Approve, 2));
    assert_eq!(ask(&approval, 3).state, State::Pending);
}

#[test]
fn neither_whoever_is_called_like_who_wants_it_nor_who_began_the_release_approves_it() {
    let approval = world(1, &["ada", "bob", "carol"]);
    let began =
        Principal::of_arn("arn:aws:iam::123456789012:user/bob@example.com").expect("a caller");
    approval.ports.requester.replace(Some(began));
    ask(&approval, 1);
    for name in ["ada", "bob"] {
        let vote = vote(name, Choice::Approve, 2);
        approval.ports.cast_on(emergency(), vote);
    }
    assert_eq!(ask(&approval, 3).state, State::Pending);
    let vote = vote("carol", Choice::Approve, 4);
    approval.ports.cast_on(emergency(), vote);
    assert_eq!(ask(&approval, 5).state, State::Approved);
}

#[test]
fn what_is_granted_is_what_people_read_whoever_asks_again() {
    let approval = world(1, &["ada", "bob"]);
    ask(&approval, 1);
    approval
        .ports
        .cast_on(emergency(), vote("bob", Choice::Approve, 2));
    let Input::Wish {
        promotion, wish, ..
    } = input(WISH)
    else {
        panic!("a wish");
    };
    let other = Input::Wish {
        promotion,
        wish: AskedWish {
            by: "bob".to_owned(),
            reason: "since I may".to_owned(),
            ..wish.clone()
        },
        requester: Some(Principal::of_arn("arn:aws:iam::123456789012:user/bob").expect("a caller")),
        desk_url: None,
    };
    let answer = ask_as(&approval, other, 3);
    assert_eq!(answer.answer.state, State::Approved);
    assert_eq!(answer.asked, Some(wish));
}

#[test]
fn nobody_gets_what_takes_an_approval_without_saying_who_they_are() {
    let approval = world(1, &["ada", "bob"]);
    let Input::Wish {
        promotion, wish, ..
    } = input(WISH)
    else {
        panic!("a wish");
    };
    let unproven = Input::Wish {
        promotion,
        wish,
        requester: None,
        desk_url: None,
    };
    let answer = ask_as(&approval, unproven, 1);
    assert_eq!(answer.answer.state, State::Rejected);
    assert!(approval.ports.told.borrow().is_empty());
}

#[test]
fn a_request_that_says_it_is_approved_without_votes_that_say_so_is_not() {
    let approval = world(1, &["ada", "bob"]);
    ask(&approval, 1);
    let written = |open: &mut OpenRequest| open.state = State::Approved;
    approval
        .ports
        .open
        .borrow_mut()
        .values_mut()
        .for_each(written);
    let answer = ask(&approval, 2);
    assert_eq!(answer.state, State::Rejected);
    assert!(answer.because.contains("do not add up"), "{answer:?}");
}

#[test]
fn nobody_is_asked_about_a_wish_before_anything_is_planned() {
    let approval = world(1, &["ada", "bob"]);
    approval.ports.unplanned.set(true);
    let answer = ask(&approval, 1);
    assert_eq!(answer.state, State::Pending);
    assert!(answer.because.contains("not before it is planned"));
    assert!(approval.ports.told.borrow().is_empty());
    approval.ports.unplanned.set(false);
    ask(&approval, 2);
    assert_eq!(approval.ports.told.borrow().len(), 1);
}

#[test]
fn where_nobody_approves_anything_an_operator_is_not_held_up() {
    let mut approval = world(1, &["ada"]);
    approval.ports.settings.approval = None;
    assert_eq!(ask(&approval, 1).state, State::Approved);
    assert!(approval.ports.told.borrow().is_empty());
}
