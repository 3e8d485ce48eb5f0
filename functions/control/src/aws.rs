//! Settings in Parameter Store, the promotion's record in the state table, and the way to
//! the ledger.

use aws_config::SdkConfig;
use serde_json::{Value, json};
use sluice_domain::approval::{AskedWish, WishAnswer};
use sluice_domain::caller::Principal;
use sluice_domain::controls::Controls;
use sluice_domain::journal::Journal;
use sluice_domain::ledger::Kind;
use sluice_domain::may::May;
use sluice_domain::plan::Plan;
use sluice_domain::promotion::{Generation, Promotion, PromotionId};
use sluice_platform::call::call;
use sluice_platform::fault::Fault;
use sluice_platform::lambda::{MissingVariable, variable};
use sluice_platform::ledger::Ledger;
use sluice_platform::settings::{SettingsError, SettingsReader};
use sluice_platform::store::{Part, Store, StoreError};

use crate::{Approvers, Book, Environments, Records};

impl Environments for SettingsReader {
    async fn may(&self, application: &str, environment: &str) -> Result<May, SettingsError> {
        let settings = self.read(application, environment).await?;
        Ok(settings.may)
    }
}

/// The promotion's record in the state table.
pub struct Table(pub Store);

impl Records for Table {
    async fn promotion(&self, id: &PromotionId) -> Result<(Promotion, Generation), StoreError> {
        self.0.promotion(id).await
    }

    async fn plan(&self, id: &PromotionId) -> Result<Option<Plan>, StoreError> {
        self.0.part(id, Part::Plan).await
    }

    async fn journal(&self, id: &PromotionId) -> Result<Option<Journal>, StoreError> {
        self.0.part(id, Part::Journal).await
    }

    async fn controls(&self, id: &PromotionId) -> Result<Controls, StoreError> {
        Ok(self.0.part(id, Part::Controls).await?.unwrap_or_default())
    }

    async fn note(
        &self,
        id: &PromotionId,
        generation: Generation,
        controls: &Controls,
    ) -> Result<bool, StoreError> {
        self.0.put_controls(id, generation, controls).await
    }
}

/// The function that asks people.
pub struct ApprovalFunction {
    client: aws_sdk_lambda::Client,
    function: String,
    desk_url: String,
}

impl ApprovalFunction {
    /// Builds the client, once.
    ///
    /// # Errors
    /// When a variable is not set.
    pub fn from_env(config: &SdkConfig) -> Result<Self, MissingVariable> {
        Ok(Self {
            client: aws_sdk_lambda::Client::new(config),
            function: variable("SLUICE_APPROVAL_FUNCTION")?,
            desk_url: variable("SLUICE_DESK_URL")?,
        })
    }
}

impl Approvers for ApprovalFunction {
    async fn ask(
        &self,
        id: &PromotionId,
        wish: &AskedWish,
        requester: Option<&Principal>,
    ) -> Result<WishAnswer, Fault> {
        let request = json!({
            "op": "wish", "promotion": id, "wish": wish, "requester": requester,
            "desk_url": self.desk_url,
        });
        let operation = format!("asking for an approval of {}", wish.wish.title());
        call(&self.client, &self.function, operation, &request).await
    }
}

impl Book for Ledger {
    async fn record(
        &self,
        person: &str,
        id: &PromotionId,
        key: &str,
        facts: Value,
    ) -> Result<u64, Fault> {
        let kind = Kind::OperatorAsked;
        let appended = self.append_as(person, id, kind, key, facts).await?;
        Ok(appended.sequence)
    }
}
