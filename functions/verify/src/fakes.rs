//! The world around the function, in memory.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io::{Cursor, Write as _};
use std::time::Duration;

use sluice_domain::digest::Digest;
use sluice_domain::promotion::Outcome;
use sluice_evidence::Fitting;
use sluice_platform::fault::Fault;
use zip::write::{SimpleFileOptions, ZipWriter};

use super::*;

#[path = "fakes/answers.rs"]
mod answers;
#[path = "fakes/near.rs"]
pub(super) mod near;

/// What a good bundle has under this key.
pub(super) fn content(key: &str) -> Vec<u8> {
    match key.rsplit_once('.') {
        Some((name, "zip")) => zip(&[("index.js", format!("exports.handler = () => '{name}'"))]),
        Some((_, "xml")) => junit(""),
        _ => key.as_bytes().to_vec(),
    }
}

/// A zip file with these files.
pub(super) fn zip(files: &[(&str, String)]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        zip.start_file(*name, SimpleFileOptions::default())
            .expect("an entry");
        zip.write_all(content.as_bytes()).expect("its content");
    }
    zip.finish().expect("a zip file").into_inner()
}

/// A report of one test, of which this is told.
pub(super) fn junit(told: &str) -> Vec<u8> {
    let report = format!("<testsuite><testcase name=\"pays\">{told}</testcase></testsuite>");
    report.into_bytes()
}

/// A version of an object: what S3 tells of it, and its content.
struct Stored {
    told: Object,
    content: Vec<u8>,
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
    remembered: RefCell<Vec<(String, Remembered)>>,
    scans: RefCell<Vec<Scan>>,
    /// The digest that each tag of the repository names.
    tags: RefCell<BTreeMap<String, Digest>>,
    /// Tags that are pushed after the next look at the image.
    late: RefCell<Vec<String>>,
    settings: RefCell<Value>,
    pub(super) live: RefCell<Option<(Fitting, BTreeMap<String, String>)>>,
    at_once: Cell<usize>,
    most_at_once: Cell<usize>,
    /// The bucket near the functions.
    pub(super) near: near::Bucket,
    /// The registries near the functions.
    pub(super) replicas: near::Replicas,
    failing: Cell<&'static str>,
}

impl World {
    /// The storefront at this version: two zip files and one piece of evidence.
    pub(super) fn with_release(version: &str) -> Self {
        let world = Self::default();
        let zip = |key: &str| json!({"zip": {"key": key, "digest": Digest::of(&content(key))}});
        *world.settings.borrow_mut() = json!({"schema": 1, "order": 1, "functions": {
            "catalog": {"name": "storefront-catalog"}, "checkout": {"name": "storefront-checkout"}}});
        world.manifests.borrow_mut().insert(
            format!("storefront/{version}/release.json"),
            json!({
                "schema": 1,
                "application": "storefront",
                "version": version,
                "commit": "0123456789012345678901234567890123456789",
                "author": {"name": "Ada", "email": "ada@example.com"},
                "functions": {"catalog": zip("catalog.zip"), "checkout": zip("checkout.zip")},
                "evidence": [{"kind": "junit", "key": "tests/junit.xml", "digest": Digest::of(&content("tests/junit.xml"))}],
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
        world.tag(&format!("v{version}"), b"image");
        world.tag("sha-0123456", b"image");
        world
    }

    pub(super) fn add_evidence(&self, version: &str, count: usize) {
        for n in 0..count {
            let key = format!("evidence/{n}.json");
            let evidence =
                json!({"kind": "scan", "key": key, "digest": Digest::of(&content(&key))});
            self.put(version, &key);
            let mut manifests = self.manifests.borrow_mut();
            let all = manifests
                .values_mut()
                .next()
                .and_then(|manifest| manifest["evidence"].as_array_mut());
            all.expect("a list").push(evidence);
        }
    }

    /// The last piece of evidence is called so.
    pub(super) fn call_evidence(&self, kind: &str) {
        let mut manifests = self.manifests.borrow_mut();
        let manifest = manifests.values_mut().next().expect("a manifest");
        let evidence = manifest["evidence"].as_array_mut().expect("a list");
        evidence.last_mut().expect("some")["kind"] = json!(kind);
    }

    /// An earlier attempt promoted what this one promotes, where it promotes it.
    pub(super) fn promoted_before(&self, event: &str) {
        let Input {
            mut promotion,
            bundle,
            ..
        } = serde_json::from_str(event).expect("the input is understood");
        promotion.attempt += 100;
        let earlier = Promotion {
            id: promotion,
            bundle,
            execution_arn: "earlier".into(),
            opened_at: Timestamp::UNIX_EPOCH,
            outcome: Some(Outcome::Promoted),
            reason: None,
            closed_at: Some(Timestamp::UNIX_EPOCH),
        };
        let mut promotions = self.promotions.borrow_mut();
        promotions.insert(earlier.id.to_string(), earlier);
    }

    /// Notes an attempt that goes back.
    pub(super) fn begin_rollback(&self, event: &str, environments: &[&str]) {
        self.begin(event, environments);
        let mut attempts = self.attempts.borrow_mut();
        attempts.last_mut().expect("an attempt").rollback = true;
    }

    /// Notes an attempt that works on the database.
    pub(super) fn begin_operation(&self, event: &str, environment: &str, operation: Operation) {
        self.begin(event, &[environment]);
        let mut attempts = self.attempts.borrow_mut();
        attempts.last_mut().expect("an attempt").operation = Some(operation);
    }

    /// Another version, which brings the same, serves in `dev`.
    pub(super) fn served_before(&self, version: &str) {
        let mut manifests = self.manifests.borrow_mut();
        let mut manifest = manifests.values().next().expect("a manifest").clone();
        manifest["version"] = json!(version);
        let key = format!("storefront/{version}/release.json");
        manifests.insert(key.clone(), manifest);
        let id = format!("storefront/dev/{version}/1");
        let served = json!({
            "id": id, "execution_arn": "earlier", "opened_at": "2026-01-01T00:00:00Z",
            "outcome": "promoted", "closed_at": "2026-01-01T00:00:01Z",
            "bundle": {"bucket": "b", "key": key, "version_id": "v", "digest": Digest::of(version.as_bytes())},
        });
        let served = serde_json::from_value(served).expect("a promotion");
        self.promotions.borrow_mut().insert(id.clone(), served);
        let pins = [("migrations.zip".to_owned(), format!("v-of-{version}"))];
        self.pins.borrow_mut().push((id, pins.into()));
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
            operation: None,
            execution_arn: "arn".into(),
            requested_by: "ada".into(),
            principal: None,
            requested_at: Timestamp::UNIX_EPOCH,
        });
    }

    fn put(&self, version: &str, key: &str) {
        let (place, name) = (format!("storefront/{version}/{key}"), format!("v-{key}"));
        self.add(&place, name, content(key));
    }

    fn add(&self, key: &str, version_id: String, content: Vec<u8>) {
        let told = Object {
            version_id: Some(version_id),
            digest: Some(Digest::of(&content)),
            size: content.len() as u64,
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
        self.add(key, "v2".to_owned(), content.to_vec());
    }

    /// The bundle has this under a key of the manifest instead.
    pub(super) fn build(&self, version: &str, key: &str, content: &[u8]) {
        self.replace(&format!("storefront/{version}/{key}"), content);
        let (digest, mut manifests) = (Digest::of(content), self.manifests.borrow_mut());
        let manifest = manifests.values_mut().next().expect("a manifest");
        let functions = manifest["functions"].as_object_mut().expect("functions");
        let zips = functions.values_mut().map(|function| &mut function["zip"]);
        for zip in zips.filter(|zip| zip["key"] == key) {
            zip["digest"] = json!(digest);
        }
        let evidence = manifest["evidence"].as_array_mut().expect("a list");
        for item in evidence.iter_mut().filter(|item| item["key"] == key) {
            item["digest"] = json!(digest);
        }
    }

    /// The environment's functions are behind this role.
    pub(super) fn enter_by(&self, role: Value) {
        self.settings.borrow_mut()["role"] = role;
    }

    /// The bundle brings migrations.
    pub(super) fn add_migrations(&self, version: &str) {
        let key = "migrations.zip";
        self.put(version, key);
        let zip = json!({"key": key, "digest": Digest::of(&content(key))});
        let mut manifests = self.manifests.borrow_mut();
        let manifest = manifests.values_mut().next().expect("a manifest");
        manifest["migrations"] = json!({ "zip": zip });
    }

    /// The environment's settings say something else.
    pub(super) fn change_settings(&self, change: impl FnOnce(&mut Value)) {
        change(&mut self.settings.borrow_mut());
    }

    /// The environment asks this of evidence.
    pub(super) fn ask(&self, evidence: Value) {
        self.settings.borrow_mut()["evidence"] = evidence;
    }

    /// S3 says that a file is so long.
    pub(super) fn lengthen(&self, key: &str, size: u64) {
        self.change(key, |stored| stored.told.size = size);
    }

    /// What ECR answers of a scan, one after the other; the last one stays.
    pub(super) fn scan_as(&self, scans: &[Scan]) {
        *self.scans.borrow_mut() = scans.iter().rev().cloned().collect();
    }

    /// A tag of the repository names the image of this content, from now on.
    pub(super) fn tag(&self, tag: &str, content: &[u8]) {
        let digest = Digest::of(content);
        self.tags.borrow_mut().insert(tag.to_owned(), digest);
    }

    /// The tag is gone, and is pushed again after the next look at the image.
    pub(super) fn tag_late(&self, tag: &str) {
        self.tags.borrow_mut().remove(tag).expect("it was there");
        self.late.borrow_mut().push(tag.to_owned());
    }

    /// There is no such tag any more.
    pub(super) fn untag(&self, tag: &str) {
        self.tags.borrow_mut().remove(tag).expect("it was there");
    }

    /// A release was promoted here whose tests reached this share of lines.
    pub(super) fn promoted_with(&self, coverage: f64) {
        let coverage = Some(coverage);
        let before = ("before".to_owned(), Remembered { coverage });
        self.remembered.borrow_mut().push(before);
    }

    /// What is remembered of the last one.
    pub(super) fn last_remembered(&self) -> Option<Remembered> {
        let remembered = self.remembered.borrow();
        remembered.last().map(|(_, remembered)| *remembered)
    }

    /// The facts of the assessment, which were recorded.
    pub(super) fn assessed(&self) -> Value {
        let entries = self.entries.borrow();
        let mut of = entries
            .iter()
            .filter(|entry| entry.1 == Kind::EvidenceAssessed);
        of.next_back()
            .map(|entry| entry.2.clone())
            .unwrap_or_default()
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

    /// What was recorded of bundles that are verified.
    pub(super) fn verified(&self) -> Vec<(String, Value)> {
        let entries = self.entries.borrow();
        let of = entries
            .iter()
            .filter(|entry| entry.1 == Kind::BundleVerified);
        of.map(|(id, _, facts)| (id.clone(), facts.clone()))
            .collect()
    }

    /// Everything that left the function.
    pub(super) fn told(&self) -> String {
        format!("{:?}", self.entries.borrow())
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

/// Looks again at once, and not for long.
pub(super) fn patience() -> Patience {
    Patience {
        first: Duration::ZERO,
        longest: Duration::ZERO,
        total: Duration::from_secs(1),
    }
}
