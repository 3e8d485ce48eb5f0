//! Trivy's JSON, schema 2: vulnerabilities, misconfiguration, secrets and licences.

use serde::Deserialize;
use sluice_domain::evidence::{Content, Finding, Findings, Format, Severity, Tool};

use super::kept::Kept;
use crate::json::List;
use crate::text::brief;
use crate::{Error, Read, json};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Report {
    schema_version: u64,
    trivy: Option<Itself>,
    results: Option<List<Target>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Itself {
    version: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Target {
    #[serde(default, deserialize_with = "json::or_default")]
    target: String,
    vulnerabilities: Option<List<Vulnerability>>,
    misconfigurations: Option<List<Misconfiguration>>,
    secrets: Option<List<Secret>>,
    licenses: Option<List<License>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Vulnerability {
    #[serde(rename = "VulnerabilityID")]
    id: String,
    #[serde(default, deserialize_with = "json::or_default")]
    pkg_name: String,
    #[serde(default, deserialize_with = "json::or_default")]
    installed_version: String,
    severity: Option<String>,
    title: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Misconfiguration {
    #[serde(rename = "ID")]
    id: String,
    title: Option<String>,
    severity: Option<String>,
    status: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Secret {
    #[serde(rename = "RuleID")]
    id: String,
    title: Option<String>,
    severity: Option<String>,
    start_line: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct License {
    name: String,
    #[serde(default, deserialize_with = "json::or_default")]
    pkg_name: String,
    severity: Option<String>,
    category: Option<String>,
}

pub(crate) fn read(text: &str) -> Result<Read, Error> {
    let report: Report = json::parse(Format::Trivy, text)?;
    if report.schema_version != 2 {
        let why = format!("SchemaVersion {}; expected 2", report.schema_version);
        return Err(Error::broken(Format::Trivy, why));
    }
    // Trivy leaves out the list where it came upon nothing that it could look at.
    let is_empty = report.results.as_ref().is_none_or(|all| all.is_empty());
    let mut kept = Kept::default();
    for target in report.results.into_iter().flatten() {
        target.add(&mut kept)?;
    }
    let version = report.trivy.and_then(|trivy| trivy.version);
    let tool = Tool {
        name: "Trivy".to_owned(),
        version: version.map(|version| brief(&version)),
    };
    let read = Read::by(Some(tool), Content::Findings(Findings::from(kept)));
    Ok(Read {
        idle: is_empty.then(|| "a scan by Trivy that came upon nothing to look at".to_owned()),
        ..read
    })
}

impl Target {
    fn add(self, kept: &mut Kept) -> Result<(), Error> {
        let target = &self.target;
        for one in self.vulnerabilities.into_iter().flatten() {
            kept.add(Finding {
                id: one.id,
                severity: severity(one.severity.as_deref()),
                place: format!("{} {}", one.pkg_name, one.installed_version),
                title: json::or_empty(one.title),
            })?;
        }
        for one in self.misconfigurations.into_iter().flatten() {
            match one.status.as_deref() {
                Some("PASS") => {}
                Some("EXCEPTION") => kept.suppressed += 1,
                _ => kept.add(Finding {
                    id: one.id,
                    severity: severity(one.severity.as_deref()),
                    place: target.clone(),
                    title: json::or_empty(one.title),
                })?,
            }
        }
        for one in self.secrets.into_iter().flatten() {
            let line = one.start_line.unwrap_or(1);
            kept.add(Finding {
                id: one.id,
                severity: severity(one.severity.as_deref()),
                place: format!("{target}:{line}"),
                title: json::or_empty(one.title),
            })?;
        }
        for one in self.licenses.into_iter().flatten() {
            kept.add(Finding {
                id: one.name,
                severity: severity(one.severity.as_deref()),
                place: one.pkg_name,
                title: format!("licence, {}", json::or_empty(one.category)),
            })?;
        }
        Ok(())
    }
}

fn severity(word: Option<&str>) -> Severity {
    word.map_or(Severity::Unknown, Severity::of_word)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_class_of_result_is_read() {
        let report = json!({"SchemaVersion": 2, "Results": [
            {"Target": "Cargo.lock", "Vulnerabilities": [
                {"VulnerabilityID": "CVE-1", "PkgName": "a", "InstalledVersion": "1.0", "Severity": "CRITICAL"},
                {"VulnerabilityID": "CVE-2", "PkgName": "b", "InstalledVersion": "2.0"}]},
            {"Target": "template.yaml", "Misconfigurations": [
                {"ID": "AVD-1", "Severity": "HIGH", "Status": "FAIL"},
                {"ID": "AVD-2", "Severity": "HIGH", "Status": "PASS"}]},
            {"Target": "a.env", "Secrets": [{"RuleID": "aws-access-key-id", "Severity": "CRITICAL", "StartLine": 3, "Match": "AKIA…"}]},
            {"Target": "Loose", "Licenses": [{"Name": "AGPL-3.0", "PkgName": "c", "Severity": "HIGH", "Category": "forbidden"}]},
            {"Target": "nothing"}]});
        let Content::Findings(found) = super::read(&report.to_string()).expect("read").content
        else {
            panic!("findings are expected");
        };
        let told: Vec<_> = found
            .findings
            .iter()
            .map(|one| format!("{} {} {}", one.id, one.severity.name(), one.place))
            .collect();
        assert_eq!(
            told,
            [
                "CVE-1 critical a 1.0",
                "CVE-2 unknown b 2.0",
                "AVD-1 high template.yaml",
                "aws-access-key-id critical a.env:3",
                "AGPL-3.0 high c",
            ]
        );
    }

    #[test]
    fn a_scan_that_came_upon_nothing_proves_nothing() {
        let idle = |report: &str| super::read(report).expect("read").idle;
        assert!(idle(r#"{"SchemaVersion": 2}"#).is_some());
        assert!(idle(r#"{"SchemaVersion": 2, "Results": []}"#).is_some());
        let clean = r#"{"SchemaVersion": 2, "Results": [{"Target": "Cargo.lock"}]}"#;
        assert_eq!(idle(clean), None);
    }

    #[test]
    fn other_schemas_are_refused() {
        assert!(super::read(r#"{"SchemaVersion": 1}"#).is_err());
    }
}
