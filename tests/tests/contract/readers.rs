//! Who may read which secret, over all statements of all policies: what allows, less what denies.

use std::collections::BTreeSet;

use serde_json::Value;
use sluice_tests::template::{Resource, Statement, resources, statements, template_on_aws};

/// Whoever has it can make up clicks of everybody whom settings know in Slack. The token can
/// write there and no more, and a webhook is another secret below the same path.
#[test]
fn only_desk_may_read_the_secret_that_slack_signs_with() {
    let template = template_on_aws();
    let desk = || "DeskFunction".to_owned();
    let mirror = || "MirrorFunction".to_owned();
    let of_slack = |name: &str| readers(&template, &format!("${{SlackParameters}}/{name}"));
    assert_eq!(of_slack("signing-secret"), BTreeSet::from([desk()]));
    assert_eq!(of_slack("bot-token"), BTreeSet::from([desk(), mirror()]));
    assert_eq!(of_slack("hooks/shop"), BTreeSet::from([mirror()]));
}

/// The resources whose policies let somebody read a parameter, whatever parameters of the
/// template are by default.
fn readers(template: &Value, parameter: &str) -> BTreeSet<String> {
    let arn = "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter";
    let arn = by_default(template, &format!("{arn}{parameter}"));
    let actions = [
        "ssm:GetParameter",
        "ssm:GetParameterHistory",
        "ssm:GetParameters",
        "ssm:GetParametersByPath",
    ];
    let may = |resource: &Resource<'_>| {
        let held = statements(resource.body);
        let says = |statement: &Statement<'_>, action: &str| {
            let is_meant = |pattern: &&str| fits(pattern, action);
            let is_there = |pattern: &&str| fits(&by_default(template, pattern), &arn);
            statement.actions.iter().any(is_meant) && statement.arns().iter().any(is_there)
        };
        actions.iter().any(|action| {
            let mut said = held.iter().filter(|statement| says(statement, action));
            said.clone().any(|statement| statement.allows) && said.all(|statement| statement.allows)
        })
    };
    let all = resources(template).into_values();
    all.filter(may)
        .map(|resource| resource.id.to_owned())
        .collect()
}

/// A text with the defaults of the template's parameters in it.
fn by_default(template: &Value, text: &str) -> String {
    let parameters = template["Parameters"].as_object().into_iter().flatten();
    parameters.fold(text.to_owned(), |text, (name, parameter)| {
        let default = parameter["Default"].as_str().unwrap_or_default();
        text.replace(&format!("${{{name}}}"), default)
    })
}

/// Whether a pattern of IAM's fits a text: `*` is anything, however much.
fn fits(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(text) = text.strip_prefix(start) else {
        return false;
    };
    let mut ends = (0..=text.len()).filter_map(|at| text.get(at..));
    ends.any(|end| fits(rest, end))
}

#[test]
fn what_a_pattern_fits_can_be_told() {
    for pattern in ["a/b", "*", "a/*", "*b", "a*/*b", "a/b*"] {
        assert!(fits(pattern, "a/b"), "{pattern}");
    }
    for pattern in ["a", "a/", "b*", "a/b/*", "*a"] {
        assert!(!fits(pattern, "a/b"), "{pattern}");
    }
}
