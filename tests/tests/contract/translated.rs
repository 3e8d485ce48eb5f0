//! What SAM adds to the template: who may call what, and what roles hold beside
//! the policies that stand in it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use sluice_tests::template::{Resource, functions, list, of_type, references};
use sluice_tests::translated::translated;
use sluice_tests::{expect_none, template};

/// The policies that SAM adds to each function's role.
const ADDED: [&str; 2] = [
    "service-role/AWSLambdaBasicExecutionRole",
    "AWSXrayWriteOnlyAccess",
];

/// Since October 2025 a public URL needs both.
#[test]
#[ignore = "needs the SAM CLI: make test"]
fn every_url_has_both_of_its_permissions_and_the_page_alone_has_one() {
    let urls = of_type(translated(), "AWS::Lambda::Url");
    let owners: Vec<&str> = urls.iter().map(|url| url.id).collect();
    assert_eq!(owners, ["DeskFunctionUrl"]);
    for url in urls {
        assert_eq!(url.property("AuthType"), "NONE", "{}", url.id);
        let public: Vec<_> = public_permissions()
            .into_iter()
            .filter(|permission| {
                permission.property("FunctionName") == url.property("TargetFunctionArn")
            })
            .collect();
        let of_the_url = |action: &str, limit: &str, value: Value| {
            public.iter().any(|permission| {
                permission.property("Action") == action && *permission.property(limit) == value
            })
        };
        let by_url = of_the_url(
            "lambda:InvokeFunctionUrl",
            "FunctionUrlAuthType",
            "NONE".into(),
        );
        let by_url_alone = of_the_url(
            "lambda:InvokeFunction",
            "InvokedViaFunctionUrl",
            true.into(),
        );
        assert!(by_url, "{}: lambda:InvokeFunctionUrl", url.id);
        assert!(by_url_alone, "{}: lambda:InvokeFunction", url.id);
        assert_eq!(public.len(), 2, "{}", url.id);
    }
}

#[test]
#[ignore = "needs the SAM CLI: make test"]
fn who_calls_a_function_otherwise_is_one_rule_of_this_stack() {
    let rules: BTreeSet<&str> = of_type(translated(), "AWS::Events::Rule")
        .into_iter()
        .map(|rule| rule.id)
        .collect();
    let public: Vec<&str> = public_permissions()
        .into_iter()
        .map(|permission| permission.id)
        .collect();
    assert_eq!(public.len(), 2, "those of the URL: {public:?}");
    let permissions = of_type(translated(), "AWS::Lambda::Permission");
    assert_eq!(permissions.len() - public.len(), rules.len());
    let others = permissions.iter().filter(|one| !public.contains(&one.id));
    expect_none(others.filter_map(|permission| {
        let sources = references(permission.property("SourceArn"));
        let narrow = sources.len() == 1
            && sources.iter().all(|source| rules.contains(source.as_str()))
            && permission.property("Principal") == "events.amazonaws.com"
            && permission.property("Action") == "lambda:InvokeFunction";
        (!narrow).then(|| format!("{}: {}", permission.id, permission.body))
    }));
}

/// What it adds to the role of a function that may be in a VPC.
const ADDED_IN_VPC: &str = "service-role/AWSLambdaVPCAccessExecutionRole";

/// The template says so at its head, and the README to whom it concerns.
#[test]
#[ignore = "needs the SAM CLI: make test"]
fn sam_adds_two_policies_to_each_functions_role_a_third_in_a_vpc_and_none_elsewhere() {
    let template = template();
    let of_functions: BTreeMap<String, BTreeSet<&str>> = functions(&template)
        .into_values()
        .map(|function| {
            let in_vpc = !function.property("VpcConfig").is_null();
            let added = ADDED.into_iter().chain(in_vpc.then_some(ADDED_IN_VPC));
            (format!("{}Role", function.id), added.collect())
        })
        .collect();
    let roles = of_type(translated(), "AWS::IAM::Role");
    let named: BTreeSet<String> = roles.iter().map(|role| role.id.to_owned()).collect();
    assert!(
        of_functions.keys().all(|role| named.contains(role)),
        "{named:?}"
    );
    expect_none(roles.iter().filter_map(|role| {
        let expected = of_functions.get(role.id).cloned().unwrap_or_default();
        let found = managed_policies(role);
        (found != expected).then(|| format!("{}: {found:?}", role.id))
    }));
    let elsewhere = ["AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"].into_iter();
    let elsewhere = elsewhere.flat_map(|kind| of_type(translated(), kind));
    // Whoever sets up a build server, or people's roles, attaches them; nothing here has them.
    let for_others = |policy: &Resource<'_>| {
        let attached = ["Roles", "Users", "Groups"].map(|to| policy.property(to));
        ["ReleaserPolicy", "PreviewerPolicy", "OperatorPolicy"].contains(&policy.id)
            && attached.iter().all(|to| to.is_null())
    };
    expect_none(
        elsewhere
            .filter(|policy| !for_others(policy))
            .map(|policy| policy.id.to_owned()),
    );
}

/// The names of AWS's own policies that a role holds; anything else as it stands.
fn managed_policies<'a>(role: &Resource<'a>) -> BTreeSet<&'a str> {
    list(role.property("ManagedPolicyArns"))
        .into_iter()
        .map(|arn| {
            let arn = arn.as_str().unwrap_or("not a plain ARN");
            arn.split_once(":aws:policy/").map_or(arn, |(_, name)| name)
        })
        .collect()
}

/// The permissions that everybody has.
fn public_permissions() -> Vec<Resource<'static>> {
    of_type(translated(), "AWS::Lambda::Permission")
        .into_iter()
        .filter(|permission| permission.property("Principal") == "*")
        .collect()
}
