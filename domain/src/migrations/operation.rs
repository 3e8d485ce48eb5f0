//! What a promotion does to a database instead of releasing code.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a promotion does to an environment's database instead of releasing code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Operation {
    /// Applies what of its migrations contracts. Of the release that serves.
    Contract {},
    /// Takes its migrations back with their own `down`. Of a release that does not serve.
    Undo {},
    /// Puts the database back to a backup: what was written since is lost. Of the release
    /// that serves.
    Restore {
        /// What the backup is asked for by.
        backup: String,
    },
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Contract {} => f.write_str("contract"),
            Self::Undo {} => f.write_str("undo"),
            Self::Restore { backup } => write!(f, "restore {backup}"),
        }
    }
}
