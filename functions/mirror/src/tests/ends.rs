//! What is still asked when a promotion ends.

use super::*;

/// A promotion about which people were asked as a whole and of which somebody wishes an
/// emergency.
fn asked_and_wished() -> Mirror<World> {
    let mirror = mirror();
    let mut request = serde_json::to_value(asked().request).expect("json");
    request["wish"] = json!({"wish": "emergency", "by": "carol", "reason": "it burns"});
    let request = serde_json::from_value(request).expect("a request");
    mirror
        .ports
        .wished
        .replace(Some(Asked { request, ..asked() }));
    tell(&mirror, Kind::ApprovalRequested, json!({}));
    tell(
        &mirror,
        Kind::ApprovalRequested,
        json!({"wish": "emergency"}),
    );
    mirror
}

fn is_now(asked: &RefCell<Option<Asked>>, state: State) {
    let mut asked = asked.borrow_mut();
    asked.as_mut().expect("asked").state = state;
}

fn end(mirror: &Mirror<World>) {
    let facts = json!({"outcome": "promoted"});
    tell(mirror, Kind::PromotionClosed, facts);
}

#[test]
fn a_request_that_nobody_decided_is_not_needed_any_more_when_its_promotion_ends() {
    let mirror = asked_and_wished();
    is_now(&mirror.ports.asked, State::Approved);
    end(&mirror);
    let updates = mirror.ports.updates.borrow();
    let [(ts, changed)] = updates.as_slice() else {
        panic!("one message is changed: {updates:?}")
    };
    assert_eq!(ts, "2");
    let expected = "Not open any more: storefront 1.1.0 in prod: emergency mode";
    assert_eq!(title(changed), expected);
    assert_eq!(buttons(changed), BTreeSet::from(["review".to_owned()]));
    let posts = mirror.ports.posts.borrow();
    assert_eq!(posts.len(), 3);
    assert!(title(&posts[2]).contains("Promoted"), "{:?}", posts[2]);
}

#[test]
fn what_was_decided_stays_as_it_is_when_its_promotion_ends() {
    let mirror = asked_and_wished();
    is_now(&mirror.ports.asked, State::Approved);
    is_now(&mirror.ports.wished, State::Rejected);
    end(&mirror);
    assert!(mirror.ports.updates.borrow().is_empty());
}

#[test]
fn a_request_that_somebody_deleted_is_not_posted_anew_when_its_promotion_ends() {
    let mirror = asked_and_wished();
    let deleted = ["1".to_owned(), "2".to_owned()];
    mirror.ports.deleted.replace(BTreeSet::from(deleted));
    end(&mirror);
    let posts = mirror.ports.posts.borrow();
    assert_eq!(posts.len(), 3);
    assert!(title(&posts[2]).contains("Promoted"), "{:?}", posts[2]);
}

#[test]
fn one_message_that_can_not_be_changed_leaves_no_other_with_its_buttons() {
    let mirror = asked_and_wished();
    let invalid = refused("chat.update", "invalid_blocks");
    mirror.ports.change_fails.set(Some(invalid));
    end(&mirror);
    assert_eq!(mirror.ports.updates.borrow().len(), 1);
    assert_eq!(mirror.ports.posts.borrow().len(), 3);
}

#[test]
fn nothing_is_read_of_requests_at_an_end_where_no_message_asks() {
    let mirror = mirror();
    end(&mirror);
    assert!(mirror.ports.reads.borrow().is_empty());
}
