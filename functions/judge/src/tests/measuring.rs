//! What is asked of the metrics, and what the answers stand for.

use super::*;

#[tokio::test]
async fn invocations_whose_errors_have_not_arrived_are_not_counted_as_healthy() {
    let mut judge = judge_of(
        &checkout(),
        &[("shop-checkout 4", 0.0), ("shop-checkout 3", 0.0)],
    );
    judge.metrics.late_errors = 2;
    look(&judge, 720).await;
    let facts = judge.ledger.0.borrow()[0].1.clone();
    // Ten whole minutes lie in the window; two of them lack their errors.
    assert_eq!(
        facts["functions"]["checkout"]["canary"]["invocations"],
        json!(4800.0)
    );
    judge.metrics.late_errors = 100;
    assert_eq!(look(&judge, 720).await.outcome, Outcome::Inconclusive);
}

#[tokio::test]
async fn the_window_is_whole_periods_that_have_arrived() {
    let judge = judge_of(&checkout(), &[]);
    look(&judge, 300).await;
    let asked = judge.metrics.asked.borrow().clone();
    let (queries, window, _) = &asked[1];
    assert_eq!(window.start.to_string(), "2026-11-21T10:00:00Z");
    assert_eq!(window.end.to_string(), "2026-11-21T10:03:00Z");
    let asked_for: Vec<String> = queries.iter().map(shown).collect();
    let expected = [
        "Invocations Sum of shop-checkout:live 4",
        "Errors Sum of shop-checkout:live 4",
        "Invocations Sum of shop-checkout:live 3",
        "Errors Sum of shop-checkout:live 3",
        "Throttles Sum of shop-checkout:live *",
        "Duration PR(:10000.000) of shop-checkout:live 4",
        "Duration p99 of shop-checkout:live 4",
        "Duration PR(:10000.000) of shop-checkout:live 3",
        "Duration p99 of shop-checkout:live 3",
    ];
    assert_eq!(asked_for, expected);
}

#[tokio::test]
async fn what_was_normal_is_read_from_the_hour_before_the_rollout() {
    let mut judge = at_step(judge_of(&checkout(), &[]), 1);
    judge.metrics.durations = [("shop-checkout * p95", 200.0)].into();
    let begun_at = shifted_at() - SignedDuration::from_mins(30);
    judge.records.journal.as_mut().expect("journal").begun_at = Some(begun_at);
    look(&judge, 300).await;
    let asked = judge.metrics.asked.borrow().clone();
    let (queries, window, _) = &asked[0];
    assert_eq!(window.start.to_string(), "2026-11-21T08:30:00Z");
    assert_eq!(window.end.to_string(), "2026-11-21T09:30:00Z");
    assert_eq!(
        queries.iter().map(shown).collect::<Vec<_>>(),
        [
            "Duration p50 of shop-checkout:live *",
            "Duration p95 of shop-checkout:live *"
        ]
    );
    let before = judge.ledger.0.borrow()[0].1["before"].clone();
    assert_eq!(before["window"]["end"], "2026-11-21T09:30:00Z");
    assert_eq!(before["functions"]["checkout"]["latency"]["p95"], 200.0);
    let query = |percentile: &str| {
        format!(
            "{percentile} of AWS/Lambda Duration (FunctionName shop-checkout, Resource shop-checkout:live)"
        )
    };
    assert_eq!(before["queries"], json!([query("p50"), query("p95")]));
    let then: Vec<String> = asked[1].0.iter().map(shown).collect();
    let ranked = [
        "Duration PR(:400.000) of shop-checkout:live 4".to_owned(),
        "Duration PR(:200.000) of shop-checkout:live 3".to_owned(),
    ];
    assert!(
        ranked.iter().all(|ranked| then.contains(ranked)),
        "{then:?}"
    );
}

#[tokio::test]
async fn a_median_is_compared_with_calls_that_are_a_quarter_longer_or_ten_milliseconds() {
    for (median, bound) in [(200.0, "250.000"), (2.0, "12.000")] {
        let mut judge = judge_of(&checkout(), &[]);
        judge.metrics.durations = [("shop-checkout * p50", median)].into();
        look(&judge, 300).await;
        let asked = judge.metrics.asked.borrow()[1].0.clone();
        let asked: Vec<String> = asked.iter().map(shown).collect();
        let own = format!("Duration PR(:{bound}) of shop-checkout:live 4");
        let beside = format!("Duration PR(:{median:.3}) of shop-checkout:live 3");
        assert!(asked.contains(&own) && asked.contains(&beside), "{asked:?}");
    }
}

#[tokio::test]
async fn a_median_is_no_matter_where_nothing_serves_beside_it() {
    let judge = at_step(judge_of(&checkout(), &[("shop-checkout *", 0.0)]), 2);
    look(&judge, 720).await;
    let asked = judge.metrics.asked.borrow().clone();
    let mut asked = asked.iter().flat_map(|(queries, ..)| queries).map(shown);
    assert!(asked.all(|query| !query.contains("p50")));
}

#[tokio::test]
async fn errors_that_were_normal_before_are_no_harm_at_100_percent() {
    for (before, expected) in [(0.02, Follows::Advance), (0.0, Follows::RollBack)] {
        let mut judge = at_step(judge_of(&checkout(), &[("shop-checkout *", 0.02)]), 2);
        judge.records.plan.judge.latency.clear();
        judge.metrics.failed_before = Some((shifted_at() - SignedDuration::from_mins(30), before));
        let begun_at = shifted_at() - SignedDuration::from_mins(30);
        judge.records.journal.as_mut().expect("journal").begun_at = Some(begun_at);
        let output = look(&judge, 1500).await;
        assert_eq!(output.next, expected, "{before}: {}", output.rule);
        let asked = judge.metrics.asked.borrow().clone();
        assert_eq!(
            asked[0].0.iter().map(shown).collect::<Vec<_>>(),
            [
                "Invocations Sum of shop-checkout:live *",
                "Errors Sum of shop-checkout:live *"
            ]
        );
    }
}

#[tokio::test]
async fn what_was_normal_is_not_guessed_where_it_was_not_answered_in_full() {
    let mut judge = slower();
    judge
        .metrics
        .durations
        .insert("shop-checkout * p95", f64::NAN);
    let output = look(&judge, 300).await;
    assert_eq!(output.next, Follows::Bake);
    assert!(
        output.rule.contains("not answered in full"),
        "{}",
        output.rule
    );
}

#[tokio::test]
async fn harm_in_errors_is_seen_where_what_was_normal_for_latency_was_not_answered() {
    let mut judge = slower();
    judge.metrics.failing.insert("shop-checkout 4", 0.5);
    let unanswered = ("shop-checkout * p95", f64::NAN);
    judge.metrics.durations.extend([unanswered]);
    let output = look(&judge, 300).await;
    assert_eq!(output.next, Follows::RollBack, "{}", output.rule);
    let mut alone = at_step(judge_of(&checkout(), &[("shop-checkout *", 0.5)]), 2);
    alone.metrics.failed_before = Some((shifted_at(), f64::NAN));
    let output = look(&alone, 300).await;
    assert_eq!(output.outcome, Outcome::Inconclusive, "{}", output.rule);
}

/// A slower new version: 90 % of its calls take no longer than the bound.
fn slower() -> Judge<Record, Meter, Callers, Book> {
    let healthy = [("shop-checkout 4", 0.0), ("shop-checkout 3", 0.0)];
    let mut judge = judge_of(&checkout(), &healthy);
    judge.metrics.durations = [
        ("shop-checkout * p95", 200.0),
        ("shop-checkout 4 p95", 480.0),
        ("shop-checkout 3 p95", 190.0),
        ("shop-checkout 4 p99", 900.0),
        ("shop-checkout 3 p99", 400.0),
        ("shop-checkout 4 PR(:400.000)", 85.0),
        ("shop-checkout 3 PR(:200.000)", 96.0),
        ("shop-checkout 4 PR(:10000.000)", 100.0),
        ("shop-checkout 3 PR(:10000.000)", 100.0),
    ]
    .into();
    judge
}

#[tokio::test]
async fn a_version_that_is_twice_as_slow_as_before_is_rolled_back_by_counts() {
    let judge = slower();
    let output = look(&judge, 300).await;
    assert_eq!(output.next, Follows::RollBack);
    assert!(
        output
            .rule
            .contains("took longer than 400 ms (the other's: 200 ms)"),
        "{}",
        output.rule
    );
    assert!(
        output.rule.ends_with("; p95 480 ms, beside it 190 ms"),
        "{}",
        output.rule
    );
    let facts = judge.ledger.0.borrow()[0].1.clone();
    let signals = facts["functions"]["checkout"]["signals"]
        .as_array()
        .cloned();
    let signals = signals.expect("signals");
    let p95 = signals.iter().find(|signal| signal["name"] == "p95");
    assert_eq!(
        p95.expect("a limit on p95")["took"],
        json!({"canary": 480.0, "baseline": 190.0})
    );
}

#[tokio::test]
async fn the_first_calls_of_new_execution_environments_are_no_harm() {
    let mut judge = slower();
    let cold = ("shop-checkout 4 PR(:400.000)", 20.0);
    judge.metrics.durations.extend([cold]);
    judge.metrics.warm = [
        ("shop-checkout 4 p95", 190.0),
        ("shop-checkout 4 p99", 400.0),
        ("shop-checkout 4 PR(:400.000)", 99.0),
    ]
    .into();
    for (seconds, next) in [
        (200, Follows::Bake),
        (300, Follows::Bake),
        (740, Follows::Advance),
    ] {
        let output = look(&judge, seconds).await;
        assert_eq!(output.next, next, "{}", output.rule);
    }
}

#[tokio::test]
async fn where_calls_are_not_ranked_percentiles_decide_and_the_verdict_says_so() {
    let mut judge = slower();
    judge
        .metrics
        .durations
        .retain(|name, _| !name.contains("PR("));
    let output = look(&judge, 420).await;
    assert_eq!(output.next, Follows::RollBack);
    assert!(output.rule.contains("by percentiles"), "{}", output.rule);
}

/// An endpoint that does not know the statistic may answer the average.
#[tokio::test]
async fn ranks_that_contradict_the_percentiles_are_not_believed() {
    for (version, rank) in [("3", 12.6), ("4", 12.6), ("4", 99.0)] {
        let mut judge = slower();
        let name = match version {
            "3" => "shop-checkout 3 PR(:200.000)",
            _ => "shop-checkout 4 PR(:400.000)",
        };
        judge.metrics.durations.insert(name, rank);
        if rank < 50.0 {
            judge.metrics.durations.insert("shop-checkout 4 p95", 210.0);
        }
        let output = look(&judge, 420).await;
        let verdict = judge.ledger.0.borrow().clone();
        let signals = verdict[0].1["functions"]["checkout"]["signals"].to_string();
        assert!(signals.contains("by percentiles"), "{rank}: {signals}");
        let is_slow = output.next == Follows::RollBack;
        assert_eq!(is_slow, rank > 50.0, "{}", output.rule);
    }
}

#[tokio::test]
async fn nobody_is_asked_before_the_first_period_can_have_arrived() {
    let judge = judge_of(
        &checkout(),
        &[("shop-checkout 4", 0.0), ("shop-checkout 3", 0.0)],
    );
    let output = look(&judge, 60).await;
    assert_eq!(
        (output.outcome, output.next),
        (Outcome::Inconclusive, Follows::Bake)
    );
    // Only what was normal before.
    assert_eq!(judge.metrics.asked.borrow().len(), 1);
}

#[tokio::test]
async fn at_one_hundred_percent_the_alias_is_judged_alone_from_after_the_shift() {
    let judge = at_step(judge_of(&checkout(), &[("shop-checkout *", 0.0)]), 2);
    assert_eq!(look(&judge, 740).await.next, Follows::Advance);
    let (queries, window, _) = judge.metrics.asked.borrow()[1].clone();
    let asked_for: Vec<String> = queries.iter().map(shown).collect();
    assert!(
        asked_for.iter().all(|query| query.ends_with(" *")),
        "{asked_for:?}"
    );
    assert_eq!(window.start.to_string(), "2026-11-21T10:01:00Z");
    assert!(judge.ledger.0.borrow()[0].1["functions"]["checkout"]["baseline"].is_null());
}

#[tokio::test]
async fn functions_named_by_arn_are_measured_by_their_bare_name_in_their_account() {
    let arn = "arn:aws:lambda:eu-west-1:210987654321:function:shop-checkout";
    let mut judge = judge_of(&[("checkout", entry(arn, Some("3")))], &[]);
    let role = Role {
        arn: "arn:aws:iam::210987654321:role/sluice".into(),
        external_id: "e".into(),
        region: None,
        bucket: None,
        registry: None,
    };
    judge.records.journal.as_mut().expect("journal").role = Some(role.clone());
    look(&judge, 300).await;
    let (queries, _, asked_as) = judge.metrics.asked.borrow()[0].clone();
    assert_eq!(shown(&queries[0]), "Duration p50 of shop-checkout:live *");
    assert_eq!(asked_as, Some(role));
}
