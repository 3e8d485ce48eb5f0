//! What a statement leaves for those after it to run: functions, operators, casts, types,
//! rules and triggers, whatever class the statement itself has.

use squawk_syntax::ast::{
    AlterEventTriggerAction, AlterPolicyAction, AlterTableAction, AlterTriggerAction, AstNode as _,
    CreateRule, CreateTypeKind, Stmt, TriggerTarget,
};
use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::calls::{all_words, called, first_unknown, unknown_type};
use super::hooks::By;
use super::known::Known;
use super::names::{identifier, last, name, name_of, text};
use super::types::DataType;
use super::{data, keys};

/// Operators that other words of SQL stand for: `IN`, `BETWEEN`, `LIKE`, `DISTINCT`.
const UNNAMED: &str = "= <> != < > <= >= ~~ !~~ ~~* !~~* ~ !~ ~* !~*";

/// What can be reached from here on.
pub(super) fn from(statement: &Stmt, known: &mut Known) {
    let node = statement.syntax();
    match statement {
        Stmt::CreateFunction(_) | Stmt::CreateProcedure(_) | Stmt::CreateAggregate(_) => {
            known.brought.create_routine(&name(node), all_words(node));
        }
        Stmt::CreateOperator(_) => operator(node, known),
        Stmt::CreateOperatorClass(_) | Stmt::AlterOperatorFamily(_) | Stmt::CreateConversion(_) => {
            known
                .brought
                .hide("an operator class or a conversion of the migrations");
        }
        Stmt::CreateCast(_) => cast(node, known),
        Stmt::CreateDomain(it) => domain(&name_of(it.domain()), node, known),
        Stmt::AlterDomain(it) => {
            let name = name_of(it.domain_ref());
            domain(&name, node, known);
            renamed(&name, node, known);
        }
        Stmt::CreateType(it) => {
            let code = of_type(it.kind(), node, known);
            related(&of_values(&name_of(it.type_name())), node, known);
            known.brought.create_type(&name_of(it.type_name()), code);
        }
        Stmt::AlterType(it) => {
            let name = name_of(it.type_name_ref());
            related(&of_values(&name), node, known);
            if let Some(code) = first_unknown(node, known) {
                let hooks = &mut known.brought.hooks;
                hooks.run(&of_values(&name), &code, By::Rows, called(node));
                known.brought.create_type(&name, Some(code));
            }
            renamed(&name, node, known);
        }
        Stmt::CreateTable(it) => {
            let table = name_of(it.table_name());
            known.brought.create_type(&table, None);
            related(&table, node, known);
        }
        Stmt::AlterTable(it) => {
            let table = name_of(it.table_relation_name());
            related(&table, node, known);
            it.actions().for_each(|it| switched(&table, &it, known));
        }
        Stmt::CreateTableAs(it) => known.brought.create_type(&name_of(it.table_name()), None),
        Stmt::CreateView(it) => view(&name_of(it.view()), node, known),
        Stmt::CreateMaterializedView(it) => view(&name_of(it.view()), node, known),
        Stmt::AlterFunction(_)
        | Stmt::AlterProcedure(_)
        | Stmt::AlterRoutine(_)
        | Stmt::AlterAggregate(_)
        | Stmt::AlterView(_)
        | Stmt::AlterMaterializedView(_) => renamed(&name(node), node, known),
        _ => of_rows(statement, known),
    }
}

/// What is run for rows, or for changes of the schema.
fn of_rows(statement: &Stmt, known: &mut Known) {
    let node = statement.syntax();
    match statement {
        Stmt::CreateRule(it) => rule(it, known),
        Stmt::CreatePolicy(it) => {
            let policy = format!("the policy {}", name_of(it.policy()));
            guard(&name_of(it.on_table()), &policy, node, known);
        }
        Stmt::AlterPolicy(_) | Stmt::AlterTrigger(_) | Stmt::AlterRule(_) => {
            altered(statement, known);
        }
        Stmt::CreateEventTrigger(it) => {
            known
                .brought
                .create_event_trigger(&name_of(it.event_trigger()));
        }
        Stmt::AlterEventTrigger(it) => {
            if let Some(AlterEventTriggerAction::EventTriggerRenameTo(it)) = it.action() {
                known
                    .brought
                    .create_event_trigger(&name_of(it.event_trigger()));
            }
        }
        Stmt::DropEventTrigger(it) => {
            known
                .brought
                .drop_event_trigger(&name_of(it.event_trigger_ref()));
        }
        _ => {}
    }
}

/// What is renamed or moved, by the last word of its statement.
fn renamed(from: &str, node: &SyntaxNode, known: &mut Known) {
    let has = |kind| {
        let mut tokens = node.descendants_with_tokens();
        tokens.any(|it| it.kind() == kind)
    };
    let written = text(node);
    let word = identifier(written.rsplit(' ').next().unwrap_or_default());
    let to = match (has(SyntaxKind::RENAME_KW), has(SyntaxKind::SCHEMA_KW)) {
        (true, _) => word,
        (false, true) => format!("{word}.{}", last(from)),
        (false, false) => from.to_owned(),
    };
    match node.kind() {
        // Settings, too, change what a function does.
        SyntaxKind::ALTER_FUNCTION
        | SyntaxKind::ALTER_PROCEDURE
        | SyntaxKind::ALTER_ROUTINE
        | SyntaxKind::ALTER_AGGREGATE => known.brought.rename_routine(from, &to),
        _ if to == from => {}
        SyntaxKind::ALTER_TYPE | SyntaxKind::ALTER_DOMAIN => {
            known.brought.rename_type(from, &to);
            let (from, to) = (of_values(from), of_values(&to));
            known.brought.hooks.lead(&from, &to);
            known.brought.hooks.lead(&to, &from);
        }
        // Of a view, a column may be meant.
        _ => known.brought.rename(from, &to, false),
    }
}

fn operator(node: &SyntaxNode, known: &mut Known) {
    let written = text(node);
    let head = written.split('(').next().unwrap_or_default().trim();
    let symbol = head.rsplit([' ', '.']).next().unwrap_or_default();
    known.brought.create_operator(symbol);
    if UNNAMED.split_whitespace().any(|it| it == symbol) {
        known.brought.hide(&format!(
            "the operator {symbol}, which the migrations create"
        ));
    }
}

/// A cast that a function does. One that nobody writes may be anywhere.
fn cast(node: &SyntaxNode, known: &mut Known) {
    let mut children = node.children();
    if !children.any(|it| it.kind() == SyntaxKind::WITH_FUNCTION) {
        return;
    }
    let signature = node.children().find(|it| it.kind() == SyntaxKind::CAST_SIG);
    let Some(signature) = signature else { return };
    let what = format!("the cast {}", text(&signature));
    let is_silent = node.children().any(|it| {
        matches!(
            it.kind(),
            SyntaxKind::AS_ASSIGNMENT | SyntaxKind::AS_IMPLICIT
        )
    });
    if is_silent {
        known.brought.hide(&what);
    }
    for each in signature.children() {
        let own = DataType::of(&each);
        let written = identifier(&text(&each));
        for name in [own.name(), written.as_str()] {
            known.brought.create_type(name, Some(what.clone()));
        }
    }
}

/// A domain, whose constraints and default may run code, or a type of which it is one.
fn domain(name: &str, node: &SyntaxNode, known: &mut Known) {
    let base = node.children().find_map(|it| unknown_type(&it, known));
    let code = first_unknown(node, known).or(base);
    let code = code.map(|code| format!("the domain {}, and so {code}", last(name)));
    related(&of_values(name), node, known);
    if let Some(code) = &code {
        let hooks = &mut known.brought.hooks;
        hooks.run(&of_values(name), code, By::Rows, called(node));
    }
    known.brought.create_type(name, code);
}

/// What stands for the rows that have values of a type.
fn of_values(data_type: &str) -> String {
    format!("values of {}", last(data_type))
}

/// The types of which a table, or a type, has values, and what its rows refer to.
fn related(relation: &str, node: &SyntaxNode, known: &mut Known) {
    let hooks = &mut known.brought.hooks;
    let below = node.descendants();
    for path in below.filter(|it| it.kind() == SyntaxKind::PATH_TYPE) {
        let data_type = DataType::of(&path);
        if !data_type.is_own() {
            hooks.lead(relation, &of_values(data_type.name()));
        }
    }
    keys::learn(relation, node, known);
}

/// Triggers that are left out, or run again.
fn switched(table: &str, action: &AlterTableAction, known: &mut Known) {
    let hooks = &mut known.brought.hooks;
    let trigger = |node: &SyntaxNode| format!("the trigger {}", name(node));
    let of = |target: Option<TriggerTarget>| match target {
        Some(TriggerTarget::TriggerRef(it)) => Some(trigger(it.syntax())),
        _ => None,
    };
    match action {
        AlterTableAction::DisableTrigger(it) => {
            hooks.disable(table, of(it.trigger_target()).as_deref());
        }
        AlterTableAction::EnableTrigger(it) => {
            hooks.enable(table, of(it.trigger_target()).as_deref());
        }
        AlterTableAction::EnableAlwaysTrigger(_) | AlterTableAction::EnableReplicaTrigger(_) => {
            hooks.enable(table, None);
        }
        _ => {}
    }
}

/// A rule, which rewrites whatever it is on.
fn rule(statement: &CreateRule, known: &mut Known) {
    let node = statement.syntax();
    let on = statement.rule_on();
    let reads = on.as_ref().is_some_and(|on| {
        let mut tokens = on.syntax().descendants_with_tokens();
        tokens.any(|it| it.kind() == SyntaxKind::SELECT_KW)
    });
    let relation = name_of(on.and_then(|on| on.relation_name_ref()));
    let rule = format!("the rule {}", name_of(statement.rule()));
    if reads {
        known.brought.create_view(&relation, &rule);
    }
    let hooks = &mut known.brought.hooks;
    hooks.run(&relation, &rule, By::Rows, called(node));
}

/// A policy that runs code.
fn guard(table: &str, policy: &str, node: &SyntaxNode, known: &mut Known) {
    if first_unknown(node, known).is_some() {
        let hooks = &mut known.brought.hooks;
        hooks.run(table, policy, By::Policy, called(node));
    }
}

/// What runs for rows is called otherwise, or runs something else.
fn altered(statement: &Stmt, known: &mut Known) {
    let node = statement.syntax();
    let (kind, on, from, to) = match statement {
        Stmt::AlterPolicy(it) => {
            let to = match it.action() {
                Some(AlterPolicyAction::PolicyRenameTo(it)) => Some(name_of(it.policy())),
                _ => None,
            };
            (
                "policy",
                name_of(it.on_table()),
                name_of(it.policy_ref()),
                to,
            )
        }
        Stmt::AlterTrigger(it) => {
            let to = match it.action() {
                Some(AlterTriggerAction::TriggerRenameTo(it)) => Some(name_of(it.trigger())),
                _ => None,
            };
            (
                "trigger",
                name_of(it.on_relation()),
                name_of(it.trigger_ref()),
                to,
            )
        }
        Stmt::AlterRule(it) => {
            let to = it.rule_rename_to().map(|it| name_of(it.rule()));
            (
                "rule",
                name_of(it.on_relation()),
                name_of(it.rule_ref()),
                to,
            )
        }
        _ => return,
    };
    let from = format!("the {kind} {from}");
    match to {
        Some(to) => {
            let hooks = &mut known.brought.hooks;
            hooks.rename_code(&on, &from, &format!("the {kind} {to}"));
        }
        None => guard(&on, &from, node, known),
    }
}

/// What values of a type run, that the migrations create.
fn of_type(kind: Option<CreateTypeKind>, node: &SyntaxNode, known: &Known) -> Option<String> {
    let written = text(node).to_lowercase();
    match kind {
        Some(CreateTypeKind::BaseType(_)) => {
            Some("functions of a type of the migrations".to_owned())
        }
        Some(CreateTypeKind::RangeType(_))
            if written.contains("canonical") || written.contains("subtype_diff") =>
        {
            Some("functions of a range of the migrations".to_owned())
        }
        _ => first_unknown(node, known),
    }
}

/// A view runs what its query does, and leads to what it reads.
fn view(view: &str, node: &SyntaxNode, known: &mut Known) {
    if let Some(code) = data::code_read_by(node, known) {
        known.brought.create_view(view, &code);
    }
    let below = node.descendants();
    let read = below.filter(|it| it.kind() == SyntaxKind::RELATION_NAME_REF);
    for relation in read.map(|it| name(&it)) {
        if last(&relation) != last(view) {
            known.brought.hooks.lead(view, &relation);
        }
    }
    known.brought.create_type(view, None);
}
