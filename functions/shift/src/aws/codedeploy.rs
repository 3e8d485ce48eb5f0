//! Deployments through CodeDeploy.

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_sdk_codedeploy::Client;
use aws_sdk_codedeploy::config::Config;
use aws_sdk_codedeploy::primitives::DateTime;
use aws_sdk_codedeploy::types::{
    AppSpecContent, AutoRollbackConfiguration, AutoRollbackEvent, DeploymentInfo, DeploymentStatus,
    RevisionLocation, RevisionLocationType, TimeRange,
};
use jiff::Timestamp;
use sluice_domain::codedeploy::{DeploymentGroup, Found, Mark, Status};
use sluice_domain::digest::Digest;
use sluice_platform::fault::Fault;

use crate::{Deployments, Order};

/// BatchGetDeployments takes at most this many ids a call.
const IDS_PER_CALL: usize = 25;

/// Deployments of this account.
#[derive(Clone)]
pub struct CodeDeploy(Client);

impl CodeDeploy {
    /// Builds the client once.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self(Client::new(config))
    }

    async fn infos(&self, ids: &[String]) -> Result<Vec<DeploymentInfo>, Fault> {
        let mut infos = Vec::with_capacity(ids.len());
        for ids in ids.chunks(IDS_PER_CALL) {
            let request = self
                .0
                .batch_get_deployments()
                .set_deployment_ids(Some(ids.to_vec()));
            let answer = request.send().await.map_err(|error| {
                Fault::new(
                    format!("codedeploy:BatchGetDeployments of {}", ids.join(", ")),
                    error,
                )
            })?;
            infos.extend(answer.deployments_info.unwrap_or_default());
        }
        Ok(infos)
    }
}

impl Deployments for CodeDeploy {
    async fn create(&self, order: &Order) -> Result<String, Fault> {
        let operation = || format!("codedeploy:CreateDeployment in {}", order.group);
        let content = AppSpecContent::builder()
            .sha256(Digest::of(order.app_spec.as_bytes()).hex())
            .content(&order.app_spec)
            .build();
        let revision = RevisionLocation::builder()
            .revision_type(RevisionLocationType::AppSpecContent)
            .app_spec_content(content)
            .build();
        // Whatever the group says: stopping without a rollback would leave the
        // alias on two versions, and CodeDeploy refuses to deploy to it then.
        let rollback = AutoRollbackConfiguration::builder()
            .enabled(true)
            .events(AutoRollbackEvent::DeploymentFailure)
            .events(AutoRollbackEvent::DeploymentStopOnAlarm)
            .events(AutoRollbackEvent::DeploymentStopOnRequest)
            .build();
        let request = self
            .0
            .create_deployment()
            .application_name(&order.group.application)
            .deployment_group_name(&order.group.deployment_group)
            .description(order.mark.to_string())
            .revision(revision)
            .auto_rollback_configuration(rollback);
        // CreateDeployment knows no token: the SDK must not send it again unseen.
        let once = Config::builder().retry_config(RetryConfig::disabled());
        let created = request
            .customize()
            .config_override(once)
            .send()
            .await
            .map_err(|error| Fault::new(operation(), error))?;
        created
            .deployment_id
            .ok_or_else(|| Fault::other(operation(), "the answer has no deploymentId"))
    }

    async fn find(
        &self,
        group: &DeploymentGroup,
        mark: &Mark,
        since: Timestamp,
    ) -> Result<Option<String>, Fault> {
        let range = TimeRange::builder()
            .start(DateTime::from_secs(since.as_second()))
            .build();
        let mut pages = self
            .0
            .list_deployments()
            .application_name(&group.application)
            .deployment_group_name(&group.deployment_group)
            .create_time_range(range)
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| {
                Fault::new(format!("codedeploy:ListDeployments of {group}"), error)
            })?;
            let infos = self.infos(page.deployments()).await?;
            let ours = infos.into_iter().find(|info| is_of(info, mark));
            if let Some(id) = ours.and_then(|info| info.deployment_id) {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }

    async fn look(&self, ids: &[String]) -> Result<Vec<Found>, Fault> {
        let infos = self.infos(ids).await?;
        Ok(infos.into_iter().filter_map(found).collect())
    }

    async fn stop(&self, id: &str) -> Result<(), Fault> {
        let request = self
            .0
            .stop_deployment()
            .deployment_id(id)
            .auto_rollback_enabled(true);
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) => {
                let fault = Fault::new(format!("codedeploy:StopDeployment of {id}"), error);
                if fault.is("DeploymentAlreadyCompletedException") {
                    Ok(())
                } else {
                    Err(fault)
                }
            }
        }
    }
}

fn is_of(info: &DeploymentInfo, mark: &Mark) -> bool {
    let described = info.description().map(str::parse::<Mark>);
    described.is_some_and(|described| described.is_ok_and(|found| found.is_of_the_same(mark)))
}

fn found(info: DeploymentInfo) -> Option<Found> {
    let error = info.error_information().map(|error| {
        let code = error.code().map_or("no code", |code| code.as_str());
        format!("{code}: {}", error.message().unwrap_or("no message"))
    });
    let rollback = info.rollback_info();
    let rollback = rollback.and_then(|rollback| rollback.rollback_deployment_id());
    Some(Found {
        status: info.status().map_or(Status::Running, status),
        error,
        // A rollback names itself, too.
        rollback: rollback
            .filter(|id| Some(*id) != info.deployment_id())
            .map(str::to_owned),
        id: info.deployment_id?,
    })
}

/// What is not known to have ended may still move the alias.
fn status(status: &DeploymentStatus) -> Status {
    match status {
        DeploymentStatus::Succeeded => Status::Succeeded,
        DeploymentStatus::Failed => Status::Failed,
        DeploymentStatus::Stopped => Status::Stopped,
        _ => Status::Running,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use aws_config::{BehaviorVersion, Region};
    use aws_credential_types::Credentials;
    use aws_credential_types::provider::SharedCredentialsProvider;
    use aws_sdk_codedeploy::types::{ErrorCode, ErrorInformation, RollbackInfo};
    use aws_smithy_runtime_api::client::http::{
        HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
    };
    use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
    use aws_smithy_runtime_api::http::StatusCode;
    use aws_smithy_types::body::SdkBody;
    use sluice_platform::pace::paced;

    use super::*;

    /// Fails by itself, and counts how often it is asked.
    #[derive(Debug, Clone, Default)]
    struct Failing(Arc<AtomicUsize>);

    impl HttpConnector for Failing {
        fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
            self.0.fetch_add(1, Ordering::Relaxed);
            let failed = StatusCode::try_from(500).expect("a status");
            HttpConnectorFuture::ready(Ok(HttpResponse::new(failed, SdkBody::empty())))
        }
    }

    #[tokio::test]
    async fn a_creation_is_asked_for_once_since_its_answer_may_be_all_that_got_lost() {
        let failing = Failing::default();
        let connector = SharedHttpConnector::new(failing.clone());
        let keys = Credentials::new("key", "secret", None, None, "test");
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(SharedCredentialsProvider::new(keys))
            .http_client(http_client_fn(move |_, _| connector.clone()))
            .build();
        let order = Order {
            group: DeploymentGroup {
                application: "shop".to_owned(),
                deployment_group: "api-prod".to_owned(),
            },
            app_spec: "{}".to_owned(),
            mark: "sluice shop/prod/1.4.0/1 function api generation 4"
                .parse()
                .expect("a mark"),
        };
        let codedeploy = CodeDeploy::new(&paced(&config));
        codedeploy.create(&order).await.expect_err("it fails");
        assert_eq!(failing.0.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn what_codedeploy_says_of_a_failed_deployment_is_read_whole() {
        let error = ErrorInformation::builder()
            .code(ErrorCode::HookExecutionFailure)
            .message("BeforeAllowTraffic failed")
            .build();
        let rollback = RollbackInfo::builder()
            .rollback_deployment_id("d-2")
            .build();
        let info = DeploymentInfo::builder()
            .deployment_id("d-1")
            .status(DeploymentStatus::Failed)
            .error_information(error)
            .rollback_info(rollback);
        let read = found(info.build()).expect("an id");
        assert_eq!(read.status, Status::Failed);
        assert_eq!(
            read.error.as_deref(),
            Some("HOOK_EXECUTION_FAILURE: BeforeAllowTraffic failed")
        );
        assert_eq!(read.rollback.as_deref(), Some("d-2"));
    }

    #[test]
    fn a_status_that_nobody_knows_yet_counts_as_under_way() {
        assert_eq!(status(&"Dreaming".into()), Status::Running);
        assert_eq!(status(&DeploymentStatus::Baking), Status::Running);
    }

    #[test]
    fn a_deployment_is_known_by_its_description_whoever_created_it() {
        let info = |text: &str| DeploymentInfo::builder().description(text).build();
        let mark: Mark = "sluice shop/prod/1.4.0/1 function api generation 4"
            .parse()
            .expect("a mark");
        assert!(is_of(
            &info("sluice shop/prod/1.4.0/1 function api generation 3"),
            &mark
        ));
        assert!(!is_of(
            &info("sluice shop/prod/1.4.0/1 function web generation 4"),
            &mark
        ));
        assert!(!is_of(&info("by hand"), &mark));
    }
}
