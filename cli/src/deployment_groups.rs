//! Whether CodeDeploy could shift what the settings leave to it: what would have a
//! release refused before anything moves.
//!
//! The facts are gathered first and judged apart, so that the judging is pure.

use std::collections::BTreeMap;

use aws_config::SdkConfig;
use aws_sdk_codedeploy::Client;
use sluice_domain::codedeploy::{DeploymentGroup, LAMBDA, shifted_by};
use sluice_domain::naming::function_name;
use sluice_domain::settings::{Settings, Target};
use sluice_platform::deployment_group;
use sluice_platform::fault::Fault;

use crate::finding::Finding;

/// What was found of one deployment group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Group {
    /// There is none.
    None,
    /// It is there.
    There {
        /// What it deploys to.
        platform: String,
        /// The function that its last deployment shifted, as far as that can be told.
        shifted: Option<String>,
    },
    /// That could not be read, for this reason.
    Unknown(String),
}

/// Looks at the deployment group of each function.
pub async fn gather(config: &SdkConfig, settings: &Settings) -> BTreeMap<String, Group> {
    let codedeploy = Client::new(config);
    let groups = settings.codedeploy.iter();
    let mut found = BTreeMap::new();
    for (name, group) in groups.flat_map(|codedeploy| &codedeploy.functions) {
        let looked = look(&codedeploy, group).await;
        let looked = looked.unwrap_or_else(|fault| Group::Unknown(fault.message));
        found.insert(name.clone(), looked);
    }
    found
}

async fn look(codedeploy: &Client, group: &DeploymentGroup) -> Result<Group, Fault> {
    let Some(found) = deployment_group::find(codedeploy, group).await? else {
        return Ok(Group::None);
    };
    let shifted = match found.last.filter(|_| found.platform == LAMBDA) {
        Some(last) => shifted(codedeploy, &last).await?,
        None => None,
    };
    Ok(Group::There {
        platform: found.platform,
        shifted,
    })
}

/// The function that a deployment shifted, where its AppSpec is JSON.
async fn shifted(codedeploy: &Client, deployment: &str) -> Result<Option<String>, Fault> {
    let request = codedeploy.get_deployment().deployment_id(deployment);
    let answer = request
        .send()
        .await
        .map_err(|error| Fault::new(format!("codedeploy:GetDeployment of {deployment}"), error))?;
    let revision = answer.deployment_info().and_then(|info| info.revision());
    let content = revision.and_then(|revision| revision.app_spec_content());
    Ok(content.and_then(|content| shifted_by(content.content()?)))
}

/// What a person should know of them.
#[must_use]
pub fn findings(settings: &Settings, found: &BTreeMap<String, Group>) -> Vec<Finding> {
    let groups = settings.codedeploy.iter();
    let groups = groups.flat_map(|codedeploy| &codedeploy.functions);
    groups
        .filter_map(|(name, group)| {
            let target = settings.functions.get(name)?;
            Some(finding(name, target, group, found.get(name)?))
        })
        .collect()
}

fn finding(name: &str, target: &Target, group: &DeploymentGroup, found: &Group) -> Finding {
    let subject = format!("codedeploy.functions.{name}");
    let unfit = |message: String| {
        let mend = format!(
            "create it for the compute platform Lambda, or name another in `codedeploy`: until then every release that changes `{name}` is refused"
        );
        Finding::problem(&subject, message, mend)
    };
    let own = function_name(&target.name);
    match found {
        Group::None => unfit(format!("there is no deployment group {group}")),
        Group::There { platform, .. } if platform != LAMBDA => unfit(format!(
            "deployment group {group} is one of {platform}; expected one of {LAMBDA}"
        )),
        Group::There {
            shifted: Some(other),
            ..
        } if other != own => Finding::note(
            &subject,
            format!("the last deployment of {group} shifted {other}; expected {own}"),
            format!(
                "name the deployment group of {own} in `codedeploy`: with this one, the alarms of {other} would watch its release"
            ),
        ),
        Group::There { .. } => Finding::ok(&subject, group.to_string()),
        Group::Unknown(why) => Finding::note(
            &subject,
            format!("{group} can't be looked at: {why}"),
            "allow codedeploy:GetDeploymentGroup and codedeploy:GetDeployment to check it",
        ),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sluice_domain::document::Document as _;

    use super::*;
    use crate::finding::Level;

    fn told(found: Group) -> Finding {
        let group = json!({"application": "shop", "deployment_group": "api"});
        let document = json!({
            "schema": 1, "order": 1, "codedeploy": {"functions": {"api": group}},
            "functions": {"api": {"name": "arn:aws:lambda:eu-west-1:1:function:shop-api"}},
        });
        let settings = Settings::parse("x", document.to_string().as_bytes()).expect("valid");
        let found = BTreeMap::from([("api".to_owned(), found)]);
        findings(&settings, &found).remove(0)
    }

    fn there(platform: &str, shifted: Option<&str>) -> Group {
        Group::There {
            platform: platform.to_owned(),
            shifted: shifted.map(str::to_owned),
        }
    }

    #[test]
    fn a_group_that_is_missing_or_not_for_lambda_is_a_problem_that_says_what_to_do() {
        for (found, message) in [
            (Group::None, "there is no deployment group shop/api"),
            (there("ECS", None), "is one of ECS; expected one of Lambda"),
        ] {
            let finding = told(found);
            assert_eq!(finding.level, Level::Problem, "{finding:?}");
            assert!(finding.message.contains(message), "{finding:?}");
            assert!(finding.mend.contains("create it for"), "{finding:?}");
        }
    }

    #[test]
    fn a_group_that_shifted_another_function_is_noted_with_its_name() {
        let finding = told(there("Lambda", Some("shop-web")));
        assert_eq!(finding.level, Level::Note);
        let message = "the last deployment of shop/api shifted shop-web; expected shop-api";
        assert_eq!(finding.message, message);
    }

    #[test]
    fn a_group_of_this_function_or_without_a_deployment_is_fine() {
        for shifted in [Some("shop-api"), None] {
            let finding = told(there("Lambda", shifted));
            assert_eq!(finding.level, Level::Ok, "{finding:?}");
        }
    }

    #[test]
    fn a_group_that_may_not_be_looked_at_is_noted_with_the_permissions_that_it_takes() {
        let finding = told(Group::Unknown("AccessDenied".to_owned()));
        assert_eq!(finding.level, Level::Note);
        assert!(finding.mend.contains("codedeploy:GetDeploymentGroup"));
    }
}
