//! Trying migrations on a copy of the database before people are asked.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::backup::BackupPolicy;
use super::database::Database;
use super::keeper::Keeper;
use crate::document::Problem;

/// How migrations are tried on a copy of the database before people are asked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RehearsalPolicy {
    /// The class of the copy's server: `db.r6g.large`. Left out: the original's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_class: Option<String>,
    /// The subnet group that the copy is put into. Left out: the original's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subnet_group: Option<String>,
    /// The security groups that the copy has. Left out: the original's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub security_groups: Vec<String>,
    /// A function of the team's that makes a copy elsewhere, and says where. Left out: a
    /// server is restored from the newest snapshot of `backup.cluster` or
    /// `backup.instance`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
}

/// What a copy was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopiedFrom {
    /// What it is asked for by: a snapshot's name.
    pub id: String,
    /// When it was made. None: nobody said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_at: Option<Timestamp>,
}

/// Where a copy is. Who gets into the original gets into it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopyPlace {
    /// The server.
    pub host: String,
    /// Its port. None: the original's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// The database's name on the server. None: the original's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// What became of migrations on a copy of the database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rehearsal {
    /// What the copy was made from.
    pub of: CopiedFrom,
    /// What was applied there, and how long it took: the first of it.
    pub units: Vec<RehearsedUnit>,
    /// How many more of them there were.
    pub more: usize,
    /// How long all of it took, in milliseconds.
    pub milliseconds: u64,
}

/// A unit that was applied on a copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RehearsedUnit {
    /// What was applied, for people: a file, or a part of one.
    pub what: String,
    /// How long it took, in milliseconds.
    pub milliseconds: u64,
}

/// The units that were rehearsed so far. A state machine hands them from call to call: it
/// can't add to a list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RehearsedUnits {
    /// The first of them.
    pub first: Vec<RehearsedUnit>,
    /// How many more there are.
    pub more: usize,
    /// What the latest one is called, listed or not.
    pub latest: Option<String>,
    /// How long all of them took, in milliseconds.
    pub milliseconds: u64,
}

impl RehearsedUnits {
    /// The most units that are listed: a plan has to fit into a state machine's payload.
    const LISTED: usize = 40;

    /// These, and what one more call did. What goes on in several calls is one unit.
    #[must_use]
    pub fn and(mut self, what: String, milliseconds: u64) -> Self {
        self.milliseconds = self.milliseconds.saturating_add(milliseconds);
        let goes_on = self.latest.as_deref() == Some(what.as_str());
        if goes_on {
            let unit = self.first.last_mut().filter(|unit| unit.what == what);
            if let Some(unit) = unit {
                unit.milliseconds = unit.milliseconds.saturating_add(milliseconds);
            }
        } else if self.first.len() < Self::LISTED {
            self.first.push(RehearsedUnit {
                what: what.clone(),
                milliseconds,
            });
        } else {
            self.more += 1;
        }
        self.latest = Some(what);
        self
    }
}

impl Rehearsal {
    /// What came of a rehearsal.
    #[must_use]
    pub fn new(of: CopiedFrom, units: RehearsedUnits) -> Self {
        Self {
            of,
            units: units.first,
            more: units.more,
            milliseconds: units.milliseconds,
        }
    }

    /// In one line, for people.
    #[must_use]
    pub fn sentence(&self) -> String {
        let total = seconds(self.milliseconds);
        let mut text = format!("rehearsed in {total} on a copy of {}", self.of.sentence());
        let slowest = self.units.iter().max_by_key(|unit| unit.milliseconds);
        if let Some(unit) = slowest.filter(|_| self.units.len() > 1) {
            let took = seconds(unit.milliseconds);
            text.push_str(&format!(", of which {} took {took}", unit.what));
        }
        text
    }
}

impl CopiedFrom {
    /// In a few words, for people.
    #[must_use]
    pub fn sentence(&self) -> String {
        let when = self.made_at.map(|at| at.strftime("%Y-%m-%d %H:%M"));
        let when = when.map_or_else(String::new, |when| format!(" ({when} UTC)"));
        format!("{}{when}", self.id)
    }
}

/// `0.4 s`
fn seconds(milliseconds: u64) -> String {
    let tenths = milliseconds.saturating_add(50) / 100;
    format!("{}.{} s", tenths / 10, tenths % 10)
}

impl Database {
    /// What a copy is made of. None: the settings want none.
    #[must_use]
    pub fn original(&self) -> Option<Keeper<'_>> {
        let policy = self.rehearsal.as_ref()?;
        let function = policy.function.as_deref().map(Keeper::Function);
        let cluster = self.backup.cluster.as_deref().map(Keeper::Cluster);
        let instance = self.backup.instance.as_deref().map(Keeper::Instance);
        function.or(cluster).or(instance)
    }

    /// The same, at a copy's place.
    #[must_use]
    pub fn at(&self, place: &CopyPlace) -> Self {
        let name = place.name.clone().or_else(|| self.name.clone());
        Self {
            host: Some(place.host.clone()),
            port: place.port.or(self.port),
            name,
            ..self.clone()
        }
    }
}

impl RehearsalPolicy {
    pub(crate) fn check(&self, backup: &BackupPolicy, problems: &mut Vec<Problem>) {
        let mut problem = |message: &str| {
            problems.push(Problem::new("database.rehearsal", message.to_owned()));
        };
        let is_described = self.instance_class.is_some()
            || self.subnet_group.is_some()
            || !self.security_groups.is_empty();
        let is_of_aws = backup.cluster.is_some() || backup.instance.is_some();
        if self.function.is_some() && is_described {
            problem(
                "found `function` beside `instance_class`, `subnet_group` or `security_groups`; \
                 expected one of both: what a function makes it describes itself",
            );
        }
        if self.function.is_none() && !is_of_aws {
            problem(
                "found no `function`, and neither `database.backup.cluster` nor \
                 `database.backup.instance`; expected one: a copy is restored from a server's \
                 snapshot, or made by a function of yours",
            );
        }
        let class = self.instance_class.as_deref();
        if let Some(class) = class.filter(|class| !class.starts_with("db.")) {
            let message = format!("found class `{class}`; expected one of RDS: `db.r6g.large`");
            problem(&message);
        }
        let groups = self.security_groups.iter();
        for group in groups.filter(|group| !group.starts_with("sg-")) {
            let message = format!("found security group `{group}`; expected its id: `sg-…`");
            problem(&message);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(made_at: Option<&str>) -> CopiedFrom {
        CopiedFrom {
            id: "rds:shop-2026-11-22-03-07".to_owned(),
            made_at: made_at.map(|text| text.parse().expect("a time")),
        }
    }

    #[test]
    fn what_goes_on_in_several_calls_is_one_unit() {
        let units = RehearsedUnits::default()
            .and("1_x.sql".to_owned(), 20)
            .and("2_fill.sql".to_owned(), 900)
            .and("2_fill.sql".to_owned(), 50)
            .and("3_y.sql".to_owned(), 7);
        let listed: Vec<(&str, u64)> = units
            .first
            .iter()
            .map(|unit| (unit.what.as_str(), unit.milliseconds))
            .collect();
        assert_eq!(
            listed,
            [("1_x.sql", 20), ("2_fill.sql", 950), ("3_y.sql", 7)]
        );
        assert_eq!((units.more, units.milliseconds), (0, 977));
    }

    #[test]
    fn of_many_units_the_first_are_listed_and_all_are_counted() {
        let mut units = RehearsedUnits::default();
        for number in 0..50 {
            units = units
                .and(format!("{number}.sql"), 1)
                .and(format!("{number}.sql"), 1);
        }
        let rehearsal = Rehearsal::new(from(None), units);
        assert_eq!((rehearsal.units.len(), rehearsal.more), (40, 10));
        assert_eq!(rehearsal.milliseconds, 100);
    }

    #[test]
    fn a_line_says_how_long_it_took_on_what_and_what_took_longest() {
        let units = RehearsedUnits::default().and("1_x.sql".to_owned(), 249);
        let one = Rehearsal::new(from(Some("2026-11-22T03:07:41Z")), units.clone());
        let expected =
            "rehearsed in 0.2 s on a copy of rds:shop-2026-11-22-03-07 (2026-11-22 03:07 UTC)";
        assert_eq!(one.sentence(), expected);
        let two = Rehearsal::new(from(None), units.and("2_y.sql".to_owned(), 61_000));
        let expected = "rehearsed in 61.2 s on a copy of rds:shop-2026-11-22-03-07, of which \
                        2_y.sql took 61.0 s";
        assert_eq!(two.sentence(), expected);
    }
}
