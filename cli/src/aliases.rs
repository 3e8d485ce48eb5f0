//! Whose the aliases of an environment are, and whether its callers use them: what
//! would have a release refused, or would make its steps meaningless.
//!
//! The facts are gathered first and judged apart, so that the judging is pure.

use std::collections::BTreeMap;

use aws_config::SdkConfig;
use jiff::Timestamp;
use sluice_domain::owner::{self, Standing};
use sluice_domain::plan::shares_aliases;
use sluice_domain::settings::{Settings, Target};
use sluice_platform::aws::PerAccount;
use sluice_platform::fault::Fault;
use sluice_platform::function;
use sluice_platform::owner::{Owners, Stack};
use sluice_platform::store::Store;

use crate::callers::{self, Callers};
use crate::finding::Finding;
use crate::traffic::{Scope, Series, Traffic, last};
use crate::words::percent;

/// The calls of a week say who uses an alias.
const WEEK: u64 = 7 * 24 * 60 * 60;
const HOUR: u64 = 60 * 60;

/// Less of the calls than this are tests, Sluice's own among them.
const WORTH_TELLING: f64 = 0.01;

/// What was found of one function's alias.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// How the alias stands, and what CloudFormation says of it. None: nobody was
    /// asked, since there is no stack of Sluice's.
    pub standing: Option<Result<(Standing, Stack), String>>,
    /// Whether it has provisioned concurrency of its own. None: nobody was asked,
    /// since no step shares it between versions.
    pub provisioned: Option<Result<bool, String>>,
    /// Who calls past it.
    pub callers: Callers,
    /// Calls within a week: all of the function's, and those of the alias. None:
    /// CloudWatch did not say.
    pub calls: Option<(f64, f64)>,
}

/// Looks at the aliases of these functions. Without the state table, nobody knows
/// where Sluice left them.
pub async fn gather(
    config: &SdkConfig,
    store: Option<&Store>,
    place: (&str, &str),
    settings: &Settings,
) -> BTreeMap<String, Facts> {
    let role = settings.role.as_ref();
    let clients = |config: &SdkConfig| (aws_sdk_lambda::Client::new(config), Owners::new(config));
    let (lambda, owners) = PerAccount::new(config, clients)
        .of(role, "sluice-aliases")
        .await;
    let mut calls = calls(config, settings).await.unwrap_or_default();
    let mut found = BTreeMap::new();
    for (name, target) in &settings.functions {
        let standing = match store {
            Some(store) => Some(standing(&lambda, &owners, store, place, target).await),
            None => None,
        };
        let provisioned = if shares_aliases(settings) {
            Some(provisioned(&lambda, target).await)
        } else {
            None
        };
        let facts = Facts {
            standing,
            provisioned,
            callers: callers::look(&lambda, target).await,
            calls: calls.remove(name),
        };
        found.insert(name.clone(), facts);
    }
    found
}

async fn provisioned(lambda: &aws_sdk_lambda::Client, target: &Target) -> Result<bool, String> {
    match function::provisioned(lambda, &target.name, &target.alias).await {
        Ok(found) => Ok(found.is_some()),
        // What is not there has none.
        Err(fault) if fault.is("ResourceNotFoundException") => Ok(false),
        Err(fault) => Err(fault.to_string()),
    }
}

async fn standing(
    lambda: &aws_sdk_lambda::Client,
    owners: &Owners,
    store: &Store,
    place: (&str, &str),
    target: &Target,
) -> Result<(Standing, Stack), String> {
    let function = function::find(lambda, &target.name, None).await;
    let Some(function) = function.map_err(|fault| fault.to_string())? else {
        return Ok((Standing::default(), Stack::None));
    };
    let arn = function.function_arn().unwrap_or_default();
    let looked = owners.look(store, place, (arn, &target.alias)).await;
    looked.map_err(|error| error.to_string())
}

async fn calls(
    config: &SdkConfig,
    settings: &Settings,
) -> Result<BTreeMap<String, (f64, f64)>, Fault> {
    let window = last(WEEK, Timestamp::now(), HOUR);
    let scopes = [Scope::Function, Scope::Alias];
    let targets = settings.functions.values();
    let asked = targets.flat_map(|target| scopes.map(|scope| (target, "Invocations", scope)));
    let asked: Vec<_> = asked.collect();
    let traffic = Traffic::of(config, settings.role.as_ref()).await;
    let sums = traffic.sums(&asked, &window).await?;
    let total = |series: &Series| series.values().sum::<f64>();
    let pairs = sums
        .chunks_exact(2)
        .map(|both| (total(&both[0]), total(&both[1])));
    Ok(settings.functions.keys().cloned().zip(pairs).collect())
}

/// What a person should know of these aliases.
#[must_use]
pub fn findings(settings: &Settings, facts: &BTreeMap<String, Facts>) -> Vec<Finding> {
    let known = settings.functions.iter();
    known
        .filter_map(|(name, target)| Some((name, target, facts.get(name)?)))
        .flat_map(|(name, target, facts)| {
            let owned = facts
                .standing
                .as_ref()
                .map(|standing| owned(name, target, standing));
            let unshared = facts.provisioned.as_ref();
            let unshared = unshared.and_then(|found| unshared_alias(name, target, found));
            let called = called(name, target, facts);
            owned.into_iter().chain(unshared).chain([called])
        })
        .collect()
}

fn owned(name: &str, target: &Target, standing: &Result<(Standing, Stack), String>) -> Finding {
    let subject = format!("alias of {name}");
    let unread = |reason: &str, permission: &str| {
        let message = format!("whose it is can't be told: {reason}");
        Finding::note(&subject, message, format!("allow {permission} to check it"))
    };
    let (standing, stack) = match standing {
        Ok(looked) => looked,
        Err(reason) => return unread(reason, "lambda:GetAlias and reading the state table"),
    };
    match (owner::check(target, standing), stack) {
        (Err(foreign), _) => Finding::problem(
            &subject,
            foreign.to_string(),
            "until then every release is refused",
        ),
        (Ok(()), Stack::Untold(reason)) => unread(reason, "cloudformation:DescribeStackResources"),
        (Ok(()), _) => Finding::ok(&subject, "nobody else is known to move it"),
    }
}

/// Lambda takes no weights on an alias that has provisioned concurrency itself.
fn unshared_alias(
    name: &str,
    target: &Target,
    is_provisioned: &Result<bool, String>,
) -> Option<Finding> {
    let subject = format!("alias of {name}");
    let Target { name, alias, .. } = target;
    match is_provisioned {
        Ok(false) => None,
        Ok(true) => Some(Finding::problem(
            subject,
            format!(
                "{name}:{alias} has provisioned concurrency of its own, and Lambda does not share the traffic of such an alias between versions"
            ),
            "give it to the version that serves instead (Sluice moves it to each new one), or shift in a single step of 100 %: until then every release is refused (AliasProvisioned)",
        )),
        Err(reason) => Some(Finding::note(
            subject,
            format!("whether it has provisioned concurrency can't be told: {reason}"),
            "allow lambda:GetProvisionedConcurrencyConfig to check it",
        )),
    }
}

fn called(name: &str, target: &Target, facts: &Facts) -> Finding {
    let subject = format!("callers of {name}");
    let Target { name, alias, .. } = target;
    let mut told = Vec::new();
    if let Some(share) = facts.calls.and_then(|(all, alias)| past(all, alias)) {
        let share = percent(share);
        told.push(format!(
            "{share} of the last week's calls went past alias {alias} (Sluice's own smoke tests and probes of exact versions among them)"
        ));
    }
    if !facts.callers.past.is_empty() {
        let past = facts.callers.past.join(", ");
        told.push(format!("these call {name} itself, or may: {past}"));
    }
    if !told.is_empty() {
        let mend = format!(
            "have them call {name}:{alias}: whatever goes past the alias meets new code at once, and no step protects it"
        );
        return Finding::note(subject, told.join("; "), mend);
    }
    if !facts.callers.untold.is_empty() {
        let message = format!("can't be looked at: {}", facts.callers.untold.join("; "));
        let mend = "allow lambda:ListEventSourceMappings, lambda:GetPolicy and lambda:ListFunctionUrlConfigs to check it";
        return Finding::note(subject, message, mend);
    }
    Finding::ok(subject, format!("none is known to go past alias {alias}"))
}

/// The share of calls past the alias, where it is worth telling.
fn past(all: f64, alias: f64) -> Option<f64> {
    let share = (all - alias) / all;
    (all > 0.0 && share >= WORTH_TELLING).then_some(share)
}

#[cfg(test)]
#[path = "aliases_tests.rs"]
mod tests;
