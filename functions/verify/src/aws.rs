//! Records through the state table, files through S3, images through ECR, settings,
//! functions and keys of environments, facts through `record`.

mod copies;
mod environments;
mod images;
mod objects;

use serde_json::Value;
use sluice_domain::ledger::Kind;
use sluice_domain::manifest::Manifest;
use sluice_domain::promotion::{BundleRef, Outcome, Promotion, PromotionId};
use sluice_domain::role::CodeCopies;
use sluice_platform::bundle::{BundleError, BundleReader};
use sluice_platform::fault::Fault;
use sluice_platform::ledger::Ledger;
use sluice_platform::store::{Part, Release, Store, StoreError};

pub use copies::Buckets;
pub use environments::Accounts;
pub use images::Registries;
pub use objects::S3;

use crate::{Bundles, Pins, Promotions, Record, Remembered};

/// Records in the state table.
pub struct Table(pub Store);

impl Promotions for Table {
    async fn open(&self, promotion: &Promotion) -> Result<bool, StoreError> {
        self.0.open_promotion(promotion).await
    }

    async fn pin(&self, id: &PromotionId, pins: &Pins) -> Result<(), StoreError> {
        self.0.put_part(id, Part::Pins, pins).await
    }

    async fn keep_copies(&self, id: &PromotionId, copies: &CodeCopies) -> Result<(), StoreError> {
        self.0.put_part(id, Part::Copies, copies).await
    }

    async fn attempts(&self, id: &PromotionId) -> Result<Vec<Release>, StoreError> {
        self.0.releases(&id.application, &id.version).await
    }

    async fn of_application(&self, application: &str) -> Result<Vec<Promotion>, StoreError> {
        let all = self.0.promotions_of(application).await?.into_iter();
        Ok(all.map(|(promotion, _)| promotion).collect())
    }

    async fn pins(&self, id: &PromotionId) -> Result<Option<Pins>, StoreError> {
        self.0.part(id, Part::Pins).await
    }

    async fn remember(&self, id: &PromotionId, remembered: &Remembered) -> Result<(), StoreError> {
        self.0.put_part(id, Part::Evidence, remembered).await
    }

    async fn remembered(&self, id: &PromotionId) -> Result<Option<Remembered>, StoreError> {
        let all = self.of_application(&id.application).await?.into_iter();
        let promoted = all.filter(|promotion| {
            promotion.id.environment == id.environment
                && promotion.outcome == Some(Outcome::Promoted)
        });
        match promoted.max_by_key(|promotion| promotion.closed_at) {
            Some(last) => self.0.part(&last.id, Part::Evidence).await,
            None => Ok(None),
        }
    }
}

impl Bundles for BundleReader {
    async fn manifest(&self, bundle: &BundleRef) -> Result<Manifest, BundleError> {
        self.manifest(bundle).await
    }
}

impl Record for Ledger {
    async fn record(
        &self,
        id: &PromotionId,
        kind: Kind,
        key: &str,
        facts: Value,
    ) -> Result<(), Fault> {
        self.append(id, kind, key, facts).await.map(|_| ())
    }
}
