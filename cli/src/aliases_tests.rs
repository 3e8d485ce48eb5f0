use serde_json::json;
use sluice_domain::alias::{Alias, Routing};
use sluice_domain::document::Document as _;
use sluice_domain::owner::Left;

use super::*;
use crate::finding::Level;

fn settings() -> Settings {
    let document = json!({"schema": 1, "order": 1, "functions": {"api": {"name": "shop-api"}}});
    Settings::parse("/sluice/shop/prod", document.to_string().as_bytes()).expect("valid")
}

fn standing(on: &str, stack: Option<&str>) -> Standing {
    Standing {
        alias: Some(Alias {
            routing: Routing::only(on),
            revision: "r".to_owned(),
            description: None,
        }),
        stack: stack.map(str::to_owned),
        left: Some(Left {
            by: "shop/prod/1.1.0/1".parse().expect("an id"),
            on: "2".to_owned(),
        }),
    }
}

fn told(facts: Facts) -> Vec<Finding> {
    findings(&settings(), &BTreeMap::from([("api".to_owned(), facts)]))
}

fn of(standing: Result<(Standing, Stack), String>) -> Finding {
    let facts = Facts {
        standing: Some(standing),
        ..Facts::default()
    };
    told(facts).swap_remove(0)
}

#[test]
fn an_alias_that_a_release_could_not_move_is_a_problem_that_says_why() {
    let moved = of(Ok((standing("5", None), Stack::None)));
    assert_eq!(moved.level, Level::Problem);
    assert!(moved.message.contains("left it on version 2"), "{moved:?}");
    let owned = of(Ok((
        standing("2", Some("shop")),
        Stack::Owns("shop".into()),
    )));
    assert_eq!(owned.level, Level::Problem);
    assert!(owned.message.contains("stack shop"), "{owned:?}");
    let ours = of(Ok((standing("2", None), Stack::None)));
    assert_eq!(ours.level, Level::Ok);
}

#[test]
fn what_can_not_be_told_is_noted_with_the_permission_that_it_takes() {
    let untold = of(Ok((standing("2", None), Stack::Untold("denied".into()))));
    assert_eq!(untold.level, Level::Note);
    assert!(
        untold
            .mend
            .contains("cloudformation:DescribeStackResources"),
        "{untold:?}"
    );
    let unread = of(Err("denied".to_owned()));
    assert_eq!(unread.level, Level::Note);
    assert!(unread.mend.contains("lambda:GetAlias"), "{unread:?}");
    let drifted = of(Ok((standing("5", None), Stack::Untold("denied".into()))));
    assert_eq!(drifted.level, Level::Problem, "drift is seen all the same");
}

#[test]
fn callers_past_the_alias_are_named_with_their_share() {
    let facts = Facts {
        callers: Callers {
            past: vec!["event source arn:queue".to_owned()],
            untold: vec!["lambda:GetPolicy: denied".to_owned()],
        },
        calls: Some((1000.0, 380.0)),
        ..Facts::default()
    };
    let [finding] = told(facts).try_into().expect("one finding");
    assert_eq!(
        (finding.level, finding.subject.as_str()),
        (Level::Note, "callers of api")
    );
    let message = "62.00 % of the last week's calls went past alias live \
        (Sluice's own smoke tests and probes of exact versions among them); \
                   these call shop-api itself, or may: event source arn:queue";
    assert_eq!(finding.message, message);
    assert!(finding.mend.contains("shop-api:live"), "{finding:?}");
}

#[test]
fn a_function_without_calls_or_with_a_few_tests_has_no_callers_to_tell() {
    for calls in [
        None,
        Some((0.0, 0.0)),
        Some((1000.0, 995.0)),
        Some((10.0, 11.0)),
    ] {
        let facts = Facts {
            calls,
            ..Facts::default()
        };
        let [finding] = told(facts).try_into().expect("one finding");
        assert_eq!(finding.level, Level::Ok, "{calls:?}");
    }
}

#[test]
fn callers_that_may_not_be_looked_at_are_noted() {
    let facts = Facts {
        callers: Callers {
            past: Vec::new(),
            untold: vec!["lambda:GetPolicy: denied".to_owned()],
        },
        ..Facts::default()
    };
    let [finding] = told(facts).try_into().expect("one finding");
    assert_eq!(finding.level, Level::Note);
    assert!(finding.mend.contains("lambda:GetPolicy"), "{finding:?}");
}

#[test]
fn an_alias_with_provisioned_concurrency_of_its_own_is_a_problem_that_says_what_to_do() {
    let of = |provisioned| {
        let facts = Facts {
            provisioned,
            ..Facts::default()
        };
        told(facts)
    };
    let refused = of(Some(Ok(true))).remove(0);
    assert_eq!(refused.level, Level::Problem);
    assert!(refused.message.contains("shop-api:live has"), "{refused:?}");
    assert!(refused.mend.contains("AliasProvisioned"), "{refused:?}");
    let untold = of(Some(Err("denied".to_owned()))).remove(0);
    assert_eq!(untold.level, Level::Note);
    assert!(
        untold
            .mend
            .contains("lambda:GetProvisionedConcurrencyConfig"),
        "{untold:?}"
    );
    assert_eq!(of(Some(Ok(false))), of(None));
}
