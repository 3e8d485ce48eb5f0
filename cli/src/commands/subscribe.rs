//! `sluice env subscribe`: a person's e-mail, for what happens in an environment.
//!
//! SNS asks the address whether it wants that. The answer is given here and not by the link in
//! the mail: a subscription that somebody with credentials has confirmed ends only by somebody
//! with credentials, and not by a mail scanner that follows links.
//!
//! Source: Amazon SNS, API reference of `ConfirmSubscription` (`AuthenticateOnUnsubscribe`).

use aws_config::SdkConfig;
use aws_sdk_sns::Client;
use serde_json::{Value, json};
use sluice_domain::document::Document as _;
use sluice_domain::settings::Settings;
use sluice_platform::fault::Fault;
use sluice_platform::settings::parameter;

use crate::context::Global;
use crate::error::{Error, Exit, Result};
use crate::paint::Output;
use crate::parameters;
use crate::resources::Resources;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The application
    application: String,
    /// The environment
    environment: String,
    /// The address
    #[arg(required_unless_present = "token")]
    address: Option<String>,
    /// Only requests that this approver may vote on, by name, and how promotions end
    #[arg(long = "as", value_name = "NAME")]
    approver: Option<String>,
    /// Confirm it, with the token that the mail of SNS brought, or its whole link
    #[arg(long = "confirm", value_name = "TOKEN", conflicts_with_all = ["address", "approver"])]
    token: Option<String>,
}

impl Args {
    pub(super) async fn run(
        self,
        config: &SdkConfig,
        global: &Global,
        output: &Output,
    ) -> Result<Exit> {
        let stored = parameters::get(config, &self.application, &self.environment).await?;
        let name = parameter(&self.application, &self.environment);
        let settings = Settings::parse(&name, stored.text.as_bytes())?;
        let topic = match &settings.channels.topic_arn {
            Some(topic) => topic.clone(),
            None => {
                let resources = Resources::load(config, &global.stack).await?;
                resources.topic_arn()?.to_owned()
            }
        };
        let client = Client::new(config);
        match (&self.token, &self.address) {
            (Some(token), _) => confirm(&client, &topic, token_of(token), output).await,
            (None, Some(address)) => {
                self.check(&settings)?;
                self.subscribe(&client, &topic, address, output).await
            }
            (None, None) => Err(Error::Usage("say which address is told".to_owned())),
        }
    }

    fn check(&self, settings: &Settings) -> Result<()> {
        let Some(name) = &self.approver else {
            return Ok(());
        };
        let policy = settings.approval.as_ref();
        let known = policy.and_then(|policy| policy.approver(name));
        known.map(drop).ok_or_else(|| {
            let message = format!(
                "{}/{} has no approver `{name}`; expected the `name` of one of its settings",
                self.application, self.environment
            );
            Error::Usage(message)
        })
    }

    async fn subscribe(
        &self,
        client: &Client,
        topic: &str,
        address: &str,
        output: &Output,
    ) -> Result<Exit> {
        let filter = self.filter();
        let subscribed = client
            .subscribe()
            .topic_arn(topic)
            .protocol("email")
            .endpoint(address)
            .attributes("FilterPolicy", filter.to_string())
            .send()
            .await;
        subscribed.map_err(|error| Fault::new(format!("sns:Subscribe to {topic}"), error))?;
        let (application, environment) = (&self.application, &self.environment);
        let document =
            json!({"topic": topic, "address": address, "filter": filter, "confirmed": false});
        output.answer(&document, |_| {
            vec![
                format!("SNS asks {address} whether it wants to be told of {application}/{environment}."),
                format!(
                    "Don't follow the link of that mail: copy it, and confirm with\n  sluice env subscribe {application} {environment} --confirm LINK"
                ),
            ]
        })?;
        Ok(Exit::Ok)
    }

    /// What of the topic reaches the address. Each of the names and kinds that a message has
    /// has to fit one that is listed here.
    fn filter(&self) -> Value {
        let mut filter = json!({
            "application": [self.application], "environment": [self.environment],
        });
        if let Some(name) = &self.approver {
            filter["$or"] = json!([{"approvers": [name]}, {"kind": ["PromotionClosed"]}]);
        }
        filter
    }
}

/// The token of a link, or the text itself.
fn token_of(text: &str) -> &str {
    let text = text.trim();
    let Some((_, rest)) = text.split_once("Token=") else {
        return text;
    };
    rest.split('&').next().unwrap_or(rest)
}

async fn confirm(client: &Client, topic: &str, token: &str, output: &Output) -> Result<Exit> {
    let confirmed = client
        .confirm_subscription()
        .topic_arn(topic)
        .token(token)
        .authenticate_on_unsubscribe("true")
        .send()
        .await;
    let fault = |error| Fault::new(format!("sns:ConfirmSubscription to {topic}"), error);
    let confirmed = confirmed.map_err(fault)?;
    let arn = confirmed.subscription_arn().unwrap_or_default();
    let document = json!({"topic": topic, "subscription": arn, "confirmed": true});
    output.answer(&document, |_| {
        vec![format!(
            "confirmed: {arn}. Only who has credentials can end it: the link below its mails does nothing"
        )]
    })?;
    Ok(Exit::Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(approver: Option<&str>) -> Args {
        Args {
            application: "shop".to_owned(),
            environment: "prod".to_owned(),
            address: Some("ada@example.com".to_owned()),
            approver: approver.map(str::to_owned),
            token: None,
        }
    }

    #[test]
    fn an_address_hears_of_its_environment_and_an_approver_of_what_asks_them() {
        let all = json!({"application": ["shop"], "environment": ["prod"]});
        assert_eq!(args(None).filter(), all);
        let own = args(Some("ada")).filter();
        let either = json!([{"approvers": ["ada"]}, {"kind": ["PromotionClosed"]}]);
        assert_eq!(own["$or"], either);
    }

    #[test]
    fn a_token_may_come_with_its_link() {
        let link = "https://sns.eu-west-1.amazonaws.com/confirmation.html?TopicArn=arn:aws:sns:eu-west-1:1:t&Token=2336412f37&Endpoint=ada@example.com";
        assert_eq!(token_of(link), "2336412f37");
        assert_eq!(token_of(" 2336412f37\n"), "2336412f37");
    }
}
