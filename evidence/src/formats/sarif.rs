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
    guid: Option<String>,
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
    guid: Option<String>,
    name: Option<String>,
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
    #[serde(default, deserialize_with = "json::or_default")]
    tool_execution_notifications: List<Notification>,
    #[serde(default, deserialize_with = "json::or_default")]
    tool_configuration_notifications: List<Notification>,
}

/// What befell the tool itself.
#[derive(Deserialize)]
struct Notification {
    level: Option<String>,
    message: Option<Message>,
}

impl Invocation {
    /// What the tool could not do. The specification (3.58.6): with an error the analysis
    /// was halted, or its results are incorrect or incomplete.
    fn error(&self) -> Option<&Notification> {
        let lists = [
            &self.tool_execution_notifications,
            &self.tool_configuration_notifications,
        ];
        let mut all = lists.into_iter().flat_map(|list| list.iter());
        all.find(|one| one.level.as_deref() == Some("error"))
    }
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
        let rules = Rules::of(&run.tool);
        for result in run.results.iter().flat_map(|results| results.iter()) {
            result.add(&rules, &mut kept)?;
        }
    }
    Ok(Read::by(tools, Content::Findings(Findings::from(kept))))
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
        if let Some(error) = self.invocations.iter().find_map(Invocation::error) {
            let why = json::or_empty(error.message.as_ref().and_then(Message::text).cloned());
            let why = brief(&format!("{name} met an error {why}"));
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
}

impl Message {
    fn text(&self) -> Option<&String> {
        self.text.as_ref().or(self.markdown.as_ref())
    }
}

/// The rules of a run: those of its driver, the first component, and of its extensions.
struct Rules<'r> {
    components: Vec<&'r Driver>,
    /// The components by name and by guid; of several with one, the first.
    named: BTreeMap<&'r str, usize>,
    /// Each component's rules by their ids; of several with one id, the first.
    by_id: BTreeMap<(usize, &'r str), &'r Rule>,
    /// The first component that has a rule of this id.
    first: BTreeMap<&'r str, usize>,
}

impl<'r> Rules<'r> {
    fn of(tool: &'r RunTool) -> Self {
        let components: Vec<&Driver> = std::iter::once(&tool.driver)
            .chain(tool.extensions.iter())
            .collect();
        let (mut named, mut by_id, mut first) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for (at, component) in components.iter().enumerate() {
            named.entry(component.name.as_str()).or_insert(at);
            if let Some(guid) = &component.guid {
                named.entry(guid).or_insert(at);
            }
            for rule in component.rules.iter() {
                by_id.entry((at, rule.id.as_str())).or_insert(rule);
                first.entry(rule.id.as_str()).or_insert(at);
            }
        }
        Self {
            components,
            named,
            by_id,
            first,
        }
    }

    /// The rule that a result names: by its place, if the rule there has the result's id,
    /// or by id, in the component that is named or else in any.
    fn of_result(&self, result: &ResultEntry) -> Option<&'r Rule> {
        let reference = result.rule.as_ref();
        let component = match reference.and_then(|rule| rule.tool_component.as_ref()) {
            Some(named) => self.component(named),
            None => Some(0),
        };
        let index = result.rule_index.or(reference.and_then(|rule| rule.index));
        let by_place = index.zip(component).and_then(|(index, component)| {
            let rules = &self.components.get(component)?.rules;
            rules.get(usize::try_from(index).ok()?)
        });
        let Some(id) = result.id() else {
            return by_place;
        };
        let fits = |rule: &&Rule| ids(id).any(|one| one == rule.id);
        by_place.filter(fits).or_else(|| {
            ids(id).find_map(|id| {
                let of = |component| self.by_id.get(&(component, id)).copied();
                let anywhere = || of(*self.first.get(id)?);
                component.and_then(of).or_else(anywhere)
            })
        })
    }

    /// A component by its place among the extensions, its guid or its name.
    fn component(&self, reference: &ComponentReference) -> Option<usize> {
        let place = reference
            .index
            .and_then(|index| usize::try_from(index).ok());
        let place = place.and_then(|index| index.checked_add(1));
        let place = place.filter(|place| *place < self.components.len());
        let named = [&reference.guid, &reference.name];
        let mut named = named.into_iter().flatten();
        place.or_else(|| named.find_map(|name| self.named.get(name.as_str()).copied()))
    }
}

/// An id, and those that it is a part of: `CA1000/1` is of the rule `CA1000` (3.27.5).
fn ids(id: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(id), |id| Some(id.rsplit_once('/')?.0))
}

impl ResultEntry {
    fn id(&self) -> Option<&String> {
        let named = self.rule.as_ref().and_then(|rule| rule.id.as_ref());
        self.rule_id.as_ref().or(named)
    }

    fn add(&self, rules: &Rules<'_>, kept: &mut Kept) -> Result<(), Error> {
        let kind = self.kind.as_deref().unwrap_or("fail");
        let is_gone = self.baseline_state.as_deref() == Some("absent");
        if kind != "fail" || is_gone {
            return Ok(());
        }
        if self.is_suppressed() {
            kept.suppressed += 1;
            return Ok(());
        }
        let rule = rules.of_result(self);
        let id = self.id().or(rule.map(|rule| &rule.id));
        let title = self.message.as_ref().and_then(Message::text);
        kept.add(Finding {
            id: id.cloned().unwrap_or_default(),
            severity: severity(self, rule),
            place: self.place(),
            title: title.cloned().unwrap_or_default(),
        })
    }

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
