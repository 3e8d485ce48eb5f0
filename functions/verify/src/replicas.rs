//! Images where the functions are. Lambda takes an image from its own region only, and
//! the settings may name a registry there. Nothing is copied: ECR's replication or a push
//! brings it.

use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use sluice_domain::manifest::{Image, Manifest};
use sluice_domain::promotion::PromotionId;
use sluice_domain::repository::Repository;
use sluice_domain::role::Role;
use sluice_platform::fault::Fault;
use sluice_platform::pace::IN_FLIGHT;
use sluice_platform::patience::Patience;

use crate::artifacts::images;
use crate::error::Error;
use crate::ports::Images;

/// How long a replica is waited for: a push may have started the release, and ECR's
/// replication follows it. Who waits longer than this is told what to do.
const WAIT: Duration = Duration::from_secs(180);

/// Looks for the images of one bundle.
pub(crate) struct Replicas<'a, I> {
    pub(crate) images: &'a I,
    /// Sluice's own region.
    pub(crate) own: &'a str,
    pub(crate) patience: Patience,
}

impl<I: Images> Replicas<'_, I> {
    /// The images that Lambda takes from elsewhere than where the manifest names them, each
    /// found there. What goes back was there before and is not waited for.
    pub(crate) async fn find(
        &self,
        id: &PromotionId,
        role: Option<&Role>,
        manifest: &Manifest,
        goes_back: bool,
    ) -> Result<Vec<String>, Error> {
        let region = role.and_then(|role| role.region.as_deref());
        let region = region.unwrap_or(self.own);
        let registry = role.and_then(|role| role.registry.as_deref());
        let all = images(manifest).into_iter();
        let near = all.map(|image| (image, image.near(region, registry)));
        let replicas = near.filter(|(image, near)| *image != near);
        let replicas: Vec<Image> = replicas.map(|(_, near)| near).collect();

        let total = if goes_back {
            Duration::ZERO
        } else {
            WAIT.min(self.patience.total)
        };
        let patience = Patience {
            total,
            ..self.patience
        };
        let looks = replicas.iter().map(|image| async move {
            let is_there = self.settled(id, role, image, patience).await?;
            Ok::<_, Fault>((image, is_there))
        });
        let found: Vec<(&Image, bool)> = stream::iter(looks)
            .buffered(IN_FLIGHT)
            .try_collect()
            .await?;
        let missing = found.iter().filter(|(_, is_there)| !is_there);
        let missing: Vec<String> = missing.map(|(image, _)| image.to_string()).collect();
        if missing.is_empty() {
            return Ok(replicas.iter().map(ToString::to_string).collect());
        }
        Err(Error::NotReplicated {
            environment: id.environment.clone(),
            region: region.to_owned(),
            missing,
            role: role.map(|role| role.arn.clone()),
        })
    }

    async fn settled(
        &self,
        id: &PromotionId,
        role: Option<&Role>,
        image: &Image,
        patience: Patience,
    ) -> Result<bool, Fault> {
        let Some(place) = Repository::parse(&image.repository) else {
            return Ok(false);
        };
        let mut pauses = patience.start().pauses();
        loop {
            let is_there = (self.images)
                .is_near(id, role, &place, &image.digest)
                .await?;
            if is_there || !pauses.pause().await {
                return Ok(is_there);
            }
        }
    }
}
