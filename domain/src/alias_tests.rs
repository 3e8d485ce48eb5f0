use proptest::prelude::*;

use super::*;

fn entry(stable: Option<&str>) -> Entry {
    Entry {
        deployment: None,
        name: "shop-api".into(),
        alias: "live".into(),
        stable: stable.map(Into::into),
        canary: "2".into(),
        revision: stable.map(|_| "r1".into()),
    }
}

fn alias(version: &str, weights: &[(&str, f64)], revision: &str) -> Alias {
    let weights = weights
        .iter()
        .map(|(version, weight)| ((*version).to_owned(), *weight))
        .collect();
    Alias {
        routing: Routing {
            version: version.into(),
            weights,
        },
        revision: revision.into(),
        description: None,
    }
}

#[test]
fn a_step_keeps_the_stable_version_and_adds_weight_to_the_new_one() {
    let routing = intent(&entry(Some("1")), 10.0).expect("intent");
    assert_eq!(routing, alias("1", &[("2", 0.1)], "").routing);
}

#[test]
fn one_hundred_percent_sets_the_version_and_clears_the_weights() {
    assert_eq!(intent(&entry(Some("1")), 100.0), Some(Routing::only("2")));
}

#[test]
fn a_first_deployment_has_nothing_to_share_before_it_takes_all() {
    assert_eq!(intent(&entry(None), 10.0), None);
    assert_eq!(intent(&entry(None), 100.0), Some(Routing::only("2")));
}

#[test]
fn a_lost_answer_is_recognised_by_what_stands_there() {
    let intent = intent(&entry(Some("1")), 10.0).expect("intent");
    let found = alias("1", &[("2", 0.1)], "somebody-elses");
    assert_eq!(
        forward(&entry(Some("1")), &intent, Some(&found)),
        Forward::Done
    );
}

#[test]
fn a_foreign_change_stops_a_forward_step() {
    let intent = intent(&entry(Some("1")), 10.0).expect("intent");
    let found = alias("7", &[], "r9");
    assert!(matches!(
        forward(&entry(Some("1")), &intent, Some(&found)),
        Forward::Foreign { .. }
    ));
    assert!(matches!(
        forward(&entry(Some("1")), &intent, None),
        Forward::Foreign { found: None }
    ));
}

#[test]
fn rolling_back_leaves_a_single_foreign_version_alone() {
    let Settle::Update {
        routing, foreign, ..
    } = settle(&entry(Some("1")), Some(&alias("7", &[("2", 0.1)], "r")))
    else {
        panic!("an update was expected");
    };
    assert!(foreign);
    assert_eq!(routing, Routing::only("7"));
}

#[test]
fn rolling_back_a_first_deployment_takes_its_alias_away() {
    assert_eq!(
        settle(&entry(None), Some(&alias("2", &[], "r"))),
        Settle::Delete
    );
    assert_eq!(settle(&entry(None), None), Settle::Gone);
}

proptest! {
    #[test]
    fn rolling_back_takes_the_new_version_out_whatever_is_there(
        main in "[1-4]", other in "[1-4]", weight in 0.0..1.0f64, first in any::<bool>()
    ) {
        let entry = entry((!first).then_some("1"));
        let found = alias(&main, &[(other.as_str(), weight)], "r5");
        match settle(&entry, Some(&found)) {
            Settle::Update { routing, revision, foreign } => {
                prop_assert!(!routing.mentions(&entry.canary));
                prop_assert_eq!(revision, "r5");
                prop_assert!(foreign || (routing.is_settled() && Some(routing.version) == entry.stable));
            }
            Settle::Delete => prop_assert!(first && main == "2"),
            Settle::Gone | Settle::Missing => prop_assert!(false, "the alias exists"),
        }
    }

    #[test]
    fn a_forward_step_never_overwrites_what_it_did_not_expect(
        main in "[1-4]", weight in 0.0..1.0f64, revision in "r[0-3]", step in 1.0..100.0f64
    ) {
        let entry = entry(Some("1"));
        let intent = intent(&entry, step).expect("intent");
        let found = alias(&main, &[("2", weight)], &revision);
        if let Forward::Update { revision } = forward(&entry, &intent, Some(&found)) {
            prop_assert_eq!(revision, "r1");
        }
    }
}

#[test]
fn what_had_committed_goes_back_only_from_where_it_was_left() {
    let updated = entry(Some("1"));
    let back = Undo::Update {
        routing: Routing::only("1"),
        revision: "r7".into(),
    };
    assert_eq!(undo(&updated, Some(&alias("2", &[], "r7"))), back);
    assert_eq!(undo(&updated, Some(&alias("1", &[], "r8"))), Undo::Done);
    for found in [alias("3", &[], "r9"), alias("2", &[("3", 0.1)], "r9")] {
        let foreign = Undo::Foreign {
            found: Some(found.routing.clone()),
        };
        assert_eq!(undo(&updated, Some(&found)), foreign);
    }
    assert_eq!(undo(&updated, None), Undo::Foreign { found: None });
    assert_eq!(
        undo(&entry(None), Some(&alias("2", &[], "r7"))),
        Undo::NothingBefore
    );
}
