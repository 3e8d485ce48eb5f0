//! What changes or lists aliases and what stands beside them, without moving anybody.

use aws_sdk_lambda::Client;
use aws_sdk_lambda::types::AliasConfiguration;
use sluice_domain::alias::Routing;

use crate::fault::Fault;

/// All aliases of a function, by name.
///
/// # Errors
/// When Lambda fails.
pub async fn list(lambda: &Client, function: &str) -> Result<Vec<(String, Routing)>, Fault> {
    let request = lambda.list_aliases().function_name(function);
    let mut pages = request.into_paginator().items().send();
    let mut found = Vec::new();
    while let Some(alias) = pages.next().await {
        let alias = alias
            .map_err(|error| Fault::new(format!("lambda:ListAliases of {function}"), error))?;
        let name = alias.name().unwrap_or_default().to_owned();
        found.push((name, routing(&alias)));
    }
    Ok(found)
}

fn routing(alias: &AliasConfiguration) -> Routing {
    let weights = alias
        .routing_config()
        .and_then(|routing| routing.additional_version_weights());
    Routing {
        version: alias.function_version().unwrap_or_default().to_owned(),
        weights: weights.cloned().unwrap_or_default().into_iter().collect(),
    }
}

/// Deletes an alias. That there is none is no error: Lambda's API reference says that it
/// succeeds then.
///
/// # Errors
/// When Lambda fails.
pub async fn delete(lambda: &Client, function: &str, alias: &str) -> Result<(), Fault> {
    let request = lambda.delete_alias().function_name(function).name(alias);
    let operation = || format!("lambda:DeleteAlias of {function}:{alias}");
    match request.send().await {
        Ok(_) => Ok(()),
        Err(error) => unless_missing(Fault::new(operation(), error)),
    }
}

/// Takes provisioned concurrency off a version or an alias. That it has none is no error.
///
/// # Errors
/// When Lambda fails.
pub async fn unprovision(lambda: &Client, function: &str, qualifier: &str) -> Result<(), Fault> {
    let request = lambda
        .delete_provisioned_concurrency_config()
        .function_name(function)
        .qualifier(qualifier);
    let operation =
        || format!("lambda:DeleteProvisionedConcurrencyConfig of {function}:{qualifier}");
    match request.send().await {
        Ok(_) => Ok(()),
        Err(error) => unless_missing(Fault::new(operation(), error)),
    }
}

fn unless_missing(fault: Fault) -> Result<(), Fault> {
    if fault.is("ResourceNotFoundException") {
        Ok(())
    } else {
        Err(fault)
    }
}
