//! The functions that people ask learn who asks, and need no permission for it.

use std::collections::BTreeSet;

use sluice_tests::template::{functions, permissions, resources};
use sluice_tests::{expect_none, folders, template, text};

/// The functions that `sluice` sends requests with a proof to.
const ASKED: [&str; 3] = ["control", "intake", "preview"];

#[test]
fn the_functions_that_people_ask_are_told_who_asks_and_no_others() {
    let asked = BTreeSet::from(ASKED.map(str::to_owned));
    let names = folders("functions");
    let with = |part: &str, file: &str| -> BTreeSet<String> {
        let has = |name: &&String| text(format!("functions/{name}/{file}")).contains(part);
        names.iter().filter(has).cloned().collect()
    };
    assert_eq!(with("\"caller\"", "Cargo.toml"), asked);
    assert_eq!(with("caller::serve(", "src/main.rs"), asked);
}

/// `sts:GetCallerIdentity` needs no permission, and the request that is sent is the
/// caller's own. In a VPC a function would need a way to STS.
#[test]
fn to_ask_sts_a_function_needs_neither_a_permission_nor_a_way_out_of_a_vpc() {
    let template = template();
    let functions = functions(&template);
    expect_none(ASKED.iter().flat_map(|name| {
        let held = permissions(&template, &functions[*name]);
        let actions = held.iter().flat_map(|statement| statement.actions.clone());
        let of_sts = actions.filter(|action| action.starts_with("sts:Get"));
        of_sts
            .map(|action| format!("{name}: {action}"))
            .collect::<Vec<_>>()
    }));
    let in_a_vpc = resources(&template);
    let in_a_vpc = in_a_vpc
        .values()
        .filter(|resource| resource.property("VpcConfig").is_object());
    expect_none(in_a_vpc.map(|resource| resource.id.to_string()));
}
