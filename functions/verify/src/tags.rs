//! Which images the tags of a release name.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use sluice_domain::evidence::{CheckOutcome, ImageTags, ReleaseTags, Tagged, assess_tags};
use sluice_domain::manifest::{Image, Manifest};
use sluice_domain::repository::Repository;
use sluice_platform::fault::Fault;
use sluice_platform::pace::IN_FLIGHT;
use sluice_platform::patience::Patience;

use crate::artifacts::images;
use crate::ports::Images;

/// The tags of each image. A build pushes one tag after the other, and the first may have
/// started the release: those that would refuse are looked at again for a while, unless
/// the release goes back.
pub(crate) async fn tags<I: Images>(
    registries: &I,
    policy: &ImageTags,
    manifest: &Manifest,
    is_rollback: bool,
    patience: Patience,
) -> Result<BTreeMap<String, Tagged>, Fault> {
    let seconds = if is_rollback { 0 } else { policy.wait_seconds };
    let patience = Patience {
        total: Duration::from_secs(seconds),
        ..patience
    };
    let release = &ReleaseTags::of(manifest);
    let all = images(manifest).into_iter();
    let all = all.filter_map(|image| Some((image, Repository::parse(&image.repository)?)));
    let waits = all.map(|(image, place)| async move {
        let tagged = settled(registries, policy, release, (image, &place), patience).await?;
        Ok((image.to_string(), tagged))
    });
    stream::iter(waits).buffered(IN_FLIGHT).try_collect().await
}

async fn settled<I: Images>(
    registries: &I,
    policy: &ImageTags,
    release: &ReleaseTags,
    (image, place): (&Image, &Repository),
    patience: Patience,
) -> Result<Tagged, Fault> {
    let mut pauses = patience.start().pauses();
    loop {
        let tagged = look(registries, release, image, place).await?;
        let check = assess_tags(policy, release, &image.to_string(), &tagged);
        if check.outcome != CheckOutcome::Refuse || !pauses.pause().await {
            return Ok(tagged);
        }
    }
}

async fn look<I: Images>(
    registries: &I,
    release: &ReleaseTags,
    image: &Image,
    place: &Repository,
) -> Result<Tagged, Fault> {
    let here = registries.tags(place, &image.digest).await?;
    let mut elsewhere = BTreeMap::new();
    for tag in release.names().filter(|tag| !here.contains(tag)) {
        // Moved here between the two looks: the next one finds it.
        if let Some(digest) = registries.tagged(place, &tag).await?
            && digest != image.digest
        {
            elsewhere.insert(tag, digest);
        }
    }
    Ok(Tagged { here, elsewhere })
}
