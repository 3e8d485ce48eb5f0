//! The secrets of Slack's app, out of Parameter Store.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_config::SdkConfig;
use aws_sdk_ssm::Client;

use super::signature::SigningSecret;
use crate::fault::Fault;
use crate::lambda::{MissingVariable, variable};

/// How long they are kept before they are read again: a secret that was leaked is of no use
/// soon after it was replaced.
const KEPT: Duration = Duration::from_mins(5);

/// The same where there is none: who sets Slack up wants to see it, and who sends requests to
/// a stack without Slack costs no more than a look in this time.
const ABSENT: Duration = Duration::from_secs(10);

/// Their names, below the path.
const SIGNING_SECRET: &str = "signing-secret";
const BOT_TOKEN: &str = "bot-token";

/// Which of them a function reads: IAM lets it read no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// To hear what Slack sends, and to answer it: the signing secret and the bot token.
    Both,
    /// To speak: the bot token. Who can't sign for Slack can make up no click.
    BotToken,
}

impl Wanted {
    fn names(self) -> &'static [&'static str] {
        match self {
            Self::Both => &[SIGNING_SECRET, BOT_TOKEN],
            Self::BotToken => &[BOT_TOKEN],
        }
    }
}

/// The token with which the app speaks: whoever has it speaks for it.
pub struct BotToken(String);

impl BotToken {
    /// As Slack shows it.
    #[must_use]
    pub fn new(token: &str) -> Self {
        Self(token.to_owned())
    }

    pub(super) fn bearer(&self) -> String {
        format!("Bearer {}", self.0)
    }
}

impl fmt::Debug for BotToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BotToken(..)")
    }
}

/// What could be read of them.
#[derive(Debug, Default)]
pub struct Found {
    /// With it Slack signs. None: there is none, or it is not wanted, and no request is
    /// Slack's.
    pub signing: Option<SigningSecret>,
    /// None: nothing can be said in Slack.
    pub bot: Option<BotToken>,
}

impl Found {
    /// Whether all is there that is wanted.
    fn has_all(&self, wanted: Wanted) -> bool {
        match wanted {
            Wanted::Both => self.signing.is_some() && self.bot.is_some(),
            Wanted::BotToken => self.bot.is_some(),
        }
    }
}

/// Reads them, and keeps them for a while.
pub struct Secrets {
    ssm: Client,
    path: String,
    wanted: Wanted,
    kept: Mutex<Option<(Instant, Arc<Found>)>>,
}

impl Secrets {
    /// Those that are wanted, from `SLUICE_SLACK_PARAMETERS`.
    ///
    /// # Errors
    /// When the variable is not set.
    pub fn from_env(config: &SdkConfig, wanted: Wanted) -> Result<Self, MissingVariable> {
        Ok(Self {
            ssm: Client::new(config),
            path: variable("SLUICE_SLACK_PARAMETERS")?,
            wanted,
            kept: Mutex::default(),
        })
    }

    /// What is wanted, as it is now or was some minutes ago. What can't be a secret is none.
    ///
    /// # Errors
    /// When Parameter Store fails.
    pub async fn read(&self) -> Result<Arc<Found>, Fault> {
        if let Some(found) = self.kept() {
            return Ok(found);
        }
        let found = Arc::new(self.fetch().await?);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        *kept = Some((Instant::now(), Arc::clone(&found)));
        Ok(found)
    }

    /// What was read a short while ago.
    fn kept(&self) -> Option<Arc<Found>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, found) = kept.as_ref()?;
        let holds = match found.has_all(self.wanted) {
            true => KEPT,
            false => ABSENT,
        };
        (at.elapsed() < holds).then(|| Arc::clone(found))
    }

    async fn fetch(&self) -> Result<Found, Fault> {
        let name = |last: &str| format!("{}/{last}", self.path);
        let names: Vec<String> = self.wanted.names().iter().map(|last| name(last)).collect();
        let operation = format!("ssm:GetParameters of {}", names.join(", "));
        let request = self.ssm.get_parameters().set_names(Some(names));
        let answer = request
            .with_decryption(true)
            .send()
            .await
            .map_err(|error| Fault::new(operation, error))?;
        let (signing, bot) = (name(SIGNING_SECRET), name(BOT_TOKEN));
        let value = |name: &str| {
            let mut all = answer.parameters().iter();
            let parameter = all.find(|one| one.name() == Some(name))?;
            parameter.value().map(str::trim).filter(|it| !it.is_empty())
        };
        let unusable =
            |error: &super::NoSecret| tracing::error!(parameter = signing, %error, "Slack is off");
        let secret = value(&signing).map(SigningSecret::parse);
        Ok(Found {
            signing: secret.and_then(|parsed| parsed.inspect_err(unusable).ok()),
            bot: value(&bot).map(BotToken::new),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_only_speaks_never_asks_for_the_secret_that_slack_signs_with() {
        assert_eq!(Wanted::BotToken.names(), ["bot-token"]);
        assert_eq!(Wanted::Both.names(), ["signing-secret", "bot-token"]);
    }

    #[test]
    fn what_is_wanted_is_there_although_another_secret_is_not() {
        let found = Found {
            signing: None,
            bot: Some(BotToken::new("xoxb-token")),
        };
        assert!(found.has_all(Wanted::BotToken));
        assert!(!found.has_all(Wanted::Both));
        assert!(!Found::default().has_all(Wanted::BotToken));
    }
}
