//! What migrations come to: each statement with what it does, what runs as one, and what
//! must not run at all.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use serde::Serialize;
use squawk_syntax::ast::Stmt;

use crate::assess::{Class, Effect, Halfway, Known, Lock, OldCode, Told, assess, is_of_sluice};
use crate::backfill::{self, Backfill};
use crate::file::{File, Phase, Script};
use crate::parallel;
use crate::read::Reading;
use crate::refusal::Refusal;
use crate::split::{self, Parsed, Syntax};
use crate::tool::Tool;
use crate::transaction;
use crate::units::{self, Unit};
use crate::validated::{self, Validated};

/// What migrations come to. Where something is refused, none of them may run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lint {
    /// The tool whose they are; null where it can't be told.
    pub tool: Option<Tool>,
    /// The migrations, in the order in which the tool applies them.
    pub files: Vec<Linted>,
    /// Why they must not run, if anything says so.
    pub refused: Vec<Refusal>,
}

/// A migration whose statements were looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Linted {
    /// Its file, within the folder.
    pub path: String,
    /// What its tool calls it by.
    pub version: String,
    /// Which half of a change it is.
    pub phase: Phase,
    /// What it does, in the order in which it is written, without its own `BEGIN` and
    /// `COMMIT`.
    pub statements: Vec<Assessed>,
    /// What runs as one, in order. Empty where the file is refused.
    pub units: Vec<Unit>,
    /// Constraints that hold for all rows once it is applied.
    #[serde(skip)]
    pub validated: Vec<Validated>,
    /// What takes it back, if the team wrote that. Sluice runs none of it.
    pub down: Vec<Assessed>,
}

/// A statement, and what it does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Assessed {
    /// Where it stands in the script's text, in bytes, with its semicolon.
    #[serde(skip)]
    pub range: Range<usize>,
    /// The line of the file that it begins in, from 1.
    pub line: usize,
    /// What it is: `ALTER TABLE … ADD COLUMN`.
    pub kind: String,
    /// How much care it asks for.
    pub class: Class,
    /// The strongest lock that it takes and that others may meet, and on what.
    pub lock: Option<Lock>,
    /// Whether it writes all rows of a table anew.
    pub rewrites: bool,
    /// Whether it reads all rows of a table.
    pub scans: bool,
    /// Whether it may take long once it has its locks, for what can be known.
    #[serde(skip)]
    pub takes_long: bool,
    /// Whether PostgreSQL lets it run within a transaction.
    pub in_transaction: bool,
    /// How it is run in batches, if the file says so.
    pub backfill: Option<Backfill>,
    /// What it leaves behind when it is interrupted, where that can be known.
    #[serde(skip)]
    pub halfway: Option<Halfway>,
    /// Whether the code of the version before works on once it has run.
    #[serde(serialize_with = "old_code_name")]
    pub old_code: OldCode,
    /// Why the old code may not; empty where it does.
    pub old_code_reason: String,
    /// Why it has this class.
    pub reason: String,
    /// What it is once other files are applied, where that is less.
    #[serde(skip)]
    pub tried: Option<Tried>,
    /// A way to the same end that stops others for less long, in words.
    pub safer: Option<String>,
    /// The same in SQL with the statement's own names, each for a transaction of its own.
    pub safer_sql: Vec<String>,
}

/// What a statement is whose rows run code that other files bring: nobody ran that before
/// they are applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// The files.
    pub by: BTreeSet<String>,
    /// How much care it asks for once they are applied.
    pub class: Class,
    /// Why.
    pub reason: String,
}

fn old_code_name<S: serde::Serializer>(old: &OldCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(old.name())
}

/// A statement on its way to be told: where it stands, what it is and does.
pub(crate) struct Seen {
    pub(crate) parsed: Parsed,
    pub(crate) kind: String,
    pub(crate) effect: Effect,
    pub(crate) backfill: Option<Backfill>,
}

impl Lint {
    /// How many statements have this class.
    #[must_use]
    pub fn count(&self, class: Class) -> usize {
        let statements = self.files.iter().flat_map(|file| &file.statements);
        statements.filter(|one| one.class == class).count()
    }
}

/// Looks at every statement of the migrations that were read.
#[must_use]
pub fn lint(reading: &Reading) -> Lint {
    let mut known = Known::default();
    let mut refused = reading.refused.clone();
    let mut files = Vec::with_capacity(reading.files.len());
    let tool = reading.tool.unwrap_or(Tool::Plain);
    // Most of the time goes by until a file is parsed, and no file needs another for that.
    parallel::in_order(&reading.files, Looked::at, |file, looked| {
        known.next_file(&file.path);
        let linted = of_file(tool, (file, looked), &mut known, &mut refused, &mut files);
        if let Some(linted) = linted {
            files.push(linted);
        }
    });
    Lint {
        tool: reading.tool,
        files,
        refused,
    }
}

/// What can be told of a file alone.
struct Looked {
    up: Syntax,
    down: Result<Vec<Assessed>, Box<Refusal>>,
}

impl Looked {
    fn at(file: &File) -> Self {
        Self {
            up: Syntax::of(&file.up),
            down: file.down.as_ref().map_or(Ok(Vec::new()), of_down),
        }
    }
}

/// A migration's statements; nothing of one that is no SQL.
fn of_file(
    tool: Tool,
    (file, looked): (&File, Looked),
    known: &mut Known,
    refused: &mut Vec<Refusal>,
    earlier: &mut [Linted],
) -> Option<Linted> {
    let before = refused.len();
    let down = looked.down.unwrap_or_else(|refusal| {
        refused.push(*refusal);
        Vec::new()
    });
    let parsed = split::statements(&file.up, &looked.up).map_err(|refusal| {
        known.forget_all();
        refused.push(*refusal);
    });
    let mut parsed = parsed.ok()?;
    let mut backfills = backfill::of(file, &parsed, refused);
    let is_wrapped = unwrap_own_transaction(&mut parsed);
    if parsed.is_empty() {
        refused.push(*empty(file));
    }
    refused.extend(
        parsed
            .iter()
            .filter_map(|one| Some(*of_its_own(file, one)?)),
    );
    let seen = parsed.into_iter();
    let is_apart = !file.transaction && !is_wrapped;
    let seen = seen.map(|one| {
        let seen = Seen::of(one, known, &mut backfills);
        if is_apart || seen.backfill.is_some() {
            known.end_session();
        }
        seen
    });
    let mut seen: Vec<Seen> = seen.collect();
    let units = units::of(tool, file, is_wrapped, &seen).unwrap_or_else(|refusal| {
        refused.push(*refusal);
        Vec::new()
    });
    for unit in units.iter().filter(|unit| unit.transaction) {
        transaction::look(&mut seen, unit);
    }
    refused.extend(seen.iter().filter_map(|one| Some(*nameless(file, one)?)));
    if file.phase == Phase::Expand {
        refused.extend(seen.iter().filter_map(|one| Some(*removed(file, one)?)));
    }
    let is_fine = refused.len() == before;
    Some(Linted {
        path: file.path.clone(),
        version: file.version.to_string(),
        phase: file.phase,
        validated: validated::follow(&file.path, &seen, earlier),
        statements: seen.into_iter().map(Assessed::of).collect(),
        units: if is_fine { units } else { Vec::new() },
        down,
    })
}

/// What takes a migration back, on a database of which nothing is known.
fn of_down(script: &Script) -> Result<Vec<Assessed>, Box<Refusal>> {
    let mut parsed = split::parse(script)?;
    unwrap_own_transaction(&mut parsed);
    let mut known = Known::default();
    let seen = parsed
        .into_iter()
        .map(|one| Seen::of(one, &mut known, &mut BTreeMap::new()));
    Ok(seen.map(Assessed::of).collect())
}

/// Takes off a `BEGIN` at the start and a `COMMIT` at the end. Whether there were both.
fn unwrap_own_transaction(parsed: &mut Vec<Parsed>) -> bool {
    let is_wrapped = match &parsed[..] {
        [first, .., last] => split::begins(&first.tree) && split::commits(&last.tree),
        _ => false,
    };
    if is_wrapped {
        parsed.pop();
        parsed.remove(0);
    }
    is_wrapped
}

fn empty(file: &File) -> Box<Refusal> {
    Refusal::of(&file.path, "the migration is empty")
        .found("no statement")
        .expected("a statement at least")
        .next("write what it is to do, or delete the file")
}

/// What a statement does that is not a migration's to do.
fn of_its_own(file: &File, one: &Parsed) -> Option<Box<Refusal>> {
    let refusal = |what: &str| Refusal::of(&file.path, what).at(one.statement.line);
    let written = &file.up.text[one.statement.range.clone()];
    if split::is_of_transactions(&one.tree) {
        let refusal = refusal("the file handles transactions itself")
            .found(format!("`{}`", crate::text::brief(written)))
            .expected("at most a BEGIN at its start with a COMMIT at its end, and no other")
            .next("take it out, or make a file of each transaction");
        return Some(refusal);
    }
    let setting = is_of_sluice(&one.tree)?;
    let refusal = refusal("the file sets what Sluice sets")
        .found(format!("`{}`", crate::text::brief(written)))
        .expected(format!("no change of {setting}"))
        .next("take it out: with each migration comes a limit for how long it waits and runs");
    Some(refusal)
}

/// An index that is built in no transaction, and that nobody could find again after an
/// interruption.
fn nameless(file: &File, one: &Seen) -> Option<Box<Refusal>> {
    let Some(Halfway::Index { index: None, .. }) = &one.effect.halfway else {
        return None;
    };
    let refusal = Refusal::of(
        &file.path,
        "an index that is built CONCURRENTLY has no name",
    )
    .at(one.line())
    .found(one.kind.clone())
    .expected("a name: an interrupted build leaves an invalid index behind, which must be found")
    .next("name the index");
    Some(refusal)
}

/// What takes away in the wrong half of a change.
fn removed(file: &File, one: &Seen) -> Option<Box<Refusal>> {
    let OldCode::Removed(why) = &one.effect.old_code else {
        return None;
    };
    let refusal = Refusal::of(&file.path, "the migration takes away what old code may use")
        .at(one.parsed.statement.line)
        .found(format!("{}: {why}", one.kind))
        .expected("a migration that leaves the running version what it uses")
        .next("move it into a migration of a later release that begins with `-- sluice: phase contract`");
    Some(refusal)
}

impl Assessed {
    fn of(seen: Seen) -> Self {
        let Seen {
            parsed,
            kind,
            effect,
            backfill,
        } = seen;
        let takes_long = effect.takes_long() || effect.is_opaque();
        let tried = (effect.class < Class::C && !effect.untried.is_empty()).then(|| Tried {
            by: effect.untried.clone(),
            class: effect.class,
            reason: effect.reason.clone(),
        });
        let (class, reason) = match &tried {
            None => (effect.class, effect.reason),
            Some(tried) => (Class::C, untried(tried)),
        };
        let (safer, safer_sql) = effect
            .safer
            .map_or((None, Vec::new()), |safer| (Some(safer.words), safer.sql));
        Self {
            range: parsed.statement.range,
            line: parsed.statement.line,
            kind,
            class,
            lock: effect.lock,
            rewrites: effect.rewrites,
            scans: effect.scans,
            takes_long,
            in_transaction: effect.in_transaction,
            backfill,
            halfway: effect.halfway,
            old_code_reason: effect.old_code.reason().to_owned(),
            old_code: effect.old_code,
            reason,
            tried,
            safer,
            safer_sql,
        }
    }

    /// How much care it asks for, and why, while these files are not applied.
    pub fn while_pending(&self, is_pending: impl Fn(&str) -> bool) -> (Class, &str) {
        let tried = self.tried.as_ref();
        let tried = tried.filter(|tried| !tried.by.iter().any(|path| is_pending(path)));
        tried.map_or((self.class, &self.reason), |tried| {
            (tried.class, &tried.reason)
        })
    }
}

/// Why a statement asks for more care while others are not applied.
fn untried(tried: &Tried) -> String {
    let by: Vec<&str> = tried.by.iter().map(String::as_str).collect();
    format!(
        "{}, and which nobody ran as long as {} is not applied",
        tried.reason,
        by.join(", ")
    )
}

impl Seen {
    /// What a statement does after those before it, as its backfill has it run.
    fn of(parsed: Parsed, known: &mut Known, backfills: &mut BTreeMap<usize, Backfill>) -> Self {
        let Told { kind, mut effect } = assess(&parsed.tree, known);
        let backfill = backfills.remove(&parsed.statement.range.start);
        if let Some(backfill) = &backfill {
            backfill::soften(&parsed.tree, &mut effect, backfill);
        }
        Self {
            parsed,
            kind,
            effect,
            backfill,
        }
    }

    pub(crate) fn tree(&self) -> &Stmt {
        &self.parsed.tree
    }

    pub(crate) fn line(&self) -> usize {
        self.parsed.statement.line
    }
}

#[cfg(test)]
#[path = "lint_tests.rs"]
mod tests;
