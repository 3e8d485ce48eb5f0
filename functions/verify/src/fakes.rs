//! The world around the function, in memory.

use std::cell::{Cell, RefCell};

use super::*;

/// The bundle digest of the event files.
const BUNDLE_DIGEST: &str =
    "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

/// An object: what S3 tells of it, and the digest of its content.
struct Stored {
    told: Object,
    content: Digest,
}

/// What AWS holds. Every operation can be made to fail once.
#[derive(Default)]
pub(super) struct World {
    manifests: RefCell<BTreeMap<String, Value>>,
    objects: RefCell<BTreeMap<String, Stored>>,
    promotions: RefCell<BTreeMap<String, Promotion>>,
    pins: RefCell<Pins>,
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

    fn put(&self, version: &str, key: &str) {
        let content = Digest::of(key.as_bytes());
        let told = Object {
            version_id: Some(format!("v-{key}")),
            digest: Some(content.clone()),
        };
        self.objects.borrow_mut().insert(
            format!("storefront/{version}/{key}"),
            Stored { told, content },
        );
    }

    fn change(&self, key: &str, change: impl FnOnce(&mut Stored)) {
        change(
            self.objects
                .borrow_mut()
                .get_mut(key)
                .expect("the object is there"),
        );
    }

    pub(super) fn remove(&self, key: &str) {
        self.objects
            .borrow_mut()
            .remove(key)
            .expect("the object was there");
    }

    pub(super) fn replace(&self, key: &str, content: &[u8]) {
        self.change(key, |stored| {
            stored.content = Digest::of(content);
            stored.told.digest = Some(Digest::of(content));
        });
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

    pub(super) fn pins(&self) -> Pins {
        self.pins.borrow().clone()
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

    async fn pin(&self, _: &PromotionId, pins: &Pins) -> Result<(), StoreError> {
        self.call("pin")?;
        self.pins.replace(pins.clone());
        Ok(())
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
    async fn find(&self, _: &str, key: &str) -> Result<Option<Object>, Fault> {
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
            .map(|stored| stored.told.clone()))
    }

    async fn hash(&self, _: &str, key: &str, version_id: &str) -> Result<Digest, Fault> {
        self.hashed
            .borrow_mut()
            .push(format!("{key}?versionId={version_id}"));
        Ok(self.objects.borrow()[key].content.clone())
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
