//! What applying a folder to a database would do: what is pending, what each statement of
//! it does and about how long that takes, and everything that speaks against it.
//!
//! Changes nothing on the server, and needs nothing of Sluice's there.

mod brief;
mod estimate;
mod hash;
mod keys;
pub(crate) mod refused;
mod size;
mod undo;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sluice_migration::{Assessed, Backfill, Class, Lint, Linted, Phase, Refusal, Tool};

use crate::apply::{Limits, compare};
use crate::connect::Session;
use crate::folder::{Folder, Prepared};
use crate::standing::Standing;
use crate::{Error, Result};

pub use brief::short;
pub use undo::of_undo;

/// What is to be done to a database, in the order in which it is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The tool whose the migrations are; null where it can't be told.
    pub tool: Option<Tool>,
    /// SHA-256, in hexadecimal, of all that a person approves: the tool, the server's major
    /// version, what stands applied, and what is pending with its units and classes. No
    /// size and no estimate goes into it, so an hour later it is the same, unless something
    /// changed that matters.
    pub hash: String,
    /// `host:port/database`; null where no database was asked, and all is pending.
    pub place: Option<String>,
    /// The server's version as `server_version_num` has it: 170002.
    pub server: Option<i32>,
    /// How many files are applied, and known to Sluice.
    pub applied: usize,
    /// How many the team's own tool applied. They are taken over as they are.
    pub adopted: usize,
    /// What is pending.
    pub files: Vec<Pending>,
    /// Why nothing may be applied: all of it.
    pub refused: Vec<Refusal>,
}

/// A file that is to be applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// The file, within the folder.
    pub path: String,
    /// What its tool calls it by; empty of what is repeatable.
    pub version: String,
    /// Which half of a change it is.
    pub phase: Phase,
    /// SHA-256 of what it applies, in hexadecimal.
    pub sha256: String,
    /// The unit that is next, from 0: those before it are through.
    pub next: usize,
    /// What is applied as one, in order, without what is through. Empty where the file is
    /// refused.
    pub units: Vec<Unit>,
    /// What it does, without what is through.
    pub statements: Vec<Statement>,
}

/// Statements that are applied as one, in one call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unit {
    /// Whether they run in a transaction.
    pub transaction: bool,
    /// Which of the statements beside it they are, from 0.
    pub statements: Vec<usize>,
    /// About how long what is estimated of them takes, in seconds. Null where nothing is.
    pub seconds: Option<u64>,
}

/// A statement, what it does, and about how long it takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// The line of the file that it begins in, from 1.
    pub line: usize,
    /// What it is: `ALTER TABLE … ADD COLUMN`.
    pub kind: String,
    /// How much care it asks for.
    pub class: Class,
    /// The strongest lock that others may meet: `ACCESS EXCLUSIVE on users`.
    pub lock: Option<String>,
    /// Whether it writes all rows of a table anew.
    pub rewrites: bool,
    /// Whether it reads all rows of a table.
    pub scans: bool,
    /// Whether PostgreSQL lets it run within a transaction.
    pub in_transaction: bool,
    /// Whether the code of the version before works on: `safe`, `depends` or `unsafe`.
    pub old_code: String,
    /// Why the old code may not; empty where it does.
    pub old_code_reason: String,
    /// Why it has this class.
    pub reason: String,
    /// A way to the same end that stops others for less long, in words.
    pub safer: Option<String>,
    /// The same in SQL, each for a transaction of its own.
    pub safer_sql: Vec<String>,
    /// How it goes in batches, if it does. Then it is not bound to the length of a call.
    pub backfill: Option<Backfill>,
    /// What it locks, as far as it is there already.
    pub tables: Vec<Table>,
    /// About how long it takes, in seconds, rounded up; null of what reads and writes no
    /// whole table, and where no size is known. Waits for locks come on top.
    pub seconds: Option<u64>,
}

/// A table as the server knows it, with its partitions and whatever inherits from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// As the statement calls it; of an index, what the index is called.
    pub name: String,
    /// About how many rows it has; null where it was never analyzed.
    pub rows: Option<u64>,
    /// How large its rows are, with what is stored apart of them (TOAST), in bytes.
    pub bytes: u64,
    /// How large its indexes are, in bytes.
    pub index_bytes: u64,
}

/// What is known of the database beside how the files stand.
#[derive(Debug, Default)]
struct Server {
    place: Option<String>,
    version: Option<i32>,
    tables: BTreeMap<String, Table>,
    /// The files that are not applied: nobody ran the code that they bring.
    pending: BTreeSet<String>,
}

/// What applying a folder's migrations would do. `lint` is what the folder was made with.
///
/// # Errors
/// Where the server can't be asked. What is refused is part of the plan.
pub async fn plan(session: &Session, folder: &Folder, lint: &Lint, limits: Limits) -> Result<Plan> {
    let client = &session.client;
    let begun = client
        .batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        .await;
    begun.map_err(Error::server("BEGIN"))?;
    let compared = compare(session, folder).await;
    let ended = client.batch_execute("ROLLBACK").await;
    let (standings, mut refused) = compared?;
    ended.map_err(Error::server("ROLLBACK"))?;
    let linted = pending(folder, lint, &standings).map(|(_, linted, _)| linted);
    refused.extend(keys::refused(session, linted).await?);
    let server = Server {
        place: Some(session.place.clone()),
        version: Some(session.version),
        tables: size::of(session, locked(folder, lint, &standings)).await?,
        pending: BTreeSet::new(),
    };
    Ok(Plan::of(folder, lint, server, &standings, refused, limits))
}

impl Plan {
    /// What applying the migrations to a database would do that nothing was applied to.
    #[must_use]
    pub fn of_nothing(folder: &Folder, lint: &Lint, limits: Limits) -> Self {
        let pending = Standing::Pending {
            unit: 0,
            begun: false,
            reverted: false,
        };
        let standings = vec![pending; folder.files.len()];
        let refused = folder.refused(&standings);
        let server = Server::default();
        Self::of(folder, lint, server, &standings, refused, limits)
    }

    /// Of migrations of which nobody knows whose they are.
    #[must_use]
    pub fn of_nobody(refused: Vec<Refusal>) -> Self {
        let mut plan = Self {
            tool: None,
            hash: String::new(),
            place: None,
            server: None,
            applied: 0,
            adopted: 0,
            files: Vec::new(),
            refused,
        };
        plan.hash = hash::of(&plan, &[]);
        plan
    }

    fn of(
        folder: &Folder,
        lint: &Lint,
        server: Server,
        standings: &[Standing],
        mut refused: Vec<Refusal>,
        limits: Limits,
    ) -> Self {
        let each = || pending(folder, lint, standings);
        let server = Server {
            pending: each().map(|(_, linted, _)| linted.path.clone()).collect(),
            ..server
        };
        let files: Vec<Pending> = each()
            .map(|(prepared, linted, next)| Pending::of(prepared, linted, next, &server))
            .collect();
        refused.extend(refused::reverted(folder, standings));
        refused.extend(refused::out_of_phase(&files));
        refused.extend(refused::too_long(&files, limits.longest()));
        let count = |of: Standing| standings.iter().filter(|one| **one == of).count();
        let mut plan = Self {
            tool: Some(folder.tool),
            hash: String::new(),
            place: server.place,
            server: server.version,
            applied: count(Standing::Applied),
            adopted: count(Standing::Adopt),
            files,
            refused,
        };
        let each = folder.files.iter().zip(standings);
        let applied = each.filter(|(_, standing)| standing.is_in());
        let applied: Vec<&Prepared> = applied.map(|(prepared, _)| prepared).collect();
        plan.hash = hash::of(&plan, &applied);
        plan
    }

    /// The files of a phase that are to be applied.
    pub fn pending(&self, phase: Phase) -> impl Iterator<Item = &Pending> {
        self.files.iter().filter(move |file| file.phase == phase)
    }

    /// The statements of a class, with their files.
    pub fn statements(&self, class: Class) -> impl Iterator<Item = (&Pending, &Statement)> {
        let files = self.files.iter();
        let each = files.flat_map(|file| file.statements.iter().map(move |one| (file, one)));
        each.filter(move |(_, one)| one.class == class)
    }

    /// The class of the statement of a phase that asks for most care. None where none is
    /// pending.
    #[must_use]
    pub fn worst(&self, phase: Phase) -> Option<Class> {
        let statements = self.pending(phase).flat_map(|file| &file.statements);
        statements.map(|one| one.class).max()
    }
}

/// The files that are to be applied, with the unit that is next.
fn pending<'a>(
    folder: &'a Folder,
    lint: &'a Lint,
    standings: &'a [Standing],
) -> impl Iterator<Item = (&'a Prepared, &'a Linted, usize)> {
    let linted = lint.files.iter().map(|file| (file.path.as_str(), file));
    let linted: BTreeMap<&str, &Linted> = linted.collect();
    let each = folder.files.iter().zip(standings);
    each.filter_map(move |(prepared, standing)| {
        let linted = linted.get(prepared.file.path.as_str())?;
        match standing {
            Standing::Pending { unit, .. } => Some((prepared, *linted, *unit)),
            Standing::Applied | Standing::Adopt => None,
        }
    })
}

/// What pending statements lock, by name.
fn locked(folder: &Folder, lint: &Lint, standings: &[Standing]) -> BTreeSet<String> {
    let statements = pending(folder, lint, standings).flat_map(|(_, linted, _)| &linted.statements);
    let locks = statements.filter_map(|one| one.lock.as_ref());
    locks.flat_map(|lock| lock.on.iter().cloned()).collect()
}

impl Pending {
    fn of(prepared: &Prepared, linted: &Linted, next: usize, server: &Server) -> Self {
        let (through, left) = linted.units.split_at(next.min(linted.units.len()));
        let done: usize = through.iter().map(|unit| unit.statements.len()).sum();
        let each = linted.statements.iter().skip(done);
        let statements: Vec<Statement> = each.map(|one| Statement::of(one, server)).collect();
        let units = left.iter().map(|unit| {
            let own: Vec<usize> = unit.statements.iter().map(|at| at - done).collect();
            let each = own.iter().filter_map(|at| statements.get(*at));
            Unit {
                transaction: unit.transaction,
                seconds: each
                    .filter_map(|one| one.seconds)
                    .reduce(u64::saturating_add),
                statements: own,
            }
        });
        let units = units.collect();
        Self {
            path: prepared.file.path.clone(),
            version: linted.version.clone(),
            phase: linted.phase,
            sha256: prepared.sha256.clone(),
            next,
            units,
            statements,
        }
    }

    /// The statements of a unit.
    pub fn of_unit<'a>(&'a self, unit: &'a Unit) -> impl Iterator<Item = &'a Statement> {
        let own = unit.statements.iter();
        own.filter_map(|at| self.statements.get(*at))
    }
}

impl Statement {
    fn of(one: &Assessed, server: &Server) -> Self {
        let names = one.lock.iter().flat_map(|lock| &lock.on);
        let tables: Vec<Table> = names
            .filter_map(|name| server.tables.get(name).cloned())
            .collect();
        let (class, reason) = one.while_pending(|path| server.pending.contains(path));
        Self {
            line: one.line,
            kind: one.kind.clone(),
            class,
            lock: one.lock.as_ref().map(ToString::to_string),
            rewrites: one.rewrites,
            scans: one.scans,
            in_transaction: one.in_transaction,
            old_code: one.old_code.name().to_owned(),
            old_code_reason: one.old_code_reason.clone(),
            reason: reason.to_owned(),
            safer: one.safer.clone(),
            safer_sql: one.safer_sql.clone(),
            backfill: one.backfill.clone(),
            seconds: estimate::seconds(one, &tables),
            tables,
        }
    }
}

#[cfg(test)]
mod tests;
