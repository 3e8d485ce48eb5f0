//! Metrics from CloudWatch, the promotion's record in the state table, probes
//! through `smoke`, and approvers through `approval`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::slice::Chunks;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::operation::describe_alarms::DescribeAlarmsOutput;
use aws_sdk_cloudwatch::operation::describe_alarms::builders::DescribeAlarmsFluentBuilder;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{
    AlarmType, Dimension, Metric, MetricDataQuery, MetricDataResult, MetricStat, ScanBy,
    StateValue, StatusCode,
};
use aws_sdk_lambda::primitives::Blob;
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sluice_domain::approval::{self, AtStep};
use sluice_domain::controls::Controls;
use sluice_domain::journal::Journal;
use sluice_domain::judge::{AlarmState, MetricQuery, Probed, Probing};
use sluice_domain::ledger::Kind;
use sluice_domain::plan::Plan;
use sluice_domain::promotion::PromotionId;
use sluice_domain::settings::Role;
use sluice_platform::aws::PerAccount;
use sluice_platform::fault::Fault;
use sluice_platform::lambda::{MissingVariable, variable};
use sluice_platform::ledger::Ledger;
use sluice_platform::store::{Part, Store, StoreError};
use tokio::time::timeout;

use crate::{Approvers, Metrics, Probes, Records, Series, Verdicts, Window};

/// How long functions are waited for. Longer than `smoke` takes for probes, and short
/// enough that this function still answers in its own time.
const LONGEST_CALL: Duration = Duration::from_secs(30);

/// GetMetricData takes at most this many queries a call.
const QUERIES_PER_CALL: usize = 500;

/// DescribeAlarms answers at most this many alarms a call.
const ALARMS_PER_CALL: i32 = 100;

/// CloudWatch in this account, or in another through a role.
pub struct CloudWatch(PerAccount<Client>);

impl CloudWatch {
    /// Builds the client for this account once.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self(PerAccount::new(config, Client::new))
    }
}

impl Metrics for CloudWatch {
    async fn series(
        &self,
        role: Option<&Role>,
        id: &PromotionId,
        queries: &[MetricQuery],
        window: &Window,
    ) -> Result<Vec<Option<Series>>, Fault> {
        series(&self.0.of(role, id).await, queries, window).await
    }

    async fn alarms(
        &self,
        role: Option<&Role>,
        id: &PromotionId,
        names: &[String],
    ) -> Result<BTreeMap<String, AlarmState>, Fault> {
        let client = self.0.of(role, id).await;
        let mut pages = about_alarms(&client, names).into_paginator().send();
        let mut known = BTreeMap::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| Fault::new("cloudwatch:DescribeAlarms", error))?;
            known.extend(alarms_of(&page));
        }
        Ok(known)
    }
}

/// One series for each query, in their order, in as few calls as CloudWatch takes. A
/// series that may lack something is None.
///
/// # Errors
/// When CloudWatch fails.
pub async fn series(
    client: &Client,
    queries: &[MetricQuery],
    window: &Window,
) -> Result<Vec<Option<Series>>, Fault> {
    let mut series = Vec::with_capacity(queries.len());
    for chunk in requests(queries) {
        series.extend(ask(client, chunk, window).await?);
    }
    Ok(series)
}

/// As few requests as the API allows.
pub(crate) fn requests(queries: &[MetricQuery]) -> Chunks<'_, MetricQuery> {
    queries.chunks(QUERIES_PER_CALL)
}

/// Left to itself, DescribeAlarms answers 50 alarms, and metric alarms only.
fn about_alarms(client: &Client, names: &[String]) -> DescribeAlarmsFluentBuilder {
    client
        .describe_alarms()
        .set_alarm_names(Some(names.to_vec()))
        .alarm_types(AlarmType::MetricAlarm)
        .alarm_types(AlarmType::CompositeAlarm)
        .max_records(ALARMS_PER_CALL)
}

/// How the alarms of an answer stand, of both kinds.
fn alarms_of(answer: &DescribeAlarmsOutput) -> impl Iterator<Item = (String, AlarmState)> + '_ {
    let metric = answer.metric_alarms().iter();
    let metric = metric.map(|alarm| (alarm.alarm_name(), alarm.state_value()));
    let composite = answer.composite_alarms().iter();
    let composite = composite.map(|alarm| (alarm.alarm_name(), alarm.state_value()));
    metric
        .chain(composite)
        .filter_map(|(name, state)| Some((name?.to_owned(), alarm_state(state?))))
}

/// One call, with all of its pages.
async fn ask(
    client: &Client,
    queries: &[MetricQuery],
    window: &Window,
) -> Result<Vec<Option<Series>>, Fault> {
    let mut pages = client
        .get_metric_data()
        .set_metric_data_queries(Some(
            queries
                .iter()
                .enumerate()
                .map(|(index, q)| query(index, q, window))
                .collect(),
        ))
        .start_time(DateTime::from_secs(window.start.as_second()))
        .end_time(DateTime::from_secs(window.end.as_second()))
        .scan_by(ScanBy::TimestampAscending)
        .into_paginator()
        .send();
    let mut answers = Answers::default();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| Fault::new("cloudwatch:GetMetricData", error))?;
        answers.complete &= page.messages().is_empty();
        for result in page.metric_data_results() {
            answers.add(result);
        }
    }
    Ok((0..queries.len())
        .map(|index| answers.take(index))
        .collect())
}

fn alarm_state(state: &StateValue) -> AlarmState {
    match state {
        StateValue::Alarm => AlarmState::Alarm,
        StateValue::Ok => AlarmState::Ok,
        _ => AlarmState::InsufficientData,
    }
}

fn query(index: usize, query: &MetricQuery, window: &Window) -> MetricDataQuery {
    let period = i32::try_from(window.period_seconds).unwrap_or(i32::MAX);
    let asked = MetricDataQuery::builder().id(query_id(index));
    match query {
        MetricQuery::Expression { expression } => {
            asked.expression(expression).period(period).build()
        }
        MetricQuery::Metric {
            namespace,
            metric,
            dimensions,
            statistic,
        } => {
            let dimensions = dimensions
                .iter()
                .map(|(name, value)| Dimension::builder().name(name).value(value).build());
            let metric = Metric::builder()
                .namespace(namespace)
                .metric_name(metric)
                .set_dimensions(Some(dimensions.collect()));
            let stat = MetricStat::builder()
                .metric(metric.build())
                .period(period)
                .stat(statistic);
            asked.metric_stat(stat.build()).build()
        }
    }
}

/// CloudWatch wants a lower-case letter first.
fn query_id(index: usize) -> String {
    format!("q{index}")
}

/// What the pages of an answer add up to.
struct Answers {
    series: HashMap<String, Answer>,
    /// No page carried a message about something left out.
    complete: bool,
}

/// One query's answer. Its status is that of the last page that named it.
#[derive(Default)]
struct Answer {
    series: Series,
    /// The names of its series: an expression may answer several, each with its own.
    labels: BTreeSet<String>,
    complete: bool,
}

impl Default for Answers {
    fn default() -> Self {
        Self {
            series: HashMap::new(),
            complete: true,
        }
    }
}

impl Answers {
    fn add(&mut self, result: &MetricDataResult) {
        let answer = self
            .series
            .entry(result.id().unwrap_or_default().to_owned())
            .or_default();
        answer.labels.extend(result.label().map(str::to_owned));
        for (time, value) in result.timestamps().iter().zip(result.values()) {
            if let Ok(time) = Timestamp::from_second(time.secs()) {
                answer.series.insert(time, *value);
            }
        }
        answer.complete =
            result.status_code() == Some(&StatusCode::Complete) && result.messages().is_empty();
    }

    fn take(&mut self, index: usize) -> Option<Series> {
        let answer = self.series.remove(&query_id(index))?;
        let is_one = answer.labels.len() <= 1;
        (self.complete && answer.complete && is_one).then_some(answer.series)
    }
}

/// The promotion's record in the state table.
pub struct Table(pub Store);

impl Records for Table {
    async fn plan(&self, id: &PromotionId) -> Result<Plan, StoreError> {
        self.0.required_part(id, Part::Plan).await
    }

    async fn journal(&self, id: &PromotionId) -> Result<Journal, StoreError> {
        self.0.required_part(id, Part::Journal).await
    }

    async fn controls(&self, id: &PromotionId) -> Result<Controls, StoreError> {
        Ok(self.0.part(id, Part::Controls).await?.unwrap_or_default())
    }

    async fn probing(&self, id: &PromotionId) -> Result<Probing, StoreError> {
        Ok(self.0.part(id, Part::Probes).await?.unwrap_or_default())
    }

    async fn keep(&self, id: &PromotionId, probing: &Probing) -> Result<(), StoreError> {
        self.0.put_part(id, Part::Probes, probing).await
    }
}

/// Other functions of Sluice: `smoke`, which may call what it probes, and
/// `approval`, which may ask people. This one may do neither.
pub struct Functions {
    client: aws_sdk_lambda::Client,
    smoke: String,
    approval: String,
    desk_url: String,
}

impl Functions {
    /// From `SLUICE_SMOKE_FUNCTION`, `SLUICE_APPROVAL_FUNCTION` and `SLUICE_DESK_URL`.
    ///
    /// # Errors
    /// When a variable is not set.
    pub fn from_env(config: &SdkConfig) -> Result<Self, MissingVariable> {
        Ok(Self {
            client: aws_sdk_lambda::Client::new(config),
            smoke: variable("SLUICE_SMOKE_FUNCTION")?,
            approval: variable("SLUICE_APPROVAL_FUNCTION")?,
            desk_url: variable("SLUICE_DESK_URL")?,
        })
    }

    /// What a function answers, if it does so in time.
    async fn call<T: DeserializeOwned>(
        &self,
        operation: &str,
        function: &str,
        payload: Value,
    ) -> Result<T, Fault> {
        let request = self
            .client
            .invoke()
            .function_name(function)
            .payload(Blob::new(payload.to_string()));
        let answer = timeout(LONGEST_CALL, request.send())
            .await
            .map_err(|_| Fault::other(operation, format!("{function} did not answer in time")))?
            .map_err(|error| Fault::new(operation, error))?;
        let body = answer.payload().map(Blob::as_ref).unwrap_or_default();
        if answer.function_error().is_some() {
            return Err(Fault::of_function(operation, body));
        }
        serde_json::from_slice(body).map_err(|error| Fault::other(operation, error))
    }
}

/// What `smoke` answers.
#[derive(Deserialize)]
struct Answered {
    #[serde(default)]
    probes: Vec<Probed>,
}

impl Probes for Functions {
    async fn probe(&self, id: &PromotionId) -> Result<Vec<Probed>, Fault> {
        let payload = json!({ "promotion": id, "stage": "probe" });
        let operation = format!("probing {id}");
        let answered: Answered = self.call(&operation, &self.smoke, payload).await?;
        Ok(answered.probes)
    }
}

impl Approvers for Functions {
    async fn ask(&self, id: &PromotionId, step: &AtStep) -> Result<approval::Answer, Fault> {
        let payload =
            json!({ "op": "step", "promotion": id, "step": step, "desk_url": self.desk_url });
        let operation = format!("asking for the approval of step {} of {id}", step.index + 1);
        self.call(&operation, &self.approval, payload).await
    }

    async fn withdraw(&self, id: &PromotionId, step: usize) -> Result<(), Fault> {
        let payload = json!({ "op": "withdraw", "promotion": id, "step": step });
        let operation = format!("taking back what was asked at step {} of {id}", step + 1);
        let _: Value = self.call(&operation, &self.approval, payload).await?;
        Ok(())
    }
}

impl Verdicts for Ledger {
    async fn record(
        &self,
        id: &PromotionId,
        kind: Kind,
        key: &str,
        facts: Value,
    ) -> Result<u64, Fault> {
        Ok(self.append(id, kind, key, facts).await?.sequence)
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_cloudwatch::config::BehaviorVersion;
    use aws_sdk_cloudwatch::types::{CompositeAlarm, MessageData, MetricAlarm};

    use super::*;

    fn result(id: &str, status: StatusCode, second: i64, value: f64) -> MetricDataResult {
        MetricDataResult::builder()
            .id(id)
            .status_code(status)
            .timestamps(DateTime::from_secs(second))
            .values(value)
            .build()
    }

    #[test]
    fn pages_of_one_query_add_up_and_the_last_status_counts() {
        let mut answers = Answers::default();
        answers.add(&result("q0", StatusCode::PartialData, 60, 1.0));
        answers.add(&result("q0", StatusCode::Complete, 120, 2.0));
        let series = answers.take(0).expect("complete");
        assert_eq!(series.values().sum::<f64>(), 3.0);
    }

    #[test]
    fn partial_failed_and_unanswered_queries_are_missing() {
        let mut answers = Answers::default();
        answers.add(&result("q0", StatusCode::PartialData, 60, 1.0));
        answers.add(&result("q1", StatusCode::InternalError, 60, 1.0));
        assert_eq!(
            (answers.take(0), answers.take(1), answers.take(2)),
            (None, None, None)
        );
    }

    #[test]
    fn a_query_that_answers_several_series_answers_none() {
        let named = |label: &str| MetricDataResult::builder().id("q0").label(label);
        let series = |label: &str, second: i64| {
            let values = named(label)
                .timestamps(DateTime::from_secs(second))
                .values(1.0);
            values.status_code(StatusCode::Complete).build()
        };
        let mut pages = Answers::default();
        pages.add(&series("orders", 60));
        pages.add(&series("orders", 120));
        assert_eq!(pages.take(0).map(|series| series.len()), Some(2));
        let mut several = Answers::default();
        several.add(&series("orders", 60));
        several.add(&series("refunds", 60));
        assert_eq!(several.take(0), None);
    }

    #[test]
    fn all_alarms_of_the_settings_are_asked_for_of_both_kinds_in_one_request() {
        let config = aws_sdk_cloudwatch::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .build();
        let names: Vec<String> = (0..100).map(|number| format!("alarm-{number}")).collect();
        let request = about_alarms(&Client::from_conf(config), &names);
        assert_eq!(request.get_max_records(), &Some(100));
        assert_eq!(request.get_alarm_names().as_ref().map(Vec::len), Some(100));
        assert_eq!(request.get_alarm_types().as_ref().map(Vec::len), Some(2));
    }

    #[test]
    fn metric_alarms_and_composite_ones_are_known_by_how_they_stand() {
        let composite = CompositeAlarm::builder()
            .alarm_name("shop")
            .state_value(StateValue::Alarm)
            .build();
        let metric = MetricAlarm::builder()
            .alarm_name("orders")
            .state_value(StateValue::InsufficientData)
            .build();
        let answer = DescribeAlarmsOutput::builder()
            .composite_alarms(composite)
            .metric_alarms(metric)
            .build();
        let known: BTreeMap<String, AlarmState> = alarms_of(&answer).collect();
        assert_eq!(
            known,
            BTreeMap::from([
                ("orders".to_owned(), AlarmState::InsufficientData),
                ("shop".to_owned(), AlarmState::Alarm)
            ])
        );
    }

    #[test]
    fn a_message_means_that_something_was_left_out() {
        let mut answers = Answers::default();
        let message = MessageData::builder()
            .code("Throttled")
            .value("try later")
            .build();
        let complete = result("q0", StatusCode::Complete, 60, 1.0);
        let told = MetricDataResult::builder()
            .id("q1")
            .status_code(StatusCode::Complete)
            .messages(message)
            .build();
        answers.add(&complete);
        answers.add(&told);
        assert_eq!(answers.take(1), None);
        answers.complete = false;
        assert_eq!(answers.take(0), None);
    }

    #[test]
    fn a_query_asks_for_its_metric_with_its_dimensions_or_for_its_expression() {
        let window = Window {
            start: Timestamp::UNIX_EPOCH,
            end: Timestamp::UNIX_EPOCH,
            period_seconds: 60,
        };
        let asked = MetricQuery::Metric {
            namespace: "AWS/Lambda".to_owned(),
            metric: "Duration".to_owned(),
            dimensions: [("FunctionName", "checkout"), ("ExecutedVersion", "4")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            statistic: "PR(:400)".to_owned(),
        };
        let built = query(7, &asked, &window);
        let stat = built.metric_stat().expect("a metric");
        let metric = stat.metric().expect("a metric");
        assert_eq!(built.id(), Some("q7"));
        assert_eq!((stat.period(), stat.stat()), (Some(60), Some("PR(:400)")));
        assert_eq!(metric.dimensions().len(), 2);
        let asked = MetricQuery::Expression {
            expression: "SELECT MAX(Age) FROM Queues".to_owned(),
        };
        let built = query(0, &asked, &window);
        assert_eq!(built.expression(), Some("SELECT MAX(Age) FROM Queues"));
        assert_eq!((built.period(), built.metric_stat()), (Some(60), None));
    }
}
