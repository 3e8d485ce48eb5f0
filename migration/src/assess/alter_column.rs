//! `ALTER TABLE … ALTER COLUMN`.

use squawk_syntax::ast::{self, AlterColumnOption as To, AstNode as _};

use super::effect::{Effect, LockMode};
use super::known::Known;
use super::names::{made, name_of, text};
use super::types::{Change, DataType};

pub(super) fn assess(table: &str, action: &ast::AlterColumn, known: &mut Known) -> Effect {
    let column = name_of(action.column_name_ref());
    let on = [table.to_owned()];
    let Some(option) = action.option() else {
        return Effect::unknown("an action that is not known").exclusively(on);
    };
    match option {
        To::SetDefault(_) => Effect::a("rows that are there stay as they are")
            .exclusively(on)
            .depends("rows that give no value to the column get another"),
        To::DropDefault(_) => Effect::a("rows that are there stay as they are")
            .exclusively(on)
            .depends("INSERTs that give no value to the column write null, or fail"),
        To::DropNotNull(_) => Effect::a("rows that are there stay as they are")
            .exclusively(on)
            .depends("code may read null where it never did"),
        To::SetNotNull(_) => not_null(table, &column, known),
        To::SetType(it) => set_type(table, &column, &it, known),
        To::SetStatistics(_) | To::SetOptions(_) | To::SetOptionsList(_) | To::ResetOptions(_) => {
            Effect::a("changes what is known of the column's values")
                .locks(LockMode::ShareUpdateExclusive, on)
        }
        To::SetStorage(_) | To::SetCompression(_) => {
            Effect::a("rows that are there stay as they are").exclusively(on)
        }
        To::AddGenerated(_)
        | To::SetGenerated(_)
        | To::SetGeneratedOptions(_)
        | To::SetSequenceOption(_)
        | To::Restart(_)
        | To::DropIdentity(_)
        | To::DropExpression(_) => Effect::b("stops everybody for a moment")
            .exclusively(on)
            .depends("rows that give no value to the column get another"),
        To::SetExpression(_) => Effect::c(
            "writes the whole table anew while nobody reads it: each row is computed again",
        )
        .exclusively(on)
        .rewrites()
        .depends("code reads other values"),
        _ => Effect::unknown("an action that is not known").exclusively(on),
    }
}

fn not_null(table: &str, column: &str, known: &Known) -> Effect {
    let on = [table.to_owned()];
    let narrowed = format!("what writes null to {column} fails");
    if known.is_not_null(table, column) {
        return Effect::a("a validated CHECK says it already: no row is read")
            .exclusively(on)
            .depends(narrowed);
    }
    let check = made(&[table, column, "not_null"]);
    Effect::b("reads all rows while nobody reads or writes")
        .exclusively(on)
        .scans()
        .depends(narrowed)
        .safer(
            "have a CHECK say it first, validated in a transaction of its own: then no row is read",
            [
                format!("ALTER TABLE {table} ADD CONSTRAINT {check} CHECK ({column} IS NOT NULL) NOT VALID;"),
                format!("ALTER TABLE {table} VALIDATE CONSTRAINT {check};"),
                format!("ALTER TABLE {table} ALTER COLUMN {column} SET NOT NULL;"),
                format!("ALTER TABLE {table} DROP CONSTRAINT {check};"),
            ],
        )
}

fn set_type(table: &str, column: &str, action: &ast::SetType, known: &mut Known) -> Effect {
    let on = [table.to_owned()];
    let from = known.type_of(table, column).cloned();
    let to = action.ty().map(|ty| DataType::of(ty.syntax()));
    match &to {
        Some(to) => known.set_type(table, column, to.clone()),
        None => known.forget_column(table, column),
    }
    let is_plain = action.using_expr().is_none() && action.collate().is_none();
    let change = from.zip(to).map(|(from, to)| from.change_to(&to));
    let written = action.ty().map(|ty| text(ty.syntax())).unwrap_or_default();
    match change.filter(|_| is_plain) {
        Some(Change::Kept) => Effect::b("all rows fit as they are: none is read or written")
            .exclusively(on)
            .depends("code may read what it has no room for"),
        Some(Change::KeptInUtc) => apart(
            Effect::c("writes the whole table anew while nobody reads it, unless the session's TimeZone is UTC")
                .exclusively(on)
                .rewrites(),
            &written,
        ),
        Some(Change::Rewritten) => apart(
            Effect::c("writes the whole table anew while nobody reads it")
                .exclusively(on)
                .rewrites(),
            &written,
        ),
        None => apart(
            Effect::c("may write the whole table anew while nobody reads it: the type that the column has can't be told from the migrations, or USING computes each row")
                .exclusively(on)
                .rewrites(),
            &written,
        ),
    }
}

fn apart(effect: Effect, data_type: &str) -> Effect {
    effect
        .breaks("code may write what does not fit the new type, and reads another")
        .safer(
            format!("add a column of type {data_type}, have code write both, fill it in batches, and drop the old one in a migration of a later release that contracts"),
            [],
        )
}
