use serde_json::{Value, json};

use super::*;
use crate::digest::Digest;
use crate::document::Document as _;

fn manifest(version: &str, more: &Value) -> Manifest {
    let mut manifest = json!({
        "schema": 1, "application": "shop", "version": version,
        "commit": "0123456789012345678901234567890123456789",
        "author": {"name": "Ada", "email": "ada@example.com"},
        "functions": {"api": {"zip": {"key": "api.zip", "digest": Digest::of(b"api")}}},
    });
    let fields = more.as_object().expect("an object").clone();
    manifest.as_object_mut().expect("an object").extend(fields);
    Manifest::parse("release.json", manifest.to_string().as_bytes()).expect("a manifest")
}

fn rules(rules: &Value) -> EntryRules {
    serde_json::from_value(rules.clone()).expect("rules")
}

#[test]
fn without_rules_any_release_enters_by_itself() {
    let rules = rules(&json!({}));
    assert_eq!(rules.start, Start::Automatic);
    let anything = manifest("1.4.0", &json!({}));
    assert_eq!(rules.admit("prod", true, &anything), Ok(()));
}

#[test]
fn a_build_needs_a_branch_or_a_tag_that_fits() {
    let rules = rules(&json!({"branches": ["main", "release/*"], "tags": ["v*"]}));
    for origin in [
        json!({"branch": "main"}),
        json!({"branch": "release/1.4"}),
        json!({"tag": "v1.4.0"}),
        json!({"branch": "feature/x", "tag": "v1.4.0"}),
    ] {
        let build = manifest("1.4.0", &origin);
        assert_eq!(rules.admit("prod", true, &build), Ok(()), "{origin}");
    }
    for origin in [
        json!({}),
        json!({"branch": "feature/x"}),
        json!({"tag": "1.4.0"}),
    ] {
        let build = manifest("1.4.0", &origin);
        assert!(rules.admit("prod", true, &build).is_err(), "{origin}");
    }
}

#[test]
fn a_refusal_names_the_environment_what_was_found_and_what_was_expected() {
    let rules = rules(&json!({"branches": ["main", "release/*"], "tags": ["v*"]}));
    let build = manifest("1.4.0", &json!({"branch": "feature/x"}));
    let refusal = rules.admit("prod", true, &build).expect_err("refused");
    let refusal = refusal.to_string();
    for part in [
        "prod takes no build of this origin",
        "found branch `feature/x`, no tag",
        "expected a branch that fits `main` or `release/*`, or a tag that fits `v*`",
        "sluice env put",
    ] {
        assert!(refusal.contains(part), "{part}: {refusal}");
    }
}

#[test]
fn pre_releases_stop_before_the_last_environment_unless_it_says_otherwise() {
    let candidate = manifest("1.4.0-rc.1", &json!({}));
    let cases = [
        (json!({}), false, true),
        (json!({}), true, false),
        (json!({"pre_releases": true}), true, true),
        (json!({"pre_releases": false}), false, false),
    ];
    for (written, is_last, enters) in cases {
        let answer = rules(&written).admit("prod", is_last, &candidate);
        assert_eq!(answer.is_ok(), enters, "{written} {is_last}");
    }
    let refusal = rules(&json!({})).admit("prod", true, &candidate);
    let refusal = refusal.expect_err("refused").to_string();
    assert!(
        refusal.contains("found 1.4.0-rc.1; expected a version such as 1.4.0."),
        "{refusal}"
    );
    let built = manifest("1.4.0+build.7", &json!({}));
    assert_eq!(rules(&json!({})).admit("prod", true, &built), Ok(()));
}

#[test]
fn patterns_are_short_names_and_a_soak_is_a_week_at_most() {
    let problems = |written: &Value| {
        let mut problems = Vec::new();
        rules(written).check(&mut problems);
        let problems = problems.iter().map(ToString::to_string);
        problems.collect::<Vec<_>>()
    };
    assert!(problems(&json!({"branches": ["main"], "soak_seconds": 604_800})).is_empty());
    let found = problems(
        &json!({"branches": ["refs/heads/main", ""], "tags": vec!["v*"; 51], "soak_seconds": 604_801}),
    );
    let expected = [
        "entry.branches[0]: found `refs/heads/main`; expected a short name, such as `main` or `v*`",
        "entry.branches[1]: found 0 characters; expected a pattern of 1 to 255",
        "entry.tags: found 51; expected 0 to 50",
        "entry.soak_seconds: found 604801; expected 0 to 604800",
    ];
    assert_eq!(found, expected);
}
