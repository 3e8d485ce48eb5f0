//! What is created.

use squawk_syntax::ast::{
    self, AstNode as _, Column, ColumnClause, ColumnConstraint, CreateTypeKind, Stmt, TableArg,
    TableConstraint,
};
use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::brought::By;
use super::calls::first_unknown;
use super::constraint::referring;
use super::data;
use super::effect::{Effect, LockMode};
use super::known::Known;
use super::names::{identifier, last, name, name_of, text};
use super::types::DataType;

pub(super) fn assess(statement: &Stmt, known: &mut Known) -> Option<Effect> {
    let effect = match statement {
        Stmt::CreateView(it) => {
            let view = name_of(it.view());
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
            match it.schema_elements().next() {
                None => Effect::a("nobody uses it yet"),
                Some(_) => Effect::unknown("statements within another are not looked at")
                    .safer("write each statement by itself", []),
            }
        }
        Stmt::CreateExtension(_) => Effect::b("runs the extension's own script"),
        Stmt::CreateStatistics(it) => {
            let tables = from(it.syntax());
            if let Some(code) = first_unknown(it.syntax(), known) {
                for table in &tables {
                    known.brought.run(table, &code, By::Index);
                }
            }
            Effect::a("changes what is known of the columns' values")
                .locks(LockMode::ShareUpdateExclusive, tables)
        }
        Stmt::CreateTrigger(it) => {
            let table = name_of(it.on_relation());
            let named = format!("the trigger {}", name_of(it.trigger()));
            known.brought.run(&table, &named, By::Rows);
            let called = it.call_expr().and_then(|call| call.expr());
            let called = called.map(|it| text(it.syntax())).unwrap_or_default();
            known.brought.fire(&named, &identifier(&called));
            trigger(&table, known)
        }
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

fn trigger(table: &str, known: &Known) -> Effect {
    if known.is_new(table) {
        return Effect::a(super::alter_table::NEW);
    }
    Effect::b("stops writes for a moment, and every write runs the trigger's function from then on")
        .locks(LockMode::ShareRowExclusive, [table.to_owned()])
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
        known.brought.lead(&table, &name(like.syntax()));
    }
    let reason = effect
        .reason
        .replace(super::alter_table::NEW, "nobody uses it yet");
    let effect = Effect { reason, ..effect };
    match (statement.partition_of(), statement.inherits()) {
        (Some(it), _) => {
            let parent = name_of(it.table_name_ref());
            known.brought.lead(&parent, &table);
            known.brought.lead(&table, &parent);
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
                known.brought.lead(parent, &table);
                known.brought.lead(&table, parent);
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
    if below.any(|it| it.kind() == SyntaxKind::EXCLUDE_CONSTRAINT) {
        known.brought.run(table, code, By::Index);
    }
    known
        .brought
        .run(table, code, constraint.unwrap_or(By::Rows));
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
