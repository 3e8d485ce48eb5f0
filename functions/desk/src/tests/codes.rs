//! One-time codes: who has none, has a wrong one or tries too many does not vote.

use super::*;

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
            .contains("This code is wrong, or its time is over. Tries left until 10:15 UTC: 4. Nothing was recorded."),
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
    let locked = run(
        &desk,
        event(PROGRAM, form(&vote("ada", "approve", 899))),
        899,
    );
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
        run(
            &desk,
            event(PROGRAM, form(&vote("ada", "approve", 900))),
            900
        )
        .status,
        200,
        "tries come back with time"
    );
}

#[test]
fn codes_of_one_secret_are_tried_so_often_whatever_they_are_for() {
    let desk = desk();
    let window = Window::of(at(60));
    let of_secret = ("secrets//codes/ada".to_owned(), window);
    desk.ports.tries.borrow_mut().insert(of_secret, 20);
    let answer = program(&desk, &approve());
    assert_eq!(answer.status, 429, "{}", answer.body);
    assert!(answer.body.contains("in all"), "{}", answer.body);
    assert_eq!(program(&desk, &bob()).status, 200, "another secret");
}

#[test]
fn who_goes_on_with_one_link_uses_up_nothing_elsewhere() {
    let desk = desk();
    for _ in 0..30 {
        program(&desk, "person=ada&code=000000&choice=approve");
    }
    let window = Window::of(at(60));
    let tries = desk.ports.tries.borrow();
    assert_eq!(tries[&(format!("{ID}/ada"), window)], 30);
    assert_eq!(tries[&("secrets//codes/ada".to_owned(), window)], 5);
}

#[test]
fn wrong_codes_of_one_person_cost_another_nothing() {
    let desk = desk();
    for _ in 0..6 {
        program(&desk, "person=ada&code=x&choice=approve");
    }
    assert_eq!(program(&desk, &bob()).status, 200);
}

#[test]
fn the_fifth_code_may_still_be_the_right_one() {
    let desk = desk();
    for _ in 0..4 {
        program(&desk, "person=ada&code=x&choice=approve");
    }
    assert_eq!(program(&desk, &approve()).status, 200);
}

#[test]
fn a_code_that_was_never_set_lets_nobody_in() {
    for kept in [None, Some(""), Some("correct horse")] {
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
fn each_code_counts_once_whatever_it_is_for() {
    let desk = desk();
    assert_eq!(program(&desk, &approve()).status, 200);
    let again = program(&desk, &vote("ada", "withdraw", 60));
    assert_eq!(again.status, 403);
    assert!(again.body.contains("each counts once"), "{}", again.body);
    let later = event(PROGRAM, form(&vote("ada", "withdraw", 90)));
    assert_eq!(run(&desk, later, 90).status, 200);
}
