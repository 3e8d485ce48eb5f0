//! What the world answers.

use std::collections::BTreeSet;
use std::io::{Seek as _, Write as _};

use sluice_domain::repository::Repository;
use sluice_domain::role::{CodeCopies, Role};
use sluice_platform::bundle::BundleError;
use sluice_platform::settings::SettingsError;

use super::*;

/// The bundle digest of the event files.
const BUNDLE_DIGEST: &str =
    "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

impl Promotions for &World {
    async fn open(&self, promotion: &Promotion) -> Result<bool, StoreError> {
        self.call("open")?;
        let mut promotions = self.promotions.borrow_mut();
        let there = promotions
            .entry(promotion.id.to_string())
            .or_insert_with(|| promotion.clone());
        Ok(there.execution_arn == promotion.execution_arn && there.outcome.is_none())
    }

    async fn pin(&self, id: &PromotionId, pins: &Pins) -> Result<(), StoreError> {
        self.call("pin")?;
        self.pins.borrow_mut().push((id.to_string(), pins.clone()));
        Ok(())
    }

    async fn keep_copies(&self, id: &PromotionId, copies: &CodeCopies) -> Result<(), StoreError> {
        self.call("keep_copies")?;
        let mut all = self.near.copies.borrow_mut();
        all.insert(id.to_string(), copies.clone());
        Ok(())
    }

    async fn attempts(&self, id: &PromotionId) -> Result<Vec<Release>, StoreError> {
        self.call("attempts")?;
        let attempts = self.attempts.borrow();
        let ours = attempts
            .iter()
            .filter(|attempt| attempt.version == id.version);
        Ok(ours.cloned().collect())
    }

    async fn of_application(&self, application: &str) -> Result<Vec<Promotion>, StoreError> {
        self.call("of_application")?;
        let promotions = self.promotions.borrow();
        let ours = promotions
            .values()
            .filter(|promotion| promotion.id.application == application);
        Ok(ours.cloned().collect())
    }

    async fn pins(&self, id: &PromotionId) -> Result<Option<Pins>, StoreError> {
        self.call("pins")?;
        let pins = self.pins.borrow();
        let of = pins
            .iter()
            .rfind(|(promotion, _)| *promotion == id.to_string());
        Ok(of.map(|(_, pins)| pins.clone()))
    }

    async fn remember(&self, id: &PromotionId, remembered: &Remembered) -> Result<(), StoreError> {
        self.call("remember")?;
        let mut all = self.remembered.borrow_mut();
        all.push((id.to_string(), *remembered));
        Ok(())
    }

    async fn remembered(&self, _: &PromotionId) -> Result<Option<Remembered>, StoreError> {
        self.call("remembered")?;
        Ok(self.last_remembered())
    }
}

impl Bundles for &World {
    async fn manifest(&self, bundle: &BundleRef) -> Result<Manifest, BundleError> {
        self.call("manifest")?;
        let missing = || BundleError::Missing {
            bucket: bundle.bucket.clone(),
            key: bundle.key.clone(),
        };
        let manifest = self
            .manifests
            .borrow()
            .get(&bundle.key)
            .cloned()
            .ok_or_else(missing)?;
        let found: Digest = BUNDLE_DIGEST.parse().expect("a digest");
        // Another version's digest is made of its name.
        let other = Digest::of(manifest["version"].as_str().unwrap_or_default().as_bytes());
        if ![&found, &other].contains(&&bundle.digest) {
            let (key, expected) = (bundle.key.clone(), bundle.digest.clone());
            return Err(BundleError::DigestMismatch {
                key,
                found,
                expected,
            });
        }
        Ok(serde_json::from_value(manifest).expect("a manifest"))
    }
}

impl Objects for &World {
    async fn find(
        &self,
        _: &str,
        key: &str,
        version_id: Option<&str>,
    ) -> Result<Option<Object>, Fault> {
        self.call("find")?;
        self.at_once.set(self.at_once.get() + 1);
        self.most_at_once
            .set(self.most_at_once.get().max(self.at_once.get()));
        // The answer takes a moment, in which others ask.
        tokio::task::yield_now().await;
        self.at_once.set(self.at_once.get() - 1);
        Ok(self
            .objects
            .borrow()
            .get(key)
            .and_then(|versions| versions.find(version_id))
            .map(|stored| stored.told.clone()))
    }

    async fn hash(&self, place: &Place) -> Result<Digest, Fault> {
        self.hashed.borrow_mut().push(place.to_string());
        Ok(Digest::of(&self.stored(place)))
    }

    async fn read(&self, place: &Place) -> Result<Vec<u8>, Fault> {
        self.call("read")?;
        Ok(self.stored(place))
    }

    async fn spool(&self, place: &Place, hash: bool) -> Result<Spooled, Fault> {
        self.call("spool")?;
        let content = self.stored(place);
        let mut file = crate::nameless::nameless().expect("a file");
        file.write_all(&content).expect("written");
        file.rewind().expect("at its beginning");
        let digest = hash.then(|| Digest::of(&content));
        if hash {
            self.hashed.borrow_mut().push(place.to_string());
        }
        Ok(Spooled { file, digest })
    }
}

impl World {
    pub(super) fn stored(&self, place: &Place) -> Vec<u8> {
        let objects = self.objects.borrow();
        let stored = objects[&place.key].find(Some(&place.version_id));
        stored.expect("a version").content.clone()
    }
}

impl Images for &World {
    async fn exists(&self, repository: &Repository, digest: &Digest) -> Result<bool, Fault> {
        Ok(repository.name == "storefront/checkout" && *digest == Digest::of(b"image"))
    }

    async fn is_near(
        &self,
        _: &PromotionId,
        role: Option<&Role>,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<bool, Fault> {
        self.call("is_near")?;
        let image = format!("{repository}@{digest}");
        Ok(self.replicas.look(role, image))
    }

    async fn tags(&self, _: &Repository, digest: &Digest) -> Result<BTreeSet<String>, Fault> {
        self.call("tags")?;
        let tags = self.tags.borrow().clone();
        for tag in self.late.borrow_mut().drain(..) {
            self.tags.borrow_mut().insert(tag, Digest::of(b"image"));
        }
        let here = tags.into_iter().filter(|(_, named)| named == digest);
        Ok(here.map(|(tag, _)| tag).collect())
    }

    async fn tagged(&self, _: &Repository, tag: &str) -> Result<Option<Digest>, Fault> {
        self.call("tagged")?;
        Ok(self.tags.borrow().get(tag).cloned())
    }

    async fn scan(&self, _: &Repository, _: &Digest) -> Result<Scan, Fault> {
        self.call("scan")?;
        let mut scans = self.scans.borrow_mut();
        let next = if scans.len() > 1 {
            scans.pop()
        } else {
            scans.last().cloned()
        };
        Ok(next.unwrap_or(Scan::Running))
    }
}

impl Environments for &World {
    async fn settings(&self, _: &PromotionId) -> Result<Settings, SettingsError> {
        self.call("settings")?;
        Ok(serde_json::from_value(self.settings.borrow().clone()).expect("settings"))
    }

    async fn function(
        &self,
        _: &PromotionId,
        _: Option<&Role>,
        _: &str,
    ) -> Result<Option<Live>, Fault> {
        self.call("function")?;
        let live = self.live.borrow();
        let live = live.as_ref().map(|(fitting, variables)| Live {
            fitting: fitting.clone(),
            variables: Some(variables.clone()),
        });
        Ok(live)
    }

    async fn public_key(&self, arn: &str) -> Result<Vec<u8>, Fault> {
        self.call("public_key")?;
        Ok(arn.as_bytes().to_vec())
    }
}

impl Record for &World {
    async fn record(
        &self,
        id: &PromotionId,
        kind: Kind,
        _: &str,
        facts: Value,
    ) -> Result<(), Fault> {
        self.call("record")?;
        let mut entries = self.entries.borrow_mut();
        if !entries
            .iter()
            .any(|entry| entry.0 == id.to_string() && entry.1 == kind)
        {
            entries.push((id.to_string(), kind, facts));
        }
        Ok(())
    }
}
