//! A role can read the partitions of the state table that its function reads.

use std::path::PathBuf;

use sluice_tests::template::{functions, granted, permissions};
use sluice_tests::{expect_none, files, template, text};

/// Methods of `Store` that read: the action that each needs, and where.
const READS: [(&str, &str, &str); 10] = [
    ("promotion", "dynamodb:GetItem", "promotion#*"),
    ("check_fence", "dynamodb:GetItem", "promotion#*"),
    ("part", "dynamodb:GetItem", "promotion#*"),
    ("required_part", "dynamodb:GetItem", "promotion#*"),
    ("releases", "dynamodb:Query", "release#*"),
    ("request", "dynamodb:GetItem", "approval#*"),
    ("votes", "dynamodb:Query", "vote#*"),
    ("wrong_codes", "dynamodb:GetItem", "vote#*"),
    ("holder", "dynamodb:GetItem", "lock#*"),
    ("tickets", "dynamodb:Query", "queue"),
];

#[test]
fn a_function_may_read_the_partitions_of_the_state_table_that_its_adapter_asks_for() {
    let template = template();
    expect_none(
        functions(&template)
            .into_iter()
            .flat_map(|(name, function)| {
                let held = permissions(&template, &function);
                let source = adapter(&name);
                let asks = |method: &str| {
                    ["store.", "self.0."].iter().any(|store| {
                        ["(", "::<"]
                            .iter()
                            .any(|open| source.contains(&format!("{store}{method}{open}")))
                    })
                };
                let may = |action: &str, partition: &str| {
                    granted(&held, action).iter().any(|statement| {
                        statement.references().contains("StateTable")
                            && statement.partitions.contains(&partition)
                    })
                };
                let missing = READS
                    .iter()
                    .filter(|(method, action, partition)| asks(method) && !may(action, partition));
                missing
                    .map(|(method, action, partition)| {
                        format!("{name}: {action} of {partition}, for `{method}`")
                    })
                    .collect::<Vec<_>>()
            }),
    );
}

#[test]
fn what_an_adapter_asks_for_is_found() {
    assert!(adapter("verify").contains("self.0.releases("));
    assert!(adapter("intake").contains("self.0.promotion("));
}

/// The sources of a function that speak to AWS, without white space: a chain of
/// calls may be on several lines.
fn adapter(function: &str) -> String {
    let sources = files(format!("functions/{function}/src"), "rs");
    let speaks = |path: &&PathBuf| path.to_string_lossy().contains("/src/aws");
    let sources: String = sources.iter().filter(speaks).map(text).collect();
    sources.split_whitespace().collect()
}
