//! What each statement of a file does, by an allow-list over its tree: what is not known
//! is [`Class::C`].
//!
//! No comment changes anything here, as comments are no part of the trees. Locks were
//! measured with PostgreSQL 17, and are those of its documentation.
//!
//! `squawk-linter`, by the makers of the parser, is not used beside it. Its rules know
//! fewer statements (nothing of `DO`, `DELETE`, `REVOKE` or `CREATE TRIGGER`), say nothing
//! of locks, and are silenced by comments.

mod add_column;
mod alter_column;
mod alter_other;
mod alter_table;
mod brought;
mod calls;
mod constraint;
mod create;
mod data;
mod drop;
mod effect;
mod hooks;
mod index;
mod keys;
mod known;
mod learn;
mod maintenance;
mod names;
mod session;
mod types;

use std::collections::BTreeSet;

use squawk_syntax::ast::{AstNode as _, Stmt};

pub(crate) use effect::Effect;
pub use effect::{Class, Halfway, Lock, LockMode, OldCode, Safer};
pub(crate) use known::Known;
pub(crate) use names::{identifier, name, name_of, names_of, text};
pub(crate) use session::is_of_sluice;

/// What a statement is called, and what it does.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) kind: String,
    pub(crate) effect: Effect,
}

impl Told {
    fn of(kind: impl Into<String>, effect: Effect) -> Self {
        Self {
            kind: kind.into(),
            effect,
        }
    }
}

/// What a statement does, given what ran before it in its file.
pub(crate) fn assess(statement: &Stmt, known: &mut Known) -> Told {
    let mut told = by_kind(statement, known);
    let trigger = known.brought.event_trigger();
    if let Some(what) = trigger.filter(|_| changes_schema(statement)) {
        let code = hooks::Code {
            what,
            is_fresh: false,
            untried: BTreeSet::new(),
        };
        told.effect = told.effect.and(data::fired(code, known));
    }
    learn::from(statement, known);
    if names::is_escaped(statement.syntax()) {
        told.effect = told.effect.and(escaped(statement, known));
    }
    told
}

/// A name in escapes may be any other.
fn escaped(statement: &Stmt, known: &mut Known) -> Effect {
    known.forget_all();
    if changes_schema(statement) {
        known.brought.hide("what is named by escapes");
    }
    Effect::unknown("names something by escapes (`U&\"…\"`), which are not read")
        .safer("write the name itself, in quotes where it needs them", [])
}

/// Whether event triggers may be fired: by anything but reads and writes of rows.
fn changes_schema(statement: &Stmt) -> bool {
    !matches!(
        statement,
        Stmt::Insert(_)
            | Stmt::Update(_)
            | Stmt::Delete(_)
            | Stmt::Select(_)
            | Stmt::Values(_)
            | Stmt::Set(_)
            | Stmt::Analyze(_)
            | Stmt::Vacuum(_)
            | Stmt::CreateEventTrigger(_)
            | Stmt::DropEventTrigger(_)
    )
}

fn by_kind(statement: &Stmt, known: &mut Known) -> Told {
    let plain = |effect| Told::of(names::words(statement.syntax().kind()), effect);
    match statement {
        Stmt::AlterTable(it) => alter_table::assess(it, known),
        Stmt::CreateIndex(it) => index::create(it, known),
        Stmt::DropIndex(it) => index::drop(it),
        Stmt::Reindex(it) => index::reindex(it, known),
        Stmt::AlterIndex(it) => index::alter(it, known),
        Stmt::Vacuum(it) => maintenance::vacuum(it, known),
        Stmt::Refresh(it) => maintenance::refresh(it, known),
        Stmt::CreateTable(it) => plain(create::table(it, known)),
        Stmt::CreateTableAs(it) => plain(create::table_as(it, known)),
        Stmt::AlterType(it) => alter_other::of_type(it),
        Stmt::Set(it) => plain(session::set(it, known)),
        Stmt::Reset(_) | Stmt::Discard(_) => plain(session::reset(known)),
        Stmt::SetRole(_)
        | Stmt::SetSessionAuth(_)
        | Stmt::ResetRole(_)
        | Stmt::ResetSessionAuth(_) => plain(session::role(known)),
        Stmt::Insert(_)
        | Stmt::Update(_)
        | Stmt::Delete(_)
        | Stmt::Merge(_)
        | Stmt::Select(_)
        | Stmt::CompoundSelect(_)
        | Stmt::ParenSelect(_)
        | Stmt::SelectInto(_)
        | Stmt::Values(_)
        | Stmt::Table(_)
        | Stmt::Truncate(_)
        | Stmt::Copy(_) => plain(data::assess(statement, known)),
        Stmt::Do(_) | Stmt::Call(_) | Stmt::Execute(_) | Stmt::Prepare(_) => {
            known.forget_all();
            plain(
                Effect::unknown("runs code that can't be seen through")
                    .long()
                    .safer(
                        "write the statements that it runs as statements of the file",
                        [],
                    ),
            )
        }
        _ => plain(of_other(statement, known)),
    }
}

/// What is said with less than a module of its own.
fn of_other(statement: &Stmt, known: &mut Known) -> Effect {
    create::assess(statement, known)
        .or_else(|| drop::assess(statement, known))
        .or_else(|| alter_other::assess(statement, known))
        .or_else(|| maintenance::assess(statement, known))
        .unwrap_or_else(|| {
            known.forget_all();
            Effect::unknown("a statement whose effect is not known")
        })
}

#[cfg(test)]
mod brought_tests;
#[cfg(test)]
mod context_tests;
#[cfg(test)]
mod data_tests;
#[cfg(test)]
mod hooks_tests;
#[cfg(test)]
mod tests;
