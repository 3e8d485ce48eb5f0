//! `release.json`: what a build says it made. The immutable input of a release.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use semver::Version;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json_path::JsonPath;

use crate::digest::Digest;
use crate::document::{Document, Problem, check_link, check_name, check_range, check_url};
use crate::migrations::Migrations;
use crate::preview;

/// The longest version, in characters: with it a promotion's name fits into the
/// description of an alias.
pub(crate) const LONGEST_VERSION: usize = 100;

/// The manifest of a bundle.
///
/// Its own SHA-256 is the bundle digest: since it names the SHA-256 of every
/// artifact, that one digest pins all of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The version of this format. Always 1.
    pub schema: u32,
    /// The application, as in `/sluice/<application>/<environment>`.
    pub application: String,
    /// The semantic version of the release, in at most 100 characters.
    pub version: Version,
    /// The full commit id that the build was made from (40 or 64 hex digits).
    pub commit: String,
    /// The branch that it was made from, by its short name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// The tag that it was made from, by its short name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// The preview that it is built for, such as `pr-123`. Left out: it is released
    /// along the path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preview: Option<String>,
    /// Who wrote the change.
    pub author: Person,
    /// Who wrote it with them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub co_authors: Vec<Person>,
    /// Everybody who wrote or merged a commit since the release before: none of them may
    /// approve it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contributors: Vec<Person>,
    /// Where to read the change, an `https://` link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The functions of the release group, by the name that settings use.
    pub functions: BTreeMap<String, Function>,
    /// What must work before and after traffic moves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub smoke_tests: Vec<SmokeTest>,
    /// What the build proved: test reports, scans, attestations.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
    /// What is applied to the database before traffic moves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub migrations: Option<Migrations>,
    /// Free text for approvers.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub notes: String,
}

/// A person, by the address that commits carry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// As they write their name.
    pub name: String,
    /// E-mail address.
    pub email: String,
}

/// One Lambda function's code and, optionally, its configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Function {
    /// Code as a zip file of the bundle. Exactly one of `zip` and `image`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zip: Option<Artifact>,
    /// Code as a container image in ECR.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<Image>,
    /// Configuration of the version that is published. What is left out is the
    /// function's own, as the stack that creates it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configuration: Option<Configuration>,
}

/// A file of the bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Artifact {
    /// Its key, relative to the folder of `release.json`.
    pub key: String,
    /// Its SHA-256.
    pub digest: Digest,
}

/// A container image in ECR, always by digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Image {
    /// `<account>.dkr.ecr.<region>.amazonaws.com/<repository>`, without a tag.
    pub repository: String,
    /// The image's digest.
    pub digest: Digest,
}

/// `<account>.dkr.ecr.<region>.amazonaws.com/<repository>@sha256:…`.
impl fmt::Display for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.repository, self.digest)
    }
}

/// What a published version freezes beside the code.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Configuration {
    /// Environment variables, as a whole (4 KB in all). Never put secrets here:
    /// name them under `requires` and read them at use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<BTreeMap<String, String>>,
    /// Memory in MB, 128 to 10,240.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_mb: Option<u32>,
    /// Time-out in seconds, 1 to 900.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<u32>,
    /// Layer version ARNs, five at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layers: Option<Vec<String>>,
    /// What the code reads at run time and must therefore exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requires: Option<Requires>,
}

/// Secrets and parameters that must exist before a version is published.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Requires {
    /// Names or ARNs in Secrets Manager.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<String>,
    /// Names in Parameter Store.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<String>,
}

/// A test: call a function, or fetch a URL, and look at the answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SmokeTest {
    /// What it shows, in a few words.
    pub name: String,
    /// The function to invoke, by the name that manifests use. Exactly one of `function` and `url`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
    /// The URL to GET. URLs can't be pinned to a version: as smoke tests they run
    /// only once all traffic has moved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The event to invoke the function with.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub payload: Value,
    /// What must be true of the answer.
    #[serde(default)]
    pub expect: Expectation,
}

/// What must be true of an answer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// HTTP status of a URL, or of a function's answer that has a `statusCode`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// JSONPath (RFC 9535) to the value that must stand there.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub json: BTreeMap<String, Value>,
    /// The answer must take at most this many milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<u64>,
}

/// A file of the bundle that proves something about the build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// What it is: `junit`, `coverage`, `sarif`, `sbom`, `provenance`, …
    pub kind: String,
    /// Its key, relative to the folder of `release.json`.
    pub key: String,
    /// Its SHA-256.
    pub digest: Digest,
}

impl Manifest {
    /// All files that the bundle must hold, beside `release.json` itself.
    pub fn artifacts(&self) -> impl Iterator<Item = Artifact> + '_ {
        let code = self
            .functions
            .values()
            .filter_map(|function| function.zip.clone());
        let evidence = self.evidence.iter().map(|item| Artifact {
            key: item.key.clone(),
            digest: item.digest.clone(),
        });
        let migrations = self.migrations.iter().map(|one| one.zip.clone());
        code.chain(evidence).chain(migrations)
    }
}

impl Document for Manifest {
    fn check(&self, problems: &mut Vec<Problem>) {
        if self.schema != 1 {
            problems.push(Problem::new(
                "schema",
                format!("found {}; expected 1", self.schema),
            ));
        }
        check_name("application", &self.application, 32, problems);
        check_version(&self.version, problems);
        check_commit(&self.commit, problems);
        for (field, name) in [("branch", &self.branch), ("tag", &self.tag)] {
            check_ref(field, name.as_deref(), problems);
        }
        preview::check_manifest(self.preview.as_deref(), &self.version, problems);
        check_link("source", self.source.as_deref(), problems);
        if self.functions.is_empty() {
            problems.push(Problem::new(
                "functions",
                "found none; expected at least one function",
            ));
        }
        for (name, function) in &self.functions {
            let path = format!("functions.{name}");
            check_name(&path, name, 64, problems);
            function.check(&path, problems);
        }
        for (index, test) in self.smoke_tests.iter().enumerate() {
            test.check(&format!("smoke_tests[{index}]"), &self.functions, problems);
        }
        for (index, item) in self.evidence.iter().enumerate() {
            check_key(&format!("evidence[{index}].key"), &item.key, problems);
        }
        if let Some(migrations) = &self.migrations {
            migrations.check(problems);
        }
        self.check_keys_are_used_once(problems);
    }
}

impl SmokeTest {
    /// Finds what can't be called, or be answered. `functions` are those it may name.
    pub(crate) fn check<T>(
        &self,
        path: &str,
        functions: &BTreeMap<String, T>,
        problems: &mut Vec<Problem>,
    ) {
        self.expect.check(&format!("{path}.expect"), problems);
        match (&self.function, &self.url) {
            (Some(function), None) if !functions.contains_key(function) => {
                let known: Vec<&str> = functions.keys().map(String::as_str).collect();
                let message = format!(
                    "found `{function}`; expected one of `{}`",
                    known.join("`, `")
                );
                problems.push(Problem::new(format!("{path}.function"), message));
            }
            (Some(_), None) => {}
            (None, Some(url)) => check_url(&format!("{path}.url"), url, problems),
            (one, _) => {
                let found = if one.is_some() {
                    "both `function` and `url`"
                } else {
                    "neither `function` nor `url`"
                };
                problems.push(Problem::new(path, format!("found {found}; expected one")));
            }
        }
    }
}

impl Expectation {
    /// Finds what no answer could be.
    fn check(&self, path: &str, problems: &mut Vec<Problem>) {
        for json in self.json.keys() {
            if let Err(error) = JsonPath::parse(json) {
                let message = format!("found `{json}` ({error}); expected a JSONPath (RFC 9535)");
                problems.push(Problem::new(format!("{path}.json"), message));
            }
        }
    }
}

impl Manifest {
    fn check_keys_are_used_once(&self, problems: &mut Vec<Problem>) {
        let mut digests = BTreeMap::new();
        for artifact in self.artifacts() {
            if let Some(other) = digests.insert(artifact.key.clone(), artifact.digest.clone())
                && other != artifact.digest
            {
                problems.push(Problem::new(
                    "functions",
                    format!(
                        "`{}` is named twice with different digests; expected one digest a file",
                        artifact.key
                    ),
                ));
            }
        }
    }
}

impl Function {
    fn check(&self, path: &str, problems: &mut Vec<Problem>) {
        match (&self.zip, &self.image) {
            (Some(zip), None) => check_key(&format!("{path}.zip.key"), &zip.key, problems),
            (None, Some(image)) if image.repository.contains('@') || has_tag(&image.repository) => {
                problems.push(Problem::new(
                    format!("{path}.image.repository"),
                    format!(
                        "found `{}`; expected a repository without tag or digest",
                        image.repository
                    ),
                ));
            }
            (None, Some(_)) => {}
            (Some(_), Some(_)) => problems.push(Problem::new(
                path,
                "found both `zip` and `image`; expected one",
            )),
            (None, None) => problems.push(Problem::new(
                path,
                "found neither `zip` nor `image`; expected one",
            )),
        }
        if let Some(configuration) = &self.configuration {
            configuration.check(&format!("{path}.configuration"), problems);
        }
    }
}

impl Configuration {
    fn check(&self, path: &str, problems: &mut Vec<Problem>) {
        if let Some(memory) = self.memory_mb {
            check_range(&format!("{path}.memory_mb"), memory, 128, 10_240, problems);
        }
        if let Some(timeout) = self.timeout_seconds {
            check_range(
                &format!("{path}.timeout_seconds"),
                timeout,
                1,
                900,
                problems,
            );
        }
        if let Some(layers) = &self.layers {
            check_range(&format!("{path}.layers"), layers.len(), 0, 5, problems);
        }
        if let Some(environment) = &self.environment {
            let size: usize = environment
                .iter()
                .map(|(name, value)| name.len() + value.len())
                .sum();
            if size > 4096 {
                problems.push(Problem::new(
                    format!("{path}.environment"),
                    format!("found {size} bytes of names and values; Lambda takes 4096 at most"),
                ));
            }
        }
    }
}

fn has_tag(repository: &str) -> bool {
    repository
        .rsplit('/')
        .next()
        .is_some_and(|last| last.contains(':'))
}

fn check_version(version: &Version, problems: &mut Vec<Problem>) {
    let found = version.to_string().len();
    if found > LONGEST_VERSION {
        let message = format!("found {found} characters; expected at most {LONGEST_VERSION}");
        problems.push(Problem::new("version", message));
    }
}

fn check_commit(commit: &str, problems: &mut Vec<Problem>) {
    let is_hex = commit
        .bytes()
        .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if !is_hex || !matches!(commit.len(), 40 | 64) {
        problems.push(Problem::new(
            "commit",
            format!(
                "found `{commit}`; expected a full commit id of 40 or 64 lower-case hex digits"
            ),
        ));
    }
}

/// Characters of a branch's or a tag's name: as many as git's hosts take.
const LONGEST_REF: usize = 255;

/// A name that git would take, without `refs/heads/` or `refs/tags/`.
fn check_ref(path: &str, name: Option<&str>, problems: &mut Vec<Problem>) {
    let Some(name) = name else { return };
    let length = name.chars().count();
    let is_plain = (1..=LONGEST_REF).contains(&length)
        && !name.starts_with("refs/")
        && !name.chars().any(|c| c.is_control() || c.is_whitespace());
    if !is_plain {
        problems.push(Problem::new(
            path,
            format!(
                "found `{name}`; expected a short name of 1 to {LONGEST_REF} characters without spaces, such as `main`"
            ),
        ));
    }
}

/// A key must stay inside the bundle's folder, whatever reads it later.
pub(crate) fn check_key(path: &str, key: &str, problems: &mut Vec<Problem>) {
    let is_plain = !key.is_empty()
        && key.len() <= 512
        && !key.starts_with('/')
        && !key.contains('\\')
        && !key.chars().any(char::is_control)
        && key
            .split('/')
            .all(|part| !part.is_empty() && part != "." && part != "..");
    if !is_plain || key == "release.json" {
        problems.push(Problem::new(
            path,
            format!("found `{key}`; expected a relative path inside the bundle, without `..`"),
        ));
    }
}

#[cfg(test)]
#[path = "manifest_tests.rs"]
mod tests;
