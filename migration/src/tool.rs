//! The tools whose migrations are read, and what tells them apart.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Whose way of naming, ordering and recording migrations a folder follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tool {
    /// Nobody's: `<number>_<name>.sql`, recorded by Sluice alone.
    Plain,
    /// sqlx 0.8, `sqlx migrate`.
    Sqlx,
    /// refinery 0.8.
    Refinery,
    /// Flyway 10.
    Flyway,
    /// Prisma Migrate.
    Prisma,
    /// dbmate 2.
    Dbmate,
    /// golang-migrate 4.
    GolangMigrate,
    /// Diesel 2, `diesel migration`.
    Diesel,
}

/// A word that names no tool.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no tool whose migrations are read; expected one of {all}", all = Tool::names())]
pub struct UnknownTool(String);

impl Tool {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Plain,
        Self::Sqlx,
        Self::Refinery,
        Self::Flyway,
        Self::Prisma,
        Self::Dbmate,
        Self::GolangMigrate,
        Self::Diesel,
    ];

    /// Its name, as people give it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Sqlx => "sqlx",
            Self::Refinery => "refinery",
            Self::Flyway => "flyway",
            Self::Prisma => "prisma",
            Self::Dbmate => "dbmate",
            Self::GolangMigrate => "golang-migrate",
            Self::Diesel => "diesel",
        }
    }

    /// How it wants its files to be called.
    #[must_use]
    pub const fn expects(self) -> &'static str {
        match self {
            Self::Plain => "<number>_<name>.sql",
            Self::Sqlx => {
                "<number>_<description>.sql, or a pair that ends in .up.sql and .down.sql"
            }
            Self::Refinery => "V<number>__<name>.sql, the name of letters, digits and underscores",
            Self::Flyway => "V<version>__<description>.sql or R__<description>.sql",
            Self::Prisma => "<timestamp>_<name>/migration.sql",
            Self::Dbmate => "<number>_<name>.sql with a line `-- migrate:up`",
            Self::GolangMigrate => "<number>_<name>.up.sql and <number>_<name>.down.sql",
            Self::Diesel => "<timestamp>_<name>/up.sql, with down.sql beside it",
        }
    }

    /// What turns its transaction around a file off, where it has something that does.
    #[must_use]
    pub const fn opt_out(self) -> Option<&'static str> {
        match self {
            Self::Plain => Some("a first line `-- sluice: no-transaction`"),
            Self::Sqlx => Some("a first line `-- no-transaction`"),
            Self::Flyway => {
                Some("`executeInTransaction=false` in a file <its name>.conf beside it")
            }
            Self::Dbmate => Some("`-- migrate:up transaction:false`"),
            Self::Diesel => Some("`run_in_transaction = false` in metadata.toml beside it"),
            Self::Refinery | Self::Prisma | Self::GolangMigrate => None,
        }
    }

    /// Whether it runs a file outside of a transaction by itself where no statement in it
    /// may run within one. The others' runs of such a file fail.
    #[must_use]
    pub(crate) const fn finds_out(self) -> bool {
        matches!(self, Self::Plain | Self::Flyway)
    }

    fn names() -> String {
        Self::ALL.map(Self::name).join(", ")
    }
}

impl fmt::Display for Tool {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

impl FromStr for Tool {
    type Err = UnknownTool;

    fn from_str(word: &str) -> Result<Self, UnknownTool> {
        let mut all = Self::ALL.into_iter();
        all.find(|tool| tool.name() == word)
            .ok_or_else(|| UnknownTool(word.to_owned()))
    }
}

impl Serialize for Tool {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Tool {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        word.parse().map_err(serde::de::Error::custom)
    }
}
