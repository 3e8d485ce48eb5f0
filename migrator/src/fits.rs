//! Whether code of an earlier release works with the schema that is there.
//!
//! What the team's tool applied itself counts as what Sluice applied does, and comes where
//! it comes in the tool's order. What is not known speaks against it: code that lost what
//! it uses fails in front of its users.

use std::collections::{BTreeMap, BTreeSet};

use sluice_migration::{File, Tool, Version};

use crate::apply::{Folder, found};
use crate::connect::Session;
use crate::ledger::{self, Ledger, State, key};
use crate::standing::Found;
use crate::{Error, Result};

/// Which schemas code can work with, by the versions of migrations.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reads {
    /// What must have been applied.
    pub from: Option<String>,
    /// The newest that may have been.
    pub to: Option<String>,
}

/// Whether code that has this folder works with the schema that is there; None is code that
/// brings no migrations at all, whichever tool's. Answers how many migrations are in.
///
/// # Errors
/// [`Error::Unfit`] with what it can't work with.
pub async fn fits(session: &Session, folder: Option<&Folder>, reads: &Reads) -> Result<usize> {
    let mut unfit = Vec::new();
    let mut applied = 0;
    match folder {
        Some(folder) => {
            let files: Vec<&File> = folder.files.iter().map(|one| &one.file).collect();
            let there = There::of(folder.tool, &found(session, folder.tool).await?);
            applied += there.whole();
            unfit.extend(there.taken_from(&files));
            unfit.extend(there.unknown_to(&files, reads));
            unfit.extend(there.outside_of(reads));
        }
        None => {
            for tool in Ledger::tools(session).await? {
                let there = There::of(tool, &found(session, tool).await?);
                applied += there.whole();
                unfit.extend(there.taken_from(&[]));
            }
        }
    }
    if unfit.is_empty() {
        return Ok(applied);
    }
    Err(Error::Unfit {
        place: session.place.clone(),
        found: unfit,
    })
}

/// A migration that is in the database, or a part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct One {
    /// What names it to its tool.
    key: String,
    /// Where it comes in the tool's order. None of what is repeatable, or no version.
    version: Option<Version>,
    /// Its file, or what its tool calls it by where Sluice knows no file of it.
    name: String,
    /// Whether it took something away. None: nobody knows.
    contracts: Option<bool>,
    /// Whether all of it is in.
    is_whole: bool,
    /// Whether it comes in no order.
    repeatable: bool,
}

impl One {
    fn is_after(&self, other: &Version) -> bool {
        let after = |version: &Version| version > other && !version.is_same(other);
        self.version.as_ref().is_none_or(after)
    }
}

/// All that is in a database in a tool's way.
#[derive(Debug)]
struct There {
    tool: Tool,
    all: Vec<One>,
    /// Up to where a tool with a mark is through.
    mark: Option<Version>,
}

impl There {
    fn of(tool: Tool, found: &Found) -> Self {
        let mut rows: BTreeMap<&str, Vec<&ledger::Entry>> = BTreeMap::new();
        for row in &found.ledger {
            rows.entry(&row.version).or_default().push(row);
        }
        let books = found.books.as_ref().filter(|_| found.has_table);
        let mark = books.filter(|_| found.is_mark).map(|books| {
            let versions = books.iter();
            let versions = versions.filter_map(|row| Version::recorded(tool, &row.version));
            versions.max()
        });
        let is_in_books = |key: &str| match (books, &mark) {
            (None, _) => None,
            (Some(_), Some(mark)) => Some(Version::recorded(tool, key) <= *mark),
            (Some(books), None) => Some(books.iter().any(|row| row.version == key)),
        };
        let known = rows.iter().filter_map(|(key, rows)| {
            let version = Version::recorded(tool, key);
            of_ledger(version, key, rows, is_in_books(key))
        });
        let mut all: Vec<One> = known.collect();
        // What Sluice has no row of that says anything.
        for row in books.into_iter().flatten() {
            if all.iter().all(|one| one.key != row.version) {
                all.push(One {
                    key: row.version.clone(),
                    version: Version::recorded(tool, &row.version).filter(|_| !row.repeatable),
                    name: row.version.clone(),
                    contracts: None,
                    is_whole: !row.dirty,
                    repeatable: row.repeatable,
                });
            }
        }
        let mark = mark.flatten();
        Self { tool, all, mark }
    }

    fn whole(&self) -> usize {
        self.all.iter().filter(|one| one.is_whole).count()
    }

    /// What contracted, and is none of these files.
    fn taken_from(&self, files: &[&File]) -> Vec<String> {
        let known: BTreeSet<_> = files.iter().map(|file| key(file)).collect();
        let gone = self.all.iter().filter(|one| one.contracts == Some(true));
        gone.filter(|one| !known.contains(one.key.as_str()))
            .map(|one| format!("{} took away what the code may still use", one.name))
            .collect()
    }

    /// What came after all of these files, by the tool's own hand, and may have taken
    /// anything away. What the code says that it can work with is not asked about.
    fn unknown_to(&self, files: &[&File], reads: &Reads) -> Vec<String> {
        if reads.to.is_some() {
            return Vec::new();
        }
        let known: BTreeSet<_> = files.iter().map(|file| key(file)).collect();
        let versioned = files.iter().filter(|file| !file.repeatable);
        let newest = versioned.map(|file| &file.version).max();
        let unknown = self.all.iter().filter(|one| {
            one.contracts.is_none() && !one.repeatable && !known.contains(one.key.as_str())
        });
        unknown
            .filter(|one| newest.is_none_or(|newest| one.is_after(newest)))
            .map(|one| {
                format!(
                    "nobody knows whether `{}` takes away what the code may still use: {} applied \
                     it itself, and the release has no file of it; expected a release that brings \
                     its file, or `reads.to`",
                    one.name, self.tool
                )
            })
            .collect()
    }

    /// Where the schema is not what the code says that it can work with.
    fn outside_of(&self, reads: &Reads) -> Vec<String> {
        let mut unfit = Vec::new();
        let of = |text: &String| Version::recorded(self.tool, text);
        if let Some(from) = reads.from.as_ref().filter(|from| !self.has(from)) {
            unfit.push(format!(
                "the code needs migration `{from}`, which is not in"
            ));
        }
        let Some(to) = &reads.to else {
            return unfit;
        };
        let Some(last) = of(to) else {
            unfit.push(format!(
                "the code can work with migrations up to `{to}`, which is no version of {}",
                self.tool
            ));
            return unfit;
        };
        let is_later = |one: &&One| !one.repeatable && one.is_after(&last);
        let mut later: Vec<&One> = self.all.iter().filter(is_later).collect();
        later.sort_by(|one, other| one.version.cmp(&other.version));
        if !later.is_empty() {
            let later: Vec<&str> = later.iter().map(|one| one.name.as_str()).collect();
            unfit.push(format!(
                "the code can work with migrations up to `{to}`, and {} came after it",
                later.join(", ")
            ));
        }
        unfit
    }

    /// Whether all of a version is in: of a tool with a mark, what comes before it as well.
    fn has(&self, text: &str) -> bool {
        let version = Version::recorded(self.tool, text);
        let is_same = |one: &One| match (&one.version, &version) {
            (Some(one), Some(version)) => one.is_same(version),
            _ => one.key == text,
        };
        let partly = |one: &One| is_same(one) && !one.is_whole;
        let is_marked = self.mark.is_some() && version.is_some() && version <= self.mark;
        self.all.iter().any(|one| is_same(one) && one.is_whole)
            || (is_marked && !self.all.iter().any(partly))
    }
}

/// What the ledger's rows of a file say, beside what the tool's table says of it. None:
/// nothing of it is in.
fn of_ledger(
    version: Option<Version>,
    key: &str,
    rows: &[&ledger::Entry],
    in_books: Option<bool>,
) -> Option<One> {
    let first = rows.first()?;
    let through = rows.iter().filter(|row| row.state.is_in()).count();
    let is_adopted = rows.iter().any(|row| row.state == State::Adopted);
    let is_whole = through > 0 && (is_adopted || through >= first.units);
    let is_begun = through > 0 || rows.iter().any(|row| row.advanced);
    let is_there = match in_books {
        Some(true) => true,
        // The tool is told of a file once all of it is in: without a row it took it back.
        Some(false) => is_begun && !is_whole,
        None => is_begun,
    };
    is_there.then(|| One {
        key: key.to_owned(),
        version: version.filter(|_| !is_repeatable(first)),
        name: first.path.clone(),
        contracts: Some(rows.iter().any(|row| row.contracts)),
        is_whole: is_whole || in_books == Some(true),
        repeatable: is_repeatable(first),
    })
}

/// Whether a row is of Flyway's `R__`, which its file's name says.
fn is_repeatable(row: &ledger::Entry) -> bool {
    let name = row.path.rsplit('/').next().unwrap_or_default();
    name.starts_with("R__")
}

#[cfg(test)]
#[path = "fits_tests.rs"]
mod tests;
