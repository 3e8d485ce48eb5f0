//! The settings' `channels`: where people are told.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::document::{Problem, check_range};

/// Who is told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Channels {
    /// An SNS topic. Left out: Sluice's own topic.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic_arn: Option<String>,
    /// Where in Slack. Left out: nowhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slack: Option<SlackChannel>,
    /// Where on GitHub deployments are shown. Left out: nowhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub github: Option<GithubDeployments>,
}

/// The deployments of a repository on GitHub.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GithubDeployments {
    /// The repository that releases are built from: `acme/shop`.
    pub repository: String,
    /// What the environment is called there. Left out: as here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
}

/// A channel of Slack's: by its ID, or by a webhook, which can only be written to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SlackChannel {
    /// The channel's ID: `C0123ABCD`. Slack's app has to be in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// The SecureString parameter that holds the address of an incoming webhook.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook_parameter: Option<String>,
}

/// Where messages go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SlackPlace {
    /// To the channel of this ID.
    Channel(String),
    /// To the webhook that this parameter holds.
    Webhook(String),
}

impl SlackPlace {
    /// Whether its messages can be changed, and have buttons that vote.
    #[must_use]
    pub fn takes_clicks(&self) -> bool {
        matches!(self, Self::Channel(_))
    }
}

impl SlackChannel {
    /// Where messages go. None: the settings say no place, or two, and are refused.
    #[must_use]
    pub fn place(&self) -> Option<SlackPlace> {
        match (&self.channel, &self.webhook_parameter) {
            (Some(channel), None) => Some(SlackPlace::Channel(channel.clone())),
            (None, Some(parameter)) => Some(SlackPlace::Webhook(parameter.clone())),
            _ => None,
        }
    }
}

impl Channels {
    pub(crate) fn check(&self, problems: &mut Vec<Problem>) {
        if let Some(github) = &self.github {
            github.check(problems);
        }
        if let Some(slack) = &self.slack {
            slack.check(problems);
        }
    }
}

impl GithubDeployments {
    fn check(&self, problems: &mut Vec<Problem>) {
        let is_part = |part: &str| {
            let is_one = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
            (1..=100).contains(&part.len())
                && part.bytes().all(is_one)
                && !part.bytes().all(|byte| byte == b'.')
        };
        let mut parts = self.repository.split('/');
        let is_repository = parts.clone().count() == 2 && parts.all(is_part);
        if !is_repository {
            let message = format!(
                "found `{}`; expected a repository as GitHub names it, such as acme/shop",
                self.repository
            );
            problems.push(Problem::new("channels.github.repository", message));
        }
        let length = self
            .environment
            .as_ref()
            .map_or(1, |name| name.trim().len());
        check_range("channels.github.environment", length, 1, 255, problems);
    }
}

impl SlackChannel {
    fn check(&self, problems: &mut Vec<Problem>) {
        if self.place().is_none() {
            let message = "expected either `channel` or `webhook_parameter`";
            problems.push(Problem::new("channels.slack", message));
        }
        if let Some(channel) = self.channel.as_ref().filter(|id| !is_channel(id)) {
            let message = format!(
                "found `{channel}`; expected a channel's ID, such as C0123ABCD (in Slack below the channel's \
                 details): a name can be changed"
            );
            problems.push(Problem::new("channels.slack.channel", message));
        }
        let parameter = self.webhook_parameter.as_ref();
        if let Some(parameter) = parameter.filter(|name| !name.starts_with('/')) {
            let message = format!(
                "found `{parameter}`; expected the name of a parameter, such as /sluice-slack/hooks/shop: the \
                 address itself is a secret"
            );
            problems.push(Problem::new("channels.slack.webhook_parameter", message));
        }
    }
}

/// Public channels begin with C, old private ones with G.
fn is_channel(id: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    id.starts_with(['C', 'G']) && (2..=20).contains(&id.len()) && id.bytes().all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(channel: Option<&str>, webhook_parameter: Option<&str>) -> Vec<String> {
        let channels = Channels {
            topic_arn: None,
            github: None,
            slack: Some(SlackChannel {
                channel: channel.map(str::to_owned),
                webhook_parameter: webhook_parameter.map(str::to_owned),
            }),
        };
        let mut problems = Vec::new();
        channels.check(&mut problems);
        problems.into_iter().map(|one| one.path).collect()
    }

    #[test]
    fn a_place_in_slack_is_a_channels_id_or_the_name_of_a_parameter() {
        assert!(problems(Some("C0123ABCD"), None).is_empty());
        assert!(problems(None, Some("/sluice-slack/hooks/shop")).is_empty());
        assert_eq!(
            problems(Some("#releases"), None),
            ["channels.slack.channel"]
        );
        let hook = Some("https://hooks.slack.com/services/T1/B1/secret");
        assert_eq!(problems(None, hook), ["channels.slack.webhook_parameter"]);
        assert_eq!(problems(None, None), ["channels.slack"]);
        assert_eq!(problems(Some("C1"), Some("/a")), ["channels.slack"]);
    }

    #[test]
    fn a_repository_is_named_as_github_does() {
        for (repository, is_one) in [
            ("acme/shop", true),
            ("Acme-1/shop.api_v2", true),
            ("shop", false),
            ("acme/shop/../other", false),
            ("acme/..", false),
            ("acme/shop?x=1", false),
            ("/shop", false),
            ("", false),
        ] {
            let github = GithubDeployments {
                repository: repository.to_owned(),
                environment: None,
            };
            let mut problems = Vec::new();
            github.check(&mut problems);
            assert_eq!(problems.is_empty(), is_one, "{repository}");
        }
    }
}
