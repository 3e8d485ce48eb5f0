//! What a backup is asked for by.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::keeper::Keeper;

/// The longest id: what RDS takes (RDS API, `CreateDBSnapshot`).
const LONGEST: usize = 255;

/// What stands before the names of snapshots that RDS and AWS Backup make by themselves.
const AUTOMATIC: [&str; 2] = ["rds:", "awsbackup:"];

/// What a backup is asked for by: a bounded text that can be read. Of a cluster or an
/// instance it names a snapshot ([`BackupId::refuse_unless_of`]); a team's function reads it
/// as it likes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BackupId(String);

/// Why a text asks for no backup.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OddBackup {
    /// It is none whatever it is of.
    #[error(
        "a backup's id can't have {0}; expected 1 to {LONGEST} characters of ASCII that can be seen, without a space, as \
         `sluice history --promotion` shows them. Nothing was changed"
    )]
    Text(String),
    /// It is no snapshot's name.
    #[error(
        "`{id}` can't be the name of a snapshot of {server}; expected letters, digits and hyphens, a letter first, and \
         `rds:` or `awsbackup:` before the name of an automatic one. A snapshot of another account is not restored by \
         its ARN: copy it into this account first. Nothing was changed"
    )]
    Snapshot {
        /// The text.
        id: BackupId,
        /// What is restored.
        server: String,
    },
}

impl BackupId {
    /// The text itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it can be a backup of what this one keeps. A snapshot has a name and no ARN:
    /// by its ARN one of another account would be restored.
    ///
    /// # Errors
    /// Where it can't.
    pub fn refuse_unless_of(&self, server: Keeper<'_>) -> Result<(), OddBackup> {
        if matches!(server, Keeper::Function(_)) || self.is_of_a_snapshot() {
            return Ok(());
        }
        Err(OddBackup::Snapshot {
            id: self.clone(),
            server: server.to_string(),
        })
    }

    fn is_of_a_snapshot(&self) -> bool {
        let automatic = AUTOMATIC.iter().find_map(|word| self.0.strip_prefix(word));
        let name = automatic.unwrap_or(&self.0);
        let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        name.starts_with(|first: char| first.is_ascii_alphabetic()) && name.chars().all(is_plain)
    }
}

impl TryFrom<String> for BackupId {
    type Error = OddBackup;

    fn try_from(text: String) -> Result<Self, OddBackup> {
        let length = text.chars().count();
        if !(1..=LONGEST).contains(&length) {
            return Err(OddBackup::Text(format!("{length} characters")));
        }
        match text.chars().find(|c| !c.is_ascii_graphic()) {
            Some(odd) => Err(OddBackup::Text(format!("{odd:?}"))),
            None => Ok(Self(text)),
        }
    }
}

impl FromStr for BackupId {
    type Err = OddBackup;

    fn from_str(text: &str) -> Result<Self, OddBackup> {
        text.to_owned().try_into()
    }
}

impl From<BackupId> for String {
    fn from(id: BackupId) -> Self {
        id.0
    }
}

impl fmt::Display for BackupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> BackupId {
        text.parse().expect("an id")
    }

    #[test]
    fn an_id_is_a_bounded_text_that_can_be_seen() {
        let longest = "b".repeat(LONGEST);
        for text in [
            "b",
            "arn:aws:backup:eu-west-1:1:recovery-point:7",
            "2026/11/22~7",
            &longest,
        ] {
            assert_eq!(id(text).as_str(), text);
        }
        let too_long = "b".repeat(LONGEST + 1);
        for (text, found) in [
            ("", "0 characters"),
            (too_long.as_str(), "256 characters"),
            ("a b", "' '"),
            ("a\n", "'\\n'"),
            ("a\u{1b}[31m", "'\\u{1b}'"),
            ("größe", "'ö'"),
        ] {
            let refused = text.parse::<BackupId>().expect_err(text).to_string();
            let said = format!("can't have {found}; expected 1 to 255");
            assert!(refused.contains(&said), "{refused}");
        }
        assert!(serde_json::from_str::<BackupId>("\"a b\"").is_err());
    }

    #[test]
    fn of_a_server_it_is_a_snapshots_name_and_no_arn() {
        let servers = [Keeper::Cluster("shop"), Keeper::Instance("shop")];
        for server in servers {
            for text in [
                "sluice-shop-prod-1-4-0-1-0f8a3c21",
                "rds:shop-2026-11-22-03-07",
                "awsbackup:job-0f8a3c21",
                "Before-the-Move",
            ] {
                assert_eq!(id(text).refuse_unless_of(server), Ok(()), "{text}");
            }
            for text in [
                "arn:aws:rds:eu-west-1:111122223333:snapshot:shop",
                "rds:rds:shop",
                "other:shop",
                "7-days-ago",
                "shop_2",
                "rds:",
            ] {
                let refused = id(text).refuse_unless_of(server).expect_err(text);
                assert!(refused.to_string().contains("by its ARN"), "{refused}");
            }
        }
        let function = Keeper::Function("restores");
        assert_eq!(id("arn:aws:x").refuse_unless_of(function), Ok(()));
    }
}
