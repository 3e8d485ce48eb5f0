use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::tests::{at, errors, observed, share};
use super::*;
use crate::settings::Step;

#[test]
fn a_fail_does_not_wait_for_the_end_of_the_bake() {
    let policy = JudgePolicy::default();
    let step = Step::new(10.0, 600);
    assert_eq!(
        next(&policy, &step, at(0), at(1), Outcome::Fail),
        Next::RollBack
    );
    assert_eq!(
        next(&policy, &step, at(0), at(1), Outcome::Pass),
        Next::Bake(60)
    );
}

#[test]
fn a_bake_shorter_than_the_lag_lasts_until_its_data_is_there() {
    let policy = JudgePolicy::default().for_calls_of(900);
    let step = Step::new(10.0, 60);
    let after = |second| {
        let now = at(0) + SignedDuration::from_secs(second);
        next(&policy, &step, at(0), now, Outcome::Pass)
    };
    assert_eq!(after(60), Next::Bake(60));
    assert_eq!(after(1139), Next::Bake(1));
    assert_eq!(after(1140), Next::Advance);
}

#[test]
fn a_bake_ends_with_the_last_period_it_reaches_into_and_never_with_that_of_the_shift() {
    let policy = JudgePolicy::default();
    // The bake, the second of its minute in which it shifted, and the minute it covers.
    for (bake, shifted, end) in [
        (600, 0, 10),
        (600, 40, 11),
        (90, 10, 2),
        (60, 40, 2),
        (60, 0, 2),
        (1, 59, 2),
    ] {
        let shifted = at(0) + SignedDuration::from_secs(shifted);
        let known = baked_at(&policy, &Step::new(10.0, bake), shifted);
        assert_eq!(known, at(end + 2), "{bake} s from {shifted}");
    }
}

#[test]
fn no_time_is_too_late_to_be_judged() {
    let policy = JudgePolicy {
        period_seconds: u64::MAX,
        extend_seconds: u64::MAX,
        ..JudgePolicy::default()
    };
    let step = Step::new(10.0, u64::MAX);
    let found = next(
        &policy,
        &step,
        Timestamp::MAX,
        Timestamp::MAX,
        Outcome::Pass,
    );
    assert_eq!(found, Next::Advance);
}

#[test]
fn an_inconclusive_step_is_extended_and_then_does_what_the_settings_say() {
    let mut policy = JudgePolicy::default();
    let step = Step::new(10.0, 600);
    let at =
        |outcome, policy: &JudgePolicy, minute| next(policy, &step, at(0), at(minute), outcome);
    assert_eq!(at(Outcome::Pass, &policy, 12), Next::Advance);
    assert_eq!(at(Outcome::Inconclusive, &policy, 12), Next::Bake(60));
    assert_eq!(at(Outcome::Inconclusive, &policy, 72), Next::RollBack);
    policy.on_inconclusive = OnInconclusive::Advance;
    assert_eq!(at(Outcome::Inconclusive, &policy, 72), Next::Advance);
    policy.on_inconclusive = OnInconclusive::Pause;
    assert_eq!(at(Outcome::Inconclusive, &policy, 71), Next::Bake(60));
    assert_eq!(at(Outcome::Inconclusive, &policy, 72), Next::Ask);
}

#[test]
fn looks_come_when_one_more_period_can_be_known() {
    let step = Step::new(10.0, 600);
    let wait = |policy: &JudgePolicy, milliseconds: i64| {
        let now = Timestamp::UNIX_EPOCH + SignedDuration::from_millis(milliseconds);
        next(policy, &step, at(0), now, Outcome::Inconclusive)
    };
    let minutes = JudgePolicy::default();
    assert_eq!(wait(&minutes, 85_000), Next::Bake(35));
    assert_eq!(wait(&minutes, 120_000), Next::Bake(60));
    // Never before the period is over.
    assert_eq!(wait(&minutes, 120_400), Next::Bake(60));
    let seconds = JudgePolicy {
        period_seconds: 5,
        lag_seconds: Some(2),
        ..JudgePolicy::default()
    };
    assert_eq!(wait(&seconds, 9_000), Next::Bake(3));
    assert_eq!(wait(&seconds, 12_000), Next::Bake(5));
}

#[test]
fn when_the_extension_is_over_a_larger_rise_may_pass_and_no_data_may_not() {
    let policy = JudgePolicy::default();
    let step = Step::new(10.0, 600);
    let verdict = |canary: Share, minute| {
        let policy = asked(&policy, &step, at(0), at(minute));
        let signal = errors(&policy, &[(canary, Some(share(760.0, 0.0)))]);
        judge(&policy, &observed(vec![signal]), 72)
    };
    let few = share(84.0, 0.0);
    assert_eq!(verdict(few, 71).outcome, Outcome::Inconclusive);
    let at_last = verdict(few, 72);
    assert_eq!(at_last.outcome, Outcome::Pass, "{}", at_last.rule);
    assert!(
        at_last
            .rule
            .contains("a rise of 15.00 % or more is excluded")
    );
    let nothing = verdict(share(0.0, 0.0), 72);
    assert_eq!(nothing.outcome, Outcome::Inconclusive, "{}", nothing.rule);
    let harm = verdict(share(84.0, 9.0), 72);
    assert_eq!(harm.outcome, Outcome::Fail, "{}", harm.rule);
}

#[test]
fn without_an_extension_no_less_is_ever_asked_for() {
    let step = Step::new(10.0, 600);
    let policy = JudgePolicy {
        extend_seconds: 0,
        ..JudgePolicy::default()
    };
    assert_eq!(asked(&policy, &step, at(0), at(600)), policy);
    let mut policy = JudgePolicy::default();
    policy.errors.max_increase_extended = None;
    assert_eq!(asked(&policy, &step, at(0), at(600)), policy);
    // A limit that is larger already is not made smaller.
    policy.errors.max_increase = 0.3;
    policy.errors.max_increase_extended = Some(0.15);
    let asked = asked(&policy, &step, at(0), at(600));
    assert!((asked.errors.max_increase - 0.3).abs() < 1e-12);
}

proptest! {
    #[test]
    fn waiting_always_ends(seconds in 0i64..100_000, pass in any::<bool>()) {
        let policy = JudgePolicy::default();
        let step = Step::new(10.0, 600);
        let now = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds);
        let outcome = if pass { Outcome::Pass } else { Outcome::Inconclusive };
        if let Next::Bake(wait) = next(&policy, &step, Timestamp::UNIX_EPOCH, now, outcome) {
            prop_assert!((1..=60).contains(&wait));
            prop_assert!(seconds < 600 + 120 + 3600);
        }
    }
}
