//! What keeps tables in order.

use squawk_syntax::ast::{self, AstNode as _, Stmt};
use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::create::running;
use super::effect::{Effect, LockMode};
use super::hooks::Code;
use super::known::Known;
use super::names::{last, name, name_of, text};
use super::{Told, data};

pub(super) fn assess(statement: &Stmt, known: &mut Known) -> Option<Effect> {
    let effect = match statement {
        Stmt::Analyze(it) => {
            let on = tables(it.syntax());
            let effect = Effect::a("reads a sample of the rows while others read and write")
                .locks(LockMode::ShareUpdateExclusive, on.clone())
                .long();
            sampled(effect, &on, known)
        }
        Stmt::Cluster(it) => {
            let on: Vec<String> = it
                .table_name_ref()
                .iter()
                .map(|it| name(it.syntax()))
                .collect();
            let effect = Effect::c("writes the whole table anew while nobody reads it")
                .exclusively(on.clone())
                .rewrites();
            sampled(effect, &on, known)
        }
        Stmt::Lock(it) => {
            let mode = it.lock_mode_clause().map(|clause| text(clause.syntax()));
            let tables = it
                .relation_list()
                .map(|list| super::names::names_of(list.relation_names()));
            Effect::c("holds the table until the transaction ends")
                .locks(lock_mode(mode.as_deref()), tables.unwrap_or_default())
        }
        Stmt::Repack(_) => Effect::c("writes the whole table anew").rewrites().alone(),
        Stmt::AlterSystem(_)
        | Stmt::CreateDatabase(_)
        | Stmt::CreateTablespace(_)
        | Stmt::CreateSubscription(_)
        | Stmt::DropSubscription(_) => Effect::unknown("reaches beyond this database").alone(),
        _ => return None,
    };
    Some(effect)
}

/// Samples are of what indexes and statistics compute, too; without a list those of all
/// tables.
fn sampled(effect: Effect, on: &[String], known: &mut Known) -> Effect {
    let hooks = &known.brought.hooks;
    let code = match on.is_empty() {
        true => hooks.code_of_indexes(),
        false => {
            let each = on.iter().filter_map(|it| hooks.code_of_index(it));
            each.reduce(Code::and)
        }
    };
    data::computed(effect, code, known)
}

/// The lock that `LOCK TABLE` names; the strongest where it names none.
fn lock_mode(words: Option<&str>) -> LockMode {
    const MODES: [LockMode; 8] = [
        LockMode::AccessShare,
        LockMode::RowShare,
        LockMode::RowExclusive,
        LockMode::ShareUpdateExclusive,
        LockMode::Share,
        LockMode::ShareRowExclusive,
        LockMode::Exclusive,
        LockMode::AccessExclusive,
    ];
    let words = words.unwrap_or_default().to_uppercase();
    let named = words.trim_start_matches("IN ").trim_end_matches(" MODE");
    let mut modes = MODES.into_iter();
    modes
        .find(|mode| mode.name() == named)
        .unwrap_or(LockMode::AccessExclusive)
}

pub(super) fn vacuum(statement: &ast::Vacuum, known: &mut Known) -> Told {
    let on = tables(statement.syntax());
    if statement.is_full() {
        let effect = Effect::c("writes the whole table anew while nobody reads it")
            .exclusively(on.clone())
            .rewrites()
            .alone();
        return Told::of("VACUUM FULL", sampled(effect, &on, known));
    }
    let effect = Effect::a("cleans up while others read and write")
        .locks(LockMode::ShareUpdateExclusive, on.clone())
        .scans()
        .alone();
    let effect = sampled(effect, &on, known);
    Told::of("VACUUM", effect)
}

pub(super) fn refresh(statement: &ast::Refresh, known: &mut Known) -> Told {
    let view = name_of(statement.view_ref());
    let mut told = refreshed(statement, view.clone());
    let hooks = &known.brought.hooks;
    let own = [hooks.code_of_index(&view), hooks.policy_of(&view)];
    let own = own.into_iter().flatten().reduce(Code::and);
    told.effect = data::computed(told.effect, own, known);
    match known.brought.code_of_view(&last(&view)).map(str::to_owned) {
        Some(code) => Told::of(told.kind, running(told.effect, &code, known)),
        None => told,
    }
}

fn refreshed(statement: &ast::Refresh, view: String) -> Told {
    if statement.concurrently_token().is_some() {
        let effect = Effect::b("runs the view's query while others read it")
            .locks(LockMode::Exclusive, [view])
            .scans();
        return Told::of("REFRESH MATERIALIZED VIEW CONCURRENTLY", effect);
    }
    let sql = format!("REFRESH MATERIALIZED VIEW CONCURRENTLY {view};");
    let effect = Effect::b("runs the view's query while nobody reads it")
        .exclusively([view])
        .scans()
        .rewrites()
        .safer(
            "refresh it CONCURRENTLY, which needs a unique index on it",
            [sql],
        );
    Told::of("REFRESH MATERIALIZED VIEW", effect)
}

/// The tables that `VACUUM` or `ANALYZE` lists.
fn tables(node: &SyntaxNode) -> Vec<String> {
    let lists = node
        .descendants()
        .filter(|it| matches!(it.kind(), SyntaxKind::TABLE_AND_COLUMNS));
    lists.map(|it| name(&it)).collect()
}
