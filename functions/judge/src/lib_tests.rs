use std::cell::RefCell;
use std::collections::BTreeMap;

use jiff::SignedDuration;
use sluice_domain::digest::Digest;
use sluice_domain::journal::Entry;
use sluice_domain::settings::JudgePolicy;

use super::*;

const LOOK: &str = include_str!("../../../events/judge/look.json");

struct Record {
    plan: Plan,
    journal: Option<Journal>,
}

impl Records for Record {
    async fn plan(&self, _: &PromotionId) -> Result<Plan, StoreError> {
        Ok(self.plan.clone())
    }

    async fn journal(&self, id: &PromotionId) -> Result<Journal, StoreError> {
        self.journal
            .clone()
            .ok_or_else(|| StoreError::Missing(format!("part#journal of {id}")))
    }
}

/// One request for metrics: what was asked, over which window, in which account.
type Asked = (Vec<MetricQuery>, Window, Option<Role>);

/// Ten invocations a second of each metric that has a failing share here, by
/// `function version`. A share that is not a number: an incomplete answer.
#[derive(Default)]
struct Meter {
    failing: BTreeMap<&'static str, f64>,
    asked: RefCell<Vec<Asked>>,
    /// How many of the youngest periods lack `Errors`.
    late_errors: usize,
    /// Statistics of `Duration` in every period, by `function version statistic`.
    durations: BTreeMap<&'static str, f64>,
    alarms: BTreeMap<&'static str, AlarmState>,
}

impl Metrics for Meter {
    async fn series(
        &self,
        role: Option<&Role>,
        _: &PromotionId,
        queries: &[MetricQuery],
        window: &Window,
    ) -> Result<Vec<Option<Series>>, Fault> {
        self.asked
            .borrow_mut()
            .push((queries.to_vec(), window.clone(), role.cloned()));
        Ok(queries
            .iter()
            .map(|query| self.answer(query, window))
            .collect())
    }

    async fn alarms(
        &self,
        _: Option<&Role>,
        _: &PromotionId,
        names: &[String],
    ) -> Result<BTreeMap<String, AlarmState>, Fault> {
        let known = names
            .iter()
            .filter_map(|name| self.alarms.get_key_value(name.as_str()));
        Ok(known
            .map(|(name, state)| ((*name).to_owned(), *state))
            .collect())
    }
}

impl Meter {
    fn answer(&self, query: &MetricQuery, window: &Window) -> Option<Series> {
        let MetricQuery::Metric {
            metric,
            dimensions,
            statistic,
            ..
        } = query
        else {
            return Some(Series::new());
        };
        let version = dimensions
            .get("ExecutedVersion")
            .map_or("*", String::as_str);
        let name = format!("{} {version}", dimensions["FunctionName"]);
        if metric == "Duration" {
            let value = self.durations.get(format!("{name} {statistic}").as_str());
            return Some(value.map_or_else(Series::new, |value| every(window, 0, *value)));
        }
        let Some(share) = self.failing.get(name.as_str()) else {
            return Some(Series::new());
        };
        if share.is_nan() {
            return None;
        }
        let all = 10.0 * window.period_seconds as f64;
        Some(match metric.as_str() {
            "Invocations" => every(window, 0, all),
            "Errors" => every(window, self.late_errors, all * share),
            _ => Series::new(),
        })
    }
}

/// A value for every period of a window but the last few.
fn every(window: &Window, but: usize, value: f64) -> Series {
    let seconds = (window.start.as_second()..window.end.as_second())
        .step_by(usize::try_from(window.period_seconds).expect("a short period"));
    let known = seconds.clone().count().saturating_sub(but);
    let times = seconds
        .take(known)
        .map(|second| Timestamp::from_second(second).expect("time"));
    times.map(|time| (time, value)).collect()
}

#[derive(Default)]
struct Book(RefCell<Vec<(String, Value)>>, RefCell<Vec<Value>>);

impl Verdicts for Book {
    async fn record(
        &self,
        _: &PromotionId,
        kind: Kind,
        key: &str,
        facts: Value,
    ) -> Result<u64, Fault> {
        if kind == Kind::LimitExceeded {
            self.1.borrow_mut().push(facts);
            return Ok(0);
        }
        self.0.borrow_mut().push((key.to_owned(), facts));
        Ok(self.0.borrow().len() as u64)
    }
}

/// 40 seconds into a minute, so that rounding shows.
fn shifted_at() -> Timestamp {
    "2026-11-21T10:00:40Z".parse().expect("time")
}

fn after(seconds: i64) -> Timestamp {
    shifted_at() + SignedDuration::from_secs(seconds)
}

fn entry(name: &str, stable: Option<&str>) -> Entry {
    Entry {
        name: name.to_owned(),
        alias: "live".to_owned(),
        stable: stable.map(str::to_owned),
        canary: "4".to_owned(),
        revision: None,
    }
}

/// A group at step 0 of 10, 50 and 100 %, each watched for ten minutes.
fn judge_of(
    functions: &[(&str, Entry)],
    failing: &[(&'static str, f64)],
) -> Judge<Record, Meter, Book> {
    let steps: Vec<Step> = [10.0, 50.0, 100.0]
        .map(|weight| Step {
            weight,
            bake_seconds: 600,
        })
        .into();
    let plan = Plan {
        bundle: Digest::of(b"bundle"),
        functions: BTreeMap::new(),
        role: None,
        steps: steps.clone(),
        judge: JudgePolicy::default(),
    };
    let journal = Journal {
        functions: functions
            .iter()
            .map(|(name, entry)| ((*name).to_owned(), entry.clone()))
            .collect(),
        role: None,
        steps,
        begun_at: None,
        step: Some(0),
        shifted_at: Some(shifted_at()),
        committed: false,
    };
    Judge {
        records: Record {
            plan,
            journal: Some(journal),
        },
        metrics: Meter {
            failing: failing.iter().copied().collect(),
            ..Meter::default()
        },
        ledger: Book::default(),
    }
}

fn at_step(mut judge: Judge<Record, Meter, Book>, step: usize) -> Judge<Record, Meter, Book> {
    judge.records.journal.as_mut().expect("journal").step = Some(step);
    judge
}

async fn look(judge: &Judge<Record, Meter, Book>, seconds: i64) -> Output {
    let input: Input = serde_json::from_str(LOOK).expect("an event file that is understood");
    judge
        .handle(input, after(seconds))
        .await
        .expect("a verdict")
}

fn checkout() -> [(&'static str, Entry); 1] {
    [("checkout", entry("shop-checkout", Some("3")))]
}

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
        (Outcome::Pass, Follows::Bake, 60)
    );
    let late = look(&judge, 720).await;
    assert_eq!(
        (late.outcome, late.next, late.wait_seconds),
        (Outcome::Pass, Follows::Advance, 0)
    );
}

#[tokio::test]
async fn no_data_is_inconclusive_and_in_the_end_rolls_back() {
    let judge = judge_of(&checkout(), &[]);
    let output = look(&judge, 720).await;
    assert_eq!(
        (output.outcome, output.next),
        (Outcome::Inconclusive, Follows::Bake)
    );
    assert_eq!(look(&judge, 720 + 3600).await.next, Follows::RollBack);
}

#[tokio::test]
async fn an_answer_with_gaps_is_no_data_and_says_so() {
    let judge = judge_of(
        &checkout(),
        &[("shop-checkout 4", f64::NAN), ("shop-checkout 3", 0.0)],
    );
    assert_eq!(look(&judge, 720).await.outcome, Outcome::Inconclusive);
    let judge_beside = judge_of(
        &checkout(),
        &[("shop-checkout 4", 0.0), ("shop-checkout 3", f64::NAN)],
    );
    assert_eq!(
        look(&judge_beside, 720).await.outcome,
        Outcome::Inconclusive
    );
    let rule = |judge: &Judge<Record, Meter, Book>| {
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
    assert_eq!(look(&judge, 720).await.next, Follows::RollBack);
}

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
        ["Duration p95 of shop-checkout:live *"]
    );
    let then: Vec<String> = asked[1].0.iter().map(shown).collect();
    let ranked = "Duration PR(:400.000) of shop-checkout:live 4".to_owned();
    assert!(then.contains(&ranked), "{then:?}");
}

/// A slower new version: 90 % of its calls take no longer than the bound.
fn slower() -> Judge<Record, Meter, Book> {
    let healthy = [("shop-checkout 4", 0.0), ("shop-checkout 3", 0.0)];
    let mut judge = judge_of(&checkout(), &healthy);
    judge.metrics.durations = [
        ("shop-checkout * p95", 200.0),
        ("shop-checkout 4 p95", 480.0),
        ("shop-checkout 3 p95", 190.0),
        ("shop-checkout 4 p99", 900.0),
        ("shop-checkout 3 p99", 400.0),
        ("shop-checkout 4 PR(:400.000)", 85.0),
        ("shop-checkout 3 PR(:400.000)", 99.0),
        ("shop-checkout 4 PR(:10000.000)", 100.0),
        ("shop-checkout 3 PR(:10000.000)", 100.0),
    ]
    .into();
    judge
}

#[tokio::test]
async fn a_version_that_is_twice_as_slow_as_before_is_rolled_back_by_counts() {
    let output = look(&slower(), 300).await;
    assert_eq!(output.next, Follows::RollBack);
    assert!(
        output.rule.contains("took longer than 400 ms"),
        "{}",
        output.rule
    );
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
            "3" => "shop-checkout 3 PR(:400.000)",
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

/// `metric statistic of resource version`.
fn shown(query: &MetricQuery) -> String {
    let MetricQuery::Metric {
        metric,
        dimensions,
        statistic,
        ..
    } = query
    else {
        return String::new();
    };
    let version = dimensions
        .get("ExecutedVersion")
        .map_or("*", String::as_str);
    format!(
        "{metric} {statistic} of {} {version}",
        dimensions["Resource"]
    )
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
    assert_eq!(look(&judge, 720).await.next, Follows::Advance);
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
    let judge = judge_of(&group, &healthy);
    assert_eq!(look(&judge, 720).await.next, Follows::Advance);
    assert!(
        judge.ledger.0.borrow()[0].1["functions"]
            .get("web")
            .is_none()
    );
    let judge = at_step(judge, 2);
    assert_eq!(look(&judge, 720).await.next, Follows::RollBack);
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
async fn functions_named_by_arn_are_measured_by_their_bare_name_in_their_account() {
    let arn = "arn:aws:lambda:eu-west-1:210987654321:function:shop-checkout";
    let mut judge = judge_of(&[("checkout", entry(arn, Some("3")))], &[]);
    let role = Role {
        arn: "arn:aws:iam::210987654321:role/sluice".into(),
        external_id: "e".into(),
        region: None,
    };
    judge.records.journal.as_mut().expect("journal").role = Some(role.clone());
    look(&judge, 300).await;
    let (queries, _, asked_as) = judge.metrics.asked.borrow()[0].clone();
    assert_eq!(shown(&queries[0]), "Duration p95 of shop-checkout:live *");
    assert_eq!(asked_as, Some(role));
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
    let dimensions = &facts["queries"][0]["dimensions"];
    assert_eq!(dimensions["FunctionName"], "shop-checkout");
    assert_eq!(facts["window"]["period_seconds"], 60);
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
        wait_seconds: 0,
        sequence: 7,
    };
    let expected = json!({"outcome": "inconclusive", "rule": "too early", "next": "roll_back", "wait_seconds": 0, "sequence": 7});
    assert_eq!(serde_json::to_value(output).expect("JSON"), expected);
}
