//! Values of metrics against their limits.

use super::tests::at;
use super::value::Limits;
use super::*;

fn value(values: &[(i64, f64)]) -> ValueSignal {
    ValueSignal {
        name: "queue age".to_owned(),
        unit: "s".to_owned(),
        values: Some(
            values
                .iter()
                .map(|(minute, value)| (at(*minute), *value))
                .collect(),
        ),
        period_seconds: 60,
        since: at(0),
        until: at(5),
        fail: Limits {
            above: Some(30.0),
            below: None,
        },
        warn: Limits::default(),
        seconds: 180,
        no_data: NoData::Hold,
        dry_run: false,
    }
}

#[test]
fn a_metric_fails_when_it_was_beyond_its_limit_for_its_time() {
    let beyond = value(&[(0, 1.0), (1, 1.0), (2, 31.0), (3, 40.0), (4, 50.0)]);
    let verdict = value::judge(&beyond);
    assert_eq!(verdict.outcome, Outcome::Fail);
    assert_eq!(verdict.rule, "queue age above 30 for 180 s: 31, 40, 50 s");
    let once_within = value::judge(&value(&[(2, 31.0), (3, 30.0), (4, 50.0)]));
    assert_eq!(once_within.outcome, Outcome::Pass);
    assert_eq!(
        once_within.rule,
        "queue age is 50 s, above 30, but not for 180 s"
    );
}

#[test]
fn a_metric_without_data_holds_unless_that_is_fine() {
    let mut empty = value(&[(0, 1.0)]);
    assert_eq!(value::judge(&empty).outcome, Outcome::Inconclusive);
    empty.no_data = NoData::Fine;
    assert_eq!(value::judge(&empty).outcome, Outcome::Pass);
    empty.values = None;
    assert_eq!(value::judge(&empty).outcome, Outcome::Inconclusive);
}

#[test]
fn a_metric_may_have_to_stay_above_a_limit() {
    let mut orders = value(&[(2, 3.0), (3, 2.0), (4, 1.0)]);
    orders.fail = Limits {
        above: None,
        below: Some(5.0),
    };
    assert_eq!(value::judge(&orders).outcome, Outcome::Fail);
}

#[test]
fn values_with_a_gap_or_without_the_newest_hold_unless_that_is_fine() {
    for values in [&[(2, 50.0), (4, 50.0)][..], &[(2, 1.0), (3, 1.0)]] {
        let mut gaps = value(values);
        let held = value::judge(&gaps);
        assert_eq!(held.outcome, Outcome::Inconclusive, "{}", held.rule);
        assert!(
            held.rule.ends_with("only 2 of 3 periods have a value"),
            "{}",
            held.rule
        );
        gaps.no_data = NoData::Fine;
        assert_eq!(value::judge(&gaps).outcome, Outcome::Pass);
    }
}

#[test]
fn a_limit_that_was_exceeded_ever_since_the_shift_holds_until_its_time_is_over() {
    let mut young = value(&[(3, 40.0), (4, 50.0)]);
    young.since = at(3);
    for no_data in [NoData::Hold, NoData::Fine] {
        young.no_data = no_data;
        let held = value::judge(&young);
        assert_eq!(held.outcome, Outcome::Inconclusive, "{}", held.rule);
        assert!(
            held.rule.contains("above 30 in all 2 periods so far"),
            "{}",
            held.rule
        );
    }
    young.values = Some([(at(3), 1.0), (at(4), 2.0)].into());
    assert_eq!(value::judge(&young).outcome, Outcome::Pass);
}
