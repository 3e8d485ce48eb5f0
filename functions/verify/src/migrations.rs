//! What `migrate` is asked, where a bundle brings migrations.

use sluice_domain::manifest::Manifest;
use sluice_domain::migrations::{Archive, Brought, Phase, Request};
use sluice_domain::promotion::{BundleRef, PromotionId};
use sluice_domain::settings::Settings;

use crate::{Error, Pins};

/// What `migrate` is asked: Sluice's `own`, or the one that the settings name. None where there is nothing to migrate. A preview lives on the
/// functions of an environment, and on its schema as it is.
pub(crate) fn request(
    id: &PromotionId,
    (bundle, manifest, pins): (&BundleRef, &Manifest, &Pins),
    settings: &Settings,
    (own, goes_back): (&str, bool),
) -> Result<Option<Request>, Error> {
    let Some(migrations) = manifest.migrations.as_ref() else {
        return Ok(None);
    };
    if settings.preview_of.is_some() {
        return Ok(None);
    }
    let missing = || Error::NoDatabase {
        environment: id.environment.clone(),
    };
    let database = settings.database.clone().ok_or_else(missing)?;
    let key = &migrations.zip.key;
    // Everything that the manifest names is pinned by now.
    let version_id = pins.get(key).cloned().unwrap_or_default();
    Ok(Some(Request {
        function: database.migrator.clone().unwrap_or_else(|| own.to_owned()),
        promotion: id.clone(),
        brings: Some(Brought {
            archive: Archive {
                bucket: bundle.bucket.clone(),
                key: bundle.key_of(key),
                version_id,
                digest: migrations.zip.digest.clone(),
            },
            migrations: migrations.clone(),
        }),
        peer: None,
        database,
        operation: None,
        phase: Phase::Expand,
        goes_back,
    }))
}
