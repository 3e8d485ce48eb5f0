use std::collections::BTreeMap;

use jiff::SignedDuration;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::removal::{EXPIRY, Fate, fate, places};
use super::*;
use crate::alias::{Alias, Routing};
use crate::document::Document as _;
use crate::journal::Journal;
use crate::settings::QueuePolicy;

fn settings(value: &Value) -> Settings {
    Settings::parse("/sluice/shop/dev", value.to_string().as_bytes()).expect("valid")
}

fn refused(value: &Value) -> String {
    let error = Settings::parse("/sluice/shop/dev", value.to_string().as_bytes());
    error.expect_err("must be refused").to_string()
}

fn minimal() -> Value {
    json!({"schema": 1, "order": 1, "functions": {"api": {"name": "shop-api"}}, "preview": {}})
}

/// Everything that settings may say beside their functions, each in a few ways.
fn parts() -> Vec<(&'static str, Vec<Value>)> {
    let approval = json!({"approvers": [{"name": "ada", "email": "ada@example.com", "totp_parameter": "/c/ada"}]});
    let pause = json!([{"weight": 5, "bake_seconds": 600, "then": "pause"}, {"weight": 100, "bake_seconds": 600}]);
    let suite = json!([{"name": "e2e", "stage": "live", "function": "shop-e2e"}]);
    let probe = json!({"period_seconds": 300, "probes": [{"name": "up", "url": "https://shop.example.com/up"}]});
    let guards = json!({"alarms": ["checkout-down"], "incident_parameter": "/sluice-incidents/shop",
        "error_budget": {"objective": 0.999}});
    vec![
        (
            "role",
            vec![
                json!({"arn": "arn:aws:iam::123456789012:role/sluice-managed-dev", "external_id": "x", "region": "eu-north-1"}),
            ],
        ),
        (
            "entry",
            vec![json!({"start": "manual", "branches": ["main"], "soak_seconds": 60})],
        ),
        (
            "steps",
            vec![
                json!("careful"),
                json!({"exponential": {"from": 1, "factor": 3, "bake_seconds": 600}}),
                pause,
            ],
        ),
        (
            "judge",
            vec![json!({"period_seconds": 60, "min_invocations": 7}), probe],
        ),
        ("warm_up", vec![json!({"invocations": 3})]),
        ("keep_versions", vec![json!(2), json!(null)]),
        ("suites", vec![suite]),
        ("approval", vec![approval]),
        (
            "channels",
            vec![json!({"topic_arn": "arn:aws:sns:eu-west-1:123456789012:shop"})],
        ),
        ("queue", vec![json!("refuse"), json!("wait")]),
        ("longest_wait_seconds", vec![json!(0)]),
        ("guards", vec![guards]),
        ("frozen", vec![json!({"by": "ada", "reason": "the fair"})]),
    ]
}

prop_compose! {
    /// Valid settings that take previews: any choice of the parts, and functions that
    /// say all that functions can.
    fn documents()(
        chosen in prop::collection::vec(0_usize..4, parts().len()),
        functions in prop::collection::btree_map("[a-z][a-z0-9-]{0,20}", "[a-zA-Z0-9_-]{1,40}", 1..6),
        says_all in any::<bool>(),
        ttl_seconds in TTLS.0..=TTLS.1,
    ) -> Value {
        let mut document = minimal();
        for ((name, values), choice) in parts().into_iter().zip(chosen) {
            if let Some(value) = values.get(choice) {
                document[name] = value.clone();
            }
        }
        let functions = functions.into_iter().enumerate().map(|(index, (name, function))| {
            let mut target = json!({"name": format!("{function}-{index}")});
            if says_all {
                target["alias"] = json!("live");
                target["adopt"] = json!("7");
                target["stack"] = json!("shop");
                target["warm_up"] = json!({"invocations": 2});
            }
            (name, target)
        });
        document["functions"] = Value::Object(functions.collect());
        document["preview"] = json!({"ttl_seconds": ttl_seconds});
        if document["steps"].is_array() {
            // Whoever pauses holds for a day: looks have to fit into an execution.
            document["judge"] = json!({"period_seconds": 300});
        }
        document
    }
}

proptest! {
    #[test]
    fn every_environment_that_takes_previews_derives_one_that_only_touches_its_own_aliases(
        document in documents(),
        number in 1_u32..,
        second in 0_i64..4_000_000_000,
    ) {
        let base = settings(&document);
        let name = format!("pr-{number}");
        let rules = base.preview.as_ref().expect("it takes previews");
        let now = Timestamp::from_second(second).expect("a time");
        let wanted = Wanted { name: &name, base: "dev", rules, branch: Some("feature/lamp") };
        let derived = derive(wanted, &base, now);

        let written = serde_json::to_string(&derived).expect("JSON");
        let read = Settings::parse("/sluice/shop/pr", written.as_bytes()).expect("valid");
        prop_assert_eq!(&read, &derived);
        prop_assert!(derived.functions.values().all(|target| target.alias == name));
        let names = |settings: &Settings| {
            settings.functions.values().map(|target| target.name.clone()).collect::<Vec<_>>()
        };
        prop_assert_eq!(names(&derived), names(&base));
        prop_assert!(derived.approval.is_none() && derived.codedeploy.is_none() && derived.windows.is_empty());
        prop_assert!(derived.steps.len() == 1 && derived.steps[0].weight >= 100.0);
        prop_assert_eq!(derived.steps[0].bake_seconds, 0);
        prop_assert_eq!(&derived.evidence, &base.evidence);
        prop_assert_eq!(&derived.suites, &base.suites);
        prop_assert_eq!(&derived.guards.alarms, &base.guards.alarms);
        prop_assert_eq!(&derived.role, &base.role);
        prop_assert_eq!(&derived.frozen, &base.frozen);
        prop_assert_eq!(derived.queue, QueuePolicy::Supersede);
        let preview = derived.preview_of.expect("it is a preview");
        let stays = preview.expires_at.duration_since(now);
        prop_assert_eq!(stays, SignedDuration::from_secs(rules.ttl_seconds.try_into().expect("seconds")));
        prop_assert_eq!(preview.branch.as_deref(), Some("feature/lamp"));
    }
}

#[test]
fn codedeploy_and_windows_are_left_behind() {
    let mut document = minimal();
    let group = json!({"application": "shop", "deployment_group": "shop-api"});
    document["codedeploy"] = json!({"functions": {"api": group}});
    document["windows"] = json!([{"kind": "freeze", "starts": "2026-12-24T00:00", "lasts": "P3D", "time_zone": "Europe/Berlin", "reason": "feast"}]);
    let base = settings(&document);
    let rules = base.preview.as_ref().expect("rules");
    let wanted = Wanted {
        name: "pr-7",
        base: "dev",
        rules,
        branch: None,
    };
    let derived = derive(wanted, &base, Timestamp::UNIX_EPOCH);
    let written = serde_json::to_string(&derived).expect("JSON");
    let read = Settings::parse("/x", written.as_bytes()).expect("valid");
    assert!(read.codedeploy.is_none() && read.windows.is_empty());
}

#[test]
fn a_preview_has_the_name_of_a_request_and_no_other() {
    for name in [
        "pr-1",
        "pr-123",
        "pr-a-b",
        &format!("pr-{}", "9".repeat(29)),
    ] {
        assert!(is_name(name), "{name}");
    }
    for name in [
        "pr-",
        "pr",
        "PR-1",
        "pr-1/2",
        "pr-ä",
        "dev",
        "",
        &format!("pr-{}", "9".repeat(30)),
    ] {
        assert!(!is_name(name), "{name}");
    }
}

#[test]
fn a_manifest_of_a_preview_has_a_version_that_no_release_would_take() {
    let problems = |preview: &str, version: &str| {
        let mut problems = Vec::new();
        let preview = Some(preview).filter(|preview| !preview.is_empty());
        check_manifest(preview, &version.parse().expect("a version"), &mut problems);
        problems
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("; ")
    };
    assert_eq!(problems("pr-123", "1.4.0-pr-123.7"), "");
    assert_eq!(problems("pr-123", "1.4.0-pr-123"), "");
    for version in ["1.4.0", "1.4.0-rc.1", "1.4.0-pr-12.7", "1.4.0-rc.pr-123"] {
        let found = problems("pr-123", version);
        let expected = "expected a pre-release of it, such as 1.4.0-pr-123.1";
        assert!(
            found.contains(version) && found.contains(expected),
            "{found}"
        );
    }
    assert_eq!(problems("", "1.4.0-rc.1"), "");
    for version in ["1.4.0-pr-123.7", "1.4.0-rc-pr-1", "1.4.0+x-pr-1"] {
        let found = problems("", version);
        assert!(found.contains("without `preview`"), "{found}");
    }
    let found = problems("main", "1.4.0-main.1");
    assert!(
        found.contains("preview: found `main`; expected `pr-`"),
        "{found}"
    );
}

#[test]
fn a_preview_has_no_previews_and_its_makers_take_no_names_of_previews() {
    let mut both = minimal();
    both["preview_of"] = json!({"environment": "dev", "expires_at": "2026-11-22T00:00:00Z"});
    assert!(refused(&both).contains("a preview has no previews"));
    let mut alias = minimal();
    alias["functions"]["api"]["alias"] = json!("pr-7");
    assert!(refused(&alias).contains("functions.api.alias: found `pr-7`"));
    let mut live = both;
    live.as_object_mut().expect("an object").remove("preview");
    assert!(
        refused(&live)
            .contains("functions.api.alias: found `live`; expected the name of the preview")
    );
    let mut short = minimal();
    short["preview"] = json!({"ttl_seconds": 59, "branches": ["refs/heads/main"]});
    let found = refused(&short);
    assert!(
        found.contains("preview.ttl_seconds: found 59") && found.contains("preview.branches[0]"),
        "{found}"
    );
}

#[test]
fn branches_that_do_not_fit_are_refused_with_what_would() {
    let manifest = |branch: Option<&str>| {
        let mut value = json!({"schema": 1, "application": "shop", "version": "1.0.0-pr-1.1", "commit": "a".repeat(40),
            "author": {"name": "Ada", "email": "ada@example.com"}, "preview": "pr-1",
            "functions": {"api": {"zip": {"key": "a.zip", "digest": crate::digest::Digest::of(b"")}}}});
        value["branch"] = json!(branch);
        Manifest::parse("release.json", value.to_string().as_bytes()).expect("valid")
    };
    let rules = PreviewRules {
        branches: vec!["feature/*".to_owned()],
        ttl_seconds: 60,
    };
    rules
        .admit("dev", &manifest(Some("feature/lamp")))
        .expect("it fits");
    let error = rules.admit("dev", &manifest(None)).expect_err("refused");
    assert_eq!(error.name(), "NotAdmitted");
    assert!(
        error
            .to_string()
            .contains("found no branch; expected one that fits `feature/*`"),
        "{error}"
    );
    let any = PreviewRules {
        branches: Vec::new(),
        ..rules
    };
    any.admit("dev", &manifest(None)).expect("any may");
}

#[test]
fn previews_live_on_one_environments_functions() {
    let with = settings(&minimal());
    let mut plain = minimal();
    plain.as_object_mut().expect("an object").remove("preview");
    let without = settings(&plain);
    let path = |second: &Settings| {
        vec![
            ("dev".to_owned(), with.clone()),
            ("prod".to_owned(), second.clone()),
        ]
    };
    let only = path(&without);
    assert_eq!(base("shop", &only).expect("one").0, "dev");
    let two = path(&with);
    let error = base("shop", &two).expect_err("two").to_string();
    assert!(
        error.contains("found `dev`, `prod`; expected one environment of shop"),
        "{error}"
    );
    let none = base("shop", &only[1..]).expect_err("none").to_string();
    assert!(none.starts_with("found none"), "{none}");
}

#[test]
fn a_preview_goes_when_it_has_expired_or_its_removal_was_begun() {
    let time = |text: &str| text.parse::<Timestamp>().expect("a time");
    let expires_at = time("2026-11-22T10:00:00Z");
    let mut preview = PreviewOf {
        environment: "dev".to_owned(),
        expires_at,
        branch: None,
        removal: None,
    };
    assert_eq!(preview.due(time("2026-11-22T09:59:59Z")), None);
    let due = preview.due(expires_at).expect("it is time");
    assert_eq!(
        (due.by.as_str(), due.reason.as_str()),
        (EXPIRY, "expired at 2026-11-22T10:00:00Z")
    );
    let begun = Removal {
        by: "ada".to_owned(),
        reason: "merged".to_owned(),
        at: Timestamp::UNIX_EPOCH,
    };
    preview.removal = Some(begun.clone());
    assert_eq!(preview.due(Timestamp::UNIX_EPOCH), Some(begun.clone()));
    assert_eq!(
        preview.due(expires_at),
        Some(begun),
        "who began it and why stays"
    );
}

#[test]
fn only_aliases_that_a_promotion_into_the_preview_signed_are_deleted() {
    let alias = |description: &str| Alias {
        routing: Routing::only("7"),
        revision: "r".to_owned(),
        description: Some(description.to_owned()),
    };
    let of = |description: &str| fate(Some(&alias(description)), "shop", "pr-1");
    assert_eq!(fate(None, "shop", "pr-1"), Fate::Gone);
    let deleted = Fate::Deleted {
        version: "7".to_owned(),
    };
    assert_eq!(
        of("sluice shop/pr-1/1.0.0-pr-1.2/1 step 100 generation 0"),
        deleted
    );
    for other in [
        "",
        "mine",
        "sluice shop/dev/1.0.0/1 step 100 generation 0",
        "sluice toys/pr-1/1.0.0-pr-1.2/1 step 100 generation 0",
    ] {
        assert_eq!(
            of(other),
            Fate::Stays {
                found: other.to_owned()
            }
        );
    }
}

proptest! {
    #[test]
    fn every_alias_that_settings_name_or_promotions_moved_has_one_place(
        named in proptest::collection::btree_set("[a-d]", 1..4),
        moved in proptest::collection::vec(("[a-f]", proptest::bool::ANY, proptest::bool::ANY), 0..8),
    ) {
        let functions: BTreeMap<String, Value> = (named.iter())
            .map(|name| (name.clone(), json!({"name": name, "alias": "pr-7"})))
            .collect();
        let settings = settings(&json!({"schema": 1, "order": 1, "functions": functions}));
        let journals = moved.iter().map(|(name, is_arn, is_elsewhere)| {
            let arn = format!("arn:aws:lambda:eu-west-1:123456789012:function:{name}");
            let function = if *is_arn { &arn } else { name };
            let role = is_elsewhere.then(|| json!({"arn": "arn:aws:iam::210987654321:role/r", "external_id": "e"}));
            let entry = json!({"name": function, "alias": "pr-7", "stable": null, "canary": "2", "revision": null});
            let journal = json!({"functions": {"one": entry}, "role": role, "steps": []});
            serde_json::from_value(journal).expect("a journal")
        });
        let places = places(&settings, &journals.collect::<Vec<Journal>>());
        let here: Vec<String> = places.here.iter().map(ToString::to_string).collect();
        let mut once = here.clone();
        once.sort();
        once.dedup();
        prop_assert_eq!(once.len(), here.len());
        for name in &named {
            let place = format!("{name}:pr-7");
            prop_assert!(here.contains(&place));
        }
        for (name, _, is_elsewhere) in &moved {
            let there = format!("{name}:pr-7 (in 210987654321, Sluice's own region)");
            let is_found = if *is_elsewhere {
                places.elsewhere.contains(&there)
            } else {
                here.contains(&format!("{name}:pr-7"))
            };
            prop_assert!(is_found, "{}", name);
        }
    }
}
