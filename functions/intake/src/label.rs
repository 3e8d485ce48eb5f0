//! The manifest that an image carries in a label.
//!
//! A label can't hold the digest of its own image: it holds a template of `release.json`
//! in which the function that runs the image has no code, and the image that was pushed
//! is filled in.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use sluice_domain::digest::Digest;
use sluice_domain::document::Document as _;
use sluice_domain::evidence::version_tag;
use sluice_domain::manifest::{Image, Manifest};

use crate::request::Subject;

/// The label's name.
pub const LABEL: &str = "dev.sluice.release";

/// The longest configuration of an image that is read, in bytes: a manifest may be as long.
pub const LARGEST_CONFIGURATION: u64 = 1024 * 1024;

/// Why an image can't be released by what it says of itself.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// It is several images.
    #[error(
        "found an index of images for several platforms or with attestations; expected a single image, as Lambda takes: \
         build for one platform, with `docker buildx build --provenance=false`"
    )]
    Index,
    /// Its manifest or its configuration can't be read.
    #[error("found {0}; expected an image by the OCI image specification or Docker's schema 2")]
    Unreadable(String),
    /// Its configuration is longer than what is read.
    #[error(
        "found a configuration of {0} bytes; expected at most {LARGEST_CONFIGURATION}: shorten its labels"
    )]
    TooLarge(u64),
    /// What the registry has is not what was pushed.
    #[error("found its {what} with digest {found}; expected {expected}: push the image again")]
    Different {
        /// What of it.
        what: &'static str,
        /// The digest that it has.
        found: Digest,
        /// The digest that it should have.
        expected: Digest,
    },
    /// Its label is no template of this release's manifest.
    #[error("found {found} in its label `{LABEL}`; expected {expected}")]
    Label {
        /// What the label says.
        found: String,
        /// What it should say.
        expected: String,
    },
}

/// A file of an image, as the image's manifest names it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Blob {
    /// Its digest.
    pub digest: Digest,
    /// How long it is, in bytes.
    pub size: u64,
}

/// An image's manifest, as far as it is read.
#[derive(Deserialize)]
struct ImageManifest {
    #[serde(default)]
    manifests: Option<Vec<IgnoredAny>>,
    #[serde(default)]
    config: Option<Blob>,
}

/// An image's configuration, as far as it is read.
#[derive(Deserialize)]
struct Configuration {
    #[serde(default)]
    config: Option<Container>,
}

#[derive(Deserialize)]
struct Container {
    #[serde(rename = "Labels", default)]
    labels: Option<BTreeMap<String, String>>,
}

/// Where the configuration of an image is that was pushed under this digest.
///
/// # Errors
/// When the manifest is another one, can't be read, or is no single image's.
pub fn configuration_of(manifest: &str, pushed: &Digest) -> Result<Blob, Unfit> {
    is("manifest", manifest.as_bytes(), pushed)?;
    let ImageManifest { manifests, config } = serde_json::from_str(manifest)
        .map_err(|error| Unfit::Unreadable(format!("a manifest that can't be read ({error})")))?;
    if manifests.is_some() {
        return Err(Unfit::Index);
    }
    let config = config
        .ok_or_else(|| Unfit::Unreadable("a manifest that names no configuration".to_owned()))?;
    if config.size > LARGEST_CONFIGURATION {
        return Err(Unfit::TooLarge(config.size));
    }
    Ok(config)
}

/// What the label says, in an image's configuration; None if there is no such label.
///
/// # Errors
/// When the configuration is another one, or can't be read.
pub fn label_of(configuration: &[u8], blob: &Blob) -> Result<Option<String>, Unfit> {
    is("configuration", configuration, &blob.digest)?;
    let Configuration { config } = serde_json::from_slice(configuration).map_err(|error| {
        Unfit::Unreadable(format!("a configuration that can't be read ({error})"))
    })?;
    let labels = config.and_then(|container| container.labels);
    Ok(labels.and_then(|mut labels| labels.remove(LABEL)))
}

fn is(what: &'static str, bytes: &[u8], expected: &Digest) -> Result<(), Unfit> {
    let found = Digest::of(bytes);
    if found == *expected {
        return Ok(());
    }
    Err(Unfit::Different {
        what,
        found,
        expected: expected.clone(),
    })
}

/// A `release.json` as a label's template stands for it.
#[derive(Debug)]
pub struct ReleaseJson {
    /// What it says.
    pub manifest: Manifest,
    /// The file.
    pub bytes: Vec<u8>,
}

/// The `release.json` of this release that the label's template stands for, with the image
/// that was pushed filled in. The same template and image always make the same file.
///
/// # Errors
/// When the template is none, or another release's.
pub fn release_json(
    template: &str,
    image: &Image,
    subject: &Subject,
) -> Result<ReleaseJson, Unfit> {
    let unlike = |found: String, expected: String| Unfit::Label { found, expected };
    let a_template = || "a template of release.json, as docs/manifest.md describes it".to_owned();
    let mut template: Value = serde_json::from_str(template)
        .map_err(|error| unlike(format!("what is no JSON ({error})"), a_template()))?;
    fill(&mut template, image)?;
    let bytes = format!("{template:#}\n").into_bytes();
    let manifest = Manifest::parse("release.json", &bytes)
        .map_err(|invalid| unlike(invalid.to_string(), a_template()))?;
    let Subject {
        application,
        version,
    } = subject;
    // The version was read from a tag, which holds no `+`.
    let is_tagged = version_tag(&manifest.version) == version_tag(version);
    if manifest.application != *application || !is_tagged {
        return Err(unlike(
            format!("{} {}", manifest.application, manifest.version),
            format!(
                "{application}, which its repository belongs to, and {version}, which its tag says (with `-` for a `+`)"
            ),
        ));
    }
    Ok(ReleaseJson { manifest, bytes })
}

/// Gives the image to each function that has no code.
fn fill(template: &mut Value, image: &Image) -> Result<(), Unfit> {
    let functions = template.get_mut("functions").and_then(Value::as_object_mut);
    let functions = functions.into_iter().flat_map(|all| all.values_mut());
    let mut filled = 0;
    for function in functions.filter_map(Value::as_object_mut) {
        let named = function.get("image");
        if function.contains_key("zip") || named.is_some_and(|named| named.get("digest").is_some())
        {
            continue;
        }
        let repository = named.and_then(|named| named.get("repository"));
        if let Some(other) = repository.filter(|other| **other != image.repository) {
            return Err(Unfit::Label {
                found: format!("the repository {other}"),
                expected: format!("`{}`, where it was pushed, or none", image.repository),
            });
        }
        function.insert("image".to_owned(), json!(image));
        filled += 1;
    }
    if filled > 0 {
        return Ok(());
    }
    Err(Unfit::Label {
        found: "no function without code".to_owned(),
        expected: "the function that runs this image, with neither `zip` nor `image.digest`"
            .to_owned(),
    })
}

#[cfg(test)]
#[path = "label_tests.rs"]
mod tests;
