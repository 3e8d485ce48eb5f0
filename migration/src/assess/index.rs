//! Indexes.

use squawk_syntax::ast::{self, AlterIndexAction, AstNode as _, ReindexTarget};
use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::alter_table::{NEW, released, renamed};
use super::calls::{called, first_unknown};
use super::create::running;
use super::effect::{Effect, Halfway, LockMode};
use super::hooks::{By, Code};
use super::known::Known;
use super::names::{name_of, names_of, text};
use super::{Told, data};

pub(super) fn create(statement: &ast::CreateIndex, known: &mut Known) -> Told {
    let table = name_of(statement.table_relation_name());
    let code = first_unknown(statement.syntax(), known);
    if let Some(code) = &code {
        let hooks = &mut known.brought.hooks;
        hooks.run(&table, code, By::Index, called(statement.syntax()));
        if let Some(index) = statement.index() {
            hooks.lead(&name_of(Some(index)), &table);
        }
    }
    let is_empty = known.is_new(&table) && !known.is_filled(&table);
    let is_unique = statement.unique_token().is_some();
    let concurrently = statement.concurrently_token().is_some();
    let kind = match (is_unique, concurrently) {
        (false, false) => "CREATE INDEX",
        (false, true) => "CREATE INDEX CONCURRENTLY",
        (true, false) => "CREATE UNIQUE INDEX",
        (true, true) => "CREATE UNIQUE INDEX CONCURRENTLY",
    };
    let effect = if concurrently {
        let mut reason = "reads all rows while others read and write".to_owned();
        if statement.if_not_exists().is_some() {
            reason.push_str("; of a build that failed, IF NOT EXISTS keeps the invalid index");
        }
        let index = statement.index().map(|index| name_of(Some(index)));
        Effect::a(reason)
            .locks(LockMode::ShareUpdateExclusive, [table.clone()])
            .scans()
            .leaves(Halfway::Index { index, table })
    } else if known.is_new(&table) {
        released(Vec::new(), known.is_filled(&table))
    } else {
        Effect::b("reads all rows while nobody writes")
            .locks(LockMode::Share, [table])
            .scans()
            .safer(
                "build it CONCURRENTLY, alone in its file and in no transaction",
                [concurrent(statement.syntax(), SyntaxKind::INDEX_KW)],
            )
    };
    let effect = narrowing(effect, is_unique);
    match code.filter(|_| !is_empty) {
        Some(code) => Told::of(kind, running(effect, &code, known)),
        None => Told::of(kind, effect),
    }
}

fn narrowing(effect: Effect, is_unique: bool) -> Effect {
    match is_unique && effect.reason != NEW {
        true => effect.depends("what it writes may be there already"),
        false => effect,
    }
}

/// The statement with `CONCURRENTLY` behind its first keyword of this kind.
fn concurrent(statement: &SyntaxNode, after: SyntaxKind) -> String {
    let mut written = text(statement);
    let tokens = statement
        .children_with_tokens()
        .filter_map(|it| it.into_token());
    let words: Vec<String> = tokens
        .filter(|it| it.kind().is_keyword())
        .take_while(|it| it.kind() != after)
        .map(|it| it.text().to_owned())
        .collect();
    let word = names_word(statement, after);
    let at = words.iter().map(|word| word.len() + 1).sum::<usize>() + word.len();
    if written.is_char_boundary(at.min(written.len())) {
        written.insert_str(at.min(written.len()), " CONCURRENTLY");
    }
    format!("{written};")
}

fn names_word(statement: &SyntaxNode, kind: SyntaxKind) -> String {
    let mut tokens = statement
        .children_with_tokens()
        .filter_map(|it| it.into_token());
    let token = tokens.find(|it| it.kind() == kind);
    token.map(|it| it.text().to_owned()).unwrap_or_default()
}

pub(super) fn drop(statement: &ast::DropIndex) -> Told {
    let names = names_of(statement.index_refs());
    let slower = "queries that the index serves get slow, and ON CONFLICT needs a unique one";
    if statement.concurrently_token().is_some() {
        let effect = Effect::a("waits for those who use the index, and stops nobody")
            .locks(LockMode::ShareUpdateExclusive, names.clone())
            .leaves(Halfway::Dropped(names.concat()));
        return Told::of("DROP INDEX CONCURRENTLY", effect.depends(slower));
    }
    let effect = Effect::b("stops everybody who uses the table, and waits behind them")
        .exclusively(names.clone())
        .depends(slower);
    let each = names
        .iter()
        .map(|name| format!("DROP INDEX CONCURRENTLY {name};"));
    let mut effect = effect.safer(
        "drop it CONCURRENTLY, alone in its file and in no transaction",
        [],
    );
    if let Some(safer) = &mut effect.safer {
        safer.sql = each.collect();
    }
    Told::of("DROP INDEX", effect)
}

pub(super) fn reindex(statement: &ast::Reindex, known: &mut Known) -> Told {
    let told = rebuilt(statement);
    let code = code_of(statement, known);
    Told::of(told.kind, data::computed(told.effect, code, known))
}

/// What an index computes, or all of a table's; of one that no statement named, any.
fn code_of(statement: &ast::Reindex, known: &Known) -> Option<Code> {
    let hooks = &known.brought.hooks;
    let of = match statement.reindex_target() {
        Some(ReindexTarget::ReindexTargetTable(it)) => name_of(it.table_name_ref()),
        Some(ReindexTarget::ReindexTargetIndex(it)) => super::names::name(it.syntax()),
        _ => return hooks.code_of_indexes(),
    };
    let is_index = matches!(
        statement.reindex_target(),
        Some(ReindexTarget::ReindexTargetIndex(_))
    );
    match is_index && !hooks.leads(&of) {
        true => hooks.code_of_indexes(),
        false => hooks.code_of_index(&of),
    }
}

fn rebuilt(statement: &ast::Reindex) -> Told {
    let concurrently = statement.is_concurrently();
    let (on, is_one) = match statement.reindex_target() {
        Some(ReindexTarget::ReindexTargetTable(it)) => (name_of(it.table_name_ref()), true),
        Some(ReindexTarget::ReindexTargetIndex(it)) => (super::names::name(it.syntax()), true),
        _ => (String::new(), false),
    };
    if !is_one {
        let effect = Effect::c("builds many indexes, of tables that can't be told")
            .scans()
            .alone();
        let kind = match concurrently {
            true => "REINDEX CONCURRENTLY",
            false => "REINDEX",
        };
        return Told::of(kind, effect);
    }
    if concurrently {
        let effect = Effect::a("builds it again while others read and write")
            .locks(LockMode::ShareUpdateExclusive, [on.clone()])
            .scans()
            .leaves(Halfway::Rebuilt(on));
        return Told::of("REINDEX CONCURRENTLY", effect);
    }
    let effect = Effect::b("builds it again while nobody writes, nor reads by it")
        .exclusively([on])
        .scans()
        .safer(
            "do it CONCURRENTLY, alone in its file and in no transaction",
            [],
        );
    Told::of("REINDEX", effect)
}

pub(super) fn alter(statement: &ast::AlterIndex, known: &mut Known) -> Told {
    let on = [name_of(statement.index_ref())];
    if let Some(AlterIndexAction::IndexRenameTo(it)) = statement.action() {
        known.brought.rename(&on[0], &name_of(it.index()), false);
    }
    let (kind, effect) = match statement.action() {
        // The server takes a table there, too.
        Some(AlterIndexAction::IndexRenameTo(_)) if known.is_table(&on[0]) => {
            ("RENAME TO", renamed(on))
        }
        Some(AlterIndexAction::IndexRenameTo(_)) => (
            "RENAME TO",
            Effect::b("stops other changes of the table for a moment")
                .locks(LockMode::ShareUpdateExclusive, on)
                .depends("code may name the constraint of the index"),
        ),
        Some(AlterIndexAction::AttachIndexPartition(_)) => (
            "ATTACH PARTITION",
            Effect::b("stops everybody who uses the index for a moment").exclusively(on),
        ),
        Some(
            AlterIndexAction::SetOptions(_)
            | AlterIndexAction::ResetOptions(_)
            | AlterIndexAction::AlterSetStatistics(_),
        ) => (
            "SET",
            Effect::a("changes how the index is kept").locks(LockMode::ShareUpdateExclusive, on),
        ),
        _ => (
            "…",
            Effect::unknown("an action that is not known").exclusively(on),
        ),
    };
    Told::of(format!("ALTER INDEX … {kind}"), effect)
}
