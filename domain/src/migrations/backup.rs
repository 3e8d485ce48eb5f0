//! What is saved before migrations are applied.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::keeper::Keeper;
use super::plan::{Counts, MigrationPlan};
use crate::document::{Problem, check_range};
use crate::naming::LONGEST_SERVER;

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
    /// A function of the team's that puts the database back to such a backup. Only beside
    /// `function`: of a cluster or an instance Sluice restores the snapshot itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restore: Option<String>,
    /// How long a snapshot is kept, in days.
    pub keep_days: u32,
    /// Whether the server must keep what point-in-time recovery needs. Of a cluster or an
    /// instance alone it can be known.
    pub point_in_time_recovery: bool,
    /// Whether `database.host` is another name of the cluster or the instance, such as a
    /// CNAME. Else it must be an endpoint of that very server.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub host_is_another_name: bool,
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

/// Why no backup can be restored with these settings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CannotRestore {
    /// They do not say what backups are of.
    #[error(
        "the settings name none of `cluster`, `instance` and `function` under `database.backup`; expected the server \
         whose backup is restored: add it with `sluice env put`. Nothing was changed"
    )]
    NoPlace,
    /// Backups are a function's, and nobody puts them back.
    #[error(
        "the settings name a `function` that makes backups and none that puts the database back to one; expected \
         `database.backup.restore`: add it with `sluice env put`. Nothing was changed"
    )]
    NoFunction,
    /// The servers beside it would have names that RDS does not take.
    #[error(
        "the server's name `{0}` is longer than {LONGEST_SERVER} characters; expected room for what Sluice appends to \
         the names of the servers beside it, since RDS takes 63: restore by hand. Nothing was changed"
    )]
    LongName(String),
}

impl Default for BackupPolicy {
    fn default() -> Self {
        Self {
            before: BackupRule::All,
            cluster: None,
            instance: None,
            function: None,
            restore: None,
            keep_days: 7,
            point_in_time_recovery: true,
            host_is_another_name: false,
        }
    }
}

impl BackupPolicy {
    /// Where a backup is made; none where the settings name no place.
    #[must_use]
    pub fn place(&self) -> Option<Keeper<'_>> {
        let cluster = self.cluster.as_deref().map(Keeper::Cluster);
        let instance = self.instance.as_deref().map(Keeper::Instance);
        let function = self.function.as_deref().map(Keeper::Function);
        cluster.or(instance).or(function)
    }

    /// The backup that is made before statements of these classes; none where the settings
    /// ask for none.
    #[must_use]
    pub fn made_before(&self, classes: Counts) -> Option<Keeper<'_>> {
        let is_made = match self.before {
            BackupRule::All => true,
            BackupRule::BAndC => classes.b + classes.c > 0,
            BackupRule::None => false,
        };
        self.place().filter(|_| is_made)
    }

    /// How the database can be put back to a backup.
    ///
    /// # Errors
    /// Where the settings name no way.
    pub fn can_restore(&self) -> Result<Keeper<'_>, CannotRestore> {
        let server = match self.place() {
            None => return Err(CannotRestore::NoPlace),
            Some(Keeper::Function(_)) => {
                let restore = self.restore.as_deref().map(Keeper::Function);
                return restore.ok_or(CannotRestore::NoFunction);
            }
            Some(Keeper::Cluster(name)) => Keeper::Cluster(name),
            Some(Keeper::Instance(name)) => Keeper::Instance(name),
        };
        match server.name() {
            name if name.len() > LONGEST_SERVER => Err(CannotRestore::LongName(name.to_owned())),
            _ => Ok(server),
        }
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
        for (field, name) in [("cluster", &self.cluster), ("instance", &self.instance)] {
            let Some(name) = name
                .as_deref()
                .filter(|name| name.chars().any(char::is_uppercase))
            else {
                continue;
            };
            problems.push(Problem::new(
                format!("database.backup.{field}"),
                format!(
                    "`{name}` has capital letters; expected `{}`: RDS keeps names in lower case",
                    name.to_lowercase()
                ),
            ));
        }
        if self.restore.is_some() && self.function.is_none() {
            problems.push(Problem::new(
                "database.backup.restore",
                "found it without `function`; expected it beside `function` alone: Sluice itself \
                 restores the snapshot of a cluster or an instance",
            ));
        }
    }
}

/// The backup that is made before these migrations; none where the settings ask for none.
#[must_use]
pub fn begins_with_backup<'a>(
    policy: &'a BackupPolicy,
    plan: &MigrationPlan,
) -> Option<Keeper<'a>> {
    let backup = policy.made_before(plan.classes);
    backup.filter(|_| plan.pending > 0)
}
