//! What guards ask: alarms, and the parameter of incidents.

use std::time::{Duration, SystemTime};

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{
    ComparisonOperator, Dimension, MetricDatum, StateValue, Statistic,
};
use tokio::time::sleep;

use super::{EVERY, World};

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

    /// Has Lambda count calls of a version for as long as this lasts, which is told how the
    /// version is called in messages. They are a second old, since questions are of whole
    /// seconds, and it counts on and on, since the engine may lose what was counted while it
    /// throws old data away for somebody else.
    ///
    /// # Panics
    /// When CloudWatch refuses.
    pub async fn while_called<T>(
        &self,
        (environment, function, version): (&str, &str, &str),
        act: impl AsyncFnOnce(&str) -> T,
    ) -> T {
        let name = self.function(environment, function);
        let called = format!("{name}:{version}");
        let client = Client::new(&self.config);
        let count = async || {
            let dimension = |name: &str, value: &str| {
                let dimension = Dimension::builder().name(name).value(value);
                dimension.build()
            };
            let calls = MetricDatum::builder()
                .metric_name("Invocations")
                .dimensions(dimension("FunctionName", &name))
                .dimensions(dimension("Resource", &called))
                .timestamp(DateTime::from(SystemTime::now() - Duration::from_secs(1)))
                .value(1.0)
                .build();
            let put = client.put_metric_data().namespace("AWS/Lambda");
            let put = put.metric_data(calls).send().await;
            put.unwrap_or_else(|error| panic!("counting calls of {called}: {error:?}"));
        };
        count().await;
        let counting = async {
            loop {
                sleep(EVERY).await;
                count().await;
            }
        };
        tokio::select! {
            done = act(&called) => done,
            () = counting => unreachable!("it counts until the other is done"),
        }
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
