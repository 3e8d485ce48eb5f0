//! What a release would do to an environment, for people and for scripts.

use serde_json::{Value, json};
use sluice_domain::entry::{EntryRules, Start};
use sluice_domain::evidence::{Assessment, CheckOutcome};
use sluice_domain::plan::{Change, FunctionPlan, Plan};
use sluice_domain::settings::Settings;

use crate::elsewhere;
use crate::finding::{Finding, Level};
use crate::forecast::Forecast;
use crate::foreseen::Foreseen;
use crate::outlook::Outlook;
use crate::pack::Bundle;
use crate::paint::{Style, Table, Tone};
use crate::words::{span, step};

fn findings(settings: &Settings, forecast: &Forecast) -> Vec<Finding> {
    let frozen = settings.frozen.iter().map(|freeze| {
        let message = format!("{} froze the environment: {}", freeze.by, freeze.reason);
        Finding::problem("frozen", message, "take `frozen` out of the settings")
    });
    frozen.chain(forecast.findings(settings)).collect()
}

/// What would be released.
#[derive(Debug, Clone, PartialEq)]
pub struct Release {
    /// The bundle.
    pub bundle: Bundle,
    /// What it would change.
    pub plan: Plan,
}

/// A release that was not asked for yet, and the environment that it would enter.
#[derive(Debug, Clone, PartialEq)]
pub struct Planned {
    place: String,
    settings: Settings,
    release: Option<Release>,
    forecast: Forecast,
    outlook: Outlook,
    evidence: Option<Assessment>,
    migrations: Option<Foreseen>,
    findings: Vec<Finding>,
}

impl Planned {
    /// Puts it together. Without a release it is the environment alone.
    #[must_use]
    pub fn of(
        place: String,
        settings: Settings,
        release: Option<Release>,
        forecast: Forecast,
    ) -> Self {
        Self {
            place,
            findings: findings(&settings, &forecast),
            settings,
            release,
            forecast,
            outlook: Outlook::default(),
            evidence: None,
            migrations: None,
        }
    }

    /// The same with what else a person should know before it is released.
    #[must_use]
    pub fn with(mut self, findings: Vec<Finding>) -> Self {
        let worth_telling = findings
            .into_iter()
            .filter(|finding| finding.level != Level::Ok);
        self.findings.extend(worth_telling);
        self
    }

    /// The same with what windows and guards say now.
    #[must_use]
    pub fn with_outlook(mut self, outlook: Outlook) -> Self {
        self.findings.extend(outlook.findings());
        self.outlook = outlook;
        self
    }

    /// The same with what the environment says of the bundle's packages and evidence.
    #[must_use]
    pub fn with_evidence(mut self, evidence: Option<Assessment>) -> Self {
        let refusals = evidence.iter().flat_map(Assessment::refusals);
        self.findings.extend(refusals.map(|check| {
            let mend = "mend the build, or change `evidence` in the settings";
            Finding::problem("evidence", check.to_string(), mend)
        }));
        self.evidence = evidence;
        self
    }

    /// The same with what the bundle's migrations come to.
    #[must_use]
    pub fn with_migrations(mut self, migrations: Option<Foreseen>) -> Self {
        let findings = migrations.iter().flat_map(Foreseen::told);
        self.findings.extend(findings.cloned());
        self.migrations = migrations;
        self
    }

    /// As one JSON document.
    #[must_use]
    pub fn document(&self) -> Value {
        let release = self.release.as_ref().map(|Release { bundle, plan }| {
            let manifest = &bundle.manifest;
            json!({
                "version": manifest.version,
                "commit": manifest.commit,
                "author": manifest.author,
                "bundle": bundle.digest(),
                "functions": plan.functions,
            })
        });
        json!({
            "place": self.place,
            "release": release,
            "entry": self.settings.entry,
            "evidence": self.evidence,
            "approval": self.settings.approval,
            "suites": self.settings.suites,
            "migrations": self.migrations,
            "forecast": self.forecast,
            "windows": self.outlook.windows,
            "guards": self.outlook.guards,
            "stays": self.stays(),
            "findings": self.findings,
        })
    }

    /// For people.
    #[must_use]
    pub fn lines(&self, style: Style) -> Vec<String> {
        let mut lines = vec![self.title(style), enters(&self.settings.entry)];
        lines.extend(self.evidence.as_ref().map(counted));
        lines.extend(self.settings.role.as_ref().map(elsewhere::told));
        lines.extend(self.replicas());
        lines.extend(self.asks());
        lines.extend(self.settings.suites.iter().map(ToString::to_string));
        lines.extend(self.hands_over());
        lines.extend(self.outlook.lines(style));
        lines.push(String::new());
        if let Some(release) = &self.release {
            lines.extend(changes(&release.plan).lines(style));
            lines.push(String::new());
            let database = self.database(style);
            if !database.is_empty() {
                lines.extend(database);
                lines.push(String::new());
            }
        }
        if self.forecast.functions.is_empty() {
            lines.push(
                "no traffic would be shifted step by step: there is nothing to judge".to_owned(),
            );
        } else {
            lines.extend(self.forecast.lines(style));
        }
        let stays = self.stays();
        if !stays.is_empty() {
            lines.push(String::new());
        }
        lines.extend(
            stays
                .iter()
                .map(|what| format!("not undone by a rollback: {what}")),
        );
        if !self.findings.is_empty() {
            lines.push(String::new());
        }
        let findings = self.findings.iter();
        lines.extend(findings.flat_map(|finding| finding.lines(style)));
        lines
    }

    /// What a release does to the database, if there is one or something for it.
    fn database(&self, style: Style) -> Vec<String> {
        match (&self.migrations, &self.settings.database) {
            (Some(migrations), _) => migrations.lines(style),
            (None, Some(_)) if self.settings.preview_of.is_none() => {
                vec![
                    "migrations: the bundle brings none, so a release leaves the database as it is"
                        .to_owned(),
                ]
            }
            (None, _) => Vec::new(),
        }
    }

    /// Images that Lambda takes from elsewhere than where the manifest names them.
    fn replicas(&self) -> Vec<String> {
        let Some(Release { bundle, plan }) = &self.release else {
            return Vec::new();
        };
        let told = |(name, function): (&String, &FunctionPlan)| {
            let image = bundle.manifest.functions.get(name)?.image.as_ref()?;
            let near = image.near_function(&function.arn, self.settings.role.as_ref());
            (near != *image).then(|| format!("{name}: the image has to be at {near}"))
        };
        plan.functions.iter().filter_map(told).collect()
    }

    fn title(&self, style: Style) -> String {
        let place = style.paint(Tone::Strong, &self.place);
        let Some(Release { bundle, .. }) = &self.release else {
            return format!("{place}  what a release can find out, if not one call fails");
        };
        let manifest = &bundle.manifest;
        let facts = format!(
            "bundle {}, commit {} by {}",
            bundle.digest().short(),
            manifest.commit.get(..7).unwrap_or(&manifest.commit),
            manifest.author.name
        );
        let version = style.paint(Tone::Strong, &manifest.version.to_string());
        format!("{place}  {version}  {}", style.paint(Tone::Faint, &facts))
    }

    /// What a rollback does not take back.
    fn stays(&self) -> Vec<String> {
        let Some(Release { bundle, plan }) = &self.release else {
            return Vec::new();
        };
        let mut stays = Vec::new();
        let changed = plan.changes().count();
        if changed > 0 {
            let s = if changed == 1 { "" } else { "s" };
            stays.push(format!("{changed} published version{s}, without traffic"));
        }
        let migrates = self.migrations.as_ref().is_some_and(Foreseen::is_applied);
        if migrates {
            stays.push("what its migrations change in the database".to_owned());
        }
        let (tests, suites) = (
            bundle.manifest.smoke_tests.len(),
            self.settings.suites.len(),
        );
        if changed > 0 && tests + suites > 0 {
            stays.push(format!(
                "what {tests} smoke tests and {suites} suites do to data and other systems"
            ));
        }
        if let Some(keep) = self.settings.keep_versions.filter(|_| changed > 0) {
            stays.push(format!(
                "once it is promoted, versions that Sluice published before the {keep} newest are deleted"
            ));
        }
        stays
    }

    /// Who shifts, if that is not Sluice.
    fn hands_over(&self) -> Option<String> {
        let codedeploy = self.settings.codedeploy.as_ref()?;
        let groups = codedeploy.functions.iter();
        let groups: Vec<String> = groups
            .map(|(function, group)| format!("{function} through {group}"))
            .collect();
        let then = step(&codedeploy.last_step());
        Some(format!(
            "CodeDeploy shifts {}; then {then}",
            groups.join(", ")
        ))
    }

    fn asks(&self) -> Option<String> {
        let policy = self.settings.approval.as_ref()?;
        let people: Vec<&str> = policy
            .approvers
            .iter()
            .map(|approver| approver.name.as_str())
            .collect();
        let count = policy.seats().len();
        Some(format!("asks {count} of {}", people.join(", ")))
    }
}

/// What may enter, and who begins it.
pub(crate) fn enters(rules: &EntryRules) -> String {
    let mut said = match rules.start {
        Start::Automatic => "begins by itself".to_owned(),
        Start::Manual => "begun by a person, with `sluice promote`".to_owned(),
    };
    if rules.soak_seconds > 0 {
        let soak = span(rules.soak_seconds);
        said.push_str(&format!(
            ", {soak} after the environment before promoted it"
        ));
    }
    for (name, patterns) in [("branches", &rules.branches), ("tags", &rules.tags)] {
        if !patterns.is_empty() {
            said.push_str(&format!("; {name} {}", patterns.join(", ")));
        }
    }
    said
}

/// How many checks came to what: `evidence: 4 pass, 5 not run`.
fn counted(assessment: &Assessment) -> String {
    let outcomes = [
        CheckOutcome::Pass,
        CheckOutcome::Waived,
        CheckOutcome::NotRun,
        CheckOutcome::Refuse,
    ];
    let checks = &assessment.checks;
    let counts = outcomes.map(|outcome| {
        let count = checks
            .iter()
            .filter(|check| check.outcome == outcome)
            .count();
        (count > 0).then(|| format!("{count} {}", outcome.name()))
    });
    let counts: Vec<String> = counts.into_iter().flatten().collect();
    format!("evidence: {}", counts.join(", "))
}

fn changes(plan: &Plan) -> Table {
    let mut table = Table::new(&["function", "version", "code", "configuration"]);
    for (name, function) in &plan.functions {
        let mut row = vec![(Tone::Plain, name.clone()), version(function)];
        if function.change != Change::Unchanged {
            row.push((Tone::Plain, code(function)));
            row.push((Tone::Plain, configuration(function)));
        }
        table.row(row);
    }
    table
}

fn version(function: &FunctionPlan) -> (Tone, String) {
    let current = function.current.as_ref();
    let current = current.map_or("none", |current| current.version.as_str());
    match function.change {
        Change::Unchanged => (Tone::Faint, format!("{current} stays")),
        Change::Update => (Tone::Strong, format!("{current} → new")),
        // It has no way back but removing the alias again.
        Change::First => (Tone::Doubt, "its first: alias in the last step".to_owned()),
    }
}

fn code(function: &FunctionPlan) -> String {
    let new = function.code.short();
    match &function.current {
        Some(current) if current.code == function.code => "the same".to_owned(),
        Some(current) => format!("{} → {new}", current.code.short()),
        None => new.to_owned(),
    }
}

fn configuration(function: &FunctionPlan) -> String {
    if function.configuration_changes.is_empty() {
        return "the same".to_owned();
    }
    function.configuration_changes.join("; ")
}

#[cfg(test)]
#[path = "planned_tests.rs"]
mod tests;
