//! What is created.

use squawk_syntax::ast::{
    self, AstNode as _, Column, ColumnClause, ColumnConstraint, CreateTypeKind, Stmt, TableArg,
    TableConstraint,
};
use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::calls::{called, first_unknown};
use super::constraint::referring;
use super::data;
use super::effect::{Effect, LockMode};
use super::hooks::By;
use super::known::Known;
use super::names::{last, name, name_of};
use super::types::DataType;

pub(super) fn assess(statement: &Stmt, known: &mut Known) -> Option<Effect> {
    let effect = match statement {
        Stmt::CreateView(it) => {
            let view = name_of(it.view());
            mark(it.syntax(), &view, known);
            match it.or_replace() {
                Some(_) => replaced(view),
                None => Effect::a("nobody uses it yet"),
            }
        }
        Stmt::CreateFunction(it) => routine(it.or_replace().is_some()),
        Stmt::CreateProcedure(it) => routine(it.or_replace().is_some()),
        Stmt::CreateAggregate(it) => routine(it.or_replace().is_some()),
        Stmt::CreateType(it) => {
            let name = name_of(it.type_name());
            if matches!(
                it.kind(),
                Some(
                    CreateTypeKind::EnumType(_)
                        | CreateTypeKind::CompositeType(_)
                        | CreateTypeKind::RangeType(_)
                )
            ) {
                known.create_type(&name);
            }
            Effect::a("nobody uses it yet")
        }
        Stmt::CreateMaterializedView(it) => data::creating(it.syntax(), known),
        Stmt::CreateDomain(it) => {
            known.create_domain(&name_of(it.domain()));
            Effect::a("nobody uses it yet")
        }
        Stmt::CreateSequence(it) => {
            let name = name_of(it.sequence());
            match it.if_not_exists() {
                None => known.create(&name),
                Some(_) => known.forget(&name),
            }
            mark(it.syntax(), &name, known);
            Effect::a("nobody uses it yet")
        }
        Stmt::CreateCollation(_)
        | Stmt::CreateTextSearchConfiguration(_)
        | Stmt::CreateTextSearchDictionary(_) => Effect::a("nobody uses it yet"),
        Stmt::CreateSchema(it) => {
            // One of the role's own name comes first in the search path.
            known.forget_unqualified();
            known.brought.move_names();
            match it.schema_elements().next() {
                None => Effect::a("nobody uses it yet"),
                Some(_) => Effect::unknown("statements within another are not looked at")
                    .safer("write each statement by itself", []),
            }
        }
        Stmt::CreateExtension(_) => Effect::b("runs the extension's own script"),
        Stmt::CreateStatistics(it) => statistics(it.syntax(), known),
        Stmt::CreateTrigger(it) => trigger(it, known),
        Stmt::CreatePolicy(it) => {
            let table = name_of(it.on_table());
            match known.is_new(&table) {
                true => Effect::a(super::alter_table::NEW),
                false => Effect::b("stops everybody for a moment")
                    .exclusively([table])
                    .depends("code may see, or may write, other rows than before"),
            }
        }
        Stmt::CommentOn(it) => Effect::a("changes no more than what people read")
            .locks(LockMode::ShareUpdateExclusive, commented(it)),
        Stmt::Grant(_) => Effect::a("lets somebody do more"),
        _ => return None,
    };
    Some(effect)
}

/// The relation that a comment is on, or on a part of.
fn commented(statement: &ast::CommentOn) -> Vec<String> {
    use ast::CommentObject as On;
    let object = statement.comment_object();
    let relation = object.as_ref().and_then(|object| match object {
        On::ObjectTable(it) => Some(name(it.syntax())),
        On::ObjectView(it) => Some(name(it.syntax())),
        On::ObjectMaterializedView(it) => Some(name(it.syntax())),
        On::ObjectForeignTable(it) => Some(name(it.syntax())),
        On::ObjectIndex(it) => Some(name(it.syntax())),
        On::ObjectSequence(it) => Some(name(it.syntax())),
        On::ObjectColumn(it) => {
            let column = name(it.syntax());
            let part = last(&column).len() + 1;
            Some(column[..column.len().saturating_sub(part)].to_owned())
        }
        On::ObjectConstraint(it) => of_relation(it.syntax()),
        On::ObjectTrigger(it) => of_relation(it.syntax()),
        On::ObjectPolicy(it) => of_relation(it.syntax()),
        On::ObjectRule(it) => of_relation(it.syntax()),
        _ => None,
    });
    relation.into_iter().collect()
}

/// The relation behind `ON`.
fn of_relation(node: &SyntaxNode) -> Option<String> {
    let on = node.children().last()?;
    Some(name(&on))
}

fn statistics(statement: &SyntaxNode, known: &mut Known) -> Effect {
    let tables = from(statement);
    let effect = Effect::a("changes what is known of the columns' values")
        .locks(LockMode::ShareUpdateExclusive, tables.clone());
    let Some(code) = first_unknown(statement, known) else {
        return effect;
    };
    for table in &tables {
        let hooks = &mut known.brought.hooks;
        hooks.run(table, &code, By::Index, called(statement));
    }
    match tables.iter().all(|table| known.is_new(table)) {
        true => effect,
        false => effect.and(Effect::b(format!(
            "ANALYZE, which the server does by itself, runs {code}, which can't be seen \
             through, from here on"
        ))),
    }
}

fn trigger(statement: &ast::CreateTrigger, known: &mut Known) -> Effect {
    let table = name_of(statement.on_relation());
    let named = format!("the trigger {}", name_of(statement.trigger()));
    let events = statement.trigger_event_list();
    let events: Vec<_> = events
        .iter()
        .flat_map(ast::TriggerEventList::trigger_events)
        .collect();
    let is_truncate =
        |it: &ast::TriggerEvent| matches!(it, ast::TriggerEvent::TriggerEventTruncate(_));
    let by = |by: By| (named.as_str(), by);
    let rows = (!events.iter().all(is_truncate)).then(|| by(By::Rows));
    let truncate = events.iter().any(is_truncate).then(|| by(By::Truncate));
    for (named, by) in rows.into_iter().chain(truncate) {
        let hooks = &mut known.brought.hooks;
        hooks.run(&table, named, by, called(statement.syntax()));
    }
    if known.is_new(&table) {
        return Effect::a(super::alter_table::NEW);
    }
    Effect::b("stops writes for a moment, and every write runs the trigger's function from then on")
        .locks(LockMode::ShareRowExclusive, [table])
        .depends("what it writes may be changed, or refused, by the trigger")
}

fn routine(replaces: bool) -> Effect {
    if replaces {
        Effect::b("whoever calls it runs the new one at once")
            .depends("the new one may do, or answer, something else")
    } else {
        Effect::a("nobody uses it yet")
    }
}

fn replaced(view: String) -> Effect {
    Effect::b("whoever reads it reads by the new query at once")
        .exclusively([view])
        .depends("the new query may show other rows")
}

/// The relations behind `FROM`.
fn from(node: &SyntaxNode) -> Vec<String> {
    let mut items = node.descendants();
    let table =
        items.find(|it| matches!(it.kind(), SyntaxKind::FROM_TABLE | SyntaxKind::FROM_CLAUSE));
    table.map(|it| name(&it)).into_iter().collect()
}

pub(super) fn table(statement: &ast::CreateTable, known: &mut Known) -> Effect {
    let table = name_of(statement.table_name());
    if statement.if_not_exists().is_some() {
        known.forget(&table);
    } else {
        known.create(&table);
    }
    mark(statement.syntax(), &table, known);
    let mut parents = Vec::new();
    let arguments = statement.table_arg_list();
    for argument in arguments.iter().flat_map(ast::TableArgList::args) {
        match argument {
            TableArg::Column(it) => column(&table, &it, known, &mut parents),
            TableArg::TableConstraint(TableConstraint::ForeignKeyConstraint(it)) => {
                parents.push(name_of(it.table_name_ref()));
            }
            _ => {}
        }
    }
    if statement.if_not_exists().is_some() {
        known.forget(&table);
    }
    parents.retain(|it| *it != table);
    let effect = referring(&table, &parents, known);
    let code = first_unknown(statement.syntax(), known);
    if let Some(code) = &code {
        keep(&table, code, None, statement.syntax(), known);
    }
    let of = arguments.iter().flat_map(ast::TableArgList::args);
    for like in of.filter(|it| matches!(it, TableArg::LikeClause(_))) {
        known.brought.hooks.lead(&table, &name(like.syntax()));
    }
    let reason = effect
        .reason
        .replace(super::alter_table::NEW, "nobody uses it yet");
    let effect = Effect { reason, ..effect };
    match (statement.partition_of(), statement.inherits()) {
        (Some(it), _) => {
            let parent = name_of(it.table_name_ref());
            tied(&parent, &table, known);
            let effect = effect.and(partition(parent, &table, known));
            // Its bounds are computed at once.
            match code {
                Some(code) => running(effect, &code, known),
                None => effect,
            }
        }
        (None, Some(it)) => {
            let of = super::names::names_of(it.table_name_refs());
            for parent in &of {
                tied(parent, &table, known);
            }
            effect.and(
                Effect::a("the parents show its rows from here on")
                    .locks(LockMode::ShareUpdateExclusive, of),
            )
        }
        (None, None) => effect,
    }
}

/// A table has code of a statement's from here on, by a constraint of this name if it has
/// one.
pub(super) fn keep(
    table: &str,
    code: &str,
    constraint: Option<By>,
    statement: &SyntaxNode,
    known: &mut Known,
) {
    let mut below = statement.descendants();
    let hooks = &mut known.brought.hooks;
    if below.any(|it| it.kind() == SyntaxKind::EXCLUDE_CONSTRAINT) {
        hooks.run(table, code, By::Index, called(statement));
    }
    hooks.run(
        table,
        code,
        constraint.unwrap_or(By::Table),
        called(statement),
    );
}

/// Rows of one table are another's, too. What is no table of this file's may have some, and
/// get others at any time.
pub(super) fn tied(parent: &str, child: &str, known: &mut Known) {
    known.brought.hooks.lead(parent, child);
    known.brought.hooks.lead(child, parent);
    let is_empty = |it: &str| known.is_new(it) && !known.is_filled(it);
    if !is_empty(parent) || !is_empty(child) {
        known.fill(parent);
    }
}

/// Code runs at once, for what is there, whatever else a statement does.
pub(super) fn running(effect: Effect, code: &str, known: &mut Known) -> Effect {
    known.forget_all();
    let safer = effect.safer.clone();
    let mut effect = effect.and(data::opaque(code));
    effect.safer = safer.or(effect.safer);
    effect
}

/// A table may be the session's own, and hide another until that ends.
fn mark(statement: &SyntaxNode, table: &str, known: &mut Known) {
    let mut children = statement.children();
    if table.starts_with("pg_temp") || children.any(|it| it.kind() == SyntaxKind::TEMP) {
        known.create_temporary(table);
    }
}

fn partition(parent: String, table: &str, known: &Known) -> Effect {
    if known.is_new(&parent) {
        return Effect::a("nobody uses it yet");
    }
    Effect::b("stops everybody who uses the parent, and reads all rows of its default partition")
        .exclusively([parent.clone()])
        .scans()
        .safer(
            "create it as a table of its own, like the parent, and attach it then",
            [
                format!("CREATE TABLE {table} (LIKE {parent} INCLUDING ALL);"),
                format!("ALTER TABLE {parent} ATTACH PARTITION {table} FOR VALUES …;"),
            ],
        )
}

fn column(table: &str, column: &Column, known: &mut Known, parents: &mut Vec<String>) {
    if let Some(ty) = column.ty() {
        known.set_type(table, &name_of(column.name()), DataType::of(ty.syntax()));
    }
    let references = column.clauses().filter_map(|clause| match clause {
        ColumnClause::ColumnConstraint(ColumnConstraint::ReferencesConstraint(it)) => {
            Some(name_of(it.table()))
        }
        _ => None,
    });
    parents.extend(references);
}

pub(super) fn table_as(statement: &ast::CreateTableAs, known: &mut Known) -> Effect {
    let effect = data::creating(statement.syntax(), known);
    let table = name_of(statement.table_name());
    match statement.if_not_exists() {
        None => known.create(&table),
        Some(_) => known.forget(&table),
    }
    mark(statement.syntax(), &table, known);
    known.fill(&table);
    effect
}
