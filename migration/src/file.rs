//! A migration as it was read: what is known of it before its statements are.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::checksum::Checksum;

/// Which half of a change a migration is. Code of the version before still runs while the
/// first half is applied; the second is for when it is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Adds what new code needs, and takes nothing from the code that runs.
    #[default]
    Expand,
    /// Takes away what no code uses any more.
    Contract,
}

impl Phase {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Expand => "expand",
            Self::Contract => "contract",
        }
    }
}

/// What a tool calls a migration by, and where it comes in the tool's order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    rank: Rank,
    text: String,
}

/// How tools compare versions. The order of the variants is one, too: Flyway runs what is
/// repeatable after all else.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Numbers(Vec<u64>),
    Text(String),
    Repeatable(String),
}

impl Version {
    /// One that is compared number by number; `1.0` is `1`.
    pub(crate) fn numbers(text: &str, mut numbers: Vec<u64>) -> Self {
        while numbers.len() > 1 && numbers.last() == Some(&0) {
            numbers.pop();
        }
        Self {
            rank: Rank::Numbers(numbers),
            text: text.to_owned(),
        }
    }

    /// One that is compared character by character.
    pub(crate) fn text(text: String) -> Self {
        Self {
            rank: Rank::Text(text.clone()),
            text,
        }
    }

    /// None: in the order of descriptions, after all that have one.
    pub(crate) fn repeatable(description: &str) -> Self {
        Self {
            rank: Rank::Repeatable(description.to_owned()),
            text: String::new(),
        }
    }

    /// As the tool's table has it; empty of what is repeatable.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether a tool takes both for the same, however they are written.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.rank == other.rank
    }
}

impl fmt::Display for Version {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

/// What is sent to a server, and where it stands in its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// Its file, within the folder.
    pub path: String,
    /// The text without what only the tool reads before and after it.
    pub text: String,
    /// Where the text begins in the file, in bytes.
    pub offset: usize,
    /// The line of the file that the text begins in, from 1.
    pub line: usize,
}

/// A migration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// What its tool calls it by.
    pub version: Version,
    /// What it is about, as the tool's table has it.
    pub description: String,
    /// Its file, within the folder.
    pub path: String,
    /// Which half of a change it is.
    pub phase: Phase,
    /// Whether it runs again whenever its text changes (Flyway's `R__`).
    pub repeatable: bool,
    /// Whether its tool runs it in one transaction, as far as it can.
    pub transaction: bool,
    /// What it does.
    pub up: Script,
    /// What takes it back, if the team wrote that.
    pub down: Option<Script>,
    /// What the tool keeps of its text.
    pub checksum: Checksum,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_number_by_number_and_what_is_repeatable_comes_last() {
        let of = |text: &str, numbers: &[u64]| Version::numbers(text, numbers.to_vec());
        assert!(of("2", &[2]) < of("10", &[10]));
        assert!(of("1.2", &[1, 2]) < of("1.10", &[1, 10]));
        assert!(of("1", &[1]).is_same(&of("1.0", &[1, 0])));
        assert!(of("9", &[9]) < Version::repeatable("a"));
        assert!(Version::text("10".to_owned()) < Version::text("9".to_owned()));
    }
}
