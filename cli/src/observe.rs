//! Looks at functions as a plan does: what serves, and what the next version
//! would be made from. Reads only.

use std::collections::BTreeMap;

use aws_config::SdkConfig;
use aws_sdk_lambda::Client;
use sluice_domain::manifest::Manifest;
use sluice_domain::plan::Observed;
use sluice_domain::settings::Settings;
use sluice_platform::aws::PerAccount;
use sluice_platform::function;

use crate::error::{Error, Result};

/// What is there of the functions that a manifest names.
///
/// # Errors
/// When one of them isn't there, or Lambda fails.
pub async fn functions(
    config: &SdkConfig,
    settings: &Settings,
    manifest: &Manifest,
) -> Result<BTreeMap<String, Observed>> {
    let lambda = PerAccount::new(config, Client::new)
        .of(settings.role.as_ref(), "sluice-plan")
        .await;
    let mut observed = BTreeMap::new();
    for name in manifest.functions.keys() {
        // A function that the settings lack is the plan's to refuse.
        let Some(target) = settings.functions.get(name) else {
            continue;
        };
        let found = function::observe(&lambda, target).await?.ok_or_else(|| {
            Error::Absent(format!(
                "there is no function {}, which the settings name as `{name}`; create it with your own stack",
                target.name
            ))
        })?;
        observed.insert(name.clone(), found);
    }
    Ok(observed)
}

/// How long a call of each function of the settings may take, in seconds.
///
/// # Errors
/// When Lambda fails.
pub async fn longest_calls(
    config: &SdkConfig,
    settings: &Settings,
) -> Result<BTreeMap<String, u64>> {
    let lambda = PerAccount::new(config, Client::new)
        .of(settings.role.as_ref(), "sluice-observe")
        .await;
    let mut longest = BTreeMap::new();
    for (name, target) in &settings.functions {
        let found = function::observe(&lambda, target).await?;
        let call = found.map_or(0, |found| found.longest_call(None));
        longest.insert(name.clone(), call);
    }
    Ok(longest)
}
