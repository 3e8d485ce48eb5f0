//! The way to the ledger: every function records through `record`, the one
//! function that may write it.

use aws_config::SdkConfig;
use aws_sdk_lambda::Client;
use serde_json::Value;
use sluice_domain::ledger::{Append, Appended, Event, Kind};
use sluice_domain::promotion::PromotionId;

use crate::call::call;
use crate::fault::Fault;
use crate::lambda::{MissingVariable, variable};

/// Records events as one of Sluice's functions.
#[derive(Clone)]
pub struct Ledger {
    client: Client,
    function: String,
    actor: &'static str,
}

impl Ledger {
    /// For the function called `actor`, from `SLUICE_RECORD_FUNCTION`.
    ///
    /// # Errors
    /// When the variable is not set.
    pub fn from_env(config: &SdkConfig, actor: &'static str) -> Result<Self, MissingVariable> {
        let function = variable("SLUICE_RECORD_FUNCTION")?;
        Ok(Self::new(config, function, actor))
    }

    /// For `actor`, through this function.
    #[must_use]
    pub fn new(config: &SdkConfig, function: impl Into<String>, actor: &'static str) -> Self {
        Self {
            client: Client::new(config),
            function: function.into(),
            actor,
        }
    }

    /// Records one fact of a promotion. Idempotent: the same `key` again
    /// records nothing.
    ///
    /// # Errors
    /// When `record` can't be reached or refuses.
    pub async fn append(
        &self,
        promotion: &PromotionId,
        kind: Kind,
        key: &str,
        facts: Value,
    ) -> Result<Appended, Fault> {
        self.append_to(&promotion.to_string(), kind, key, facts)
            .await
    }

    /// Records one fact of any chain.
    ///
    /// # Errors
    /// When `record` can't be reached or refuses.
    pub async fn append_to(
        &self,
        chain: &str,
        kind: Kind,
        key: &str,
        facts: Value,
    ) -> Result<Appended, Fault> {
        let event = Event {
            chain: chain.to_owned(),
            key: format!("{}/{key}", kind.name()),
            kind,
            actor: self.actor.to_owned(),
            facts,
        };
        self.send(event).await
    }

    /// Records what a person did.
    ///
    /// # Errors
    /// When `record` can't be reached or refuses.
    pub async fn append_as(
        &self,
        person: &str,
        promotion: &PromotionId,
        kind: Kind,
        key: &str,
        facts: Value,
    ) -> Result<Appended, Fault> {
        let event = Event {
            chain: promotion.to_string(),
            key: format!("{}/{key}", kind.name()),
            kind,
            actor: person.to_owned(),
            facts,
        };
        self.send(event).await
    }

    async fn send(&self, event: Event) -> Result<Appended, Fault> {
        let operation = format!("recording {} of {}", event.kind.name(), event.chain);
        let append = Append {
            events: vec![event],
        };
        call(&self.client, &self.function, operation, &append).await
    }
}
