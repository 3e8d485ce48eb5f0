//! Which bundle is meant: the one that lies in the bucket now or, for a further
//! attempt, the one that was released before, whatever lies there now.

use sluice_domain::manifest::Manifest;
use sluice_domain::promotion::BundleRef;
use sluice_platform::bundle::BundleError;
use sluice_platform::store::Release;

use crate::Error;
use crate::request::Wanted;

/// The bundle of an attempt.
#[derive(Debug)]
pub(crate) struct Chosen {
    pub(crate) manifest: Manifest,
    pub(crate) bundle: BundleRef,
    /// What people should know of the bucket, in a sentence.
    pub(crate) note: Option<String>,
}

impl From<(Manifest, BundleRef)> for Chosen {
    fn from((manifest, bundle): (Manifest, BundleRef)) -> Self {
        Self {
            manifest,
            bundle,
            note: None,
        }
    }
}

/// The bundle of an attempt that follows an earlier one: the earlier one's, as it
/// was `released`. Where that is gone, what lies in the bucket `now` will do if it
/// has the same digest.
pub(crate) fn choose(
    earlier: Release,
    released: Result<Manifest, BundleError>,
    now: Result<(Manifest, BundleRef), BundleError>,
) -> Result<Chosen, Error> {
    let difference = difference(&earlier.bundle, &now);
    match (released, now, difference) {
        (Ok(manifest), _, difference) => Ok(Chosen {
            manifest,
            note: difference.map(|found| note(&earlier, &found)),
            bundle: earlier.bundle,
        }),
        (Err(_), Ok(same), None) => Ok(same.into()),
        (Err(BundleError::Missing { .. }), _, Some(found)) => Err(Error::BundleLost {
            earlier: Box::new(earlier),
            found,
        }),
        (Err(error), ..) => Err(error.into()),
    }
}

/// What lies in the bucket now instead of a bundle; None if it is the same.
fn difference(
    released: &BundleRef,
    now: &Result<(Manifest, BundleRef), BundleError>,
) -> Option<String> {
    match now {
        Ok((_, bundle)) if bundle.digest == released.digest => None,
        Ok((_, bundle)) => Some(format!("one with digest {}", bundle.digest)),
        Err(BundleError::Missing { .. }) => Some("none".to_owned()),
        Err(error) => Some(format!("one that can't be used ({error})")),
    }
}

fn note(earlier: &Release, found: &str) -> String {
    let Release {
        bundle, attempt, ..
    } = earlier;
    let BundleRef {
        key,
        version_id,
        digest,
        ..
    } = bundle;
    format!(
        "The current {key} is not what attempt {attempt} released: found {found}; expected digest {digest}. \
         It is left aside: S3 version {version_id} counts, which attempt {attempt} released"
    )
}

/// Is the bundle what its place, and what was pushed, say?
pub(crate) fn check(wanted: &Wanted, chosen: &Chosen) -> Result<(), Error> {
    let Wanted { subject, key, .. } = wanted;
    let Chosen {
        manifest, bundle, ..
    } = chosen;
    if manifest.application != subject.application || manifest.version != subject.version {
        return Err(Error::BundlePathMismatch {
            key: key.clone(),
            found: format!(
                "a manifest of {} {}",
                manifest.application, manifest.version
            ),
            expected: format!("one of {} {}", subject.application, subject.version),
        });
    }
    if matches!(bundle.version_id.as_str(), "" | "null") {
        return Err(Error::Unversioned {
            bucket: bundle.bucket.clone(),
            key: key.clone(),
        });
    }
    let Some(push) = &wanted.image else {
        return Ok(());
    };
    let mut images = manifest
        .functions
        .values()
        .filter_map(|function| function.image.as_ref());
    if images.any(|image| push.is(image)) {
        return Ok(());
    }
    Err(Error::ImageNotNamed {
        key: key.clone(),
        repository: push.repository.clone(),
        digest: push.digest.clone(),
    })
}
