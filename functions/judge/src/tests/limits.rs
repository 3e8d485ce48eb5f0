//! Limits of other kinds: what each verdict says, and how few requests all of them take.

use super::*;

const HEALTHY: [(&str, f64); 2] = [("shop-checkout 4", 0.0), ("shop-checkout 3", 0.0)];

/// The rule of a signal in the last verdict.
fn rule_of(judge: &Judge<Record, Meter, Callers, Book>, name: &str) -> String {
    let recorded = judge.ledger.0.borrow();
    let facts = &recorded.last().expect("a verdict").1;
    let signals = facts["functions"]["checkout"]["signals"].as_array();
    let found = signals
        .into_iter()
        .flatten()
        .find(|signal| signal["name"] == name);
    found.expect("such a signal")["rule"].to_string()
}

#[tokio::test]
async fn throttled_calls_above_the_limit_are_told_and_fail_where_the_settings_say_so() {
    for (fail_above, next) in [(None, Follows::Bake), (Some(0.05), Follows::RollBack)] {
        let mut judge = judge_of(&checkout(), &HEALTHY);
        judge.metrics.throttled = 0.2;
        judge.records.plan.judge.throttles.fail_above = fail_above;
        let output = look(&judge, 300).await;
        assert_eq!(output.next, next, "{}", output.rule);
        let rule = rule_of(&judge, "throttles");
        assert!(rule.contains("throttled"), "{rule}");
        let told = judge.ledger.1.borrow().clone();
        assert_eq!(told[0]["warning"], "checkout: throttles above 1.00 %");
    }
}

/// A version whose calls take ten seconds and more, as often as the one beside it or not.
fn very_slow(beside: f64) -> Judge<Record, Meter, Callers, Book> {
    let mut judge = judge_of(&checkout(), &HEALTHY);
    judge.metrics.durations = [
        ("shop-checkout 4 PR(:10000.000)", 90.0),
        ("shop-checkout 4 p99", 12_000.0),
        ("shop-checkout 3 PR(:10000.000)", beside),
        (
            "shop-checkout 3 p99",
            if beside < 99.0 { 12_000.0 } else { 900.0 },
        ),
    ]
    .into();
    judge
}

#[tokio::test]
async fn p99_above_ten_seconds_fails_after_five_minutes_by_the_defaults() {
    let judge = very_slow(100.0);
    let early = look(&judge, 380).await;
    assert_eq!(early.next, Follows::Bake, "{}", early.rule);
    let late = look(&judge, 500).await;
    assert_eq!(late.next, Follows::RollBack, "{}", late.rule);
    assert!(
        late.rule
            .contains("took longer than 10000 ms in the last 300 s"),
        "{}",
        late.rule
    );
    let both = look(&very_slow(90.0), 500).await;
    assert_eq!(both.next, Follows::Bake, "{}", both.rule);
}

#[tokio::test]
async fn a_limit_in_milliseconds_fails_by_counts_without_a_time_before() {
    let mut judge = judge_of(&checkout(), &HEALTHY);
    let limit = json!([{"percentile": 95.0, "above_ms": 300.0}]);
    judge.records.plan.judge.latency = serde_json::from_value(limit).expect("a limit");
    judge.metrics.durations = [
        ("shop-checkout 4 PR(:300.000)", 80.0),
        ("shop-checkout 4 p95", 900.0),
        ("shop-checkout 3 PR(:300.000)", 100.0),
        ("shop-checkout 3 p95", 90.0),
    ]
    .into();
    let output = look(&judge, 300).await;
    assert_eq!(output.next, Follows::RollBack, "{}", output.rule);
    assert!(
        output.rule.contains("took longer than 300 ms"),
        "{}",
        output.rule
    );
    assert_eq!(
        judge.metrics.asked.borrow().len(),
        1,
        "nothing was asked of the time before"
    );
}

#[tokio::test]
async fn a_look_takes_as_few_requests_as_the_api_allows() {
    for functions in [1, 100] {
        let names: Vec<String> = (0..functions).map(|at| format!("function-{at}")).collect();
        let entries = names
            .iter()
            .map(|name| (name.as_str(), entry(name, Some("3"))));
        let group: Vec<_> = entries.collect();
        let mut judge = judge_of(&group, &[]);
        judge.metrics.all = Some(0.0);
        look(&judge, 300).await;
        let asked = judge.metrics.asked.borrow();
        // The hour before, and the step: each window is a request of its own. Two
        // percentiles of each function before, and 17 series of each since.
        let queries = asked.iter().map(|(queries, ..)| queries.len());
        assert_eq!(queries.collect::<Vec<_>>(), [2 * functions, 17 * functions]);
        for (queries, ..) in asked.iter() {
            let requests = sluice_platform::cloudwatch::requests(queries).count();
            assert_eq!(requests, queries.len().div_ceil(500), "{functions}");
        }
    }
}
