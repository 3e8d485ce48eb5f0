//! What applying a bundle's migrations would do to an environment's database.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::rehearsal::Rehearsal;
use super::request::Phase;
use crate::digest::Digest;
use crate::settings::Settings;
use crate::windows::WindowKind;

/// What applying a bundle's migrations would do, in short: `migrate` knows the rest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MigrationPlan {
    /// Binds everything that counts: what stands applied, what is to be applied, and what
    /// each statement does. `migrate` applies nothing where it comes to another.
    pub digest: Digest,
    /// Which half of changes is applied.
    pub phase: Phase,
    /// The tool whose files they are.
    pub tool: String,
    /// The server and the database: `host:port/name`.
    pub place: String,
    /// The server's version: `17.10`.
    pub server: String,
    /// How many migrations are in.
    pub applied: usize,
    /// How many would be applied.
    pub pending: usize,
    /// Their files, the first of them.
    pub files: Vec<String>,
    /// The version that serves, whose migrations stay, where a release is undone. None: none
    /// serves, or nothing is undone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stays: Option<String>,
    /// How many of the other phase wait behind them.
    pub waiting: usize,
    /// How many statements there are of each class.
    pub classes: Counts,
    /// The statements that ask for care, the most careful first.
    pub statements: Vec<PlannedStatement>,
    /// How many more of them there are.
    pub more: usize,
    /// The bundle's own queries that are run afterwards, and on a copy before: `name: query`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<String>,
    /// How long they take by the sizes of tables, in seconds. None: nothing is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u64>,
    /// What became of them on a copy of the database. None: they were not tried on one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rehearsed: Option<Rehearsal>,
}

/// How many statements there are of each class.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Additive: stops nobody for longer than a moment.
    pub a: usize,
    /// Needs care.
    pub b: usize,
    /// Rewrites, destroys, or can't be seen through.
    pub c: usize,
}

/// A statement that asks for care.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedStatement {
    /// Its file and line.
    pub place: String,
    /// What it is: `ALTER TABLE … ADD COLUMN`.
    pub kind: String,
    /// Its class: `B` or `C`, or `A` where old code may not work on.
    pub class: String,
    /// The strongest lock that others may meet, and on what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<String>,
    /// Why it asks for care.
    pub reason: String,
    /// Why the version that serves may not work on; empty where it does.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub old_code: String,
}

impl PlannedStatement {
    /// Where it is, and what it is.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{} {}", self.place, self.kind)
    }

    /// In one line, for people: class, place, what it is, what it locks, and why it asks for
    /// care.
    #[must_use]
    pub fn sentence(&self) -> String {
        let lock = self.lock.as_ref();
        let lock = lock.map_or_else(String::new, |lock| format!(", locks {lock}"));
        let old_code = match self.old_code.as_str() {
            "" => String::new(),
            why => format!("; the version that serves: {why}"),
        };
        let Self {
            place,
            kind,
            class,
            reason,
            ..
        } = self;
        format!("{class}  {place}  {kind}{lock}: {reason}{old_code}")
    }
}

/// Why migrations can't enter an environment as its settings are.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{statements} {} of class C (the first: {first}), which rewrites, destroys or can't be seen through; \
     found {missing} in the settings of {environment}; expected approvers who see the statements, and a maintenance \
     window: add what is missing with `sluice env put`, or change what the statements do",
    if *.statements == 1 { "statement of its migrations is" } else { "statements of its migrations are" }
)]
pub struct Unfit {
    /// How many statements.
    pub statements: usize,
    /// The first of them.
    pub first: String,
    /// What the settings lack.
    pub missing: &'static str,
    /// The environment.
    pub environment: String,
}

impl Unfit {
    /// Why so many statements of class C can't be applied with these settings. None: people
    /// and time are foreseen for them.
    #[must_use]
    pub fn of(
        settings: &Settings,
        environment: &str,
        statements: usize,
        first: String,
    ) -> Option<Self> {
        let is_window = |kind: WindowKind| kind == WindowKind::Maintenance;
        let has_window = settings.windows.iter().any(|one| is_window(one.kind));
        let missing = match (settings.approval.is_some(), has_window) {
            (true, true) => return None,
            (false, true) => "no `approval`",
            (true, false) => "no maintenance window in `windows`",
            (false, false) => "neither `approval` nor a maintenance window",
        };
        Some(Self {
            statements,
            first,
            missing,
            environment: environment.to_owned(),
        })
    }
}

impl MigrationPlan {
    /// Whether people and time are foreseen for what these migrations do.
    ///
    /// # Errors
    /// With what the settings lack for statements of class C.
    pub fn check(&self, environment: &str, settings: &Settings) -> Result<(), Unfit> {
        if self.classes.c == 0 || self.pending == 0 {
            return Ok(());
        }
        let first = self.statements.first();
        let first = first.map_or_else(String::new, PlannedStatement::name);
        Unfit::of(settings, environment, self.classes.c, first).map_or(Ok(()), Err)
    }

    /// How long they take: as they took on a copy, or else by the sizes of tables. Nothing
    /// where neither is known.
    #[must_use]
    pub fn takes(&self) -> SignedDuration {
        let rehearsed = self.rehearsed.as_ref();
        let rehearsed = rehearsed.map(|one| one.milliseconds.div_ceil(1_000));
        let seconds = rehearsed.or(self.seconds).unwrap_or_default();
        SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX))
    }

    /// In one line, for people.
    #[must_use]
    pub fn sentence(&self) -> String {
        let Counts { a, b, c } = self.classes;
        let mut text = match self.pending {
            0 => format!("no migration to apply on {}", self.place),
            1 => format!("1 migration on {}", self.place),
            several => format!("{several} migrations on {}", self.place),
        };
        if self.pending > 0 {
            text.push_str(&format!(", statements of each class: {a} A, {b} B, {c} C"));
        }
        if self.waiting > 0 {
            let other = self.phase.other();
            text.push_str(&format!("; {} that {other} wait", self.waiting));
        }
        if let Some(rehearsed) = &self.rehearsed {
            text.push_str(&format!("; {}", rehearsed.sentence()));
        }
        text
    }
}
