//! Whether the tags of a release's image name that image, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use semver::Version;

use super::policy::ImageTags;
use super::{Check, CheckOutcome, listed};
use crate::digest::Digest;
use crate::manifest::Manifest;

/// How many digits of a commit make a tag at least: as many as git abbreviates to.
const SHORTEST_COMMIT: usize = 7;

/// What a registry says of an image's tags.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tagged {
    /// The tags that name the image.
    pub here: BTreeSet<String>,
    /// The tags of the release that name another image, with its digest.
    pub elsewhere: BTreeMap<String, Digest>,
}

/// The tags by which a release's images are known: its version's, `v1.2.3` or `1.2.3`,
/// and its commit's, `sha-` and seven digits or more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseTags {
    version: [String; 2],
    commit: String,
}

impl ReleaseTags {
    /// Those of a release.
    #[must_use]
    pub fn of(manifest: &Manifest) -> Self {
        let version = version_tag(&manifest.version);
        Self {
            version: [format!("v{version}"), version],
            commit: manifest.commit.clone(),
        }
    }

    /// Those that a registry can be asked for: of a commit the whole and the shortest.
    pub fn names(&self) -> impl Iterator<Item = String> + '_ {
        let short = self.commit.get(..SHORTEST_COMMIT).unwrap_or(&self.commit);
        let commit = [self.commit.as_str(), short].map(|digits| format!("sha-{digits}"));
        self.version.iter().cloned().chain(commit)
    }

    fn is_of_commit(&self, tag: &str) -> bool {
        tag.strip_prefix("sha-").is_some_and(|digits| {
            digits.len() >= SHORTEST_COMMIT && self.commit.starts_with(digits)
        })
    }

    /// The kinds of tag that an image lacks.
    fn missing(&self, here: &BTreeSet<String>) -> Vec<String> {
        let [v, plain] = &self.version;
        let has_version = self.version.iter().any(|tag| here.contains(tag));
        let has_commit = here.iter().any(|tag| self.is_of_commit(tag));
        let kinds = [
            (has_version, format!("`{v}` or `{plain}`")),
            (has_commit, format!("`sha-{}`", self.commit)),
        ];
        let lacking = kinds.into_iter().filter(|(has, _)| !has);
        lacking.map(|(_, kind)| kind).collect()
    }
}

/// A version as tags have it, without `v`. A tag holds no `+`: build tools write `-` for it.
#[must_use]
pub fn version_tag(version: &Version) -> String {
    version.to_string().replace('+', "-")
}

/// Checks the tags of an image that a release names by its digest.
#[must_use]
pub fn assess_tags(policy: &ImageTags, tags: &ReleaseTags, image: &str, tagged: &Tagged) -> Check {
    let missing = tags.missing(&tagged.here);
    let elsewhere = tagged.elsewhere.iter();
    let elsewhere: Vec<String> = elsewhere
        .map(|(tag, digest)| format!("`{tag}` on {digest}"))
        .collect();
    let (outcome, found) = match (elsewhere.as_slice(), missing.as_slice()) {
        ([], []) => (CheckOutcome::Pass, "both".to_owned()),
        ([], missing) if policy.require => (
            CheckOutcome::Refuse,
            format!("no tag {}", missing.join(", no tag ")),
        ),
        ([], missing) => (
            CheckOutcome::NotRun,
            format!("no tag {}", missing.join(", no tag ")),
        ),
        (elsewhere, _) => (CheckOutcome::Refuse, listed(elsewhere)),
    };
    let [v, _] = &tags.version;
    let expected = match outcome {
        CheckOutcome::NotRun => "nothing: tags are not required here".to_owned(),
        _ => format!(
            "this image under `{v}` and `sha-{}` (or its first {SHORTEST_COMMIT} digits): push it under both, \
             and have the repository keep tags from moving (tag immutability)",
            tags.commit
        ),
    };
    Check::new("image tags", outcome, found, expected).in_file(image)
}

#[cfg(test)]
#[path = "image_tags_tests.rs"]
mod tests;
