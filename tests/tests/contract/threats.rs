//! The page of threats names tests: they have to be there.

use std::collections::BTreeSet;

use sluice_tests::{expect_none, files, text};

#[test]
fn every_test_that_the_page_of_threats_names_is_there() {
    let page = text("docs/threats.md");
    let rows = page.lines().filter(|line| line.starts_with("| "));
    let shown = rows.filter_map(|row| row.trim_end_matches('|').rsplit('|').next());
    let named: BTreeSet<&str> = shown
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .filter(|name| name.matches('_').count() > 2)
        .collect();
    assert!(named.len() > 30, "{named:?}");
    let sources: String = ["cli", "domain", "functions", "platform", "tests"]
        .into_iter()
        .flat_map(|folder| files(folder, "rs"))
        .map(text)
        .collect();
    let is_test = |name: &str| sources.contains(&format!("fn {name}()"));
    expect_none(
        named
            .into_iter()
            .filter(|name| !is_test(name))
            .map(str::to_owned),
    );
}
