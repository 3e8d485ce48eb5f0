//! What a statement leaves for those after it to run: functions, operators, casts, types,
//! rules and triggers, whatever class the statement itself has.

use squawk_syntax::ast::{AstNode as _, CreateTypeKind, Stmt};
use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::brought::By;
use super::calls::{first_unknown, unknown_type};
use super::data;
use super::known::Known;
use super::names::{identifier, last, name, name_of, text};

/// Operators that other words of SQL stand for: `IN`, `BETWEEN`, `LIKE`, `DISTINCT`.
const UNNAMED: &str = "= <> != < > <= >= ~~ !~~ ~~* !~~* ~ !~ ~* !~*";

/// What can be reached from here on.
pub(super) fn from(statement: &Stmt, known: &mut Known) {
    let node = statement.syntax();
    match statement {
        Stmt::CreateFunction(_) | Stmt::CreateProcedure(_) | Stmt::CreateAggregate(_) => {
            known.brought.create_routine(&name(node));
            known.brought.replace_routine(&name(node));
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
            known.brought.create_type(&name_of(it.type_name()), code);
        }
        Stmt::AlterType(it) => {
            let name = name_of(it.type_name_ref());
            if let Some(code) = first_unknown(node, known) {
                known.brought.create_type(&name, Some(code));
            }
            renamed(&name, node, known);
        }
        Stmt::CreateTable(it) => known.brought.create_type(&name_of(it.table_name()), None),
        Stmt::CreateTableAs(it) => known.brought.create_type(&name_of(it.table_name()), None),
        Stmt::CreateRule(it) => {
            let on = it.rule_on().and_then(|on| on.relation_name_ref());
            let rule = format!("the rule {}", name_of(it.rule()));
            known.brought.run(&name_of(on), &rule, By::Rows);
        }
        Stmt::CreatePolicy(it) if first_unknown(node, known).is_some() => {
            let policy = format!("the policy {}", name_of(it.policy()));
            let table = name_of(it.on_table());
            known.brought.run(&table, &policy, By::Policy);
        }
        Stmt::CreateEventTrigger(it) => {
            known
                .brought
                .create_event_trigger(&name_of(it.event_trigger()));
        }
        Stmt::DropEventTrigger(it) => {
            known
                .brought
                .drop_event_trigger(&name_of(it.event_trigger_ref()));
        }
        Stmt::CreateView(it) => view(&name_of(it.view()), node, known),
        Stmt::CreateMaterializedView(it) => view(&name_of(it.view()), node, known),
        Stmt::AlterFunction(_)
        | Stmt::AlterProcedure(_)
        | Stmt::AlterRoutine(_)
        | Stmt::AlterAggregate(_)
        | Stmt::AlterView(_)
        | Stmt::AlterMaterializedView(_) => renamed(&name(node), node, known),
        _ => {}
    }
}

/// What is renamed or moved, by the last word of its statement.
fn renamed(from: &str, node: &SyntaxNode, known: &mut Known) {
    let mut tokens = node.descendants_with_tokens();
    if !tokens.any(|it| it.kind() == SyntaxKind::RENAME_KW) {
        return;
    }
    let written = text(node);
    let to = identifier(written.rsplit(' ').next().unwrap_or_default());
    // What had the name before this folder is not known.
    if matches!(
        node.kind(),
        SyntaxKind::ALTER_FUNCTION
            | SyntaxKind::ALTER_PROCEDURE
            | SyntaxKind::ALTER_ROUTINE
            | SyntaxKind::ALTER_AGGREGATE
    ) {
        known.brought.create_routine(&to);
    }
    known.brought.rename(from, &to);
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
        let own = super::types::DataType::of(&each);
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
    known.brought.create_type(name, code);
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
            known.brought.lead(view, &relation);
        }
    }
    known.brought.create_type(view, None);
}
