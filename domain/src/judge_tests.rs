use proptest::prelude::*;

use super::*;

fn counts(invocations: f64, errors: f64) -> Counts {
    Counts {
        invocations,
        errors,
    }
}

fn one(canary: Counts, baseline: Option<Counts>) -> BTreeMap<String, Measured> {
    BTreeMap::from([("api".to_owned(), Measured { canary, baseline })])
}

fn verdict(canary: Counts, baseline: Option<Counts>) -> Verdict {
    judge(&JudgePolicy::default(), &one(canary, baseline), 3)
}

#[test]
fn no_data_is_inconclusive() {
    let verdict = verdict(counts(0.0, 0.0), Some(counts(5000.0, 0.0)));
    assert_eq!(verdict.outcome, Outcome::Inconclusive);
    assert!(
        verdict.rule.contains("no data is not health"),
        "{}",
        verdict.rule
    );
}

#[test]
fn nothing_measured_at_all_is_inconclusive() {
    assert_eq!(
        judge(&JudgePolicy::default(), &BTreeMap::new(), 1).outcome,
        Outcome::Inconclusive
    );
}

#[test]
fn eight_percent_of_errors_beside_a_clean_version_fail_within_a_hundred_calls() {
    assert_eq!(
        verdict(counts(100.0, 8.0), Some(counts(900.0, 0.0))).outcome,
        Outcome::Fail
    );
}

#[test]
fn a_single_error_is_no_reason_to_fail() {
    assert_eq!(
        verdict(counts(100.0, 1.0), Some(counts(900.0, 0.0))).outcome,
        Outcome::Inconclusive
    );
}

#[test]
fn one_error_among_the_first_five_calls_is_no_reason_to_fail_either() {
    let policy = JudgePolicy {
        confidence: 0.95,
        ..JudgePolicy::default()
    };
    let verdict = judge(&policy, &one(counts(5.0, 1.0), Some(counts(195.0, 0.0))), 2);
    assert_eq!(verdict.outcome, Outcome::Inconclusive, "{}", verdict.rule);
}

#[test]
fn equally_good_versions_fail_no_more_often_than_the_confidence_says() {
    // 2,000 rollouts of equally good versions (2 % fail), looked at after each
    // of 30 periods of 10 calls beside 90. The generator is a plain LCG with a
    // fixed seed (Knuth's MMIX constants): no chance in the outcome.
    let policy = JudgePolicy {
        confidence: 0.95,
        ..JudgePolicy::default()
    };
    let mut state = 42_u64;
    let mut failures = |calls: u32| {
        let mut failed = 0.0;
        for _ in 0..calls {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            failed += f64::from(u8::from(
                ((state >> 11) as f64 / (1_u64 << 53) as f64) < 0.02,
            ));
        }
        failed
    };
    let mut alarms = 0;
    for _ in 0..2000 {
        let (mut canary, mut beside) = (counts(0.0, 0.0), counts(0.0, 0.0));
        for look in 1..=30 {
            canary = counts(canary.invocations + 10.0, canary.errors + failures(10));
            beside = counts(beside.invocations + 90.0, beside.errors + failures(90));
            if judge(&policy, &one(canary, Some(beside)), look).outcome == Outcome::Fail {
                alarms += 1;
                break;
            }
        }
    }
    assert!(
        alarms <= 100,
        "{alarms} of 2000 equally good versions were rolled back; 5 % are allowed"
    );
}

#[test]
fn the_same_error_rate_on_both_sides_passes_with_enough_calls() {
    let verdict = verdict(counts(20_000.0, 200.0), Some(counts(180_000.0, 1800.0)));
    assert_eq!(verdict.outcome, Outcome::Pass, "{}", verdict.rule);
}

#[test]
fn too_few_calls_hold() {
    let verdict = verdict(counts(99.0, 0.0), Some(counts(900.0, 0.0)));
    assert_eq!(verdict.outcome, Outcome::Inconclusive);
    assert!(
        verdict.rule.contains("100 are asked for"),
        "{}",
        verdict.rule
    );
}

#[test]
fn at_one_hundred_percent_only_the_absolute_limit_counts() {
    assert_eq!(verdict(counts(5000.0, 10.0), None).outcome, Outcome::Pass);
    assert_eq!(verdict(counts(5000.0, 1000.0), None).outcome, Outcome::Fail);
}

#[test]
fn one_failing_function_fails_the_group() {
    let mut group = one(counts(5000.0, 0.0), Some(counts(45_000.0, 0.0)));
    group.insert(
        "web".into(),
        Measured {
            canary: counts(500.0, 100.0),
            baseline: Some(counts(4500.0, 0.0)),
        },
    );
    let verdict = judge(&JudgePolicy::default(), &group, 1);
    assert_eq!(verdict.outcome, Outcome::Fail);
    assert!(verdict.rule.starts_with("web:"), "{}", verdict.rule);
}

#[test]
fn a_fail_does_not_wait_for_the_end_of_the_bake() {
    let policy = JudgePolicy::default();
    let step = Step {
        weight: 10.0,
        bake_seconds: 600,
    };
    let start = Timestamp::UNIX_EPOCH;
    let soon = start + SignedDuration::from_secs(60);
    assert_eq!(
        next(&policy, &step, start, soon, Outcome::Fail),
        Next::RollBack
    );
    assert_eq!(
        next(&policy, &step, start, soon, Outcome::Pass),
        Next::Bake(60)
    );
}

#[test]
fn an_inconclusive_step_is_extended_and_then_does_what_the_settings_say() {
    let mut policy = JudgePolicy::default();
    let step = Step {
        weight: 10.0,
        bake_seconds: 600,
    };
    let start = Timestamp::UNIX_EPOCH;
    let at = |seconds| start + SignedDuration::from_secs(seconds);
    assert_eq!(
        next(&policy, &step, start, at(720), Outcome::Pass),
        Next::Advance
    );
    assert_eq!(
        next(&policy, &step, start, at(720), Outcome::Inconclusive),
        Next::Bake(60)
    );
    assert_eq!(
        next(&policy, &step, start, at(4320), Outcome::Inconclusive),
        Next::RollBack
    );
    policy.on_inconclusive = OnInconclusive::Advance;
    assert_eq!(
        next(&policy, &step, start, at(4320), Outcome::Inconclusive),
        Next::Advance
    );
}

proptest! {
    #[test]
    fn one_more_error_never_makes_a_verdict_better(
        all in 1u32..5000, bad in 0u32..5000, beside in 0u32..20_000, beside_bad in 0u32..200, look in 1u64..500
    ) {
        prop_assume!(bad < all && beside_bad <= beside);
        let rank = |outcome| match outcome { Outcome::Pass => 0, Outcome::Inconclusive => 1, Outcome::Fail => 2 };
        let policy = JudgePolicy { min_invocations: 1, ..JudgePolicy::default() };
        let baseline = Some(counts(f64::from(beside), f64::from(beside_bad)));
        let before = judge(&policy, &one(counts(f64::from(all), f64::from(bad)), baseline), look);
        let after = judge(&policy, &one(counts(f64::from(all), f64::from(bad + 1)), baseline), look);
        prop_assert!(rank(after.outcome) >= rank(before.outcome), "{} then {}", before.rule, after.rule);
    }

    #[test]
    fn waiting_always_ends(seconds in 0i64..100_000, pass in any::<bool>()) {
        let policy = JudgePolicy::default();
        let step = Step { weight: 10.0, bake_seconds: 600 };
        let now = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds);
        let outcome = if pass { Outcome::Pass } else { Outcome::Inconclusive };
        if let Next::Bake(wait) = next(&policy, &step, Timestamp::UNIX_EPOCH, now, outcome) {
            prop_assert!((1..=60).contains(&wait));
            prop_assert!(seconds < 600 + 120 + 3600);
        }
    }
}
