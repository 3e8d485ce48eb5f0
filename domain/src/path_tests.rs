use serde_json::{Value, json};

use super::*;
use crate::document::Document as _;

fn path(places: &[(&str, Value)]) -> Vec<Place> {
    let place = |(environment, entry): &(&str, Value)| Place {
        environment: (*environment).to_owned(),
        entry: serde_json::from_value(entry.clone()).expect("rules"),
        may: May::default(),
    };
    places.iter().map(place).collect()
}

fn manifest(version: &str, branch: &str) -> Manifest {
    let manifest = json!({
        "schema": 1, "application": "shop", "version": version, "branch": branch,
        "commit": "0123456789012345678901234567890123456789",
        "author": {"name": "Ada", "email": "ada@example.com"},
        "functions": {"api": {"zip": {"key": "api.zip", "digest": Digest::of(b"api")}}},
    });
    Manifest::parse("release.json", manifest.to_string().as_bytes()).expect("a manifest")
}

fn begins(by_hand: bool) -> Beginner<'static> {
    Beginner {
        principal: None,
        by_hand,
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a time")
}

/// A version's bundle has its version's digest.
fn digest(version: &str) -> Digest {
    Digest::of(version.as_bytes())
}

/// What was promoted where, at these seconds.
fn promoted(facts: &[(&str, &str, i64)]) -> Vec<Promotion> {
    let promotion = |(attempt, (environment, version, second)): (usize, &(&str, &str, i64))| {
        let bundle =
            json!({"bucket": "b", "key": "k", "version_id": "v", "digest": digest(version)});
        let promotion = json!({
            "id": format!("shop/{environment}/{version}/{}", attempt + 1), "bundle": bundle,
            "execution_arn": "arn", "opened_at": at(0), "outcome": "promoted", "closed_at": at(*second),
        });
        serde_json::from_value(promotion).expect("a promotion")
    };
    facts.iter().enumerate().map(promotion).collect()
}

fn done_at(facts: &[(&str, &str, i64)], version: &str) -> Result<Timestamp, NotYet> {
    Soak {
        before: "staging",
        version: &version.parse().expect("a version"),
        digest: &digest(version),
        seconds: 100,
    }
    .done_at(&promoted(facts))
}

#[test]
fn a_release_goes_by_itself_up_to_the_first_environment_that_a_person_begins() {
    let by_hand = json!({"start": "manual"});
    let path = path(&[
        ("dev", json!({})),
        ("staging", json!({})),
        ("eu", by_hand.clone()),
        ("us", json!({})),
        ("prod", by_hand),
    ]);
    let build = manifest("1.0.0", "main");
    let ends = |environment: &str| {
        Some(Ends::ByHand {
            environment: environment.to_owned(),
        })
    };
    let found = route(&path, 0, begins(false), &build).expect("a route");
    assert_eq!(found.environments, ["dev", "staging"]);
    assert_eq!(found.ends, ends("eu"));

    let found = route(&path, 2, begins(true), &build).expect("a route");
    assert_eq!(found.environments, ["eu", "us"]);
    assert_eq!(found.ends, ends("prod"));

    let found = route(&path, 4, begins(true), &build).expect("a route");
    assert_eq!(
        (found.environments, found.ends),
        (vec!["prod".to_owned()], None)
    );

    let found = route(&path, 2, begins(false), &build).expect("a route");
    assert!(found.environments.is_empty(), "{found:?}");
}

#[test]
fn a_release_ends_before_an_environment_that_does_not_take_it_and_is_refused_by_the_first() {
    let path = path(&[
        ("dev", json!({})),
        ("staging", json!({"branches": ["main"]})),
        ("prod", json!({})),
    ]);
    let found = route(&path, 0, begins(false), &manifest("1.0.0", "feature")).expect("a route");
    assert_eq!(found.environments, ["dev"]);
    assert!(
        matches!(found.ends, Some(Ends::NotAdmitted(_))),
        "{found:?}"
    );

    let candidate = manifest("1.0.0-rc.1", "main");
    let found = route(&path, 0, begins(false), &candidate).expect("a route");
    assert_eq!(found.environments, ["dev", "staging"]);

    for by_hand in [false, true] {
        assert!(route(&path, 1, begins(by_hand), &manifest("1.0.0", "feature")).is_err());
        assert!(route(&path, 2, begins(by_hand), &candidate).is_err());
    }
}

#[test]
fn a_release_ends_before_the_first_environment_that_who_began_it_may_not_start() {
    let mut path = path(&[
        ("dev", json!({})),
        ("staging", json!({})),
        ("prod", json!({})),
    ]);
    path[1].may.start = Some(vec!["s3:*".to_owned()]);
    path[2].may.start = Some(vec!["arn:aws:sts::*:assumed-role/managers/*".to_owned()]);
    let build = manifest("1.0.0", "main");
    let upload = Principal::uploader(Some("123456789012"));
    let ada = "arn:aws:sts::123456789012:assumed-role/managers/ada";
    let ada = Principal::of_arn(ada).expect("a caller");
    let by = |principal, by_hand| Beginner { principal, by_hand };

    let found = route(&path, 0, by(Some(&upload), false), &build).expect("a route");
    assert_eq!(found.environments, ["dev", "staging"]);
    let Some(Ends::NotAllowed(refusal)) = found.ends else {
        panic!("{found:?}");
    };
    let said = refusal.to_string();
    assert!(
        said.contains("s3:123456789012 may not start a promotion into prod"),
        "{said}"
    );

    let found = route(&path, 2, by(Some(&ada), true), &build).expect("a route");
    assert_eq!(found.environments, ["prod"]);
    for nobody in [by(Some(&upload), true), by(None, true), by(None, false)] {
        let refused = route(&path, 2, nobody, &build).expect_err("refused");
        assert!(matches!(refused, Barred::NotAllowed(_)), "{refused}");
    }
    let found = route(&path, 0, by(None, true), &build).expect("a route");
    assert_eq!(found.environments, ["dev"]);
    path[2].entry.start = Start::Manual;
    let held = route(&path, 2, by(Some(&upload), false), &build).expect("a person begins it");
    assert!(matches!(held.ends, Some(Ends::ByHand { .. })), "{held:?}");
}

#[test]
fn a_release_soaks_from_its_promotions_end_on() {
    assert_eq!(done_at(&[("staging", "1.0.0", 50)], "1.0.0"), Ok(at(150)));
}

#[test]
fn what_the_environment_before_never_had_is_refused_with_what_stands_there() {
    for facts in [
        &[][..],
        &[("dev", "1.0.0", 50)],
        &[("staging", "0.9.0", 50)],
    ] {
        let refusal = done_at(facts, "1.0.0").expect_err("refused");
        assert!(matches!(refusal, NotYet::NotPromoted { .. }), "{refusal}");
    }
    let refusal = done_at(&[("staging", "0.9.0", 50)], "1.0.0").expect_err("refused");
    let refusal = refusal.to_string();
    assert!(
        refusal
            .contains("staging has not promoted this bundle of 1.0.0: found shop/staging/0.9.0/1"),
        "{refusal}"
    );
}

#[test]
fn another_bundle_of_the_same_version_does_not_count() {
    let mut promotions = promoted(&[("staging", "1.0.0", 50)]);
    promotions[0].bundle.digest = digest("another");
    let soak = Soak {
        before: "staging",
        version: &Version::new(1, 0, 0),
        digest: &digest("1.0.0"),
        seconds: 0,
    };
    assert!(soak.done_at(&promotions).is_err());
}

#[test]
fn only_promotions_that_promoted_count() {
    let mut promotions = promoted(&[("staging", "1.0.0", 50)]);
    for outcome in [None, Some(Outcome::RolledBack), Some(Outcome::Stranded)] {
        promotions[0].outcome = outcome;
        assert!(stays(&promotions, "staging").is_empty());
    }
}

#[test]
fn a_rollback_in_the_environment_before_voids_the_time_until_it_is_promoted_there_again() {
    let mut facts = vec![
        ("staging", "0.9.0", 0),
        ("staging", "1.0.0", 10),
        ("staging", "0.9.0", 500),
    ];
    let refusal = done_at(&facts, "1.0.0").expect_err("refused");
    assert!(matches!(refusal, NotYet::TakenBack { .. }), "{refusal}");
    assert!(
        refusal.to_string().contains("shop/staging/0.9.0/3"),
        "{refusal}"
    );

    facts.push(("staging", "1.0.0", 600));
    assert_eq!(done_at(&facts, "1.0.0"), Ok(at(700)));
}

#[test]
fn a_newer_version_that_took_its_place_leaves_it_the_time_that_it_had() {
    let facts = [("staging", "1.0.0", 10), ("staging", "1.1.0", 110)];
    assert_eq!(done_at(&facts, "1.0.0"), Ok(at(110)));
    let facts = [("staging", "1.0.0", 10), ("staging", "1.1.0", 109)];
    let refusal = done_at(&facts, "1.0.0").expect_err("refused").to_string();
    for part in ["for 99 s when shop/staging/1.1.0/2", "expected 100 s"] {
        assert!(refusal.contains(part), "{part}: {refusal}");
    }
}

#[test]
fn of_several_stays_one_that_was_long_enough_will_do() {
    let facts = [
        ("staging", "1.0.0", 0),
        ("staging", "1.1.0", 200),
        ("staging", "1.0.0", 300),
        ("staging", "1.1.0", 310),
    ];
    assert_eq!(done_at(&facts, "1.0.0"), Ok(at(100)));
}

#[test]
fn the_same_bundle_promoted_once_more_goes_on_soaking() {
    let facts = [("staging", "1.0.0", 10), ("staging", "1.0.0", 90)];
    assert_eq!(done_at(&facts, "1.0.0"), Ok(at(110)));
}

#[test]
fn a_rollback_past_a_newer_version_voids_what_that_one_replaced_too() {
    let facts = [
        ("staging", "1.2.0", 10),
        ("staging", "1.3.0", 500),
        ("staging", "1.1.0", 600),
    ];
    assert!(matches!(
        done_at(&facts, "1.2.0"),
        Err(NotYet::TakenBack { by, .. }) if by.version.to_string() == "1.1.0"
    ));
    assert_eq!(done_at(&facts[..2], "1.2.0"), Ok(at(110)));
}

#[test]
fn a_bundle_was_promoted_only_where_a_promotion_of_it_ended_so() {
    let mut promotions = promoted(&[("prod", "1.0.0", 10), ("prod", "1.1.0", 20)]);
    let was = |promotions: &[Promotion], environment, version| {
        was_promoted(promotions, environment, &digest(version))
    };
    assert!(was(&promotions, "prod", "1.0.0"));
    assert!(was(&promotions, "prod", "1.1.0"));
    assert!(!was(&promotions, "staging", "1.0.0"));
    assert!(!was(&promotions, "prod", "1.2.0"));
    for outcome in [None, Some(Outcome::RolledBack), Some(Outcome::Refused)] {
        promotions[0].outcome = outcome;
        assert!(!was(&promotions, "prod", "1.0.0"), "{outcome:?}");
    }
}
