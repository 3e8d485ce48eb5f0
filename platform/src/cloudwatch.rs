//! What CloudWatch counted, and how its alarms stand. Reads only.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::slice::Chunks;

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::operation::describe_alarms::DescribeAlarmsOutput;
use aws_sdk_cloudwatch::operation::describe_alarms::builders::DescribeAlarmsFluentBuilder;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{
    AlarmType, Dimension, Metric, MetricDataQuery, MetricDataResult, MetricStat, ScanBy,
    StateValue, StatusCode,
};
use jiff::Timestamp;
use sluice_domain::judge::{AlarmState, MetricQuery};

use crate::fault::Fault;

/// Values by the start of their period.
pub type Series = BTreeMap<Timestamp, f64>;

/// GetMetricData takes at most this many queries a call.
const QUERIES_PER_CALL: usize = 500;

/// DescribeAlarms answers at most this many alarms a call.
const ALARMS_PER_CALL: i32 = 100;

/// One series for each query, in their order, in as few calls as CloudWatch takes. A
/// series that may lack something is None.
///
/// # Errors
/// When CloudWatch fails.
pub async fn series(
    client: &Client,
    queries: &[MetricQuery],
    between: (Timestamp, Timestamp),
    period_seconds: u64,
) -> Result<Vec<Option<Series>>, Fault> {
    let mut series = Vec::with_capacity(queries.len());
    for chunk in requests(queries) {
        series.extend(ask(client, chunk, between, period_seconds).await?);
    }
    Ok(series)
}

/// How alarms stand, composite ones too, in one call. What is not among the answers is not
/// there.
///
/// # Errors
/// When CloudWatch fails.
pub async fn alarms(
    client: &Client,
    names: &[String],
) -> Result<BTreeMap<String, AlarmState>, Fault> {
    let mut pages = about_alarms(client, names).into_paginator().send();
    let mut known = BTreeMap::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| Fault::new("cloudwatch:DescribeAlarms", error))?;
        known.extend(alarms_of(&page));
    }
    Ok(known)
}

/// The queries of each request: as few requests as the API allows.
pub fn requests(queries: &[MetricQuery]) -> Chunks<'_, MetricQuery> {
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
    between: (Timestamp, Timestamp),
    period_seconds: u64,
) -> Result<Vec<Option<Series>>, Fault> {
    let mut pages = client
        .get_metric_data()
        .set_metric_data_queries(Some(
            queries
                .iter()
                .enumerate()
                .map(|(index, q)| query(index, q, period_seconds))
                .collect(),
        ))
        .start_time(DateTime::from_secs(between.0.as_second()))
        .end_time(DateTime::from_secs(between.1.as_second()))
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

fn query(index: usize, query: &MetricQuery, period_seconds: u64) -> MetricDataQuery {
    let period = i32::try_from(period_seconds).unwrap_or(i32::MAX);
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
        let asked = MetricQuery::Metric {
            namespace: "AWS/Lambda".to_owned(),
            metric: "Duration".to_owned(),
            dimensions: [("FunctionName", "checkout"), ("ExecutedVersion", "4")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            statistic: "PR(:400)".to_owned(),
        };
        let built = query(7, &asked, 60);
        let stat = built.metric_stat().expect("a metric");
        let metric = stat.metric().expect("a metric");
        assert_eq!(built.id(), Some("q7"));
        assert_eq!((stat.period(), stat.stat()), (Some(60), Some("PR(:400)")));
        assert_eq!(metric.dimensions().len(), 2);
        let asked = MetricQuery::Expression {
            expression: "SELECT MAX(Age) FROM Queues".to_owned(),
        };
        let built = query(0, &asked, 60);
        assert_eq!(built.expression(), Some("SELECT MAX(Age) FROM Queues"));
        assert_eq!((built.period(), built.metric_stat()), (Some(60), None));
    }
}
