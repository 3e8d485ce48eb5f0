//! What one report says, whichever tool wrote it.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// What a report is about.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Which tests ran, and how they ended.
    Tests,
    /// How much of the code the tests reach.
    Coverage,
    /// What scanners found: vulnerabilities, bugs, secrets, misconfiguration.
    Findings,
    /// What the build is made of.
    Sbom,
    /// Who built it, from what.
    Provenance,
    /// Who reviewed the change.
    Reviews,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Tests,
        Self::Coverage,
        Self::Findings,
        Self::Sbom,
        Self::Provenance,
        Self::Reviews,
    ];

    /// As settings and manifests write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tests => "tests",
            Self::Coverage => "coverage",
            Self::Findings => "findings",
            Self::Sbom => "sbom",
            Self::Provenance => "provenance",
            Self::Reviews => "reviews",
        }
    }
}

/// How a report is written.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// JUnit's XML, in any dialect.
    Junit,
    /// Test Anything Protocol.
    Tap,
    /// LCOV's trace files.
    Lcov,
    /// Cobertura's XML.
    Cobertura,
    /// JaCoCo's XML.
    Jacoco,
    /// SARIF 2.1.0.
    Sarif,
    /// Trivy's JSON.
    Trivy,
    /// `npm audit --json`.
    NpmAudit,
    /// `cargo audit --json`.
    CargoAudit,
    /// Grype's JSON.
    Grype,
    /// CycloneDX JSON.
    Cyclonedx,
    /// SPDX 2 JSON.
    Spdx,
    /// An in-toto statement in a DSSE envelope.
    Dsse,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Junit,
        Self::Tap,
        Self::Lcov,
        Self::Cobertura,
        Self::Jacoco,
        Self::Sarif,
        Self::Trivy,
        Self::NpmAudit,
        Self::CargoAudit,
        Self::Grype,
        Self::Cyclonedx,
        Self::Spdx,
        Self::Dsse,
    ];

    /// As manifests and people write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Junit => "junit",
            Self::Tap => "tap",
            Self::Lcov => "lcov",
            Self::Cobertura => "cobertura",
            Self::Jacoco => "jacoco",
            Self::Sarif => "sarif",
            Self::Trivy => "trivy",
            Self::NpmAudit => "npm-audit",
            Self::CargoAudit => "cargo-audit",
            Self::Grype => "grype",
            Self::Cyclonedx => "cyclonedx",
            Self::Spdx => "spdx",
            Self::Dsse => "dsse",
        }
    }
}

/// What a manifest or a person calls a file of evidence: what it is about, or how it is
/// written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Called {
    /// What it is about.
    Kind(Kind),
    /// How it is written.
    Format(Format),
}

/// A word that names neither a kind nor a format of evidence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` is no kind of evidence; expected one of {}", known())]
pub struct UnknownKind {
    /// The word.
    pub word: String,
}

fn known() -> String {
    let kinds = Kind::ALL.map(Kind::name);
    let formats = Format::ALL.map(Format::name);
    let all: Vec<String> = kinds
        .iter()
        .chain(&formats)
        .map(|name| format!("`{name}`"))
        .collect();
    all.join(", ")
}

impl FromStr for Called {
    type Err = UnknownKind;

    fn from_str(word: &str) -> Result<Self, UnknownKind> {
        let kind = Kind::ALL.into_iter().find(|kind| kind.name() == word);
        let format = Format::ALL.into_iter().find(|format| format.name() == word);
        kind.map(Self::Kind)
            .or(format.map(Self::Format))
            .ok_or_else(|| UnknownKind {
                word: word.to_owned(),
            })
    }
}

impl Called {
    /// The word itself.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kind(kind) => kind.name(),
            Self::Format(format) => format.name(),
        }
    }
}

impl TryFrom<String> for Called {
    type Error = UnknownKind;

    fn try_from(word: String) -> Result<Self, UnknownKind> {
        word.parse()
    }
}

impl From<Called> for String {
    fn from(called: Called) -> Self {
        called.name().to_owned()
    }
}

impl fmt::Display for Called {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What one report says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// How it is written.
    pub format: Format,
    /// Who wrote it, as it says itself.
    pub tools: Vec<Tool>,
    /// The names of the keys whose signatures on it hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signed_by: Vec<String>,
    /// Why it neither proves nor refuses anything, where that is so: a scan of nothing, a
    /// statement of another kind than those that are judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle: Option<String>,
    /// What it says.
    #[serde(flatten)]
    pub content: Content,
}

impl Reading {
    /// What it is about.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self.content {
            Content::Tests(_) => Kind::Tests,
            Content::Coverage(_) => Kind::Coverage,
            Content::Findings(_) => Kind::Findings,
            Content::Sbom(_) => Kind::Sbom,
            Content::Provenance(_) => Kind::Provenance,
            Content::Reviews(_) => Kind::Reviews,
        }
    }
}

/// A tool, as its report names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// Its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// What a report says, by what it is about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Content {
    /// Tests.
    Tests(Tests),
    /// Coverage.
    Coverage(Coverage),
    /// Findings.
    Findings(Findings),
    /// Components.
    Sbom(Sbom),
    /// Provenance.
    Provenance(Statement),
    /// Reviews.
    Reviews(Reviews),
}

/// How tests ended. Each test is counted once, by the worst that is said of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tests {
    /// Those that ran and passed, flaky ones among them.
    pub passed: u64,
    /// Those whose assertions failed.
    pub failed: u64,
    /// Those that broke otherwise, and suites that did.
    pub errored: u64,
    /// Those that did not run.
    pub skipped: u64,
    /// Those that failed before they passed.
    pub flaky: u64,
    /// The first that failed or broke, by name: twenty at most.
    pub broken: Vec<String>,
}

impl Tests {
    /// How many ran.
    #[must_use]
    pub const fn ran(&self) -> u64 {
        self.passed
            .saturating_add(self.failed)
            .saturating_add(self.errored)
    }
}

/// How much of the code was reached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// Lines.
    pub lines: Counter,
    /// Branches, where they were counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branches: Option<Counter>,
}

/// How many there are, and how many of them were reached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counter {
    /// How many were reached.
    pub covered: u64,
    /// How many there are.
    pub total: u64,
}

impl Counter {
    /// The share that was reached, in percent. None where there is nothing to reach.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "a share, for comparing and showing"
    )]
    pub fn percent(&self) -> Option<f64> {
        (self.total > 0).then(|| self.covered as f64 * 100.0 / self.total as f64)
    }
}

/// How bad a finding is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Told for information.
    Info,
    /// CVSS 0.1 to 3.9.
    Low,
    /// CVSS 4.0 to 6.9.
    Medium,
    /// CVSS 7.0 to 8.9.
    High,
    /// CVSS 9.0 to 10.
    Critical,
    /// The tool does not say. It may be anything, so it counts as the worst.
    Unknown,
}

impl Severity {
    /// All of them, from the least.
    pub const ALL: [Self; 6] = [
        Self::Info,
        Self::Low,
        Self::Medium,
        Self::High,
        Self::Critical,
        Self::Unknown,
    ];

    /// As settings write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
            Self::Unknown => "unknown",
        }
    }

    /// The severity that a tool's word stands for, in upper or lower case.
    #[must_use]
    pub fn of_word(word: &str) -> Self {
        match word.to_ascii_lowercase().as_str() {
            "critical" => Self::Critical,
            "high" | "important" => Self::High,
            "medium" | "moderate" => Self::Medium,
            "low" | "minor" => Self::Low,
            "info" | "informational" | "negligible" | "none" => Self::Info,
            _ => Self::Unknown,
        }
    }

    /// The severity of a CVSS base score (CVSS v3.1 specification, section 5).
    #[must_use]
    pub fn of_score(score: f64) -> Self {
        match score {
            score if score >= 9.0 => Self::Critical,
            score if score >= 7.0 => Self::High,
            score if score >= 4.0 => Self::Medium,
            score if score > 0.0 => Self::Low,
            0.0 => Self::Info,
            _ => Self::Unknown,
        }
    }
}

/// What a scanner found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Findings {
    /// Each of them.
    pub findings: Vec<Finding>,
    /// How many the report itself calls suppressed or ignored. They are shown.
    pub suppressed: u64,
}

impl Findings {
    /// How many there are of each severity.
    #[must_use]
    pub fn by_severity(&self) -> BTreeMap<Severity, u64> {
        let mut counts = BTreeMap::new();
        for finding in &self.findings {
            *counts.entry(finding.severity).or_default() += 1;
        }
        counts
    }
}

/// One thing that a scanner found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Finding {
    /// What a waiver names: `CVE-2021-44228`, `RUSTSEC-2023-0001`, a rule's id.
    pub id: String,
    /// How bad it is.
    pub severity: Severity,
    /// Where: `log4j-core 2.14.1`, `src/main.rs:12`.
    pub place: String,
    /// What it is, in the tool's words.
    pub title: String,
}

/// What a build is made of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sbom {
    /// Its components.
    pub components: Vec<SbomComponent>,
}

/// A component of a build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SbomComponent {
    /// Its name.
    pub name: String,
    /// Its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Its licences: SPDX identifiers and expressions, or names. All of them hold.
    pub licences: Vec<String>,
}

/// An in-toto statement about what was built.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// What it is about.
    pub subjects: Vec<Subject>,
    /// What its predicate is: `https://slsa.dev/provenance/v1`.
    pub predicate_type: String,
    /// Who built it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub builder: Option<String>,
    /// From which repository: `git+https://github.com/acme/shop@refs/tags/v1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// What a statement is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// Its name, as the build writes it.
    pub name: String,
    /// Its SHA-256. None: the statement names only digests of other kinds.
    pub digest: Option<Digest>,
}

/// Who reviewed a change.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reviews {
    /// What was reviewed, and built from it.
    pub subjects: Vec<Subject>,
    /// Who wrote it, by login.
    pub authors: Vec<String>,
    /// Whose last word was to approve it, by login; authors are not among them.
    pub approved_by: Vec<String>,
}
