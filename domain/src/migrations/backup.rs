//! What is saved before migrations are applied.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::plan::MigrationPlan;
use crate::document::{Problem, check_range};

/// What is saved before migrations are applied, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BackupPolicy {
    /// Before which migrations.
    pub before: BackupRule,
    /// The Aurora cluster whose snapshot is made. One of `cluster`, `instance` and
    /// `function`, unless `before` is `none`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// The RDS instance whose snapshot is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// A function of the team's that makes a backup elsewhere and answers with its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
    /// How long a snapshot is kept, in days.
    pub keep_days: u32,
    /// Whether the server must keep what point-in-time recovery needs. Of a cluster or an
    /// instance alone it can be known.
    pub point_in_time_recovery: bool,
}

/// Before which migrations a backup is made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BackupRule {
    /// Before all.
    #[default]
    All,
    /// Before those that do more than add: with a statement of class B or C.
    BAndC,
    /// Before none.
    None,
}

/// Where a backup is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Backup<'a> {
    /// A snapshot of an Aurora cluster.
    Cluster(&'a str),
    /// A snapshot of an RDS instance.
    Instance(&'a str),
    /// Whatever a function makes.
    Function(&'a str),
}

impl Default for BackupPolicy {
    fn default() -> Self {
        Self {
            before: BackupRule::All,
            cluster: None,
            instance: None,
            function: None,
            keep_days: 7,
            point_in_time_recovery: true,
        }
    }
}

impl BackupPolicy {
    /// Where a backup is made; none where the settings name no place.
    #[must_use]
    pub fn place(&self) -> Option<Backup<'_>> {
        let cluster = self.cluster.as_deref().map(Backup::Cluster);
        let instance = self.instance.as_deref().map(Backup::Instance);
        let function = self.function.as_deref().map(Backup::Function);
        cluster.or(instance).or(function)
    }

    pub(crate) fn check(&self, problems: &mut Vec<Problem>) {
        check_range(
            "database.backup.keep_days",
            self.keep_days,
            1,
            3_650,
            problems,
        );
        let named = [&self.cluster, &self.instance, &self.function];
        let found = named.into_iter().flatten().count();
        let expected = usize::from(self.before != BackupRule::None);
        if found != expected {
            problems.push(Problem::new(
                "database.backup",
                format!(
                    "found {found} of `cluster`, `instance` and `function`; expected one of them, \
                     or none beside `\"before\": \"none\"`"
                ),
            ));
        }
    }
}

/// The backup that is made before these migrations; none where the settings ask for none.
#[must_use]
pub fn begins_with_backup<'a>(
    policy: &'a BackupPolicy,
    plan: &MigrationPlan,
) -> Option<Backup<'a>> {
    let is_made = match policy.before {
        BackupRule::All => true,
        BackupRule::BAndC => plan.classes.b + plan.classes.c > 0,
        BackupRule::None => false,
    };
    policy.place().filter(|_| is_made && plan.pending > 0)
}
