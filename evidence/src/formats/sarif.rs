//! SARIF 2.1.0 (OASIS), as CodeQL, Semgrep, Clippy, Trivy, gitleaks and others write it.
//!
//! How bad a result is: its rule's `security-severity`, a CVSS score, where it has one,
//! as GitHub reads it; else its level: error is high, warning medium, note low. Only
//! results of kind `fail` are findings. What the report calls suppressed is counted
//! apart, unless its suppression was rejected or is under review.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use sluice_domain::evidence::{Content, Finding, Findings, Format, Severity, Tool};

use super::kept::Kept;
use crate::json::{List, Number};
use crate::text::brief;
use crate::{Error, Read, json};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Log {
    version: String,
    runs: List<Run>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    tool: RunTool,
    results: Option<List<ResultEntry>>,
    #[serde(default, deserialize_with = "json::or_default")]
    invocations: List<Invocation>,
    external_property_file_references: Option<External>,
}

#[derive(Deserialize)]
struct External {
    #[serde(default, deserialize_with = "json::or_default")]
    results: List<IgnoredAny>,
}

#[derive(Deserialize)]
struct RunTool {
    driver: Driver,
    #[serde(default, deserialize_with = "json::or_default")]
    extensions: List<Driver>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Driver {
    name: String,
    semantic_version: Option<String>,
    version: Option<String>,
    #[serde(default, deserialize_with = "json::or_default")]
    rules: List<Rule>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    id: String,
    default_configuration: Option<Configuration>,
    #[serde(default, deserialize_with = "json::or_default")]
    properties: Properties,
}

#[derive(Default, Deserialize)]
struct Properties {
    /// A CVSS score.
    #[serde(
        rename = "security-severity",
        default,
        deserialize_with = "json::or_default"
    )]
    security_severity: Number,
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
    #[serde(default, deserialize_with = "json::or_default")]
    locations: List<Location>,
    suppressions: Option<List<Suppression>>,
    baseline_state: Option<String>,
    #[serde(default, deserialize_with = "json::or_default")]
    properties: Properties,
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
        let by_id = run.rules_by_id();
        for result in run.results.iter().flat_map(|results| results.iter()) {
            run.add(result, &by_id, &mut kept)?;
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

    /// Its rules by their ids; of several with one id, the first.
    fn rules_by_id(&self) -> BTreeMap<&str, &Rule> {
        let components = self.tool.extensions.iter().rev();
        let components = components.chain(std::iter::once(&self.tool.driver));
        let rules = components.flat_map(|component| component.rules.iter().rev());
        rules.map(|rule| (rule.id.as_str(), rule)).collect()
    }

    fn add<'r>(
        &'r self,
        result: &'r ResultEntry,
        by_id: &BTreeMap<&str, &'r Rule>,
        kept: &mut Kept,
    ) -> Result<(), Error> {
        let kind = result.kind.as_deref().unwrap_or("fail");
        let is_gone = result.baseline_state.as_deref() == Some("absent");
        if kind != "fail" || is_gone {
            return Ok(());
        }
        if result.is_suppressed() {
            kept.suppressed += 1;
            return Ok(());
        }
        let rule = self.rule_of(result, by_id);
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
    fn rule_of<'r>(
        &'r self,
        result: &ResultEntry,
        by_id: &BTreeMap<&str, &'r Rule>,
    ) -> Option<&'r Rule> {
        let reference = result.rule.as_ref();
        let component = reference
            .and_then(|rule| rule.tool_component.as_ref()?.index)
            .and_then(|index| self.tool.extensions.get(usize::try_from(index).ok()?))
            .unwrap_or(&self.tool.driver);
        let index = result.rule_index.or(reference.and_then(|rule| rule.index));
        let by_place = index.and_then(|index| component.rules.get(usize::try_from(index).ok()?));
        let named = reference.and_then(|rule| rule.id.as_ref());
        let id = result.rule_id.as_ref().or(named);
        by_place.or_else(|| by_id.get(id?.as_str()).copied())
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
    let mut scores = scores.into_iter().flatten();
    let scored = scores.find_map(|properties| properties.security_severity.0);
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

#[cfg(test)]
#[path = "sarif_tests.rs"]
mod tests;
