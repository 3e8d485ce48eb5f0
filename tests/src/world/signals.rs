//! What guards ask: alarms, and the parameter of incidents.

use std::time::SystemTime;

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{
    ComparisonOperator, Dimension, MetricDatum, StateValue, Statistic,
};

use super::World;

impl World {
    /// An alarm of this application's own, on a metric that nobody puts.
    ///
    /// # Panics
    /// When CloudWatch refuses.
    pub async fn alarm(&self) -> String {
        let name = format!("{}-alarm", self.application);
        Client::new(&self.config)
            .put_metric_alarm()
            .alarm_name(&name)
            .namespace("Flow")
            .metric_name("Orders")
            .statistic(Statistic::Sum)
            .comparison_operator(ComparisonOperator::LessThanThreshold)
            .threshold(1.0)
            .period(60)
            .evaluation_periods(1)
            .send()
            .await
            .unwrap_or_else(|error| panic!("creating {name}: {error:?}"));
        name
    }

    /// Has an alarm stand so, whatever its metric is.
    ///
    /// # Panics
    /// When CloudWatch refuses.
    pub async fn raise(&self, alarm: &str, is_up: bool) {
        let state = if is_up {
            StateValue::Alarm
        } else {
            StateValue::Ok
        };
        Client::new(&self.config)
            .set_alarm_state()
            .alarm_name(alarm)
            .state_value(state)
            .state_reason("a test says so")
            .send()
            .await
            .unwrap_or_else(|error| panic!("setting {alarm}: {error:?}"));
    }

    /// Has Lambda have counted calls of a version, now and for a minute to come. Answers how
    /// the version is called in messages.
    ///
    /// # Panics
    /// When CloudWatch refuses.
    pub async fn count_calls(&self, environment: &str, function: &str, version: &str) -> String {
        let name = self.function(environment, function);
        let called = format!("{name}:{version}");
        let dimension = |name: &str, value: &str| {
            let dimension = Dimension::builder().name(name).value(value);
            dimension.build()
        };
        let dimensions = [
            dimension("FunctionName", &name),
            dimension("Resource", &called),
        ];
        let client = Client::new(&self.config);
        let now = DateTime::from(SystemTime::now()).secs();
        let count = async || {
            let call = |second: i64| {
                MetricDatum::builder()
                    .metric_name("Invocations")
                    .set_dimensions(Some(dimensions.to_vec()))
                    .timestamp(DateTime::from_secs(now + second))
                    .value(1.0)
                    .build()
            };
            let put = client.put_metric_data().namespace("AWS/Lambda");
            let put = put.set_metric_data(Some((0..60).map(call).collect()));
            put.send().await.map(drop)
        };
        // The engine may lose a datum while it throws old ones away for somebody else.
        let counted = async || {
            count()
                .await
                .unwrap_or_else(|error| panic!("counting calls of {called}: {error:?}"));
            let asked = client
                .get_metric_statistics()
                .namespace("AWS/Lambda")
                .metric_name("Invocations")
                .set_dimensions(Some(dimensions.to_vec()))
                .start_time(DateTime::from_secs(now))
                .end_time(DateTime::from_secs(now + 60))
                .period(60)
                .statistics(Statistic::Sum)
                .send()
                .await
                .unwrap_or_else(|error| panic!("reading calls of {called}: {error:?}"));
            let sums = asked.datapoints().iter().filter_map(|point| point.sum());
            (sums.sum::<f64>() >= 60.0).then_some(())
        };
        self.wait("calls are counted", counted).await;
        called
    }

    /// Writes a secret parameter anew.
    ///
    /// # Panics
    /// When Parameter Store refuses.
    pub async fn overwrite_parameter(&self, name: &str, value: &str) {
        aws_sdk_ssm::Client::new(&self.config)
            .put_parameter()
            .name(name)
            .value(value)
            .overwrite(true)
            .send()
            .await
            .unwrap_or_else(|error| panic!("writing {name}: {error:?}"));
    }

    /// The name of this application's incident parameter, which is not there yet.
    #[must_use]
    pub fn incident_parameter(&self) -> String {
        format!("/sluice-incidents/{}", self.application)
    }
}
