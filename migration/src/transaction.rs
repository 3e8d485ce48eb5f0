//! What statements do to each other within one transaction.
//!
//! One that takes long while a lock is held that an earlier one took stops others for as
//! long. A value that was added to an enum can't be used yet. What is dropped and created
//! again is never missed.

use std::collections::BTreeSet;

use squawk_syntax::ast::{AlterTypeAction, AstNode as _, ParamList, Stmt};
use squawk_syntax::{SyntaxKind, SyntaxNode};

use crate::assess::{Class, Lock, OldCode, Safer, name_of, names_of, text};
use crate::lint::Seen;
use crate::units::Unit;

/// Looks at the statements of a transaction once more.
pub(crate) fn look(seen: &mut [Seen], unit: &Unit) {
    replace(seen, unit);
    let mut held: Option<(Lock, usize)> = None;
    let mut values: Vec<(String, usize)> = Vec::new();
    for index in &unit.statements {
        let Some(one) = seen.get_mut(*index) else {
            continue;
        };
        if let Some((lock, line)) = &held
            && one.effect.takes_long()
        {
            hold(one, lock, *line);
        }
        let used = values.iter().find(|(value, _)| uses(one.tree(), value));
        if let Some((value, line)) = used {
            fail(one, value, *line);
        }
        let lock = one
            .effect
            .lock
            .clone()
            .filter(|lock| lock.mode.stops_writes());
        if let Some(lock) = lock
            && held.as_ref().is_none_or(|(held, _)| lock.mode > held.mode)
        {
            held = Some((lock, one.line()));
        }
        values.extend(added(one.tree()).map(|value| (value, one.line())));
    }
}

/// Views and functions that are dropped, and created again before others can look.
fn replace(seen: &mut [Seen], unit: &Unit) {
    let mut later: BTreeSet<(SyntaxKind, String)> = BTreeSet::new();
    for index in unit.statements.iter().rev() {
        let Some(one) = seen.get_mut(*index) else {
            continue;
        };
        if let OldCode::Removed(_) = one.effect.old_code {
            let dropped = dropped(one.tree());
            if !dropped.is_empty() && dropped.iter().all(|it| later.contains(it)) {
                let why = "the one that is created below may answer something else";
                one.effect.old_code = OldCode::Depends(why.to_owned());
                one.effect.safer = None;
            }
        }
        later.extend(created(one.tree()));
    }
}

fn created(statement: &Stmt) -> Option<(SyntaxKind, String)> {
    let (kind, name) = match statement {
        Stmt::CreateView(it) => (SyntaxKind::VIEW_KW, name_of(it.view())),
        Stmt::CreateMaterializedView(it) => (SyntaxKind::MATERIALIZED_KW, name_of(it.view())),
        Stmt::CreateFunction(it) => {
            let parameters = it.param_list();
            (
                SyntaxKind::FUNCTION_KW,
                signature(name_of(it.name()), parameters),
            )
        }
        _ => return None,
    };
    Some((kind, name))
}

fn dropped(statement: &Stmt) -> Vec<(SyntaxKind, String)> {
    let all = |kind, names: Vec<String>| names.into_iter().map(|name| (kind, name)).collect();
    let cascades = |it: &SyntaxNode| it.children().any(|it| it.kind() == SyntaxKind::CASCADE);
    match statement {
        statement if cascades(statement.syntax()) => Vec::new(),
        Stmt::DropView(it) => all(SyntaxKind::VIEW_KW, names_of(it.view_refs())),
        Stmt::DropMaterializedView(it) => {
            all(SyntaxKind::MATERIALIZED_KW, names_of(it.view_refs()))
        }
        Stmt::DropFunction(it) => {
            let list = it.function_sig_list().into_iter();
            let each = list.flat_map(|list| list.function_sigs());
            let each = each.map(|it| signature(name_of(it.function_name_ref()), it.param_list()));
            all(SyntaxKind::FUNCTION_KW, each.collect())
        }
        _ => Vec::new(),
    }
}

/// A function with its parameters, as they are written: others would be another function.
fn signature(name: String, parameters: Option<ParamList>) -> String {
    let parameters = parameters.map(|it| text(it.syntax()));
    format!("{name}{}", parameters.unwrap_or_default())
}

fn hold(one: &mut Seen, lock: &Lock, line: usize) {
    let effect = &mut one.effect;
    let told = format!("{lock} is held meanwhile, since line {line}");
    effect.reason = format!("{}; {told}", effect.reason);
    effect.class = effect.class.max(Class::B);
    effect.safer.get_or_insert_with(|| Safer {
        words: "move it into a migration of its own, which runs in another transaction".to_owned(),
        sql: Vec::new(),
    });
}

fn fail(one: &mut Seen, value: &str, line: usize) {
    let effect = &mut one.effect;
    effect.reason = format!(
        "fails if {value} is the value that line {line} adds to an enum: it can be used once that transaction has ended"
    );
    effect.class = Class::C;
    effect.safer = Some(Safer {
        words: "add the value in a migration of its own, before this one".to_owned(),
        sql: Vec::new(),
    });
}

/// The value that a statement adds to an enum, as it is written.
fn added(statement: &Stmt) -> Option<String> {
    let Stmt::AlterType(alter) = statement else {
        return None;
    };
    match alter.action()? {
        AlterTypeAction::AddValue(add) => Some(add.literal()?.syntax().text().to_string()),
        _ => None,
    }
}

/// Whether a statement that is no change of an enum writes this value.
fn uses(statement: &Stmt, value: &str) -> bool {
    if added(statement).is_some() {
        return false;
    }
    let mut nodes = statement.syntax().descendants();
    nodes.any(|node| node.kind() == SyntaxKind::LITERAL && node.text() == value)
}
