use super::*;

fn steps() -> Vec<Step> {
    [(10.0, 600), (100.0, 600)]
        .map(|(weight, bake_seconds)| Step::new(weight, bake_seconds))
        .into()
}

fn past(invocations: u64, errors: u64) -> Past {
    let minute = Side {
        invocations,
        errors,
        slow: None,
    };
    BTreeMap::from([("api".to_owned(), vec![minute; 240])])
}

fn summary(past: &Past, extra: f64) -> Summary {
    let (steps, policy) = (steps(), JudgePolicy::default());
    let course = Course {
        steps: &steps,
        policy: &policy,
    };
    let fault = Fault {
        function: "api",
        extra,
    };
    let starts = starts(240, 40).into_iter();
    let rollouts: Vec<Rollout> = starts
        .map(|start| course.rollout(past, start, Some(fault), 1))
        .collect();
    Summary::of(&rollouts)
}

#[test]
fn a_version_that_is_as_good_is_promoted_in_the_time_that_the_steps_take() {
    let found = summary(&past(1000, 5), 0.0);
    assert_eq!((found.rollouts, found.promoted), (40, 40), "{found:?}");
    assert_eq!((found.minutes, found.spoiled), (None, None));
    let interval = found.interval();
    assert_eq!((found.share(), interval.low), (0.0, 0.0));
    assert!((0.08..0.1).contains(&interval.high), "{interval:?}");
}

#[test]
fn a_larger_fault_is_found_sooner_and_never_sooner_than_the_lag() {
    let [small, large] = [0.02, 0.1].map(|extra| summary(&past(1000, 5), extra));
    assert_eq!((small.failed, large.failed), (40, 40));
    let [small, large] = [small, large].map(|found| found.minutes.expect("minutes").half);
    assert!((3..small).contains(&large), "{large} and {small}");
}

#[test]
fn what_a_fault_spoils_grows_with_what_the_judge_waits_for() {
    let found = summary(&past(1000, 0), 0.1);
    let minutes = found.minutes.expect("minutes").half;
    let spoiled = found.spoiled.expect("calls").half;
    // A tenth of the 100 calls that the new version gets each minute.
    let expected = minutes * 10;
    assert!(spoiled.abs_diff(expected) < expected / 2, "{found:?}");
}

#[test]
fn without_calls_nothing_is_decided() {
    let found = summary(&past(0, 0), 0.1);
    assert_eq!(found.undecided, 40, "{found:?}");
}

#[test]
fn a_bad_hour_of_the_past_is_no_harm_beside_a_version_that_had_it_too() {
    let mut past = past(1000, 1);
    for minute in &mut past.get_mut("api").expect("minutes")[60..120] {
        minute.errors = 8;
    }
    let found = summary(&past, 0.0);
    assert_eq!(found.failed, 0, "{found:?}");
}

#[test]
fn the_same_seed_deals_the_same_and_another_does_not() {
    let (steps, policy, past) = (steps(), JudgePolicy::default(), past(300, 3));
    let course = Course {
        steps: &steps,
        policy: &policy,
    };
    let fault = Fault {
        function: "api",
        extra: 0.05,
    };
    let ends = |seed| -> Vec<Rollout> {
        let starts = starts(240, 8).into_iter();
        starts
            .map(|start| course.rollout(&past, start, Some(fault), seed))
            .collect()
    };
    assert_eq!(ends(1), ends(1));
    assert_ne!(ends(1), ends(2));
}

#[test]
fn no_call_is_lost_or_dealt_twice() {
    let was = Side {
        invocations: 500,
        errors: 20,
        slow: Some(40),
    };
    let past = BTreeMap::from([("api".to_owned(), vec![was])]);
    let mut dealer = Dealer::new(&past, 0, None, 1);
    let mut dealt = vec![Vec::new()];
    dealer.deal(10.0, &mut dealt);
    let Minute {
        canary, baseline, ..
    } = dealt[0][0];
    let baseline = baseline.expect("a version beside it");
    assert_eq!(canary.invocations + baseline.invocations, 500);
    assert_eq!(canary.errors + baseline.errors, 20);
    assert_eq!(canary.slow.zip(baseline.slow).map(|(a, b)| a + b), Some(40));
    assert!((20..90).contains(&canary.invocations), "{canary:?}");
}

#[test]
fn a_fault_of_one_function_is_found_in_its_group() {
    let mut past = past(600, 1);
    past.insert("web".to_owned(), past["api"].clone());
    let found = summary(&past, 0.1);
    assert_eq!(found.failed, 40, "{found:?}");
}

#[test]
fn starts_are_spread_over_the_past() {
    assert_eq!(starts(10, 4), [0, 2, 5, 7]);
    assert_eq!(starts(3, 200), [0, 1, 2]);
    assert_eq!(starts(0, 4), [0; 0]);
}
