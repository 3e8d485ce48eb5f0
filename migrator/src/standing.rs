//! Where a database stands: a folder's files beside what the ledger and the team's own tool
//! say was applied.
//!
//! The tool's table is believed before the ledger, since the team may have used its tool in
//! between: to apply, and to take back. Whatever does not fit is told, all of it at once,
//! and nothing is done.

use std::collections::{BTreeMap, BTreeSet};

use sluice_migration::{File, Refusal};

use crate::books;
use crate::ledger::{self, State, key};

/// What a database says of itself.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// The ledger's rows.
    pub ledger: Vec<ledger::Entry>,
    /// The rows of the tool's table. None where the files are nobody's.
    pub books: Option<Vec<books::Entry>>,
    /// Whether the tool's table is there at all.
    pub has_table: bool,
    /// Whether the tool's table has one row, for where the database stands.
    pub is_mark: bool,
}

/// How one file stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is in, and the ledger knows.
    Applied,
    /// It is in: the team's own tool applied it.
    Adopt,
    /// To be applied, from this unit on.
    Pending {
        /// Units before it are through.
        unit: usize,
        /// Whether the ledger says that this unit was begun.
        begun: bool,
        /// Whether the tool took it back after Sluice had applied it.
        reverted: bool,
    },
}

impl Standing {
    /// Whether it is in the database.
    #[must_use]
    pub const fn is_in(self) -> bool {
        matches!(self, Self::Applied | Self::Adopt)
    }
}

/// A file and what it applies, for comparing.
#[derive(Debug, Clone, Copy)]
pub struct Item<'a> {
    /// The file.
    pub file: &'a File,
    /// SHA-256 of what it applies, in hexadecimal.
    pub sha256: &'a str,
    /// SHA-256 of what each of its units sends, in hexadecimal.
    pub cuts: &'a [String],
}

/// How each file stands, in the order of the files, and everything that does not fit.
#[must_use]
pub fn look(items: &[Item<'_>], found: &Found) -> (Vec<Standing>, Vec<Refusal>) {
    let look = Look::of(items, found);
    let standings: Vec<Standing> = items.iter().map(|item| look.at(item)).collect();
    let mut refused = look.strangers();
    for (item, standing) in items.iter().zip(&standings) {
        refused.extend(look.changed(item, *standing));
        refused.extend(look.cut_otherwise(item, *standing));
    }
    refused.extend(out_of_order(items, &standings));
    (standings, refused)
}

/// Files that an undo left half taken back: what is there of them nobody knows. An undo goes
/// on with them, and nothing else does.
#[must_use]
pub fn half_undone(ledger: &[ledger::Entry]) -> Vec<Refusal> {
    let half = ledger.iter().filter(|row| row.half_undone);
    half.map(|row| {
        *Refusal::of(&row.path, "a migration is half taken back")
            .found(
                "an undo of it that was begun outside of a transaction and did not come to its end",
            )
            .expected("a migration that is in, or one that is not")
            .next(
                "undo it again, which goes on where it ended; or, if all of it is there, set \
                 `undoing` to NULL in its rows of sluice.migration",
            )
    })
    .collect()
}

/// What the ledger says of one file.
struct Rows {
    /// How many units are through, from the first on.
    through: usize,
    /// How many there were when they were begun.
    units: usize,
    /// Whether the next one was begun.
    begun: bool,
}

impl Rows {
    fn of(item: &Item<'_>, ledger: &BTreeMap<&str, Vec<&ledger::Entry>>) -> Self {
        let rows = ledger.get(&*key(item.file)).map_or(&[][..], Vec::as_slice);
        let is_in = |row: &ledger::Entry| {
            row.state.is_in() && (!item.file.repeatable || row.sha256 == item.sha256)
        };
        let at = |unit: usize| rows.iter().find(|row| row.unit == unit);
        let through = (0..)
            .take_while(|unit| at(*unit).is_some_and(|row| is_in(row)))
            .count();
        let is_adopted = at(0).is_some_and(|row| row.state == State::Adopted && is_in(row));
        let units = at(0).map_or(1, |row| row.units);
        Self {
            through,
            units: if is_adopted { 1 } else { units },
            begun: at(through).is_some_and(|row| row.state == State::Running),
        }
    }

    fn are_all(&self) -> bool {
        self.through >= self.units
    }
}

struct Look<'a> {
    items: &'a [Item<'a>],
    found: &'a Found,
    /// Rows of the ledger by what names a file.
    ledger: BTreeMap<&'a str, Vec<&'a ledger::Entry>>,
    /// The newest row of the tool's table by what names a file.
    books: BTreeMap<&'a str, &'a books::Entry>,
    /// Up to which file a tool with a mark is through.
    mark: Option<usize>,
}

impl<'a> Look<'a> {
    fn of(items: &'a [Item<'a>], found: &'a Found) -> Self {
        let mut ledger: BTreeMap<&str, Vec<&ledger::Entry>> = BTreeMap::new();
        for entry in &found.ledger {
            ledger.entry(&entry.version).or_default().push(entry);
        }
        let rows = found.books.iter().flatten();
        let books: BTreeMap<&str, &books::Entry> =
            rows.map(|entry| (entry.version.as_str(), entry)).collect();
        let is_marked = |item: &Item<'_>| books.contains_key(&*key(item.file));
        let mark = found
            .is_mark
            .then(|| items.iter().position(is_marked))
            .flatten();
        Self {
            items,
            found,
            ledger,
            books,
            mark,
        }
    }

    fn at(&self, item: &Item<'a>) -> Standing {
        let rows = Rows::of(item, &self.ledger);
        match (self.tool_has(item), rows.are_all()) {
            (Some(true) | None, true) => Standing::Applied,
            (Some(true), false) => Standing::Adopt,
            (Some(false), true) => Standing::Pending {
                unit: 0,
                begun: false,
                reverted: true,
            },
            (Some(false) | None, false) => Standing::Pending {
                unit: rows.through,
                begun: rows.begun,
                reverted: false,
            },
        }
    }

    /// Whether the tool says that a file is in. None where there is no tool.
    fn tool_has(&self, item: &Item<'_>) -> Option<bool> {
        self.found.books.as_ref()?;
        if self.found.is_mark {
            let place = self
                .items
                .iter()
                .position(|other| other.file.path == item.file.path);
            return Some(self.mark.is_some() && place <= self.mark);
        }
        let row = self.books.get(&*key(item.file));
        let text = item.file.checksum.to_string();
        Some(row.is_some_and(|row| !item.file.repeatable || row.checksum == text))
    }

    /// Whether the tool took back what the ledger has, as far as its table can say.
    fn is_taken_back(&self, version: &str) -> bool {
        self.found.books.is_some() && !self.found.is_mark && !self.books.contains_key(version)
    }

    /// What was applied and is not in the folder, and what the tool did not finish.
    fn strangers(&self) -> Vec<Refusal> {
        let known: BTreeSet<_> = self.items.iter().map(|item| key(item.file)).collect();
        let mut refused = Vec::new();
        let unknown = |version: &str, whose: &str| Refusal {
            path: String::new(),
            line: None,
            column: None,
            what: "a migration that was applied is missing".to_owned(),
            found: format!("`{version}` in {whose}, and no file of it"),
            expected: "the file of everything that was applied".to_owned(),
            next: "bring the file back, or release from the branch that has it".to_owned(),
            excerpt: None,
        };
        for (version, rows) in &self.ledger {
            let is_there = rows.iter().any(|row| match row.state {
                State::Running => true,
                State::Done | State::Adopted => !self.is_taken_back(version),
                State::Reverted | State::Undone => false,
            });
            if !known.contains(*version) && is_there {
                refused.push(unknown(version, "sluice.migration"));
            }
        }
        let is_gone = self.found.books.is_some() && !self.found.has_table;
        if is_gone && self.ledger.values().flatten().any(|row| row.state.is_in()) {
            refused.push(lost());
        }
        for entry in self.found.books.iter().flatten() {
            if entry.dirty {
                refused.push(dirty(&entry.version));
            }
            let rows = self.ledger.get(entry.version.as_str());
            let is_told = rows.is_some_and(|rows| rows.iter().any(|row| !row.state.is_back()));
            if !known.contains(entry.version.as_str()) && !is_told && !entry.repeatable {
                refused.push(unknown(&entry.version, "the tool's table"));
            }
        }
        refused
    }

    /// A file that was changed after it was applied.
    fn changed(&self, item: &Item<'_>, standing: Standing) -> Option<Refusal> {
        if item.file.repeatable {
            return None;
        }
        let rows = self
            .ledger
            .get(&*key(item.file))
            .map_or(&[][..], Vec::as_slice);
        let is_begun =
            matches!(standing, Standing::Pending { unit, begun, .. } if unit > 0 || begun);
        let before = (standing.is_in() || is_begun)
            .then(|| {
                let begun = rows.iter().filter(|row| !row.state.is_back());
                let mut begun = begun.filter(|row| row.state.is_in() || row.unit > 0);
                begun.find(|row| row.sha256 != item.sha256)
            })
            .flatten()
            .map(|row| row.sha256.clone());
        let own = item.file.checksum.to_string();
        let theirs = self.books.get(&*key(item.file));
        let theirs = theirs
            .filter(|row| !own.is_empty() && !row.checksum.is_empty() && row.checksum != own)
            .map(|row| row.checksum.clone());
        let (found, expected) = match (theirs, before) {
            (Some(theirs), _) => (own, theirs),
            (None, Some(before)) => (item.sha256.to_owned(), before),
            (None, None) => return None,
        };
        Some(Refusal {
            path: item.file.path.clone(),
            line: None,
            column: None,
            what: "a migration was changed after it was applied".to_owned(),
            found: format!("the checksum {found}"),
            expected: format!("{expected}, as when it was applied"),
            next: "bring the file back as it was, and write what is new into a new one".to_owned(),
            excerpt: None,
        })
    }

    /// A file that would go on at the wrong place: where its next part begins is told by
    /// how many are through.
    fn cut_otherwise(&self, item: &Item<'_>, standing: Standing) -> Option<Refusal> {
        let Standing::Pending {
            reverted: false, ..
        } = standing
        else {
            return None;
        };
        let mut rows = self.ledger.get(&*key(item.file))?.iter();
        let is_other = |row: &ledger::Entry| {
            let cut = item.cuts.get(row.unit);
            row.units != item.cuts.len().max(1)
                || row.cut.is_some() && !item.cuts.is_empty() && row.cut.as_ref() != cut
        };
        let row = rows.find(|row| {
            let counts = row.state.is_in() || (row.state == State::Running && row.unit > 0);
            counts && row.sha256 == item.sha256 && is_other(row)
        })?;
        Some(cut_otherwise(item, row))
    }
}

/// A file of which a part is through, and whose parts are others now.
fn cut_otherwise(item: &Item<'_>, row: &ledger::Entry) -> Refusal {
    let now = item.cuts.len().max(1);
    let found = match row.units == now {
        true => format!("part {} of it has another text", row.unit + 1),
        false => format!("{now} parts"),
    };
    *Refusal::of(
        &item.file.path,
        "a migration that is half applied is cut into other parts",
    )
    .found(found)
    .expected(format!("the {} parts in which it was begun", row.units))
    .next(
        "release it as it was begun, with or without its transaction and with that version of \
         Sluice; or do the rest by hand and make its rows in sluice.migration `done`, with `units` \
         as many as they are",
    )
}

/// All that was applied would be applied again.
fn lost() -> Refusal {
    Refusal {
        path: String::new(),
        line: None,
        column: None,
        what: "the tool's table is lost".to_owned(),
        found: "no such table, and migrations in sluice.migration".to_owned(),
        expected: "the table with a row for each migration that was applied".to_owned(),
        next: "bring the table back; or, if the database was made anew, drop the schema `sluice`"
            .to_owned(),
        excerpt: None,
    }
}

fn dirty(version: &str) -> Refusal {
    Refusal {
        path: String::new(),
        line: None,
        column: None,
        what: "the team's tool did not finish a migration".to_owned(),
        found: format!("`{version}` is marked as failed in the tool's table"),
        expected: "no row that is marked so".to_owned(),
        next: "see what of it is in the database, finish it or take it back, and repair the row \
               with the tool"
            .to_owned(),
        excerpt: None,
    }
}

/// Files that come before one that was applied: the tool's order is not the order in which
/// the database was made any more.
fn out_of_order(items: &[Item<'_>], standings: &[Standing]) -> Vec<Refusal> {
    let is_versioned = |at: &usize| !items[*at].file.repeatable;
    let last = (0..items.len())
        .filter(is_versioned)
        .rfind(|at| standings[*at].is_in());
    let Some(last) = last else {
        return Vec::new();
    };
    (0..last)
        .filter(is_versioned)
        .filter(|at| !standings[*at].is_in())
        .map(|at| Refusal {
            path: items[at].file.path.clone(),
            line: None,
            column: None,
            what: "a migration comes too late".to_owned(),
            found: format!("it was not applied, and {} was", items[last].file.path),
            expected: "a version after all that were applied".to_owned(),
            next: "give it a version after that one".to_owned(),
            excerpt: None,
        })
        .collect()
}
