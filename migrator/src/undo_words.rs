//! What speaks against taking migrations back, each with what to do instead.

use std::collections::BTreeSet;

use sluice_migration::{Lint, Refusal, Tool};

use crate::folder::Work;
use crate::undo::{Goes, Owned};

/// What helps in all cases.
const MEND: &str = "mend it with a new migration, which is the usual way";

/// The two releases are of two tools.
pub(crate) fn other_tool(own: Tool, serves: Tool) -> Refusal {
    *Refusal::of("", "the releases use different tools")
        .found(format!("{own}, and {serves} in the release that serves"))
        .expected("one tool, whose table says what is in")
        .next(MEND)
}

/// Nothing of the release is in.
pub(crate) fn nothing() -> Refusal {
    *Refusal::of("", "there is nothing to take back")
        .found("no migration in the database that the release brought and the one that serves does not have")
        .expected("one at least")
        .next("name the release whose migrations are in; `sluice migrate plan` says what is")
}

/// A migration that came later and stays.
pub(crate) fn stands_on(stays: &Owned, goes: &Owned) -> Refusal {
    let path = &goes.prepared.file.path;
    *Refusal::of(path, "a later migration may stand on it")
        .found(format!(
            "{}, which is in and stays",
            stays.prepared.file.path
        ))
        .expected("that all that came after it are taken back, too")
        .next(format!(
            "undo the release that brought that one first, or {MEND}"
        ))
}

/// What is wrong with what takes these files back.
pub(crate) fn of_downs(goes: &[Goes<'_>], lint: &Lint, tool: Tool) -> Vec<Refusal> {
    let needed = || goes.iter().filter(|one| !one.is_bare);
    let downs = needed().filter_map(|one| one.owned.down.as_ref());
    let paths: BTreeSet<&str> = downs.map(|down| down.file.path.as_str()).collect();
    let told = lint.refused.iter();
    let told: Vec<Refusal> = told
        .filter(|refusal| paths.contains(refusal.path.as_str()))
        .cloned()
        .collect();
    let faulty: BTreeSet<&str> = told.iter().map(|refusal| refusal.path.as_str()).collect();
    let mut refused = Vec::new();
    for one in needed() {
        let Some(down) = &one.owned.down else {
            refused.push(without_down(one.owned, tool));
            continue;
        };
        let is_one = matches!(&down.units[..], [Work::Transaction(_) | Work::Alone(..)]);
        if !is_one && !faulty.contains(down.file.path.as_str()) {
            refused.push(in_parts(&down.file.path));
        }
    }
    refused.extend(told);
    refused
}

fn without_down(owned: &Owned, tool: Tool) -> Refusal {
    let expected = match tool {
        Tool::Sqlx | Tool::GolangMigrate => "a file beside it that ends in .down.sql",
        Tool::Dbmate => "a line `-- migrate:down` with SQL below it",
        Tool::Diesel => "a file down.sql beside it",
        Tool::Plain | Tool::Refinery | Tool::Flyway | Tool::Prisma => {
            "a tool whose migrations have something that takes them back"
        }
    };
    *Refusal::of(
        &owned.prepared.file.path,
        "nothing takes the migration back",
    )
    .found("no `down`")
    .expected(expected)
    .next(MEND)
}

fn in_parts(path: &str) -> Refusal {
    *Refusal::of(path, "what takes the migration back does not run as one")
        .found("a backfill, or more than one statement that runs outside of a transaction")
        .expected("statements in one transaction, or one statement alone: all of it or nothing")
        .next(format!(
            "take the backfill out and release that as a new version, or {MEND}"
        ))
}
