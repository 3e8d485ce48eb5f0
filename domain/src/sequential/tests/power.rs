//! How soon harm is known, and how soon it is excluded. The ceilings leave some
//! room above what was measured.

use super::simulation::{Generator, Traffic, alarm, block, counts};
use crate::sequential::Bets::OnFew as FEW;
use crate::sequential::{Bets, Block, above, harm, interval, share_interval};

const RUNS: usize = 200;

/// The blocks after which harm is known in half of the runs, and in nine tenths.
fn detection(phases: &[(usize, Traffic)], margin: f64, alpha: f64) -> (usize, usize) {
    let mut generator = Generator::seeded(2);
    let mut found: Vec<usize> = (0..RUNS)
        .map(|_| {
            let traffic = phases
                .iter()
                .flat_map(|(blocks, traffic)| std::iter::repeat_n(*traffic, *blocks));
            let blocks = traffic.map(|traffic| traffic.block(&mut generator));
            alarm(blocks, margin, alpha).unwrap_or(usize::MAX)
        })
        .collect();
    found.sort_unstable();
    (found[RUNS / 2], found[RUNS * 9 / 10])
}

fn traffic(calls: (u32, u32), rates: (f64, f64)) -> Traffic {
    Traffic { calls, rates }
}

fn within(found: (usize, usize), half: usize, most: usize) {
    assert!(
        found.0 <= half && found.1 <= most,
        "half within {} blocks, nine tenths within {}; expected {half} and {most}",
        found.0,
        found.1
    );
}

#[test]
fn two_points_more_at_a_tenth_of_100_calls_per_second_are_known_within_a_minute() {
    for (rates, most) in [((0.021, 0.001), 1), ((0.025, 0.005), 2)] {
        let minutes = [(20, traffic((600, 5400), rates))];
        within(detection(&minutes, 0.0, 0.01), 1, most);
    }
    // Looked at each second.
    let seconds = [(300, traffic((10, 90), (0.021, 0.001)))];
    within(detection(&seconds, 0.0, 0.01), 24, 48);
    let seconds = [(300, traffic((10, 90), (0.025, 0.005)))];
    within(detection(&seconds, 0.0, 0.01), 42, 90);
}

#[test]
fn eight_percent_beside_a_clean_version_are_known_within_tens_of_calls() {
    // Blocks of 2 and of 5 calls of the canary.
    let slow = [(300, traffic((2, 18), (0.08, 0.0)))];
    within(detection(&slow, 0.0, 0.01), 22, 42);
    let quick = [(300, traffic((5, 45), (0.08, 0.0)))];
    within(detection(&quick, 0.0, 0.01), 9, 17);
}

#[test]
fn two_of_six_failures_beside_none_of_327_are_harm() {
    let evidence = harm(FEW, &[block((2, 6), (0, 327))], 0.0);
    assert!(evidence.rejects(0.005), "{}", evidence.p_value());
    let single = harm(FEW, &[block((1, 5), (0, 195))], 0.0);
    assert!(single.p_value() > 0.05, "{}", single.p_value());
}

#[test]
fn five_percent_beside_a_thousandth_are_known_within_minutes_at_twenty_calls_a_minute() {
    let minutes = [(60, traffic((20, 180), (0.05, 0.001)))];
    within(detection(&minutes, 0.0, 0.01), 5, 9);
}

#[test]
fn harm_beyond_a_tolerated_half_point_is_known_within_a_few_minutes() {
    let minutes = [(60, traffic((600, 5400), (0.025, 0.005)))];
    within(detection(&minutes, 0.005, 0.01), 3, 4);
}

#[test]
fn harm_that_begins_after_half_an_hour_is_known_within_minutes() {
    let phases = [
        (30, traffic((100, 900), (0.01, 0.01))),
        (60, traffic((100, 900), (0.03, 0.01))),
    ];
    within(detection(&phases, 0.0, 0.01), 30 + 13, 30 + 20);
}

#[test]
fn harm_goes_on_being_found_after_a_minute_that_was_bad_for_both() {
    let phases = [
        (3, traffic((600, 5400), (0.005, 0.005))),
        (1, traffic((600, 5400), (0.3, 0.3))),
        (60, traffic((600, 5400), (0.025, 0.005))),
    ];
    within(detection(&phases, 0.0, 0.01), 4 + 3, 4 + 4);
}

/// How many clean calls of the canary exclude harm of this size.
fn clean_calls(margin: f64, alpha: f64) -> u32 {
    let excluded = |calls: u32| {
        let blocks: Vec<Block> = vec![block((0, calls / 10), (0, calls * 9 / 10)); 10];
        interval(FEW, &blocks, alpha).high < margin
    };
    (1..100)
        .map(|n| n * 10)
        .find(|n| excluded(*n))
        .unwrap_or(u32::MAX)
}

#[test]
fn clean_calls_exclude_harm_of_two_points_soon() {
    let calls = clean_calls(0.02, 0.01);
    assert!(calls <= 300, "{calls} calls; a single look needs 228");
}

#[test]
fn the_same_rate_on_both_sides_excludes_harm_of_one_point_within_ten_minutes() {
    let mut generator = Generator::seeded(4);
    let minute = traffic((600, 5400), (0.01, 0.01));
    let passed = (0..40)
        .filter(|_| {
            let blocks: Vec<Block> = (0..10).map(|_| minute.block(&mut generator)).collect();
            interval(FEW, &blocks, 0.01).high < 0.01
        })
        .count();
    assert!(passed >= 38, "{passed} of 40");
}

#[test]
fn shares_are_known_to_be_above_and_below_a_limit_soon() {
    assert!(share_interval(counts(8, 100), 0.01).low > 0.01);
    assert!(share_interval(counts(2, 1000), 0.01).high < 0.02);
    assert!(share_interval(counts(0, 100), 0.01).high < 0.06);
    // 12 % slow calls where 5 % are allowed.
    let minute = counts(24, 200);
    assert!(above(&[minute], 0.05).rejects(0.01));
}

/// In how many of 100 runs this is known within ten minutes of 60 calls and 540 whose
/// shares of slow calls these are.
fn known_of_slow_calls(bets: Bets, rates: (f64, f64), is_known: fn(Bets, &[Block]) -> bool) -> u32 {
    let mut generator = Generator::seeded(6);
    let minute = traffic((60, 540), rates);
    let runs = (0..100).map(|_| {
        let blocks: Vec<Block> = (0..10).map(|_| minute.block(&mut generator)).collect();
        u32::from(is_known(bets, &blocks))
    });
    runs.sum()
}

#[test]
fn bets_on_half_know_of_more_slow_calls_sooner_than_bets_on_few() {
    let is_harm = |bets, blocks: &[Block]| harm(bets, blocks, 0.0).rejects(0.001);
    let [half, few] =
        [Bets::OnHalf, FEW].map(|bets| known_of_slow_calls(bets, (0.62, 0.5), is_harm));
    assert!(half >= 70 && few <= 45, "{half} and {few} of 100");
    let excludes = |bets, blocks: &[Block]| interval(bets, blocks, 0.01).high < 0.05;
    let [half, few] =
        [Bets::OnHalf, FEW].map(|bets| known_of_slow_calls(bets, (0.38, 0.5), excludes));
    assert!(half >= 90 && few <= half, "{half} and {few} of 100");
}
