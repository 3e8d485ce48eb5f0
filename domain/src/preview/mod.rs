//! Previews: what a branch makes, on aliases of its own beside an environment's releases.
//!
//! An environment's settings may say `preview`. A manifest that names a preview is then
//! released into an environment of that name alone, whose settings are [`derive()`]d from
//! those. It is an environment like any other but for one thing: it is no part of the
//! path. [`removal`] says how it goes.

mod derive;
pub mod removal;

use jiff::Timestamp;
use schemars::JsonSchema;
use semver::Version;
use serde::{Deserialize, Serialize};

pub use derive::{Wanted, derive};
use removal::Removal;

use crate::document::{Problem, check_range};
use crate::entry;
use crate::glob;
use crate::manifest::Manifest;
use crate::settings::Settings;

/// How the name of a preview begins, of its environment and of its aliases.
pub const PREFIX: &str = "pr-";

/// The longest name of an environment, in characters.
const LONGEST_NAME: usize = 32;

/// A preview stays for three days, where nothing else is said: over a weekend.
const DEFAULT_TTL: u64 = 3 * 24 * 60 * 60;
/// No shorter than a minute, no longer than 30 days.
const TTLS: (u64, u64) = (60, 30 * 24 * 60 * 60);

/// Which previews live on the functions of an environment, and for how long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PreviewRules {
    /// Branches whose builds may become previews, as patterns. Empty: any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub branches: Vec<String>,
    /// How long a preview stays after its last release, in seconds.
    #[serde(default = "default_ttl")]
    pub ttl_seconds: u64,
}

fn default_ttl() -> u64 {
    DEFAULT_TTL
}

/// What makes an environment a preview. Sluice alone writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PreviewOf {
    /// The environment that it is derived from.
    pub environment: String,
    /// From when on it is removed.
    pub expires_at: Timestamp,
    /// The branch that it was built from last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// It is being removed: whoever finds this goes on with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removal: Option<Removal>,
}

/// Why a release becomes no preview.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotPreviewed {
    /// No environment, or more than one, has functions for it.
    #[error(
        "found {}; expected one environment of {application} that takes previews: \
         say `\"preview\": {{}}` in the settings of one", listed(.found)
    )]
    NoBase {
        /// The application.
        application: String,
        /// The environments that say they do.
        found: Vec<String>,
    },
    /// It was built from another branch.
    #[error(
        "{environment} takes no previews of this branch: found {found}; expected one that fits `{}`, as `preview` of its \
         settings says. Build it from there, or change the settings with `sluice env put`", expected.join("` or `")
    )]
    OtherBranch {
        /// The environment that takes previews.
        environment: String,
        /// What the manifest says of its branch.
        found: String,
        /// The patterns.
        expected: Vec<String>,
    },
    /// It was asked to go elsewhere.
    #[error(
        "{version} is a build of preview {preview}: found environment `{environment}`; expected `{preview}` alone. \
         Build it without `preview`, under a version of its own, to take it further"
    )]
    OffItsPlace {
        /// The version.
        version: Version,
        /// The preview.
        preview: String,
        /// Where it was asked to go.
        environment: String,
    },
    /// The environment of its name is none of Sluice's making.
    #[error(
        "environment {name} of {application} is no preview: found settings without `preview_of`; expected none, or a preview's. \
         Give that environment another name, or the preview another number"
    )]
    Taken {
        /// The application.
        application: String,
        /// The preview's name.
        name: String,
    },
    /// It lives on another environment's functions.
    #[error(
        "preview {name} of {application} lives on the functions of {found}; expected {expected}. \
         Remove it first: `sluice preview remove {application} {name} --reason TEXT`"
    )]
    Elsewhere {
        /// The application.
        application: String,
        /// The preview's name.
        name: String,
        /// Where it lives.
        found: String,
        /// Where it would live now.
        expected: String,
    },
}

impl NotPreviewed {
    /// The name under which it leaves a function.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::NoBase { .. } | Self::OtherBranch { .. } | Self::OffItsPlace { .. } => {
                "NotAdmitted"
            }
            Self::Taken { .. } | Self::Elsewhere { .. } => "InvalidSettings",
        }
    }
}

fn listed(environments: &[String]) -> String {
    match environments {
        [] => "none".to_owned(),
        all => format!("`{}`", all.join("`, `")),
    }
}

/// Whether this can be the name of a preview.
#[must_use]
pub fn is_name(name: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    name.len() <= LONGEST_NAME
        && (name.strip_prefix(PREFIX))
            .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(is_plain))
}

/// Whether what goes into this environment is its preview. Else it takes the path.
///
/// # Errors
/// When it is a preview of another name: it goes nowhere else.
pub fn is_at_its_place(manifest: &Manifest, environment: &str) -> Result<bool, NotPreviewed> {
    match &manifest.preview {
        None => Ok(false),
        Some(preview) if preview == environment => Ok(true),
        Some(preview) => Err(NotPreviewed::OffItsPlace {
            version: manifest.version.clone(),
            preview: preview.clone(),
            environment: environment.to_owned(),
        }),
    }
}

/// The environment whose functions an application's previews live on.
///
/// # Errors
/// When there is none, or more than one.
pub fn base<'a>(
    application: &str,
    path: &'a [(String, Settings)],
) -> Result<(&'a str, &'a Settings, &'a PreviewRules), NotPreviewed> {
    let bases = path.iter().filter_map(|(environment, settings)| {
        Some((environment.as_str(), settings, settings.preview.as_ref()?))
    });
    let bases: Vec<_> = bases.collect();
    match bases[..] {
        [base] => Ok(base),
        _ => Err(NotPreviewed::NoBase {
            application: application.to_owned(),
            found: bases.iter().map(|(name, ..)| (*name).to_owned()).collect(),
        }),
    }
}

impl PreviewRules {
    /// Whether builds of this manifest's branch may become previews.
    ///
    /// # Errors
    /// With why not.
    pub fn admit(&self, environment: &str, manifest: &Manifest) -> Result<(), NotPreviewed> {
        let branch = manifest.branch.as_deref();
        let fits = |name: &str| (self.branches.iter()).any(|pattern| glob::fits(pattern, name));
        if self.branches.is_empty() || branch.is_some_and(fits) {
            return Ok(());
        }
        Err(NotPreviewed::OtherBranch {
            environment: environment.to_owned(),
            found: entry::said("branch", branch),
            expected: self.branches.clone(),
        })
    }
}

/// Finds what no preview could be made from.
pub(crate) fn check(settings: &Settings, problems: &mut Vec<Problem>) {
    if let Some(rules) = &settings.preview {
        entry::check_patterns("preview.branches", &rules.branches, problems);
        let (least, most) = TTLS;
        check_range(
            "preview.ttl_seconds",
            rules.ttl_seconds,
            least,
            most,
            problems,
        );
    }
    for (name, target) in &settings.functions {
        let found = &target.alias;
        let path = format!("functions.{name}.alias");
        match (&settings.preview, &settings.preview_of) {
            (Some(_), Some(_)) => {
                let message = "found it beside `preview_of`; expected one of the two: a preview has no previews";
                return problems.push(Problem::new("preview", message));
            }
            (Some(_), None) if found.starts_with(PREFIX) => {
                let message = format!(
                    "found `{found}`; expected another name: aliases called `pr-…` are those of previews"
                );
                problems.push(Problem::new(path, message));
            }
            (None, Some(_)) if !is_name(found) => {
                let message =
                    format!("found `{found}`; expected the name of the preview, such as `pr-123`");
                problems.push(Problem::new(path, message));
            }
            _ => {}
        }
    }
}

/// What only versions of previews have in them, so that permissions can tell the folders
/// of previews in the bucket from all others.
const MARK: &str = "-pr-";

/// Finds a version that is not where it belongs. A preview's is no other release's: the
/// first word of what makes it a pre-release is the preview's name.
pub(crate) fn check_manifest(
    preview: Option<&str>,
    version: &Version,
    problems: &mut Vec<Problem>,
) {
    let Some(preview) = preview else {
        if version.to_string().contains(MARK) {
            let message = format!(
                "found {version} without `preview`; expected a version without `{MARK}`: those are of previews"
            );
            problems.push(Problem::new("version", message));
        }
        return;
    };
    if !is_name(preview) {
        let message = format!(
            "found `{preview}`; expected `pr-` and 1 to {} of a-z, 0-9 and `-`, such as `pr-123`",
            LONGEST_NAME - PREFIX.len()
        );
        return problems.push(Problem::new("preview", message));
    }
    if version.pre.split('.').next() != Some(preview) {
        let Version {
            major,
            minor,
            patch,
            ..
        } = version;
        let message = format!(
            "found {version} of preview `{preview}`; expected a pre-release of it, such as {major}.{minor}.{patch}-{preview}.1: \
             a preview never takes the version of a release"
        );
        problems.push(Problem::new("version", message));
    }
}

#[cfg(test)]
mod tests;
