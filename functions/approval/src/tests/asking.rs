//! Opening a request and telling people.

use super::*;

#[test]
fn a_request_is_bound_to_bundle_and_plan_and_people_get_the_link() {
    let approval = world(1, &["ada", "bob"]);
    let output = run(&approval, input(REQUEST), 10).expect("asked");
    assert_eq!(
        serde_json::to_value(output).expect("json"),
        json!({"state": "pending"})
    );

    let open = approval.ports.opened();
    assert_eq!(open.request.bundle, Digest::of(b"bundle"));
    assert_eq!(open.request.plan, plan().hash().expect("hash"));
    assert_eq!(open.request.authors, ["eve@example.com"]);
    assert_eq!(open.request.expires_at, at(3610));

    let told = approval.ports.told.borrow();
    let (topic, message) = &told[0];
    assert_eq!(*topic, None);
    assert_eq!(
        message.subject,
        "Approval needed: storefront 1.1.0 into prod"
    );
    for part in [
        "https://desk.example.com/r/mzxw6ytb",
        "sluice approve storefront/prod/1.1.0/1",
        "1970-01-01 01:00:10 UTC",
        "- checkout: version 7 -> code ",
        "\n  memory: 128 MB -> 256 MB\n",
    ] {
        assert!(message.body.contains(part), "{part} in {}", message.body);
    }
}

#[test]
fn neither_token_nor_id_reach_the_ledger_and_the_token_stays_out_of_the_message() {
    let approval = world(1, &["ada"]);
    run(&approval, input(REQUEST), 0).expect("asked");
    approval.ports.cast(None, vote("ada", Choice::Approve, 1));
    run(&approval, input(TALLY), 2).expect("counted");
    let ledger = serde_json::to_string(&*approval.ports.facts.borrow()).expect("json");
    assert!(
        !ledger.contains("AQB8AAAAKg") && !ledger.contains(NAME),
        "{ledger}"
    );
    assert!(
        !approval.ports.told.borrow()[0]
            .1
            .body
            .contains("AQB8AAAAKg")
    );
    assert!(!format!("{:?}", input(REQUEST)).contains("AQB8AAAAKg"));
}

#[test]
fn without_a_page_address_the_message_names_the_command() {
    let approval = world(1, &["ada"]);
    let Input::Request {
        promotion,
        task_token,
        ..
    } = input(REQUEST)
    else {
        panic!("a request was expected");
    };
    let without = Input::Request {
        promotion,
        task_token,
        desk_url: None,
    };
    run(&approval, without, 0).expect("asked");
    let told = approval.ports.told.borrow();
    assert!(
        told[0]
            .1
            .body
            .contains("Vote with\n  sluice approve storefront/prod/1.1.0/1"),
        "{}",
        told[0].1.body
    );
    assert!(!told[0].1.body.contains("/r/"));
}

#[test]
fn a_request_asked_again_keeps_its_deadline_and_the_token_of_each_try() {
    let approval = world(1, &["ada"]);
    run(&approval, request_with("first"), 0).expect("asked");
    run(&approval, request_with("second"), 100).expect("asked again");
    let open = approval.ports.opened();
    let tokens = ["first", "second"].map(|token| TaskToken(token.to_owned()));
    let kept = approval.ports.tokens.borrow();
    let kept: Vec<&TaskToken> = kept.iter().map(|(_, token)| token).collect();
    assert_eq!(kept, tokens.each_ref());
    assert_eq!(open.request.expires_at, at(3600));
    assert!(approval.ports.resumed.borrow().is_empty());
}

#[test]
fn a_first_try_that_comes_after_the_second_one_does_not_keep_it_from_being_resumed() {
    for order in [["first", "second"], ["second", "first"]] {
        let approval = world(1, &["ada"]);
        for (token, second) in order.into_iter().zip(0..) {
            run(&approval, request_with(token), second).expect("asked");
        }
        let vote = vote("ada", Choice::Approve, 2);
        approval.ports.cast(None, vote);
        run(&approval, input(TALLY), 3).expect("counted");
        assert_eq!(*approval.ports.resumed.borrow(), order);
    }
}

#[test]
fn a_try_whose_signal_fails_holds_up_no_other_and_is_told() {
    let approval = world(1, &["ada"]);
    run(&approval, request_with("first"), 0).expect("asked");
    run(&approval, request_with("second"), 1).expect("asked again");
    let vote = vote("ada", Choice::Approve, 2);
    approval.ports.cast(None, vote);
    approval.ports.throttled.set(Some("first"));
    run(&approval, input(TALLY), 3).expect_err("it is counted again");
    assert_eq!(*approval.ports.resumed.borrow(), ["second"]);
}

#[test]
fn a_request_asked_again_after_its_decision_resumes_the_new_task_at_once() {
    let approval = world(1, &["ada"]);
    run(&approval, request_with("first"), 0).expect("asked");
    approval.ports.cast(None, vote("ada", Choice::Approve, 1));
    run(&approval, input(TALLY), 2).expect("counted");
    let output = run(&approval, request_with("second"), 3).expect("asked again");
    assert_eq!(
        output,
        Output::Requested {
            state: State::Approved
        }
    );
    assert_eq!(*approval.ports.resumed.borrow(), ["first", "second"]);
}

#[test]
fn a_request_whose_first_try_died_after_noting_its_id_opens_under_that_id() {
    let approval = world(1, &["ada"]);
    let noted = BTreeMap::from([((own(), key(Matter::Promotion)), "noted-before".to_owned())]);
    approval.ports.known.replace(noted);
    run(&approval, input(REQUEST), 0).expect("asked");
    assert_eq!(approval.ports.opened().request.id, "noted-before");
}

#[test]
fn a_message_that_nobody_gets_leaves_the_request_open_and_the_ledger_says_so() {
    let approval = world(1, &["ada"]);
    approval.ports.deaf.set(true);
    run(&approval, input(REQUEST), 0).expect("asked all the same");
    let facts = approval.ports.facts.borrow();
    let asked = &facts["ApprovalRequested/request"];
    assert_eq!(asked["notified"], json!(false));
    assert_eq!(asked["problem"], json!("sns:Publish failed: no such topic"));
}

#[test]
fn the_environments_own_topic_comes_first() {
    let mut approval = world(1, &["ada"]);
    approval.ports.settings.channels.topic_arn = Some("arn:topic".into());
    run(&approval, input(REQUEST), 0).expect("asked");
    assert_eq!(
        approval.ports.told.borrow()[0].0.as_deref(),
        Some("arn:topic")
    );
}

#[test]
fn settings_that_lost_their_approvers_are_refused() {
    let mut approval = world(1, &["ada"]);
    approval.ports.settings.approval = None;
    let error = run(&approval, input(REQUEST), 0).expect_err("refused");
    assert_eq!(error.name(), "InvalidSettings");
    assert!(approval.ports.open.borrow().is_empty());
}

#[test]
fn a_quorum_that_only_authors_could_reach_is_refused_at_once() {
    let error = run(&world(2, &["ada", "eve"]), input(REQUEST), 0).expect_err("refused");
    assert_eq!(error.name(), "InvalidSettings");
    assert!(
        error
            .to_string()
            .contains("who did not write, merge, begin or want it can't fill all slots (any, any)"),
        "{error}"
    );
}

#[test]
fn unknown_fields_and_operations_are_refused() {
    for text in [
        r#"{"op":"tally","approval":"x","extra":1}"#,
        r#"{"op":"open","promotion":"a/b/1.0.0/1"}"#,
        r#"{"op":"conclude","promotion":"nonsense"}"#,
    ] {
        assert!(serde_json::from_str::<Input>(text).is_err(), "{text}");
    }
}

#[test]
fn people_are_told_when_what_they_approve_would_start() {
    let mut approval = world(1, &["ada"]);
    run(&approval, input(REQUEST), 10).expect("asked");
    let body = approval.ports.told.borrow()[0].1.body.clone();
    assert!(!body.contains("If it is approved now"), "{body}");

    approval = world(1, &["ada"]);
    let night = json!([{
        "kind": "maintenance", "starts": "2026-01-01T22:00", "lasts": "PT4H", "time_zone": "UTC",
        "reason": "the night",
    }]);
    approval.ports.settings.windows = serde_json::from_value(night).expect("windows");
    let the_day_before = 1_767_200_000;
    run(&approval, input(REQUEST), the_day_before).expect("asked");
    let body = approval.ports.told.borrow()[0].1.body.clone();
    let said = "If it is approved now, it starts at 2026-01-01 22:00:00 UTC at the soonest: no maintenance window is open.";
    assert!(body.contains(said), "{body}");
}

#[test]
fn people_are_told_that_they_are_asked_for_a_rollback_and_what_that_passes_over() {
    let approval = world(1, &["ada"]);
    approval.ports.goes_back.set(true);
    run(&approval, input(REQUEST), 10).expect("asked");
    let message = approval.ports.told.borrow()[0].1.clone();
    assert_eq!(
        message.subject,
        "Approval needed: storefront back to 1.1.0 in prod"
    );
    assert!(
        message.body.starts_with("This is a rollback"),
        "{}",
        message.body
    );
}

#[test]
fn people_are_told_which_statements_ask_for_care() {
    let approval = world(1, &["ada"]);
    let migrations = json!({
        "digest": format!("sha256:{}", "0".repeat(64)), "phase": "expand", "tool": "sqlx", "place": "db:5432/shop",
        "server": "17.10", "applied": 3, "pending": 1, "files": ["4_drop.sql"], "waiting": 0,
        "classes": {"a": 0, "b": 0, "c": 1}, "more": 2,
        "statements": [{"place": "4_drop.sql:1", "kind": "DO", "class": "C",
            "reason": "it can't be seen through", "old_code": "nobody knows"}],
        "checks": ["nobody is lost: SELECT id FROM person\nWHERE name = ''"],
    });
    approval
        .ports
        .migrations
        .replace(serde_json::from_value(migrations).expect("valid"));
    run(&approval, input(REQUEST), 10).expect("asked");
    let body = approval.ports.told.borrow()[0].1.body.clone();
    let told = "Database: 1 migration on db:5432/shop, statements of each class: 0 A, 0 B, 1 C\n\
                - C  4_drop.sql:1  DO: it can't be seen through; the version that serves: nobody knows\n\
                - and 2 more that ask for care\n\
                - afterwards it is asked: nobody is lost: SELECT id FROM person WHERE name = ''\n";
    assert!(body.contains(told), "{body}");
}
