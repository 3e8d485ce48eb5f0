//! The world around the function, in memory.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::task::Poll;

use semver::Version;
use sluice_domain::promotion::{Promotion, PromotionId};
use sluice_domain::test_run::TestRun;
use sluice_platform::fault::Fault;
use sluice_platform::store::{Labelled, StoreError};

use super::*;

#[path = "fakes/settings.rs"]
mod settings;
#[path = "fakes/shelf.rs"]
mod shelf;

pub(super) const BUCKET: &str = "sluice-artifacts";
const IMAGE: &str = "sha256:7f5b2640fe6fb4f46592dfd3410c4a79dac4f89e4782432e0378abcd12345678";

/// What AWS holds. Every operation can be made to fail once.
#[derive(Default)]
pub(super) struct World {
    manifests: RefCell<BTreeMap<String, Vec<u8>>>,
    /// Of each S3 version that was pinned, what it is: it never changes.
    pinned: RefCell<BTreeMap<(String, String), Vec<u8>>>,
    /// How often a manifest was overwritten.
    overwritten: Cell<u32>,
    unversioned: Cell<bool>,
    settings: RefCell<BTreeMap<(String, String), Value>>,
    releases: RefCell<Vec<Release>>,
    racing: Cell<bool>,
    promotions: RefCell<Vec<Promotion>>,
    executions: RefCell<BTreeMap<String, (Status, ExecutionInput)>>,
    /// How many executions were ever started.
    started: Cell<usize>,
    entries: RefCell<Vec<(String, Kind, String, Value)>>,
    failing: Cell<&'static str>,
    /// Manifests of images and what they name, by digest.
    blobs: RefCell<BTreeMap<String, Vec<u8>>>,
    labelled: RefCell<Vec<Labelled>>,
    /// Runs of suites that were started, by their executions' names.
    pub(super) runs: RefCell<BTreeMap<String, TestRun>>,
}

fn bytes(manifest: &Value) -> Vec<u8> {
    manifest.to_string().into_bytes()
}

/// A promotion of the first attempt at storefront 1.1.0.
pub(super) fn promotion(environment: &str, outcome: Option<PromotionOutcome>) -> Promotion {
    Promotion {
        id: format!("storefront/{environment}/1.1.0/1")
            .parse()
            .expect("an id"),
        bundle: BundleRef {
            bucket: BUCKET.into(),
            key: "k".into(),
            version_id: "v".into(),
            digest: Digest::of(b""),
        },
        execution_arn: "arn".into(),
        opened_at: Timestamp::UNIX_EPOCH,
        outcome,
        reason: None,
        closed_at: None,
    }
}

impl World {
    /// One bundle, and the storefront's three environments.
    pub(super) fn with_bundle(application: &str, version: &str) -> Self {
        let world = Self::default();
        world.manifests.borrow_mut().insert(
            format!("{application}/{version}/release.json"),
            bytes(&json!({
                "schema": 1,
                "application": application,
                "version": version,
                "commit": "0123456789012345678901234567890123456789",
                "author": {"name": "Ada", "email": "ada@example.com"},
                "functions": {"checkout": {"zip": {"key": "checkout.zip", "digest": Digest::of(b"zip")}}},
            })),
        );
        // Neither in the order of their names nor of their places.
        for (environment, order) in [("staging", 2), ("dev", 1), ("prod", 3)] {
            let functions =
                json!({"checkout": {"name": format!("storefront-checkout-{environment}")}});
            world.set(
                "storefront",
                environment,
                &json!({"schema": 1, "order": order, "functions": functions}),
            );
        }
        world
    }

    /// The same, with a container image instead of a zip file.
    pub(super) fn with_image(application: &str, version: &str) -> Self {
        let world = Self::with_bundle(application, version);
        world.put_changed(application, version, |manifest| {
            let repository = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/storefront/checkout";
            manifest["functions"]["checkout"] =
                json!({"image": {"repository": repository, "digest": IMAGE}});
        });
        world
    }

    /// What the registry has under a digest.
    pub(super) fn store_blob(&self, digest: &Digest, bytes: &[u8]) {
        let mut blobs = self.blobs.borrow_mut();
        blobs.insert(digest.to_string(), bytes.to_vec());
    }

    /// The manifest that lies in the bucket.
    pub(super) fn manifest_at(&self, key: &str) -> Option<Value> {
        let manifests = self.manifests.borrow();
        let manifest = manifests.get(key)?;
        Some(serde_json::from_slice(manifest).expect("JSON"))
    }

    pub(super) fn put_changed(
        &self,
        application: &str,
        version: &str,
        change: impl FnOnce(&mut Value),
    ) {
        self.overwritten.set(self.overwritten.get() + 1);
        let key = format!("{application}/{version}/release.json");
        let mut manifest = self.manifest_at(&key).expect("the manifest is there");
        change(&mut manifest);
        self.manifests.borrow_mut().insert(key, bytes(&manifest));
    }

    /// Somebody deletes it: S3 puts a marker over its versions.
    pub(super) fn delete(&self, key: &str) {
        let deleted = self.manifests.borrow_mut().remove(key);
        deleted.expect("the manifest was there");
    }

    /// S3 forgets all versions but the current ones.
    pub(super) fn expire(&self) {
        self.pinned.borrow_mut().clear();
    }

    pub(super) fn copy(&self, from: &str, to: &str) {
        let manifest = self.manifests.borrow()[from].clone();
        self.manifests.borrow_mut().insert(to.into(), manifest);
    }

    pub(super) fn stop_versioning(&self) {
        self.unversioned.set(true);
    }

    pub(super) fn set(&self, application: &str, environment: &str, settings: &Value) {
        self.settings
            .borrow_mut()
            .insert((application.into(), environment.into()), settings.clone());
    }

    /// What stands under this name.
    pub(super) fn document(&self, application: &str, environment: &str) -> Option<Value> {
        let settings = self.settings.borrow();
        settings
            .get(&(application.into(), environment.into()))
            .cloned()
    }

    /// The next call of this operation is throttled.
    pub(super) fn fail_next(&self, operation: &'static str) {
        self.failing.set(operation);
    }

    /// Somebody else begins and starts the next attempt first.
    pub(super) fn race(&self) {
        self.racing.set(true);
    }

    /// All executions end so.
    pub(super) fn end(&self, status: Status) {
        self.executions
            .borrow_mut()
            .values_mut()
            .for_each(|execution| execution.0 = status);
    }

    /// The last attempt has ended in this way.
    pub(super) fn end_last(&self, status: Status) {
        let last = self.releases().pop().expect("an attempt");
        let mut executions = self.executions.borrow_mut();
        let execution = executions.get_mut(&last.execution_arn);
        execution.expect("it runs").0 = status;
    }

    pub(super) fn forget_executions(&self) {
        self.executions.borrow_mut().clear();
    }

    pub(super) fn note_promotions(&self, promotions: impl IntoIterator<Item = Promotion>) {
        *self.promotions.borrow_mut() = promotions.into_iter().collect();
    }

    /// The bundle of the first attempt was promoted there.
    pub(super) fn serves(&self, environment: &str) {
        let mut served = promotion(environment, Some(PromotionOutcome::Promoted));
        served.bundle = self.releases()[0].bundle.clone();
        served.closed_at = Some(Timestamp::UNIX_EPOCH);
        self.promotions.borrow_mut().push(served);
    }

    pub(super) fn starts(&self) -> usize {
        self.executions.borrow().len()
    }

    /// How many executions were ever started.
    pub(super) fn started(&self) -> usize {
        self.started.get()
    }

    pub(super) fn releases(&self) -> Vec<Release> {
        self.releases.borrow().clone()
    }

    pub(super) fn input_of(&self, output: &Output) -> ExecutionInput {
        let arn = output.execution_arn.as_ref().expect("an execution");
        self.executions.borrow()[arn].1.clone()
    }

    pub(super) fn entries(&self) -> usize {
        self.entries.borrow().len()
    }

    pub(super) fn last_entry(&self) -> Option<(String, Kind, Value)> {
        self.entries
            .borrow()
            .last()
            .map(|(chain, kind, _, facts)| (chain.clone(), *kind, facts.clone()))
    }

    /// Others may act here, before what the operation touches is read or written.
    async fn call(&self, operation: &'static str) -> Result<(), Fault> {
        let mut waited = false;
        poll_fn(|context| {
            if std::mem::replace(&mut waited, true) {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
        self.fail_if_told(operation)
    }

    fn fail_if_told(&self, operation: &'static str) -> Result<(), Fault> {
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

impl Attempts for &World {
    async fn of(&self, application: &str, version: &Version) -> Result<Vec<Release>, StoreError> {
        self.call("of").await?;
        let is_asked_for =
            |release: &&Release| release.application == application && release.version == *version;
        Ok(self
            .releases
            .borrow()
            .iter()
            .filter(is_asked_for)
            .cloned()
            .collect())
    }

    async fn begin(&self, release: &Release) -> Result<bool, StoreError> {
        self.call("begin").await?;
        let is_same = |other: &Release| other.execution_arn == release.execution_arn;
        if self.releases.borrow().iter().any(is_same) {
            return Ok(false);
        }
        self.releases.borrow_mut().push(release.clone());
        if self.racing.take() {
            let execution = (Status::Running, ExecutionInput::of(release));
            self.executions
                .borrow_mut()
                .insert(release.execution_arn.clone(), execution);
            return Ok(false);
        }
        Ok(true)
    }

    async fn note_label(&self, labelled: &Labelled) -> Result<(), StoreError> {
        self.fail_if_told("note_label")?;
        self.labelled.borrow_mut().push(labelled.clone());
        Ok(())
    }

    async fn labelled(
        &self,
        subject: &Subject,
        digest: &Digest,
    ) -> Result<Option<Labelled>, StoreError> {
        self.fail_if_told("labelled")?;
        let labelled = self.labelled.borrow();
        let is_it = |labelled: &&Labelled| {
            (&labelled.application, &labelled.version, &labelled.digest)
                == (&subject.application, &subject.version, digest)
        };
        Ok(labelled.iter().find(is_it).cloned())
    }

    async fn promotion(&self, id: &PromotionId) -> Result<Option<Promotion>, StoreError> {
        self.fail_if_told("promotion")?;
        Ok(self
            .promotions
            .borrow()
            .iter()
            .find(|promotion| promotion.id == *id)
            .cloned())
    }

    async fn promotions(&self, application: &str) -> Result<Vec<Promotion>, StoreError> {
        self.fail_if_told("promotions")?;
        let mut promotions = self.promotions.borrow().clone();
        promotions.retain(|promotion| promotion.id.application == application);
        Ok(promotions)
    }

    async fn running(&self, application: &str) -> Result<Vec<Release>, StoreError> {
        self.call("running").await?;
        let mut releases = self.releases();
        releases.retain(|release| release.application == application);
        Ok(releases)
    }
}

impl Machine for &World {
    fn arn_of(&self, name: &str) -> String {
        format!("arn:aws:states:eu-west-1:123456789012:execution:release:{name}")
    }

    async fn status(&self, execution_arn: &str) -> Result<Option<Status>, Fault> {
        self.call("status").await?;
        Ok(self
            .executions
            .borrow()
            .get(execution_arn)
            .map(|(status, _)| *status))
    }

    async fn start(&self, name: &str, input: &ExecutionInput) -> Result<bool, Fault> {
        self.call("start").await?;
        let execution = (Status::Running, input.clone());
        let mut executions = self.executions.borrow_mut();
        let is_new = !executions.contains_key(&self.arn_of(name));
        // A name runs once: a second start changes nothing.
        executions.entry(self.arn_of(name)).or_insert(execution);
        self.started.set(self.started.get() + usize::from(is_new));
        Ok(is_new)
    }

    fn arn_of_test(&self, name: &str) -> String {
        format!("arn:aws:states:eu-west-1:123456789012:execution:suites:{name}")
    }

    async fn test(&self, name: &str, run: &TestRun) -> Result<bool, Fault> {
        self.call("test").await?;
        let mut runs = self.runs.borrow_mut();
        Ok(runs.insert(name.to_owned(), run.clone()).is_none())
    }
}

impl Record for &World {
    async fn record(&self, chain: &str, kind: Kind, key: &str, facts: Value) -> Result<(), Fault> {
        self.call("record").await?;
        let mut entries = self.entries.borrow_mut();
        if !entries
            .iter()
            .any(|entry| entry.0 == chain && entry.1 == kind && entry.2 == key)
        {
            entries.push((chain.to_owned(), kind, key.to_owned(), facts));
        }
        Ok(())
    }
}
