//! Deployments through CodeDeploy, records through the state table, aliases
//! through Lambda, tests through `smoke`.

use aws_config::SdkConfig;
use aws_sdk_codedeploy::types::{DeploymentCreator, DeploymentInfo, LifecycleEventStatus};
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use sluice_domain::alias::Routing;
use sluice_domain::journal::{Published, Versions};
use sluice_domain::promotion::{Generation, Promotion, PromotionId};
use sluice_platform::call::call;
use sluice_platform::fault::Fault;
use sluice_platform::lambda::{MissingVariable, variable};
use sluice_platform::store::{Part, Store, StoreError};

use crate::{Aliases, Deployments, Input, Records, Stage, Tests, Told};

/// CodeDeploy.
pub struct CodeDeploy(aws_sdk_codedeploy::Client);

impl CodeDeploy {
    /// Builds the client once.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self(aws_sdk_codedeploy::Client::new(config))
    }
}

impl Deployments for CodeDeploy {
    async fn read(&self, id: &str) -> Result<Told, Fault> {
        let operation = || format!("codedeploy:GetDeployment of {id}");
        let answer = self.0.get_deployment().deployment_id(id).send().await;
        let answer = answer.map_err(|error| Fault::new(operation(), error))?;
        let info = answer.deployment_info;
        info.as_ref()
            .map(told)
            .ok_or_else(|| Fault::other(operation(), "the answer has no deploymentInfo"))
    }

    async fn answer(&self, hook: &Input, may_go_on: bool) -> Result<(), Fault> {
        let status = if may_go_on {
            LifecycleEventStatus::Succeeded
        } else {
            LifecycleEventStatus::Failed
        };
        let request = self
            .0
            .put_lifecycle_event_hook_execution_status()
            .deployment_id(&hook.deployment_id)
            .lifecycle_event_hook_execution_id(&hook.lifecycle_event_hook_execution_id)
            .status(status);
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) => {
                let operation = format!(
                    "codedeploy:PutLifecycleEventHookExecutionStatus of {}",
                    hook.deployment_id
                );
                unless_answered(Fault::new(operation, error))
            }
        }
    }
}

/// An answer that comes again, or after CodeDeploy stopped waiting for it, changes
/// nothing any more.
fn unless_answered(fault: Fault) -> Result<(), Fault> {
    if fault.is("LifecycleEventAlreadyCompletedException") {
        Ok(())
    } else {
        Err(fault)
    }
}

fn told(info: &DeploymentInfo) -> Told {
    let triggered = info
        .rollback_info()
        .and_then(|rollback| rollback.rollback_triggering_deployment_id());
    Told {
        description: info.description().unwrap_or_default().to_owned(),
        is_rollback: info.creator() == Some(&DeploymentCreator::CodeDeployRollback)
            || triggered.is_some_and(|id| Some(id) != info.deployment_id()),
    }
}

/// The promotion's record in the state table.
pub struct Table(pub Store);

impl Records for Table {
    async fn promotion(&self, id: &PromotionId) -> Result<(Promotion, Generation), StoreError> {
        self.0.promotion(id).await
    }

    async fn versions(&self, id: &PromotionId) -> Result<Versions, StoreError> {
        self.0.required_part(id, Part::Versions).await
    }
}

/// Aliases, and the tests that `smoke` runs.
#[derive(Clone)]
pub struct Lambda {
    client: aws_sdk_lambda::Client,
    smoke: String,
}

impl Lambda {
    /// From `SLUICE_SMOKE_FUNCTION`.
    ///
    /// # Errors
    /// When the variable is not set.
    pub fn from_env(config: &SdkConfig) -> Result<Self, MissingVariable> {
        Ok(Self {
            client: aws_sdk_lambda::Client::new(config),
            smoke: variable("SLUICE_SMOKE_FUNCTION")?,
        })
    }
}

impl Aliases for Lambda {
    async fn routing(&self, published: &Published) -> Result<Routing, Fault> {
        let Published { name, alias, .. } = published;
        let request = self.client.get_alias().function_name(name).name(alias);
        let found = request
            .send()
            .await
            .map_err(|error| Fault::new(format!("lambda:GetAlias of {name}:{alias}"), error))?;
        let weights = found
            .routing_config
            .and_then(|routing| routing.additional_version_weights);
        Ok(Routing {
            version: found.function_version.unwrap_or_default(),
            weights: weights.into_iter().flatten().collect(),
        })
    }
}

impl Tests for Lambda {
    async fn run(&self, id: &PromotionId, stage: Stage, function: &str) -> Result<(), Fault> {
        let operation = format!("testing {function} of {id}");
        let request = request(id, stage, function);
        call::<IgnoredAny>(&self.client, &self.smoke, operation, &request)
            .await
            .map(|_| ())
    }
}

fn request(id: &PromotionId, stage: Stage, function: &str) -> Value {
    json!({ "promotion": id, "stage": stage, "function": function })
}

#[cfg(test)]
mod tests {
    use aws_sdk_codedeploy::types::RollbackInfo;

    use super::*;

    #[test]
    fn a_deployment_that_codedeploy_made_to_take_another_back_is_known_as_such() {
        let info = || {
            DeploymentInfo::builder()
                .deployment_id("d-2")
                .description("x")
        };
        assert!(!told(&info().build()).is_rollback);
        let made = info().creator(DeploymentCreator::CodeDeployRollback);
        assert!(told(&made.build()).is_rollback);
        let triggered = RollbackInfo::builder().rollback_triggering_deployment_id("d-1");
        assert!(told(&info().rollback_info(triggered.build()).build()).is_rollback);
    }

    #[test]
    fn an_answer_that_comes_twice_or_late_is_no_failure_and_any_other_refusal_is() {
        let fault = |code: &str| Fault {
            operation: "codedeploy:PutLifecycleEventHookExecutionStatus of d-1".to_owned(),
            code: Some(code.to_owned()),
            message: String::new(),
        };
        assert!(unless_answered(fault("LifecycleEventAlreadyCompletedException")).is_ok());
        for code in [
            "InvalidLifecycleEventHookExecutionIdException",
            "DeploymentDoesNotExistException",
            "ThrottlingException",
        ] {
            assert!(unless_answered(fault(code)).is_err(), "{code}");
        }
    }

    #[test]
    fn what_smoke_is_asked_is_what_its_sample_event_says() {
        let text = include_str!("../../../events/smoke/of-a-function.json");
        let sample: Value = serde_json::from_str(text).expect("JSON");
        let id = "storefront/prod/1.1.0/1".parse().expect("an id");
        assert_eq!(request(&id, Stage::Live, "checkout"), sample);
    }
}
