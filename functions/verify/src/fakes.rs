//! The world around the function, in memory.

use std::cell::{Cell, RefCell};

use super::*;

/// The bundle digest of the event files.
const BUNDLE_DIGEST: &str =
    "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

/// A version of an object: what S3 tells of it, and the digest of its content.
struct Stored {
    told: Object,
    content: Digest,
}

/// What the bucket has under a key.
#[derive(Default)]
struct Versions {
    kept: Vec<Stored>,
    is_deleted: bool,
}

impl Versions {
    fn find(&self, version_id: Option<&str>) -> Option<&Stored> {
        match version_id {
            Some(_) => self
                .kept
                .iter()
                .find(|stored| stored.told.version_id.as_deref() == version_id),
            None if self.is_deleted => None,
            None => self.kept.last(),
        }
    }
}

/// What AWS holds. Every operation can be made to fail once.
#[derive(Default)]
pub(super) struct World {
    manifests: RefCell<BTreeMap<String, Value>>,
    objects: RefCell<BTreeMap<String, Versions>>,
    attempts: RefCell<Vec<Release>>,
    promotions: RefCell<BTreeMap<String, Promotion>>,
    pins: RefCell<Vec<(String, Pins)>>,
    entries: RefCell<Vec<(String, Kind, Value)>>,
    hashed: RefCell<Vec<String>>,
    at_once: Cell<usize>,
    most_at_once: Cell<usize>,
    failing: Cell<&'static str>,
}

impl World {
    /// The storefront at this version: two zip files and one piece of evidence.
    pub(super) fn with_release(version: &str) -> Self {
        let world = Self::default();
        let zip = |key: &str| json!({"zip": {"key": key, "digest": Digest::of(key.as_bytes())}});
        world.manifests.borrow_mut().insert(
            format!("storefront/{version}/release.json"),
            json!({
                "schema": 1,
                "application": "storefront",
                "version": version,
                "commit": "0123456789012345678901234567890123456789",
                "author": {"name": "Ada", "email": "ada@example.com"},
                "functions": {"catalog": zip("catalog.zip"), "checkout": zip("checkout.zip")},
                "evidence": [{"kind": "junit", "key": "tests/junit.xml", "digest": Digest::of(b"tests/junit.xml")}],
            }),
        );
        for key in ["catalog.zip", "checkout.zip", "tests/junit.xml"] {
            world.put(version, key);
        }
        world
    }

    /// The same, with checkout as an image of this repository.
    pub(super) fn with_images(version: &str, repository: &str) -> Self {
        let world = Self::with_release(version);
        let image = json!({"image": {"repository": repository, "digest": Digest::of(b"image")}});
        world
            .manifests
            .borrow_mut()
            .values_mut()
            .for_each(|manifest| manifest["functions"]["checkout"] = image.clone());
        world
    }

    pub(super) fn add_evidence(&self, version: &str, count: usize) {
        for n in 0..count {
            let key = format!("evidence/{n}.json");
            let evidence =
                json!({"kind": "scan", "key": key, "digest": Digest::of(key.as_bytes())});
            self.put(version, &key);
            let mut manifests = self.manifests.borrow_mut();
            let all = manifests
                .values_mut()
                .next()
                .and_then(|manifest| manifest["evidence"].as_array_mut());
            all.expect("a list").push(evidence);
        }
    }

    /// Notes the attempt that this promotion belongs to, as `intake` does.
    pub(super) fn begin(&self, event: &str, environments: &[&str]) {
        let Input {
            promotion, bundle, ..
        } = serde_json::from_str(event).expect("the input is understood");
        let environments = environments.iter().map(|name| (*name).to_owned());
        self.attempts.borrow_mut().push(Release {
            application: promotion.application,
            version: promotion.version,
            bundle,
            attempt: promotion.attempt,
            environments: environments.collect(),
            rollback: false,
            execution_arn: "arn".into(),
            requested_by: "ada".into(),
            requested_at: Timestamp::UNIX_EPOCH,
        });
    }

    fn put(&self, version: &str, key: &str) {
        let (place, name) = (format!("storefront/{version}/{key}"), format!("v-{key}"));
        self.add(&place, name, Digest::of(key.as_bytes()));
    }

    fn add(&self, key: &str, version_id: String, content: Digest) {
        let told = Object {
            version_id: Some(version_id),
            digest: Some(content.clone()),
        };
        let mut objects = self.objects.borrow_mut();
        let there = objects.entry(key.to_owned()).or_default();
        there.kept.push(Stored { told, content });
        there.is_deleted = false;
    }

    fn at<T>(&self, key: &str, change: impl FnOnce(&mut Versions) -> T) -> T {
        change(
            self.objects
                .borrow_mut()
                .get_mut(key)
                .expect("the object is there"),
        )
    }

    fn change(&self, key: &str, change: impl FnOnce(&mut Stored)) {
        self.at(key, |versions| {
            change(versions.kept.last_mut().expect("a version"));
        });
    }

    /// As if it had never been there.
    pub(super) fn remove(&self, key: &str) {
        self.objects
            .borrow_mut()
            .remove(key)
            .expect("the object was there");
    }

    /// Somebody puts another content under the key: version `v2`.
    pub(super) fn replace(&self, key: &str, content: &[u8]) {
        self.add(key, "v2".to_owned(), Digest::of(content));
    }

    /// Somebody deletes it: S3 puts a marker over its versions.
    pub(super) fn delete(&self, key: &str) {
        self.at(key, |versions| versions.is_deleted = true);
    }

    /// S3 forgets its oldest version.
    pub(super) fn expire(&self, key: &str) {
        self.at(key, |versions| drop(versions.kept.remove(0)));
    }

    pub(super) fn forget_digest(&self, key: &str) {
        self.change(key, |stored| stored.told.digest = None);
    }

    pub(super) fn set_version(&self, key: &str, version: Option<&str>) {
        self.change(key, |stored| {
            stored.told.version_id = version.map(str::to_owned)
        });
    }

    /// The next call of this operation is throttled.
    pub(super) fn fail_next(&self, operation: &'static str) {
        self.failing.set(operation);
    }

    /// What was pinned last.
    pub(super) fn pins(&self) -> Pins {
        let pins = self.pins.borrow();
        pins.last()
            .map(|(_, pins)| pins.clone())
            .unwrap_or_default()
    }

    pub(super) fn entries(&self) -> Vec<(String, Kind, Value)> {
        self.entries.borrow().clone()
    }

    pub(super) fn hashed(&self) -> Vec<String> {
        self.hashed.borrow().clone()
    }

    pub(super) fn most_at_once(&self) -> usize {
        self.most_at_once.get()
    }

    fn call(&self, operation: &'static str) -> Result<(), Fault> {
        if self.failing.get() == operation {
            self.failing.set("");
            let code = Some("ThrottlingException".to_owned());
            return Err(Fault {
                operation: operation.into(),
                code,
                message: "Rate exceeded".into(),
            });
        }
        Ok(())
    }
}

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

    async fn attempts(&self, id: &PromotionId) -> Result<Vec<Release>, StoreError> {
        self.call("attempts")?;
        let attempts = self.attempts.borrow();
        let ours = attempts
            .iter()
            .filter(|attempt| attempt.version == id.version);
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
        if found != bundle.digest {
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

    async fn hash(&self, _: &str, key: &str, version_id: &str) -> Result<Digest, Fault> {
        self.hashed
            .borrow_mut()
            .push(format!("{key}?versionId={version_id}"));
        let objects = self.objects.borrow();
        let stored = objects[key].find(Some(version_id)).expect("a version");
        Ok(stored.content.clone())
    }
}

impl Images for &World {
    async fn exists(&self, repository: &Repository, digest: &Digest) -> Result<bool, Fault> {
        Ok(repository.name == "storefront/checkout" && *digest == Digest::of(b"image"))
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
