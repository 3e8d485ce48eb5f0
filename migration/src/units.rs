//! What of a migration runs as one: all of it in a transaction, or a statement by itself.

use serde::Serialize;
use squawk_syntax::SyntaxKind;
use squawk_syntax::ast::{AstNode as _, Stmt};

use crate::assess::Class;
use crate::file::File;
use crate::lint::Seen;
use crate::refusal::Refusal;
use crate::tool::Tool;

/// Statements that run as one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unit {
    /// Whether they run in a transaction. If not, it is one statement, sent by itself or in
    /// batches.
    pub transaction: bool,
    /// Which of the file's statements they are, from 0, in order.
    pub statements: Vec<usize>,
}

/// The units of a file. `is_wrapped` says that it begins and ends a transaction itself.
///
/// A file whose tool runs it in no transaction is taken statement by statement. So is one
/// with nothing but statements that may not run in a transaction, where the tool runs
/// that. What goes in batches is by itself in any file.
///
/// # Errors
/// When what may run in no transaction is in one.
pub(crate) fn of(
    tool: Tool,
    file: &File,
    is_wrapped: bool,
    statements: &[Seen],
) -> Result<Vec<Unit>, Box<Refusal>> {
    let units = cut(tool, file, is_wrapped, statements)?;
    if units.len() < 2 {
        return Ok(units);
    }
    if let Some(setting) = statements.iter().find(|one| is_for_the_rest(one)) {
        return Err(lost(file, setting));
    }
    match statements.iter().find(|one| is_temporary(one)) {
        Some(temporary) => Err(hidden(file, temporary)),
        None => Ok(units),
    }
}

/// Whether it makes, or names, what is one session's alone, and hides what has its name.
fn is_temporary(one: &Seen) -> bool {
    let node = one.tree().syntax();
    let mut tokens = node.descendants_with_tokens();
    node.descendants().any(|it| it.kind() == SyntaxKind::TEMP)
        || tokens.any(|it| {
            let token = it.into_token();
            token.is_some_and(|it| {
                let name = it.text().trim_start_matches('"').to_ascii_lowercase();
                name.starts_with("pg_temp")
            })
        })
}

fn hidden(file: &File, one: &Seen) -> Box<Refusal> {
    Refusal::of(
        &file.path,
        "what is temporary does not reach the rest of the file",
    )
    .at(one.line())
    .found(format!(
        "{} of something temporary, in a file of which each part has a session of its own",
        one.kind
    ))
    .expected("nothing temporary: the parts below would mean what else has its name")
    .next("take it out, or split the file so that it runs in one transaction")
}

fn cut(
    tool: Tool,
    file: &File,
    is_wrapped: bool,
    statements: &[Seen],
) -> Result<Vec<Unit>, Box<Refusal>> {
    let all: Vec<usize> = (0..statements.len()).collect();
    let apart = |all: Vec<usize>| {
        all.into_iter().map(|one| Unit {
            transaction: false,
            statements: vec![one],
        })
    };
    if !file.transaction && !is_wrapped {
        return Ok(apart(all).collect());
    }
    let batched = statements.iter().find(|one| one.backfill.is_some());
    if let Some(batched) = batched.filter(|_| is_wrapped) {
        return Err(wrapped(file, batched));
    }
    let alone = statements.iter().filter(|one| !one.effect.in_transaction);
    let alone: Vec<&Seen> = alone.collect();
    let Some(first) = alone.first() else {
        return Ok(around_batches(statements));
    };
    let is_pure = alone.len() == statements.len() && !is_wrapped;
    let runs_it = tool.finds_out() || (tool.opt_out().is_none() && statements.len() == 1);
    if is_pure && runs_it {
        return Ok(apart(all).collect());
    }
    Err(mixed(tool, file, first, is_wrapped, is_pure))
}

/// Whether it sets what the statements after it mean, in a session that ends with its unit.
fn is_for_the_rest(one: &Seen) -> bool {
    let sets = matches!(
        one.tree(),
        Stmt::Set(_) | Stmt::SetRole(_) | Stmt::SetSessionAuth(_) | Stmt::Reset(_)
    );
    sets && one.effect.class != Class::A
}

fn lost(file: &File, one: &Seen) -> Box<Refusal> {
    Refusal::of(
        &file.path,
        "the setting does not reach the rest of the file",
    )
    .at(one.line())
    .found(format!(
        "{}, in a file of which each part has a session of its own",
        one.kind
    ))
    .expected("statements that mean the same in any session")
    .next("write names with their schema, or split the file so that it runs in one transaction")
}

/// A transaction for what lies between statements that go in batches.
fn around_batches(statements: &[Seen]) -> Vec<Unit> {
    let parts = statements.chunk_by(|one, next| one.backfill.is_none() && next.backfill.is_none());
    let mut from = 0;
    let units = parts.map(|part| {
        let own = from..from + part.len();
        from = own.end;
        Unit {
            transaction: part.iter().all(|one| one.backfill.is_none()),
            statements: own.collect(),
        }
    });
    units.collect()
}

fn wrapped(file: &File, one: &Seen) -> Box<Refusal> {
    Refusal::of(&file.path, "the backfill is in a transaction")
        .at(one.line())
        .found("the file's own BEGIN and COMMIT around it")
        .expected("no transaction around a statement of which each batch has one")
        .next("take BEGIN and COMMIT out, or move it into a file of its own")
}

fn mixed(tool: Tool, file: &File, first: &Seen, is_wrapped: bool, is_pure: bool) -> Box<Refusal> {
    let why = match (is_wrapped, is_pure) {
        (true, _) => "the file's own BEGIN and COMMIT around it".to_owned(),
        (false, true) => format!("a file that {tool} runs in a transaction"),
        (false, false) => "other statements in the same transaction".to_owned(),
    };
    let next = match (is_pure, tool.opt_out()) {
        (true, Some(opt_out)) => format!("tell {tool} to use none: {opt_out}"),
        (false, Some(opt_out)) if !tool.finds_out() => {
            format!("move it into a file of its own, with {opt_out}")
        }
        _ => "move it into a file of its own, without BEGIN and COMMIT".to_owned(),
    };
    Refusal::of(&file.path, "the statement can't run in a transaction")
        .at(first.line())
        .found(format!("{}, and {why}", first.kind))
        .expected("such a statement alone")
        .next(next)
}
