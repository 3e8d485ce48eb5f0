//! `npm audit --json`: of npm 7 and later (version 2), and of npm 6.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use sluice_domain::evidence::{Content, Finding, Findings, Format, Severity, Tool};

use super::kept::Kept;
use crate::json::{List, Table};
use crate::text::brief;
use crate::{Error, Read, json};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    audit_report_version: Option<u64>,
    #[serde(default, deserialize_with = "json::or_default")]
    vulnerabilities: Table<Package>,
    #[serde(default, deserialize_with = "json::or_default")]
    advisories: Table<Advisory>,
    error: Option<Failure>,
    #[serde(default, deserialize_with = "json::or_default")]
    metadata: Metadata,
}

#[derive(Default, Deserialize)]
struct Metadata {
    #[serde(default, deserialize_with = "json::or_default")]
    vulnerabilities: Totals,
}

/// What the report says of its own length.
#[derive(Default, Deserialize)]
struct Totals {
    total: Option<usize>,
}

#[derive(Deserialize)]
struct Failure {
    code: Option<String>,
    summary: Option<String>,
}

/// A package that is affected, itself or by what it depends on.
#[derive(Deserialize)]
struct Package {
    severity: String,
    #[serde(default, deserialize_with = "json::or_default")]
    range: String,
    #[serde(default, deserialize_with = "json::or_default")]
    via: List<Via>,
}

enum Via {
    Advisory(Box<Source>),
    /// Another package, which stands in the report itself.
    Package(String),
}

impl<'de> Deserialize<'de> for Via {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ViaVisitor)
    }
}

struct ViaVisitor;

impl<'de> Visitor<'de> for ViaVisitor {
    type Value = Via;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an advisory, or a package's name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Via, E> {
        Ok(Via::Package(name.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<Via, A::Error> {
        let source = Source::deserialize(MapAccessDeserializer::new(entries))?;
        Ok(Via::Advisory(Box::new(source)))
    }
}

#[derive(Deserialize)]
struct Source {
    source: Option<u64>,
    #[serde(default, deserialize_with = "json::or_default")]
    name: String,
    #[serde(default, deserialize_with = "json::or_default")]
    title: String,
    #[serde(default, deserialize_with = "json::or_default")]
    url: String,
    #[serde(default, deserialize_with = "json::or_default")]
    severity: String,
    #[serde(default, deserialize_with = "json::or_default")]
    range: String,
}

/// What npm 6 reports.
#[derive(Deserialize)]
struct Advisory {
    id: u64,
    #[serde(default, deserialize_with = "json::or_default")]
    module_name: String,
    #[serde(default, deserialize_with = "json::or_default")]
    vulnerable_versions: String,
    #[serde(default, deserialize_with = "json::or_default")]
    title: String,
    #[serde(default, deserialize_with = "json::or_default")]
    url: String,
    #[serde(default, deserialize_with = "json::or_default")]
    severity: String,
}

pub(crate) fn read(text: &str) -> Result<Read, Error> {
    let report: Report = json::parse(Format::NpmAudit, text)?;
    if let Some(error) = report.error {
        let (code, summary) = (json::or_empty(error.code), json::or_empty(error.summary));
        return Err(Error::Incomplete(brief(&format!("{code} {summary}"))));
    }
    if !matches!(report.audit_report_version, None | Some(2)) {
        let why = "an `auditReportVersion` other than 2";
        return Err(Error::broken(Format::NpmAudit, why));
    }
    // One advisory stands at each package that it reaches.
    let mut found = BTreeSet::new();
    let packages = report.vulnerabilities.0;
    let total = report.metadata.vulnerabilities.total;
    // npm 6 counts advisories otherwise than it lists them.
    if let (Some(2), Some(total)) = (report.audit_report_version, total)
        && total > packages.len()
    {
        let why = format!("it counts {total} packages and lists {}", packages.len());
        return Err(Error::Incomplete(why));
    }
    let explained = explained(&packages);
    for (name, package) in &packages {
        package.add(name, &explained, &mut found);
    }
    found.extend(report.advisories.0.into_values().map(Advisory::finding));
    let mut kept = Kept::default();
    for finding in found {
        kept.add(finding)?;
    }
    let tool = Tool {
        name: "npm audit".to_owned(),
        version: None,
    };
    Ok(Read::by(
        Some(tool),
        Content::Findings(Findings::from(kept)),
    ))
}

/// The packages of which an advisory says what is wrong, their own or one that is reached
/// through others. In a circle of packages nothing may be reached.
fn explained(all: &BTreeMap<String, Package>) -> BTreeSet<&str> {
    let mut users: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut next = Vec::new();
    for (name, package) in all {
        for via in package.via.iter() {
            match via {
                Via::Advisory(_) => next.push(name.as_str()),
                Via::Package(other) => users.entry(other).or_default().push(name),
            }
        }
    }
    let mut explained = BTreeSet::new();
    while let Some(name) = next.pop() {
        if explained.insert(name) {
            next.extend(users.get(name).into_iter().flatten());
        }
    }
    explained
}

impl Package {
    /// What is wrong with it, unless that stands at another package of the report.
    fn add(&self, name: &str, explained: &BTreeSet<&str>, found: &mut BTreeSet<Finding>) {
        let is_elsewhere = |via: &Via| match via {
            Via::Advisory(_) => true,
            Via::Package(other) => other != name && explained.contains(other.as_str()),
        };
        if self.via.is_empty() || !self.via.iter().all(is_elsewhere) {
            found.insert(Finding {
                id: name.to_owned(),
                severity: Severity::of_word(&self.severity),
                place: format!("{name} {}", self.range),
                title: "no advisory is named".to_owned(),
            });
        }
        for via in self.via.iter() {
            if let Via::Advisory(source) = via {
                found.insert(source.finding());
            }
        }
    }
}

impl Source {
    fn finding(&self) -> Finding {
        let number = self.source.map(|number| number.to_string());
        Finding {
            id: advisory_of(&self.url).unwrap_or_else(|| json::or_empty(number)),
            severity: Severity::of_word(&self.severity),
            place: format!("{} {}", self.name, self.range),
            title: brief(&self.title),
        }
    }
}

impl Advisory {
    fn finding(self) -> Finding {
        Finding {
            id: advisory_of(&self.url).unwrap_or_else(|| self.id.to_string()),
            severity: Severity::of_word(&self.severity),
            place: format!("{} {}", self.module_name, self.vulnerable_versions),
            title: self.title,
        }
    }
}

/// `GHSA-…`, where an advisory's address ends with it.
fn advisory_of(url: &str) -> Option<String> {
    let last = url.rsplit('/').next()?;
    last.starts_with("GHSA-").then(|| last.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(report: &serde_json::Value) -> Vec<(String, Severity)> {
        let Content::Findings(found) = super::read(&report.to_string()).expect("read").content
        else {
            panic!("findings are expected");
        };
        let findings = found.findings.into_iter();
        findings.map(|one| (one.id, one.severity)).collect()
    }

    #[test]
    fn an_advisory_counts_once_however_many_packages_it_reaches() {
        let advisory = json!({"source": 1, "name": "minimist", "title": "Prototype pollution", "severity": "critical",
            "url": "https://github.com/advisories/GHSA-xvch-5gv4-984h", "range": "<0.2.1"});
        let report = json!({"auditReportVersion": 2, "vulnerabilities": {
            "minimist": {"name": "minimist", "severity": "critical", "via": [advisory], "range": "<0.2.1"},
            "mkdirp": {"name": "mkdirp", "severity": "critical", "via": ["minimist"], "range": "0.4"}}});
        assert_eq!(
            found(&report),
            [("GHSA-xvch-5gv4-984h".to_owned(), Severity::Critical)]
        );
    }

    #[test]
    fn a_circle_that_reaches_no_advisory_is_not_clean() {
        let package = |via: &[&str]| json!({"severity": "critical", "via": via, "range": "1"});
        let circle = json!({"a": package(&["b"]), "b": package(&["a"])});
        let report = json!({"auditReportVersion": 2, "vulnerabilities": circle});
        let critical = |id: &str| (id.to_owned(), Severity::Critical);
        assert_eq!(found(&report), [critical("a"), critical("b")]);
    }

    #[test]
    fn a_circle_that_reaches_an_advisory_counts_it_once() {
        let advisory = json!({"source": 7, "name": "b", "severity": "high", "range": "1"});
        let report = json!({"auditReportVersion": 2, "vulnerabilities": {
            "a": {"severity": "high", "via": ["b"]},
            "b": {"severity": "high", "via": ["a", advisory]}}});
        assert_eq!(found(&report), [("7".to_owned(), Severity::High)]);
    }

    #[test]
    fn a_report_that_counts_more_than_it_lists_is_not_clean() {
        let report = json!({"auditReportVersion": 2, "vulnerabilities": {},
            "metadata": {"vulnerabilities": {"critical": 1, "total": 1}}});
        let error = super::read(&report.to_string()).err().expect("refused");
        assert!(
            error.to_string().contains("counts 1 packages and lists 0"),
            "{error}"
        );
    }

    #[test]
    fn reports_of_npm_6_are_read() {
        let report = json!({"advisories": {"118": {"id": 118, "module_name": "minimatch", "severity": "moderate", "title": "ReDoS", "url": "https://npmjs.com/advisories/118"}}});
        assert_eq!(found(&report), [("118".to_owned(), Severity::Medium)]);
    }

    #[test]
    fn an_audit_that_could_not_ask_is_not_clean() {
        let report = r#"{"error": {"code": "ENOLOCK", "summary": "This command requires an existing lockfile."}}"#;
        let error = super::read(report).err().expect("refused");
        assert!(error.to_string().contains("ENOLOCK"), "{error}");
    }
}
