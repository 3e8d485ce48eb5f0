//! Grype's JSON.

use serde::Deserialize;
use serde::de::IgnoredAny;
use sluice_domain::evidence::{Content, Finding, Findings, Format, Severity, Tool};

use super::kept::Kept;
use crate::json::List;
use crate::text::brief;
use crate::{Error, Read, json};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    matches: List<Match>,
    #[serde(default, deserialize_with = "json::or_default")]
    ignored_matches: List<IgnoredAny>,
    descriptor: Option<Descriptor>,
}

#[derive(Deserialize)]
struct Descriptor {
    name: String,
    version: Option<String>,
}

#[derive(Deserialize)]
struct Match {
    vulnerability: Vulnerability,
    artifact: Artifact,
}

#[derive(Deserialize)]
struct Vulnerability {
    id: String,
    severity: Option<String>,
    description: Option<String>,
}

#[derive(Deserialize)]
struct Artifact {
    name: String,
    #[serde(default, deserialize_with = "json::or_default")]
    version: String,
}

pub(crate) fn read(text: &str) -> Result<Read, Error> {
    let report: Report = json::parse(Format::Grype, text)?;
    let mut kept = Kept::default();
    kept.suppressed = report.ignored_matches.len() as u64;
    for one in report.matches {
        let word = one.vulnerability.severity.as_deref();
        kept.add(Finding {
            id: one.vulnerability.id,
            severity: word.map_or(Severity::Unknown, Severity::of_word),
            place: format!("{} {}", one.artifact.name, one.artifact.version),
            title: json::or_empty(one.vulnerability.description),
        })?;
    }
    let tool = report.descriptor.map(|descriptor| Tool {
        name: brief(&descriptor.name),
        version: descriptor.version.map(|version| brief(&version)),
    });
    Ok(Read::by(tool, Content::Findings(Findings::from(kept))))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn matches_are_findings_and_ignored_ones_are_shown() {
        let report = json!({
            "matches": [{"vulnerability": {"id": "CVE-2019-1010022", "severity": "Negligible"}, "artifact": {"name": "libc6", "version": "2.36"}}],
            "ignoredMatches": [{}], "descriptor": {"name": "grype", "version": "0.74.0"}});
        let read = super::read(&report.to_string()).expect("read");
        let Content::Findings(found) = read.content else {
            panic!("findings are expected");
        };
        assert_eq!(found.findings[0].severity, Severity::Info);
        assert_eq!(found.suppressed, 1);
        assert_eq!(read.tools[0].name, "grype");
    }
}
