use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use sluice_domain::ledger::{Kind, verify};

use super::*;

const APPEND: &str = include_str!("../../../events/record/append.json");
const SEVERAL_CHAINS: &str = include_str!("../../../events/record/several-chains.json");

/// A ledger in memory, with the conditions of the real one.
#[derive(Default)]
struct Memory {
    entries: RefCell<Vec<Entry>>,
    keys: RefCell<BTreeMap<(String, String), u64>>,
    /// What others append between this writer's reading and writing.
    rivals: RefCell<Vec<Event>>,
    /// Every write meets another transaction.
    crowded: bool,
}

impl Memory {
    fn store(&self, entry: &Entry) {
        let key = (entry.event.chain.clone(), entry.event.key.clone());
        self.keys.borrow_mut().insert(key, entry.sequence);
        self.entries.borrow_mut().push(entry.clone());
    }

    fn chain(&self, chain: &str) -> Vec<Entry> {
        self.entries
            .borrow()
            .iter()
            .filter(|entry| entry.event.chain == chain)
            .cloned()
            .collect()
    }
}

impl Chains for Memory {
    async fn head(&self, chain: &str) -> Result<Option<Entry>, Fault> {
        Ok(self.chain(chain).last().cloned())
    }

    async fn place(&self, chain: &str, key: &str) -> Result<Option<u64>, Fault> {
        Ok(self
            .keys
            .borrow()
            .get(&(chain.to_owned(), key.to_owned()))
            .copied())
    }

    async fn entry(&self, chain: &str, sequence: u64) -> Result<Option<Entry>, Fault> {
        let chain = self.chain(chain);
        Ok(chain.into_iter().find(|entry| entry.sequence == sequence))
    }

    async fn write(&self, entry: &Entry) -> Result<Written, Fault> {
        let rival = self.rivals.borrow_mut().pop();
        if let Some(rival) = rival {
            let tail = self
                .chain(&rival.chain)
                .last()
                .map(|last| (last.sequence, last.hash.clone()));
            self.store(&Entry::seal(rival, tail, at()).expect("sealed"));
        }
        if self
            .place(&entry.event.chain, &entry.event.key)
            .await?
            .is_some()
        {
            return Ok(Written::Known);
        }
        if self.crowded
            || self
                .chain(&entry.event.chain)
                .iter()
                .any(|other| other.sequence == entry.sequence)
        {
            return Ok(Written::Taken);
        }
        self.store(entry);
        Ok(Written::Done)
    }
}

#[derive(Default)]
struct Lines(RefCell<Vec<Value>>);

impl Meter for Lines {
    fn print(&self, line: &str) {
        self.0
            .borrow_mut()
            .push(serde_json::from_str(line).expect("JSON"));
    }
}

fn at() -> Timestamp {
    "2026-11-21T10:00:00.5Z".parse().expect("time")
}

fn recorder() -> Recorder<Memory, Lines> {
    Recorder {
        table: Memory::default(),
        meter: Lines::default(),
    }
}

fn event(key: &str, facts: Value) -> Event {
    Event {
        chain: "storefront/prod/1.1.0/1".to_owned(),
        key: key.to_owned(),
        kind: Kind::VerdictReached,
        actor: "judge".to_owned(),
        facts,
    }
}

fn input(json: &str) -> Input {
    serde_json::from_str(json).expect("an event file that is understood")
}

#[tokio::test]
async fn events_of_one_call_are_chained_in_order() {
    let recorder = recorder();
    let output = recorder
        .handle(input(APPEND), at())
        .await
        .expect("recorded");
    assert_eq!(
        (output.chain.as_str(), output.sequence),
        ("storefront/prod/1.1.0/1", 2)
    );
    let chain = recorder.table.chain(&output.chain);
    assert_eq!(
        chain
            .iter()
            .map(|entry| entry.event.kind)
            .collect::<Vec<_>>(),
        [Kind::TrafficShifted, Kind::VerdictReached]
    );
    assert_eq!(verify(&chain), Ok(()));
}

#[tokio::test]
async fn the_same_events_again_record_nothing_and_answer_the_same() {
    let recorder = recorder();
    for _ in 0..2 {
        assert_eq!(
            recorder
                .handle(input(APPEND), at())
                .await
                .expect("recorded")
                .sequence,
            2
        );
    }
    assert_eq!(recorder.table.entries.borrow().len(), 2);
    assert_eq!(recorder.meter.0.borrow().len(), 2);
}

#[tokio::test]
async fn a_call_that_stopped_half_way_is_completed_by_its_repetition() {
    let recorder = recorder();
    let mut first = input(APPEND);
    first.events.truncate(1);
    recorder.handle(first, at()).await.expect("recorded");
    let output = recorder
        .handle(input(APPEND), at())
        .await
        .expect("recorded");
    assert_eq!(output.sequence, 2);
    assert_eq!(verify(&recorder.table.chain(&output.chain)), Ok(()));
}

#[tokio::test]
async fn a_lost_race_is_tried_again_after_the_winner() {
    let recorder = recorder();
    *recorder.table.rivals.borrow_mut() =
        vec![event("rival/2", json!({})), event("rival/1", json!({}))];
    let append = Append {
        events: vec![event("own", json!({}))],
    };
    let output = recorder.handle(append, at()).await.expect("recorded");
    assert_eq!(output.sequence, 3);
    assert_eq!(verify(&recorder.table.chain(&output.chain)), Ok(()));
}

#[tokio::test]
async fn a_rival_with_the_same_key_is_the_same_event() {
    let recorder = recorder();
    *recorder.table.rivals.borrow_mut() = vec![event("own", json!({}))];
    let append = Append {
        events: vec![event("own", json!({})), event("next", json!({}))],
    };
    let output = recorder.handle(append, at()).await.expect("recorded");
    assert_eq!(output.sequence, 2);
    assert_eq!(verify(&recorder.table.chain(&output.chain)), Ok(()));
}

/// What is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no panic").extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What is logged when an event meets an entry with its key.
async fn logged_by_repeating(first: Event, again: Event) -> String {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let recorder = recorder();
    for event in [first, again] {
        let append = Append {
            events: vec![event],
        };
        let output = recorder.handle(append, at()).await.expect("recorded");
        assert_eq!(output.sequence, 1);
    }
    let bytes = log.0.lock().expect("no panic").clone();
    String::from_utf8(bytes).expect("text")
}

#[tokio::test]
async fn a_repeated_key_with_other_facts_or_another_kind_is_warned_of_without_its_facts() {
    let first = event("own", json!({"city": "Oslo"}));
    let facts = event("own", json!({"city": "Rome"}));
    let kind = Event {
        kind: Kind::Committed,
        ..first.clone()
    };
    for again in [facts, kind] {
        let log = logged_by_repeating(first.clone(), again).await;
        assert!(
            log.contains("WARN") && log.contains("says something else"),
            "{log}"
        );
        assert!(log.contains("key=own"), "{log}");
        assert!(!log.contains("Oslo") && !log.contains("Rome"), "{log}");
    }
}

#[tokio::test]
async fn a_repeated_event_is_nothing_to_warn_of() {
    let same = event("own", json!({"rate": 0.1, "city": "Oslo"}));
    let log = logged_by_repeating(same.clone(), same).await;
    assert_eq!(log, "");
}

#[tokio::test]
async fn a_crowded_chain_is_given_up_under_a_name_that_is_retried() {
    let recorder = Recorder {
        table: Memory {
            crowded: true,
            ..Memory::default()
        },
        meter: Lines::default(),
    };
    let append = Append {
        events: vec![event("own", json!({}))],
    };
    let error = recorder.handle(append, at()).await.expect_err("crowded");
    assert_eq!(error.name(), "Throttled");
    assert!(error.to_string().contains("`own`"), "{error}");
}

#[tokio::test]
async fn events_of_several_chains_are_refused_and_nothing_is_recorded() {
    let recorder = recorder();
    let error = recorder
        .handle(input(SEVERAL_CHAINS), at())
        .await
        .expect_err("refused");
    assert_eq!(error.name(), "InvalidInput");
    assert!(
        error.to_string().contains("storefront/staging/1.1.0/1"),
        "{error}"
    );
    assert!(recorder.table.entries.borrow().is_empty());
    let empty = recorder
        .handle(Append { events: Vec::new() }, at())
        .await
        .expect_err("refused");
    assert_eq!(empty.name(), "InvalidInput");
}

#[tokio::test]
async fn any_number_survives_the_way_through_the_ledger() {
    let recorder = recorder();
    // xorshift64: numbers as a judge computes them, the same in each run.
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let numbers: Vec<f64> = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        f64::from_bits(0x3FF0_0000_0000_0000 | (state >> 12)) - 1.0
    })
    .take(2000)
    .collect();
    let append = Append {
        events: vec![event("numbers", json!(numbers))],
    };
    let output = recorder.handle(append, at()).await.expect("recorded");
    let stored = serde_json::to_string(&recorder.table.chain(&output.chain)).expect("JSON");
    let read: Vec<Entry> = serde_json::from_str(&stored).expect("entries");
    assert_eq!(verify(&read), Ok(()));
}

#[tokio::test]
async fn a_promotions_event_is_counted_per_application_environment_and_kind() {
    let recorder = recorder();
    recorder
        .handle(input(APPEND), at())
        .await
        .expect("recorded");
    let line = recorder.meter.0.borrow()[0].clone();
    assert_eq!(
        line,
        json!({
            "_aws": {
                "Timestamp": 1_795_255_200_500_u64,
                "CloudWatchMetrics": [{
                    "Namespace": "Sluice",
                    "Dimensions": [["Application", "Environment", "Kind"], ["Kind"]],
                    "Metrics": [{ "Name": "Events", "Unit": "Count" }],
                }],
            },
            "Application": "storefront",
            "Environment": "prod",
            "Kind": "TrafficShifted",
            "Events": 1,
            "Chain": "storefront/prod/1.1.0/1",
            "Sequence": 1,
        })
    );
}

#[test]
fn a_releases_event_has_no_environment_and_every_dimension_it_names() {
    for (chain, application) in [
        ("release/storefront/1.1.0", "storefront"),
        ("release/unknown", "unknown"),
        ("release/", "unknown"),
    ] {
        let event = Event {
            chain: chain.to_owned(),
            ..event("k", json!({}))
        };
        let entry = Entry::seal(event, None, at()).expect("sealed");
        let line: Value = serde_json::from_str(&line(&entry)).expect("JSON");
        assert_eq!(line["Application"], application);
        assert_eq!(
            line["_aws"]["CloudWatchMetrics"][0]["Dimensions"],
            json!([["Application", "Kind"], ["Kind"]])
        );
        assert!(line.get("Environment").is_none());
    }
}
