//! The statements of a script, and where they stand.
//!
//! A script is parsed once, as a whole, by a parser of PostgreSQL's grammar: quotes,
//! dollar quotes and nested comments need no rules here. What is no SQL is refused: a
//! server would not understand it either.

use std::ops::Range;

use squawk_syntax::ast::{self, AstNode as _, Stmt};
use squawk_syntax::{Parse, SourceFile, SyntaxKind};

use crate::depth::{DEEPEST, Look};
use crate::file::Script;
use crate::refusal::Refusal;
use crate::text::Lines;

/// A statement of a script, in the order in which it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Where it stands in the script's text, in bytes, with its semicolon. What lies
    /// between statements is white space, comments and further semicolons.
    pub range: Range<usize>,
    /// The line of the file that it begins in, from 1.
    pub line: usize,
}

/// A statement with its tree.
pub(crate) struct Parsed {
    pub(crate) statement: Statement,
    pub(crate) tree: Stmt,
}

/// Splits a script into its statements.
///
/// # Errors
/// When it is no SQL, or none that a server can be sent.
pub fn split(script: &Script) -> Result<Vec<Statement>, Box<Refusal>> {
    let parsed = parse(script)?.into_iter();
    Ok(parsed.map(|one| one.statement).collect())
}

/// What a script was found to be. It goes from thread to thread, as trees do not.
pub(crate) struct Syntax {
    look: Look,
    /// None: it nests too deep to be parsed.
    file: Option<Parse<SourceFile>>,
    /// The first error of its syntax, in bytes, and what is said of it.
    error: Option<(usize, String)>,
}

impl Syntax {
    /// Parses a script as a whole.
    pub(crate) fn of(script: &Script) -> Self {
        let look = Look::at(&script.text);
        let is_flat = look.too_deep.is_none();
        let file = is_flat.then(|| SourceFile::parse(&script.text));
        // To ask for errors is to have the whole tree looked at.
        let errors = file.as_ref().map(Parse::errors).unwrap_or_default();
        let error = errors.first().map(|error| {
            let start = usize::from(error.range().start());
            (start, error.message().to_owned())
        });
        Self { look, file, error }
    }
}

/// Splits a script and keeps the trees.
pub(crate) fn parse(script: &Script) -> Result<Vec<Parsed>, Box<Refusal>> {
    statements(script, &Syntax::of(script))
}

/// The statements of a script that was parsed.
pub(crate) fn statements(script: &Script, syntax: &Syntax) -> Result<Vec<Parsed>, Box<Refusal>> {
    let Syntax { look, file, error } = syntax;
    let text = &script.text;
    let lines = Lines::of(text);
    let (None, Some(file)) = (look.too_deep, file) else {
        let offset = look.too_deep.unwrap_or_default();
        let found = format!("more than {DEEPEST} words, operators and brackets within each other");
        return Err(at(script, &lines, offset, "the file nests too deep")
            .found(found)
            .expected("less than that")
            .next("split the expression"));
    };
    let statements: Vec<Parsed> = file
        .tree()
        .stmts()
        .filter(|tree| tree.syntax().kind() != SyntaxKind::EMPTY_STMT)
        .map(|tree| {
            let range: Range<usize> = tree.syntax().text_range().into();
            let line = script.line + lines.line(range.start) - 1;
            let statement = Statement { range, line };
            Parsed { statement, tree }
        })
        .collect();
    if let Some(copy) = statements.iter().find(|one| is_of_a_client(&one.tree)) {
        let start = copy.statement.range.start;
        return Err(at(script, &lines, start, "COPY needs a client")
            .found("COPY from or to the client, whose data is no part of the SQL")
            .expected("SQL that a server can be sent as it is")
            .next("write INSERT … VALUES, or load the data by other means than a migration"));
    }
    let Some((offset, message)) = error else {
        return Ok(statements);
    };
    let offset = *offset;
    if let Some(backslash) = look.backslash.filter(|at| *at <= offset) {
        return Err(at(
            script,
            &lines,
            backslash,
            "the file has a command of psql's",
        )
        .found("a backslash outside of strings")
        .expected("SQL that a server can be sent as it is")
        .next("take the command out: a migration is not run by psql"));
    }
    Err(
        at(script, &lines, offset, "the file is no SQL of PostgreSQL's")
            .found(found(text, offset))
            .expected(message.as_str())
            .next("correct it: nothing of this file would run"),
    )
}

/// Data that follows a statement is told from SQL by psql alone.
fn is_of_a_client(statement: &Stmt) -> bool {
    let Stmt::Copy(copy) = statement else {
        return false;
    };
    copy.copy_direction().is_some_and(|direction| {
        let ends = direction.syntax().children();
        ends.into_iter()
            .any(|end| matches!(end.kind(), SyntaxKind::COPY_STDIN | SyntaxKind::COPY_STDOUT))
    })
}

fn found(text: &str, offset: usize) -> String {
    match text.get(offset..).map(crate::text::brief) {
        Some(rest) if !rest.is_empty() => format!("`{rest}`"),
        _ => "the end of the file".to_owned(),
    }
}

/// A refusal at a byte of a script, with its line shown.
fn at(script: &Script, lines: &Lines<'_>, offset: usize, what: &str) -> Box<Refusal> {
    let (line, column) = lines.place(offset);
    let mut refusal = Refusal::of(&script.path, what).at(script.line + line - 1);
    refusal.column = Some(column);
    refusal.excerpt = Some(lines.excerpt(offset));
    refusal
}

/// Whether a statement begins, ends or marks a transaction.
pub(crate) fn is_of_transactions(statement: &Stmt) -> bool {
    matches!(
        statement,
        Stmt::Begin(_)
            | Stmt::Commit(_)
            | Stmt::Rollback(_)
            | Stmt::SavepointCreate(_)
            | Stmt::ReleaseSavepoint(_)
            | Stmt::PrepareTransaction(_)
    )
}

/// Whether it is `BEGIN` or `START TRANSACTION` without modes.
pub(crate) fn begins(statement: &Stmt) -> bool {
    matches!(statement, Stmt::Begin(begin) if begin.transaction_mode_list().is_none())
}

/// Whether it is `COMMIT` or `END`.
pub(crate) fn commits(statement: &Stmt) -> bool {
    let Stmt::Commit(ast::Commit::CommitTransaction(commit)) = statement else {
        return false;
    };
    let words = commit.syntax().text().to_string().to_lowercase();
    !words.contains("chain")
}

#[cfg(test)]
#[path = "split_tests.rs"]
mod tests;
