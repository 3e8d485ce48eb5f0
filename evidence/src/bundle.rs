//! What a bundle comes to: its reports, its packages, and the functions that it goes to,
//! held against what an environment asks.
//!
//! Whoever looks at a bundle (the function `verify`, the command line) reads its files
//! and asks about its functions; each of them goes through an [`Inspector`], in any order
//! and side by side, and [`Inspector::assess`] says what they come to.

use std::collections::BTreeMap;
use std::io::{Read, Seek};

use jiff::civil::Date;
use sluice_domain::digest::Digest;
use sluice_domain::evidence::{
    Assessment, Check, CheckOutcome, Context, EvidencePolicy, File, Finding, Findings, ReleaseTags,
    Said, Tagged, assess, assess_secrets, assess_tags,
};
use sluice_domain::manifest::{Evidence, Manifest};

use crate::fitting::{Fitting, fits};
use crate::package::{Package, PackageError, inspect};
use crate::secrets::Scanner;
use crate::{Key, LONGEST, read};

/// Looks at what a bundle holds.
#[derive(Debug, Clone)]
pub struct Inspector {
    /// The keys whose signatures are believed.
    pub keys: Vec<Key>,
    /// Those that are believed, too, and are not at hand, by name.
    pub absent_keys: Vec<String>,
    /// What finds secrets.
    pub scanner: Scanner,
}

/// A file of evidence, as it was looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// What it says.
    pub file: File,
    /// What looks like a secret in it.
    pub secrets: Vec<Finding>,
}

/// A function that a bundle goes to, as Lambda has it now.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Target {
    /// What its package must fit.
    pub fitting: Fitting,
    /// What looks like a secret in its environment variables.
    pub secrets: Vec<Finding>,
    /// Its name, where its environment variables can't be read.
    pub sealed: Option<String>,
}

/// A bundle, as far as it was looked at.
#[derive(Debug)]
pub struct Bundle<'a> {
    /// What it says of itself.
    pub manifest: &'a Manifest,
    /// Its files of evidence.
    pub reports: Vec<Report>,
    /// Its zip files, by key.
    pub packages: BTreeMap<String, Result<Package, PackageError>>,
    /// The functions that it goes to, by the names of the manifest. Of one that is left
    /// out nothing is known, and nothing is asked of its package beside being one.
    pub targets: BTreeMap<String, Target>,
    /// What AWS found in its images, by image; or why that can't be told.
    pub scans: BTreeMap<String, Result<Findings, String>>,
    /// The tags of its images, by image, where they were looked at.
    pub tags: BTreeMap<String, Tagged>,
    /// The coverage of lines of the release that was promoted there last, in percent.
    pub coverage_before: Option<f64>,
    /// The day, in UTC.
    pub today: Date,
}

impl Inspector {
    /// Reads a file of evidence, as the manifest calls it.
    #[must_use]
    pub fn report(&self, item: &Evidence, bytes: &[u8]) -> Report {
        let said = match item.kind.parse() {
            Err(unknown) => Said::NotRead(unknown),
            Ok(called) => match read(bytes, Some(called), &self.keys) {
                Ok(reading) => Said::Reading(reading),
                Err(error) => Said::Broken(error.to_string()),
            },
        };
        Report {
            file: File {
                key: item.key.clone(),
                digest: item.digest.clone(),
                said,
            },
            secrets: self.secrets(&item.key, bytes),
        }
    }

    /// A file of evidence that is longer than what is read.
    #[must_use]
    pub fn too_long(item: &Evidence, bytes: u64) -> Report {
        let why = format!("{bytes} bytes; at most {LONGEST} are read");
        Report {
            file: File {
                key: item.key.clone(),
                digest: item.digest.clone(),
                said: Said::Broken(why),
            },
            secrets: Vec::new(),
        }
    }

    /// Looks into a zip file, entry by entry.
    ///
    /// # Errors
    /// When it can't be read as a whole, or is larger than Lambda takes.
    pub fn package(&self, zip: impl Read + Seek) -> Result<Package, PackageError> {
        inspect(zip, &self.scanner)
    }

    /// A function as Lambda has it now, under this name. `variables` are None where they
    /// can't be read.
    #[must_use]
    pub fn target(
        &self,
        function: &str,
        fitting: Fitting,
        variables: Option<&BTreeMap<String, String>>,
    ) -> Target {
        let secrets = variables.map(|variables| self.variables(function, variables));
        Target {
            fitting,
            sealed: secrets.is_none().then(|| function.to_owned()),
            secrets: secrets.unwrap_or_default(),
        }
    }

    /// What looks like a secret in environment variables. `of` says whose they are.
    #[must_use]
    pub fn variables(&self, of: &str, variables: &BTreeMap<String, String>) -> Vec<Finding> {
        let found = variables.iter().flat_map(|(name, value)| {
            let place = format!("environment variable {name} of {of}");
            // With the name: some kinds are known by what is called so.
            self.secrets(&place, format!("{name}={value}").as_bytes())
        });
        found.collect()
    }

    fn secrets(&self, place: &str, mut bytes: &[u8]) -> Vec<Finding> {
        // Bytes in memory can always be read.
        self.scanner.scan(place, &mut bytes).unwrap_or_default()
    }

    /// What a bundle comes to. The order of its checks is that of the manifest.
    #[must_use]
    pub fn assess(&self, policy: &EvidencePolicy, bundle: &Bundle<'_>) -> Assessment {
        let files: Vec<File> = bundle.reports.iter().map(|one| one.file.clone()).collect();
        let artifacts = artifacts(bundle.manifest);
        let context = Context {
            today: bundle.today,
            artifacts: &artifacts,
            scans: &bundle.scans,
            absent_keys: &self.absent_keys,
            coverage_before: bundle.coverage_before,
        };
        let mut checks = assess(policy, &files, &context).checks;
        checks.extend(packages(bundle));
        checks.extend(tags(policy, bundle));
        let secrets = self.all_secrets(bundle);
        checks.extend(assess_secrets(policy, &secrets, bundle.today));
        checks.extend(bundle.targets.values().filter_map(sealed));
        Assessment::of(checks)
    }

    /// What looks like a secret, anywhere.
    fn all_secrets(&self, bundle: &Bundle<'_>) -> Vec<Finding> {
        let mut all: Vec<Finding> = Vec::new();
        for (name, function) in &bundle.manifest.functions {
            let named = function.configuration.as_ref();
            if let Some(variables) = named.and_then(|named| named.environment.as_ref()) {
                all.extend(self.variables(&format!("{name} in release.json"), variables));
            }
        }
        all.extend(self.secrets("release.json", &without_variables(bundle.manifest)));
        for report in &bundle.reports {
            all.extend(report.secrets.iter().cloned());
        }
        for (key, package) in &bundle.packages {
            let found = package.iter().flat_map(|package| &package.secrets);
            all.extend(found.map(|finding| Finding {
                place: format!("{} of {key}", finding.place),
                ..finding.clone()
            }));
        }
        for target in bundle.targets.values() {
            all.extend(target.secrets.iter().cloned());
        }
        all
    }
}

/// A manifest but for environment variables, which are told by their names.
fn without_variables(manifest: &Manifest) -> Vec<u8> {
    let mut rest = manifest.clone();
    for function in rest.functions.values_mut() {
        if let Some(configuration) = &mut function.configuration {
            configuration.environment = None;
        }
    }
    // What was read as JSON can be written as JSON.
    serde_json::to_vec(&rest).unwrap_or_default()
}

/// Of a function whose variables can't be read it is not known whether they hold secrets.
fn sealed(target: &Target) -> Option<Check> {
    let function = target.sealed.as_ref()?;
    let found = format!("variables of {function} that can't be decrypted");
    let expected = "nothing: allow kms:Decrypt with their key to have them looked at";
    Some(Check::new("secrets", CheckOutcome::NotRun, found, expected))
}

/// What is deployed, by what people call it.
fn artifacts(manifest: &Manifest) -> BTreeMap<String, Digest> {
    let functions = manifest.functions.values();
    let all = functions.filter_map(|function| match (&function.zip, &function.image) {
        (Some(zip), _) => Some((zip.key.clone(), zip.digest.clone())),
        (_, Some(image)) => Some((image.to_string(), image.digest.clone())),
        _ => None,
    });
    all.collect()
}

/// A check of each image's tags.
fn tags(policy: &EvidencePolicy, bundle: &Bundle<'_>) -> Vec<Check> {
    let Some(policy) = &policy.image_tags else {
        return Vec::new();
    };
    let release = ReleaseTags::of(bundle.manifest);
    let checks = bundle.tags.iter();
    checks
        .map(|(image, tagged)| assess_tags(policy, &release, image, tagged))
        .collect()
}

/// A check of each function's package.
fn packages(bundle: &Bundle<'_>) -> Vec<Check> {
    let functions = bundle.manifest.functions.iter();
    let checks = functions.filter_map(|(name, function)| {
        let key = &function.zip.as_ref()?.key;
        let package = bundle.packages.get(key)?;
        let target = bundle.targets.get(name);
        let mut fitting = target.map_or_else(Fitting::default, |target| target.fitting.clone());
        let named = function.configuration.as_ref();
        if let Some(layers) = named.and_then(|named| named.layers.as_ref()) {
            fitting.has_layers = !layers.is_empty();
        }
        Some(fits(name, package, &fitting).in_file(key))
    });
    checks.collect()
}

#[cfg(test)]
#[path = "bundle_tests.rs"]
mod tests;
