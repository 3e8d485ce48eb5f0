//! What CloudWatch counted of functions and their aliases. Reads only.

use std::collections::BTreeMap;

use aws_config::SdkConfig;
use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{
    Dimension, Metric, MetricDataQuery, MetricDataResult, MetricStat, ScanBy, StatusCode,
};
use jiff::Timestamp;
use sluice_domain::settings::{Role, Target};
use sluice_platform::aws::PerAccount;
use sluice_platform::fault::Fault;

/// GetMetricData takes at most this many queries a call.
const QUERIES_PER_CALL: usize = 500;

/// Sums by the start of their period.
pub type Series = BTreeMap<Timestamp, f64>;

/// Whose calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Those of the alias.
    Alias,
    /// All of the function's, whatever version or alias was called.
    Function,
}

/// A metric of Lambda's, of a function of the settings.
pub type Asked<'a> = (&'a Target, &'a str, Scope);

/// From when to when, in whole periods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// The start of the first period.
    pub start: Timestamp,
    /// The end of the last one.
    pub end: Timestamp,
    /// The length of a period.
    pub period_seconds: u32,
}

impl Window {
    /// The last so many seconds before a time, begun with a whole period.
    #[must_use]
    pub fn before(end: Timestamp, seconds: u64, period_seconds: u32) -> Self {
        let period = i64::from(period_seconds.max(1));
        let start = end
            .as_second()
            .saturating_sub(i64::try_from(seconds).unwrap_or(i64::MAX));
        let start = start.div_euclid(period) * period;
        Self {
            start: Timestamp::from_second(start).unwrap_or(Timestamp::MIN),
            end,
            period_seconds,
        }
    }
}

/// Metrics of aliases, in this account or in the one that a role opens.
pub struct Traffic(Client);

impl Traffic {
    /// Builds the client.
    pub async fn of(config: &SdkConfig, role: Option<&Role>) -> Self {
        let clients = PerAccount::new(config, Client::new);
        Self(clients.of(role, "sluice-forecast").await)
    }

    /// The sums of these metrics of Lambda's, in their order.
    ///
    /// # Errors
    /// When CloudWatch fails, or does not answer in full.
    pub async fn sums(&self, asked: &[Asked<'_>], window: Window) -> Result<Vec<Series>, Fault> {
        let mut all = Vec::with_capacity(asked.len());
        for chunk in asked.chunks(QUERIES_PER_CALL) {
            all.extend(self.ask(chunk, window).await?);
        }
        Ok(all)
    }

    async fn ask(&self, asked: &[Asked<'_>], window: Window) -> Result<Vec<Series>, Fault> {
        let queries = asked
            .iter()
            .enumerate()
            .map(|(place, asked)| query(place, *asked, window));
        let mut pages = self
            .0
            .get_metric_data()
            .set_metric_data_queries(Some(queries.collect()))
            .start_time(DateTime::from_secs(window.start.as_second()))
            .end_time(DateTime::from_secs(window.end.as_second()))
            .scan_by(ScanBy::TimestampAscending)
            .into_paginator()
            .send();
        let mut answers: BTreeMap<String, Answer> = BTreeMap::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| Fault::new(OPERATION, error))?;
            if let Some(message) = page.messages().first() {
                return Err(not_in_full(message.value().unwrap_or_default()));
            }
            for result in page.metric_data_results() {
                let id = result.id().unwrap_or_default().to_owned();
                answers.entry(id).or_default().add(result);
            }
        }
        (0..asked.len())
            .map(|place| {
                let answer = answers.remove(&id(place)).filter(|answer| answer.is_whole);
                let answer = answer.ok_or_else(|| not_in_full(asked[place].1))?;
                Ok(answer.series)
            })
            .collect()
    }
}

const OPERATION: &str = "cloudwatch:GetMetricData";

fn not_in_full(what: &str) -> Fault {
    Fault::other(
        OPERATION,
        format!("it was not answered in full ({what}); try again"),
    )
}

/// What the pages about one metric add up to. The last one says whether it is all.
#[derive(Default)]
struct Answer {
    series: Series,
    is_whole: bool,
}

impl Answer {
    fn add(&mut self, result: &MetricDataResult) {
        for (time, value) in result.timestamps().iter().zip(result.values()) {
            if let Ok(time) = Timestamp::from_second(time.secs()) {
                self.series.insert(time, *value);
            }
        }
        self.is_whole =
            result.status_code() == Some(&StatusCode::Complete) && result.messages().is_empty();
    }
}

/// CloudWatch wants a lower-case letter first.
fn id(place: usize) -> String {
    format!("q{place}")
}

fn query(place: usize, (target, metric, scope): Asked<'_>, window: Window) -> MetricDataQuery {
    // Settings may name a function by its ARN; metrics know its bare name.
    let function = target.name.rsplit(':').next().unwrap_or_default();
    let resource = format!("{function}:{}", target.alias);
    let dimension = |name: &str, value: &str| Dimension::builder().name(name).value(value).build();
    let metric = Metric::builder()
        .namespace("AWS/Lambda")
        .metric_name(metric)
        .dimensions(dimension("FunctionName", function));
    let metric = match scope {
        Scope::Alias => metric.dimensions(dimension("Resource", &resource)),
        Scope::Function => metric,
    };
    let stat = MetricStat::builder()
        .metric(metric.build())
        .period(i32::try_from(window.period_seconds).unwrap_or(i32::MAX))
        .stat("Sum")
        .build();
    MetricDataQuery::builder()
        .id(id(place))
        .metric_stat(stat)
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window() -> Window {
        let end = Timestamp::from_second(1_000_000).expect("a time");
        Window::before(end, 7 * 86_400, 3600)
    }

    #[test]
    fn a_window_begins_with_a_whole_period_and_is_no_shorter_than_asked() {
        let Window { start, end, .. } = window();
        assert_eq!(start.as_second() % 3600, 0);
        let seconds = end.as_second() - start.as_second();
        assert!((604_800..604_800 + 3600).contains(&seconds), "{seconds}");
    }

    #[test]
    fn an_alias_is_asked_about_by_its_functions_bare_name() {
        let target = r#"{"name": "arn:aws:lambda:eu-west-1:1:function:shop-api"}"#;
        let target: Target = serde_json::from_str(target).expect("a target");
        let of_all = query(0, (&target, "Invocations", Scope::Function), window());
        let of_all = of_all.metric_stat().and_then(|stat| stat.metric());
        assert_eq!(of_all.map(|metric| metric.dimensions().len()), Some(1));
        let query = query(3, (&target, "Invocations", Scope::Alias), window());
        let stat = query.metric_stat().expect("a metric");
        let metric = stat.metric().expect("a metric");
        let dimensions: Vec<_> = metric
            .dimensions()
            .iter()
            .filter_map(|dimension| Some((dimension.name()?, dimension.value()?)))
            .collect();
        assert_eq!(query.id(), Some("q3"));
        assert_eq!(
            dimensions,
            [("FunctionName", "shop-api"), ("Resource", "shop-api:live")]
        );
        assert_eq!((stat.period(), stat.stat()), (Some(3600), Some("Sum")));
    }

    #[test]
    fn pages_of_one_metric_add_up_and_the_last_says_whether_it_is_all() {
        let page = |status, second| {
            MetricDataResult::builder()
                .status_code(status)
                .timestamps(DateTime::from_secs(second))
                .values(2.0)
                .build()
        };
        let mut answer = Answer::default();
        answer.add(&page(StatusCode::PartialData, 60));
        assert!(!answer.is_whole);
        answer.add(&page(StatusCode::Complete, 120));
        assert!(answer.is_whole);
        assert_eq!(answer.series.values().sum::<f64>(), 4.0);
    }
}
