//! A push whose manifest is not in the bucket, but in a label of the image.
//!
//! Sluice writes such a manifest to the bucket itself, and S3 then sends an event whose
//! uploader is Sluice's own account. So that this event asks for nothing in that name,
//! the push is noted first, under the manifest's digest.

use jiff::Timestamp;
use sluice_domain::caller::Principal;
use sluice_domain::digest::Digest;
use sluice_domain::manifest::Image;
use sluice_domain::promotion::BundleRef;
use sluice_platform::store::Labelled;

use crate::label::{ReleaseJson, Unfit, configuration_of, label_of, release_json};
use crate::request::{Push, Subject, Wanted};
use crate::{Attempts, Bundles, Catalogue, Error, Intake, Machine, Record};

impl<B: Bundles, C: Catalogue, A: Attempts, M: Machine, L: Record> Intake<B, C, A, M, L> {
    /// Writes the manifest that a pushed image carries into the bucket, where it is pinned
    /// like any other, and answers what it is of. None: the image carries none, or is gone by
    /// now.
    ///
    /// What may not start is refused before anything is written.
    pub(crate) async fn unpack(
        &self,
        wanted: &Wanted,
        push: &Push,
        now: Timestamp,
    ) -> Result<Option<Subject>, Error> {
        let Some(release) = self.manifest_in(wanted, push).await? else {
            return Ok(None);
        };
        let ReleaseJson { manifest, bytes } = release;
        self.destination(wanted, &manifest, now).await?;
        let subject = Subject {
            application: manifest.application,
            version: manifest.version,
        };
        let labelled = Labelled {
            application: subject.application.clone(),
            version: subject.version.clone(),
            digest: Digest::of(&bytes),
            requested_by: wanted.by.clone(),
            principal: Principal::repository(&push.repository),
        };
        self.attempts.note_label(&labelled).await?;
        let key = subject.key();
        self.bundles.add(&self.bucket, &key, bytes).await?;
        tracing::info!(
            key,
            repository = push.repository,
            "the manifest was taken from the image's label"
        );
        Ok(Some(subject))
    }

    /// Puts the push that brought a manifest in place of the upload of it.
    pub(crate) async fn attribute(
        &self,
        wanted: &mut Wanted,
        bundle: &BundleRef,
    ) -> Result<(), Error> {
        if !wanted.is_upload() {
            return Ok(());
        }
        let labelled = self.attempts.labelled(&wanted.subject, &bundle.digest);
        if let Some(labelled) = labelled.await? {
            wanted.by = labelled.requested_by;
            wanted.principal = Some(labelled.principal);
        }
        Ok(())
    }

    /// The manifest that a pushed image carries. Reads only.
    async fn manifest_in(
        &self,
        wanted: &Wanted,
        push: &Push,
    ) -> Result<Option<ReleaseJson>, Error> {
        let Push {
            repository, digest, ..
        } = push;
        let unfit = |why: Unfit| Error::ImageUnfit {
            repository: repository.clone(),
            digest: digest.clone(),
            why,
        };
        let Some(manifest) = self.bundles.image(repository, digest).await? else {
            return Ok(None);
        };
        let blob = configuration_of(&manifest, digest).map_err(unfit)?;
        let configuration = self.bundles.blob(repository, &blob.digest).await?;
        let Some(template) = label_of(&configuration, &blob).map_err(unfit)? else {
            return Ok(None);
        };
        let image = Image {
            repository: self.bundles.uri(repository).await?,
            digest: digest.clone(),
        };
        let release = release_json(&template, &image, &wanted.subject).map_err(unfit)?;
        Ok(Some(release))
    }
}
