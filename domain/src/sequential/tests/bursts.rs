//! Bad events in bursts: what needs no correction, and what the correction does.

use super::simulation::{Generator, Traffic, block};
use crate::sequential::Bets::OnFew as FEW;
use crate::sequential::{Block, dispersion, harm};

const RUNS: u32 = 100;
const MINUTES: usize = 30;
const CALLS: (u32, u32) = (600, 5400);

/// In how many of the runs there is an alarm at 1 % at any minute, when all
/// counts are thinned by the factor that the blocks so far give.
fn alarms(
    mut minute: impl FnMut(&mut Generator) -> Block,
    factor: impl Fn(&[Block]) -> f64,
) -> u32 {
    let mut generator = Generator::seeded(17);
    let mut alarms = 0;
    for _ in 0..RUNS {
        let mut blocks = Vec::new();
        let alarmed = (0..MINUTES).any(|_| {
            blocks.push(minute(&mut generator));
            let factor = factor(&blocks);
            let thinned: Vec<Block> = blocks.iter().map(|block| block.thinned(factor)).collect();
            // `now`, not `peak`: what was known at this look.
            harm(FEW, &thinned, 0.0).now >= 100.0_f64.ln()
        });
        alarms += u32::from(alarmed);
    }
    alarms
}

fn bursting(shared: f64, own: f64) -> impl FnMut(&mut Generator) -> Block {
    move |generator| {
        let both = 0.01 * generator.burst(shared);
        let mut rate = || (both * generator.burst(own)).min(0.9);
        let rates = (rate(), rate());
        Traffic {
            calls: CALLS,
            rates,
        }
        .block(generator)
    }
}

/// Each bad event is counted three times: two retries, which are calls as well.
fn retried(generator: &mut Generator) -> Block {
    let mut side = |calls: u32| {
        let events = generator.bad(calls, 0.01);
        (events * 3, calls + events * 2)
    };
    let (canary, baseline) = (side(CALLS.0), side(CALLS.1));
    block(canary, baseline)
}

#[test]
fn minutes_that_are_bad_for_both_versions_alarm_nobody() {
    let found = alarms(bursting(2.0, 0.0), |_| 1.0);
    assert!(found <= 1, "{found} of {RUNS}");
}

#[test]
fn events_that_are_counted_three_times_alarm_nobody_if_counts_are_divided_by_three() {
    let uncorrected = alarms(retried, |_| 1.0);
    let corrected = alarms(retried, |blocks| dispersion(blocks, 3.0));
    assert!(uncorrected >= 10, "{uncorrected} of {RUNS}");
    assert!(corrected <= 1, "{corrected} of {RUNS}");
}

#[test]
fn bursts_of_one_version_alarm_far_less_often_with_the_estimated_factor() {
    let uncorrected = alarms(bursting(0.0, 0.5), |_| 1.0);
    let corrected = alarms(bursting(0.0, 0.5), |blocks| dispersion(blocks, 1.0));
    assert!(
        uncorrected >= 25 && corrected * 4 <= uncorrected,
        "{uncorrected} and {corrected} of {RUNS}"
    );
}

#[test]
fn the_estimate_costs_little_where_there_are_no_bursts_even_if_the_canary_is_worse() {
    let mut generator = Generator::seeded(23);
    for rates in [(0.01, 0.01), (0.03, 0.01), (0.02, 0.0)] {
        let calls = CALLS;
        let mut sum = 0.0;
        for _ in 0..50 {
            let blocks: Vec<Block> = (0..10)
                .map(|_| Traffic { calls, rates }.block(&mut generator))
                .collect();
            sum += dispersion(&blocks, 1.0);
        }
        let mean = sum / 50.0;
        assert!((1.0..1.3).contains(&mean), "{rates:?}: {mean}");
    }
}

#[test]
fn one_period_says_nothing_of_bursts() {
    assert_eq!(dispersion(&[], 1.0), 1.0);
    assert_eq!(dispersion(&[block((5, 10), (1, 90))], 1.0), 1.0);
    assert_eq!(dispersion(&[block((5, 10), (1, 90))], 3.0), 3.0);
    assert_eq!(dispersion(&[block((0, 10), (0, 90))], f64::NAN), 1.0);
}

#[test]
fn the_estimate_agrees_with_counting_by_hand() {
    // Four events in each of two equal blocks with equal arms, 4 and 0 of them the
    // canary's: misses of 2 each way, squared 8. Chance: 4 / 4 times 196 / 199 each.
    let blocks = [block((4, 100), (0, 100)), block((0, 100), (4, 100))];
    let chance = 2.0 * 196.0 / 199.0;
    let expected = (chance + 8.0) / (chance + chance / 2.0);
    assert!((dispersion(&blocks, 1.0) - expected).abs() < 1e-12);
}
