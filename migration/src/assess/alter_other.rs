//! What is altered beside tables and indexes.

use squawk_syntax::ast::{
    AlterSequenceAction, AlterType, AlterTypeAction, AlterViewAction, AstNode as _, Stmt,
};
use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::Told;
use super::alter_table::{owned, renamed};
use super::effect::{Effect, LockMode};
use super::known::Known;
use super::names::{name_of, text, words};

pub(super) fn assess(statement: &Stmt, known: &mut Known) -> Option<Effect> {
    let effect = match statement {
        Stmt::AlterView(it) => match it.action() {
            Some(
                AlterViewAction::ViewRenameTo(_)
                | AlterViewAction::RenameColumn(_)
                | AlterViewAction::SetSchema(_),
            ) => renamed([name_of(it.view_ref())]),
            Some(AlterViewAction::OwnerTo(_)) => owned(&name_of(it.view_ref())),
            _ => Effect::unknown("an action that is not known"),
        },
        Stmt::AlterSequence(it) => {
            let name = name_of(it.sequence_ref());
            let mut actions = it.actions();
            let moves = actions.any(|action| {
                matches!(
                    action,
                    AlterSequenceAction::SequenceRenameTo(_) | AlterSequenceAction::SetSchema(_)
                )
            });
            if has(it.syntax(), SyntaxKind::OWNED_KW) && !known.is_new(&name) {
                known.forget_new();
            }
            if moves {
                known.forget(&name);
                renamed([name])
            } else {
                Effect::b("stops those who take numbers for a moment")
                    .locks(LockMode::ShareRowExclusive, [name])
                    .depends("code gets other numbers")
            }
        }
        Stmt::AlterDefaultPrivileges(it) => match has(it.syntax(), SyntaxKind::REVOKE_KW) {
            true => Effect::c("what is created later may be used by fewer"),
            false => Effect::a("what is created later may be used by more"),
        },
        Stmt::AlterSchema(it) => {
            known.move_names();
            match has(it.syntax(), SyntaxKind::RENAME_KW) {
                true => renamed([]),
                false => Effect::unknown("an action that is not known"),
            }
        }
        Stmt::AlterExtension(_) => Effect::b("runs the extension's own script")
            .depends("what code uses of it may have changed"),
        Stmt::AlterFunction(it) => of_routine(it.syntax()),
        Stmt::AlterProcedure(it) => of_routine(it.syntax()),
        Stmt::AlterRoutine(it) => of_routine(it.syntax()),
        Stmt::AlterMaterializedView(it) => {
            let view = name_of(it.view_ref());
            match has(it.syntax(), SyntaxKind::RENAME_KW) || has(it.syntax(), SyntaxKind::SCHEMA_KW)
            {
                true => renamed([view]),
                false => Effect::unknown("an action that is not known").exclusively([view]),
            }
        }
        _ => return None,
    };
    Some(effect)
}

fn of_routine(node: &SyntaxNode) -> Effect {
    if has(node, SyntaxKind::RENAME_KW) || has(node, SyntaxKind::SCHEMA_KW) {
        return renamed([]);
    }
    Effect::b("whoever calls it runs the changed one at once")
        .depends("it may do, or answer, something else")
}

fn has(node: &SyntaxNode, keyword: SyntaxKind) -> bool {
    let mut tokens = node.descendants_with_tokens();
    tokens.any(|it| it.kind() == keyword)
}

/// `ALTER TYPE`, by what it alters.
pub(super) fn of_type(statement: &AlterType) -> Told {
    let name = name_of(statement.type_name_ref());
    let action = statement.action();
    let kind = match &action {
        Some(AlterTypeAction::AlterTypeAttributeActionList(_)) | None => "…".to_owned(),
        Some(AlterTypeAction::TypeRenameTo(_)) => "RENAME TO".to_owned(),
        Some(action) => words(action.syntax().kind()),
    };
    Told::of(format!("ALTER TYPE … {kind}"), altered_type(&name, action))
}

fn altered_type(name: &str, action: Option<AlterTypeAction>) -> Effect {
    match action {
        Some(AlterTypeAction::AddValue(it)) => {
            let value = it.literal().map(|it| text(it.syntax())).unwrap_or_default();
            Effect::a(format!(
                "{value} can be used once the transaction has ended"
            ))
            .depends("code may read a value that it does not know")
        }
        Some(AlterTypeAction::RenameValue(_)) => Effect::c("the old value is gone at once")
            .removes("code that writes the old value fails"),
        Some(AlterTypeAction::TypeRenameTo(_) | AlterTypeAction::SetSchema(_)) => renamed([]),
        Some(AlterTypeAction::OwnerTo(_)) => Effect::b("another role may change it")
            .depends(format!("the role that code uses may lose {name}")),
        _ => Effect::unknown("changes a type that tables may use"),
    }
}
