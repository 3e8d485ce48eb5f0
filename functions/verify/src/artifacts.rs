//! Whether a bundle's files are what its manifest says, and what is in them.
//!
//! Each file is read once. Where S3 knows its digest, that one counts; else it is
//! computed from what is read.

use std::collections::{BTreeMap, BTreeSet};
use std::io::BufReader;

use futures_util::{StreamExt as _, stream};
use sluice_domain::digest::Digest;
use sluice_domain::manifest::{Evidence, Image, Manifest};
use sluice_domain::promotion::BundleRef;
use sluice_domain::repository::Repository;
use sluice_evidence::bundle::{Inspector, Report};
use sluice_evidence::{LONGEST, LONGEST_ZIP, Package, PackageError};
use sluice_platform::fault::Fault;

use crate::error::{Error, Problem};
use crate::pins::Pins;
use crate::ports::{Images, Object, Objects, Place};
use crate::room::Room;

/// How many files are looked at side by side. How much of them is in memory and on disk
/// is bounded by `Room`.
pub const AT_ONCE: usize = 8;

/// What looking at one thing found, or what is wrong with it.
type Found<T> = Result<T, Problem>;

/// What a package is, or why it can't be told.
type Looked = Result<Package, PackageError>;

/// A bundle's files, as they were looked at.
#[derive(Default)]
pub(crate) struct Files {
    /// The versions that the promotion uses.
    pub(crate) pins: Pins,
    /// The zip files, by key.
    pub(crate) packages: BTreeMap<String, Looked>,
    /// The files of evidence.
    pub(crate) reports: Vec<Report>,
    /// How many images there are.
    pub(crate) images: usize,
}

/// What a manifest names one file for.
struct Named<'a> {
    digest: &'a Digest,
    is_package: bool,
    evidence: Vec<&'a Evidence>,
}

/// One file, as it was looked at.
struct File {
    version_id: String,
    package: Option<Looked>,
    reports: Vec<Report>,
}

/// Looks at a bundle.
pub(crate) struct Artifacts<'a, O, I> {
    pub(crate) objects: &'a O,
    pub(crate) images: &'a I,
    pub(crate) bundle: &'a BundleRef,
    /// What was pinned when this bundle was promoted before.
    pub(crate) earlier: &'a Pins,
    pub(crate) inspector: &'a Inspector,
    pub(crate) room: Room,
}

impl<O: Objects, I: Images> Artifacts<'_, O, I> {
    /// Looks at everything that the manifest names, so that all problems are
    /// told at once.
    pub(crate) async fn check(&self, manifest: &Manifest) -> Result<Files, Error> {
        let files: Vec<Result<Found<(&str, File)>, Fault>> = stream::iter(named(manifest))
            .map(|(key, named)| self.check_file(key, named))
            .buffered(AT_ONCE)
            .collect()
            .await;
        let images: Vec<Result<Found<()>, Fault>> = stream::iter(images(manifest))
            .map(|image| self.check_image(image))
            .buffered(AT_ONCE)
            .collect()
            .await;

        let (mut all, mut problems) = (Files::default(), Vec::new());
        for found in files {
            match found? {
                Ok((key, file)) => all.add(key, file),
                Err(problem) => problems.push(problem),
            }
        }
        for found in images {
            match found? {
                Ok(()) => all.images += 1,
                Err(problem) => problems.push(problem),
            }
        }
        if problems.is_empty() {
            Ok(all)
        } else {
            Err(Error::Artifacts(problems))
        }
    }

    /// The version that was pinned before, or else the current one: the digest
    /// makes either the same file.
    async fn check_file<'k>(
        &self,
        relative: &'k str,
        named: Named<'_>,
    ) -> Result<Found<(&'k str, File)>, Fault> {
        let key = self.bundle.key_of(relative);
        let look = |version| self.look(&key, version, &named);
        let pinned = self.earlier.get(relative);
        if let Some(pinned) = pinned
            && let Ok(file) = look(Some(pinned.as_str())).await?
        {
            return Ok(Ok((relative, file)));
        }
        Ok(match (look(None).await?, pinned) {
            (Ok(file), _) => Ok((relative, file)),
            (Err(problem), None) => Err(problem),
            (Err(problem), Some(pinned)) => Err(problem.without(pinned, named.digest)),
        })
    }

    /// The version of an object that is this file, if it is, and what is in it.
    async fn look(
        &self,
        key: &str,
        version_id: Option<&str>,
        named: &Named<'_>,
    ) -> Result<Found<File>, Fault> {
        let (bucket, key) = (self.bundle.bucket.clone(), key.to_owned());
        let Some(object) = self.objects.find(&bucket, &key, version_id).await? else {
            return Ok(Err(Problem::Missing { bucket, key }));
        };
        // "null" is what S3 calls the version of an object that was put before
        // versioning was turned on: it can be overwritten.
        let version_id = object.version_id.clone();
        let Some(version_id) = version_id.filter(|version| version != "null") else {
            return Ok(Err(Problem::Unversioned { bucket, key }));
        };
        let different = |key, found| Problem::Different {
            key,
            found,
            expected: named.digest.clone(),
        };
        match &object.digest {
            Some(found) if found != named.digest => Ok(Err(different(key, found.clone()))),
            _ => {
                let place = Place {
                    bucket,
                    key,
                    version_id,
                };
                let (found, file) = self.open(&place, &object, named).await?;
                let is_it = found == *named.digest;
                Ok(is_it
                    .then_some(file)
                    .ok_or_else(|| different(place.key, found)))
            }
        }
    }

    /// What is in an object, and its digest.
    async fn open(
        &self,
        place: &Place,
        object: &Object,
        named: &Named<'_>,
    ) -> Result<(Digest, File), Fault> {
        let mut digest = object.digest.clone();
        let mut file = File {
            version_id: place.version_id.clone(),
            package: None,
            reports: Vec::new(),
        };
        if named.is_package {
            file.package = Some(self.package(place, object, &mut digest).await?);
        }
        if !named.evidence.is_empty() {
            file.reports = self.reports(place, object, named, &mut digest).await?;
        }
        let digest = match digest {
            Some(digest) => digest,
            None => self.objects.hash(place).await?,
        };
        Ok((digest, file))
    }

    async fn package(
        &self,
        place: &Place,
        object: &Object,
        digest: &mut Option<Digest>,
    ) -> Result<Looked, Fault> {
        if object.size > LONGEST_ZIP {
            return Ok(Err(PackageError::TooLong(object.size)));
        }
        let _room = self.room.on_disk(object.size).await?;
        let spooled = self.objects.spool(place, digest.is_none()).await?;
        if spooled.digest.is_some() {
            *digest = spooled.digest;
        }
        let _turn = self.room.at_the_bench().await?;
        let inspector = self.inspector.clone();
        aside(place, move || {
            inspector.package(BufReader::new(spooled.file))
        })
        .await
    }

    async fn reports(
        &self,
        place: &Place,
        object: &Object,
        named: &Named<'_>,
        digest: &mut Option<Digest>,
    ) -> Result<Vec<Report>, Fault> {
        let items = named.evidence.iter();
        if object.size > LONGEST as u64 {
            let reports = items.map(|item| Inspector::too_long(item, object.size));
            return Ok(reports.collect());
        }
        let _room = self.room.in_memory(object.size).await?;
        let bytes = self.objects.read(place).await?;
        digest.get_or_insert_with(|| Digest::of(&bytes));
        let items: Vec<Evidence> = items.map(|item| (*item).clone()).collect();
        let inspector = self.inspector.clone();
        let read = move || {
            items
                .iter()
                .map(|item| inspector.report(item, &bytes))
                .collect()
        };
        aside(place, read).await
    }

    async fn check_image(&self, image: &Image) -> Result<Found<()>, Fault> {
        let Some(place) = Repository::parse(&image.repository) else {
            return Ok(Err(Problem::NotEcr {
                repository: image.repository.clone(),
            }));
        };
        if self.images.exists(&place, &image.digest).await? {
            return Ok(Ok(()));
        }
        Ok(Err(Problem::NoImage {
            repository: image.repository.clone(),
            digest: image.digest.clone(),
        }))
    }
}

impl Files {
    fn add(&mut self, key: &str, file: File) {
        self.pins.insert(key.to_owned(), file.version_id);
        if let Some(package) = file.package {
            self.packages.insert(key.to_owned(), package);
        }
        self.reports.extend(file.reports);
    }
}

/// Each file that a manifest names, once. Functions may share a file; the manifest allows
/// that only with one digest.
fn named(manifest: &Manifest) -> BTreeMap<&str, Named<'_>> {
    let mut all: BTreeMap<&str, Named<'_>> = BTreeMap::new();
    let new = |digest| Named {
        digest,
        is_package: false,
        evidence: Vec::new(),
    };
    for zip in manifest
        .functions
        .values()
        .filter_map(|one| one.zip.as_ref())
    {
        let named = all.entry(&zip.key).or_insert_with(|| new(&zip.digest));
        named.is_package = true;
    }
    if let Some(migrations) = &manifest.migrations {
        let zip = &migrations.zip;
        all.entry(&zip.key).or_insert_with(|| new(&zip.digest));
    }
    for item in &manifest.evidence {
        let named = all.entry(&item.key).or_insert_with(|| new(&item.digest));
        named.evidence.push(item);
    }
    all
}

/// Each image that a manifest names, once.
pub(crate) fn images(manifest: &Manifest) -> Vec<&Image> {
    let functions = manifest.functions.values();
    let all = functions.filter_map(|function| function.image.as_ref());
    let mut seen = BTreeSet::new();
    all.filter(|image| seen.insert(image.to_string())).collect()
}

/// Does what takes the processor for long without holding up calls that are under way.
async fn aside<T: Send + 'static>(
    place: &Place,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Fault> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Fault::other(format!("looking into {place}"), error))
}
