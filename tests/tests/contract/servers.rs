//! Snapshots and copies of database servers: Sluice deletes only what it made.

use std::collections::BTreeSet;

use sluice_domain::migrations::{KEEP_UNTIL_TAG, PROMOTION_TAG};
use sluice_domain::naming::{BACKUP_PREFIX, REHEARSAL_PREFIX};
use sluice_tests::expect_none;
use sluice_tests::template::{functions, granted, permissions, template_on_aws};

use crate::permissions::who_may;

/// Whoever made a snapshot by hand finds it again.
#[test]
fn only_the_watchdog_deletes_snapshots_and_only_those_that_sluice_made() {
    let actions = ["rds:DeleteDBClusterSnapshot", "rds:DeleteDBSnapshot"];
    let watchdog = BTreeSet::from(["watchdog".to_owned()]);
    assert_eq!(who_may("", &actions), watchdog);
    let template = template_on_aws();
    let function = &functions(&template)["watchdog"];
    let held = permissions(&template, function);
    for action in actions {
        for statement in granted(&held, action) {
            let begins = format!("snapshot:{BACKUP_PREFIX}*");
            let arns = statement.arns();
            let own = arns.iter().filter(|arn| arn.ends_with(&begins)).count();
            assert_eq!((own, arns.len()), (2, 2), "{statement:?}");
        }
    }
    let policies = function.property("Policies").to_string();
    for tag in [PROMOTION_TAG, KEEP_UNTIL_TAG] {
        let is_there = format!("\"aws:ResourceTag/{tag}\":\"false\"");
        assert!(policies.contains(&is_there), "{tag}: {policies}");
    }
}

/// No server of a team's is made, changed or deleted: only copies, by their name.
#[test]
fn servers_are_restored_and_deleted_as_copies_alone() {
    let template = template_on_aws();
    let functions = functions(&template);
    let deleting = ["rds:DeleteDBCluster", "rds:DeleteDBInstance"];
    let both = BTreeSet::from(["database".to_owned(), "watchdog".to_owned()]);
    assert_eq!(who_may("", &deleting), both);
    for name in ["database", "watchdog"] {
        let held = permissions(&template, &functions[name]);
        for statement in deleting.iter().flat_map(|action| granted(&held, action)) {
            let copies = |arn: &&str| arn.ends_with(&format!(":{REHEARSAL_PREFIX}*"));
            let arns = statement.arns();
            assert!(!arns.is_empty() && arns.iter().all(copies), "{statement:?}");
        }
        let policies = functions[name].property("Policies").to_string();
        for tag in [PROMOTION_TAG, KEEP_UNTIL_TAG] {
            let is_there = format!("\"aws:ResourceTag/{tag}\":\"false\"");
            assert!(policies.contains(&is_there), "{name}: {tag}: {policies}");
        }
    }
    let making = [
        "rds:CreateDBInstance",
        "rds:RestoreDBClusterFromSnapshot",
        "rds:RestoreDBInstanceFromDBSnapshot",
    ];
    let database = BTreeSet::from(["database".to_owned()]);
    assert_eq!(who_may("", &making), database);
    let held = permissions(&template, &functions["database"]);
    for statement in making.iter().flat_map(|action| granted(&held, action)) {
        let servers = statement.arns().into_iter();
        let servers = servers.filter(|arn| arn.contains(":db:") || arn.contains(":cluster:"));
        let others = servers.filter(|arn| !arn.contains(REHEARSAL_PREFIX));
        expect_none(others.map(str::to_owned));
    }
}

/// A snapshot that another account shares may be called like one of the team's own.
#[test]
fn no_snapshot_of_another_account_is_restored() {
    let template = template_on_aws();
    let policies = functions(&template)["database"].property("Policies");
    let statements = policies[0]["Statement"].as_array().expect("statements");
    let restoring = statements.iter().filter(|statement| {
        let actions = statement["Action"].to_string();
        let resources = statement["Resource"].to_string();
        actions.contains("FromSnapshot") && resources.contains("RestorableSnapshots")
    });
    let restoring: Vec<_> = restoring.collect();
    assert_eq!(restoring.len(), 2, "of servers, and of copies");
    for statement in restoring {
        let own = &statement["Condition"]["StringEqualsIfExists"]["aws:ResourceAccount"];
        assert_eq!(own["Ref"], "AWS::AccountId", "{statement}");
    }
}
