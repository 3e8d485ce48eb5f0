//! Proves that a bundle is what its manifest says and what the environment asks of it,
//! and pins it.
//!
//! Decides: whether every artifact is there with the digest that the manifest
//! names, and which S3 version of it the promotion will use: the one that an
//! earlier promotion of the bundle used, or else the current one. Whether packages,
//! evidence and functions are as the environment's settings ask. Opens the
//! promotion's record, and has the code where the functions are: zip files are copied,
//! images have to be there.
//!
//! Environment: `SLUICE_STATE_TABLE`, `SLUICE_RECORD_FUNCTION`, `SLUICE_MIGRATOR`
//! (named to the state machine, and never called from here).
//!
//! Never: changes a bundle, keeps or tells a secret that it found, or looks at what the
//! artifacts would change.

mod artifacts;
pub mod aws;
mod copies;
mod error;
mod evidence;
mod migrations;
mod nameless;
mod pins;
mod ports;
mod replicas;
mod room;
mod tags;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sluice_domain::ledger::Kind;
use sluice_domain::manifest::Manifest;
use sluice_domain::migrations::{Operation, Request};
use sluice_domain::path::was_promoted;
use sluice_domain::promotion::{BundleRef, Promotion, PromotionId};
use sluice_domain::role::{CodeCopies, Role};
use sluice_domain::settings::Settings;
use sluice_evidence::Scanner;
use sluice_evidence::bundle::Inspector;
use sluice_platform::patience::Patience;
use sluice_platform::store::{Release, StoreError};

pub use artifacts::AT_ONCE;
use artifacts::{Artifacts, Files};
use copies::Copier;
pub use error::{Error, Problem};
use evidence::Known;
use migrations::Errand;
pub use pins::Pins;
pub use ports::{
    Bundles, Copies, CopyError, Environments, Images, Live, Near, Object, Objects, Place,
    Promotions, Record, Remembered, Scan, Spooled,
};
use replicas::Replicas;
use room::Room;

/// What the state machine asks for.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The promotion to open.
    pub promotion: PromotionId,
    /// What it promotes.
    pub bundle: BundleRef,
    /// The `promote` execution that owns it.
    pub execution_arn: String,
}

/// What was proven.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Output {
    /// How many files of the bundle have the digest that the manifest names.
    pub artifacts: usize,
    /// How many container images exist.
    pub images: usize,
    /// What `migrate` is asked. Null: there is nothing to migrate.
    pub migrations: Option<Request>,
    /// What is done instead of releasing code: `contract`, `undo` or `restore`. Null: code is
    /// released.
    pub operation: Option<&'static str>,
}

/// The function.
pub struct Verify<P, B, O, C, I, E, L> {
    /// Where promotions' records are.
    pub promotions: P,
    /// Where manifests are.
    pub bundles: B,
    /// Where artifacts are.
    pub objects: O,
    /// Where code is copied to.
    pub copies: C,
    /// Where images are.
    pub images: I,
    /// Where settings and functions are.
    pub environments: E,
    /// The way to the ledger.
    pub ledger: L,
    /// What finds secrets.
    pub scanner: Scanner,
    /// How often a scan that is running is looked at.
    pub patience: Patience,
    /// Sluice's own function that migrates: the ARN of a version.
    pub migrator: String,
}

impl<P, B, O, C, I, E, L> Verify<P, B, O, C, I, E, L>
where
    P: Promotions,
    B: Bundles,
    O: Objects,
    C: Copies,
    I: Images,
    E: Environments,
    L: Record,
{
    /// Handles one request at this time.
    ///
    /// # Errors
    /// With everything that is wrong with the bundle, or with the AWS call that failed.
    pub async fn handle(&self, input: Input, now: Timestamp) -> Result<Output, Error> {
        let Input {
            promotion: id,
            bundle,
            execution_arn,
        } = input;
        self.open(&id, &bundle, execution_arn, now).await?;
        let manifest = self.bundles.manifest(&bundle).await?;
        check_subject(&id, &bundle, &manifest)?;
        let settings = self.environments.settings(&id).await?;
        let attempts = self.promotions.attempts(&id).await?;
        let inspector = evidence::inspector(&self.environments, &settings, &self.scanner).await?;
        let files = Artifacts {
            objects: &self.objects,
            images: &self.images,
            bundle: &bundle,
            earlier: &self.earlier_pins(&bundle, &attempts).await?,
            inspector: &inspector,
            room: Room::default(),
        };
        let files = files.check(&manifest).await?;
        self.promotions.pin(&id, &files.pins).await?;

        let (artifacts, images) = (files.pins.len(), files.images);
        let mut verified = verified(&bundle, &manifest, &files);
        let pins = files.pins.clone();
        let goes_back = self.goes_back(&id, &bundle, &attempts).await?;
        let operation = operation(&attempts, &id);
        let doing = operation.as_ref().map(Operation::name);
        let errand = Errand {
            id: &id,
            bundle: &bundle,
            manifest: &manifest,
            pins: &pins,
            goes_back,
            operation,
        };
        let migrations = errand
            .request(&settings, &self.migrator, &self.promotions, &self.bundles)
            .await?;
        if doing.is_none() {
            let found = (&inspector, files);
            self.assess(&id, &settings, &manifest, found, goes_back, now)
                .await?;
            let code = (&bundle, &manifest, &pins);
            let (copies, replicas) = self
                .bring(&id, settings.role.as_ref(), code, goes_back)
                .await?;
            if !copies.is_empty() {
                verified["copies"] = json!(copies);
            }
            if !replicas.is_empty() {
                verified["replicas"] = json!(replicas);
            }
        }
        self.ledger
            .record(&id, Kind::BundleVerified, "bundle", verified)
            .await?;
        tracing::info!(promotion = %id, artifacts, images, "verified");
        Ok(Output {
            artifacts,
            images,
            migrations,
            operation: doing,
        })
    }

    /// Opens the promotion's record.
    async fn open(
        &self,
        id: &PromotionId,
        bundle: &BundleRef,
        execution_arn: String,
        now: Timestamp,
    ) -> Result<(), Error> {
        let promotion = Promotion {
            id: id.clone(),
            bundle: bundle.clone(),
            execution_arn,
            opened_at: now,
            outcome: None,
            reason: None,
            closed_at: None,
        };
        if self.promotions.open(&promotion).await? {
            return Ok(());
        }
        Err(Error::PromotionTaken {
            promotion: promotion.id,
            execution_arn: promotion.execution_arn,
        })
    }

    /// What was pinned when this bundle was promoted before; nothing if it never was.
    async fn earlier_pins(
        &self,
        bundle: &BundleRef,
        attempts: &[Release],
    ) -> Result<Pins, StoreError> {
        for earlier in pins::promotions_of(bundle, attempts) {
            if let Some(pins) = self.promotions.pins(&earlier).await? {
                return Ok(pins);
            }
        }
        Ok(Pins::new())
    }

    /// Whether it takes the environment back to a bundle that was promoted there before.
    async fn goes_back(
        &self,
        id: &PromotionId,
        bundle: &BundleRef,
        attempts: &[Release],
    ) -> Result<bool, StoreError> {
        let of = |attempt: &&Release| attempt.attempt == id.attempt;
        if !attempts.iter().find(of).is_some_and(|one| one.rollback) {
            return Ok(false);
        }
        let promotions = self.promotions.of_application(&id.application).await?;
        Ok(was_promoted(&promotions, &id.environment, &bundle.digest))
    }

    /// Has the code where the functions are: copies zip files, and finds images.
    async fn bring(
        &self,
        id: &PromotionId,
        role: Option<&Role>,
        (bundle, manifest, pins): (&BundleRef, &Manifest, &Pins),
        goes_back: bool,
    ) -> Result<(CodeCopies, Vec<String>), Error> {
        let patience = self.patience;
        let copier = Copier {
            copies: &self.copies,
            bundle,
            pins,
            patience,
        };
        let replicas = Replicas {
            images: &self.images,
            own: self.copies.region(),
            patience,
        };
        // Both take their time: side by side.
        let (copies, replicas) = tokio::try_join!(
            copier.copy(id, role, manifest),
            replicas.find(id, role, manifest, goes_back),
        )?;
        if !copies.is_empty() {
            self.promotions.keep_copies(id, &copies).await?;
        }
        Ok((copies, replicas))
    }

    /// Holds the bundle against what the environment asks, and writes down what came of
    /// it before anything follows from it.
    async fn assess(
        &self,
        id: &PromotionId,
        settings: &Settings,
        manifest: &Manifest,
        (inspector, files): (&Inspector, Files),
        goes_back: bool,
        now: Timestamp,
    ) -> Result<(), Error> {
        let policy = &settings.evidence;
        let (images, patience) = (&self.images, self.patience);
        // Both wait: side by side.
        let (scans, tags) = tokio::try_join!(
            async {
                match &policy.image_scan {
                    Some(scan) => evidence::scans(images, scan, manifest, patience).await,
                    None => Ok(Default::default()),
                }
            },
            async {
                match &policy.image_tags {
                    Some(tags) => tags::tags(images, tags, manifest, goes_back, patience).await,
                    None => Ok(Default::default()),
                }
            },
        )?;
        let known = Known {
            targets: evidence::targets(&self.environments, id, settings, manifest, inspector)
                .await?,
            scans,
            tags,
            // It takes a look at all promotions, so it is only asked where it counts.
            before: match policy.coverage.max_drop {
                Some(_) => self.promotions.remembered(id).await?,
                None => None,
            },
        };
        let (assessment, remembered) =
            evidence::assess(inspector, policy, manifest, files, known, now);
        self.promotions.remember(id, &remembered).await?;
        let facts = evidence::facts(&assessment, settings, goes_back)?;
        self.ledger
            .record(id, Kind::EvidenceAssessed, "evidence", facts)
            .await?;
        evidence::decide(id, assessment, goes_back)
    }
}

/// What is done instead of releasing code.
fn operation(attempts: &[Release], id: &PromotionId) -> Option<Operation> {
    let own = attempts.iter().find(|one| one.attempt == id.attempt);
    own.and_then(|one| one.operation.clone())
}

/// What the ledger keeps of a bundle that is what its manifest says.
fn verified(bundle: &BundleRef, manifest: &Manifest, files: &Files) -> Value {
    json!({
        "bundle": bundle,
        "commit": manifest.commit,
        "author": manifest.author,
        "co_authors": manifest.co_authors,
        "source": manifest.source,
        "artifacts": files.pins.len(),
        "images": files.images,
        "pins": files.pins,
    })
}

/// Is the manifest that of the release that is promoted?
fn check_subject(id: &PromotionId, bundle: &BundleRef, manifest: &Manifest) -> Result<(), Error> {
    if manifest.application == id.application && manifest.version == id.version {
        return Ok(());
    }
    Err(Error::OtherRelease {
        key: bundle.key.clone(),
        found: format!("{} {}", manifest.application, manifest.version),
        expected: format!("{} {}", id.application, id.version),
    })
}

#[cfg(test)]
#[path = "lib_tests.rs"]
mod tests;
