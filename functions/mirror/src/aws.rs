//! The ports on AWS, in Slack and on GitHub, through the platform.

use std::time::Duration;

use aws_config::SdkConfig;
use serde_json::{Value, json};
use sluice_domain::approval::{Matter, Request, State, Vote};
use sluice_domain::promotion::PromotionId;
use sluice_domain::settings::{Channels, SlackPlace};
use sluice_platform::bundle::{BundleError, BundleReader};
use sluice_platform::fault::Fault;
use sluice_platform::lambda::{MissingVariable, variable};
use sluice_platform::settings::{SettingsError, SettingsReader};
use sluice_platform::slack::{Hook, Secrets, Wanted};
use sluice_platform::store::{Mirrored, Part, Store};
use sluice_platform::web::Web;

use crate::secret::unread;
use crate::{Asked, Error, Github, Known, Notes, Slack, github};

/// How long GitHub may take over one call.
const WITHIN: Duration = Duration::from_secs(10);

/// The version of GitHub's REST API that is spoken here.
const GITHUB_VERSION: &str = "2022-11-28";

/// All ports.
pub struct Aws {
    store: Store,
    bundles: BundleReader,
    settings: SettingsReader,
    ssm: aws_sdk_ssm::Client,
    secrets: Secrets,
    slack: sluice_platform::slack::Slack,
    web: Web,
    github: String,
    github_token: String,
}

impl Aws {
    /// Builds the clients, once.
    ///
    /// # Errors
    /// When a variable is not set.
    pub fn from_env(config: &SdkConfig) -> Result<Self, MissingVariable> {
        let github = variable("SLUICE_GITHUB_API")?;
        Ok(Self {
            store: Store::from_env(config)?,
            bundles: BundleReader::new(config),
            settings: SettingsReader::new(config),
            ssm: aws_sdk_ssm::Client::new(config),
            secrets: Secrets::from_env(config, Wanted::BotToken)?,
            slack: sluice_platform::slack::Slack::from_env()?,
            web: Web::new(WITHIN),
            github: github.trim_end_matches('/').to_owned(),
            github_token: variable("SLUICE_GITHUB_TOKEN")?,
        })
    }

    /// What a SecureString parameter holds. Read each time: who replaces it wants that now.
    /// What can't be read, and won't be, is the error that is made of the reason.
    async fn secret(
        &self,
        parameter: &str,
        none: impl Fn(String) -> Error,
    ) -> Result<String, Error> {
        let found = self.ssm.get_parameter().name(parameter);
        let found = found.with_decryption(true).send().await;
        let found = found.map_err(|error| {
            let operation = format!("ssm:GetParameter of {parameter}");
            unread(Fault::new(operation, error), &none)
        })?;
        let value = found.parameter().and_then(|found| found.value());
        let value = value.map(|value| value.trim().to_owned());
        value.ok_or_else(|| none("it has no value".to_owned()))
    }

    async fn hook(&self, parameter: &str) -> Result<Hook, Error> {
        let no_hook = |problem: String| Error::NoHook {
            parameter: parameter.to_owned(),
            problem,
        };
        let address = self.secret(parameter, no_hook).await?;
        let hook = self.slack.hook(&address);
        hook.map_err(|error| no_hook(error.to_string()))
    }

    async fn call_slack(&self, method: &'static str, message: &Value) -> Result<Value, Error> {
        let no_token = |problem: String| Error::NoBotToken { problem };
        let app = self.secrets.read().await;
        let app = app.map_err(|fault| unread(fault, no_token))?;
        let token = app.bot.as_ref();
        let token = token.ok_or_else(|| no_token("there is none of this name".to_owned()))?;
        Ok(self.slack.call(token, method, message).await?)
    }

    /// Creates something in a repository.
    async fn create(
        &self,
        (what, repository): (&'static str, &str),
        path: &str,
        body: &Value,
    ) -> Result<Value, Error> {
        let no_token = |problem: String| Error::NoGithubToken {
            parameter: self.github_token.clone(),
            problem,
        };
        let token = self.secret(&self.github_token, no_token).await?;
        let headers = vec![
            ("authorization", format!("Bearer {token}")),
            ("accept", "application/vnd.github+json".to_owned()),
            ("x-github-api-version", GITHUB_VERSION.to_owned()),
        ];
        let url = format!("{}/repos/{repository}/{path}", self.github);
        let answered = self.web.post(url, headers, body).await;
        let answered = answered.map_err(|why| Error::Unavailable {
            what,
            repository: repository.to_owned(),
            why,
        })?;
        github::made((what, repository), &answered)
    }
}

impl Known for Aws {
    async fn channels(&self, application: &str, environment: &str) -> Result<Channels, Error> {
        match self.settings.read(application, environment).await {
            Ok(settings) => Ok(settings.channels),
            Err(SettingsError::Fault(fault)) => Err(fault.into()),
            Err(error) => {
                tracing::warn!(application, environment, %error, "no usable settings; nothing is shown elsewhere");
                Ok(Channels::default())
            }
        }
    }

    async fn request(
        &self,
        promotion: &PromotionId,
        matter: Matter,
    ) -> Result<Option<(Request, State)>, Error> {
        let part = Part::of_request(matter);
        let Some(name) = self.store.part::<String>(promotion, part).await? else {
            return Ok(None);
        };
        let found = self.store.request(&name).await?;
        Ok(found.map(|open| (open.request, open.state)))
    }

    async fn asked(&self, promotion: &PromotionId, matter: Matter) -> Result<Option<Asked>, Error> {
        let Some((request, state)) = self.request(promotion, matter).await? else {
            return Ok(None);
        };
        let (votes, plan, promoted) = tokio::join!(
            self.store.votes(&request.id),
            self.store.required_part(promotion, Part::Plan),
            self.store.promotion(promotion),
        );
        let (promoted, _) = promoted?;
        let votes = votes?.into_iter().map(|sealed| sealed.vote);
        let state = match state {
            State::Pending if promoted.has_ended() => State::Superseded,
            state => state,
        };
        Ok(Some(Asked {
            request,
            state,
            votes: votes.filter(Vote::stands).collect(),
            plan: plan?,
        }))
    }

    async fn commit(&self, promotion: &PromotionId) -> Result<Option<String>, Error> {
        let (promotion, _) = self.store.promotion(promotion).await?;
        match self.bundles.manifest(&promotion.bundle).await {
            Ok(manifest) => Ok(Some(manifest.commit)),
            Err(BundleError::Fault(fault)) => Err(fault.into()),
            Err(error) => {
                tracing::warn!(promotion = %promotion.id, %error, "the commit can't be told");
                Ok(None)
            }
        }
    }
}

impl Notes for Aws {
    async fn mirrored(&self, promotion: &PromotionId) -> Result<Vec<(String, Mirrored)>, Error> {
        Ok(self.store.mirrored(promotion).await?)
    }

    async fn note(
        &self,
        promotion: &PromotionId,
        what: &str,
        mirrored: &Mirrored,
    ) -> Result<(), Error> {
        Ok(self.store.note_mirrored(promotion, what, mirrored).await?)
    }
}

impl Slack for Aws {
    async fn post(&self, place: &SlackPlace, message: &Value) -> Result<Option<Mirrored>, Error> {
        let channel = match place {
            SlackPlace::Channel(channel) => channel,
            SlackPlace::Webhook(parameter) => {
                let hook = self.hook(parameter).await?;
                self.slack.notify(&hook, message).await?;
                return Ok(None);
            }
        };
        let mut message = message.clone();
        message["channel"] = json!(channel);
        let answer = self.call_slack("chat.postMessage", &message).await?;
        Ok(Some(Mirrored {
            // As settings name it: by this it is told whether they still do.
            place: channel.clone(),
            id: answer["ts"].as_str().unwrap_or_default().to_owned(),
        }))
    }

    async fn update(&self, posted: &Mirrored, message: &Value) -> Result<(), Error> {
        let mut message = message.clone();
        message["channel"] = json!(posted.place);
        message["ts"] = json!(posted.id);
        self.call_slack("chat.update", &message).await.map(drop)
    }
}

impl Github for Aws {
    async fn deploy(&self, repository: &str, deployment: &Value) -> Result<String, Error> {
        let of = ("a deployment", repository);
        let made = self.create(of, "deployments", deployment).await?;
        Ok(made["id"].to_string())
    }

    async fn state(&self, deployment: &Mirrored, status: &Value) -> Result<(), Error> {
        let of = ("a deployment's status", deployment.place.as_str());
        let path = format!("deployments/{}/statuses", deployment.id);
        self.create(of, &path, status).await.map(drop)
    }
}
