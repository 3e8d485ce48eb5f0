//! What the guards of an environment ask: alarms and metrics of CloudWatch, and the
//! parameter of incidents. Reads only. What follows is [`sluice_domain::guards`]'s.

mod calls;

use aws_config::SdkConfig;
use jiff::{SignedDuration, Timestamp};
use sluice_domain::guards::{self, Calls, Checked, ErrorBudget, Guards};
use sluice_domain::judge::MetricQuery;
use sluice_domain::naming::function_name;

use crate::cloudwatch::{self, Series};
use crate::fault::Fault;

pub use self::calls::Callable;

/// The clients of one account and region.
#[derive(Clone)]
pub struct Signals {
    cloudwatch: aws_sdk_cloudwatch::Client,
    parameters: aws_sdk_ssm::Client,
}

/// A function of a release.
#[derive(Debug, Clone, Copy)]
pub struct Function<'a> {
    /// As the manifest calls it.
    pub name: &'a str,
    /// As Lambda calls it: its name or ARN.
    pub function: &'a str,
    /// The alias that its callers use.
    pub alias: &'a str,
}

/// Budgets are counted in days.
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// The metrics of a budget.
const COUNTED: [&str; 2] = ["Invocations", "Errors"];

impl Signals {
    /// Builds the clients.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self {
            cloudwatch: aws_sdk_cloudwatch::Client::new(config),
            parameters: aws_sdk_ssm::Client::new(config),
        }
    }

    /// Asks all guards at once, those of the error budget for these functions: one call
    /// for all alarms, one for the incident, one for the metrics of 250 functions.
    ///
    /// # Errors
    /// When a call fails, or CloudWatch does not answer in full.
    pub async fn check(
        &self,
        guards: &Guards,
        functions: &[Function<'_>],
        now: Timestamp,
    ) -> Result<Vec<Checked>, Fault> {
        let (incident, alarms, budgets) = tokio::try_join!(
            self.incident(guards.incident_parameter.as_deref()),
            self.alarms(&guards.alarms),
            self.budgets(guards.error_budget.as_ref(), functions, now),
        )?;
        Ok(incident.into_iter().chain(alarms).chain(budgets).collect())
    }

    async fn incident(&self, name: Option<&str>) -> Result<Option<Checked>, Fault> {
        let Some(name) = name else { return Ok(None) };
        let request = self.parameters.get_parameter().name(name);
        let value = match request.with_decryption(true).send().await {
            Ok(answer) => answer.parameter.and_then(|parameter| parameter.value),
            Err(error) => {
                let fault = Fault::new(format!("ssm:GetParameter of {name}"), error);
                if !fault.is("ParameterNotFound") {
                    return Err(fault);
                }
                None
            }
        };
        Ok(Some(guards::incident(name, value.as_deref())))
    }

    async fn alarms(&self, names: &[String]) -> Result<Vec<Checked>, Fault> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let known = cloudwatch::alarms(&self.cloudwatch, names).await?;
        let checked = names
            .iter()
            .map(|name| guards::alarm(name, known.get(name).copied()));
        Ok(checked.collect())
    }

    async fn budgets(
        &self,
        budget: Option<&ErrorBudget>,
        functions: &[Function<'_>],
        now: Timestamp,
    ) -> Result<Vec<Checked>, Fault> {
        let Some(budget) = budget.filter(|_| !functions.is_empty()) else {
            return Ok(Vec::new());
        };
        let queries = functions
            .iter()
            .flat_map(|function| COUNTED.map(|metric| of_alias(metric, function)));
        let queries: Vec<MetricQuery> = queries.collect();
        let days = i32::try_from(budget.window_days).unwrap_or(i32::MAX);
        let from = now.saturating_sub(DAY * days).unwrap_or(Timestamp::MIN);
        let period = DAY.unsigned_abs().as_secs();
        let answers = cloudwatch::series(&self.cloudwatch, &queries, (from, now), period).await?;
        let answers = functions.iter().zip(answers.chunks(COUNTED.len()));
        let checked = answers.map(|(function, answer)| {
            let calls = counted(answer).ok_or_else(|| {
                let name = function.name;
                let problem = format!("the calls of {name} were not answered in full; try again");
                Fault::other("cloudwatch:GetMetricData", problem)
            })?;
            Ok(guards::error_budget(budget, function.name, calls))
        });
        checked.collect()
    }
}

/// The answers to [`COUNTED`]. None: one may lack something.
fn counted(answer: &[Option<Series>]) -> Option<Calls> {
    let sum = |index: usize| -> Option<f64> {
        let series = answer.get(index)?.as_ref()?;
        Some(series.values().sum())
    };
    Some(Calls {
        invocations: sum(0)?,
        errors: sum(1)?,
    })
}

fn of_alias(metric: &str, function: &Function<'_>) -> MetricQuery {
    let name = function_name(function.function);
    sum(metric, name, Some(function.alias), None)
}

/// The sum of a function's metric: of all of it, of what came by an alias or a version's
/// name, or of a version behind an alias.
fn sum(metric: &str, name: &str, qualifier: Option<&str>, executed: Option<&str>) -> MetricQuery {
    let resource = qualifier.map(|qualifier| ("Resource", format!("{name}:{qualifier}")));
    let executed = executed.map(|version| ("ExecutedVersion", version.to_owned()));
    let dimensions = [("FunctionName", name.to_owned())].into_iter();
    let dimensions = dimensions.chain(resource).chain(executed);
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
    fn what_was_not_answered_in_full_is_not_counted_and_no_calls_are_none() {
        let series = |value| Some(Series::from([(Timestamp::UNIX_EPOCH, value)]));
        let calls = counted(&[series(7.0), Some(Series::new())]);
        let expected = Calls {
            invocations: 7.0,
            errors: 0.0,
        };
        assert_eq!(calls, Some(expected));
        assert_eq!(counted(&[series(7.0), None]), None);
    }
}
