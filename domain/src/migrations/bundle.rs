//! What a bundle brings for the database.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::document::{Problem, check_range};
use crate::manifest::{Artifact, check_key};

/// The longest integrity query, in bytes.
const LONGEST_QUERY: usize = 4_096;

/// The most integrity queries: each may take its time while a promotion holds its locks.
const MOST_QUERIES: usize = 20;

/// PostgreSQL migrations of a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Migrations {
    /// The team's migrations folder as a zip file of the bundle, with every migration that
    /// was ever applied.
    pub zip: Artifact,
    /// Whose way the files follow. Left out: what their names and contents tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<Tool>,
    /// Files that contract beside those that say so, with `*` for any characters: they
    /// run in a promotion of their own, once nothing uses what they take away.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contract: Vec<String>,
    /// Which schemas this release's code can work with. Left out: every one that no
    /// migration has contracted which the release does not bring itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reads: Option<Reads>,
    /// What must be true of the data once migrations are through.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<IntegrityCheck>,
}

/// Which schemas code can work with, by the versions of migrations as the tool writes them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reads {
    /// The migration that must have been applied. Left out: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The newest migration that may have been applied. Left out: any, as long as none
    /// contracts that the release does not bring.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

/// A query that finds what must not be there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IntegrityCheck {
    /// What it shows, in a few words.
    pub name: String,
    /// One `SELECT` that answers a row for each thing that is wrong. It runs in a
    /// transaction that can't write.
    pub query: String,
}

/// A migration tool whose files are understood and whose own table is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Tool {
    /// `<number>_<name>.sql`, of no tool.
    Plain,
    /// sqlx.
    Sqlx,
    /// refinery.
    Refinery,
    /// Flyway.
    Flyway,
    /// Prisma Migrate.
    Prisma,
    /// dbmate.
    Dbmate,
    /// golang-migrate.
    GolangMigrate,
    /// Diesel.
    Diesel,
}

impl Migrations {
    pub(crate) fn check(&self, problems: &mut Vec<Problem>) {
        check_key("migrations.zip.key", &self.zip.key, problems);
        let path = "migrations.checks";
        check_range(path, self.checks.len(), 0, MOST_QUERIES, problems);
        for (index, check) in self.checks.iter().enumerate() {
            let path = format!("{path}[{index}]");
            let is_named = !check.name.trim().is_empty();
            if !is_named {
                let message = "found nothing; expected what it shows, in a few words";
                problems.push(Problem::new(format!("{path}.name"), message));
            }
            let length = check.query.len();
            check_range(&format!("{path}.query"), length, 1, LONGEST_QUERY, problems);
        }
        for (index, pattern) in self.contract.iter().enumerate() {
            if pattern.trim_matches('*').is_empty() {
                problems.push(Problem::new(
                    format!("migrations.contract[{index}]"),
                    format!("found `{pattern}`; expected a pattern that some files do not fit"),
                ));
            }
        }
    }
}
