//! Which releases may enter an environment, and who begins it: the part `entry` of its
//! settings.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::document::{LONGEST_WAIT, Problem, check_range};
use crate::glob;
use crate::manifest::Manifest;

/// Which releases may enter an environment, and who begins it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EntryRules {
    /// Who begins it.
    pub start: Start,
    /// Branches whose builds may enter, as patterns. With `tags` empty, too: any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub branches: Vec<String>,
    /// Tags whose builds may enter, as patterns. A build needs a branch or a tag that fits.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Whether pre-releases (`1.4.0-rc.1`) may enter. Left out: everywhere but in the
    /// last environment of the path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pre_releases: Option<bool>,
    /// How long a release must have stood in the environment before, in seconds.
    pub soak_seconds: u64,
}

/// Who begins a promotion into an environment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// The release, once the environment before has promoted it.
    #[default]
    Automatic,
    /// A person, with `sluice promote`.
    Manual,
}

/// Why an environment does not take a release.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAdmitted {
    /// It was built from another branch or tag.
    #[error(
        "{environment} takes no build of this origin: found {found}; expected {expected}, as `entry` of its settings \
         says. Build it from there (`sluice pack` says from where), or change the settings with `sluice env put`"
    )]
    Origin {
        /// The environment.
        environment: String,
        /// What the manifest says of its origin.
        found: String,
        /// What the rules ask for.
        expected: String,
    },
    /// It is a pre-release.
    #[error(
        "{environment} takes no pre-releases: found {version}; expected a version such as {released}. Release it as that, \
         or allow them with `\"entry\": {{\"pre_releases\": true}}` in its settings"
    )]
    PreRelease {
        /// The environment.
        environment: String,
        /// The version.
        version: semver::Version,
        /// The version without what makes it a pre-release.
        released: semver::Version,
    },
}

impl NotAdmitted {
    /// The name under which it leaves a function.
    #[must_use]
    pub fn name(&self) -> &'static str {
        "NotAdmitted"
    }
}

/// Patterns in each list.
const MOST_PATTERNS: usize = 50;
/// Characters of a pattern: as many as git's hosts take for a name.
const LONGEST_PATTERN: usize = 255;

impl EntryRules {
    /// Whether an environment of these rules takes a release. `is_last`: no environment
    /// follows on the path.
    ///
    /// # Errors
    /// With why not.
    pub fn admit(
        &self,
        environment: &str,
        is_last: bool,
        manifest: &Manifest,
    ) -> Result<(), NotAdmitted> {
        let version = &manifest.version;
        if !version.pre.is_empty() && !self.pre_releases.unwrap_or(!is_last) {
            return Err(NotAdmitted::PreRelease {
                environment: environment.to_owned(),
                version: version.clone(),
                released: semver::Version::new(version.major, version.minor, version.patch),
            });
        }
        let fits = |patterns: &[String], name: Option<&String>| {
            name.is_some_and(|name| patterns.iter().any(|pattern| glob::fits(pattern, name)))
        };
        let takes_any = self.branches.is_empty() && self.tags.is_empty();
        if takes_any
            || fits(&self.branches, manifest.branch.as_ref())
            || fits(&self.tags, manifest.tag.as_ref())
        {
            return Ok(());
        }
        let mut expected = Vec::new();
        for (what, patterns) in [("branch", &self.branches), ("tag", &self.tags)] {
            if !patterns.is_empty() {
                expected.push(format!("a {what} that fits `{}`", patterns.join("` or `")));
            }
        }
        Err(NotAdmitted::Origin {
            environment: environment.to_owned(),
            found: format!(
                "{}, {}",
                said("branch", manifest.branch.as_deref()),
                said("tag", manifest.tag.as_deref())
            ),
            expected: expected.join(", or "),
        })
    }

    /// Finds what no release could meet, or nothing can wait for.
    pub(crate) fn check(&self, problems: &mut Vec<Problem>) {
        check_patterns("entry.branches", &self.branches, problems);
        check_patterns("entry.tags", &self.tags, problems);
        check_range(
            "entry.soak_seconds",
            self.soak_seconds,
            0,
            LONGEST_WAIT,
            problems,
        );
    }
}

/// Finds patterns that no short name of a branch or a tag could fit.
pub(crate) fn check_patterns(path: &str, patterns: &[String], problems: &mut Vec<Problem>) {
    check_range(path, patterns.len(), 0, MOST_PATTERNS, problems);
    for (index, pattern) in patterns.iter().enumerate() {
        let length = pattern.chars().count();
        let path = format!("{path}[{index}]");
        if length == 0 || length > LONGEST_PATTERN {
            let message =
                format!("found {length} characters; expected a pattern of 1 to {LONGEST_PATTERN}");
            problems.push(Problem::new(path, message));
        } else if pattern.starts_with("refs/") {
            let message =
                format!("found `{pattern}`; expected a short name, such as `main` or `v*`");
            problems.push(Problem::new(path, message));
        }
    }
}

pub(crate) fn said(what: &str, name: Option<&str>) -> String {
    name.map_or(format!("no {what}"), |name| format!("{what} `{name}`"))
}

#[cfg(test)]
#[path = "entry_tests.rs"]
mod tests;
