use super::*;
use crate::timeline::Taken;
use crate::timeline::samples::{at, prod_entries, record, release_view};

fn baking() -> Record {
    let mut entries = prod_entries();
    entries.truncate(3);
    let mut record = record("prod", None, entries);
    record.state = Some("Bake".into());
    record
}

#[test]
fn a_baking_release_shows_state_weight_counts_and_verdict() {
    let mut view = release_view(&["dev", "prod", "late"]);
    view.stages[0].1 = Some(record("dev", Some(Outcome::Promoted), vec![]));
    view.stages[1].1 = Some(baking());
    let digest = view.release.bundle.digest.short().to_owned();
    let expected = format!(
        "\
shop 1.1.0  attempt 1, bundle {digest}
  dev   Promoted  1 min 00 s
  prod  Bake  20 s
    step 1 of 2: 10 % on the new versions
    ███░░░░░░░░░░░░░░░░░░░░░░░░░░░  10 s of 1 min 50 s
    function  versions  verdict       new             beside it        effect   interval
    checkout  3 → 4     inconclusive  0 of 60 failed  2 of 540 failed  +0.46 %  [-1.20 %, +3.10 %]
    look 1: inconclusive: harm of 2.00 % or more is excluded (at most 1.20 %)
  late  not begun"
    );
    assert_eq!(release(&view, at(20), Style::PLAIN).join("\n"), expected);
}

#[test]
fn a_release_that_codedeploy_shifts_shows_its_deployments_and_no_weight() {
    let entries = vec![crate::timeline::samples::entry(
        5,
        sluice_domain::ledger::Kind::DeploymentsCreated,
        serde_json::json!({"deployments": {"checkout": "d-1"}}),
    )];
    let mut record = record("prod", None, entries);
    record.state = Some("Bake".into());
    let lines = promotion(&record, at(20), Style::PLAIN);
    assert_eq!(
        lines.last().map(|line| line.trim()),
        Some("CodeDeploy shifts checkout (d-1)")
    );
}

#[test]
fn without_colour_there_is_no_escape_sequence_and_with_it_the_words_are_the_same() {
    let record = baking();
    let plain = promotion(&record, at(20), Style::PLAIN).join("\n");
    let coloured = promotion(&record, at(20), Style::COLOUR).join("\n");
    assert!(!plain.contains('\x1b'));
    assert!(coloured.contains("\x1b[33m"));
    let stripped = coloured.split('\x1b').map(|part| {
        part.split_once('m').map_or(
            part,
            |(code, rest)| if code.starts_with('[') { rest } else { part },
        )
    });
    assert_eq!(stripped.collect::<String>(), plain);
}

#[test]
fn a_bake_beyond_its_time_says_that_it_is_extended_and_until_when() {
    assert!(progress(15.0, 30.0, 60).ends_with("15 s of 30 s"));
    assert!(progress(45.0, 30.0, 60).ends_with("45 s, extended to at most 1 min 30 s"));
}

#[test]
fn a_promotion_that_has_ended_shows_how_and_why_and_no_bar() {
    let mut record = record("prod", Some(Outcome::RolledBack), prod_entries());
    record.promotion.reason = Some("checkout fails more often".into());
    let lines = promotion(&record, at(99), Style::PLAIN);
    assert_eq!(
        lines,
        ["shop/prod/1.1.0/1  RolledBack  1 min 00 s  checkout fails more often"]
    );
}

#[test]
fn a_timeline_shows_steps_versions_transitions_and_cost() {
    let taken = Taken {
        state_transitions: 40,
        calls: 12,
        gb_seconds: 0.0,
    };
    let timeline = Timeline::of(
        &record("prod", Some(Outcome::Promoted), prod_entries()),
        Some(taken),
        at(99),
    );
    let lines = super::timeline(&timeline, Style::PLAIN).join("\n");
    let expected = "\
prod  Promoted  1 min 00 s
  weight  lasted  verdict  looks  new              beside it         rule
  10 %    20 s    pass     2      1 of 120 failed  4 of 1080 failed  harm of 2.00 % or more is excluded (at most 1.20 %)
  100 %   15 s    pass     1      2 of 300 failed                    harm of 2.00 % or more is excluded (at most 1.20 %)
  checkout  version 3: 4 of 1080 failed, version 4: 3 of 420 failed";
    assert_eq!(lines, expected);
    let totals = totals(
        timeline.state_transitions,
        timeline.cost.as_ref(),
        Style::PLAIN,
    );
    assert!(
        totals[0].starts_with(
            "40 state transitions, $0.001125 at AWS list prices (Step Functions $0.001000,"
        ),
        "{}",
        totals[0]
    );
    assert!(totals[1].starts_with("not counted: "));
}

#[test]
fn durations_are_told_in_the_units_that_people_use() {
    for (seconds, expected) in [
        (0.4, "0 s"),
        (59.0, "59 s"),
        (185.0, "3 min 05 s"),
        (7800.0, "2 h 10 min"),
        (-3.0, "0 s"),
    ] {
        assert_eq!(duration(seconds), expected);
    }
}

/// A step's question to ada, in this state, after the promotion's own was decided.
fn asked_at_a_step(state: State) -> Record {
    let mut record = baking();
    let decided = serde_json::json!({"state": "approved"});
    let kind = sluice_domain::ledger::Kind::ApprovalDecided;
    let decided = crate::timeline::samples::entry(9, kind, decided);
    record.entries.insert(0, decided);
    let request = serde_json::json!({
        "id": "r", "promotion": "shop/prod/1.1.0/1",
        "bundle": record.promotion.bundle.digest, "plan": record.promotion.bundle.digest,
        "step": {"index": 0, "of": 2, "weight": 10, "verdict": "pass"},
        "policy": {"approvers": [
            {"name": "ada", "email": "ada@example.com", "totp_parameter": "/codes/ada"},
        ]},
        "authors": [], "opened_at": at(0), "expires_at": at(80),
    });
    record.approval = Some(Question {
        request: serde_json::from_value(request).expect("a request"),
        state,
        votes: Vec::new(),
    });
    record
}

#[test]
fn the_question_of_a_step_is_open_until_that_one_is_decided() {
    let shown = |state| promotion(&asked_at_a_step(state), at(20), Style::PLAIN).join("\n");
    let open = shown(State::Pending);
    let asks = "asks 1 of ada for approval of step 1 of 2, 10 % of the traffic, 0 so far, 1 min 00 s left: sluice approve shop/prod/1.1.0/1 --about step-1";
    assert!(open.contains(asks), "{open}");
    let decided = shown(State::Approved);
    assert!(!decided.contains("for approval"), "{decided}");

    let mut taken_back = asked_at_a_step(State::Pending);
    let vote = serde_json::json!({
        "person": "ada", "choice": "approve", "comment": "", "method": "totp",
        "at": at(10), "withdrawn_at": at(12),
    });
    let vote = serde_json::from_value(vote).expect("a vote");
    let question = taken_back.approval.as_mut().expect("a question");
    question.votes.push(vote);
    let open = promotion(&taken_back, at(20), Style::PLAIN).join("\n");
    assert!(open.contains(asks), "{open}");
}

#[test]
fn who_may_not_read_a_question_sees_that_people_are_asked_until_they_decide() {
    let entry = |sequence, kind, facts| crate::timeline::samples::entry(sequence, kind, facts);
    let facts = serde_json::json!({
        "approvers": ["ada", "bob"], "quorum": 1, "expires_at": at(80), "weight": null,
    });
    let mut record = record("prod", None, vec![entry(1, Kind::ApprovalRequested, facts)]);
    let shown = |record: &Record| promotion(record, at(20), Style::PLAIN).join("\n");
    let asks = "asks 1 of ada, bob for approval, 1 min 00 s left";
    assert!(shown(&record).contains(asks), "{}", shown(&record));

    let facts = serde_json::json!({"state": "approved"});
    record.entries.push(entry(2, Kind::ApprovalDecided, facts));
    assert!(
        !shown(&record).contains("for approval"),
        "{}",
        shown(&record)
    );
    let facts = serde_json::json!({
        "approvers": ["ada"], "quorum": 1, "expires_at": at(80), "step": 0, "weight": 10.0,
    });
    record
        .entries
        .push(entry(3, Kind::ApprovalRequested, facts));
    let asks = "asks 1 of ada for approval of the step with 10 % of the traffic, 1 min 00 s left";
    assert!(shown(&record).contains(asks), "{}", shown(&record));
}
