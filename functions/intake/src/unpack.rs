//! A push whose manifest is not in the bucket, but in a label of the image.

use sluice_domain::manifest::Image;

use crate::label::{Unfit, configuration_of, label_of, release_json};
use crate::request::{Push, Wanted};
use crate::{Attempts, Bundles, Catalogue, Error, Intake, Machine, Record};

impl<B: Bundles, C: Catalogue, A: Attempts, M: Machine, L: Record> Intake<B, C, A, M, L> {
    /// Writes the manifest that a pushed image carries into the bucket, where it is pinned
    /// like any other. False: the image carries none, or is gone by now.
    pub(crate) async fn unpack(&self, wanted: &Wanted, push: &Push) -> Result<bool, Error> {
        let Push {
            repository, digest, ..
        } = push;
        let unfit = |why: Unfit| Error::ImageUnfit {
            repository: repository.clone(),
            digest: digest.clone(),
            why,
        };
        let Some(manifest) = self.bundles.image(repository, digest).await? else {
            return Ok(false);
        };
        let blob = configuration_of(&manifest, digest).map_err(unfit)?;
        let configuration = self.bundles.blob(repository, &blob.digest).await?;
        let Some(template) = label_of(&configuration, &blob).map_err(unfit)? else {
            return Ok(false);
        };
        let image = Image {
            repository: self.bundles.uri(repository).await?,
            digest: digest.clone(),
        };
        let bytes = release_json(&template, &image, &wanted.subject).map_err(unfit)?;
        self.bundles.add(&self.bucket, &wanted.key, bytes).await?;
        tracing::info!(
            key = wanted.key,
            repository,
            "the manifest was taken from the image's label"
        );
        Ok(true)
    }
}
