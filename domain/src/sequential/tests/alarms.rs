//! False alarms stay below `alpha`, although somebody looks after every period.

use super::simulation::{Generator, Traffic, counts};
use crate::sequential::Bets::OnHalf;
use crate::sequential::{Evidence, Harm, above};

const LOOKS: usize = 500;

/// How many of `runs` reject a true hypothesis at any of their looks, at 5 % and
/// at 1 %.
fn alarms(runs: u32, mut rollout: impl FnMut() -> Evidence) -> (u32, u32) {
    let mut alarms = (0, 0);
    for _ in 0..runs {
        let evidence = rollout();
        alarms.0 += u32::from(evidence.rejects(0.05));
        alarms.1 += u32::from(evidence.rejects(0.01));
    }
    alarms
}

fn within_alpha((at_five, at_one): (u32, u32), runs: u32) {
    assert!(at_five * 20 <= runs, "{at_five} of {runs} at 5 %");
    assert!(at_one * 100 <= runs, "{at_one} of {runs} at 1 %");
}

fn equally_good(runs: u32, calls: (u32, u32), rate: f64) {
    let mut generator = Generator::seeded(42);
    let traffic = Traffic {
        calls,
        rates: (rate, rate),
    };
    let found = alarms(runs, || {
        let mut harm = Harm::beyond(0.0);
        for _ in 0..LOOKS {
            harm.see(&traffic.block(&mut generator));
        }
        harm.evidence()
    });
    within_alpha(found, runs);
}

#[test]
fn equally_good_versions_at_10_to_90_are_alarmed_of_no_more_often_than_alpha() {
    equally_good(2000, (10, 90), 0.01);
}

#[test]
fn so_are_versions_that_hardly_ever_fail() {
    equally_good(600, (10, 90), 0.001);
    equally_good(600, (50, 50), 0.001);
}

#[test]
fn so_are_versions_that_often_fail() {
    equally_good(600, (10, 90), 0.05);
}

#[test]
fn so_are_versions_that_share_the_calls_equally() {
    equally_good(600, (50, 50), 0.01);
    equally_good(600, (50, 50), 0.05);
}

#[test]
fn so_are_versions_whose_calls_are_slow_half_of_the_time() {
    let runs = 600;
    for calls in [(10, 90), (50, 50), (1, 9)] {
        let mut generator = Generator::seeded(42);
        let rates = (0.5, 0.5);
        let found = alarms(runs, || {
            let mut harm = Harm::by(OnHalf, 0.0);
            for _ in 0..LOOKS {
                harm.see(&Traffic { calls, rates }.block(&mut generator));
            }
            harm.evidence()
        });
        within_alpha(found, runs);
    }
}

#[test]
fn versions_that_never_fail_are_no_evidence_at_all() {
    let mut generator = Generator::seeded(42);
    let traffic = Traffic {
        calls: (10, 90),
        rates: (0.0, 0.0),
    };
    let mut harm = Harm::beyond(0.0);
    for _ in 0..LOOKS {
        harm.see(&traffic.block(&mut generator));
    }
    assert!(harm.evidence().p_value() > 0.9);
}

#[test]
fn harm_that_is_just_tolerated_alarms_no_more_often_than_alpha() {
    let runs = 300;
    let mut generator = Generator::seeded(7);
    let traffic = Traffic {
        calls: (20, 180),
        rates: (0.015, 0.01),
    };
    let found = alarms(runs, || {
        let mut harm = Harm::beyond(0.005);
        for _ in 0..LOOKS {
            harm.see(&traffic.block(&mut generator));
        }
        harm.evidence()
    });
    within_alpha(found, runs);
}

#[test]
fn numbers_of_calls_that_change_all_the_time_alarm_no_more_often_than_alpha() {
    let runs = 400;
    let mut generator = Generator::seeded(3);
    let found = alarms(runs, || {
        let mut harm = Harm::beyond(0.0);
        for look in 0..LOOKS {
            // Every tenth period is bad for both, and many have no canary at all.
            let share = [0.02, 0.2, 0.6][look % 3];
            let rate = if look % 10 == 9 { 0.3 } else { 0.01 };
            let traffic = Traffic {
                calls: (generator.bad(20, share), generator.bad(60, 0.5)),
                rates: (rate, rate),
            };
            harm.see(&traffic.block(&mut generator));
        }
        harm.evidence()
    });
    within_alpha(found, runs);
}

#[test]
fn a_rate_at_its_limit_alarms_no_more_often_than_alpha() {
    let mut generator = Generator::seeded(11);
    for limit in [0.01, 0.05] {
        let runs = 500;
        let found = alarms(runs, || {
            let periods: Vec<_> = (0..LOOKS)
                .map(|_| counts(generator.bad(40, limit), 40))
                .collect();
            above(&periods, limit)
        });
        within_alpha(found, runs);
    }
}
