//! Changes of many rows that go in batches: what is said of them in a comment, and which
//! statements can be cut into batches.
//!
//! `-- sluice: backfill key=id batch=1000 pause=100ms` directly before an `UPDATE` or a
//! `DELETE`. A batch is a range of the key's values, so each row is in one of them.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::{Deserialize, Serialize};
use squawk_syntax::ast::{AstNode as _, RelationName, Stmt, WhereClauseOrCurrentOf};
use squawk_syntax::{SyntaxKind, SyntaxNode};

use crate::assess::{Class, Effect, identifier, name, text};
use crate::file::{File, Script};
use crate::read::MARK;
use crate::refusal::Refusal;
use crate::split::Parsed;
use crate::text::{Lines, brief};

/// The most rows in a batch.
const MOST: u32 = 100_000;

/// Rows in a batch where nothing is said.
const BATCH: u32 = 1_000;

/// The longest pause, in milliseconds.
const LONGEST: u32 = 60_000;

/// The pause where nothing is said, in milliseconds: time for replicas and for vacuum.
const PAUSE: u32 = 100;

/// How a statement is run in batches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backfill {
    /// The table, by name.
    pub table: String,
    /// Whether what inherits from the table is left out (`ONLY`).
    pub only: bool,
    /// The column whose values batches are ranges of, without quotes. It must be unique
    /// and not null.
    pub key: String,
    /// The most rows that a batch looks at.
    pub batch: u32,
    /// The pause after each batch, in milliseconds.
    pub pause_ms: u32,
    /// The condition of the statement, in bytes of the script's text, if it has one.
    #[serde(skip)]
    pub condition: Option<Range<usize>>,
}

impl Backfill {
    /// The key, as SQL has it.
    #[must_use]
    pub fn key_sql(&self) -> String {
        format!("\"{}\"", self.key.replace('"', "\"\""))
    }

    /// A statement that changes one batch: what stands in `script` at `range`, for rows
    /// that meet `batch` as well.
    #[must_use]
    pub fn narrowed(&self, script: &str, range: Range<usize>, batch: &str) -> String {
        match &self.condition {
            Some(at) => format!(
                "{}({}) AND {batch}{}",
                &script[range.start..at.start],
                &script[at.clone()],
                &script[at.end..range.end]
            ),
            None => {
                let all = script[range].trim_end_matches(';');
                // The line may end with a comment.
                format!("{all}\nWHERE {batch}")
            }
        }
    }
}

/// The backfills of a file, by where their statements begin. Whatever else a comment says
/// to Sluice behind the file's head is refused: it would be passed over.
pub(crate) fn of(
    file: &File,
    parsed: &[Parsed],
    refused: &mut Vec<Refusal>,
) -> BTreeMap<usize, Backfill> {
    let mut found = BTreeMap::new();
    let Some(root) = parsed
        .first()
        .and_then(|one| one.tree.syntax().ancestors().last())
    else {
        return found;
    };
    let head = parsed.first().map_or(0, |one| one.statement.range.start);
    let tokens = root.descendants_with_tokens();
    let comments = tokens
        .filter_map(|it| it.into_token())
        .filter(|token| token.kind() == SyntaxKind::COMMENT && token.text().starts_with(MARK));
    for comment in comments {
        let at = usize::from(comment.text_range().start());
        let told = comment.text()[MARK.len()..].trim();
        match told.strip_prefix("backfill") {
            Some(words) => match one(&file.up, parsed, at, words) {
                Ok((start, backfill)) => {
                    if found.insert(start, backfill).is_some() {
                        let twice = refusal(&file.up, at, "a statement is a backfill twice");
                        let twice = twice.found(format!("`{}`", brief(comment.text())));
                        refused.push(*twice.expected("one such line").next("take one of them out"));
                    }
                }
                Err(refusal) => refused.push(*refusal),
            },
            None if at >= head => refused.push(*misplaced(&file.up, at, comment.text())),
            None => {}
        }
    }
    found
}

fn refusal(script: &Script, at: usize, what: &str) -> Box<Refusal> {
    let line = Lines::of(&script.text).line(at);
    Refusal::of(&script.path, what).at(script.line + line - 1)
}

fn misplaced(script: &Script, at: usize, comment: &str) -> Box<Refusal> {
    refusal(script, at, "the file says something where it is not read")
        .found(format!("`{}`", brief(comment)))
        .expected("it before the first statement; behind that, backfills alone are told")
        .next("move it to the head of the file, or take it out")
}

/// The backfill that a comment at a place tells of, and where its statement begins.
fn one(
    script: &Script,
    parsed: &[Parsed],
    at: usize,
    words: &str,
) -> Result<(usize, Backfill), Box<Refusal>> {
    let refuse = |found: String, expected: &str, next: &str| {
        refusal(script, at, "the backfill can't be run in batches")
            .found(found)
            .expected(expected)
            .next(next)
    };
    let told = Told::of(words).map_err(|found| {
        let expected = "`-- sluice: backfill key=COLUMN`, with `batch=` 1 to 100000 rows and \
                        `pause=` up to 60s, such as `100ms`";
        refuse(found, expected, "correct the line")
    })?;
    let next = parsed.iter().position(|one| one.statement.range.end > at);
    let next = next.filter(|next| parsed[*next].statement.range.start > at);
    let Some((index, next)) = next.map(|index| (index, &parsed[index])) else {
        let expected = "an UPDATE or a DELETE below it";
        return Err(refuse(
            "no statement below the line".to_owned(),
            expected,
            "move the line",
        ));
    };
    let range = &next.statement.range;
    if shares_line(script, parsed, index) {
        let expected = "the statement on lines of its own";
        let found = "another statement on the same line".to_owned();
        return Err(refuse(found, expected, "break the line"));
    }
    let target = Target::of(&next.tree).map_err(|unfit| {
        let expected = "an UPDATE or a DELETE of one table, whose rows do not depend on each other";
        refuse(
            unfit.to_owned(),
            expected,
            "write it so, or take the line out",
        )
    })?;
    if target.sets.contains(&told.key) {
        let found = format!("`{}` is changed by the statement", told.key);
        let expected = "a key that stays as it is: a row must not move into another batch";
        return Err(refuse(found, expected, "name another key"));
    }
    let backfill = Backfill {
        table: target.table,
        only: target.only,
        key: told.key,
        batch: told.batch,
        pause_ms: told.pause_ms,
        condition: target.condition.map(|it| it.text_range().into()),
    };
    Ok((range.start, backfill))
}

/// Whether another statement begins or ends on a line of this one.
fn shares_line(script: &Script, parsed: &[Parsed], index: usize) -> bool {
    let newline = |from: usize, to: usize| script.text[from..to].contains('\n');
    let own = &parsed[index].statement.range;
    let before = index.checked_sub(1).and_then(|at| parsed.get(at));
    let before = before.is_some_and(|it| !newline(it.statement.range.end, own.start));
    let after = parsed.get(index + 1);
    before || after.is_some_and(|it| !newline(own.end, it.statement.range.start))
}

/// What a comment says of a backfill.
struct Told {
    key: String,
    batch: u32,
    pause_ms: u32,
}

impl Told {
    /// Reads what follows the word `backfill`.
    ///
    /// # Errors
    /// With what is not understood.
    fn of(words: &str) -> Result<Self, String> {
        let mut key = None;
        let mut told = Self {
            key: String::new(),
            batch: BATCH,
            pause_ms: PAUSE,
        };
        for word in words.split_whitespace() {
            let unknown = || format!("`{}`", brief(word));
            let (option, value) = word.split_once('=').ok_or_else(unknown)?;
            match option {
                "key" if key.is_none() => key = Some(column(value).ok_or_else(unknown)?),
                "batch" => {
                    let batch = value.parse().ok().filter(|it| (1..=MOST).contains(it));
                    told.batch = batch.ok_or_else(unknown)?;
                }
                "pause" => told.pause_ms = milliseconds(value).ok_or_else(unknown)?,
                _ => return Err(unknown()),
            }
        }
        told.key = key.ok_or("no `key=`")?;
        Ok(told)
    }
}

/// A column's name without its quotes.
fn column(word: &str) -> Option<String> {
    let folded = identifier(word);
    if let Some(inner) = folded.strip_prefix('"') {
        let inner = inner.strip_suffix('"')?;
        return (!inner.is_empty() && !inner.contains('"')).then(|| inner.to_owned());
    }
    let starts = folded.starts_with(|c: char| c.is_alphabetic() || c == '_');
    let goes_on = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    (starts && folded.chars().all(goes_on)).then_some(folded)
}

fn milliseconds(word: &str) -> Option<u32> {
    let (number, unit) = match word.strip_suffix("ms") {
        Some(number) => (number, 1),
        None => (word.strip_suffix('s')?, 1_000),
    };
    let pause = number.parse::<u32>().ok()?.checked_mul(unit)?;
    (pause <= LONGEST).then_some(pause)
}

/// What a statement changes that can be cut into batches.
struct Target {
    table: String,
    only: bool,
    condition: Option<SyntaxNode>,
    /// The columns that it sets, without quotes.
    sets: Vec<String>,
}

/// Whether a statement can be cut into batches.
pub(crate) fn is_fit(statement: &Stmt) -> bool {
    Target::of(statement).is_ok()
}

impl Target {
    /// # Errors
    /// With what is in the way.
    fn of(statement: &Stmt) -> Result<Self, &'static str> {
        let (relation, condition) = match statement {
            Stmt::Update(it) => (it.relation_name(), it.where_clause_or_current_of()),
            Stmt::Delete(it) => (it.relation_name(), it.where_clause_or_current_of()),
            _ => return Err("a statement that is no UPDATE and no DELETE"),
        };
        let node = statement.syntax();
        if let Some(what) = node.children().find_map(|it| clause_in_the_way(it.kind())) {
            return Err(what);
        }
        let relation = relation.ok_or("no table")?;
        let condition = match condition {
            None => None,
            Some(WhereClauseOrCurrentOf::WhereClause(it)) => {
                it.expr().map(|it| it.syntax().clone())
            }
            Some(WhereClauseOrCurrentOf::WhereCurrentOf(_)) => return Err("WHERE CURRENT OF"),
        };
        let mut tokens = node.descendants_with_tokens();
        if tokens.any(|it| it.kind() == SyntaxKind::POSITIONAL_PARAM) {
            return Err("a parameter");
        }
        if reads_itself(node, &relation) {
            return Err(
                "a query of the table that it changes: later batches would see earlier ones",
            );
        }
        Ok(Self {
            table: name(relation.syntax()),
            only: relation.only_token().is_some(),
            condition,
            sets: sets(node),
        })
    }
}

/// The clauses that make rows depend on others, or answer for all rows at once.
fn clause_in_the_way(kind: SyntaxKind) -> Option<&'static str> {
    match kind {
        SyntaxKind::WITH_CLAUSE => Some("WITH"),
        SyntaxKind::FROM_CLAUSE | SyntaxKind::USING_CLAUSE => {
            Some("FROM or USING, which joins other tables")
        }
        SyntaxKind::RETURNING_CLAUSE => Some("RETURNING"),
        SyntaxKind::FOR_PORTION_OF => Some("FOR PORTION OF"),
        _ => None,
    }
}

fn reads_itself(statement: &SyntaxNode, target: &RelationName) -> bool {
    let last = |name: String| name.rsplit('.').next().map(str::to_owned);
    let own = last(name(target.syntax()));
    let below = statement.descendants();
    let names = below.filter(|it| it.kind() == SyntaxKind::RELATION_NAME_REF);
    let reads = names.filter(|it| last(name(it)) == own);
    reads.count() > 1
}

fn sets(statement: &SyntaxNode) -> Vec<String> {
    let list = statement
        .children()
        .find(|it| it.kind() == SyntaxKind::SET_CLAUSE);
    let below = list.into_iter().flat_map(|list| list.descendants());
    let targets = below.filter(|it| it.kind() == SyntaxKind::COLUMN_TARGET);
    let names = targets.filter_map(|it| it.first_child());
    names.filter_map(|it| column(&text(&it))).collect()
}

/// What a statement does that goes in batches: it holds the rows of one. What can't be seen
/// through stays so, and so does what nobody uses yet.
pub(crate) fn soften(statement: &Stmt, effect: &mut Effect, backfill: &Backfill) {
    effect.is_long = false;
    effect.safer = None;
    if effect.class != Class::B {
        return;
    }
    let rows = backfill.batch;
    effect.reason = format!("holds the rows of one batch, {rows} at most, until it ends");
    if effect.fires {
        effect
            .reason
            .push_str("; its rows run code, which can't be seen through");
    }
    if !fills(statement) {
        effect.reason.push_str("; what the rows were is lost");
    } else if !effect.fires {
        effect.class = Class::A;
    }
}

/// Whether a statement writes nothing but columns that were null before.
fn fills(statement: &Stmt) -> bool {
    let Ok(target) = Target::of(statement) else {
        return false;
    };
    let mut empty = Vec::new();
    if let Some(condition) = &target.condition {
        conjuncts(condition, &mut empty);
    }
    let is_empty = |column: &String| empty.iter().any(|test| tests_null(test, column));
    !target.sets.is_empty() && target.sets.iter().all(is_empty)
}

/// Whether a condition is `column IS NULL`.
fn tests_null(test: &str, column: &str) -> bool {
    let test = test.to_lowercase();
    let Some(tested) = test.strip_suffix(" is null") else {
        return false;
    };
    let is_name = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
    tested.chars().all(is_name) && tested.rsplit('.').next() == Some(column)
}

/// The parts of a condition that must all hold.
fn conjuncts(condition: &SyntaxNode, found: &mut Vec<String>) {
    let mut tokens = condition.children_with_tokens();
    let is_and = tokens.any(|it| it.kind() == SyntaxKind::AND_KW);
    if condition.kind() == SyntaxKind::BIN_EXPR && is_and {
        condition.children().for_each(|it| conjuncts(&it, found));
    } else {
        found.push(text(condition));
    }
}

#[cfg(test)]
#[path = "backfill_tests.rs"]
mod tests;
