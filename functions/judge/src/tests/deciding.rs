//! What follows from what was measured.

use super::*;

#[tokio::test]
async fn a_version_that_fails_more_than_the_one_beside_it_is_rolled_back_during_the_bake() {
    let judge = judge_of(
        &checkout(),
        &[("shop-checkout 4", 0.08), ("shop-checkout 3", 0.0)],
    );
    let output = look(&judge, 240).await;
    assert_eq!(
        (output.outcome, output.next, output.wait_seconds),
        (Outcome::Fail, Follows::RollBack, 0)
    );
    assert!(output.rule.starts_with("checkout: "), "{}", output.rule);
}

#[tokio::test]
async fn a_healthy_version_bakes_to_the_end_and_then_advances() {
    let judge = judge_of(
        &checkout(),
        &[("shop-checkout 4", 0.0), ("shop-checkout 3", 0.0)],
    );
    let early = look(&judge, 300).await;
    assert_eq!(
        (early.outcome, early.next, early.wait_seconds),
        (Outcome::Pass, Follows::Bake, 20),
        "it shifted 40 s into a minute: the next one can be known in 20 s"
    );
    let late = look(&judge, 740).await;
    assert_eq!(
        (late.outcome, late.next, late.wait_seconds),
        (Outcome::Pass, Follows::Advance, 0)
    );
}

/// Healthy by its errors, and its calls take fifty times as long.
fn fifty_times_as_slow(bake_seconds: u64) -> Judge<Record, Meter, Callers, Book> {
    let healthy = [("shop-checkout 4", 0.0), ("shop-checkout 3", 0.0)];
    let mut judge = judge_of(&checkout(), &healthy);
    judge.records.journal.as_mut().expect("journal").steps[0].bake_seconds = bake_seconds;
    judge.metrics.durations = [
        ("shop-checkout * p95", 100.0),
        ("shop-checkout 3 PR(:100.000)", 95.0),
        ("shop-checkout 3 p95", 100.0),
        ("shop-checkout 4 PR(:200.000)", 0.0),
        ("shop-checkout 4 p95", 5000.0),
        ("shop-checkout 3 PR(:10000.000)", 100.0),
        ("shop-checkout 3 p99", 110.0),
        ("shop-checkout 4 PR(:10000.000)", 100.0),
        ("shop-checkout 4 p99", 6000.0),
    ]
    .into();
    judge
}

/// What follows once a step's bake is over, or before.
async fn end(judge: &Judge<Record, Meter, Callers, Book>) -> Output {
    let mut at = 60;
    loop {
        let output = look(judge, at).await;
        if output.next != Follows::Bake {
            return output;
        }
        at += i64::try_from(output.wait_seconds).expect("seconds");
    }
}

#[tokio::test]
async fn latency_is_judged_in_steps_of_a_single_period_too() {
    for bake in [1, 60, 120] {
        let output = end(&fifty_times_as_slow(bake)).await;
        assert_eq!(output.next, Follows::RollBack, "{bake}: {}", output.rule);
        assert!(output.rule.contains("took longer than"), "{}", output.rule);
        let mut judge = fifty_times_as_slow(bake);
        judge.metrics.durations.retain(|name, _| name.contains('*'));
        let output = end(&judge).await;
        assert_eq!(output.outcome, Outcome::Inconclusive, "{}", output.rule);
        assert!(
            output.rule.contains("no data is not health"),
            "{}",
            output.rule
        );
    }
}

#[tokio::test]
async fn no_data_is_inconclusive_and_in_the_end_rolls_back() {
    let judge = judge_of(&checkout(), &[]);
    let output = look(&judge, 740).await;
    assert_eq!(
        (output.outcome, output.next),
        (Outcome::Inconclusive, Follows::Bake)
    );
    assert_eq!(look(&judge, 740 + 3600).await.next, Follows::RollBack);
}

#[tokio::test]
async fn an_answer_with_gaps_is_no_data_and_says_so() {
    let judge = judge_of(
        &checkout(),
        &[("shop-checkout 4", f64::NAN), ("shop-checkout 3", 0.0)],
    );
    assert_eq!(look(&judge, 740).await.outcome, Outcome::Inconclusive);
    let judge_beside = judge_of(
        &checkout(),
        &[("shop-checkout 4", 0.0), ("shop-checkout 3", f64::NAN)],
    );
    assert_eq!(
        look(&judge_beside, 740).await.outcome,
        Outcome::Inconclusive
    );
    let rule = |judge: &Judge<Record, Meter, Callers, Book>| {
        judge.ledger.0.borrow()[0].1["functions"]["checkout"]["rule"].to_string()
    };
    assert!(
        rule(&judge).contains("not answered in full"),
        "{}",
        rule(&judge)
    );
    assert!(
        rule(&judge_beside).contains("nothing to compare with"),
        "{}",
        rule(&judge_beside)
    );
}

#[tokio::test]
async fn known_harm_counts_even_if_the_other_version_was_not_measured() {
    let judge = judge_of(
        &checkout(),
        &[("shop-checkout 4", 0.5), ("shop-checkout 3", f64::NAN)],
    );
    assert_eq!(look(&judge, 740).await.next, Follows::RollBack);
}

#[tokio::test]
async fn an_alarm_of_the_settings_vetoes() {
    let healthy = [("shop-checkout 4", 0.0), ("shop-checkout 3", 0.0)];
    let mut judge = judge_of(&checkout(), &healthy);
    judge.metrics.alarms = [("orders", AlarmState::Alarm)].into();
    judge.records.plan.judge.alarms = vec![sluice_domain::judge::AlarmVeto {
        name: "orders".to_owned(),
        dry_run: false,
    }];
    let output = look(&judge, 300).await;
    assert_eq!(output.next, Follows::RollBack);
    assert_eq!(output.rule, "alarm orders is in ALARM");
}

#[tokio::test]
async fn a_limit_that_is_only_told_of_is_recorded_once_a_step() {
    let both = [("shop-checkout 4", 0.03), ("shop-checkout 3", 0.03)];
    let mut judge = judge_of(&checkout(), &both);
    judge.records.plan.judge.errors.sustained = None;
    look(&judge, 300).await;
    let told = judge.ledger.1.borrow().clone();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["warning"], "checkout: errors above 1.00 %");
}

#[tokio::test]
async fn a_first_deployment_is_left_out_until_it_takes_all_traffic() {
    let group = [
        ("checkout", entry("shop-checkout", Some("3"))),
        ("web", entry("shop-web", None)),
    ];
    let healthy = [
        ("shop-checkout 4", 0.0),
        ("shop-checkout 3", 0.0),
        ("shop-checkout *", 0.0),
        ("shop-web *", 0.5),
    ];
    let mut judge = judge_of(&group, &healthy);
    judge.metrics.failed_before = Some((shifted_at(), 0.0));
    assert_eq!(look(&judge, 740).await.next, Follows::Advance);
    assert!(
        judge.ledger.0.borrow()[0].1["functions"]
            .get("web")
            .is_none()
    );
    let judge = at_step(judge, 2);
    assert_eq!(look(&judge, 740).await.next, Follows::RollBack);
}

#[tokio::test]
async fn a_group_without_traffic_on_new_versions_is_not_held_up() {
    for group in [&[][..], &[("web", entry("shop-web", None))][..]] {
        let judge = judge_of(group, &[]);
        let output = look(&judge, 1).await;
        assert_eq!(
            (output.outcome, output.next),
            (Outcome::Pass, Follows::Advance)
        );
        assert!(
            output.rule.starts_with("not watched: no function"),
            "{}",
            output.rule
        );
    }
}

#[tokio::test]
async fn a_step_without_a_bake_is_passed_through() {
    let mut judge = judge_of(
        &checkout(),
        &[("shop-checkout 4", 1.0), ("shop-checkout 3", 0.0)],
    );
    judge.records.journal.as_mut().expect("journal").steps[0].bake_seconds = 0;
    let output = look(&judge, 1).await;
    assert_eq!(
        (output.outcome, output.next, output.wait_seconds),
        (Outcome::Pass, Follows::Advance, 0)
    );
    assert_eq!(output.rule, "not watched: this step has no bake");
}

#[tokio::test]
async fn the_approved_policy_judges_and_each_look_is_recorded_under_its_own_key() {
    let mut judge = judge_of(
        &checkout(),
        &[("shop-checkout 4", 0.0), ("shop-checkout 3", 0.0)],
    );
    judge.records.plan.judge.min_invocations = 1_000_000;
    let output = look(&judge, 300).await;
    assert!(
        output.rule.contains("1000000 are asked for"),
        "{}",
        output.rule
    );
    look(&judge, 360).await;
    look(&judge, 360).await;
    let keys: Vec<String> = judge
        .ledger
        .0
        .borrow()
        .iter()
        .map(|(key, _)| key.clone())
        .collect();
    assert_eq!(keys, ["0/6/bake", "0/7/bake", "0/7/bake"]);
    let facts = judge.ledger.0.borrow()[0].1.clone();
    assert_eq!(
        (&facts["step"], &facts["weight"], &facts["look"]),
        (&json!(0), &json!(10.0), &json!(6))
    );
    let query = "Sum of AWS/Lambda Invocations (ExecutedVersion 4, FunctionName \
                 shop-checkout, Resource shop-checkout:live)";
    assert_eq!(facts["queries"][0], query);
    assert_eq!(facts["window"]["period_seconds"], 60);
}

/// DynamoDB's items have 400 KB at most.
#[tokio::test]
async fn a_verdict_on_a_hundred_functions_fits_into_the_ledger() {
    let name = |number: usize| format!("a-name-of-functions-as-teams-use-them-{number:03}");
    let names: Vec<String> = (0..100).map(name).collect();
    let entries = names
        .iter()
        .map(|name| (name.as_str(), entry(name, Some("3"))));
    let group: Vec<_> = entries.collect();
    let mut judge = judge_of(&group, &[]);
    judge.metrics.all = Some(0.01);
    look(&judge, 740).await;
    let facts = judge.ledger.0.borrow()[0].1.to_string();
    assert!(facts.contains("p99"), "with both limits of the defaults");
    assert!(facts.len() < 390_000, "{}", facts.len());
}

#[tokio::test]
async fn a_step_that_has_not_reached_every_alias_is_not_judged() {
    let input: Input = serde_json::from_str(LOOK).expect("input");
    let mut judge = judge_of(&checkout(), &[]);
    judge.records.journal.as_mut().expect("journal").shifted_at = None;
    let error = judge
        .handle(input.clone(), after(60))
        .await
        .expect_err("nothing to judge");
    assert_eq!(error.name(), "NotShifted");
    assert!(
        error
            .to_string()
            .contains("step 0 was begun and not finished"),
        "{error}"
    );
    judge.records.journal = None;
    assert_eq!(
        judge
            .handle(input, after(60))
            .await
            .expect_err("nothing to judge")
            .name(),
        "NotFound"
    );
}

#[test]
fn unknown_fields_are_refused() {
    let error = serde_json::from_str::<Input>(r#"{"promotion":"a/b/1.0.0/1","weight":10}"#)
        .expect_err("refused");
    assert!(error.to_string().contains("weight"), "{error}");
}

#[test]
fn an_answer_is_what_the_state_machine_reads() {
    let output = Output {
        outcome: Outcome::Inconclusive,
        rule: "too early".into(),
        next: Follows::RollBack,
        step: 2,
        wait_seconds: 0,
        sequence: 7,
    };
    let expected = json!({"outcome": "inconclusive", "rule": "too early", "next": "roll_back", "step": 2, "wait_seconds": 0, "sequence": 7});
    assert_eq!(serde_json::to_value(output).expect("JSON"), expected);
}

/// A group that CodeDeploy shifts, on its way to the one step of Sluice's own.
fn deploying(failing: &[(&'static str, f64)]) -> Judge<Record, Meter, Callers, Book> {
    let group = DeploymentGroup {
        application: "shop".to_owned(),
        deployment_group: "checkout".to_owned(),
    };
    let deployment = Deployment {
        group,
        id: Some("d-1".to_owned()),
    };
    let entry = Entry {
        deployment: Some(deployment),
        ..entry("shop-checkout", Some("3"))
    };
    let mut judge = judge_of(&[("checkout", entry)], failing);
    let journal = judge.records.journal.as_mut().expect("journal");
    journal.steps = vec![Step::new(100.0, 600)];
    journal.begun_at = journal.shifted_at.take();
    judge
}

#[tokio::test]
async fn harm_ends_codedeploys_shift_beside_the_version_before() {
    let judge = deploying(&[("shop-checkout 4", 0.08), ("shop-checkout 3", 0.0)]);
    let output = look(&judge, 240).await;
    assert_eq!(
        (output.outcome, output.next),
        (Outcome::Fail, Follows::RollBack)
    );
    let recorded = judge.ledger.0.borrow();
    let (key, facts) = &recorded[0];
    assert_eq!(key, "0/deploying/5/roll_back");
    assert_eq!(facts["weight"], serde_json::Value::Null);
}

#[tokio::test]
async fn whatever_else_is_known_codedeploy_is_looked_at_again_each_period() {
    let healthy = deploying(&[("shop-checkout 4", 0.0), ("shop-checkout 3", 0.0)]);
    let silent = deploying(&[]);
    for (judge, outcome) in [(healthy, Outcome::Pass), (silent, Outcome::Inconclusive)] {
        let output = look(&judge, 36_000).await;
        assert_eq!((output.outcome, output.next), (outcome, Follows::Advance));
    }
}
