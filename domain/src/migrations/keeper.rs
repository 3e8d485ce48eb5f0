//! Who keeps a database's data: where backups and copies of it come from.

use std::fmt;

/// What makes backups and copies of a database, and puts it back to a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeper<'a> {
    /// An Aurora cluster: a snapshot of it, and a new one that takes its name.
    Cluster(&'a str),
    /// An RDS instance, likewise.
    Instance(&'a str),
    /// A function of the team's.
    Function(&'a str),
}

impl<'a> Keeper<'a> {
    /// The name of the server, or of the function.
    #[must_use]
    pub const fn name(self) -> &'a str {
        match self {
            Self::Cluster(name) | Self::Instance(name) | Self::Function(name) => name,
        }
    }

    /// Whether it is a server of RDS: of what a function of the team's keeps nothing is
    /// known.
    #[must_use]
    pub const fn is_server(self) -> bool {
        matches!(self, Self::Cluster(_) | Self::Instance(_))
    }
}

impl fmt::Display for Keeper<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cluster(name) => write!(f, "cluster {name}"),
            Self::Instance(name) => write!(f, "instance {name}"),
            Self::Function(name) => write!(f, "function {name}"),
        }
    }
}
