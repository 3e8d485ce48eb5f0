//! Shows promotions elsewhere, as the ledger's stream tells of them: in Slack, with one
//! message for each approval request that follows its votes, and everything else in its
//! thread; on GitHub, as deployments.
//!
//! Decides: what is said of an entry, where, and in which message.
//!
//! Environment: `SLUICE_STATE_TABLE`, `SLUICE_SLACK_PARAMETERS`, `SLUICE_SLACK_API`,
//! `SLUICE_SLACK_HOOKS`, `SLUICE_GITHUB_TOKEN` (the parameter that holds it),
//! `SLUICE_GITHUB_API`. Which channel and which repository, the settings of an environment
//! say.
//!
//! Never: takes a vote (`desk` does) or changes anything but its own notes of what it
//! made. A message may come twice, since streams deliver at least once. What is refused
//! elsewhere is logged and left out: it would be refused again, and hold up all that follows.

pub mod aws;
mod github;
mod secret;
mod slack;

use std::future::Future;

use aws_lambda_events::event::dynamodb::Event as StreamEvent;
use jiff::Timestamp;
use notify::{Told, told};
use serde_json::Value;
use sluice_domain::approval::{Matter, Request, State, Vote};
use sluice_domain::ledger::Entry;
use sluice_domain::plan::Plan;
use sluice_domain::promotion::PromotionId;
use sluice_domain::settings::{Channels, SlackPlace};
use sluice_platform::fault::Fault;
use sluice_platform::lambda::{Named, fault_name};
use sluice_platform::slack::SlackError;
use sluice_platform::store::{Mirrored, StoreError};

/// What stopped a message.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The state table refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An AWS call failed.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// Slack refused or did not answer.
    #[error(transparent)]
    Slack(#[from] SlackError),
    /// An environment names a channel, and there is no token to write to it.
    #[error(
        "the parameter `bot-token` of Slack's app can't be used: {problem}; expected its `Bot User OAuth Token`, since the settings name a channel"
    )]
    NoBotToken {
        /// Why it can't.
        problem: String,
    },
    /// A webhook can't be used.
    #[error("the parameter {parameter} holds no webhook that can be used: {problem}")]
    NoHook {
        /// Its name.
        parameter: String,
        /// What is wrong with it.
        problem: String,
    },
    /// GitHub refused: it would again.
    #[error(
        "GitHub refused {what} of {repository}: {why}; expected a repository that has the commit, and a token that may read and write its deployments"
    )]
    Refused {
        /// What was asked.
        what: &'static str,
        /// Of which repository.
        repository: String,
        /// Status and message.
        why: String,
    },
    /// GitHub did not answer, or can't now.
    #[error("GitHub did not answer to {what} of {repository}: {why}; it is tried again")]
    Unavailable {
        /// What was asked.
        what: &'static str,
        /// Of which repository.
        repository: String,
        /// What was found.
        why: String,
    },
    /// An environment names a repository, and there is no token to write to it.
    #[error(
        "the parameter {parameter} can't be used: {problem}; expected a token of GitHub's, since the settings name a repository"
    )]
    NoGithubToken {
        /// Its name.
        parameter: String,
        /// Why it can't.
        problem: String,
    },
    /// The entry can't be read.
    #[error(transparent)]
    Entry(#[from] notify::Error),
}

impl Named for Error {
    fn name(&self) -> &'static str {
        match self {
            Self::Store(error) => error.name(),
            Self::Fault(fault) => fault_name(fault),
            Self::Slack(_) => "SlackFailed",
            Self::NoBotToken { .. } => "NoBotToken",
            Self::NoHook { .. } => "NoWebhook",
            Self::Refused { .. } | Self::Unavailable { .. } => "GithubFailed",
            Self::NoGithubToken { .. } => "NoGithubToken",
            Self::Entry(error) => error.name(),
        }
    }
}

impl Error {
    /// Whether it would be the same again.
    fn stays(&self) -> bool {
        match self {
            Self::Slack(error) => matches!(error, SlackError::Refused { .. }),
            Self::NoBotToken { .. }
            | Self::NoHook { .. }
            | Self::Refused { .. }
            | Self::NoGithubToken { .. } => true,
            _ => false,
        }
    }

    /// Whether the message that was to be changed is lost.
    fn is_of_a_lost_message(&self) -> bool {
        matches!(self, Self::Slack(error) if error.is_of_a_lost_message())
    }
}

/// A request as it stands now.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The request.
    pub request: Request,
    /// How it stands. One that nobody decided ends with its promotion.
    pub state: State,
    /// The votes that were not taken back.
    pub votes: Vec<Vote>,
    /// What would change.
    pub plan: Plan,
}

/// What is known.
pub trait Known {
    /// Where an environment wants to be shown; nowhere if its settings can't be read. Reads
    /// only.
    fn channels(
        &self,
        application: &str,
        environment: &str,
    ) -> impl Future<Output = Result<Channels, Error>>;

    /// The request about something of a promotion's, if people were asked, and how it was left.
    /// Reads only.
    fn request(
        &self,
        promotion: &PromotionId,
        matter: Matter,
    ) -> impl Future<Output = Result<Option<(Request, State)>, Error>>;

    /// The same with all that its message says. Reads only.
    fn asked(
        &self,
        promotion: &PromotionId,
        matter: Matter,
    ) -> impl Future<Output = Result<Option<Asked>, Error>>;

    /// The commit that a promotion's release was built from, if its manifest can be read.
    /// Reads only.
    fn commit(
        &self,
        promotion: &PromotionId,
    ) -> impl Future<Output = Result<Option<String>, Error>>;
}

/// What was made.
pub trait Notes {
    /// What shows a promotion elsewhere, by what it is. Reads only.
    fn mirrored(
        &self,
        promotion: &PromotionId,
    ) -> impl Future<Output = Result<Vec<(String, Mirrored)>, Error>>;

    /// Notes one, in place of what was noted under this name before. Safe to repeat.
    fn note(
        &self,
        promotion: &PromotionId,
        what: &str,
        mirrored: &Mirrored,
    ) -> impl Future<Output = Result<(), Error>>;
}

/// Slack.
pub trait Slack {
    /// Posts a message to a channel and says where it is; a webhook doesn't. Repeating it
    /// posts it twice.
    fn post(
        &self,
        place: &SlackPlace,
        message: &Value,
    ) -> impl Future<Output = Result<Option<Mirrored>, Error>>;

    /// Puts another text in the place of a message's. Safe to repeat.
    fn update(&self, posted: &Mirrored, message: &Value)
    -> impl Future<Output = Result<(), Error>>;
}

/// GitHub.
pub trait Github {
    /// Makes a deployment in a repository, and says its ID. Repeating it makes two.
    fn deploy(
        &self,
        repository: &str,
        deployment: &Value,
    ) -> impl Future<Output = Result<String, Error>>;

    /// Says how a deployment stands. Safe to repeat.
    fn state(
        &self,
        deployment: &Mirrored,
        status: &Value,
    ) -> impl Future<Output = Result<(), Error>>;
}

/// Everything that the function needs: [`aws::Aws`], or one fake in tests.
pub trait Ports: Known + Notes + Slack + Github {}

impl<P: Known + Notes + Slack + Github> Ports for P {}

/// The function.
pub struct Mirror<P> {
    /// Its ports.
    pub ports: P,
}

impl<P: Ports> Mirror<P> {
    /// Tells of one batch, in order, up to the first failure that may pass.
    ///
    /// # Errors
    /// When the failed record can't be named.
    pub async fn handle(&self, event: StreamEvent, now: Timestamp) -> Result<Told, notify::Error> {
        told(&event, async |entry| self.tell(&entry, now).await).await
    }

    async fn tell(&self, entry: &Entry, now: Timestamp) -> Result<(), Error> {
        let chain = notify::Chain::of(&entry.event.chain);
        let (Some(application), Some(environment)) = (&chain.application, &chain.environment)
        else {
            // No environment, no settings that say where.
            return Ok(());
        };
        // The settings of a preview that was removed are gone.
        let base = entry.event.facts["preview_of"].as_str();
        let environment = base.unwrap_or(environment);
        let channels = self.ports.channels(application, environment).await?;
        // What is said on GitHub may be said again: if Slack can't be reached, both are.
        if let Some(github) = &channels.github {
            left_out(entry, self.show_on_github(github, entry).await)?;
        }
        match channels.slack.as_ref().and_then(|slack| slack.place()) {
            Some(place) => left_out(entry, self.say_in_slack(place, entry, now).await),
            None => Ok(()),
        }
    }
}

/// What would fail again is logged, and left out.
fn left_out(entry: &Entry, said: Result<(), Error>) -> Result<(), Error> {
    match said {
        Err(error) if error.stays() => {
            let chain = &entry.event.chain;
            tracing::error!(%chain, %error, name = error.name(), "not shown elsewhere");
            Ok(())
        }
        said => said,
    }
}

#[cfg(test)]
mod tests;
