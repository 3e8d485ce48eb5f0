//! A statement of each kind, with its class and what becomes of the old version: `cases.txt`.

use sluice_migration::Class;

/// What becomes of the old version's queries.
#[derive(Debug)]
pub(crate) enum Old {
    /// They all work on, which is what is said.
    Safe,
    /// They all work on here, which is not said of all such statements.
    Depends,
    /// This one breaks here, and it is said that some may.
    Changes(&'static str),
    /// This one breaks, which is what is said.
    Breaks(&'static str),
}

pub(crate) struct Case {
    /// The last statement is looked at; those before it are of the same file.
    pub(crate) sql: &'static str,
    pub(crate) class: Class,
    pub(crate) old: Old,
}

/// All of them.
pub(crate) fn cases() -> impl Iterator<Item = Case> {
    let lines = include_str!("cases.txt").lines();
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| case(line).unwrap_or_else(|| panic!("no case: {line}")))
}

fn case(line: &'static str) -> Option<Case> {
    let (said, sql) = line.split_once(": ")?;
    let (class, old) = said.split_once(' ')?;
    let class = match class {
        "A" => Class::A,
        "B" => Class::B,
        "C" => Class::C,
        _ => return None,
    };
    let old = match old.split_once(' ') {
        None if old == "safe" => Old::Safe,
        None if old == "depends" => Old::Depends,
        Some(("changes", query)) => Old::Changes(query),
        Some(("breaks", query)) => Old::Breaks(query),
        _ => return None,
    };
    Some(Case { sql, class, old })
}
