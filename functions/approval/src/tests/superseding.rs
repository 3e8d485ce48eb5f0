//! Whose place a newer promotion takes.

use super::*;

fn earlier() -> PromotionId {
    "storefront/prod/1.0.9/1".parse().expect("an id")
}

/// Asks about the earlier promotion first and about this one then; both are open.
fn asked_twice(change: impl FnOnce(&mut World)) -> Approval<World> {
    asked_in_order([earlier(), own()], change)
}

/// Asks about both, of which one began at 0 and the other at 60, in this order.
fn asked_in_order(order: [PromotionId; 2], change: impl FnOnce(&mut World)) -> Approval<World> {
    let mut approval = world(1, &["ada"]);
    change(&mut approval.ports);
    let open = |id: PromotionId, second| {
        let bundle = BundleRef {
            bucket: "artifacts".into(),
            key: "key".into(),
            version_id: "v1".into(),
            digest: Digest::of(b"bundle"),
        };
        Promotion {
            id,
            bundle,
            execution_arn: "arn:execution".to_owned(),
            opened_at: at(second),
            outcome: None,
            reason: None,
            closed_at: None,
        }
    };
    for (id, second) in order.into_iter().zip([60, 61]) {
        let (began, token) = match id == own() {
            true => (60, "own"),
            false => (0, "earlier"),
        };
        let opened = open(id.clone(), began);
        approval.ports.beside.borrow_mut().push(opened);
        let request = Input::Request {
            promotion: id,
            task_token: TaskToken(token.into()),
            desk_url: None,
        };
        run(&approval, request, second).expect("asked");
    }
    approval
}

fn state(approval: &Approval<World>, id: &PromotionId) -> State {
    let known = approval.ports.known.borrow();
    approval.ports.open.borrow()[&known[&(id.clone(), key(Matter::Promotion))]].state
}

#[test]
fn who_waits_for_an_answer_makes_room_for_a_newer_promotion_of_its_environment() {
    let approval = asked_twice(|_| ());
    assert_eq!(state(&approval, &earlier()), State::Superseded);
    assert_eq!(state(&approval, &own()), State::Pending);
    assert_eq!(*approval.ports.resumed.borrow(), ["earlier"]);
}

#[test]
fn what_was_decided_stays_and_what_works_on_the_database_alone_takes_nobodys_place() {
    let approval = asked_twice(|ports| ports.operates.set(true));
    assert_eq!(state(&approval, &earlier()), State::Pending);
    assert!(approval.ports.resumed.borrow().is_empty());

    let approval = asked_twice(|ports| ports.overtaken_by.set(Some(State::Approved)));
    assert_eq!(state(&approval, &earlier()), State::Approved);
}

#[test]
fn one_that_asks_later_than_a_newer_makes_way_for_it() {
    let approval = asked_in_order([own(), earlier()], |_| ());
    assert_eq!(state(&approval, &earlier()), State::Superseded);
    assert_eq!(state(&approval, &own()), State::Pending);
    assert_eq!(*approval.ports.resumed.borrow(), ["earlier"]);
}

#[test]
fn a_late_try_of_the_earlier_one_does_not_end_the_newer() {
    let approval = asked_twice(|_| ());
    let request = Input::Request {
        promotion: earlier(),
        task_token: TaskToken("again".into()),
        desk_url: None,
    };
    run(&approval, request, 61).expect("told");
    assert_eq!(state(&approval, &own()), State::Pending);
    let resumed = approval.ports.resumed.borrow().clone();
    assert_eq!(resumed, ["earlier", "again"]);
}
