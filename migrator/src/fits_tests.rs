//! What is in a database, and what code without it says.

use sluice_migration::Tool;

use super::*;
use crate::books;

/// A row of the ledger: `1`, `1 running`, `1 contract`.
fn row(text: &str, unit: usize, units: usize) -> ledger::Entry {
    let mut words = text.split(' ');
    let version = words.next().unwrap_or_default().to_owned();
    let words: Vec<&str> = words.collect();
    let state = match words.contains(&"running") {
        true => State::Running,
        false => State::Done,
    };
    ledger::Entry {
        path: format!("{version}_x.sql"),
        version,
        unit,
        units,
        sha256: String::new(),
        state,
        half_undone: false,
        contracts: words.contains(&"contract"),
        advanced: words.contains(&"advanced"),
        cut: None,
    }
}

fn found(ledger: Vec<ledger::Entry>, books: Option<&[&str]>, is_mark: bool) -> Found {
    let books = books.map(|books| {
        let rows = books.iter().map(|version| books::Entry {
            version: (*version).to_owned(),
            checksum: String::new(),
            dirty: false,
            repeatable: false,
        });
        rows.collect::<Vec<_>>()
    });
    Found {
        ledger,
        has_table: books.is_some(),
        books,
        is_mark,
    }
}

fn reads(from: Option<&str>, to: Option<&str>) -> Reads {
    Reads {
        from: from.map(str::to_owned),
        to: to.map(str::to_owned),
    }
}

#[test]
fn a_tools_mark_says_of_all_before_it_that_it_is_in_and_of_all_after_it_that_it_is_not() {
    let ledger = ["1", "2 contract", "9", "10 contract"].map(|text| row(text, 0, 1));
    let there = There::of(
        Tool::GolangMigrate,
        &found(ledger.to_vec(), Some(&["9"]), true),
    );
    assert_eq!(
        there.taken_from(&[]),
        ["2_x.sql took away what the code may still use"]
    );
    assert_eq!(
        there.outside_of(&reads(Some("3"), Some("9"))),
        [""; 0],
        "3 comes before the mark"
    );
    let unfit = there.outside_of(&reads(Some("10"), Some("1"))).join("; ");
    assert!(unfit.contains("needs migration `10`"), "{unfit}");
    assert!(unfit.contains("2_x.sql, 9_x.sql came after"), "{unfit}");
}

#[test]
fn a_part_of_what_contracts_is_enough_to_take_something_away() {
    let cases = [
        (vec![row("2 contract", 0, 2)], 1),
        (
            vec![row("2 contract", 0, 2), row("2 contract running", 1, 2)],
            1,
        ),
        (vec![row("2 contract running advanced", 0, 1)], 1),
        (vec![row("2 contract running", 0, 1)], 0),
    ];
    for (ledger, expected) in cases {
        for books in [None, Some(&[][..])] {
            let there = There::of(Tool::Sqlx, &found(ledger.clone(), books, false));
            assert_eq!(there.taken_from(&[]).len(), expected, "{ledger:?}");
            assert_eq!(there.outside_of(&reads(Some("2"), None)).len(), 1);
        }
    }
}

#[test]
fn without_the_tools_table_the_ledger_is_believed() {
    let mut lost = found(vec![row("2 contract", 0, 1)], Some(&[]), false);
    lost.has_table = false;
    assert_eq!(There::of(Tool::Sqlx, &lost).taken_from(&[]).len(), 1);
}

#[test]
fn a_version_that_is_none_is_told_and_not_taken_for_the_newest() {
    let there = There::of(Tool::Sqlx, &found(Vec::new(), Some(&["1"]), false));
    let unfit = there.outside_of(&reads(None, Some("newest")));
    assert!(unfit[0].contains("no version of sqlx"), "{unfit:?}");
}
