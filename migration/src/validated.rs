//! Constraints that migrations say hold for all rows.

use squawk_syntax::ast::{AlterTableAction, AstNode as _, Stmt};

use crate::assess::{Class, identifier, name_of};
use crate::lint::{Linted, Seen};

/// A constraint that a file validates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Validated {
    /// Its table, as SQL has it.
    pub table: String,
    /// Its name, without quotes.
    pub constraint: String,
    /// The file that may have made another of it since, if one may.
    pub until: Option<String>,
}

/// Goes through a file's statements, after those of the files before it: what each
/// validates, and what of that another statement names, or may change unseen.
pub(crate) fn follow(path: &str, seen: &[Seen], before: &mut [Linted]) -> Vec<Validated> {
    let mut own: Vec<Validated> = Vec::new();
    for one in seen {
        let validates: Vec<(String, String)> = validates(one.tree()).collect();
        let may_change = |it: &Validated| {
            let is_said = |(table, name): &(String, String)| {
                *table == it.table && bare(name) == it.constraint
            };
            !validates.iter().any(is_said) && may_change(one, it)
        };
        own.retain(|it| !may_change(it));
        let earlier = before.iter_mut().flat_map(|file| &mut file.validated);
        for it in earlier.filter(|it| it.until.is_none()) {
            if may_change(it) {
                it.until = Some(path.to_owned());
            }
        }
        own.extend(validates.iter().map(|(table, name)| Validated {
            table: table.clone(),
            constraint: bare(name),
            until: None,
        }));
    }
    own
}

fn validates(statement: &Stmt) -> impl Iterator<Item = (String, String)> {
    let alter = match statement {
        Stmt::AlterTable(it) => Some(it),
        _ => None,
    };
    alter.into_iter().flat_map(|alter| {
        let table = name_of(alter.table_relation_name());
        let actions = alter.actions().filter_map(|action| match action {
            AlterTableAction::ValidateConstraint(it) => Some(name_of(it.constraint_name_ref())),
            _ => None,
        });
        actions.map(move |name| (table.clone(), name))
    })
}

/// Whether a statement may drop a constraint, rename it or take it elsewhere: it names it,
/// takes something away, or can't be seen through.
fn may_change(one: &Seen, validated: &Validated) -> bool {
    let tokens = one.tree().syntax().descendants_with_tokens();
    let mut tokens = tokens.filter_map(|it| it.into_token());
    one.effect.class == Class::C
        || tokens.any(|it| bare(&identifier(it.text())) == validated.constraint)
}

fn bare(name: &str) -> String {
    let inner = name.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
    inner.map_or_else(|| name.to_owned(), |it| it.replace("\"\"", "\""))
}
