//! Attempts at releasing a version.

use jiff::Timestamp;
use semver::Version;
use serde::{Deserialize, Serialize};
use sluice_domain::promotion::{BundleRef, PromotionId};

use super::{Store, StoreError, document, item};

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
    /// The `release` execution.
    pub execution_arn: String,
    /// Who or what asked for it.
    pub requested_by: String,
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

fn key(application: &str, version: &Version) -> String {
    format!("release#{application}#{version}")
}

impl Store {
    /// Notes an attempt. Says whether this call did: a repeated event does not.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn begin_release(&self, release: &Release) -> Result<bool, StoreError> {
        let pk = key(&release.application, &release.version);
        Ok(self
            .put_new(item(&pk, &format!("{:06}", release.attempt), release)?)
            .await?)
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
