use std::collections::BTreeMap;

use jiff::Timestamp;

use super::*;
use crate::digest::Digest;
use crate::journal::Published;
use crate::manifest::LONGEST_VERSION;
use crate::promotion::BundleRef;

const ARN: &str = "arn:aws:lambda:eu-west-1:123456789012:function:shop-api";

fn id(version: &str) -> PromotionId {
    format!("shop/prod/{version}/1").parse().expect("an id")
}

fn ended(outcome: Option<Outcome>) -> Promotion {
    Promotion {
        id: id("1.1.0"),
        bundle: BundleRef {
            bucket: "artifacts".into(),
            key: "shop/1.1.0/release.json".into(),
            version_id: "v".into(),
            digest: Digest::of(b""),
        },
        execution_arn: "arn:execution".into(),
        opened_at: Timestamp::UNIX_EPOCH,
        outcome,
        reason: None,
        closed_at: None,
    }
}

/// It was on version 1 and gets 2.
fn versions() -> Versions {
    let published = Published {
        name: "shop-api".into(),
        arn: ARN.into(),
        alias: "live".into(),
        version: "2".into(),
        stable: Some("1".into()),
        revision: None,
        changed: true,
    };
    BTreeMap::from([("api".to_owned(), published)])
}

fn target(more: &str) -> Target {
    let json = format!(r#"{{"name": "shop-api"{more}}}"#);
    serde_json::from_str(&json).expect("a target")
}

fn standing(version: &str, stack: Option<&str>, left: Option<&str>) -> Standing {
    let left = left.map(|on| Left {
        by: id("1.1.0"),
        on: on.to_owned(),
    });
    Standing {
        alias: Some(Alias {
            routing: Routing::only(version),
            revision: "r".into(),
            description: Some(sign(&id("1.1.0"), Deed::Step(100.0, Generation(0)))),
        }),
        stack: stack.map(str::to_owned),
        left,
    }
}

#[test]
fn a_signature_names_its_promotion_and_other_descriptions_name_none() {
    let cases = [
        (
            Deed::Step(12.5, Generation(3)),
            "step 12.5 generation 3",
            false,
        ),
        (
            Deed::RolledBack(Generation(4)),
            "rolled back generation 4",
            true,
        ),
        (Deed::TakenBack, "taken back directly", true),
    ];
    for (deed, text, is_back) in cases {
        let signed = sign(&id("1.1.0"), deed);
        assert_eq!(signed, format!("sluice shop/prod/1.1.0/1 {text}"));
        let promotion = id("1.1.0");
        let expected = Signature { promotion, is_back };
        assert_eq!(signature(&signed), Some(expected));
    }
    for foreign in [
        "",
        "sluice",
        "sluice is great",
        "moved by hand",
        "shop/prod/1.1.0/1",
    ] {
        assert_eq!(signature(foreign), None, "{foreign}");
    }
}

fn longest_id(version: usize) -> PromotionId {
    let version = format!("1.0.0-{}", "x".repeat(version - "1.0.0-".len()));
    let place = format!("{}/{}", "a".repeat(32), "e".repeat(32));
    let id = format!("{place}/{version}/{}", u32::MAX);
    id.parse().expect("an id")
}

#[test]
fn the_longest_names_that_documents_allow_are_signed_in_full() {
    let id = longest_id(LONGEST_VERSION);
    let deeds = [
        (Deed::Step(100.0 / 3.0, Generation(u64::MAX)), false),
        (Deed::RolledBack(Generation(u64::MAX)), true),
        (Deed::TakenBack, true),
    ];
    for (deed, is_back) in deeds {
        let signed = sign(&id, deed);
        assert_eq!(signed, format!("sluice {id} {deed}"));
        assert!(signed.len() <= 256, "{}: {signed}", signed.len());
        let promotion = id.clone();
        let expected = Signature { promotion, is_back };
        assert_eq!(signature(&signed), Some(expected));
    }
}

#[test]
fn a_signature_is_never_longer_than_lambda_takes_and_never_names_another_promotion() {
    let deeds = [
        (Deed::Step(f64::MIN_POSITIVE, Generation(u64::MAX)), false),
        (Deed::RolledBack(Generation(u64::MAX)), true),
        (Deed::TakenBack, true),
    ];
    for length in 7..400 {
        let id = longest_id(length);
        for (deed, is_back) in deeds {
            let signed = sign(&id, deed);
            assert!(signed.len() <= 256, "{}: {signed}", signed.len());
            let promotion = id.clone();
            let expected = Signature { promotion, is_back };
            let read = signature(&signed);
            assert!(read.is_none() || read == Some(expected), "{signed}");
        }
    }
    let brief = sign(&id("1.1.0"), deeds[0].0);
    assert_eq!(brief, "sluice shop/prod/1.1.0/1 step");
}

#[test]
fn who_moved_an_alias_is_told_as_far_as_its_description_tells() {
    let own = id("1.2.0");
    let signed = |version| sign(&id(version), Deed::Step(50.0, Generation(0)));
    let other = mover(Some(&signed("1.3.0")), &own);
    assert!(
        other.starts_with("promotion shop/prod/1.3.0/1 of Sluice"),
        "{other}"
    );
    assert!(mover(Some(&signed("1.2.0")), &own).contains("not Sluice"));
    let back = mover(Some(&sign(&own, Deed::TakenBack)), &own);
    assert!(back.contains("took this promotion back"), "{back}");
    assert!(mover(Some("hot fix"), &own).contains("`hot fix`"));
    for nothing in [None, Some("")] {
        assert!(mover(nothing, &own).contains("no description"));
    }
}

#[test]
fn a_promotion_leaves_an_alias_on_its_version_or_where_it_was_rolled_back_to() {
    let on = |outcome, is_back| {
        let left = left(&ended(outcome), is_back, &versions(), (ARN, "live"));
        left.map(|left| left.on)
    };
    assert_eq!(on(Some(Outcome::Promoted), false).as_deref(), Some("2"));
    let taken_back = on(Some(Outcome::Promoted), true);
    assert_eq!(
        taken_back.as_deref(),
        Some("1"),
        "directly, after it committed"
    );
    assert_eq!(on(Some(Outcome::RolledBack), true).as_deref(), Some("1"));
    for neither in [None, Some(Outcome::Stranded), Some(Outcome::Refused)] {
        assert_eq!(on(neither, false), None, "{neither:?}");
    }
    let promoted = ended(Some(Outcome::Promoted));
    for other in [(ARN, "blue"), ("arn:other", "live")] {
        assert_eq!(left(&promoted, false, &versions(), other), None);
    }
}

#[test]
fn an_alias_that_sluice_never_had_is_adopted_as_it_stands() {
    assert_eq!(check(&target(""), &standing("7", None, None)), Ok(()));
    assert_eq!(check(&target(""), &Standing::default()), Ok(()));
}

#[test]
fn an_alias_is_sluices_where_sluice_left_it() {
    assert_eq!(check(&target(""), &standing("2", None, Some("2"))), Ok(()));
}

#[test]
fn an_alias_that_was_moved_since_is_refused_with_both_versions_and_how_to_go_on() {
    let moved = standing("5", None, Some("2"));
    let error = check(&target(""), &moved)
        .expect_err("it drifted")
        .to_string();
    for told in [
        "live of shop-api is on version 5",
        "shop/prod/1.1.0/1 left it on version 2",
        "not Sluice",
        "`\"adopt\": \"5\"`",
        "docs/handover.md",
    ] {
        assert!(error.contains(told), "{error}");
    }
}

#[test]
fn who_took_a_promotion_back_is_not_taken_for_who_moved_the_alias_afterwards() {
    let mut moved = standing("5", None, Some("1"));
    if let Some(alias) = &mut moved.alias {
        alias.description = Some(sign(&id("1.1.0"), Deed::RolledBack(Generation(1))));
    }
    let error = check(&target(""), &moved).expect_err("it drifted");
    let error = error.to_string();
    assert!(error.contains("left it on version 1"), "{error}");
    assert!(error.contains("so not Sluice"), "{error}");
    assert!(!error.contains("took this promotion back"), "{error}");
}

#[test]
fn a_version_is_adopted_by_its_number_alone() {
    let moved = standing("5", None, Some("2"));
    assert_eq!(check(&target(r#", "adopt": "5""#), &moved), Ok(()));
    assert!(check(&target(r#", "adopt": "4""#), &moved).is_err());
}

#[test]
fn an_alias_of_a_stack_is_refused_unless_the_settings_name_that_stack() {
    let owned = standing("2", Some("shop"), Some("2"));
    let error = check(&target(""), &owned).expect_err("a stack owns it");
    assert!(error.to_string().contains("stack shop"), "{error}");
    assert!(
        error.to_string().contains("`\"stack\": \"shop\"`"),
        "{error}"
    );
    assert!(check(&target(r#", "stack": "other""#), &owned).is_err());
    assert_eq!(check(&target(r#", "stack": "shop""#), &owned), Ok(()));
}

#[test]
fn a_stack_that_may_own_an_alias_may_still_not_move_it() {
    let moved = standing("5", Some("shop"), Some("2"));
    let refused = check(&target(r#", "stack": "shop""#), &moved);
    assert!(matches!(refused, Err(NotOurs::Drifted(_))), "{refused:?}");
}
