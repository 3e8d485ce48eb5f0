//! Zip files where the functions are. Lambda takes code from a bucket in its own region,
//! and an environment's role may name one.
//!
//! A copy lies under its digest: what is there already is not copied again, whatever
//! release or attempt brought it. S3 itself refuses other bytes, and what it then says
//! of the copy is read back.

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use sluice_domain::digest::Digest;
use sluice_domain::manifest::Manifest;
use sluice_domain::promotion::{BundleRef, PromotionId};
use sluice_domain::role::{CodeCopies, CodeCopy, Role, copy_key};
use sluice_platform::patience::Patience;

use crate::error::Error;
use crate::pins::Pins;
use crate::ports::{Copies, CopyError, Near, Object, Place};

/// How many files are copied side by side. Each is a stream: none is held as a whole.
const AT_ONCE: usize = 4;

/// How often a file is sent before its copy is given up.
const TRIES: usize = 3;

/// Copies the files of one bundle.
pub(crate) struct Copier<'a, C> {
    pub(crate) copies: &'a C,
    pub(crate) bundle: &'a BundleRef,
    pub(crate) pins: &'a Pins,
    pub(crate) patience: Patience,
}

impl<C: Copies> Copier<'_, C> {
    /// Copies what the functions of an environment need where they are. Empty: Lambda
    /// takes it from the bundle's own bucket.
    pub(crate) async fn copy(
        &self,
        id: &PromotionId,
        role: Option<&Role>,
        manifest: &Manifest,
    ) -> Result<CodeCopies, Error> {
        let zips = zips(manifest);
        let Some(role) = role.filter(|_| !zips.is_empty()) else {
            return Ok(CodeCopies::new());
        };
        if let Some(region) = role.lacks_bucket(self.copies.region()) {
            return Err(Error::NoBucket {
                environment: id.environment.clone(),
                region: region.to_owned(),
            });
        }
        let Some(bucket) = &role.bucket else {
            return Ok(CodeCopies::new());
        };
        let near = Near { id, role, bucket };
        let copied = stream::iter(zips)
            .map(async |(key, digest)| Ok((key.to_owned(), self.ensure(&near, key, digest).await?)))
            .buffered(AT_ONCE);
        copied.try_collect().await
    }

    /// The copy of a file, made if it is not there.
    async fn ensure(
        &self,
        near: &Near<'_>,
        relative: &str,
        digest: &Digest,
    ) -> Result<CodeCopy, Error> {
        let key = copy_key(&near.id.application, digest);
        let refused = |error| refused(error, near, &key);
        let there = self.copies.find(near, &key, None).await.map_err(refused)?;
        if let Some(there) = there.filter(|there| there.digest.as_ref() == Some(digest)) {
            return Ok(copy(near, &key, there.version_id));
        }
        let version_id = self.send(near, relative, &key, digest).await;
        let version_id = version_id.map_err(refused)?;
        let found = self.copies.find(near, &key, version_id.as_deref()).await;
        let found: Option<Object> = found.map_err(refused)?;
        let found = found.and_then(|found| found.digest);
        if found.as_ref() == Some(digest) {
            return Ok(copy(near, &key, version_id));
        }
        Err(Error::CopyChanged {
            place: near.place_of(&key),
            found,
            expected: digest.clone(),
        })
    }

    /// Sends a file as a whole, and again from its beginning where that failed.
    async fn send(
        &self,
        near: &Near<'_>,
        relative: &str,
        key: &str,
        digest: &Digest,
    ) -> Result<Option<String>, CopyError> {
        let from = Place {
            bucket: self.bundle.bucket.clone(),
            key: self.bundle.key_of(relative),
            version_id: self.pins.get(relative).cloned().unwrap_or_default(),
        };
        let mut pauses = self.patience.start().pauses();
        let mut tries = 1;
        loop {
            match self.copies.copy(&from, digest, near, key).await {
                Err(CopyError::Fault(_) | CopyError::Different)
                    if tries < TRIES && pauses.pause().await =>
                {
                    tries += 1;
                }
                done => return done,
            }
        }
    }
}

fn copy(near: &Near<'_>, key: &str, version_id: Option<String>) -> CodeCopy {
    CodeCopy {
        bucket: near.bucket.to_owned(),
        key: key.to_owned(),
        // "null" is what S3 calls the version where a bucket keeps none any more.
        version_id: version_id.filter(|version| version != "null"),
    }
}

fn refused(error: CopyError, near: &Near<'_>, key: &str) -> Error {
    let place = near.place_of(key);
    match error {
        CopyError::Refused(reason) => Error::CopyRefused { place, reason },
        CopyError::Different => Error::CopyDamaged { place },
        CopyError::Fault(fault) => Error::Fault(fault),
    }
}

/// The zip files of functions, each once.
fn zips(manifest: &Manifest) -> BTreeMap<&str, &Digest> {
    let functions = manifest.functions.values();
    let zips = functions.filter_map(|function| function.zip.as_ref());
    zips.map(|zip| (zip.key.as_str(), &zip.digest)).collect()
}
