//! What people are told of a request that waits.

use super::*;

/// A world whose request is open for an hour, asked at second 0.
fn asked() -> Approval<World> {
    let mut approval = world(1, &["ada", "bob"]);
    let escalation =
        json!({ "after_seconds": 1_200, "people": ["bob"], "topic_arn": "arn:second" });
    let policy = approval.ports.settings.approval.as_mut().expect("a policy");
    policy.escalation = serde_json::from_value(escalation).expect("an escalation");
    run(&approval, input(REQUEST), 0).expect("asked");
    approval
}

/// The reminders that were recorded, by what is told.
fn reminded(approval: &Approval<World>) -> Vec<String> {
    let facts = approval.ports.facts.borrow();
    let told = facts.keys();
    let told = told.filter_map(|key| key.strip_prefix("ApprovalReminded/reminder-"));
    told.map(str::to_owned).collect()
}

fn look(approval: &Approval<World>, second: i64) {
    let answer = run(approval, input(TALLY), second).expect("counted");
    let state = State::Pending;
    assert_eq!(answer, Output::Tallied { state });
}

#[test]
fn people_are_reminded_once_at_half_time_and_once_in_the_last_tenth_and_others_in_between() {
    let approval = asked();
    for (second, told) in [
        (60, 1),
        (1_199, 1),
        (1_200, 2),
        (1_260, 2),
        (1_800, 3),
        (1_860, 3),
        (3_240, 4),
        (3_599, 4),
    ] {
        look(&approval, second);
        assert_eq!(approval.ports.told.borrow().len(), told, "at {second}");
    }
    let told = approval.ports.told.borrow();
    let subjects: Vec<&str> = told.iter().map(|(_, one)| one.subject.as_str()).collect();
    assert_eq!(
        subjects,
        [
            "Approval needed: storefront 1.1.0 into prod",
            "Approval needed of others: storefront 1.1.0 into prod",
            "Approval still needed: storefront 1.1.0 into prod",
            "Approval still needed: storefront 1.1.0 into prod",
        ]
    );
    assert_eq!(told[1].0.as_deref(), Some("arn:second"));
    assert_eq!(told[2].0, told[0].0);
    let text = &told[1].1.body;
    assert!(
        text.contains("From now on these may approve it as well, whatever their roles: bob."),
        "{text}"
    );
    let text = &told[3].1.body;
    let waits = "It waits: 0 of 1 approvals so far. 0 h 6 min are left; after that it has expired, and nothing is released.";
    assert!(text.contains(waits), "{text}");
    assert!(text.contains("Release 1.1.0 of storefront"), "{text}");
    assert_eq!(
        reminded(&approval),
        ["escalated", "half_time", "last_tenth"]
    );
}

#[test]
fn of_two_times_that_passed_while_nobody_looked_the_later_one_is_told() {
    let approval = asked();
    look(&approval, 3_300);
    assert_eq!(reminded(&approval), ["escalated", "last_tenth"]);
    look(&approval, 3_400);
    assert_eq!(approval.ports.told.borrow().len(), 3);
}

#[test]
fn who_could_not_be_told_is_told_at_the_next_look() {
    let approval = asked();
    approval.ports.deaf.set(true);
    look(&approval, 1_800);
    assert!(reminded(&approval).is_empty());
    approval.ports.deaf.set(false);
    look(&approval, 1_860);
    assert_eq!(reminded(&approval), ["escalated", "half_time"]);
}

#[test]
fn nobody_is_reminded_of_what_is_decided_or_was_asked_a_moment_ago() {
    let approval = asked();
    approval
        .ports
        .cast(None, vote("ada", Choice::Approve, 1_700));
    run(&approval, input(TALLY), 1_800).expect("decided");
    assert!(reminded(&approval).is_empty());

    let mut short = world(1, &["ada", "bob"]);
    let policy = short.ports.settings.approval.as_mut().expect("a policy");
    policy.expires_seconds = 599;
    run(&short, input(REQUEST), 0).expect("asked");
    look(&short, 590);
    assert!(reminded(&short).is_empty());
}
