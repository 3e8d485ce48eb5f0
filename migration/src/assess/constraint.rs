//! Constraints that are added to tables or dropped from them.

use squawk_syntax::SyntaxKind;
use squawk_syntax::ast::{self, AlterTableAction, AstNode as _, Constraint, ConstraintOption};

use super::alter_table::NEW;
use super::effect::{Effect, LockMode};
use super::hooks::By;
use super::known::Known;
use super::names::{identifier, made, name, name_of, text, words};

/// What writes may run into, which never did.
pub(super) const NARROWED: &str = "what it writes may not meet the constraint";

/// What becomes of rows that others refer to.
pub(super) const REFERRED: &str =
    "where it deletes or renumbers rows that new code refers to, it may fail, or delete more";

/// A constraint, as SQL has it.
pub(super) fn kind(constraint: Option<&Constraint>) -> String {
    let Some(constraint) = constraint else {
        return "ADD CONSTRAINT".to_owned();
    };
    let what = words(constraint.syntax().kind());
    let what = what.trim_end_matches(" CONSTRAINT");
    let how = match constraint {
        _ if is_not_valid(constraint) => " NOT VALID",
        _ if index_of(constraint).is_some() => " USING INDEX",
        _ => "",
    };
    format!("ADD CONSTRAINT … {what}{how}")
}

/// `ADD CONSTRAINT` to a table that was there.
pub(super) fn add(table: &str, constraint: &Constraint, known: &mut Known) -> Effect {
    let named = name_in(constraint);
    match constraint {
        Constraint::CheckConstraint(it) => {
            let column = it.expr().and_then(|it| column_that_is_not_null(&it));
            let check = named.clone().unwrap_or_default();
            if let Some(column) = &column {
                known.add_not_null(table, &check, column, !is_not_valid(constraint));
            }
            let column = column.unwrap_or_default();
            checked(table, constraint, named, &made(&[table, &column, "check"]))
        }
        Constraint::NotNullConstraint(it) => {
            let column = name_of(it.column_name_ref());
            checked(
                table,
                constraint,
                named,
                &made(&[table, &column, "not_null"]),
            )
        }
        Constraint::ForeignKeyConstraint(it) => foreign_key(table, constraint, it),
        Constraint::UniqueConstraint(_) | Constraint::PrimaryKeyConstraint(_) => {
            unique(table, constraint, named)
        }
        Constraint::ExcludeConstraint(_) => {
            Effect::b("builds an index while nobody reads or writes")
                .exclusively([table.to_owned()])
                .scans()
                .depends(NARROWED)
        }
        _ => Effect::unknown("a constraint that is not known").exclusively([table.to_owned()]),
    }
}

fn checked(table: &str, constraint: &Constraint, named: Option<String>, made: &str) -> Effect {
    if is_not_valid(constraint) {
        return Effect::a("stops everybody for a moment, and reads no row")
            .exclusively([table.to_owned()])
            .depends(NARROWED);
    }
    Effect::b("reads all rows while nobody reads or writes")
        .exclusively([table.to_owned()])
        .scans()
        .depends(NARROWED)
        .safer(
            "add it as NOT VALID, and validate it in a transaction of its own",
            in_two(table, constraint, named, made),
        )
}

fn foreign_key(table: &str, constraint: &Constraint, key: &ast::ForeignKeyConstraint) -> Effect {
    let parent = name_of(key.table_name_ref());
    let both = [table.to_owned(), parent];
    if is_not_valid(constraint) {
        return Effect::a("stops writes to both tables for a moment, and reads no row")
            .locks(LockMode::ShareRowExclusive, both)
            .depends(NARROWED);
    }
    let columns = key.from_columns().map(|it| text(it.syntax()));
    let columns = columns.unwrap_or_default();
    let bare = columns
        .split(['(', ')', ',', ' '])
        .filter(|it| !it.is_empty());
    let bare: Vec<&str> = bare.collect();
    let made = made(&[table, &bare.join("_"), "fkey"]);
    Effect::b("reads all rows while nobody writes to either table")
        .locks(LockMode::ShareRowExclusive, both)
        .scans()
        .depends(NARROWED)
        .safer(
            "add it as NOT VALID, and validate it in a transaction of its own",
            in_two(table, constraint, name_in(constraint), &made),
        )
}

/// The same constraint, first for what is written and then for what is there.
fn in_two(table: &str, constraint: &Constraint, named: Option<String>, made: &str) -> [String; 2] {
    let body = text(constraint.syntax());
    let (name, body) = match named {
        Some(name) => (name, body),
        None => (made.to_owned(), format!("CONSTRAINT {made} {body}")),
    };
    [
        format!("ALTER TABLE {table} ADD {body} NOT VALID;"),
        format!("ALTER TABLE {table} VALIDATE CONSTRAINT {name};"),
    ]
}

fn unique(table: &str, constraint: &Constraint, named: Option<String>) -> Effect {
    let is_primary = matches!(constraint, Constraint::PrimaryKeyConstraint(_));
    let on = [table.to_owned()];
    if index_of(constraint).is_some() {
        let effect = if is_primary {
            Effect::b("reads all rows while nobody reads or writes, unless the columns are NOT NULL already")
                .scans()
        } else {
            Effect::a("the index is there already: no row is read")
        };
        return effect.exclusively(on).depends(NARROWED);
    }
    let (what, end) = if is_primary {
        ("PRIMARY KEY", "pkey")
    } else {
        ("UNIQUE", "key")
    };
    let index = named.unwrap_or_else(|| made(&[table, end]));
    let columns = columns_of(constraint);
    Effect::b("builds an index while nobody reads or writes")
        .exclusively(on)
        .scans()
        .depends(NARROWED)
        .safer(
            "build the index CONCURRENTLY, alone in its file, and then make it the constraint's",
            [
                format!("CREATE UNIQUE INDEX CONCURRENTLY {index} ON {table} {columns};"),
                format!("ALTER TABLE {table} ADD CONSTRAINT {index} {what} USING INDEX {index};"),
            ],
        )
}

/// `DROP CONSTRAINT`.
pub(super) fn dropped(table: &str, action: &ast::DropConstraint) -> Effect {
    let cascades = action
        .syntax()
        .children()
        .any(|it| it.kind() == SyntaxKind::CASCADE);
    let effect = if cascades {
        Effect::c("drops whatever relies on the constraint, too: foreign keys of other tables")
    } else {
        Effect::b(
            "stops everybody for a moment, of a foreign key also those who use the other table",
        )
    };
    effect
        .exclusively([table.to_owned()])
        .depends("code may rely on it to refuse rows, and ON CONFLICT needs it")
}

/// What reaches others from a table that this file created: what it refers to, and what
/// it is made a part of.
pub(super) fn of_new_table(
    table: &str,
    action: &AlterTableAction,
    effect: Effect,
    known: &mut Known,
) -> Effect {
    let parent = |it: &Constraint| match it {
        Constraint::ForeignKeyConstraint(it) => Some(name_of(it.table_name_ref())),
        Constraint::ReferencesConstraint(it) => Some(name_of(it.table())),
        _ => None,
    };
    let parents: Vec<String> = match action {
        AlterTableAction::AddConstraint(it) => it.constraint().iter().filter_map(parent).collect(),
        AlterTableAction::AddColumn(it) => it.constraints().filter_map(|it| parent(&it)).collect(),
        AlterTableAction::AttachPartition(it) if known.is_new(&name_of(it.table_name_ref())) => {
            Vec::new()
        }
        _ => return effect,
    };
    let parents: Vec<String> = parents.into_iter().filter(|it| it != table).collect();
    let is_read = effect.takes_long() && known.is_filled(table);
    let referring = referring(table, &parents, known);
    match &referring.lock {
        _ if !is_read => referring,
        None => referring.long(),
        Some(lock) => {
            let reason = format!(
                "compares all rows that the file put into it with {}, to which nobody writes meanwhile",
                lock.on.join(", ")
            );
            referring.and(Effect::b(reason).scans().safer(
                "add it as NOT VALID, and validate it in a migration of its own",
                [],
            ))
        }
    }
}

/// What a new table does to those that it refers to.
pub(super) fn referring(table: &str, parents: &[String], known: &mut Known) -> Effect {
    let parents = parents.iter().filter(|it| !known.is_new(it)).cloned();
    let parents: Vec<String> = parents.collect();
    if parents.is_empty() {
        return Effect::a(NEW);
    }
    known.refer(table, &parents);
    let reason = format!("{NEW}; stops writes to {} for a moment", parents.join(", "));
    Effect::a(reason)
        .locks(LockMode::ShareRowExclusive, parents)
        .depends(REFERRED)
}

/// The constraint that an action adds, by its name if it gives it one.
pub(super) fn check_of(action: &AlterTableAction) -> Option<By> {
    match action {
        AlterTableAction::AddConstraint(it) => Some(By::Check(name_in(&it.constraint()?))),
        _ => None,
    }
}

/// The name that a constraint is given.
fn name_in(constraint: &Constraint) -> Option<String> {
    let named = constraint.constraint_name()?;
    Some(name(named.syntax()))
}

fn is_not_valid(constraint: &Constraint) -> bool {
    let mut options = constraint.constraint_options();
    options.any(|option| matches!(option, ConstraintOption::NotValid(_)))
}

fn index_of(constraint: &Constraint) -> Option<ast::UsingIndexName> {
    match constraint {
        Constraint::UniqueConstraint(it) => it.using_index(),
        Constraint::PrimaryKeyConstraint(it) => it.using_index(),
        _ => None,
    }
}

/// From the first bracket on: `(a, b) INCLUDE (c)`.
fn columns_of(constraint: &Constraint) -> String {
    let body = text(constraint.syntax());
    body.find('(')
        .map_or(body.as_str(), |at| &body[at..])
        .to_owned()
}

/// The column of `column IS NOT NULL`.
fn column_that_is_not_null(expression: &ast::Expr) -> Option<String> {
    let written = text(expression.syntax());
    let written = written.trim_matches(['(', ')']);
    let (column, rest) = written.split_once(' ')?;
    let is_column = column
        .chars()
        .all(|c| c.is_alphanumeric() || matches!(c, '_' | '"'));
    (is_column && rest.eq_ignore_ascii_case("is not null")).then(|| identifier(column))
}
