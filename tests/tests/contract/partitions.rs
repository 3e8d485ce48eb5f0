//! The state table by partition: a role can read what its function reads, writes
//! what is its own, and only tried codes expire.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::json;
use sluice_platform::store::EXPIRES_AT;
use sluice_tests::template::{
    Statement, functions, granted, of_type, permissions, resources, statements,
};
use sluice_tests::{expect_none, files, template, text};

/// Methods of `Store` that read: the action that each needs, and where.
const READS: [(&str, &str, &str); 17] = [
    ("promotion", "dynamodb:GetItem", "promotion#*"),
    ("check_fence", "dynamodb:GetItem", "promotion#*"),
    ("part", "dynamodb:GetItem", "promotion#*"),
    ("required_part", "dynamodb:GetItem", "promotion#*"),
    ("releases", "dynamodb:Query", "release#*"),
    ("requests_of", "dynamodb:Query", "approval#*"),
    ("labelled", "dynamodb:GetItem", "release#*"),
    ("requests_of", "dynamodb:Query", "promotion#*"),
    ("request", "dynamodb:GetItem", "approval#*"),
    ("tokens", "dynamodb:GetItem", "token#*"),
    ("votes", "dynamodb:Query", "vote#*"),
    ("held", "dynamodb:GetItem", "lock#*"),
    ("holder", "dynamodb:GetItem", "lock#*"),
    ("holders", "dynamodb:GetItem", "lock#*"),
    ("stopped", "dynamodb:GetItem", "stopped#*"),
    ("last_restore", "dynamodb:GetItem", "restore#*"),
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
fn what_reads_the_state_table_is_there() {
    let store: String = files("platform/src/store", "rs").iter().map(text).collect();
    expect_none(READS.iter().filter_map(|(method, ..)| {
        let there = ["(", "<"].map(|open| store.contains(&format!("pub async fn {method}{open}")));
        (!there.contains(&true)).then(|| (*method).to_owned())
    }));
}

#[test]
fn what_an_adapter_asks_for_is_found() {
    assert!(adapter("verify").contains("self.0.releases("));
    assert!(adapter("intake").contains("self.0.promotion("));
}

/// The partitions of the state table that a function may write, by its role. What
/// a request asks and how it stands is `approval`'s alone, a lock `guard`'s.
const WRITES: [(&str, &[&str]); 13] = [
    ("approval", &["approval#*", "promotion#*", "token#*"]),
    ("control", &["promotion#*"]),
    ("database", &["promotion#*", "restore#*"]),
    ("desk", &["code#*", "session#*", "vote#*"]),
    ("guard", &["lock#*", "promotion#*", "queue"]),
    ("intake", &["release#*"]),
    ("judge", &["promotion#*"]),
    ("mirror", &["mirror#*"]),
    ("publish", &["own#*", "promotion#*"]),
    ("shift", &["promotion#*"]),
    ("verify", &["promotion#*"]),
    ("warm", &["promotion#*", "stopped#*"]),
    ("watchdog", &["promotion#*", "release#*"]),
];

#[test]
fn a_function_writes_the_partitions_of_the_state_table_that_are_its_own() {
    let template = template();
    let writes = |action: &&str| {
        ["PutItem", "UpdateItem", "DeleteItem"]
            .iter()
            .any(|end| action.strip_prefix("dynamodb:") == Some(end))
    };
    let mut found = BTreeMap::new();
    for (name, function) in functions(&template) {
        let held = permissions(&template, &function);
        let writing = held.iter().filter(|statement| {
            statement.allows
                && statement.references().contains("StateTable")
                && statement.actions.iter().any(writes)
        });
        for statement in writing {
            let own: &mut BTreeSet<String> = found.entry(name.clone()).or_default();
            match statement.partitions.as_slice() {
                [] => _ = own.insert("*".to_owned()),
                partitions => own.extend(partitions.iter().map(|&own| own.to_owned())),
            }
        }
    }
    let expected = WRITES.iter().map(|(name, partitions)| {
        let partitions = partitions.iter().map(|&own| own.to_owned());
        ((*name).to_owned(), partitions.collect())
    });
    assert_eq!(found, expected.collect::<BTreeMap<_, BTreeSet<_>>>());
}

/// What the stack's policies for people and builds may read of the state table: neither
/// task tokens (`token#`, `queue`) nor what functions had (`own#`). Builds run code of
/// others: not the link of an approval either.
const READERS: [(&str, &[&str]); 3] = [
    (
        "OperatorPolicy",
        &["approval#*", "lock#*", "promotion#*", "release#*", "vote#*"],
    ),
    ("PreviewerPolicy", &["promotion#*", "release#*"]),
    ("ReleaserPolicy", &["promotion#*", "release#*"]),
];

#[test]
fn people_and_builds_read_no_task_token_and_builds_no_link_of_an_approval() {
    let template = template();
    let policies = of_type(&template, "AWS::IAM::ManagedPolicy").into_iter();
    let found = policies.map(|policy| {
        let read = partitions_of_the_state_table(&statements(policy.body));
        (policy.id.to_owned(), read)
    });
    let expected = READERS.map(|(id, partitions)| {
        let partitions = partitions.iter().map(|&own| own.to_owned());
        (id.to_owned(), partitions.collect())
    });
    assert_eq!(found.collect::<BTreeMap<_, _>>(), BTreeMap::from(expected));
}

#[test]
fn approval_alone_reads_the_task_tokens_of_requests() {
    let template = template();
    let functions = functions(&template).into_iter();
    let readers = functions.filter(|(_, function)| {
        let read = partitions_of_the_state_table(&permissions(&template, function));
        read.contains("token#*") || read.contains("*")
    });
    let readers: Vec<String> = readers.map(|(name, _)| name).collect();
    assert_eq!(readers, ["approval"]);
}

/// Where the state table may be touched: `*` is everywhere. What is in its indices is
/// promotions and attempts.
fn partitions_of_the_state_table(held: &[Statement<'_>]) -> BTreeSet<String> {
    let itself = |statement: &&Statement<'_>| {
        let of_an_index = statement.arns().iter().any(|arn| arn.contains("/index/"));
        statement.references().contains("StateTable") && !of_an_index
    };
    let own = held.iter().filter(itself).flat_map(|statement| {
        let all = statement.partitions.is_empty().then_some("*");
        statement.partitions.iter().copied().chain(all)
    });
    own.map(str::to_owned).collect()
}

/// What DynamoDB deletes by itself must be worth nothing then: a lock or a plan
/// that went away would be missed.
#[test]
fn of_the_state_table_only_tried_codes_and_sessions_expire() {
    let template = template();
    let resources = resources(&template);
    let expiry = |table: &str| resources[table].property("TimeToLiveSpecification").clone();
    let expected = json!({ "AttributeName": EXPIRES_AT, "Enabled": true });
    assert_eq!(expiry("StateTable"), expected);
    assert!(expiry("LedgerTable").is_null(), "the ledger only grows");

    let sources = files("platform/src/store", "rs").into_iter();
    let sources = sources.filter(|path| !path.ends_with("requests_tests.rs"));
    let writes: Vec<String> = sources.flat_map(|path| that_expire(&text(path))).collect();
    assert_eq!(writes, ["count_try", "begin_session"]);
}

/// The functions of a source that name the attribute after whose time an item goes.
fn that_expire(source: &str) -> Vec<String> {
    let code: Vec<&str> = source
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect();
    let code = code.join("\n");
    let functions = code.split("fn ").skip(1);
    let naming = functions.filter(|body| body.to_lowercase().contains(EXPIRES_AT));
    let names = naming.filter_map(|body| body.split(['(', '<']).next());
    names.map(str::to_owned).collect()
}

/// The sources of a function that speak to AWS, without white space: a chain of
/// calls may be on several lines.
fn adapter(function: &str) -> String {
    let sources = files(format!("functions/{function}/src"), "rs");
    let speaks = |path: &&PathBuf| path.to_string_lossy().contains("/src/aws");
    let sources: String = sources.iter().filter(speaks).map(text).collect();
    sources.split_whitespace().collect()
}
