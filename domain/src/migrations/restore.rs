//! Putting a database back to a backup: what people are told before, how far it is, and
//! what is next.

use std::collections::BTreeMap;
use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::backup_id::BackupId;
use crate::promotion::PromotionId;

/// What putting a database back to a backup would do. Part of the plan that people approve.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestorePlan {
    /// The backup.
    pub backup: String,
    /// What is put back: `cluster shop`.
    pub server: String,
    /// The server and the database: `host:port/name`. None: it could not be asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// When the backup was made: what was written since is lost. None: nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_at: Option<Timestamp>,
    /// The migrations that are taken back. None: the database could not be asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost: Option<Lost>,
    /// Where the server that is put back answers: held against where `place` leads, then
    /// taken out. None: it is not there, or the settings say that they differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoints: Option<Vec<String>>,
    /// What else people should know before they say yes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Whom calls are taken off meanwhile: every function of the environment's settings.
    /// Empty: the plan is older than this field, and it is those of the release.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub stops: BTreeMap<String, Callee>,
}

/// A function that is called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Callee {
    /// Its ARN.
    pub arn: String,
    /// The alias that its callers use, from the settings.
    pub alias: String,
}

/// The most aliases of a function that are named.
const ALIASES: usize = 5;

/// What people are told of the other aliases of a function that gets no calls: it has
/// none at all then. None: there is no other alias.
#[must_use]
pub fn stops_too(function: &str, others: &[String]) -> Option<String> {
    let named: Vec<String> = others
        .iter()
        .take(ALIASES)
        .map(|one| format!("`{one}`"))
        .collect();
    let (word, more) = match (others.len(), others.len() - named.len()) {
        (0, _) => return None,
        (1, _) => ("alias", String::new()),
        (_, 0) => ("aliases", String::new()),
        (_, more) => ("aliases", format!(" and {more} more")),
    };
    let named = named.join(", ");
    Some(format!(
        "calls to {function}'s {word} {named}{more} stop, too"
    ))
}

/// The migrations that a restore takes back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// Their files, the first of them.
    pub files: Vec<String>,
    /// How many more there are.
    #[serde(default)]
    pub more: usize,
    /// When the first migration after the backup began, where it says for which backup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
}

impl RestorePlan {
    /// What is lost, in one line, for people.
    #[must_use]
    pub fn sentence(&self, now: Timestamp) -> String {
        let Self { backup, server, .. } = self;
        let since = self
            .made_at
            .or(self.lost.as_ref().and_then(|lost| lost.since));
        let written = match since {
            Some(at) => format!(
                "everything written since {} UTC ({}) is lost",
                at.strftime("%Y-%m-%d %H:%M"),
                words(now.duration_since(at))
            ),
            None => {
                "everything written since the backup was made is lost; nobody says when that was"
                    .to_owned()
            }
        };
        let migrations = match &self.lost {
            None => "which migrations are taken back is not known, since the database could not be asked".to_owned(),
            Some(lost) if lost.files.is_empty() => "no migration is taken back".to_owned(),
            Some(lost) => {
                let more = match lost.more {
                    0 => String::new(),
                    more => format!(" and {more} more"),
                };
                format!("taken back: {}{more}", lost.files.join(", "))
            }
        };
        let mut text = format!("{server} is put back to backup {backup}: {written}; {migrations}");
        for note in &self.notes {
            text.push_str("; ");
            text.push_str(note);
        }
        text
    }
}

/// `3 h 12 min`.
fn words(time: SignedDuration) -> String {
    let minutes = time.as_mins().max(0);
    let (days, hours, minutes) = (minutes / 1_440, minutes / 60 % 24, minutes % 60);
    match (days, hours) {
        (0, 0) => format!("{minutes} min"),
        (0, hours) => format!("{hours} h {minutes} min"),
        (days, hours) => format!("{days} d {hours} h"),
    }
}

/// How far a restore is. A part of the promotion's record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restoring {
    /// The promotion that began it: who gets no calls is noted for it. Another one that
    /// goes on is a later attempt.
    pub origin: PromotionId,
    /// The promotion that began with this backup where the server of another one was in
    /// place by then: the names of servers are made of it. None: the one that began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub named_by: Option<PromotionId>,
    /// The backup that was begun with. None: none yet, or an older Sluice began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup: Option<BackupId>,
    /// When the database was first worked on for this promotion. None: not yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub began_at: Option<Timestamp>,
    /// How far it is.
    pub progress: Progress,
}

impl Restoring {
    /// The promotion that the names of servers are made of.
    #[must_use]
    pub fn names(&self) -> &PromotionId {
        self.named_by.as_ref().unwrap_or(&self.origin)
    }
}

/// How far a restore is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Progress {
    /// No traffic comes. The database is as it was: traffic may come back.
    Stopped,
    /// Traffic is let in again, and the database is as it was: nobody may touch it for this
    /// promotion any more.
    Resumed,
    /// The database may be between what it was and its backup: no traffic may come.
    Swapping,
    /// The database is as its backup has it and was looked at: traffic may come back.
    Checked,
}

/// A function that gets no calls, and what it had before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stopped {
    /// The promotion that began the restore.
    pub origin: PromotionId,
    /// The last one that stopped it.
    pub by: PromotionId,
    /// Its reserved concurrency before. None: it had none.
    pub before: Option<u32>,
    /// Whether it has not been given back yet.
    pub stands: bool,
    /// Whether Lambda is being asked for another reserved concurrency: until that is
    /// answered, or can't come any more, nobody else asks.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub asking: bool,
    /// How often it was noted: who notes something else has read this.
    #[serde(default)]
    pub revision: u64,
}

impl Stopped {
    /// Whether a restore of another environment, or of another application, stopped it.
    #[must_use]
    pub fn is_of_another(&self, id: &PromotionId) -> bool {
        let Self { by, .. } = self;
        (&by.application, &by.environment) != (&id.application, &id.environment)
    }
}

/// What `migrate` found of a restored database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restored {
    /// The server and the database: `host:port/name`.
    pub place: String,
    /// The server's version.
    pub server: String,
    /// How many migrations are in.
    pub applied: usize,
}

/// How a server stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It is available.
    Available,
    /// RDS works on it, and says this.
    UnderWay(String),
    /// It is a cluster without a writer.
    Headless,
    /// It does not come by itself, and says this.
    Broken(String),
}

/// What RDS says of a server that it works on and that comes to be available:
/// <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/accessing-monitoring.html>.
const UNDER_WAY: [&str; 19] = [
    "backing-up",
    "configuring-enhanced-monitoring",
    "configuring-iam-database-auth",
    "configuring-log-exports",
    "converting-to-vpc",
    "creating",
    "maintenance",
    "migrating",
    "modifying",
    "moving-to-vpc",
    "rebooting",
    "renaming",
    "resetting-master-credentials",
    "starting",
    "storage-config-upgrade",
    "upgrading",
    "failing-over",
    "update-iam-db-auth",
    "promoting",
];

impl Standing {
    /// From the word that RDS says.
    #[must_use]
    pub fn of(status: &str) -> Self {
        match status {
            "available" => Self::Available,
            // The server works while its storage settles.
            "storage-optimization" | "storage-initialization" => Self::Available,
            status if UNDER_WAY.contains(&status) => Self::UnderWay(status.to_owned()),
            status => Self::Broken(status.to_owned()),
        }
    }

    const fn is_under_way(&self) -> bool {
        matches!(self, Self::UnderWay(_))
    }

    /// Whether its name may become another one: a rename reads `renaming`, and `modifying`
    /// before.
    fn may_be_renamed(&self) -> bool {
        matches!(self, Self::UnderWay(status) if ["modifying", "renaming"].contains(&status.as_str()))
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Available => f.write_str("available"),
            Self::Headless => f.write_str("without a writer"),
            Self::UnderWay(status) | Self::Broken(status) => f.write_str(status),
        }
    }
}

/// The servers of a restore, as they are found. None: there is none of that name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Servers {
    /// The one that has the name.
    pub named: Option<Standing>,
    /// The restored one under its first name.
    pub new: Option<Standing>,
    /// The one of before under its new name.
    pub old: Option<Standing>,
}

impl fmt::Display for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |one: &Option<Standing>| match one {
            Some(standing) => standing.to_string(),
            None => "not there".to_owned(),
        };
        let Self { named, new, old } = self;
        write!(
            f,
            "the server of that name is {}, the restored one {}, the one of before {}",
            word(named),
            word(new),
            word(old)
        )
    }
}

impl Servers {
    /// Whether the restore that these servers are of has given the name away, or gives it
    /// away: then it alone knows where they are. Where the restored server has the name, or
    /// the one of before has it still or again, another restore may begin.
    #[must_use]
    pub fn are_between(&self) -> bool {
        match (&self.named, &self.old, &self.new) {
            (None, None, None) => false,
            (None, _, _) | (Some(_), Some(_), Some(_)) => true,
            (Some(named), _, _) => named.may_be_renamed(),
        }
    }
}

/// What is next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Restore the backup as a new server.
    Create,
    /// Give the new cluster its writer.
    AddWriter,
    /// Look again.
    Wait,
    /// Give the server another name.
    SetAside,
    /// Give the restored server the name.
    PutInPlace,
    /// The restored server has the name.
    Done,
    /// It can't go on by itself.
    Stuck,
}

/// What is next, from what is there alone: whoever asks again after anything goes on.
#[must_use]
pub fn next_step(servers: &Servers) -> Step {
    let Servers { named, new, old } = servers;
    match (named, old, new) {
        (None, None, None) | (_, _, Some(Standing::Broken(_))) => Step::Stuck,
        // RDS renames no server that is stopped, full or failed.
        (Some(Standing::Broken(_)), None, _) => Step::Stuck,
        (Some(_), None, None) => Step::Create,
        (_, _, Some(Standing::Headless)) => Step::AddWriter,
        (_, _, Some(new)) if new.is_under_way() => Step::Wait,
        (Some(named), None, Some(_)) if named.is_under_way() => Step::Wait,
        (Some(_), None, Some(_)) => Step::SetAside,
        // Lists lag behind a renaming.
        (None, None, Some(_)) | (None, Some(_), None) => Step::Wait,
        (None, Some(old), Some(_)) if old.is_under_way() => Step::Wait,
        (None, Some(_), Some(_)) => Step::PutInPlace,
        (Some(named), Some(old), Some(_)) if named.is_under_way() || old.is_under_way() => {
            Step::Wait
        }
        (Some(_), Some(_), Some(_)) => Step::Stuck,
        (Some(Standing::Available), Some(_), None) => Step::Done,
        (Some(Standing::UnderWay(_)), Some(_), None) => Step::Wait,
        (Some(Standing::Headless | Standing::Broken(_)), Some(_), None) => Step::Stuck,
    }
}

#[cfg(test)]
#[path = "restore_tests.rs"]
mod tests;
