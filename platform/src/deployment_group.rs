//! What CodeDeploy says of a deployment group. Reads only.

use aws_sdk_codedeploy::Client;
use sluice_domain::codedeploy::DeploymentGroup;

use crate::fault::Fault;

/// A deployment group that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What it deploys to: `Lambda`, `Server` or `ECS`.
    pub platform: String,
    /// The id of its last deployment that succeeded.
    pub last: Option<String>,
}

/// The deployment group. None: there is none.
///
/// # Errors
/// When CodeDeploy fails.
pub async fn find(codedeploy: &Client, group: &DeploymentGroup) -> Result<Option<Found>, Fault> {
    let request = codedeploy
        .get_deployment_group()
        .application_name(&group.application)
        .deployment_group_name(&group.deployment_group);
    match request.send().await {
        Ok(answer) => {
            let info = answer.deployment_group_info();
            let platform = info.and_then(|info| info.compute_platform());
            let last = info.and_then(|info| info.last_successful_deployment());
            Ok(Some(Found {
                // A group without a word of it is one of servers, as the first were.
                platform: platform
                    .map_or("Server", |platform| platform.as_str())
                    .to_owned(),
                last: last
                    .and_then(|last| last.deployment_id())
                    .map(str::to_owned),
            }))
        }
        Err(error) => {
            let fault = Fault::new(format!("codedeploy:GetDeploymentGroup of {group}"), error);
            let is_missing = fault.is("DeploymentGroupDoesNotExistException")
                || fault.is("ApplicationDoesNotExistException");
            if is_missing { Ok(None) } else { Err(fault) }
        }
    }
}
