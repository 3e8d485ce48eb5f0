//! What is dropped.

use squawk_syntax::ast::{AstNode as _, Stmt};
use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::alter_table::released;
use super::effect::{Effect, LockMode};
use super::known::Known;
use super::names::{name_of, names_of};

/// How what is used by old code is dropped without harm.
const LATER: &str =
    "release code that does without it; drop it in a migration of a later release that contracts";

/// What `CASCADE` locks.
const WHATEVER: &str = "whatever relies on it";

pub(super) fn assess(statement: &Stmt, known: &mut Known) -> Option<Effect> {
    let effect = match statement {
        Stmt::DropTable(it) => {
            let names = names_of(it.table_name_refs());
            tables(names, cascades(it.syntax()), known)
        }
        Stmt::DropView(it) => {
            let views = names_of(it.view_refs());
            views.iter().for_each(|view| known.drop_view(view));
            gone(views)
        }
        Stmt::DropMaterializedView(it) => gone(names_of(it.view_refs())),
        Stmt::DropSequence(it) => gone(names_of(it.sequence_refs())),
        Stmt::DropForeignTable(it) => gone(names_of(it.table_name_refs())),
        Stmt::DropRule(it) => {
            let relation = name_of(it.on_relation());
            let rule = format!("the rule {}", name_of(it.rule_ref()));
            known.stop(&relation, Some(&rule));
            gone(vec![relation])
        }
        Stmt::DropTrigger(it) => {
            let table = name_of(it.on_relation());
            let trigger = format!("the trigger {}", name_of(it.trigger_ref()));
            known.stop(&table, Some(&trigger));
            Effect::b("stops everybody for a moment")
                .exclusively([table])
                .depends("code may rely on what the trigger does")
        }
        Stmt::DropPolicy(it) => {
            let table = name_of(it.on_table());
            let policy = format!("the policy {}", name_of(it.policy_ref()));
            known.stop(&table, Some(&policy));
            Effect::b("stops everybody for a moment")
                .exclusively([table])
                .depends("code may see, or may write, other rows than before")
        }
        Stmt::DropStatistics(it) => Effect::a("queries may be planned otherwise").locks(
            LockMode::ShareUpdateExclusive,
            names_of(it.statistics_refs()),
        ),
        Stmt::DropSchema(_) | Stmt::DropOwned(_) | Stmt::DropExtension(_) => {
            known.forget_all();
            gone(Vec::new())
        }
        Stmt::DropType(_)
        | Stmt::DropDomain(_)
        | Stmt::DropFunction(_)
        | Stmt::DropProcedure(_)
        | Stmt::DropRoutine(_)
        | Stmt::DropAggregate(_)
        | Stmt::DropOperator(_)
        | Stmt::DropCast(_)
        | Stmt::DropCollation(_) => gone(Vec::new()),
        Stmt::Revoke(_) => Effect::c("somebody may do less at once")
            .removes("code that needs what is revoked fails")
            .safer(LATER, []),
        Stmt::DropDatabase(_) | Stmt::DropTablespace(_) => gone(Vec::new()).alone(),
        _ => return None,
    };
    if cascades(statement.syntax()) {
        return Some(effect.exclusively_also(WHATEVER));
    }
    Some(effect)
}

fn cascades(node: &SyntaxNode) -> bool {
    node.children().any(|it| it.kind() == SyntaxKind::CASCADE)
}

fn tables(names: Vec<String>, cascades: bool, known: &mut Known) -> Effect {
    let others: Vec<String> = names
        .iter()
        .filter(|it| !known.is_new(it))
        .cloned()
        .collect();
    let parents = names.iter().flat_map(|name| known.parents(name));
    let parents = parents.collect();
    for name in &names {
        known.forget(name);
        known.stop(name, None);
    }
    if others.is_empty() && !cascades {
        return released(parents, false);
    }
    gone(if others.is_empty() { names } else { others })
}

fn gone(names: Vec<String>) -> Effect {
    Effect::c("destroys it at once")
        .locks(LockMode::AccessExclusive, names)
        .removes("code that uses it fails")
        .safer(LATER, [])
}
