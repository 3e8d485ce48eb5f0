//! What a bundle's migrations come to in an environment, as far as that can be told without
//! its database: which of them are pending is known there alone.

use serde::Serialize;
use sluice_domain::manifest::Manifest;
use sluice_domain::migrations::{
    BackupPolicy, BackupRule, Counts, Database, Keeper, Migrations, NoDatabase, PlannedStatement,
    Unfit,
};
use sluice_domain::settings::Settings;
use sluice_migration::{Class, Phase, Refusal, Tool, lint, read_archive};
use sluice_migrator::apply::{Folder, Limits};
use sluice_migrator::plan::Plan;

use crate::finding::Finding;
use crate::pack::Bundle;
use crate::paint::{Style, Table, Tone};
use crate::words::span;

/// The most statements of a phase that are listed, as in the message to approvers.
const STATEMENTS: usize = 10;

/// The most faults that are told, of each kind.
const FAULTS: usize = 5;

/// What findings are about.
const SUBJECT: &str = "migrations";

const DAY: u64 = 24 * 60 * 60;

/// What a bundle's migrations come to in an environment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Foreseen {
    /// The tool whose they are. None: it can't be told.
    pub tool: Option<Tool>,
    /// Whether a release applies them: a preview does not.
    pub applied: bool,
    /// What expands, and what contracts.
    pub phases: [Half; 2],
    /// Why no release with them is taken, whatever stands applied.
    pub refused: Vec<Refusal>,
    /// Why none is taken as long as these files are pending.
    pub refused_if_pending: Vec<Refusal>,
    /// What a backup is made of before. None: none is made.
    pub backup: Option<String>,
    /// What makes, or is copied for, a copy on which they are tried before. None: they are not.
    pub rehearsal: Option<String>,
    /// How many queries of the bundle must find nothing afterwards.
    pub checks: usize,
    /// What says the rest, beside the database.
    pub next: String,
    /// What people are told of settings and manifest, a line each.
    #[serde(skip)]
    terms: Vec<String>,
    #[serde(skip)]
    findings: Vec<Finding>,
}

/// The files of a phase, applied or not.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Half {
    /// Which.
    pub phase: Phase,
    /// How many files.
    pub files: usize,
    /// How many statements there are of each class.
    pub classes: Counts,
    /// Those that ask for care, of the newest file first: the first of them.
    pub statements: Vec<PlannedStatement>,
    /// How many more of them there are.
    pub more: usize,
    /// The newest of class C.
    #[serde(skip)]
    first_c: Option<String>,
}

/// Migrations that were read.
struct Brought {
    tool: Option<Tool>,
    phases: [Half; 2],
    refused: Vec<Refusal>,
    refused_if_pending: Vec<Refusal>,
}

impl Foreseen {
    /// What a bundle's migrations come to. None: it brings none.
    #[must_use]
    pub fn of(bundle: &Bundle, environment: &str, settings: &Settings) -> Option<Self> {
        let migrations = bundle.manifest.migrations.as_ref()?;
        let zip = bundle.files.get(&migrations.zip.key);
        let Brought {
            tool,
            phases,
            refused,
            refused_if_pending,
        } = Brought::read(migrations, zip.map_or(&[], Vec::as_slice));
        let database = settings.database.as_ref();
        let expand = phases[0].classes;
        let backup = database.and_then(|one| one.backup.made_before(expand));
        let rehearsal = database.and_then(Database::original);
        let mut foreseen = Self {
            tool,
            applied: settings.preview_of.is_none(),
            phases,
            refused,
            refused_if_pending,
            backup: backup.map(|keeper| keeper.to_string()),
            rehearsal: rehearsal.map(|keeper| keeper.to_string()),
            checks: migrations.checks.len(),
            next: next(migrations),
            terms: Vec::new(),
            findings: Vec::new(),
        };
        foreseen.terms = foreseen.terms(migrations, &bundle.manifest, database);
        foreseen.findings = foreseen.findings(environment, settings);
        Some(foreseen)
    }

    /// What would keep a release out, and what may.
    #[must_use]
    pub fn told(&self) -> &[Finding] {
        &self.findings
    }

    /// Whether a release may apply any of them.
    #[must_use]
    pub fn is_applied(&self) -> bool {
        let [expand, _] = &self.phases;
        self.applied && expand.files > 0
    }

    /// For people.
    #[must_use]
    pub fn lines(&self, style: Style) -> Vec<String> {
        let files: usize = self.phases.iter().map(|half| half.files).sum();
        if !self.applied {
            return vec![format!(
                "migrations: {files} files, none of which a preview applies: it uses the schema that is there"
            )];
        }
        let mut lines = match files {
            0 => vec!["migrations: no file of them can be read".to_owned()],
            _ => self.table().lines(style),
        };
        for half in &self.phases {
            lines.extend(half.lines(style));
        }
        lines.extend(self.terms.iter().map(|term| format!("- {term}")));
        lines.push(format!(
            "- which of them are pending, whom they stop for how long, and what else speaks against them is known \
             only beside the database: `{}`",
            self.next
        ));
        lines
    }

    fn table(&self) -> Table {
        let tool = self.tool.map_or("no tool", Tool::name);
        let title = format!("migrations ({tool})");
        let mut table = Table::new(&[&title, "files", "class A", "class B", "class C", ""]);
        for half in self.phases.iter().filter(|half| half.files > 0) {
            let Counts { a, b, c } = half.classes;
            let does = match half.phase {
                Phase::Expand => "applied before code gets traffic",
                Phase::Contract => "waits for `sluice migrate contract`",
            };
            let count = |tone, count: usize| match count {
                0 => (Tone::Plain, "0".to_owned()),
                some => (tone, some.to_string()),
            };
            table.row(vec![
                (Tone::Strong, half.phase.name().to_owned()),
                count(Tone::Plain, half.files),
                count(Tone::Plain, a),
                count(Tone::Doubt, b),
                count(Tone::Bad, c),
                (Tone::Faint, does.to_owned()),
            ]);
        }
        table
    }

    /// What settings and manifest say of them.
    fn terms(
        &self,
        migrations: &Migrations,
        manifest: &Manifest,
        database: Option<&Database>,
    ) -> Vec<String> {
        let mut terms = Vec::new();
        if let Some(database) = database {
            terms.push(match database.original() {
                Some(keeper) => format!("tried first on a copy {}", copied(keeper)),
                None => "not tried on a copy first: the settings name no `database.rehearsal`"
                    .to_owned(),
            });
            terms.push(self.backup(&database.backup));
            let [_, contract] = &self.phases;
            let idle = database.contract.idle_seconds;
            if contract.files > 0 && idle > 0 {
                let idle = span(idle);
                terms.push(format!(
                    "what contracts waits until older code was not called for {idle}"
                ));
            }
        }
        match self.checks {
            0 => {}
            1 => terms.push("1 check of the bundle must find nothing afterwards".to_owned()),
            several => terms.push(format!(
                "{several} checks of the bundle must find nothing afterwards"
            )),
        }
        let reads = migrations.reads.as_ref();
        if let Some(to) = reads.and_then(|reads| reads.to.as_deref()) {
            let version = &manifest.version;
            terms.push(format!(
                "as long as {version} serves, nothing is applied that comes after `{to}` (`migrations.reads.to`)"
            ));
        }
        terms
    }

    fn backup(&self, policy: &BackupPolicy) -> String {
        let Some(keeper) = policy.made_before(self.phases[0].classes) else {
            return match policy.before {
                BackupRule::None => "no backup before: `database.backup.before` is `none`",
                BackupRule::All | BackupRule::BAndC => {
                    "no backup before: none of what expands is of class B or C"
                }
            }
            .to_owned();
        };
        let of = match keeper {
            Keeper::Function(name) => format!("by function {name}"),
            Keeper::Cluster(_) | Keeper::Instance(_) => {
                let days = span(u64::from(policy.keep_days) * DAY);
                format!("of {keeper}, kept for {days}")
            }
        };
        let unless = match policy.before {
            BackupRule::BAndC => ", if a statement of class B or C is pending",
            BackupRule::All | BackupRule::None => "",
        };
        format!("a backup before, {of}{unless}")
    }

    fn findings(&self, environment: &str, settings: &Settings) -> Vec<Finding> {
        if !self.applied {
            return Vec::new();
        }
        let mut findings = Vec::new();
        if settings.database.is_none() {
            let environment = environment.to_owned();
            let message = NoDatabase { environment }.to_string();
            findings.push(Finding::problem(SUBJECT, message, ""));
        }
        findings.extend(faults(&self.refused, |fault, next| {
            Finding::problem(SUBJECT, fault, next)
        }));
        findings.extend(faults(&self.refused_if_pending, |fault, next| {
            let mend = format!("unless it is applied already, a release is refused: {next}");
            Finding::note(SUBJECT, fault, mend)
        }));
        let unfit = self.phases.iter();
        findings.extend(unfit.filter_map(|half| half.unfit(environment, settings)));
        findings
    }
}

/// The first of them, and how many more there are.
fn faults(refused: &[Refusal], finding: impl Fn(String, String) -> Finding) -> Vec<Finding> {
    let first = refused.iter().take(FAULTS);
    let mut found: Vec<Finding> = first
        .map(|one| finding(one.fault(), one.next.clone()))
        .collect();
    if refused.len() > FAULTS {
        let more = refused.len() - FAULTS;
        let all = "`sluice migrate lint` shows all of them".to_owned();
        found.push(finding(format!("{more} more faults"), all));
    }
    found
}

/// The command that says the rest, of the same files.
fn next(migrations: &Migrations) -> String {
    let mut next = "sluice migrate plan FOLDER --database URL".to_owned();
    if let Some(tool) = migrations.tool {
        next.push_str(&format!(" --tool {}", Tool::from(tool)));
    }
    for pattern in &migrations.contract {
        let pattern = pattern.replace('\'', "'\\''");
        next.push_str(&format!(" --contract '{pattern}'"));
    }
    next
}

fn copied(from: Keeper<'_>) -> String {
    match from {
        Keeper::Function(name) => format!("that function {name} makes"),
        Keeper::Cluster(_) | Keeper::Instance(_) => {
            format!("that is restored from the newest snapshot of {from}")
        }
    }
}

impl Brought {
    fn read(migrations: &Migrations, zip: &[u8]) -> Self {
        let reading = match read_archive(&migrations.zip.key, zip, migrations) {
            Ok(reading) => reading,
            Err(refusal) => return Self::unread(vec![*refusal]),
        };
        let lint = lint(&reading);
        let folder = match Folder::new(reading, &lint) {
            Ok(folder) => folder,
            Err(refused) => return Self::unread(refused),
        };
        let plan = Plan::of_nothing(&folder, &lint, Limits::default());
        let anyway = folder.refused_anyway();
        let if_pending = plan.refused.iter().filter(|one| !anyway.contains(one));
        Self {
            tool: Some(folder.tool),
            phases: [Phase::Expand, Phase::Contract].map(|phase| Half::of(&folder, &plan, phase)),
            refused_if_pending: if_pending.cloned().collect(),
            refused: anyway,
        }
    }

    /// Nobody knows what they are.
    fn unread(refused: Vec<Refusal>) -> Self {
        Self {
            tool: None,
            phases: [Phase::Expand, Phase::Contract].map(Half::empty),
            refused,
            refused_if_pending: Vec::new(),
        }
    }
}

impl Half {
    fn empty(phase: Phase) -> Self {
        Self {
            phase,
            files: 0,
            classes: Counts::default(),
            statements: Vec::new(),
            more: 0,
            first_c: None,
        }
    }

    /// What a folder has of a phase. What was written last is most likely to be pending.
    fn of(folder: &Folder, plan: &Plan, phase: Phase) -> Self {
        let files = folder.files.iter();
        let files = files.filter(|one| one.file.phase == phase).count();
        let careful: Vec<_> = plan.careful(phase).collect();
        let of_files = careful.chunk_by(|one, next| one.0.path == next.0.path);
        let newest: Vec<_> = of_files.rev().flatten().collect();
        let first_c = newest.iter().find(|(_, one)| one.class == Class::C);
        Self {
            phase,
            files,
            classes: plan.counts(phase),
            more: careful.len().saturating_sub(STATEMENTS),
            first_c: first_c.map(|(file, one)| one.planned(file).name()),
            statements: newest
                .iter()
                .take(STATEMENTS)
                .map(|(file, one)| one.planned(file))
                .collect(),
        }
    }

    fn lines(&self, style: Style) -> Vec<String> {
        if self.statements.is_empty() {
            return Vec::new();
        }
        let phase = self.phase.name();
        let mut lines = vec![format!("{phase}: what asks for care, the newest first")];
        lines.extend(self.statements.iter().map(|one| {
            let told = one.sentence();
            let tone = match one.class.as_str() {
                "C" => Tone::Bad,
                "B" => Tone::Doubt,
                _ => Tone::Plain,
            };
            let rest = told.strip_prefix(&one.class).unwrap_or_default();
            format!("  {}{rest}", style.paint(tone, &one.class))
        }));
        if self.more > 0 {
            let more = self.more;
            lines.push(format!("  {more} more: `sluice migrate lint` shows them"));
        }
        lines
    }

    /// What the settings lack for what is of class C.
    fn unfit(&self, environment: &str, settings: &Settings) -> Option<Finding> {
        let first = self.first_c.clone()?;
        let unfit = Unfit::of(settings, environment, self.classes.c, first)?;
        let refused = match self.phase {
            Phase::Expand => "a release",
            Phase::Contract => "`sluice migrate contract`",
        };
        let mend = format!("as long as one of them is pending, {refused} is refused");
        Some(Finding::note(SUBJECT, unfit.to_string(), mend))
    }
}

#[cfg(test)]
#[path = "foreseen_tests.rs"]
mod tests;
