//! Foreign keys, by which rows come and go, or change, with those of other tables.

use std::collections::BTreeSet;

use squawk_syntax::ast::{
    AddColumn, AstNode as _, Column, ForeignKeyConstraint, ReferencesConstraint,
};
use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::hooks::Lead;
use super::known::Known;
use super::names::{identifier, name_of};

/// What the rows of a table refer to, and by what others refer to them, as far as a
/// statement says.
pub(super) fn learn(table: &str, node: &SyntaxNode, known: &mut Known) {
    let mut children = node.children();
    let may_be_another = children.any(|it| it.kind() == SyntaxKind::IF_NOT_EXISTS);
    for constraint in node.descendants() {
        match constraint.kind() {
            SyntaxKind::PRIMARY_KEY_CONSTRAINT => {
                let columns = primary(&constraint).filter(|_| !may_be_another);
                known.brought.hooks.identify(table, columns);
            }
            SyntaxKind::FOREIGN_KEY_CONSTRAINT | SyntaxKind::REFERENCES_CONSTRAINT => {
                refer(table, &constraint, known);
            }
            _ => {}
        }
    }
}

/// The columns of a primary key, if they can be told: these and maybe others.
fn primary(constraint: &SyntaxNode) -> Option<BTreeSet<String>> {
    let mut above = constraint.ancestors();
    let column = above.find_map(|it| match it.kind() {
        SyntaxKind::COLUMN => Column::cast(it).map(|it| name_of(it.name())),
        SyntaxKind::ADD_COLUMN => AddColumn::cast(it).map(|it| name_of(it.column_name())),
        _ => None,
    });
    let mut below = constraint.descendants();
    match column {
        Some(column) => Some([column].into_iter().collect()),
        None if below.any(|it| it.kind() == SyntaxKind::USING_INDEX_NAME) => None,
        None => Some(words(constraint)),
    }
}

fn refer(table: &str, constraint: &SyntaxNode, known: &mut Known) {
    let (parent, columns) = match constraint.kind() {
        SyntaxKind::FOREIGN_KEY_CONSTRAINT => {
            let key = ForeignKeyConstraint::cast(constraint.clone());
            let columns = key.as_ref().and_then(ForeignKeyConstraint::to_columns);
            let columns = columns.map(|it| words(it.syntax()));
            (key.and_then(|it| it.table_name_ref()), columns)
        }
        _ => {
            let key = ReferencesConstraint::cast(constraint.clone());
            let column = key.as_ref().and_then(ReferencesConstraint::column);
            let column = column.map(|it| words(it.syntax()));
            (key.and_then(|it| it.table()), column)
        }
    };
    let parent = name_of(parent);
    let acts = |on: SyntaxKind| {
        let actions = constraint.descendants().filter(|it| it.kind() == on);
        let mut each = actions.flat_map(|it| it.children().collect::<Vec<_>>());
        each.any(|it| !matches!(it.kind(), SyntaxKind::NO_ACTION | SyntaxKind::RESTRICT))
    };
    let hooks = &mut known.brought.hooks;
    let lead = Lead {
        is_same: false,
        is_key: true,
        on_delete: acts(SyntaxKind::ON_DELETE_ACTION),
        on_update: acts(SyntaxKind::ON_UPDATE_ACTION),
        columns: columns.or_else(|| hooks.identity(&parent)),
    };
    hooks.lead_by(&parent, table, lead);
}

/// The columns that an `UPDATE`, or an `ON CONFLICT DO UPDATE`, sets.
pub(super) fn set(node: &SyntaxNode) -> BTreeSet<String> {
    let targets = node.descendants();
    let targets = targets.filter(|it| it.kind() == SyntaxKind::COLUMN_TARGET);
    targets.flat_map(|it| words(&it)).collect()
}

/// All names within a node, and whatever else stands there.
fn words(node: &SyntaxNode) -> BTreeSet<String> {
    let tokens = node.descendants_with_tokens();
    let tokens = tokens.filter_map(|it| it.into_token());
    tokens.map(|it| identifier(it.text())).collect()
}
