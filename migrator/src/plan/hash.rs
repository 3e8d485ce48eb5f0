//! What an approval is bound to.

use sha2::{Digest, Sha256};
use sluice_migration::{Class, Phase};

use super::{Pending, Plan};
use crate::folder::{Prepared, hexadecimal};
use crate::ledger::key;

/// What a hash is made of, and how. Another number is another hash.
const FORMAT: u32 = 1;

/// A file that is pending: its path, its phase, its SHA-256, the unit that is next, and of
/// each unit whether it is a transaction, and its classes.
type Bound<'a> = (&'a str, Phase, &'a str, usize, Vec<(bool, Vec<Class>)>);

/// SHA-256 over JSON, whose strings and lists can't run into each other.
pub(super) fn of(plan: &Plan, applied: &[&Prepared]) -> String {
    let major = plan.server.map(|version| version / 10_000);
    let applied = applied.iter();
    let applied: Vec<(_, &str)> = applied
        .map(|prepared| (key(&prepared.file), prepared.sha256.as_str()))
        .collect();
    let pending: Vec<Bound<'_>> = plan.files.iter().map(bound).collect();
    let all = serde_json::json!([FORMAT, plan.tool, plan.place, major, applied, pending]);
    hexadecimal(&Sha256::digest(all.to_string()))
}

fn bound(file: &Pending) -> Bound<'_> {
    let units = file.units.iter().map(|unit| {
        let statements = file.of_unit(unit);
        (unit.transaction, statements.map(|one| one.class).collect())
    });
    (
        &file.path,
        file.phase,
        &file.sha256,
        file.next,
        units.collect(),
    )
}
