//! Whether the ledger takes a verdict.

use sluice_domain::judge::MetricLimit;

use super::*;
use crate::facts::MOST_BYTES;

/// The largest group of so many functions, with so many limits on latency each and
/// the longest names. So many per cent of the calls fail.
async fn facts_of(functions: usize, limits: usize, failing: f64) -> Value {
    let long = |prefix: &str, index: usize, length: usize| format!("{prefix}{index:x>length$}");
    let names: Vec<String> = (0..functions).map(|at| long("f", at, 63)).collect();
    let group: Vec<(&str, Entry)> = names
        .iter()
        .map(|name| {
            let mut entry = entry(name, Some("1234567"));
            entry.alias = "a".repeat(128);
            entry.canary = "1234568".to_owned();
            (name.as_str(), entry)
        })
        .collect();
    let mut judge = judge_of(&group, &[]);
    judge.metrics.all = Some(failing);
    let policy = &mut judge.records.plan.judge;
    let limit = policy.latency[0].clone();
    policy.latency = vec![limit; limits];
    policy.metrics = (0..20)
        .map(|at| {
            let limit = json!({
                "name": long("m", at, 254), "fail_above": 1.0, "no_data": "hold",
                "query": {"expression": "x".repeat(1024)},
            });
            serde_json::from_value::<MetricLimit>(limit).expect("a limit")
        })
        .collect();
    let alarms = (0..100).map(|at| json!({"name": long("a", at, 254)}));
    policy.alarms = serde_json::from_value(alarms.collect()).expect("alarms");
    let probes = (0..10).map(|at| json!({"name": long("p", at, 63), "function": names[0]}));
    policy.probes = serde_json::from_value(probes.collect()).expect("probes");
    let found = policy.probes.iter().map(|probe| Probed {
        name: probe.test.name.clone(),
        target: format!("{}:1234568", names[0]),
        latency_ms: Some(20_000),
        problems: vec!["x".repeat(500); 5],
        fault: None,
    });
    judge.functions.found = Some(found.collect());
    look(&judge, 600).await;
    judge.ledger.0.take().remove(0).1
}

#[tokio::test]
async fn the_largest_verdicts_fit_into_an_item_of_dynamodb() {
    for (functions, limits) in [(100, 3), (75, 4)] {
        for failing in [0.0, 0.1] {
            let facts = facts_of(functions, limits, failing).await;
            let size = facts.to_string().len();
            assert!(size <= MOST_BYTES, "{functions} x {limits}: {size}");
            // Sums of both versions and of throttles, ranks and percentiles of both.
            let queries = functions * (5 + 4 * limits) + 20;
            let asked = facts["queries"].as_array().map(Vec::len);
            assert_eq!(asked, Some(queries), "costs are counted by them");
        }
    }
}

#[tokio::test]
async fn a_verdict_that_fits_keeps_its_queries_and_sentences() {
    let facts = facts_of(10, 2, 0.0).await;
    let query = facts["queries"][0].as_str().unwrap_or_default();
    assert!(query.contains("ExecutedVersion 1234568"), "{query}");
    let (_, verdict) = facts["functions"]
        .as_object()
        .and_then(|all| all.iter().next())
        .expect("a function");
    assert_ne!(verdict["signals"][1]["rule"], "");
}
