//! What `migrate` is asked, where a bundle brings migrations or a database is worked on.

use sluice_domain::digest::Digest;
use sluice_domain::manifest::Manifest;
use sluice_domain::migrations::{Archive, Brought, NoDatabase, Operation, Peer, Phase, Request};
use sluice_domain::path::stays;
use sluice_domain::promotion::{BundleRef, PromotionId};
use sluice_domain::settings::Settings;

use crate::{Bundles, Error, Pins, Promotions};

/// What a promotion is, as far as its database goes.
pub(crate) struct Errand<'a> {
    pub(crate) id: &'a PromotionId,
    pub(crate) bundle: &'a BundleRef,
    pub(crate) manifest: &'a Manifest,
    pub(crate) pins: &'a Pins,
    /// Whether it takes the environment back to a bundle that was promoted before.
    pub(crate) goes_back: bool,
    /// What is done instead of releasing code.
    pub(crate) operation: Option<Operation>,
}

impl Errand<'_> {
    /// Whether there is something to ask a database. A preview lives on the functions of
    /// an environment, and on its schema as it is. What goes back has to fit the schema,
    /// whatever it brings.
    fn is_asked(&self, settings: &Settings) -> bool {
        let may_not_fit = self.goes_back && settings.database.is_some();
        let brings = self.manifest.migrations.is_some();
        settings.preview_of.is_none() && (brings || may_not_fit || self.operation.is_some())
    }

    /// What `migrate` is asked: Sluice's `own`, or the one that the settings name. None
    /// where there is nothing to ask.
    pub(crate) async fn request(
        self,
        settings: &Settings,
        own: &str,
        promotions: &impl Promotions,
        bundles: &impl Bundles,
    ) -> Result<Option<Request>, Error> {
        if !self.is_asked(settings) {
            return Ok(None);
        }
        let missing = || NoDatabase {
            environment: self.id.environment.clone(),
        };
        let database = settings.database.clone().ok_or_else(missing)?;
        let peer = self.peer(promotions, bundles).await?;
        Ok(Some(Request {
            function: database.migrator.clone().unwrap_or_else(|| own.to_owned()),
            promotion: self.id.clone(),
            brings: brought(self.bundle, self.manifest, self.pins),
            peer,
            database,
            role: settings.role.clone(),
            phase: match self.operation {
                Some(Operation::Contract {} | Operation::Undo {}) => Phase::Contract,
                Some(Operation::Restore { .. }) | None => Phase::Expand,
            },
            operation: self.operation,
            goes_back: self.goes_back,
        }))
    }

    /// The newest other bundle that stood in the environment. A release does not depend on
    /// what came before it: where that can't be read any more, nobody is asked.
    async fn peer(
        &self,
        promotions: &impl Promotions,
        bundles: &impl Bundles,
    ) -> Result<Option<Peer>, Error> {
        let all = promotions.of_application(&self.id.application).await?;
        let is_other = |digest: &Digest| *digest != self.bundle.digest;
        let stays = stays(&all, &self.id.environment);
        let Some(stay) = stays.iter().rev().find(|stay| is_other(stay.digest)) else {
            return Ok(None);
        };
        let Some(promotion) = all.iter().find(|one| one.id == *stay.promotion) else {
            return Ok(None);
        };
        let manifest = match bundles.manifest(&promotion.bundle).await {
            Ok(manifest) => manifest,
            Err(error) if self.operation.is_none() => {
                tracing::warn!(release = %promotion.id, %error, "what it reads is not known");
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        };
        let pins = promotions.pins(&promotion.id).await?.unwrap_or_default();
        Ok(Some(Peer {
            version: promotion.id.version.to_string(),
            brings: brought(&promotion.bundle, &manifest, &pins),
        }))
    }
}

/// What a bundle brings for the database. Everything that its manifest names was pinned.
fn brought(bundle: &BundleRef, manifest: &Manifest, pins: &Pins) -> Option<Brought> {
    let migrations = manifest.migrations.as_ref()?;
    let key = &migrations.zip.key;
    Some(Brought {
        archive: Archive {
            bucket: bundle.bucket.clone(),
            key: bundle.key_of(key),
            version_id: pins.get(key).cloned().unwrap_or_default(),
            digest: migrations.zip.digest.clone(),
        },
        migrations: migrations.clone(),
    })
}
