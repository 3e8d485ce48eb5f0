use proptest::prelude::*;
use sluice_domain::document::Document as _;
use sluice_domain::settings::Settings;

use super::*;
use crate::settings_source::without_comments;

fn function(name: &str, tags: &[(&str, &str)]) -> Function {
    let tags = tags.iter();
    Function {
        name: name.to_owned(),
        runtime: "python3.13".to_owned(),
        tags: tags
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        ..Function::default()
    }
}

/// Environments in order, each with its functions.
fn sorted(functions: Vec<Function>) -> Vec<(String, Vec<String>)> {
    let drafts = Drafts::of("shop", functions).drafts.into_iter();
    drafts
        .map(|draft| (draft.environment, draft.functions.into_keys().collect()))
        .collect()
}

fn expected(all: &[(&str, &[&str])]) -> Vec<(String, Vec<String>)> {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    all.iter()
        .map(|(environment, names)| ((*environment).to_owned(), owned(names)))
        .collect()
}

fn settings(draft: &Draft) -> Settings {
    let page = page(draft, "sluice/prod.jsonc");
    let plain = without_comments(&page).expect("text");
    Settings::parse("the draft", plain.as_bytes()).unwrap_or_else(|error| panic!("{error}\n{page}"))
}

#[test]
fn environments_are_words_in_names_in_the_order_of_releases() {
    let names = [
        "shop-checkout-prod",
        "shop-checkout-dev",
        "staging-shop-catalog",
        "shopCheckoutStaging",
        "shop_prod_catalog",
    ];
    let functions = names.map(|name| function(name, &[])).into();
    let found = sorted(functions);
    let named = [
        ("dev", &["checkout"][..]),
        ("staging", &["catalog", "checkout"]),
        ("prod", &["catalog", "checkout"]),
    ];
    assert_eq!(found, expected(&named));
}

#[test]
fn tags_say_more_than_names() {
    let stage = ("Stage", "EU Live");
    let id = ("aws:cloudformation:logical-id", "CheckoutFunction");
    let functions = vec![
        function("shop-prod-CheckoutFunction-1AbC2dEf", &[stage, id]),
        function("shop-checkout-dev", &[]),
        function("shop-checkout-prod", &[]),
    ];
    let named = [
        ("dev", &["checkout"][..]),
        ("eu-live", &["checkout"]),
        ("prod", &["checkout"]),
    ];
    assert_eq!(sorted(functions), expected(&named));
}

#[test]
fn two_functions_never_share_a_name() {
    let functions = vec![
        function("shop-checkout-prod", &[]),
        function("prod-checkout-shop", &[]),
    ];
    let named = [("prod", &["checkout", "checkout-2"][..])];
    assert_eq!(sorted(functions), expected(&named));
}

#[test]
fn what_no_word_says_the_environment_of_is_told() {
    let drafts = Drafts::of("shop", vec![function("shop-checkout", &[])]);
    assert_eq!(drafts.unplaced, ["shop-checkout"]);
    assert!(drafts.drafts.is_empty());
}

#[test]
fn a_draft_names_the_alias_that_callers_use_and_the_alarms_of_the_last_environment() {
    let mut one = function(
        "shop-checkout-prod",
        &[("aws:cloudformation:stack-name", "shop")],
    );
    one.aliases.insert("current".to_owned(), "7".to_owned());
    one.alarms.push("shop is down".to_owned());
    let drafts = Drafts::of("shop", vec![one]);
    let draft = &drafts.drafts[0];
    let settings = settings(draft);
    assert_eq!(settings.functions["checkout"].alias, "current");
    assert_eq!(settings.judge.alarms[0].name, "shop is down");
    let page = page(draft, "sluice/prod.jsonc");
    for said in [
        "alias current is on version 7",
        "Of stack shop:",
        "// \"approval\"",
    ] {
        assert!(page.contains(said), "no `{said}` in\n{page}");
    }
}

proptest! {
    #[test]
    fn every_draft_is_valid_settings_whatever_the_account_calls_things(
        names in prop::collection::btree_set("[A-Za-z0-9_-]{1,64}", 1..8),
        tag in "\\PC{0,40}",
        alias in "[a-z][a-z0-9_-]{0,20}",
        alarm in "\\PC{1,40}",
    ) {
        let functions = names.iter().map(|name| {
            let mut one = function(name, &[("environment", &tag), ("aws:cloudformation:stack-name", &tag)]);
            one.runtime = tag.clone();
            one.aliases.insert(alias.clone(), tag.clone());
            one.alarms.push(alarm.clone());
            one
        });
        for draft in Drafts::of("shop", functions.collect()).drafts {
            settings(&draft);
        }
    }
}
