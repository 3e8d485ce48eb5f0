//! SARIF 2.1.0 (OASIS), as CodeQL, Semgrep, Clippy, Trivy, gitleaks and others write it.
//!
//! How bad a result is: its rule's `security-severity`, a CVSS score, where it has one,
//! as GitHub reads it; else its level: error is high, warning medium, note low. Only
//! results of kind `fail` are findings. What the report calls suppressed is counted
//! apart, unless its suppression was rejected or is under review.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use sluice_domain::evidence::{Content, Finding, Findings, Format, Severity, Tool};

use super::kept::Kept;
use crate::text::brief;
use crate::{Error, Read, json};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Log {
    version: String,
    runs: Vec<Run>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    tool: RunTool,
    #[serde(default)]
    results: Option<Vec<ResultEntry>>,
    #[serde(default)]
    invocations: Vec<Invocation>,
    external_property_file_references: Option<External>,
}

#[derive(Deserialize)]
struct External {
    #[serde(default)]
    results: Vec<Value>,
}

#[derive(Deserialize)]
struct RunTool {
    driver: Driver,
    #[serde(default)]
    extensions: Vec<Driver>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Driver {
    name: String,
    semantic_version: Option<String>,
    version: Option<String>,
    #[serde(default)]
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    id: String,
    default_configuration: Option<Configuration>,
    #[serde(default)]
    properties: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
struct Configuration {
    level: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResultEntry {
    rule_id: Option<String>,
    rule_index: Option<i64>,
    rule: Option<RuleReference>,
    kind: Option<String>,
    level: Option<String>,
    message: Option<Message>,
    #[serde(default)]
    locations: Vec<Location>,
    suppressions: Option<Vec<Suppression>>,
    baseline_state: Option<String>,
    #[serde(default)]
    properties: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RuleReference {
    id: Option<String>,
    index: Option<i64>,
    tool_component: Option<ComponentReference>,
}

#[derive(Deserialize)]
struct ComponentReference {
    index: Option<i64>,
}

#[derive(Deserialize)]
struct Message {
    text: Option<String>,
    markdown: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    physical_location: Option<PhysicalLocation>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PhysicalLocation {
    artifact_location: Option<ArtifactLocation>,
    region: Option<Region>,
}

#[derive(Deserialize)]
struct ArtifactLocation {
    uri: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: Option<u64>,
}

#[derive(Deserialize)]
struct Suppression {
    status: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Invocation {
    execution_successful: Option<bool>,
    exit_code_description: Option<String>,
}

pub(crate) fn read(text: &str) -> Result<Read, Error> {
    let log: Log = json::parse(Format::Sarif, text)?;
    if log.version != "2.1.0" {
        let why = format!("version `{}`; expected 2.1.0", log.version);
        return Err(Error::broken(Format::Sarif, why));
    }
    if log.runs.is_empty() {
        return Err(Error::Incomplete("it has no run of a tool".to_owned()));
    }
    let mut kept = Kept::default();
    let mut tools = Vec::new();
    for run in log.runs {
        tools.push(run.tool.driver.name_and_version());
        run.complete()?;
        for result in run.results.iter().flatten() {
            run.add(result, &mut kept)?;
        }
    }
    Ok(Read {
        tools,
        content: Content::Findings(Findings::from(kept)),
    })
}

impl Driver {
    fn name_and_version(&self) -> Tool {
        let version = self.semantic_version.as_ref().or(self.version.as_ref());
        Tool {
            name: brief(&self.name),
            version: version.map(|version| brief(version)),
        }
    }
}

impl Run {
    /// Whether the run says that it went through, and its results stand here.
    fn complete(&self) -> Result<(), Error> {
        let failed = |call: &&Invocation| call.execution_successful == Some(false);
        let name = brief(&self.tool.driver.name);
        if let Some(call) = self.invocations.iter().find(failed) {
            let why = json::or_empty(call.exit_code_description.clone());
            let why = brief(&format!("the run of {name} failed {why}"));
            return Err(Error::Incomplete(why));
        }
        let elsewhere = self.external_property_file_references.as_ref();
        if elsewhere.is_some_and(|files| !files.results.is_empty()) {
            let why = format!("results of {name} stand in other files");
            return Err(Error::Incomplete(why));
        }
        match self.results {
            Some(_) => Ok(()),
            // The specification: absent results mean that they were not computed.
            None => Err(Error::Incomplete(format!("{name} has no `results`"))),
        }
    }

    fn add(&self, result: &ResultEntry, kept: &mut Kept) -> Result<(), Error> {
        let kind = result.kind.as_deref().unwrap_or("fail");
        let is_gone = result.baseline_state.as_deref() == Some("absent");
        if kind != "fail" || is_gone {
            return Ok(());
        }
        if result.is_suppressed() {
            kept.suppressed += 1;
            return Ok(());
        }
        let rule = self.rule_of(result);
        let named = result.rule.as_ref().and_then(|rule| rule.id.as_ref());
        let id = result.rule_id.as_ref().or(named);
        let id = id.or(rule.map(|rule| &rule.id));
        let message = result.message.as_ref();
        let title = message.and_then(|message| message.text.as_ref().or(message.markdown.as_ref()));
        kept.add(Finding {
            id: id.cloned().unwrap_or_default(),
            severity: severity(result, rule),
            place: result.place(),
            title: title.cloned().unwrap_or_default(),
        })
    }

    /// The rule that a result names: by place, or by id.
    fn rule_of(&self, result: &ResultEntry) -> Option<&Rule> {
        let reference = result.rule.as_ref();
        let component = reference
            .and_then(|rule| rule.tool_component.as_ref()?.index)
            .and_then(|index| self.tool.extensions.get(usize::try_from(index).ok()?))
            .unwrap_or(&self.tool.driver);
        let index = result.rule_index.or(reference.and_then(|rule| rule.index));
        let by_place = index.and_then(|index| component.rules.get(usize::try_from(index).ok()?));
        let named = reference.and_then(|rule| rule.id.as_ref());
        let id = result.rule_id.as_ref().or(named);
        by_place.or_else(|| {
            let all = std::iter::once(&self.tool.driver).chain(&self.tool.extensions);
            all.flat_map(|component| &component.rules)
                .find(|rule| Some(&rule.id) == id)
        })
    }
}

impl ResultEntry {
    fn is_suppressed(&self) -> bool {
        let suppressions = self.suppressions.as_deref().unwrap_or_default();
        let holds =
            |one: &Suppression| !matches!(one.status.as_deref(), Some("rejected" | "underReview"));
        !suppressions.is_empty() && suppressions.iter().all(holds)
    }

    fn place(&self) -> String {
        let location = self
            .locations
            .iter()
            .find_map(|one| one.physical_location.as_ref());
        let Some(location) = location else {
            return String::new();
        };
        let uri = location.artifact_location.as_ref();
        let uri = json::or_empty(uri.and_then(|artifact| artifact.uri.clone()));
        match location
            .region
            .as_ref()
            .and_then(|region| region.start_line)
        {
            Some(line) => format!("{uri}:{line}"),
            None => uri,
        }
    }
}

fn severity(result: &ResultEntry, rule: Option<&Rule>) -> Severity {
    let scores = [Some(&result.properties), rule.map(|rule| &rule.properties)];
    let scored = scores.into_iter().flatten().find_map(score);
    if let Some(score) = scored {
        return Severity::of_score(score);
    }
    let configured = rule.and_then(|rule| rule.default_configuration.as_ref()?.level.as_deref());
    match result.level.as_deref().or(configured).unwrap_or("warning") {
        "error" => Severity::High,
        "warning" => Severity::Medium,
        "note" => Severity::Low,
        "none" => Severity::Info,
        _ => Severity::Unknown,
    }
}

/// `security-severity`: a score, as text or a number.
fn score(properties: &BTreeMap<String, Value>) -> Option<f64> {
    match properties.get("security-severity")? {
        Value::String(text) => text.trim().parse().ok(),
        value => value.as_f64(),
    }
}

#[cfg(test)]
#[path = "sarif_tests.rs"]
mod tests;
