//! `cargo audit --json`.
//!
//! An advisory of RustSec has a CVSS vector or none; without one its severity is
//! unknown. Warnings (unmaintained, unsound, yanked) are told for information, as
//! `cargo audit` itself passes them.

use cvss::Cvss;
use serde::Deserialize;
use sluice_domain::evidence::{Content, Finding, Findings, Format, Severity, Tool};

use super::kept::Kept;
use crate::json::{List, Table};
use crate::{Error, Read, json};

#[derive(Deserialize)]
struct Report {
    vulnerabilities: Vulnerabilities,
    #[serde(default, deserialize_with = "json::or_default")]
    warnings: Table<List<Entry>>,
}

#[derive(Deserialize)]
struct Vulnerabilities {
    list: List<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    advisory: Option<Advisory>,
    package: Package,
}

#[derive(Deserialize)]
struct Advisory {
    id: String,
    #[serde(default, deserialize_with = "json::or_default")]
    title: String,
    cvss: Option<String>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
}

pub(crate) fn read(text: &str) -> Result<Read, Error> {
    let report: Report = json::parse(Format::CargoAudit, text)?;
    let mut kept = Kept::default();
    for entry in report.vulnerabilities.list {
        let vector = entry.advisory.as_ref().and_then(|one| one.cvss.as_deref());
        let severity = vector.map_or(Severity::Unknown, of_vector);
        kept.add(entry.finding(severity, "vulnerability"))?;
    }
    for (warning, entries) in report.warnings.0 {
        for entry in entries {
            kept.add(entry.finding(Severity::Info, &warning))?;
        }
    }
    let tool = Tool {
        name: "cargo audit".to_owned(),
        version: None,
    };
    Ok(Read::by(
        Some(tool),
        Content::Findings(Findings::from(kept)),
    ))
}

fn of_vector(vector: &str) -> Severity {
    match vector.parse::<Cvss>() {
        Ok(vector) => Severity::of_score(vector.score()),
        Err(_) => Severity::Unknown,
    }
}

impl Entry {
    fn finding(self, severity: Severity, kind: &str) -> Finding {
        let Package { name, version } = self.package;
        let (id, title) = match self.advisory {
            Some(advisory) => (advisory.id, advisory.title),
            None => (kind.to_owned(), String::new()),
        };
        Finding {
            id,
            severity,
            place: format!("{name} {version}"),
            title: format!("{kind}: {title}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_vector_gives_the_severity_and_warnings_are_information() {
        let report = json!({
            "database": {}, "lockfile": {},
            "vulnerabilities": {"found": true, "count": 2, "list": [
                {"advisory": {"id": "RUSTSEC-2021-0003", "title": "overflow", "cvss": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}, "package": {"name": "smallvec", "version": "0.6.13"}},
                {"advisory": {"id": "RUSTSEC-2020-0001", "title": "spoofing", "cvss": null}, "package": {"name": "trust-dns", "version": "1.0.0"}}]},
            "warnings": {"yanked": [{"kind": "yanked", "advisory": null, "package": {"name": "a", "version": "1.0.0"}}]}});
        let Content::Findings(found) = super::read(&report.to_string()).expect("read").content
        else {
            panic!("findings are expected");
        };
        let told: Vec<_> = found
            .findings
            .iter()
            .map(|one| (one.id.as_str(), one.severity))
            .collect();
        assert_eq!(
            told,
            [
                ("RUSTSEC-2021-0003", Severity::Critical),
                ("RUSTSEC-2020-0001", Severity::Unknown),
                ("yanked", Severity::Info),
            ]
        );
    }
}
