//! What CloudWatch counted of functions and their aliases. Reads only.

use aws_config::SdkConfig;
use aws_sdk_cloudwatch::Client;
use jiff::Timestamp;
use judge::aws::series;
pub use judge::{Series, Window};
use sluice_domain::judge::MetricQuery;
use sluice_domain::naming::function_name;
use sluice_domain::settings::{Role, Target};
use sluice_platform::aws::PerAccount;
use sluice_platform::fault::Fault;

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

/// The last so many seconds before a time, begun with a whole period.
#[must_use]
pub fn last(seconds: u64, end: Timestamp, period_seconds: u64) -> Window {
    let period = i64::try_from(period_seconds.max(1)).unwrap_or(i64::MAX);
    let start = end
        .as_second()
        .saturating_sub(i64::try_from(seconds).unwrap_or(i64::MAX));
    let start = start.div_euclid(period) * period;
    Window {
        start: Timestamp::from_second(start).unwrap_or(Timestamp::MIN),
        end,
        period_seconds,
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
    pub async fn sums(&self, asked: &[Asked<'_>], window: &Window) -> Result<Vec<Series>, Fault> {
        let queries: Vec<MetricQuery> = asked.iter().copied().map(query).collect();
        let answers = series(&self.0, &queries, window).await?;
        let whole = answers.into_iter().zip(asked).map(|(answer, asked)| {
            let (target, metric, _) = asked;
            let partial = || {
                let name = &target.name;
                let problem = format!("{metric} of {name} was not answered in full; try again");
                Fault::other("cloudwatch:GetMetricData", problem)
            };
            answer.ok_or_else(partial)
        });
        whole.collect()
    }
}

fn query((target, metric, scope): Asked<'_>) -> MetricQuery {
    let function = function_name(&target.name);
    let named = ("FunctionName", function.to_owned());
    let resource = ("Resource", format!("{function}:{}", target.alias));
    let dimensions = match scope {
        Scope::Alias => vec![named, resource],
        Scope::Function => vec![named],
    };
    let dimensions = dimensions.into_iter();
    MetricQuery::Metric {
        namespace: "AWS/Lambda".to_owned(),
        metric: metric.to_owned(),
        dimensions: dimensions
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
        statistic: "Sum".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_begins_with_a_whole_period_and_is_no_shorter_than_asked() {
        let end = Timestamp::from_second(1_000_000).expect("a time");
        let Window { start, end, .. } = last(7 * 86_400, end, 3600);
        assert_eq!(start.as_second() % 3600, 0);
        let seconds = end.as_second() - start.as_second();
        assert!((604_800..604_800 + 3600).contains(&seconds), "{seconds}");
    }

    #[test]
    fn an_alias_is_asked_about_by_its_functions_bare_name() {
        let target = r#"{"name": "arn:aws:lambda:eu-west-1:1:function:shop-api"}"#;
        let target: Target = serde_json::from_str(target).expect("a target");
        let dimensions = |scope| match query((&target, "Invocations", scope)) {
            MetricQuery::Metric { dimensions, .. } => dimensions.into_iter().collect(),
            MetricQuery::Expression { .. } => Vec::new(),
        };
        let named = ("FunctionName".to_owned(), "shop-api".to_owned());
        let resource = ("Resource".to_owned(), "shop-api:live".to_owned());
        assert_eq!(dimensions(Scope::Alias), [named.clone(), resource]);
        assert_eq!(dimensions(Scope::Function), [named]);
    }
}
