//! `template-migrate.yaml`: the function that migrates, deployed apart, is the one of
//! `template.yaml`, and the two stacks let each other in for what migrations need.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sluice_tests::machine::items;
use sluice_tests::template::{
    Resource, effective, functions, granted, machines, of_type, parse, permissions, references,
    statements, template_on_aws,
};
use sluice_tests::{template, text};

/// What the same thing is called here, and in `template.yaml`.
const NAMES: [(&str, &str); 3] = [
    (
        "arn:${AWS::Partition}:s3:::${ArtifactsBucket}",
        "${ArtifactsBucket.Arn}",
    ),
    ("DatabaseSecrets", "ManagedDatabaseSecrets"),
    ("DatabaseUsers", "ManagedDatabaseUsers"),
];

fn apart() -> Value {
    parse(&text("template-migrate.yaml"))
}

#[test]
fn the_function_may_do_the_same_wherever_it_is_deployed() {
    let (apart, whole) = (apart(), template_on_aws());
    let policies = functions(&apart)["migrate"].property("Policies");
    let mut found = policies.to_string();
    for (here, there) in NAMES {
        assert!(found.contains(here), "{here} is not in {found}");
        found = found.replace(here, there);
    }
    let expected = functions(&whole)["migrate"].property("Policies");
    assert_eq!(found, expected.to_string());
}

#[test]
fn the_function_has_the_same_time_and_memory_wherever_it_is_deployed() {
    let (apart, whole) = (apart(), template());
    let (here, there) = (&functions(&apart)["migrate"], &functions(&whole)["migrate"]);
    assert_eq!(functions(&apart).len(), 1);
    for property in [
        "Architectures",
        "AutoPublishAlias",
        "AutoPublishAliasAllProperties",
        "CodeUri",
        "Environment",
        "Handler",
        "MemorySize",
        "Runtime",
        "Timeout",
        "Tracing",
    ] {
        assert_eq!(
            effective(&apart, here, property),
            effective(&whole, there, property),
            "{property}"
        );
    }
    assert_eq!(here.body["Metadata"], there.body["Metadata"]);
    for (name, of_whole) in NAMES[1..]
        .iter()
        .chain(&[("DatabaseHosts", "DatabaseHosts")])
    {
        let default = &apart["Parameters"][name]["Default"];
        assert_eq!(*default, whole["Parameters"][of_whole]["Default"], "{name}");
    }
}

#[test]
fn the_roles_that_ask_it_may_call_it_at_its_alias_and_nobody_else_may() {
    let (apart, whole) = (apart(), template());
    let called: Vec<Value> = of_type(&apart, "AWS::Lambda::Permission")
        .into_iter()
        .map(|permission| {
            let alias = json!({"Ref": "MigrateFunction.Alias"});
            assert_eq!(permission.property("FunctionName"), &alias);
            assert_eq!(permission.property("Action"), "lambda:InvokeFunction");
            permission.property("Principal").clone()
        })
        .collect();
    let caller = |nth: usize| json!({"Fn::Select": [nth, {"Ref": "CallerRoles"}]});
    for nth in 0..called.len() {
        assert!(called.contains(&caller(nth)), "{nth}: {called:?}");
    }
    let calls = |caller: &&Resource<'_>| {
        let held = permissions(&whole, caller);
        let calls = granted(&held, "lambda:InvokeFunction");
        calls
            .iter()
            .any(|statement| statement.references().contains("ManagedMigrators"))
    };
    let (machines, functions) = (machines(&whole), functions(&whole));
    let of_machines = machines.values().filter(calls);
    let of_machines = of_machines.flat_map(|machine| references(machine.property("RoleArn")));
    // SAM names a function's role after it.
    let of_functions = functions.values().filter(calls);
    let of_functions = of_functions.map(|function| format!("{}Role", function.id));
    let calling: BTreeSet<String> = of_machines.chain(of_functions).collect();
    assert_eq!(calling.len(), called.len());
    let told = &whole["Outputs"]["MigratorCallers"]["Value"];
    let told: BTreeSet<String> = items(&told["Fn::Join"][1]).flat_map(references).collect();
    assert_eq!(told, calling);
}

/// IAM compares the ARN that is called, which is the alias's.
#[test]
fn what_may_be_called_as_it_stands_has_a_stacks_name_before_it_and_an_alias_behind_it() {
    let (apart, whole) = (apart(), template());
    let migrator = &apart["Outputs"]["Migrator"]["Value"];
    assert_eq!(*migrator, json!({"Ref": "MigrateFunction.Alias"}));
    assert!(
        functions(&apart)["migrate"]
            .property("FunctionName")
            .is_null()
    );
    assert_eq!(
        whole["Parameters"]["ManagedMigrators"]["Default"],
        "arn:aws:lambda:*:*:function:sluice-migrate-*"
    );
}

#[test]
fn its_role_is_let_into_the_bucket_for_what_it_asks_there() {
    let (apart, whole) = (apart(), template());
    let asked = statements(functions(&apart)["migrate"].property("Policies"));
    let bucket = of_type(&whole, "AWS::S3::BucketPolicy");
    let policy = bucket[0].property("PolicyDocument");
    let given = statements(policy);
    let given: Vec<_> = given.iter().filter(|statement| statement.allows).collect();
    assert_eq!(given.len(), 1, "one statement lets somebody in");
    assert_eq!(given[0].actions, asked[0].actions);
    assert_eq!(given[0].arns(), ["${ArtifactsBucket.Arn}/*"]);
    assert!(references(policy).contains("MigratorRoles"));
    assert_eq!(whole["Parameters"]["MigratorRoles"]["Default"], "");
    let role = references(&apart["Outputs"]["Role"]["Value"]);
    assert!(role.contains("MigrateFunctionRole"));
}
