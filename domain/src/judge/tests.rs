use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::*;

pub(super) fn at(minute: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minute)
}

pub(super) fn share(total: f64, bad: f64) -> Share {
    Share { total, bad }
}

/// The errors of one function, minute by minute.
pub(super) fn errors(policy: &JudgePolicy, minutes: &[(Share, Option<Share>)]) -> Signal {
    let blocks = minutes
        .iter()
        .zip(0..)
        .map(|((canary, baseline), minute)| Block {
            start: at(minute),
            canary: *canary,
            baseline: *baseline,
        });
    Signal::Share(ShareSignal {
        name: ERRORS.to_owned(),
        bad: "failed".to_owned(),
        rule: ShareRule::of_errors(&policy.errors),
        blocks: Some(blocks.collect()),
        is_beside: minutes.iter().any(|(_, baseline)| baseline.is_some()),
        before: None,
        took: None,
        until: at(minutes.len() as i64),
    })
}

pub(super) fn observed(signals: Vec<Signal>) -> Observed {
    Observed {
        functions: BTreeMap::from([("api".to_owned(), signals)]),
        environment: Vec::new(),
    }
}

/// The verdict on errors that are the same in each of some minutes.
fn verdict(minutes: usize, canary: Share, baseline: Option<Share>) -> Verdict {
    let policy = JudgePolicy::default();
    let signal = errors(&policy, &vec![(canary, baseline); minutes]);
    judge(&policy, &observed(vec![signal]), minutes as u64)
}

/// The verdict on errors where nothing serves beside it, given what was before.
pub(super) fn alone(minutes: usize, each: Share, before: Share) -> Verdict {
    let policy = JudgePolicy::default();
    let Signal::Share(mut signal) = errors(&policy, &vec![(each, None); minutes]) else {
        unreachable!("errors are a share")
    };
    signal.before = Some(before);
    judge(
        &policy,
        &observed(vec![Signal::Share(signal)]),
        minutes as u64,
    )
}

#[test]
fn a_bad_minute_of_both_versions_is_no_harm_of_one() {
    let policy = JudgePolicy::default();
    let mut minutes = vec![(share(600.0, 0.0), Some(share(5400.0, 5.0))); 10];
    minutes[4] = (share(600.0, 180.0), Some(share(5400.0, 1620.0)));
    let signal = errors(&policy, &minutes);
    let verdict = judge(&policy, &observed(vec![signal]), 10);
    assert_eq!(verdict.outcome, Outcome::Pass, "{}", verdict.rule);
}

#[test]
fn what_is_above_a_limit_for_both_versions_is_no_harm_of_one() {
    let verdict = verdict(10, share(600.0, 48.0), Some(share(5400.0, 432.0)));
    assert_eq!(verdict.outcome, Outcome::Pass, "{}", verdict.rule);
    let warned = verdict.functions["api"].signals[0].warning.is_some();
    assert!(warned, "people hear of it: {verdict:?}");
}

#[test]
fn a_limit_holds_where_the_version_beside_it_has_hardly_any_calls() {
    let verdict = verdict(3, share(20.0, 20.0), Some(share(0.4, 0.0)));
    assert_eq!(verdict.outcome, Outcome::Fail, "{}", verdict.rule);
}

#[test]
fn a_share_that_was_normal_before_is_no_harm_where_nothing_serves_beside_it() {
    let normal = share(36_000.0, 720.0);
    let calm = alone(10, share(600.0, 12.0), normal);
    assert_eq!(calm.outcome, Outcome::Pass, "{}", calm.rule);
    let unknown = alone(10, share(600.0, 12.0), Share::default());
    assert_eq!(unknown.outcome, Outcome::Fail, "{}", unknown.rule);
    let worse = alone(10, share(600.0, 60.0), normal);
    assert_eq!(worse.outcome, Outcome::Fail, "{}", worse.rule);
    let often = alone(20, share(600.0, 60.0), share(36_000.0, 3600.0));
    assert_eq!(often.outcome, Outcome::Pass, "{}", often.rule);
}

#[test]
fn no_data_is_inconclusive() {
    let verdict = verdict(10, share(0.0, 0.0), Some(share(500.0, 0.0)));
    assert_eq!(verdict.outcome, Outcome::Inconclusive);
    assert!(
        verdict.rule.contains("no data is not health"),
        "{}",
        verdict.rule
    );
}

#[test]
fn nothing_measured_at_all_is_inconclusive() {
    let verdict = judge(&JudgePolicy::default(), &Observed::default(), 1);
    assert_eq!(verdict.outcome, Outcome::Inconclusive);
}

#[test]
fn an_answer_that_is_not_complete_is_inconclusive() {
    let policy = JudgePolicy::default();
    let Signal::Share(mut signal) = errors(&policy, &[]) else {
        unreachable!("errors are a share")
    };
    signal.blocks = None;
    let verdict = judge(&policy, &observed(vec![Signal::Share(signal)]), 1);
    assert_eq!(verdict.outcome, Outcome::Inconclusive);
}

#[test]
fn eight_percent_of_errors_beside_a_clean_version_fail_within_a_hundred_calls() {
    let verdict = verdict(2, share(50.0, 4.0), Some(share(450.0, 0.0)));
    assert_eq!(verdict.outcome, Outcome::Fail, "{}", verdict.rule);
}

#[test]
fn a_single_error_is_no_reason_to_fail() {
    let verdict = verdict(1, share(100.0, 1.0), Some(share(900.0, 0.0)));
    assert_eq!(verdict.outcome, Outcome::Inconclusive, "{}", verdict.rule);
}

#[test]
fn the_same_error_rate_on_both_sides_passes_with_enough_calls() {
    let verdict = verdict(10, share(2000.0, 10.0), Some(share(18_000.0, 90.0)));
    assert_eq!(verdict.outcome, Outcome::Pass, "{}", verdict.rule);
}

#[test]
fn too_few_calls_hold() {
    let verdict = verdict(1, share(49.0, 0.0), Some(share(450.0, 0.0)));
    assert_eq!(verdict.outcome, Outcome::Inconclusive);
    assert!(
        verdict.rule.contains("50 are asked for"),
        "{}",
        verdict.rule
    );
}

#[test]
fn at_one_hundred_percent_only_the_absolute_limits_count() {
    assert_eq!(verdict(10, share(500.0, 1.0), None).outcome, Outcome::Pass);
    assert_eq!(
        verdict(10, share(500.0, 100.0), None).outcome,
        Outcome::Fail
    );
}

#[test]
fn a_bad_minute_of_both_versions_fails_neither() {
    let policy = JudgePolicy::default();
    let good = (share(200.0, 0.0), Some(share(1800.0, 0.0)));
    let bad = (share(200.0, 8.0), Some(share(1800.0, 72.0)));
    let mut minutes = vec![good; 5];
    minutes.push(bad);
    minutes.extend(vec![good; 4]);
    let verdict = judge(&policy, &observed(vec![errors(&policy, &minutes)]), 10);
    assert_ne!(verdict.outcome, Outcome::Fail, "{}", verdict.rule);
}

#[test]
fn two_percent_for_five_minutes_fail_where_five_percent_are_the_limit_at_once() {
    let policy = JudgePolicy::default();
    let minute = (share(2000.0, 40.0), None);
    let judge_minutes = |minutes: &[(Share, Option<Share>)]| {
        judge(
            &policy,
            &observed(vec![errors(&policy, minutes)]),
            minutes.len() as u64,
        )
    };
    assert_ne!(judge_minutes(&[minute; 4]).outcome, Outcome::Fail);
    let verdict = judge_minutes(&[minute; 5]);
    assert_eq!(verdict.outcome, Outcome::Fail, "{}", verdict.rule);
    assert!(
        verdict.rule.contains("in the last 300 s"),
        "{}",
        verdict.rule
    );
    let mut with_a_good_minute = vec![minute; 3];
    with_a_good_minute.extend([(share(2000.0, 10.0), None), minute]);
    assert_ne!(judge_minutes(&with_a_good_minute).outcome, Outcome::Fail);
}

#[test]
fn more_than_one_percent_is_told_and_fails_nothing() {
    let policy = JudgePolicy {
        errors: ErrorLimits {
            sustained: None,
            ..ErrorLimits::default()
        },
        ..JudgePolicy::default()
    };
    let minutes = vec![(share(2000.0, 40.0), Some(share(2000.0, 40.0))); 10];
    let verdict = judge(&policy, &observed(vec![errors(&policy, &minutes)]), 10);
    assert_ne!(verdict.outcome, Outcome::Fail, "{}", verdict.rule);
    let warnings: Vec<String> = verdict.warnings().collect();
    assert_eq!(warnings, ["api: errors above 1.00 %"]);
}

#[test]
fn one_failing_function_fails_the_group() {
    let policy = JudgePolicy::default();
    let good = errors(&policy, &[(share(5000.0, 0.0), Some(share(45_000.0, 0.0)))]);
    let bad = errors(&policy, &[(share(500.0, 100.0), Some(share(4500.0, 0.0)))]);
    let mut group = observed(vec![good]);
    group.functions.insert("web".into(), vec![bad]);
    let verdict = judge(&policy, &group, 1);
    assert_eq!(verdict.outcome, Outcome::Fail);
    assert!(verdict.rule.starts_with("web:"), "{}", verdict.rule);
}

#[test]
fn a_signal_on_trial_is_shown_and_counts_for_nothing() {
    let policy = JudgePolicy::default();
    let good = errors(&policy, &[(share(5000.0, 0.0), Some(share(45_000.0, 0.0)))]);
    let Signal::Share(mut slow) = errors(&policy, &[(share(500.0, 400.0), None)]) else {
        unreachable!("errors are a share")
    };
    slow.name = "p95".to_owned();
    slow.rule.dry_run = true;
    let verdict = judge(&policy, &observed(vec![good, Signal::Share(slow)]), 1);
    assert_eq!(verdict.outcome, Outcome::Pass, "{}", verdict.rule);
    let shown = &verdict.functions["api"].signals[1];
    assert!(shown.dry_run && shown.outcome == Outcome::Fail);
}

#[test]
fn an_alarm_vetoes_and_one_that_is_not_there_holds() {
    let alarm = |state| {
        let signal = AlarmSignal {
            name: "orders".to_owned(),
            state,
            dry_run: false,
        };
        value::judge_alarm(&signal).outcome
    };
    assert_eq!(alarm(Some(AlarmState::Alarm)), Outcome::Fail);
    assert_eq!(alarm(Some(AlarmState::Ok)), Outcome::Pass);
    assert_eq!(alarm(Some(AlarmState::InsufficientData)), Outcome::Pass);
    assert_eq!(alarm(None), Outcome::Inconclusive);
}

#[test]
fn all_tests_together_have_no_more_than_the_chance_of_a_false_alarm() {
    let policy = JudgePolicy::default();
    let one = errors(&policy, &[(share(9.0, 0.0), Some(share(9.0, 0.0)))]);
    let Signal::Share(mut slow) = one.clone() else {
        unreachable!("errors are a share")
    };
    slow.name = "p95".to_owned();
    for (errors, others) in [(1, 0), (1, 1), (1, 2), (3, 6)] {
        let mut signals = vec![one.clone(); errors];
        signals.extend(vec![Signal::Share(slow.clone()); others]);
        let alpha = Alpha::new(&policy, &observed(signals));
        let all = errors as f64 * alpha.errors + others as f64 * alpha.others;
        assert!(all <= 1.0 - policy.confidence + 1e-12, "{all}");
        assert!(alpha.errors > 0.0 && alpha.others > 0.0);
    }
}

proptest! {
    #[test]
    fn the_outcome_alone_is_the_outcome_of_the_verdict(
        minutes in 1usize..30, calls in 0u32..300, bad in 0u32..30, beside_bad in 0u32..60
    ) {
        let policy = JudgePolicy::default();
        let canary = share(f64::from(calls), f64::from(bad.min(calls)));
        let baseline = share(9.0 * f64::from(calls), f64::from(beside_bad.min(9 * calls)));
        let group = observed(vec![errors(&policy, &vec![(canary, Some(baseline)); minutes])]);
        prop_assert_eq!(outcome(&policy, &group), judge(&policy, &group, 1).outcome);
    }

    #[test]
    fn one_more_error_never_makes_a_verdict_better(
        all in 1u32..5000, bad in 0u32..5000, beside in 0u32..20_000, beside_bad in 0u32..200
    ) {
        prop_assume!(bad < all && beside_bad <= beside);
        let policy = JudgePolicy { min_invocations: 1, ..JudgePolicy::default() };
        let verdict = |bad: u32| {
            let canary = share(f64::from(all), f64::from(bad));
            let baseline = share(f64::from(beside), f64::from(beside_bad));
            let group = observed(vec![errors(&policy, &[(canary, Some(baseline))])]);
            judge(&policy, &group, 1)
        };
        let (before, after) = (verdict(bad), verdict(bad + 1));
        prop_assert!(after.outcome >= before.outcome, "{} then {}", before.rule, after.rule);
    }
}
