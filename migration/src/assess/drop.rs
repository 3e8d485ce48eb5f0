//! What is dropped.

use squawk_syntax::SyntaxKind;
use squawk_syntax::ast::{AstNode as _, Stmt};

use super::alter_table::NEW;
use super::effect::{Effect, LockMode};
use super::known::Known;
use super::names::{name_of, names_of};

/// How what is used by old code is dropped without harm.
const LATER: &str =
    "release code that does without it; drop it in a migration of a later release that contracts";

pub(super) fn assess(statement: &Stmt, known: &mut Known) -> Option<Effect> {
    let effect = match statement {
        Stmt::DropTable(it) => {
            let names = names_of(it.table_name_refs());
            let cascades = it
                .syntax()
                .children()
                .any(|it| it.kind() == SyntaxKind::CASCADE);
            tables(names, cascades, known)
        }
        Stmt::DropView(it) => gone(names_of(it.view_refs())),
        Stmt::DropMaterializedView(it) => gone(names_of(it.view_refs())),
        Stmt::DropTrigger(it) => {
            let table = name_of(it.on_relation());
            Effect::b("stops everybody for a moment")
                .exclusively([table])
                .depends("code may rely on what the trigger does")
        }
        Stmt::DropPolicy(it) => {
            let table = name_of(it.on_table());
            Effect::b("stops everybody for a moment")
                .exclusively([table])
                .depends("code may see, or may write, other rows than before")
        }
        Stmt::DropStatistics(_) => Effect::a("queries may be planned otherwise"),
        Stmt::DropSchema(_) | Stmt::DropOwned(_) | Stmt::DropExtension(_) => {
            known.forget_all();
            gone(Vec::new())
        }
        Stmt::DropType(_)
        | Stmt::DropDomain(_)
        | Stmt::DropSequence(_)
        | Stmt::DropFunction(_)
        | Stmt::DropProcedure(_)
        | Stmt::DropRoutine(_)
        | Stmt::DropAggregate(_)
        | Stmt::DropForeignTable(_)
        | Stmt::DropRule(_)
        | Stmt::DropOperator(_)
        | Stmt::DropCast(_)
        | Stmt::DropCollation(_) => gone(Vec::new()),
        Stmt::Revoke(_) => Effect::c("somebody may do less at once")
            .removes("code that needs what is revoked fails")
            .safer(LATER, []),
        Stmt::DropDatabase(_) | Stmt::DropTablespace(_) => gone(Vec::new()).alone(),
        _ => return None,
    };
    Some(effect)
}

fn tables(names: Vec<String>, cascades: bool, known: &mut Known) -> Effect {
    let others: Vec<String> = names
        .iter()
        .filter(|it| !known.is_new(it))
        .cloned()
        .collect();
    for name in &names {
        known.forget(name);
    }
    if others.is_empty() && !cascades {
        return Effect::a(NEW);
    }
    gone(if others.is_empty() { names } else { others })
}

fn gone(names: Vec<String>) -> Effect {
    Effect::c("destroys it at once")
        .locks(LockMode::AccessExclusive, names)
        .removes("code that uses it fails")
        .safer(LATER, [])
}
