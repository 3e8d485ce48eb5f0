//! Promotions for tests: `shop` 1.1.0 on its way into `prod`.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sluice_domain::digest::Digest;
use sluice_domain::journal::{Published, Versions};
use sluice_domain::ledger::{Entry, Event, Kind};
use sluice_domain::plan::Plan;
use sluice_domain::promotion::{BundleRef, Outcome, Promotion, PromotionId};
use sluice_domain::settings::{JudgePolicy, Step};
use sluice_platform::store::Release;

use crate::execution::Standing;
use crate::view::{Record, ReleaseView};

pub(crate) fn at(second: i64) -> Timestamp {
    let start: Timestamp = "2026-01-01T00:00:00Z".parse().expect("a time");
    start + SignedDuration::from_secs(second)
}

pub(crate) fn entry(second: i64, kind: Kind, facts: Value) -> Entry {
    let event = Event {
        chain: "shop/prod/1.1.0/1".into(),
        key: second.to_string(),
        kind,
        actor: "sluice".into(),
        facts,
    };
    Entry::seal(event, None, at(second)).expect("sealed")
}

/// Entries one after the other, each sealed to the one before.
pub(crate) fn chain(facts: Vec<(i64, Kind, Value)>) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for (second, kind, facts) in facts {
        let event = entry(second, kind, facts).event;
        let after = entries
            .last()
            .map(|last| (last.sequence, last.hash.clone()));
        entries.push(Entry::seal(event, after, at(second)).expect("sealed"));
    }
    entries
}

pub(crate) fn verdict(
    step: usize,
    weight: f64,
    look: u64,
    outcome: &str,
    canary: (f64, f64),
    baseline: Option<(f64, f64)>,
) -> Value {
    let counts =
        |(invocations, errors): (f64, f64)| json!({"invocations": invocations, "errors": errors});
    let function = json!({
        "outcome": outcome, "rule": "harm of 2.00 % or more is excluded (at most 1.20 %)",
        "canary": counts(canary), "baseline": baseline.map(counts), "effect": 0.0046, "interval": [-0.012, 0.031],
    });
    let queries: Vec<Value> = if baseline.is_some() {
        vec![json!({}); 4]
    } else {
        vec![json!({}); 2]
    };
    json!({
        "step": step, "weight": weight, "look": look, "outcome": outcome,
        "rule": "harm of 2.00 % or more is excluded (at most 1.20 %)",
        "functions": {"checkout": function}, "queries": queries,
    })
}

/// A promotion through 10 and 100 %.
pub(crate) fn prod_entries() -> Vec<Entry> {
    let shift = |step: usize, weight: f64, second: i64| json!({"step": step, "weight": weight, "shifted_at": at(second), "functions": {}});
    chain(vec![
        (1, Kind::BundleVerified, json!({"artifacts": 2})),
        (10, Kind::TrafficShifted, shift(0, 10.0, 10)),
        (
            20,
            Kind::VerdictReached,
            verdict(0, 10.0, 1, "inconclusive", (60.0, 0.0), Some((540.0, 2.0))),
        ),
        (
            29,
            Kind::VerdictReached,
            verdict(0, 10.0, 2, "pass", (120.0, 1.0), Some((1080.0, 4.0))),
        ),
        (30, Kind::TrafficShifted, shift(1, 100.0, 30)),
        (
            44,
            Kind::VerdictReached,
            verdict(1, 100.0, 1, "pass", (300.0, 2.0), None),
        ),
        (45, Kind::Committed, json!({})),
        (60, Kind::PromotionClosed, json!({"outcome": "promoted"})),
    ])
}

pub(crate) fn record(environment: &str, outcome: Option<Outcome>, entries: Vec<Entry>) -> Record {
    let published = Published {
        name: "shop-checkout".into(),
        arn: "arn:aws:lambda:eu-west-1:123456789012:function:shop-checkout".into(),
        alias: "live".into(),
        version: "4".into(),
        stable: Some("3".into()),
        revision: None,
        changed: true,
    };
    let steps = vec![Step::new(10.0, 20), Step::new(100.0, 15)];
    let judge = JudgePolicy {
        lag_seconds: Some(0),
        ..JudgePolicy::default()
    };
    let id = PromotionId {
        environment: environment.into(),
        ..id()
    };
    Record {
        promotion: Promotion {
            id,
            bundle: bundle(),
            execution_arn: "arn:aws:states:eu-west-1:123456789012:execution:promote:shop".into(),
            opened_at: at(0),
            outcome,
            reason: None,
            closed_at: outcome.map(|_| at(60)),
        },
        plan: Some(Plan {
            bundle: Digest::of(b"bundle"),
            functions: BTreeMap::new(),
            role: None,
            approval_seconds: None,
            keep_versions: None,
            goes_back: false,
            migrations: None,
            operation: None,
            restore: None,
            server: None,
            database: None,
            suites: Vec::new(),
            steps,
            codedeploy: None,
            judge,
        }),
        versions: Versions::from([("checkout".to_owned(), published)]),
        entries,
        approval: None,
        state: None,
        runs: outcome.is_none(),
    }
}

pub(crate) fn id() -> PromotionId {
    "shop/prod/1.1.0/1".parse().expect("an id")
}

fn bundle() -> BundleRef {
    BundleRef {
        bucket: "artifacts".into(),
        key: "shop/1.1.0/release.json".into(),
        version_id: "v1".into(),
        digest: Digest::of(b"bundle"),
    }
}

pub(crate) fn release_view(environments: &[&str]) -> ReleaseView {
    let release = Release {
        application: "shop".into(),
        version: id().version,
        bundle: bundle(),
        attempt: 1,
        environments: environments.iter().map(|name| (*name).to_owned()).collect(),
        rollback: false,
        operation: None,
        execution_arn: "arn:aws:states:eu-west-1:123456789012:execution:release:shop".into(),
        requested_by: "ada".into(),
        principal: None,
        requested_at: at(0),
    };
    ReleaseView {
        release,
        standing: Some(Standing {
            status: aws_sdk_sfn::types::ExecutionStatus::Running,
            cause: None,
        }),
        stages: environments
            .iter()
            .map(|name| ((*name).to_owned(), None))
            .collect(),
    }
}
