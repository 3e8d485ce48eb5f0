//! The role of another account, as its page has it: it may do there what Sluice's own
//! functions may do here, and nothing else to functions.

use std::collections::BTreeSet;

use serde_json::Value;
use sluice_tests::template::{
    functions, parse, permissions, references, resources, statements, template_on_aws,
};
use sluice_tests::{expect_none, text};

/// What `warm` and `guard` ask of everything, because AWS knows no resource for it.
const OF_EVERYTHING: [&str; 3] = ["cloudformation:", "cloudwatch:", "lambda:"];

/// The stack that the page shows.
fn shown() -> Value {
    let page = text("docs/accounts.md");
    let block = page.split("```yaml\n").nth(1).expect("a template");
    parse(block.split("```").next().unwrap_or_default())
}

/// What the functions that enter other accounts may do to functions, here.
fn asked() -> BTreeSet<String> {
    let template = template_on_aws();
    let mut asked = BTreeSet::new();
    for function in functions(&template).values() {
        let held = permissions(&template, function);
        let enters = held.iter().any(|it| it.actions.contains(&"sts:AssumeRole"));
        if !enters {
            continue;
        }
        for statement in &held {
            let everything = statement.arns().contains(&"*");
            let kept = statement.actions.iter().filter(|action| {
                let of_all = OF_EVERYTHING
                    .iter()
                    .any(|service| action.starts_with(service));
                statement.references().contains("ManagedFunctions") || (everything && of_all)
            });
            asked.extend(kept.map(|action| (*action).to_owned()));
        }
    }
    asked
}

fn role(template: &Value) -> &Value {
    resources(template)["Role"].body
}

#[test]
fn the_role_may_do_to_functions_what_sluices_own_functions_may() {
    let template = shown();
    let policies = &role(&template)["Properties"]["Policies"];
    let shown: BTreeSet<String> = statements(policies)
        .iter()
        .flat_map(|statement| statement.actions.clone())
        .filter(|action| !action.starts_with("s3:"))
        .map(str::to_owned)
        .collect();
    assert_eq!(shown, asked());
}

#[test]
fn functions_of_the_other_account_are_deleted_by_their_version_alone() {
    let template = shown();
    expect_none(statements(role(&template)).iter().filter_map(|statement| {
        let deletes = statement.actions.contains(&"lambda:DeleteFunction");
        let arns: Vec<String> = statement
            .resources
            .iter()
            .map(|arn| arn.to_string())
            .collect();
        (deletes && !arns.iter().all(|arn| arn.contains(":function:shop-*:*")))
            .then(|| arns.join(", "))
    }));
}

#[test]
fn whoever_enters_other_accounts_may_tag_the_session_and_the_trust_asks_for_the_tags() {
    let template = template_on_aws();
    expect_none(
        functions(&template)
            .into_iter()
            .filter_map(|(name, function)| {
                let held = permissions(&template, &function);
                let of = |action: &str| -> Vec<&str> {
                    let with = held
                        .iter()
                        .filter(|statement| statement.actions.contains(&action));
                    with.flat_map(|statement| statement.arns()).collect()
                };
                (of("sts:AssumeRole") != of("sts:TagSession")).then_some(name)
            }),
    );
    let shown = shown();
    let trust = &role(&shown)["Properties"]["AssumeRolePolicyDocument"]["Statement"];
    for statement in trust.as_array().expect("statements") {
        let asked = &statement["Condition"]["StringEquals"];
        for tag in ["application", "environment"] {
            assert!(
                asked[format!("aws:RequestTag/sluice:{tag}")].is_string(),
                "{statement}"
            );
        }
    }
    assert_eq!(trust[0]["Action"], "sts:AssumeRole");
    assert!(references(&trust[0]["Condition"]).contains("ExternalId"));
}
