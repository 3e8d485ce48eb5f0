//! Sluice's functions in front of a stand-in for CodeDeploy: the deployed ones, as
//! they are, with its address in their environment.

use std::collections::HashMap;

use aws_sdk_lambda::types::Environment;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::{Build, Machines, Sluice, World};
use crate::codedeploy::StandIn;

/// A function is changed by one test at a time: what is published next is its own.
static PUBLISHING: Mutex<()> = Mutex::const_new(());

/// What has whoever runs with it in the environment find CodeDeploy there.
fn address(codedeploy: &StandIn) -> (&'static str, &str) {
    ("AWS_ENDPOINT_URL_CODEDEPLOY", codedeploy.endpoint.as_str())
}

impl Sluice {
    /// With CodeDeploy there.
    #[must_use]
    pub fn with_codedeploy(self, codedeploy: &StandIn) -> Self {
        self.with_variable(address(codedeploy))
    }
}

impl World {
    /// Copies of the machines whose functions find CodeDeploy there.
    ///
    /// # Panics
    /// When the engine refuses.
    pub async fn machines_with_codedeploy(&self, codedeploy: &StandIn) -> Machines {
        let endpoint = address(codedeploy);
        let deployed = self.called_by("ShiftTraffic").await;
        let hook = self.variable_of(&deployed, "SLUICE_HOOK_NAME").await;
        let hook = self.published_with(&hook, &[endpoint]).await;
        let named = ("SLUICE_HOOK_NAME", hook.as_str());
        let shift = self.published_with(&deployed, &[endpoint, named]).await;
        let checks = self.called_by("CheckGuards").await;
        let guard = self.published_with(&checks, &[endpoint]).await;
        let substitute = |machine: &mut Value| {
            let text = machine.to_string();
            let text = text.replace(&deployed, &shift).replace(&checks, &guard);
            *machine = serde_json::from_str(&text).expect("still JSON");
        };
        self.machines_with(substitute, substitute).await
    }

    /// Settings that have CodeDeploy shift the functions of this build, each through
    /// a group of its name.
    #[must_use]
    pub fn through_codedeploy(&self, build: &Build) -> Value {
        let group = |name: &str| json!({ "application": "shop", "deployment_group": name });
        let groups: serde_json::Map<String, Value> = build
            .functions()
            .map(|name| (name.to_owned(), group(name)))
            .collect();
        json!({ "steps": null, "codedeploy": { "functions": groups, "shift_seconds": 60, "bake_seconds": 0 } })
    }

    /// What a variable of a function is set to.
    ///
    /// # Panics
    /// When there is no such function, or no such variable.
    pub async fn variable_of(&self, function: &str, name: &str) -> String {
        let variables = self.variables(function).await;
        variables.get(name).expect("the variable").clone()
    }

    async fn variables(&self, function: &str) -> HashMap<String, String> {
        let request = self.lambda().get_function_configuration();
        let found = request.function_name(function).send().await;
        let found = found.unwrap_or_else(|error| panic!("reading {function}: {error:?}"));
        let environment = found.environment.and_then(|it| it.variables);
        environment.unwrap_or_default()
    }

    /// Publishes a further version of a deployed function, with more in its
    /// environment, and answers how to call it.
    pub(super) async fn published_with(&self, function: &str, more: &[(&str, &str)]) -> String {
        let name = unqualified(function);
        let mut variables = self.variables(function).await;
        let more = more.iter();
        variables.extend(more.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let environment = Environment::builder()
            .set_variables(Some(variables))
            .build();
        let _alone = PUBLISHING.lock().await;
        self.lambda()
            .update_function_configuration()
            .function_name(&name)
            .environment(environment)
            .send()
            .await
            .unwrap_or_else(|error| panic!("changing {name}: {error:?}"));
        let published = self.lambda().publish_version().function_name(&name).send();
        let published = published.await.expect("a version");
        format!("{name}:{}", published.version().expect("its number"))
    }
}

/// A name or ARN without the version or alias at its end.
fn unqualified(function: &str) -> String {
    let most = if function.starts_with("arn:") { 7 } else { 1 };
    let parts: Vec<&str> = function.split(':').take(most).collect();
    parts.join(":")
}
