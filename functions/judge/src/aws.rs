//! Metrics from CloudWatch, plan and journal from the state table.

use std::collections::HashMap;

use aws_config::SdkConfig;
use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{
    Dimension, Metric, MetricDataQuery, MetricDataResult, MetricStat, ScanBy, StatusCode,
};
use jiff::Timestamp;
use serde_json::Value;
use sluice_domain::journal::Journal;
use sluice_domain::ledger::Kind;
use sluice_domain::plan::Plan;
use sluice_domain::promotion::PromotionId;
use sluice_domain::settings::Role;
use sluice_platform::aws::PerAccount;
use sluice_platform::fault::Fault;
use sluice_platform::ledger::Ledger;
use sluice_platform::store::{Part, Store, StoreError};

use crate::{Metrics, Query, Records, Series, Verdicts, Window};

/// GetMetricData takes at most this many queries a call.
const QUERIES_PER_CALL: usize = 500;

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
    async fn sums(
        &self,
        role: Option<&Role>,
        id: &PromotionId,
        queries: &[Query],
        window: &Window,
    ) -> Result<Vec<Option<Series>>, Fault> {
        let client = self.0.of(role, id).await;
        let mut sums = Vec::with_capacity(queries.len());
        for chunk in queries.chunks(QUERIES_PER_CALL) {
            sums.extend(ask(&client, chunk, window).await?);
        }
        Ok(sums)
    }
}

/// One call, with all of its pages.
async fn ask(
    client: &Client,
    queries: &[Query],
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

fn query(index: usize, query: &Query, window: &Window) -> MetricDataQuery {
    let dimension = |name: &str, value: &str| Dimension::builder().name(name).value(value).build();
    let metric = Metric::builder()
        .namespace("AWS/Lambda")
        .metric_name(query.metric)
        .dimensions(dimension("FunctionName", &query.function_name))
        .dimensions(dimension("Resource", &query.resource));
    let metric = match &query.executed_version {
        Some(version) => metric.dimensions(dimension("ExecutedVersion", version)),
        None => metric,
    };
    let stat = MetricStat::builder()
        .metric(metric.build())
        .period(i32::try_from(window.period_seconds).unwrap_or(i32::MAX))
        .stat("Sum")
        .build();
    MetricDataQuery::builder()
        .id(query_id(index))
        .metric_stat(stat)
        .build()
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
        (self.complete && answer.complete).then_some(answer.series)
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
}

impl Verdicts for Ledger {
    async fn record(&self, id: &PromotionId, key: &str, facts: Value) -> Result<u64, Fault> {
        Ok(self
            .append(id, Kind::VerdictReached, key, facts)
            .await?
            .sequence)
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_cloudwatch::types::MessageData;

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
    fn a_query_without_a_version_has_two_dimensions() {
        let window = Window {
            start: Timestamp::UNIX_EPOCH,
            end: Timestamp::UNIX_EPOCH,
            period_seconds: 60,
        };
        let mut asked = Query {
            metric: "Errors",
            function_name: "checkout".to_owned(),
            resource: "checkout:live".to_owned(),
            executed_version: None,
        };
        let dimensions = |asked: &Query| {
            let query = query(7, asked, &window);
            let stat = query.metric_stat().expect("a metric");
            (
                query.id().map(str::to_owned),
                stat.period(),
                stat.metric().map_or(0, |metric| metric.dimensions().len()),
            )
        };
        assert_eq!(dimensions(&asked), (Some("q7".to_owned()), Some(60), 2));
        asked.executed_version = Some("4".to_owned());
        assert_eq!(dimensions(&asked).2, 3);
    }
}
