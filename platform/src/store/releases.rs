//! Attempts at releasing a version.

use jiff::Timestamp;
use semver::Version;
use serde::{Deserialize, Serialize};
use sluice_domain::caller::Principal;
use sluice_domain::migrations::Operation;
use sluice_domain::promotion::{BundleRef, PromotionId};

use super::{CONDITION_FAILED, Store, StoreError, document, item, text, write};

/// One attempt at releasing a version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Release {
    /// The application.
    pub application: String,
    /// The version.
    pub version: Version,
    /// What is released.
    pub bundle: BundleRef,
    /// Which attempt, from 1.
    pub attempt: u32,
    /// The environments, in order.
    pub environments: Vec<String>,
    /// Whether it deliberately takes an older version back into production.
    #[serde(default)]
    pub rollback: bool,
    /// What is done to the environment's database instead of releasing code. None: code
    /// is released.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<Operation>,
    /// The `release` execution.
    pub execution_arn: String,
    /// Who or what asked for it.
    pub requested_by: String,
    /// Who or what that was as settings name it. None: nobody proved who they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<Principal>,
    /// When.
    pub requested_at: Timestamp,
}

impl Release {
    /// The promotion of this attempt into one of its environments.
    #[must_use]
    pub fn promotion(&self, environment: &str) -> PromotionId {
        PromotionId {
            application: self.application.clone(),
            environment: environment.to_owned(),
            version: self.version.clone(),
            attempt: self.attempt,
        }
    }
}

/// What the index `open` has attempts under.
const OPEN: &str = "release";

fn sort_key(attempt: u32) -> String {
    format!("{attempt:06}")
}

fn key(application: &str, version: &Version) -> String {
    format!("release#{application}#{version}")
}

impl Store {
    /// Notes an attempt, and that the watchdog looks after it. Says whether this
    /// call did: a repeated event does not.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn begin_release(&self, release: &Release) -> Result<bool, StoreError> {
        let pk = key(&release.application, &release.version);
        let mut new = item(&pk, &sort_key(release.attempt), release)?;
        new.insert("open".into(), text(OPEN));
        Ok(self.put_new(new).await?)
    }

    /// The attempts that somebody must still look after.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn open_releases(&self) -> Result<Vec<Release>, StoreError> {
        let items = self.indexed("open", "open", OPEN).await?;
        Ok(items.iter().map(document).collect::<Result<_, _>>()?)
    }

    /// Takes an attempt out of the open ones: nobody looks after it any more.
    /// Idempotent.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn settle_release(&self, release: &Release) -> Result<(), StoreError> {
        let request = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", text(key(&release.application, &release.version)))
            .key("sk", text(sort_key(release.attempt)))
            .update_expression("REMOVE #open")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_names("#open", "open");
        let operation = format!("settling release {}", release.execution_arn);
        match write(&operation, || request.clone().send()).await {
            Err(fault) if !fault.is(CONDITION_FAILED) => Err(fault.into()),
            _ => Ok(()),
        }
    }

    /// The attempts at releasing a version, in order.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn releases(
        &self,
        application: &str,
        version: &Version,
    ) -> Result<Vec<Release>, StoreError> {
        let items = self.query(&key(application, version), "").await?;
        Ok(items.iter().map(document).collect::<Result<_, _>>()?)
    }
}
