//! Manifests that came in labels of images, and who pushed them: Sluice writes such a
//! manifest to the bucket itself, and S3 then names no other uploader than Sluice.

use semver::Version;
use serde::{Deserialize, Serialize};
use sluice_domain::caller::Principal;
use sluice_domain::digest::Digest;

use super::{Store, StoreError, document, item};

/// A manifest that an image brought along in a label.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Labelled {
    /// The application.
    pub application: String,
    /// The version.
    pub version: Version,
    /// The manifest's digest, and so the bundle's.
    pub digest: Digest,
    /// The push, as the ledger names who asked.
    pub requested_by: String,
    /// The push as settings name it.
    pub principal: Principal,
}

/// No attempts are noted here: `#` is in no version.
fn key(application: &str, version: &Version) -> String {
    format!("release#{application}#{version}#label")
}

impl Store {
    /// Notes who brought a manifest, before it is written to the bucket. Who is noted first
    /// stays. Idempotent.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn note_label(&self, labelled: &Labelled) -> Result<(), StoreError> {
        let pk = key(&labelled.application, &labelled.version);
        let new = item(&pk, &labelled.digest.to_string(), labelled)?;
        self.put_new(new).await?;
        Ok(())
    }

    /// Who brought the manifest of this digest in a label, if anybody did.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn labelled(
        &self,
        application: &str,
        version: &Version,
        digest: &Digest,
    ) -> Result<Option<Labelled>, StoreError> {
        let pk = key(application, version);
        let found = self.get(&pk, &digest.to_string()).await?;
        Ok(found.as_ref().map(document).transpose()?)
    }
}
