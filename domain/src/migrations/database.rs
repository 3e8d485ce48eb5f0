//! Where an environment's database is, and how Sluice gets in.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::backup::BackupPolicy;
use super::operation::ContractPolicy;
use super::rehearsal::RehearsalPolicy;
use crate::document::{Problem, check_range};

/// Lambda ends a function after so many seconds, which one statement has to stay below:
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-timeout.html>.
const LONGEST_STATEMENT: u64 = 840;

/// The PostgreSQL database that releases of an environment migrate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// The function that migrates, by ARN: the one deployed with `template-migrate.yaml`
    /// into the database's account and VPC. Left out: Sluice's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub migrator: Option<String>,
    /// A secret in Secrets Manager, by name or ARN, with `username` and `password`, and
    /// with `host`, `port` and `dbname` unless they stand here. Exactly one of `secret`
    /// and `iam`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// A user who signs in with a token of RDS IAM authentication.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iam: Option<IamUser>,
    /// The endpoint of the writer itself, not of a pooler or proxy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Its port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// The database's name on the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The certificates of the server's authority, as PEM. Left out: those of Amazon RDS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<String>,
    /// How long a statement may wait for a lock on a table, in milliseconds: so long
    /// everybody waits who comes after it. It is asked for again and again.
    #[serde(default = "default_lock")]
    pub lock_timeout_ms: u64,
    /// How long a statement may go on being tried while others hold what it locks, in
    /// seconds.
    #[serde(default = "default_patience")]
    pub lock_patience_seconds: u64,
    /// How long a statement may run, in seconds.
    #[serde(default = "default_statement")]
    pub statement_timeout_seconds: u64,
    /// What is saved before migrations are applied.
    #[serde(default)]
    pub backup: BackupPolicy,
    /// When migrations that contract may be applied.
    #[serde(default)]
    pub contract: ContractPolicy,
    /// How migrations are tried on a copy before people are asked. Left out: they are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rehearsal: Option<RehearsalPolicy>,
}

/// A user of the database whose password is a token that AWS gives for 15 minutes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IamUser {
    /// The user's name in the database, who has been granted `rds_iam`.
    pub user: String,
    /// The region of the server. Left out: that of the function that migrates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
}

/// How Sluice gets in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credentials<'a> {
    /// With what a secret says.
    Secret(&'a str),
    /// With a token, at this host and database.
    Iam {
        /// Who.
        user: &'a IamUser,
        /// The server.
        host: &'a str,
        /// The database.
        name: &'a str,
    },
}

/// A bundle brings migrations, and nobody said for which database.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the bundle brings migrations, and the settings of {environment} name no database; expected `database`: add it with \
     `sluice env put`"
)]
pub struct NoDatabase {
    /// The environment.
    pub environment: String,
}

fn default_lock() -> u64 {
    500
}

fn default_patience() -> u64 {
    60
}

fn default_statement() -> u64 {
    600
}

impl Database {
    /// How Sluice gets in. None: the settings do not say, which is refused where they
    /// are stored.
    #[must_use]
    pub fn credentials(&self) -> Option<Credentials<'_>> {
        match (&self.secret, &self.iam) {
            (Some(secret), None) => Some(Credentials::Secret(secret)),
            (None, Some(user)) => Some(Credentials::Iam {
                user,
                host: self.host.as_deref()?,
                name: self.name.as_deref()?,
            }),
            _ => None,
        }
    }

    pub(crate) fn check(&self, problems: &mut Vec<Problem>) {
        let found = match (&self.secret, &self.iam) {
            (Some(_), Some(_)) => Some("both `secret` and `iam`"),
            (None, None) => Some("neither `secret` nor `iam`"),
            _ => None,
        };
        if let Some(found) = found {
            let message = format!("found {found}; expected one");
            problems.push(Problem::new("database", message));
        }
        let is_whole = self.iam.is_none() || (self.host.is_some() && self.name.is_some());
        if !is_whole {
            let message =
                "found `iam` without `host` or `name`; expected both: no secret says them";
            problems.push(Problem::new("database", message));
        }
        let ranges = [
            ("lock_timeout_ms", self.lock_timeout_ms, 10, 60_000),
            ("lock_patience_seconds", self.lock_patience_seconds, 0, 600),
            (
                "statement_timeout_seconds",
                self.statement_timeout_seconds,
                1,
                LONGEST_STATEMENT,
            ),
        ];
        for (name, found, least, most) in ranges {
            check_range(&format!("database.{name}"), found, least, most, problems);
        }
        if let Some(arn) = self.migrator.as_deref().filter(|arn| !is_function(arn)) {
            let message = format!("found `{arn}`; expected the ARN of a Lambda function");
            problems.push(Problem::new("database.migrator", message));
        }
        self.backup.check(problems);
        self.contract.check(problems);
        if let Some(rehearsal) = &self.rehearsal {
            rehearsal.check(&self.backup, problems);
        }
    }
}

fn is_function(arn: &str) -> bool {
    let mut parts = arn.split(':');
    parts.next() == Some("arn") && parts.nth(1) == Some("lambda") && arn.contains(":function:")
}
