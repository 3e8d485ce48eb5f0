//! What reads and writes rows.

use squawk_syntax::ast::{AstNode as _, Copy, Insert, Stmt, Truncate};
use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::alter_table::NEW;
use super::calls::first_unknown;
use super::effect::{Class, Effect, LockMode};
use super::hooks::{Code, Write};
use super::keys;
use super::known::Known;
use super::names::{identifiers, name, name_of, names_of};
use crate::backfill;

/// How many rows are changed without holding all of them.
const BATCHES: &str =
    "change the rows in batches, each in a transaction of its own, apart from migrations";

/// How, of one table.
const BACKFILL: &str = "have them changed in batches: write `-- sluice: backfill key=<a unique \
                        column> batch=1000 pause=100ms` in the line before the statement";

pub(super) fn assess(statement: &Stmt, known: &mut Known) -> Effect {
    let node = statement.syntax();
    match statement {
        Stmt::Truncate(it) => return truncate(it, known),
        Stmt::Copy(it) => return copy(it, known),
        Stmt::SelectInto(it) => {
            let effect = creating(node, known);
            let into = it.into_clause();
            let table = name_of(into.as_ref().and_then(|it| it.table_name()));
            known.forget(&table);
            if into.is_some_and(|it| it.persistence().is_some()) {
                known.create_temporary(&table);
            }
            return effect;
        }
        _ => {}
    }
    let read_code = code_read_by(node, known);
    if let Some(code) = read_code {
        known.forget_all();
        return opaque(&code);
    }
    let (writes, code) = written(node, known);
    match (writes, code) {
        (None, None) => read(node),
        (Some(writes), None) if writes.class == Class::B && backfill::is_fit(statement) => {
            writes.safer(BACKFILL, [])
        }
        (Some(writes), None) => writes,
        (None, Some(code)) => fired(code, known),
        (Some(writes), Some(code)) => writes.and(fired(code, known)),
    }
}

/// What is run by rows that come or go. The application's rows run it as well, once it has
/// served them: then it is known to do no harm by itself.
pub(super) fn fired(code: Code, known: &mut Known) -> Effect {
    let what = &code.what;
    let effect = if code.is_fresh {
        known.forget_all();
        Effect::c(format!(
            "runs {what}, which can't be seen through, and which nobody ran before"
        ))
    } else {
        known.fill_all();
        Effect::b(format!("runs {what}, which can't be seen through"))
    };
    effect.long().fires().untried(code.untried).depends(UNSEEN)
}

/// What a statement's writes do, and the code that they run, or its reads; tables of the
/// file's may have rows from here on.
fn written(node: &SyntaxNode, known: &mut Known) -> (Option<Effect>, Option<Code>) {
    let code = code_of_writes(node, known).or_else(|| policy_of(node, known));
    let writes = node.descendants().filter_map(|it| of_write(&it, known));
    let writes = writes.reduce(Effect::and);
    for written in node.descendants().filter(is_write) {
        known.fill(&written_table(&written));
    }
    (writes, code)
}

/// What runs code for the rows of tables that it reads or computes again.
pub(super) fn computed(effect: Effect, code: Option<Code>, known: &mut Known) -> Effect {
    match code {
        Some(code) => effect.and(fired(code, known)),
        None => effect,
    }
}

/// What is known of triggers: that they are there.
const UNSEEN: &str = "what triggers and functions do is not known";

/// The code that runs when rows are written.
fn code_of_writes(node: &SyntaxNode, known: &Known) -> Option<Code> {
    let written = node.descendants().filter(is_write);
    let code = written.filter_map(|it| {
        let table = written_table(&it);
        let hooks = &known.brought.hooks;
        let write = match it.kind() {
            SyntaxKind::INSERT if !updates(&it) => Write::Insert,
            SyntaxKind::INSERT | SyntaxKind::UPDATE => hooks.of_set(&table, &keys::set(&it)),
            _ => Write::Delete,
        };
        hooks.code_of(&table, write)
    });
    code.reduce(Code::and)
}

/// Whether an `INSERT` changes what is there already.
fn updates(insert: &SyntaxNode) -> bool {
    let mut below = insert.descendants();
    below.any(|it| it.kind() == SyntaxKind::CONFLICT_DO_UPDATE_SET)
}

/// The code that a query calls, itself or by a view. A view is taken to be meant by
/// whatever is called like it.
pub(super) fn code_read_by(node: &SyntaxNode, known: &Known) -> Option<String> {
    first_unknown(node, known).or_else(|| {
        let code = identifiers(node).find_map(|it| known.brought.code_of_view(&it));
        code.map(str::to_owned)
    })
}

/// What a policy runs when rows are read, of whatever table is named.
fn policy_of(node: &SyntaxNode, known: &Known) -> Option<Code> {
    let hooks = &known.brought.hooks;
    if !hooks.has_policies() {
        return None;
    }
    let policies = identifiers(node).filter_map(|it| hooks.policy_of(&it));
    policies.reduce(Code::and)
}

fn is_write(node: &SyntaxNode) -> bool {
    matches!(
        node.kind(),
        SyntaxKind::INSERT | SyntaxKind::UPDATE | SyntaxKind::DELETE | SyntaxKind::MERGE
    )
}

pub(super) fn opaque(code: &str) -> Effect {
    Effect::unknown(format!("runs {code}, which can't be seen through"))
        .long()
        .safer("write what the code does as statements of the file", [])
}

/// A query that changes nothing.
fn read(node: &SyntaxNode) -> Effect {
    let locks = node
        .descendants()
        .any(|it| it.kind() == SyntaxKind::LOCKING_CLAUSE);
    if locks {
        return Effect::b("holds rows until the transaction ends").long();
    }
    let effect = Effect::a("reads, and changes nothing");
    let takes_long = |it: SyntaxNode| {
        matches!(
            it.kind(),
            SyntaxKind::FROM_CLAUSE | SyntaxKind::TABLE | SyntaxKind::CALL_EXPR
        )
    };
    match node.descendants().any(takes_long) {
        true => effect.long(),
        false => effect,
    }
}

/// The table that a part of a statement writes to.
fn written_table(node: &SyntaxNode) -> String {
    let is_relation = |it: &SyntaxNode| {
        matches!(
            it.kind(),
            SyntaxKind::RELATION_NAME
                | SyntaxKind::RELATION_NAME_REF
                | SyntaxKind::TABLE_RELATION_NAME
        )
    };
    let relation = node.children().find(is_relation);
    relation.map_or_else(|| name(node), |it| name(&it))
}

/// What a part of a statement does that writes rows; nothing of one that does not.
fn of_write(node: &SyntaxNode, known: &Known) -> Option<Effect> {
    let table = || written_table(node);
    let is_new = |table: &str| known.is_new(table);
    match node.kind() {
        SyntaxKind::INSERT => {
            let insert = Insert::cast(node.clone())?;
            Some(inserted(&insert, known))
        }
        SyntaxKind::UPDATE if is_new(&table()) => Some(Effect::a(NEW).long()),
        SyntaxKind::UPDATE => Some(
            changed(
                "holds each row that it changes until the transaction ends",
                table(),
            )
            .depends("code reads other values"),
        ),
        SyntaxKind::DELETE if is_new(&table()) => Some(Effect::a(NEW).long()),
        SyntaxKind::DELETE => Some(
            changed(
                "holds each row that it deletes until the transaction ends",
                table(),
            )
            .depends("code may need the rows"),
        ),
        SyntaxKind::MERGE => {
            let table = table();
            Some(
                Effect::c("writes, changes and deletes rows by a condition")
                    .locks(LockMode::RowExclusive, [table])
                    .long()
                    .depends("code reads other rows")
                    .safer("write INSERT, UPDATE and DELETE, each by itself", []),
            )
        }
        _ => None,
    }
}

fn changed(reason: &str, table: String) -> Effect {
    Effect::b(reason)
        .locks(LockMode::RowExclusive, [table])
        .long()
        .safer(BATCHES, [])
}

fn inserted(insert: &Insert, known: &Known) -> Effect {
    let table = name_of(insert.relation_name_ref());
    let children = || insert.syntax().children();
    let is_query = children().any(|it| {
        matches!(
            it.kind(),
            SyntaxKind::SELECT
                | SyntaxKind::COMPOUND_SELECT
                | SyntaxKind::PAREN_SELECT
                | SyntaxKind::TABLE
        )
    });
    let updates = updates(insert.syntax());
    if known.is_new(&table) {
        let effect = Effect::a(NEW);
        return if is_query { effect.long() } else { effect };
    }
    if updates {
        return changed(
            "holds each row that is there already until the transaction ends",
            table,
        )
        .depends("code reads other values");
    }
    let lock = |effect: Effect| effect.locks(LockMode::RowExclusive, [table.clone()]);
    if is_query {
        return lock(Effect::b("writes as many rows as its query finds").long())
            .depends("code reads more rows")
            .safer(BATCHES, []);
    }
    lock(Effect::a("writes the rows that it lists")).depends("code reads more rows")
}

/// `COPY`. Whatever it is told to read may become rows.
fn copy(statement: &Copy, known: &mut Known) -> Effect {
    let node = statement.syntax();
    let table = statement.copy_table().and_then(|it| it.table_name_ref());
    let table = table.map(|it| name(it.syntax()));
    let hooks = &known.brought.hooks;
    let own = table.and_then(|it| hooks.code_of(&it, Write::Insert));
    let (_, code) = written(node, known);
    let code = own.into_iter().chain(code).reduce(Code::and);
    known.fill_all();
    let effect = Effect::c("reads or writes a file of the server's").long();
    if let Some(code) = code_read_by(node, known) {
        known.forget_all();
        return effect.and(opaque(&code));
    }
    computed(effect, code, known)
}

fn truncate(statement: &Truncate, known: &mut Known) -> Effect {
    let tables = statement.table_list();
    let tables = tables
        .map(|it| names_of(it.table_relation_names()))
        .unwrap_or_default();
    let cascades = statement
        .syntax()
        .children()
        .any(|it| it.kind() == SyntaxKind::CASCADE);
    let write = Write::Truncate { cascades };
    let hooks = &known.brought.hooks;
    let code = tables
        .iter()
        .filter_map(|table| hooks.code_of(table, write));
    let code = code.reduce(Code::and);
    let effect = if !cascades && tables.iter().all(|table| known.is_new(table)) {
        Effect::a(NEW)
    } else {
        Effect::c("destroys all rows")
            .exclusively(tables)
            .removes("code finds its rows gone")
    };
    computed(effect, code, known)
}

/// What is created of a query's rows.
pub(super) fn creating(node: &SyntaxNode, known: &mut Known) -> Effect {
    if let Some(code) = code_read_by(node, known) {
        known.forget_all();
        return opaque(&code);
    }
    let executes = node
        .descendants()
        .any(|it| it.kind() == SyntaxKind::EXECUTE);
    if executes {
        known.forget_all();
        return Effect::unknown("runs what was prepared elsewhere").long();
    }
    let created = Effect::a("nobody uses it yet; reads what its query reads").long();
    let (writes, code) = written(node, known);
    let effect = writes.into_iter().fold(created, Effect::and);
    computed(effect, code, known)
}
