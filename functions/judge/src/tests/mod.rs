//! Fakes of what the judge reads and writes.

mod asking;
mod deciding;
mod limits;
mod measuring;
mod probing;
mod size;
mod steering;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use sluice_domain::codedeploy::{Deployment, DeploymentGroup};
use sluice_domain::digest::Digest;
use sluice_domain::journal::Entry;
use sluice_domain::settings::{JudgePolicy, Step};

use super::*;

const LOOK: &str = include_str!("../../../../events/judge/look.json");

const HEALTHY: [(&str, f64); 2] = [("shop-checkout 4", 0.0), ("shop-checkout 3", 0.0)];
const FAILING: [(&str, f64); 2] = [("shop-checkout 4", 0.5), ("shop-checkout 3", 0.0)];

struct Record {
    plan: Plan,
    journal: Option<Journal>,
    controls: Controls,
    probing: RefCell<Probing>,
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

    async fn controls(&self, _: &PromotionId) -> Result<Controls, StoreError> {
        Ok(self.controls.clone())
    }

    async fn probing(&self, _: &PromotionId) -> Result<Probing, StoreError> {
        Ok(self.probing.borrow().clone())
    }

    async fn keep(&self, _: &PromotionId, probing: &Probing) -> Result<(), StoreError> {
        *self.probing.borrow_mut() = probing.clone();
        Ok(())
    }
}

/// What probes find, if they can be made, and how often they were.
#[derive(Default)]
struct Callers {
    found: Option<Vec<Probed>>,
    calls: Cell<u32>,
    /// What approvers answer, once they are asked.
    answer: RefCell<Option<Answer>>,
    asked: RefCell<Vec<AtStep>>,
    withdrawn: RefCell<Vec<usize>>,
}

impl Probes for Callers {
    async fn probe(&self, _: &PromotionId) -> Result<Vec<Probed>, Fault> {
        self.calls.set(self.calls.get() + 1);
        let found = self.found.clone();
        found.ok_or_else(|| Fault::other("probing", "smoke does not answer"))
    }
}

impl Approvers for Callers {
    async fn ask(&self, _: &PromotionId, step: &AtStep) -> Result<Answer, Fault> {
        self.asked.borrow_mut().push(step.clone());
        let answer = self.answer.borrow().clone();
        answer.ok_or_else(|| Fault::other("asking", "approval does not answer"))
    }

    async fn withdraw(&self, _: &PromotionId, step: usize) -> Result<(), Fault> {
        self.withdrawn.borrow_mut().push(step);
        Ok(())
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
    /// The same, in every period but the first of a window.
    warm: BTreeMap<&'static str, f64>,
    alarms: BTreeMap<&'static str, AlarmState>,
    /// The share of an alias's calls that are throttled, beside those of its versions.
    throttled: f64,
    /// The failing share of all that is not named. Their calls take 99 ms.
    all: Option<f64>,
    /// Until when another share failed.
    failed_before: Option<(Timestamp, f64)>,
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
        if metric == "Throttles" {
            let refused = 10.0 * window.period_seconds as f64 * self.throttled;
            return Some(every(window, 0, refused));
        }
        if metric == "Duration" {
            let known = self.durations.get(format!("{name} {statistic}").as_str());
            let value = known.or(self.all.as_ref().map(|_| &99.0));
            if value.is_some_and(|value| value.is_nan()) {
                return None;
            }
            let mut series = value.map_or_else(Series::new, |value| every(window, 0, *value));
            if let Some(warm) = self.warm.get(format!("{name} {statistic}").as_str()) {
                series.values_mut().skip(1).for_each(|value| *value = *warm);
            }
            return Some(series);
        }
        let Some(share) = self.failing.get(name.as_str()).or(self.all.as_ref()) else {
            return Some(Series::new());
        };
        let before = self.failed_before.filter(|(end, _)| window.end <= *end);
        let share = before.map_or(*share, |(_, share)| share);
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

/// Verdicts by their keys, and the facts of everything else.
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
        if kind != Kind::VerdictReached {
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
        deployment: None,
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
) -> Judge<Record, Meter, Callers, Book> {
    let steps: Vec<Step> = [10.0, 50.0, 100.0]
        .map(|weight| Step::new(weight, 600))
        .into();
    let plan = Plan {
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
        steps: steps.clone(),
        codedeploy: None,
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
            controls: Controls::default(),
            probing: RefCell::default(),
        },
        functions: Callers::default(),
        metrics: Meter {
            failing: failing.iter().copied().collect(),
            ..Meter::default()
        },
        ledger: Book::default(),
    }
}

fn at_step(
    mut judge: Judge<Record, Meter, Callers, Book>,
    step: usize,
) -> Judge<Record, Meter, Callers, Book> {
    judge.records.journal.as_mut().expect("journal").step = Some(step);
    judge
}

async fn look(judge: &Judge<Record, Meter, Callers, Book>, seconds: i64) -> Output {
    let input: Input = serde_json::from_str(LOOK).expect("an event file that is understood");
    judge
        .handle(input, after(seconds))
        .await
        .expect("a verdict")
}

fn checkout() -> [(&'static str, Entry); 1] {
    [("checkout", entry("shop-checkout", Some("3")))]
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
