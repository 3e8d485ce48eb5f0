//! Which format a report has, by what stands in it.

use serde::Deserialize;
use serde::de::IgnoredAny;
use sluice_domain::evidence::{Called, Format};

use crate::{Error, text, xml};

/// The format of a report.
///
/// What it is called decides only where several formats would do; otherwise it must
/// agree with what is found.
pub(crate) fn format_of(text: &str, called: Option<Called>) -> Result<Format, Error> {
    let found = match text.trim_start().as_bytes().first() {
        None => return Err(Error::Unknown("the file is empty".to_owned())),
        Some(b'<') => of_xml(text)?,
        Some(b'{') => of_json(text)?,
        Some(b'[') => {
            return Err(Error::Unknown(
                "JSON whose outermost value is a list".to_owned(),
            ));
        }
        Some(_) => of_lines(text)?,
    };
    match called {
        Some(Called::Format(format)) if format != found => Err(Error::OtherFormat {
            called: format.name(),
            found: found.name(),
        }),
        _ => Ok(found),
    }
}

fn of_xml(text: &str) -> Result<Format, Error> {
    let root = xml::root(text);
    match root.as_deref() {
        Some("testsuite" | "testsuites") => Ok(Format::Junit),
        Some("coverage") => Ok(Format::Cobertura),
        Some("report") => Ok(Format::Jacoco),
        // What tools write when they are not asked for JSON.
        Some("bom") => Err(Error::Unknown("CycloneDX in XML".to_owned())),
        Some("Document" | "RDF" | "SpdxDocument") => {
            Err(Error::Unknown("SPDX in XML, or other RDF".to_owned()))
        }
        Some(root) => Err(Error::Unknown(format!(
            "XML with the root element `{}`",
            text::brief(root)
        ))),
        None => Err(Error::Unknown("XML without a root element".to_owned())),
    }
}

/// The marks of the JSON formats.
#[derive(Deserialize)]
struct Marks {
    #[serde(rename = "runs")]
    sarif: Option<IgnoredAny>,
    #[serde(rename = "SchemaVersion")]
    trivy: Option<IgnoredAny>,
    #[serde(rename = "auditReportVersion")]
    npm: Option<IgnoredAny>,
    #[serde(rename = "advisories")]
    npm_6: Option<IgnoredAny>,
    lockfile: Option<IgnoredAny>,
    #[serde(rename = "database")]
    advisories: Option<IgnoredAny>,
    matches: Option<IgnoredAny>,
    #[serde(rename = "bomFormat")]
    cyclonedx: Option<IgnoredAny>,
    #[serde(rename = "spdxVersion")]
    spdx: Option<IgnoredAny>,
    #[serde(rename = "payloadType")]
    dsse: Option<IgnoredAny>,
    #[serde(rename = "dsseEnvelope")]
    sigstore: Option<IgnoredAny>,
    error: Option<IgnoredAny>,
}

fn of_json(text: &str) -> Result<Format, Error> {
    let marks: Marks = serde_json::from_str(text)
        .map_err(|error| Error::Unknown(text::brief(&format!("not readable as JSON: {error}"))))?;
    let marked = [
        (marks.sarif.is_some(), Format::Sarif),
        (marks.trivy.is_some(), Format::Trivy),
        (
            marks.npm.is_some() || marks.npm_6.is_some(),
            Format::NpmAudit,
        ),
        (
            marks.lockfile.is_some() && marks.advisories.is_some(),
            Format::CargoAudit,
        ),
        (marks.matches.is_some(), Format::Grype),
        (marks.cyclonedx.is_some(), Format::Cyclonedx),
        (marks.spdx.is_some(), Format::Spdx),
        (
            marks.dsse.is_some() || marks.sigstore.is_some(),
            Format::Dsse,
        ),
        // What npm writes when it could not ask its registry.
        (marks.error.is_some(), Format::NpmAudit),
    ];
    let found = marked.into_iter().find(|(is_marked, _)| *is_marked);
    found
        .map(|(_, format)| format)
        .ok_or_else(|| Error::Unknown("JSON of no known report".to_owned()))
}

fn of_lines(text: &str) -> Result<Format, Error> {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or_default();
    let is_lcov = |line: &str| ["TN:", "SF:"].iter().any(|mark| line.starts_with(mark));
    let is_tap = |line: &str| {
        let mut words = line.split_whitespace();
        line.starts_with("TAP version ")
            || line.starts_with("1..")
            || matches!(words.next(), Some("ok" | "not"))
    };
    let is_comment = |line: &&str| line.starts_with('#');
    let told = std::iter::once(first)
        .chain(lines)
        .find(|line| !is_comment(line));
    match told {
        Some(line) if is_lcov(line) => Ok(Format::Lcov),
        Some(line) if is_tap(line) => Ok(Format::Tap),
        line => Err(Error::Unknown(format!(
            "text that begins with `{}`",
            text::brief(
                &line
                    .unwrap_or_default()
                    .chars()
                    .take(40)
                    .collect::<String>()
            )
        ))),
    }
}
