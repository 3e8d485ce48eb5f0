//! What an environment asks of a build's evidence: its settings' section `evidence`.

use std::collections::BTreeMap;

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Called, Severity};
use crate::document::{Problem, check_range};

/// What an environment asks of a build's evidence. What is there is judged in any case;
/// what is not there refuses only if it is required.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EvidencePolicy {
    /// What must be there: kinds (`tests`, `coverage`, `findings`, `sbom`, `provenance`,
    /// `reviews`) or formats (`junit`, `sarif`, …).
    #[schemars(with = "Vec<String>")]
    pub require: Vec<Called>,
    /// Of test results.
    pub tests: TestPolicy,
    /// Of coverage.
    pub coverage: CoveragePolicy,
    /// Of what scanners find: how many at most, by severity. Null: any number.
    pub findings: FindingPolicy,
    /// What AWS finds in images. Null: it is not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_scan: Option<ImageScan>,
    /// Of the tags of images. Null: they are not looked at.
    pub image_tags: Option<ImageTags>,
    /// Findings that may stay for a while.
    pub waivers: Vec<Waiver>,
    /// Of components.
    pub sbom: SbomPolicy,
    /// Of provenance.
    pub provenance: ProvenancePolicy,
    /// Of reviews.
    pub reviews: ReviewPolicy,
}

impl Default for EvidencePolicy {
    fn default() -> Self {
        Self {
            require: Vec::new(),
            tests: TestPolicy::default(),
            coverage: CoveragePolicy::default(),
            findings: FindingPolicy::default(),
            image_scan: None,
            image_tags: Some(ImageTags::default()),
            waivers: Vec::new(),
            sbom: SbomPolicy::default(),
            provenance: ProvenancePolicy::default(),
            reviews: ReviewPolicy::default(),
        }
    }
}

/// What is asked of test results, over all reports of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TestPolicy {
    /// How many must have run at least.
    pub min: u64,
    /// How many may have been skipped. Null: any number.
    pub max_skipped: Option<u64>,
    /// How many may have passed only when repeated. Null: any number.
    pub max_flaky: Option<u64>,
}

impl Default for TestPolicy {
    fn default() -> Self {
        Self {
            min: 1,
            max_skipped: None,
            max_flaky: None,
        }
    }
}

/// What is asked of coverage, over all reports of a bundle.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CoveragePolicy {
    /// The least share of lines that tests reach, in percent.
    pub min_percent: f64,
    /// The least share of branches, in percent. Null: not asked.
    pub min_branch_percent: Option<f64>,
    /// By how many percentage points the share of lines may be below that of the
    /// release that was promoted here last. Null: not asked.
    pub max_drop: Option<f64>,
}

impl Default for CoveragePolicy {
    fn default() -> Self {
        Self {
            min_percent: 80.0,
            min_branch_percent: None,
            max_drop: None,
        }
    }
}

/// How many findings may stand, in all reports and scans together. Null: any number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FindingPolicy {
    /// CVSS 9.0 and above.
    pub critical: Option<u64>,
    /// CVSS 7.0 to 8.9.
    pub high: Option<u64>,
    /// CVSS 4.0 to 6.9.
    pub medium: Option<u64>,
    /// CVSS below 4.0.
    pub low: Option<u64>,
    /// Of which the tool does not say how bad they are.
    pub unknown: Option<u64>,
}

impl Default for FindingPolicy {
    fn default() -> Self {
        Self {
            critical: Some(0),
            high: Some(0),
            medium: None,
            low: None,
            unknown: Some(0),
        }
    }
}

impl FindingPolicy {
    /// How many findings of each severity may stand. What is told for information may.
    #[must_use]
    pub fn limits(&self) -> BTreeMap<Severity, u64> {
        let all = [
            (Severity::Critical, self.critical),
            (Severity::High, self.high),
            (Severity::Medium, self.medium),
            (Severity::Low, self.low),
            (Severity::Unknown, self.unknown),
        ];
        let limited = all.into_iter();
        limited
            .filter_map(|(severity, limit)| Some((severity, limit?)))
            .collect()
    }
}

/// That the findings of ECR's scan of an image count like a report's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ImageScan {
    /// How long a scan that is running is waited for, in seconds.
    pub wait_seconds: u64,
}

impl Default for ImageScan {
    fn default() -> Self {
        Self { wait_seconds: 120 }
    }
}

/// That an image's tags, of the version (`v1.2.3`) and of the commit (`sha-0123456`), name
/// that image. One that names another refuses in any case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ImageTags {
    /// Whether both must be there.
    pub require: bool,
    /// How long tags that are not as they should be are waited for, in seconds: a build
    /// pushes one after the other, and the first may start the release.
    pub wait_seconds: u64,
}

impl Default for ImageTags {
    fn default() -> Self {
        Self {
            require: true,
            wait_seconds: 60,
        }
    }
}

/// A finding that may stay until a day, for a reason that somebody answers for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Waiver {
    /// The finding's id: `CVE-2021-44228`, a rule's id.
    pub id: String,
    /// Only where it is found here: `openssl 3.0.1`, `src/main.rs:12`. Left out: anywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// Why it may stay.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// The last day on which it may, in UTC.
    #[schemars(with = "String", extend("format" = "date"))]
    pub expires: Date,
}

/// What is asked of components.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SbomPolicy {
    /// Licences that no component may have, by SPDX identifier: `AGPL-3.0-only`. Of
    /// `MIT OR AGPL-3.0-only` a choice is left, so it may stand.
    pub deny_licences: Vec<String>,
}

/// What is asked of provenance.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ProvenancePolicy {
    /// Whose signatures are believed. Without any, statements are shown and prove
    /// nothing.
    pub keys: Vec<TrustedKey>,
    /// Builders that may have built it, by id. Empty: any.
    pub builders: Vec<String>,
    /// Repositories that it may be built from: `https://github.com/acme/shop`. Empty:
    /// any.
    pub sources: Vec<String>,
}

/// A public key: Ed25519 or ECDSA on P-256. Exactly one of `pem` and `kms`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrustedKey {
    /// What people call it.
    pub name: String,
    /// The key itself, `-----BEGIN PUBLIC KEY-----` and so on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pem: Option<String>,
    /// The ARN of a KMS key that signs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms: Option<String>,
}

/// What is asked of reviews.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ReviewPolicy {
    /// How many people other than the authors must have approved the change.
    pub min: usize,
}

impl Default for ReviewPolicy {
    fn default() -> Self {
        Self { min: 1 }
    }
}

/// The longest that scans or tags may be waited for, in seconds: `verify` has five
/// minutes for all that it does.
const LONGEST_WAIT: u64 = 180;

impl EvidencePolicy {
    /// Adds what is wrong with it.
    pub(crate) fn check(&self, path: &str, problems: &mut Vec<Problem>) {
        let coverage = &self.coverage;
        let percents = [
            ("min_percent", Some(coverage.min_percent)),
            ("min_branch_percent", coverage.min_branch_percent),
            ("max_drop", coverage.max_drop),
        ];
        for (name, percent) in percents {
            if let Some(percent) = percent {
                let path = format!("{path}.coverage.{name}");
                check_range(&path, percent, 0.0, 100.0, problems);
            }
        }
        if let Some(scan) = &self.image_scan {
            let path = format!("{path}.image_scan.wait_seconds");
            check_range(&path, scan.wait_seconds, 0, LONGEST_WAIT, problems);
        }
        if let Some(tags) = &self.image_tags {
            let path = format!("{path}.image_tags.wait_seconds");
            check_range(&path, tags.wait_seconds, 0, LONGEST_WAIT, problems);
        }
        for (index, waiver) in self.waivers.iter().enumerate() {
            waiver.check(&format!("{path}.waivers[{index}]"), problems);
        }
        for licence in &self.sbom.deny_licences {
            if spdx::license_id(licence).is_none() {
                let path = format!("{path}.sbom.deny_licences");
                let why = format!("found `{licence}`; expected a licence's SPDX identifier");
                problems.push(Problem::new(path, why));
            }
        }
        self.check_keys(path, problems);
    }

    fn check_keys(&self, path: &str, problems: &mut Vec<Problem>) {
        let path = format!("{path}.provenance.keys");
        let keys = &self.provenance.keys;
        for (index, key) in keys.iter().enumerate() {
            if key.pem.is_some() == key.kms.is_some() {
                let why = "expected exactly one of `pem` and `kms`";
                problems.push(Problem::new(format!("{path}[{index}]"), why));
            }
        }
        let proves = |called: &&Called| matches!(called.name(), "provenance" | "reviews" | "dsse");
        if let (true, Some(called)) = (keys.is_empty(), self.require.iter().find(proves)) {
            let why = format!(
                "found none, and `require` names `{called}`; expected the keys whose signatures are believed"
            );
            problems.push(Problem::new(path, why));
        }
    }
}

impl Waiver {
    fn check(&self, path: &str, problems: &mut Vec<Problem>) {
        let said = [
            ("id", &self.id),
            ("reason", &self.reason),
            ("owner", &self.owner),
        ];
        for (name, _) in said.iter().filter(|(_, text)| text.trim().is_empty()) {
            let why = "found nothing; expected which finding may stay, why, and who answers for it";
            problems.push(Problem::new(format!("{path}.{name}"), why));
        }
    }
}

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;
