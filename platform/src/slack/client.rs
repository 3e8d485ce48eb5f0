//! Slack's Web API, and its incoming webhooks.

use std::time::Duration;

use serde_json::Value;

use super::secrets::BotToken;
use crate::lambda::{MissingVariable, variable};
use crate::web::{Answered, Web};

/// How long one call may take. Slack gives up on an answer to a click after three seconds.
const WITHIN: Duration = Duration::from_millis(2_500);

/// Why Slack did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SlackError {
    /// It refused: the same call would be refused again.
    #[error("{method} was refused by Slack: {error}{}", advice(.error))]
    Refused {
        /// What was asked: `chat.postMessage`.
        method: &'static str,
        /// Slack's own word for why: `not_in_channel`.
        error: String,
    },
    /// It has too much to do, or failed by itself, or did not answer.
    #[error("{method} was not answered by Slack: {why}; it may be tried again")]
    Unavailable {
        /// What was asked.
        method: &'static str,
        /// What was found.
        why: String,
    },
}

impl SlackError {
    /// Whether a message that was to be changed is not there any more, or not this app's to
    /// change. Another one can be posted.
    #[must_use]
    pub fn is_of_a_lost_message(&self) -> bool {
        const ERRORS: [&str; 4] = [
            "cant_update_message",
            "channel_not_found",
            "is_archived",
            "message_not_found",
        ];
        matches!(self, Self::Refused { error, .. } if ERRORS.contains(&error.as_str()))
    }
}

/// What to do about a refusal.
fn advice(error: &str) -> &'static str {
    match error {
        "not_in_channel" => "; invite the app to the channel (`/invite`)",
        "channel_not_found" => {
            "; expected the ID of a channel (`C0123ABCD`) that the app can see: invite it to a private one"
        }
        "is_archived" => "; the channel is archived: name another in the settings",
        "invalid_auth" | "not_authed" | "token_revoked" | "account_inactive" => {
            "; set the parameter `bot-token` to the `Bot User OAuth Token` of the app"
        }
        "missing_scope" => "; add the scopes of `slack-app.yaml` to the app and install it again",
        "expired_trigger_id" | "trigger_expired" => "; it was asked too late: click once more",
        _ => "",
    }
}

/// A webhook's address: whoever has it may write to its channel.
pub struct Hook(String);

/// A text that is no webhook of Slack's. It is in no message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this is no webhook of Slack's: expected an address that begins with {0}")]
pub struct NoHook(String);

/// Slack, as an app speaks to it.
#[derive(Clone)]
pub struct Slack {
    web: Web,
    api: String,
    hooks: String,
}

impl Slack {
    /// The Web API at `SLUICE_SLACK_API`, and the webhooks below `SLUICE_SLACK_HOOKS`.
    ///
    /// # Errors
    /// When a variable is not set.
    pub fn from_env() -> Result<Self, MissingVariable> {
        let api = variable("SLUICE_SLACK_API")?;
        Ok(Self::new(&api, &variable("SLUICE_SLACK_HOOKS")?))
    }

    /// The Web API at this address, such as `https://slack.com/api`, and the webhooks below
    /// this one, such as `https://hooks.slack.com/`.
    #[must_use]
    pub fn new(api: &str, hooks: &str) -> Self {
        Self {
            web: Web::new(WITHIN),
            api: api.trim_end_matches('/').to_owned(),
            hooks: format!("{}/", hooks.trim_end_matches('/')),
        }
    }

    /// Calls a method of the Web API, and answers what it said.
    ///
    /// # Errors
    /// When Slack refuses or does not answer.
    pub async fn call(
        &self,
        token: &BotToken,
        method: &'static str,
        body: &Value,
    ) -> Result<Value, SlackError> {
        let url = format!("{}/{method}", self.api);
        let bearer = vec![("authorization", token.bearer())];
        let answered = self.post(method, url, bearer, body).await?;
        let unavailable = |why: String| SlackError::Unavailable { method, why };
        let answer: Value = serde_json::from_str(&answered.text)
            .map_err(|error| unavailable(format!("found no JSON ({error})")))?;
        if answer["ok"] == true {
            return Ok(answer);
        }
        let error = answer["error"].as_str().unwrap_or("no reason");
        match error {
            "ratelimited"
            | "internal_error"
            | "fatal_error"
            | "service_unavailable"
            | "request_timeout" => Err(unavailable(format!("found `{error}`"))),
            error => Err(SlackError::Refused {
                method,
                error: error.to_owned(),
            }),
        }
    }

    /// A webhook of this Slack's.
    ///
    /// # Errors
    /// When the address is another's: nothing is sent there.
    pub fn hook(&self, address: &str) -> Result<Hook, NoHook> {
        let address = address.trim();
        match address.strip_prefix(&self.hooks) {
            Some(rest) if !rest.is_empty() => Ok(Hook(address.to_owned())),
            _ => Err(NoHook(self.hooks.clone())),
        }
    }

    /// Writes to the channel of a webhook.
    ///
    /// # Errors
    /// When Slack refuses or does not answer.
    pub async fn notify(&self, hook: &Hook, body: &Value) -> Result<(), SlackError> {
        let method = "an incoming webhook";
        let Answered { status, text } = self.post(method, hook.0.clone(), Vec::new(), body).await?;
        match status {
            200 => Ok(()),
            // Its texts are words such as `no_service`.
            _ => Err(SlackError::Refused {
                method,
                error: text.chars().take(60).collect(),
            }),
        }
    }

    /// What Slack answers, unless it can't now.
    async fn post(
        &self,
        method: &'static str,
        url: String,
        headers: Vec<(&'static str, String)>,
        body: &Value,
    ) -> Result<Answered, SlackError> {
        let unavailable = |why: String| SlackError::Unavailable { method, why };
        let answered = self.web.post(url, headers, body).await;
        let answered = answered.map_err(unavailable)?;
        if answered.may_pass() {
            let why = format!("found status {}, expected 200", answered.status);
            return Err(unavailable(why));
        }
        Ok(answered)
    }
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;
