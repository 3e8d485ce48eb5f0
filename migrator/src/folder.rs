//! A team's migrations, ready to be applied: each file's text cut into what is sent to the
//! server as one.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use sha2::{Digest, Sha256};
use sluice_migration::{
    Assessed, Backfill, File, Halfway, Lint, Linted, Reading, Refusal, Tool, Validated,
};

use crate::ledger::Unit;
use crate::standing::{Item, Standing};

/// A team's migrations, ready to be applied.
#[derive(Debug, Clone)]
pub struct Folder {
    /// Whose way they follow.
    pub tool: Tool,
    /// In the order in which they are applied.
    pub files: Vec<Prepared>,
    /// Why what is not applied yet must not be. Of what stands applied nothing is asked
    /// any more.
    refused: Vec<Refusal>,
}

/// A file and its units.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// The file.
    pub file: File,
    /// SHA-256 of what it applies, in hexadecimal.
    pub sha256: String,
    /// What is applied as one.
    pub(crate) units: Vec<Work>,
    /// SHA-256 of what each unit sends, in hexadecimal.
    pub(crate) cuts: Vec<String>,
    /// Constraints that hold for all rows once it is applied.
    pub(crate) validated: Vec<Validated>,
}

/// A part of a file's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) range: Range<usize>,
    pub(crate) line: usize,
    /// Whether it may take long once it has its locks.
    pub(crate) is_long: bool,
    /// Whether it goes on beside others, in several transactions: one that ends in between
    /// leaves something behind that can't be used.
    pub(crate) is_concurrent: bool,
}

/// What is applied as one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Work {
    /// Statements in one transaction.
    Transaction(Vec<Piece>),
    /// A statement that PostgreSQL runs outside of transactions only.
    Alone(Piece, Option<Halfway>),
    /// A statement that changes many rows, in batches.
    Backfill(Piece, Backfill),
}

impl Folder {
    /// Takes migrations that were read and looked at.
    ///
    /// # Errors
    /// With why, where nobody knows whose migrations they are.
    pub fn new(reading: Reading, lint: &Lint) -> Result<Self, Vec<Refusal>> {
        let Some(tool) = lint.tool else {
            return Err(lint.refused.clone());
        };
        let linted: BTreeMap<&str, &Linted> = lint
            .files
            .iter()
            .map(|file| (file.path.as_str(), file))
            .collect();
        let files = reading.files.into_iter().map(|file| {
            let linted = linted.get(file.path.as_str());
            let units = linted.map(|linted| units(linted)).unwrap_or_default();
            let validated = linted.map(|linted| linted.validated.clone());
            Prepared::new(file, units, validated.unwrap_or_default())
        });
        Ok(Self {
            tool,
            files: files.collect(),
            refused: lint.refused.clone(),
        })
    }

    /// What is refused whatever the database says: it is about no file that can be in.
    #[must_use]
    pub fn refused_anyway(&self) -> Vec<Refusal> {
        self.refused(&vec![Standing::Applied; self.files.len()])
    }

    /// What is refused of a folder whose files stand so: whatever is wrong with a file that
    /// is in the database has happened.
    pub(crate) fn refused(&self, standings: &[Standing]) -> Vec<Refusal> {
        let each = self.files.iter().zip(standings);
        let past = each.filter(|(_, standing)| standing.is_in());
        let past: BTreeSet<&str> = past
            .flat_map(|(prepared, _)| {
                let file = &prepared.file;
                [Some(&file.path), file.down.as_ref().map(|down| &down.path)]
            })
            .flatten()
            .map(String::as_str)
            .collect();
        let open = |refusal: &&Refusal| !past.contains(refusal.path.as_str());
        self.refused.iter().filter(open).cloned().collect()
    }

    /// The files, as they are compared with a database.
    pub(crate) fn items(&self) -> Vec<Item<'_>> {
        let files = self.files.iter();
        files
            .map(|prepared| Item {
                file: &prepared.file,
                sha256: &prepared.sha256,
                cuts: &prepared.cuts,
            })
            .collect()
    }
}

fn units(linted: &Linted) -> Vec<Work> {
    let units = linted.units.iter().map(|unit| {
        let statements = unit.statements.iter();
        let statements = statements.filter_map(|at| linted.statements.get(*at));
        Work::of(&statements.collect::<Vec<_>>())
    });
    units.collect()
}

impl Work {
    /// SHA-256 of what is sent, and how: all that makes it another unit.
    fn cut(&self, text: &str) -> String {
        let (how, pieces) = match self {
            Self::Transaction(pieces) => ("transaction", pieces.as_slice()),
            Self::Alone(piece, _) => ("alone", std::slice::from_ref(piece)),
            Self::Backfill(piece, _) => ("backfill", std::slice::from_ref(piece)),
        };
        let texts = pieces.iter().map(|piece| &text[piece.range.clone()]);
        let mut hash = Sha256::new_with_prefix(how);
        for text in texts {
            hash.update([0]);
            hash.update(text);
        }
        hexadecimal(&hash.finalize())
    }

    /// A statement that may run in a transaction gets one, also where its tool gives it
    /// none: then it is recorded in it.
    fn of(statements: &[&Assessed]) -> Self {
        let piece = |one: &&Assessed| Piece {
            range: one.range.clone(),
            line: one.line,
            is_long: one.takes_long,
            is_concurrent: one.halfway.is_some() || one.kind.contains("CONCURRENTLY"),
        };
        if let [one] = statements
            && let Some(backfill) = &one.backfill
        {
            return Self::Backfill(piece(one), backfill.clone());
        }
        match statements {
            [one] if !one.in_transaction => Self::Alone(piece(one), one.halfway.clone()),
            all => Self::Transaction(all.iter().map(piece).collect()),
        }
    }
}

impl Prepared {
    fn new(file: File, units: Vec<Work>, validated: Vec<Validated>) -> Self {
        let sha256 = hexadecimal(&Sha256::digest(file.up.text.as_bytes()));
        let cuts = units.iter().map(|unit| unit.cut(&file.up.text));
        Self {
            cuts: cuts.collect(),
            file,
            sha256,
            units,
            validated,
        }
    }

    pub(crate) fn unit(&self, index: usize) -> Unit<'_> {
        Unit {
            file: &self.file,
            index,
            of: self.units.len().max(1),
            sha256: self.sha256.clone(),
            cut: self.cuts.get(index).cloned().unwrap_or_default(),
        }
    }
}

pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
