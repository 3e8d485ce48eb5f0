//! Probes: made once a look, and judged by their failures in a row.

use super::*;

/// A healthy version whose probe finds this.
fn probed(problem: Option<&str>) -> Judge<Record, Meter, Callers, Book> {
    let mut judge = judge_of(&checkout(), &HEALTHY);
    let probe = json!({"name": "orders", "function": "checkout"});
    let probe = serde_json::from_value(probe).expect("a probe");
    judge.records.plan.judge.probes = vec![probe];
    let found = Probed {
        name: "orders".to_owned(),
        target: "shop-checkout:4".to_owned(),
        latency_ms: Some(35),
        problems: problem.map(str::to_owned).into_iter().collect(),
        fault: None,
    };
    judge.functions.found = Some(vec![found]);
    judge
}

#[tokio::test]
async fn a_probe_that_fails_at_three_looks_in_a_row_rolls_back_with_what_it_found() {
    let judge = probed(Some("status: found 500, expected 200"));
    for seconds in [120, 180] {
        let output = look(&judge, seconds).await;
        assert_eq!(output.next, Follows::Bake, "{}", output.rule);
    }
    let output = look(&judge, 240).await;
    assert_eq!(
        (output.outcome, output.next),
        (Outcome::Fail, Follows::RollBack)
    );
    assert_eq!(
        output.rule,
        "probe orders failed 3 times in a row (shop-checkout:4, 35 ms): status: found 500, expected 200"
    );
    let facts = judge.ledger.0.borrow()[0].1.clone();
    let shown = facts["signals"][0]["rule"].as_str().expect("a rule");
    assert!(shown.contains("failed, 1 of 3 times in a row"), "{shown}");
}

#[tokio::test]
async fn a_look_that_is_repeated_makes_no_probe_again() {
    let judge = probed(Some("status: found 500, expected 200"));
    for _ in 0..5 {
        assert_eq!(look(&judge, 120).await.next, Follows::Bake);
    }
    assert_eq!(judge.functions.calls.get(), 1);
}

#[tokio::test]
async fn a_row_goes_on_from_codedeploys_shift_into_the_final_bake() {
    let mut judge = probed(Some("status: found 500, expected 200"));
    let journal = judge.records.journal.as_mut().expect("journal");
    let group = DeploymentGroup {
        application: "shop".to_owned(),
        deployment_group: "checkout".to_owned(),
    };
    let entry = journal.functions.get_mut("checkout").expect("an entry");
    entry.deployment = Some(Deployment { group, id: None });
    journal.steps = vec![Step::new(100.0, 600)];
    journal.step = Some(0);
    journal.begun_at = journal.shifted_at.take();
    look(&judge, 10).await;
    // The first look at either, of the same step.
    let journal = judge.records.journal.as_mut().expect("journal");
    journal.shifted_at = Some(after(20));
    look(&judge, 30).await;
    assert_eq!(judge.functions.calls.get(), 2);
    let output = look(&judge, 90).await;
    assert_eq!(output.next, Follows::RollBack, "{}", output.rule);
    assert!(
        output.rule.contains("failed 3 times in a row"),
        "{}",
        output.rule
    );
}

#[tokio::test]
async fn probes_that_can_not_be_made_hold_a_step_that_would_pass() {
    let mut judge = probed(None);
    assert_eq!(look(&judge, 740).await.outcome, Outcome::Pass);
    judge.functions.found = None;
    let output = look(&judge, 800).await;
    assert_eq!(
        (output.outcome, output.next),
        (Outcome::Inconclusive, Follows::Bake)
    );
    assert!(
        output.rule.contains("smoke does not answer"),
        "{}",
        output.rule
    );
}

#[tokio::test]
async fn without_probes_nobody_is_called() {
    let judge = judge_of(&checkout(), &HEALTHY);
    look(&judge, 740).await;
    assert_eq!(judge.functions.calls.get(), 0);
}
