//! What others wrote, in Slack: it is text and nothing else.

use sluice_hostile::{HARMLESS, TEXTS, hides, places, variants};

use super::*;

/// What people see of a message is text, its notification has no markup, and a message of
/// harmless words has the same blocks.
fn is_text(harmless: &Value, hostile: &Value) {
    let shape = |message: &Value| {
        let places = places(message).into_iter();
        places.collect::<Vec<_>>()
    };
    assert_eq!(shape(harmless), shape(hostile), "{hostile}");
    // What a button sends back is shown to nobody.
    let shown = |place: &String| !place.ends_with("/value");
    for place in places(hostile).into_iter().filter(shown) {
        let text = hostile.pointer(&place).and_then(Value::as_str);
        let text = text.expect("a text");
        assert_eq!(hides(text), None, "{place}: {text:?}");
    }
    let notified = hostile["text"].as_str().expect("a notification");
    assert!(!notified.contains(['<', '>', '\n']), "{notified}");
    check_limits(hostile);
}

/// What is posted of an entry, if anything is.
fn post(asked: Asked, kind: Kind, facts: &Value) -> Option<Value> {
    let mirror = mirror();
    mirror.ports.asked.replace(Some(asked));
    tell(&mirror, kind, facts.clone());
    mirror.ports.posts.borrow().last().cloned()
}

#[test]
fn a_request_is_text_in_slack_whatever_it_says() {
    let mut request = serde_json::to_value(asked().request).expect("json");
    request["wish"] = json!({"wish": "emergency", "by": "carol", "reason": "it burns"});
    let card = |request: &Value| {
        let request = serde_json::from_value(request.clone()).ok()?;
        let asked = Asked { request, ..asked() };
        post(asked, Kind::ApprovalRequested, &json!({}))
    };
    let taken = variants(&request).filter_map(|(harmless, hostile)| {
        let hostile = card(&hostile)?;
        is_text(&card(&harmless).or_else(|| card(&request))?, &hostile);
        Some(())
    });
    assert!(taken.count() > 5 * TEXTS.len());
}

#[test]
fn a_plan_and_votes_are_text_in_slack_whatever_they_say() {
    let plan = serde_json::to_value(asked().plan).expect("json");
    let card = |plan: &Value, said: &str| {
        let plan = serde_json::from_value(plan.clone()).ok()?;
        let votes = vec![vote(said, Choice::Approve)];
        let asked = Asked {
            plan,
            votes,
            ..asked()
        };
        post(asked, Kind::ApprovalRequested, &json!({}))
    };
    let taken = variants(&plan).filter_map(|(harmless, hostile)| {
        let hostile = card(&hostile, "ada")?;
        is_text(
            &card(&harmless, "ada").or_else(|| card(&plan, "ada"))?,
            &hostile,
        );
        Some(())
    });
    assert!(taken.count() > 5 * TEXTS.len());
    for text in TEXTS {
        let said = |text| card(&plan, text).expect("a message");
        is_text(&said(HARMLESS), &said(text));
    }
}

#[test]
fn what_the_ledger_holds_is_text_in_slack() {
    let names = [
        "person",
        "comment",
        "choice",
        "state",
        "waiting",
        "why",
        "reason",
        "by",
        "requester",
        "outcome",
        "verdict",
        "operator",
        "cause",
        "title",
        "function",
        "window",
        "url",
        "what",
        "sentence",
    ];
    let facts = |text: &str| -> Value {
        let facts = names.map(|name| (name.to_owned(), json!(text)));
        Value::Object(facts.into_iter().collect())
    };
    let kinds = [
        Kind::VoteCast,
        Kind::VoteWithdrawn,
        Kind::ApprovalReminded,
        Kind::ApprovalDecided,
        Kind::StartScheduled,
        Kind::TargetsQueued,
        Kind::VerdictReached,
        Kind::LimitExceeded,
        Kind::OperatorAsked,
        Kind::PersonAwaited,
        Kind::TrafficRolledBack,
        Kind::PromotionClosed,
        Kind::TakenOver,
        Kind::DatabaseRestored,
        Kind::SuiteRan,
    ];
    let mut shown = 0;
    for kind in kinds {
        for text in TEXTS {
            let said = |text| post(asked(), kind, &facts(text));
            if let (Some(harmless), Some(hostile)) = (said(HARMLESS), said(text)) {
                is_text(&harmless, &hostile);
                shown += 1;
            }
        }
    }
    assert!(shown > 5 * TEXTS.len(), "{shown} messages");
}
