//! What `migrate` is told, and what it answers to the state machine.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::bundle::Migrations;
use super::database::Database;
use super::operation::Operation;
use crate::digest::Digest;
use crate::promotion::PromotionId;
use crate::role::Role;

/// Everything that `migrate` needs to know: where it runs it reaches neither settings nor
/// Sluice's tables.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The function that is asked: its ARN.
    pub function: String,
    /// For which promotion.
    pub promotion: PromotionId,
    /// What the bundle brings for the database. None: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brings: Option<Brought>,
    /// The release whose code has to get along with the schema, too. None: there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<Peer>,
    /// Where the database is.
    pub database: Database,
    /// The role that enters the account of its server. None: it is Sluice's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// What is done instead of releasing code. None: code is released.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<Operation>,
    /// Which half of changes is applied.
    pub phase: Phase,
    /// Whether the promotion takes the environment back to a bundle that was promoted
    /// before: then nothing is applied, and its code must still fit the schema.
    pub goes_back: bool,
}

/// That a promotion applies something to a database: whoever ends the promotion has `migrate`
/// end that, too. A part of the promotion's record. Where the database is and what opens it
/// stands in the settings alone: who writes records leads nobody there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Migrating {
    /// What the settings said of the database, as a digest.
    pub database: Digest,
    /// When the promotion got its locks, in milliseconds.
    pub epoch: i64,
}

/// By how many milliseconds clocks may differ.
const SLACK: i64 = 60_000;

impl Migrating {
    /// In this database, under this epoch.
    ///
    /// # Errors
    /// When what the settings say can't be written as JSON.
    pub fn of(database: &Database, epoch: i64) -> Result<Self, serde_json::Error> {
        let database = Digest::of_canonical(database)?;
        Ok(Self { database, epoch })
    }

    /// Whether it is this database, as the settings have it.
    #[must_use]
    pub fn is_in(&self, database: &Database) -> bool {
        Digest::of_canonical(database).is_ok_and(|digest| digest == self.database)
    }

    /// Whether no promotion can have got its locks by then: what is closed under such an
    /// epoch is closed to all that come before it.
    #[must_use]
    pub fn is_to_come(&self, now: Timestamp) -> bool {
        self.epoch > now.as_millisecond().saturating_add(SLACK)
    }
}

/// Migrations that a bundle brings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Brought {
    /// Where they lie.
    pub archive: Archive,
    /// What the bundle says of them.
    pub migrations: Migrations,
}

/// A release beside the one that is promoted: the one that serves meanwhile, and to which a
/// rollback goes back. Of what contracts, the one that was promoted before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peer {
    /// Its version.
    pub version: String,
    /// What it brings for the database. None: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brings: Option<Brought>,
}

/// A zip file in S3.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Archive {
    /// The bucket.
    pub bucket: String,
    /// The object's key.
    pub key: String,
    /// The version that is pinned.
    pub version_id: String,
    /// What it must hold.
    pub digest: Digest,
}

/// Which half of a change.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Adds what new code needs. Runs before traffic moves.
    #[default]
    Expand,
    /// Takes away what no code uses any more. Runs in a promotion of its own.
    Contract,
}

impl Phase {
    /// The other half.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Expand => Self::Contract,
            Self::Contract => Self::Expand,
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Expand => "expand",
            Self::Contract => "contract",
        })
    }
}

/// What one call of `migrate` applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// What fences off whoever was given an older one by the database.
    pub token: i64,
    /// Whether something is left to apply.
    pub more: bool,
    /// What was applied, for people. None: nothing was left.
    pub what: Option<String>,
}

/// What stands after migrations were applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    /// How many migrations are in.
    pub applied: usize,
    /// What could not be used before either, and how the catalog changed:
    /// `unusable since before: index on …`, `+ table public.person`.
    pub changes: Vec<String>,
    /// How many more such changes there are.
    pub more_changes: usize,
    /// How many of the bundle's own queries found nothing.
    pub queries: usize,
}

impl Checked {
    /// The most changes that a line tells of.
    const TOLD: usize = 3;

    /// In one line, for people.
    #[must_use]
    pub fn sentence(&self) -> String {
        let told: Vec<&str> = self
            .changes
            .iter()
            .take(Self::TOLD)
            .map(String::as_str)
            .collect();
        let more = self.changes.len() - told.len() + self.more_changes;
        let told = match (told.join(", "), more) {
            (told, 0) => told,
            (told, more) => format!("{told} and {more} more"),
        };
        match told.as_str() {
            "" => format!("{} in; the catalog is as before", self.applied),
            told => format!("{} in; {told}", self.applied),
        }
    }
}
