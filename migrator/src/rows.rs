//! What a row of the record says.

use std::borrow::Cow;

use sluice_migration::File;
use tokio_postgres::Row;

/// How a unit stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It was begun. Whether it is through, the database itself tells.
    Running,
    /// It is through.
    Done,
    /// The team's own tool had applied the file.
    Adopted,
    /// The team's own tool took the file back.
    Reverted,
    /// Sluice took the file back: it is as if it had never been applied.
    Undone,
}

impl State {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Adopted => "adopted",
            Self::Reverted => "reverted",
            Self::Undone => "undone",
        }
    }

    pub(crate) fn of(word: &str) -> Self {
        match word {
            "done" => Self::Done,
            "adopted" => Self::Adopted,
            "reverted" => Self::Reverted,
            "undone" => Self::Undone,
            _ => Self::Running,
        }
    }

    /// Whether what it is about is in the database.
    #[must_use]
    pub const fn is_in(self) -> bool {
        matches!(self, Self::Done | Self::Adopted)
    }

    /// Whether the file was taken back.
    #[must_use]
    pub const fn is_back(self) -> bool {
        matches!(self, Self::Reverted | Self::Undone)
    }
}

/// A row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What the tool calls the file by; see [`key`].
    pub version: String,
    /// Which unit of the file, from 0.
    pub unit: usize,
    /// How many the file had when it was written.
    pub units: usize,
    /// The file.
    pub path: String,
    /// SHA-256 of what was or is to be applied, in hexadecimal.
    pub sha256: String,
    /// How it stands.
    pub state: State,
    /// Whether taking it back was begun outside of a transaction, and not finished.
    pub half_undone: bool,
    /// Whether the file takes something away.
    pub contracts: bool,
    /// Whether a part of it that goes in batches has changed rows.
    pub advanced: bool,
    /// SHA-256 of what the unit sent, in hexadecimal. None where nobody wrote it down.
    pub cut: Option<String>,
}

/// What a repeatable file's key begins with. No version does: Flyway's are numbers.
const REPEATABLE: &str = "R__";

/// What names a file in the ledger: its version, or what is repeatable by its description.
#[must_use]
pub fn key(file: &File) -> Cow<'_, str> {
    if file.repeatable {
        Cow::Owned(key_of_repeatable(&file.description))
    } else {
        Cow::Borrowed(file.version.as_str())
    }
}

/// What names a repeatable file, by its description.
pub(crate) fn key_of_repeatable(description: &str) -> String {
    format!("{REPEATABLE}{description}")
}

fn count(number: i32) -> usize {
    usize::try_from(number).unwrap_or_default()
}

pub(crate) fn entry(row: &Row) -> Entry {
    let (version, path): (String, String) = (row.get(0), row.get(3));
    let name = path.rsplit('/').next().unwrap_or_default();
    let is_bare = name.starts_with(REPEATABLE) && !version.starts_with(REPEATABLE);
    Entry {
        version: match is_bare {
            true => key_of_repeatable(&version),
            false => version,
        },
        unit: count(row.get(1)),
        units: count(row.get(2)),
        path,
        sha256: row.get(4),
        state: State::of(row.get(5)),
        half_undone: row.get(6),
        contracts: row.get(7),
        advanced: row.get(8),
        cut: row.get(9),
    }
}
