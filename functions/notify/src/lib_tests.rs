use std::cell::{Cell, RefCell};

use jiff::Timestamp;
use serde_json::{Value, json};
use sluice_domain::ledger::{Event, Kind};

use super::*;

const CLOSED: &str = include_str!("../../../events/notify/promotion-closed.json");
const QUIET: &str = include_str!("../../../events/notify/not-for-people.json");

#[derive(Default)]
struct Phone {
    told: RefCell<Vec<(Option<String>, Message)>>,
    /// Fails from this message on.
    breaks_at: Cell<Option<usize>>,
}

impl People for Phone {
    async fn tell(&self, topic: Option<&str>, message: &Message) -> Result<(), Fault> {
        let mut told = self.told.borrow_mut();
        if self
            .breaks_at
            .get()
            .is_some_and(|limit| told.len() >= limit)
        {
            return Err(Fault::other("sns:Publish", "out of reach"));
        }
        told.push((topic.map(str::to_owned), message.clone()));
        Ok(())
    }
}

/// The topic of each environment.
struct OwnTopic;

impl Topics for OwnTopic {
    async fn topic(&self, _: &str, environment: &str) -> Result<Option<String>, Fault> {
        Ok(Some(format!("arn:{environment}-topic")))
    }
}

fn notify() -> Notify<OwnTopic, Phone> {
    Notify {
        topics: OwnTopic,
        people: Phone::default(),
    }
}

fn run(notify: &Notify<OwnTopic, Phone>, event: Value) -> Result<Told, Error> {
    let event = serde_json::from_value(event).expect("the event is understood");
    tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("runtime")
        .block_on(notify.handle(event))
}

fn parsed(event: &str) -> Value {
    serde_json::from_str(event).expect("json")
}

fn stream(entries: &[(&str, Kind, Value)]) -> Value {
    let record = |(number, (chain, kind, facts)): (usize, &(&str, Kind, Value))| {
        let event = Event {
            chain: (*chain).to_owned(),
            key: "key".into(),
            kind: *kind,
            actor: "guard".into(),
            facts: facts.clone(),
        };
        let entry = Entry::seal(event, None, Timestamp::UNIX_EPOCH).expect("sealed");
        let image = json!({"pk": {"S": chain}, "sk": {"N": "1"}, "entry": {"S": serde_json::to_string(&entry).expect("json")}});
        json!({
            "awsRegion": "eu-west-1", "eventID": number.to_string(), "eventName": "INSERT",
            "dynamodb": {"NewImage": image, "SequenceNumber": format!("s{number}"), "SizeBytes": 1},
        })
    };
    json!({ "Records": entries.iter().enumerate().map(record).collect::<Vec<_>>() })
}

#[test]
fn the_end_of_a_promotion_is_told_to_the_environments_topic() {
    let notify = notify();
    assert_eq!(run(&notify, parsed(CLOSED)).expect("told"), Told::default());
    let told = notify.people.told.borrow();
    let (topic, message) = &told[0];
    assert_eq!(topic.as_deref(), Some("arn:prod-topic"));
    assert_eq!(message.subject, "[prod] storefront 1.2.0: RolledBack");
    assert!(
        message.body.contains("The new versions were taken out"),
        "{}",
        message.body
    );
    assert!(
        message.body.contains("reason: step 1 failed"),
        "{}",
        message.body
    );
    let expected = [
        ("kind", "PromotionClosed"),
        ("application", "storefront"),
        ("environment", "prod"),
    ];
    assert_eq!(
        message.attributes,
        expected.map(|(name, value)| (name, value.to_owned()))
    );
}

#[test]
fn what_is_not_for_people_is_left_out() {
    let notify = notify();
    assert_eq!(run(&notify, parsed(QUIET)).expect("read"), Told::default());
    assert!(notify.people.told.borrow().is_empty());
}

#[test]
fn a_release_belongs_to_no_environment_and_goes_to_the_default_topic() {
    let notify = notify();
    let refused = (
        "release/storefront/1.1.0",
        Kind::ReleaseRefused,
        json!({"error": "VersionTaken"}),
    );
    let unknown = (
        "release/unknown",
        Kind::ReleaseRefused,
        json!({"error": "InvalidEvent"}),
    );
    run(&notify, stream(&[refused, unknown])).expect("told");
    let told = notify.people.told.borrow();
    assert_eq!(
        (told[0].0.as_deref(), told[0].1.subject.as_str()),
        (None, "storefront 1.1.0: release refused")
    );
    assert_eq!(
        (told[1].0.as_deref(), told[1].1.subject.as_str()),
        (None, "Sluice: release refused")
    );
    assert_eq!(
        told[1].1.attributes.len(),
        1,
        "SNS refuses empty attributes"
    );
}

#[test]
fn all_six_kinds_that_people_hear_of_are_told() {
    let notify = notify();
    let kinds = [
        Kind::ReleaseRefused,
        Kind::ReleaseStarted,
        Kind::TrafficRolledBack,
        Kind::PromotionClosed,
        Kind::Stranded,
        Kind::TakenOver,
    ];
    run(
        &notify,
        stream(&kinds.map(|kind| ("shop/prod/1.0.0/1", kind, json!({})))),
    )
    .expect("told");
    assert_eq!(notify.people.told.borrow().len(), 6);
}

#[test]
fn a_message_that_could_not_be_sent_is_handed_back_and_nothing_after_it_is_sent() {
    let notify = notify();
    notify.people.breaks_at.set(Some(1));
    let started = ("shop/prod/1.0.0/1", Kind::ReleaseStarted, json!({}));
    let output = run(
        &notify,
        stream(&[started.clone(), started.clone(), started]),
    )
    .expect("handed back");
    assert_eq!(
        serde_json::to_value(output).expect("json"),
        json!({"batchItemFailures": [{"itemIdentifier": "s1"}]})
    );
    assert_eq!(notify.people.told.borrow().len(), 1);
}

#[test]
fn an_entry_that_cannot_be_read_is_handed_back() {
    let mut event = stream(&[("shop/prod/1.0.0/1", Kind::Stranded, json!({}))]);
    event["Records"][0]["dynamodb"]["NewImage"]["entry"]["S"] = json!("{}");
    let output = run(&notify(), event).expect("handed back");
    assert_eq!(
        output.batch_item_failures,
        [Failure {
            item_identifier: "s0".into()
        }]
    );
}

#[test]
fn a_failed_record_without_a_number_fails_the_batch() {
    let mut event = stream(&[("shop/prod/1.0.0/1", Kind::Stranded, json!({}))]);
    event["Records"][0]["dynamodb"]["NewImage"]["entry"]["S"] = json!("{}");
    event["Records"][0]["dynamodb"]["SequenceNumber"] = Value::Null;
    assert_eq!(
        run(&notify(), event).expect_err("fails").name(),
        "InvalidEvent"
    );
}

#[test]
fn subjects_are_one_line_of_ascii_and_facts_stay_on_their_line() {
    let notify = notify();
    let version = format!("1.0.0-{}", "x".repeat(200));
    let chain = format!("shop/prod/{version}/1");
    let facts = json!({"reason": "line one\nSubject: forged", "list": ["a", "b"], "long": "y".repeat(5000)});
    run(&notify, stream(&[(&chain, Kind::PromotionClosed, facts)])).expect("told");
    let told = notify.people.told.borrow();
    let message = &told[0].1;
    assert!(message.subject.len() < 100 && message.subject.is_ascii());
    assert!(
        message
            .body
            .contains("\nreason: line one Subject: forged\n"),
        "{}",
        message.body
    );
    assert!(message.body.contains("\nlist: a, b\n"));
    assert!(message.body.len() < 3000);
}

#[test]
fn of_runs_on_a_schedule_those_that_failed_are_told_to_the_environments_topic() {
    let ended = |outcome: &str| {
        let failed = json!(["suite `orders`: 1 of 2 tests failed"]);
        let facts = json!({"outcome": outcome, "failed": failed, "run": "20261102T0200Z"});
        ("suites/shop/prod", Kind::SuitesEnded, facts)
    };
    let notify = notify();
    let ends = ["passed", "failed", "set_aside"].map(ended);
    run(&notify, stream(&ends)).expect("told");
    let told = notify.people.told.borrow();
    let [(topic, message)] = told.as_slice() else {
        panic!("one is told: {told:?}");
    };
    assert_eq!(topic.as_deref(), Some("arn:prod-topic"));
    assert_eq!(message.subject, "[prod] shop: test suites FAILED");
    assert!(
        message.body.contains("failed: suite `orders`: 1 of 2"),
        "{}",
        message.body
    );
}

#[test]
fn the_removal_of_a_preview_is_told_to_the_topic_of_the_environment_that_it_was_derived_from() {
    let facts = json!({"preview_of": "dev", "by": "ada", "reason": "merged", "left": ["web:pr-7"]});
    let removed = ("preview/shop/pr-7", Kind::PreviewRemoved, facts);
    let notify = notify();
    run(&notify, stream(&[removed])).expect("told");
    let told = notify.people.told.borrow();
    let (topic, message) = &told[0];
    assert_eq!(topic.as_deref(), Some("arn:dev-topic"));
    assert_eq!(message.subject, "[pr-7] shop: preview removed");
    for part in ["by: ada", "reason: merged", "left: web:pr-7"] {
        assert!(message.body.contains(part), "{part}: {}", message.body);
    }
    let expected = ("environment".to_owned(), "pr-7".to_owned());
    let attributes: Vec<(String, String)> = (message.attributes.iter())
        .map(|(name, value)| ((*name).to_owned(), value.clone()))
        .collect();
    assert!(attributes.contains(&expected), "{attributes:?}");
}
