//! Limits of a version's own share, where nothing serves beside it to compare it with.

use super::tests::{alone, at, errors, observed, share};
use super::*;
use crate::settings::Step;

#[test]
fn a_few_failed_calls_before_excuse_nothing() {
    for (minutes, each, before) in [
        (10, share(6.0, 6.0), share(1.0, 1.0)),
        (10, share(60.0, 18.0), share(3.0, 1.0)),
        (30, share(20.0, 4.0), share(10.0, 2.0)),
    ] {
        let verdict = alone(minutes, each, before);
        assert_eq!(verdict.outcome, Outcome::Fail, "{}", verdict.rule);
    }
}

#[test]
fn a_rise_is_excluded_over_what_is_known_of_the_time_before() {
    // 10 % of 60 calls may have been 3 % as well.
    let unclear = alone(10, share(60.0, 6.0), share(60.0, 6.0));
    assert_eq!(unclear.outcome, Outcome::Inconclusive, "{}", unclear.rule);
    let all = alone(10, share(600.0, 600.0), share(36_000.0, 36_000.0));
    assert_eq!(all.outcome, Outcome::Inconclusive, "{}", all.rule);
}

#[test]
fn without_a_limit_on_errors_a_rise_must_be_excluded_at_full_weight() {
    let mut policy = JudgePolicy::default();
    policy.errors.fail_above = None;
    policy.errors.sustained = None;
    let verdict = |bad| {
        let signal = errors(&policy, &vec![(share(600.0, bad), None); 30]);
        judge(&policy, &observed(vec![signal]), 30)
    };
    assert_eq!(verdict(6.0).outcome, Outcome::Pass, "{}", verdict(6.0).rule);
    let bad = verdict(600.0);
    assert_eq!(bad.outcome, Outcome::Inconclusive, "{}", bad.rule);
    assert!(bad.rule.contains("the limit is 2.00 %"), "{}", bad.rule);
}

#[test]
fn plan_and_judge_ask_for_the_same_when_the_extension_of_full_weight_is_over() {
    let policy = JudgePolicy::default();
    let step = Step::new(100.0, 1800);
    let late = asked(&policy, &step, at(0), at(93));
    for (fail_above, calls) in [
        (Some(0.05), 1.0),
        (Some(0.05), 2.0),
        (None, 2.0),
        (None, 5.0),
    ] {
        let limit = |policy: &JudgePolicy| {
            let mut policy = policy.clone();
            policy.errors.fail_above = fail_above;
            policy
        };
        let (policy, late) = (limit(&policy), limit(&late));
        let found = feasibility(&policy, &step, calls / 60.0).prospect(&policy, &step);
        let Signal::Share(mut signal) = errors(&late, &vec![(share(calls, 0.0), None); 90]) else {
            unreachable!("errors are a share")
        };
        signal.before = Some(share(60.0, 0.0));
        let verdict = judge(&late, &observed(vec![Signal::Share(signal)]), 90);
        let passes = !matches!(found, Prospect::RollsBack);
        assert_eq!(
            passes,
            verdict.outcome == Outcome::Pass,
            "{found:?}: {}",
            verdict.rule
        );
    }
}
