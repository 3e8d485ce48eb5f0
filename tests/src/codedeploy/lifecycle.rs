//! The lifecycle of a Lambda deployment: hook, a tenth, the rest, hook; and back.

use std::collections::HashMap;
use std::sync::Arc;

use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::AliasRoutingConfiguration;
use serde_json::{Value, json};

use super::protocol::{Refused, over, unknown};
use super::{Deployment, Shared};

/// The share that moves first.
const FIRST: f64 = 0.1;

/// Why a deployment goes no further: CodeDeploy's error code, and a message. None:
/// it was stopped.
type Ended = Option<(&'static str, String)>;

/// Takes a deployment to its end.
pub(super) async fn run(shared: Arc<Shared>, id: String) {
    match shift(&shared, &id).await {
        Ok(()) => _ = shared.with(&id, |found| found.status = "Succeeded"),
        Err(None) => {}
        Err(Some(error)) => {
            let failed = shared.with(&id, |found| {
                let is_under_way = found.is_under_way();
                if is_under_way {
                    found.status = "Failed";
                    found.error = Some(error);
                }
                is_under_way
            });
            if failed == Some(true) {
                begin_rollback(&shared, &id);
            }
        }
    }
}

async fn shift(shared: &Arc<Shared>, id: &str) -> Result<(), Ended> {
    shared.with(id, |found| found.status = "InProgress");
    hook(shared, id, "BeforeAllowTraffic").await?;
    route(shared, id, Some(FIRST)).await?;
    let mut gate = shared.gate.subscribe();
    let alarmed = {
        let state = shared.state();
        let group = state.deployments.iter().find(|found| found.id == id);
        group.is_some_and(|found| state.alarmed.contains(&found.group))
    };
    if alarmed {
        return Err(Some(("ALARM_ACTIVE", "an alarm is in ALARM".to_owned())));
    }
    // The gate is never dropped before its deployments.
    let _ = gate.wait_for(|open| *open).await;
    route(shared, id, None).await?;
    hook(shared, id, "AfterAllowTraffic").await
}

/// Calls the hook that the AppSpec names for an event, if it names one.
async fn hook(shared: &Shared, id: &str, event: &str) -> Result<(), Ended> {
    let app_spec = app_spec(shared, id)?;
    let hooks = app_spec["Hooks"].as_array().into_iter().flatten();
    let Some(function) = hooks.filter_map(|hook| hook[event].as_str()).next() else {
        return Ok(());
    };
    let execution = format!("{id}/{event}");
    let payload = json!({ "DeploymentId": id, "LifecycleEventHookExecutionId": execution });
    let called = shared
        .lambda
        .invoke()
        .function_name(function)
        .payload(Blob::new(payload.to_string()))
        .send()
        .await;
    let answer = shared.state().answers.get(&execution).cloned();
    let answer = answer.unwrap_or_else(|| format!("no answer: {called:?}"));
    let passed = answer == "Succeeded";
    shared.with(id, |found| {
        found.hooks.push((event.to_owned(), answer.clone()))
    });
    if passed {
        return Ok(());
    }
    let message = format!("{event} was answered with {answer}");
    Err(Some(("HOOK_EXECUTION_FAILURE", message)))
}

/// Moves the alias, unless the deployment was stopped.
async fn route(shared: &Shared, id: &str, first: Option<f64>) -> Result<(), Ended> {
    let app_spec = app_spec(shared, id)?;
    let moved = move_alias(shared, &app_spec, first).await;
    moved.map_err(|message| Some(("LAMBDA_SYSTEM_ERROR", message)))
}

async fn move_alias(shared: &Shared, app_spec: &Value, first: Option<f64>) -> Result<(), String> {
    let resource = app_spec["Resources"][0].as_object();
    let resource = resource.and_then(|resource| resource.values().next());
    let properties = resource.map_or(&Value::Null, |resource| &resource["Properties"]);
    let text = |name: &str| properties[name].as_str().unwrap_or_default();
    let (version, weights) = match first {
        Some(share) => {
            let weights = HashMap::from([(text("TargetVersion").to_owned(), share)]);
            (text("CurrentVersion"), weights)
        }
        None => (text("TargetVersion"), HashMap::new()),
    };
    let routing = AliasRoutingConfiguration::builder()
        .set_additional_version_weights(Some(weights))
        .build();
    shared
        .lambda
        .update_alias()
        .function_name(text("Name"))
        .name(text("Alias"))
        .function_version(version)
        .routing_config(routing)
        .send()
        .await
        .map(|_| ())
        .map_err(|error| format!("{error:?}"))
}

/// What a deployment deploys, while it is under way.
fn app_spec(shared: &Shared, id: &str) -> Result<Value, Ended> {
    let found = shared.with(id, |found| {
        found.is_under_way().then(|| found.app_spec.clone())
    });
    found.flatten().ok_or(None)
}

/// Stops a deployment.
pub(super) fn stop(shared: &Arc<Shared>, id: &str, rolls_back: bool) -> Result<Value, Refused> {
    let stopped = shared.with(id, |found| {
        let is_under_way = found.is_under_way();
        if is_under_way {
            found.status = "Stopped";
        }
        is_under_way
    });
    if !stopped.ok_or_else(|| unknown(id))? {
        return Err(over(id));
    }
    if rolls_back {
        begin_rollback(shared, id);
    }
    Ok(json!({ "status": "Succeeded" }))
}

/// Rolls a deployment back, with another one: from its new version to its current.
fn begin_rollback(shared: &Arc<Shared>, id: &str) {
    let rollback = {
        let mut state = shared.state();
        let rollback = format!("d-{:09}", state.deployments.len() + 1);
        let Some(found) = state.deployments.iter_mut().find(|found| found.id == id) else {
            return;
        };
        found.rollback = Some(rollback.clone());
        let mut app_spec = found.app_spec.clone();
        for resource in app_spec["Resources"][0]
            .as_object_mut()
            .into_iter()
            .flat_map(|resource| resource.values_mut())
        {
            resource["Properties"]["TargetVersion"] =
                resource["Properties"]["CurrentVersion"].clone();
        }
        let deployment = Deployment {
            id: rollback.clone(),
            group: found.group.clone(),
            status: "InProgress",
            hooks: Vec::new(),
            description: format!("rolls {id} back"),
            app_spec,
            error: None,
            rollback: None,
            rolls_back: Some(id.to_owned()),
        };
        state.deployments.push(deployment);
        rollback
    };
    let shared = Arc::clone(shared);
    tokio::spawn(async move {
        let moved = route(&shared, &rollback, None).await;
        let status = if moved.is_ok() { "Succeeded" } else { "Failed" };
        shared.with(&rollback, |found| found.status = status);
    });
}
