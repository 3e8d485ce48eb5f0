//! Looks at an account: functions, their tags and aliases, alarms on them. Reads only.

use std::collections::BTreeMap;

use aws_config::SdkConfig;
use aws_sdk_cloudwatch::types::MetricAlarm;
use aws_sdk_lambda::types::FunctionConfiguration;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use sluice_platform::fault::Fault;
use sluice_platform::pace::{IN_FLIGHT, paced};

use super::Function;

/// An account, in the region of the credentials.
pub struct Account {
    lambda: aws_sdk_lambda::Client,
    cloudwatch: aws_sdk_cloudwatch::Client,
}

/// Which functions are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// Those with this in their names, in any case.
    Named(String),
    /// Those with this tag and value. Each function of the account is asked for its tags.
    Tagged(String, String),
}

impl Account {
    /// Builds the clients.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self {
            lambda: aws_sdk_lambda::Client::new(&paced(config)),
            cloudwatch: aws_sdk_cloudwatch::Client::new(config),
        }
    }

    /// The functions that are meant, by name.
    ///
    /// # Errors
    /// When Lambda or CloudWatch fails.
    pub async fn functions(&self, which: &Which) -> Result<Vec<Function>, Fault> {
        let all = self.list().await?;
        let looks = stream::iter(all.iter().filter(|one| may_be(which, one)))
            .map(|one| self.look(one))
            .buffered(IN_FLIGHT);
        let mut found: Vec<Function> = looks.try_collect().await?;
        if let Which::Tagged(name, value) = which {
            found.retain(|function| function.tags.get(name) == Some(value));
        }
        let mut alarms = self.alarms().await?;
        for function in &mut found {
            function.alarms = alarms.remove(&function.name).unwrap_or_default();
        }
        found.sort_by(|one, two| one.name.cmp(&two.name));
        Ok(found)
    }

    async fn list(&self) -> Result<Vec<FunctionConfiguration>, Fault> {
        let pages = self.lambda.list_functions().into_paginator().items().send();
        let all = pages.collect::<Result<Vec<_>, _>>().await;
        all.map_err(|error| Fault::new("lambda:ListFunctions".to_owned(), error))
    }

    async fn look(&self, one: &FunctionConfiguration) -> Result<Function, Fault> {
        let name = one.function_name().unwrap_or_default();
        let arn = one.function_arn().unwrap_or_default();
        let tags = self.lambda.list_tags().resource(arn).send().await;
        let tags = tags.map_err(|error| Fault::new(format!("lambda:ListTags of {name}"), error))?;
        let request = self.lambda.list_aliases().function_name(name);
        let pages = request.into_paginator().items().send();
        let aliases = pages.collect::<Result<Vec<_>, _>>().await;
        let aliases =
            aliases.map_err(|error| Fault::new(format!("lambda:ListAliases of {name}"), error))?;
        let aliases = aliases.iter().filter_map(|alias| {
            Some((
                alias.name()?.to_owned(),
                alias.function_version()?.to_owned(),
            ))
        });
        let runtime = one.runtime().map_or("image", |runtime| runtime.as_str());
        Ok(Function {
            name: name.to_owned(),
            runtime: runtime.to_owned(),
            tags: tags
                .tags()
                .cloned()
                .unwrap_or_default()
                .into_iter()
                .collect(),
            aliases: aliases.collect(),
            alarms: Vec::new(),
        })
    }

    /// Alarms on functions' metrics, by function.
    async fn alarms(&self) -> Result<BTreeMap<String, Vec<String>>, Fault> {
        let mut pages = self.cloudwatch.describe_alarms().into_paginator().send();
        let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
        while let Some(page) = pages.next().await {
            let page =
                page.map_err(|error| Fault::new("cloudwatch:DescribeAlarms".to_owned(), error))?;
            for alarm in page.metric_alarms() {
                for function in watched(alarm) {
                    let name = alarm.alarm_name().unwrap_or_default().to_owned();
                    found.entry(function.to_owned()).or_default().push(name);
                }
            }
        }
        Ok(found)
    }
}

fn may_be(which: &Which, one: &FunctionConfiguration) -> bool {
    let name = one.function_name().unwrap_or_default().to_ascii_lowercase();
    match which {
        Which::Named(text) => name.contains(&text.to_ascii_lowercase()),
        Which::Tagged(..) => true,
    }
}

/// The functions whose metrics an alarm looks at, itself or in an expression.
fn watched(alarm: &MetricAlarm) -> impl Iterator<Item = &str> {
    let in_expressions = alarm.metrics().iter();
    let in_expressions = in_expressions.filter_map(|query| query.metric_stat()?.metric());
    let dimensions = in_expressions.flat_map(|metric| metric.dimensions());
    alarm
        .dimensions()
        .iter()
        .chain(dimensions)
        .filter(|dimension| dimension.name() == Some("FunctionName"))
        .filter_map(|dimension| dimension.value())
}
