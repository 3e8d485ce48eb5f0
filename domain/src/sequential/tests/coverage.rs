//! Intervals hold the truth at all looks together.

use super::simulation::{Generator, Traffic, counts};
use crate::sequential::Bets::{OnFew as FEW, OnHalf};
use crate::sequential::mixture::Steady;
use crate::sequential::{Bets, Block, Counts, interval, share_interval};

const ALPHA: f64 = 0.05;

/// The capital against "no more than this difference" and against "no less".
struct Bettors {
    bets: Bets,
    difference: f64,
    above: Steady,
    below: Steady,
}

impl Bettors {
    fn against(bets: Bets, difference: f64) -> Self {
        Self {
            bets,
            difference,
            above: Steady::new(&bets.weights()),
            below: Steady::new(&bets.weights()),
        }
    }

    /// Takes in a block, and answers who has won by now.
    fn see(&mut self, block: &Block) -> (bool, bool) {
        let enough = -ALPHA.ln();
        self.above.settle(self.bets.gains(block, self.difference));
        self.below
            .settle(self.bets.gains(&block.swapped(), -self.difference));
        (self.above.ln() >= enough, self.below.ln() >= enough)
    }
}

/// Whether the bounds of the difference are ever wrong: each is when the truth
/// itself is rejected. (Low, high.)
fn ever_wrong(bets: Bets, blocks: &[Block], truth: f64) -> (bool, bool) {
    let mut bettors = Bettors::against(bets, truth);
    blocks.iter().fold((false, false), |wrong, block| {
        let (low, high) = bettors.see(block);
        (wrong.0 || low, wrong.1 || high)
    })
}

fn rejected_at_the_end(blocks: &[Block], difference: f64) -> (bool, bool) {
    let mut bettors = Bettors::against(FEW, difference);
    blocks
        .iter()
        .fold((false, false), |_, block| bettors.see(block))
}

fn covers(bets: Bets, runs: u32, calls: (u32, u32), rates: &[(f64, f64)]) {
    let difference =
        rates.iter().map(|(own, beside)| own - beside).sum::<f64>() / rates.len() as f64;
    let mut generator = Generator::seeded(5);
    let (mut low, mut high) = (0, 0);
    for _ in 0..runs {
        let blocks: Vec<Block> = rates
            .iter()
            .cycle()
            .take(200)
            .map(|rates| {
                let rates = *rates;
                Traffic { calls, rates }.block(&mut generator)
            })
            .collect();
        let wrong = ever_wrong(bets, &blocks, difference);
        low += u32::from(wrong.0);
        high += u32::from(wrong.1);
    }
    assert!(low * 20 <= runs, "low wrong in {low} of {runs}");
    assert!(high * 20 <= runs, "high wrong in {high} of {runs}");
}

#[test]
fn the_difference_is_inside_the_interval_at_all_looks() {
    covers(FEW, 300, (20, 180), &[(0.01, 0.01)]);
    covers(FEW, 300, (20, 180), &[(0.03, 0.01)]);
    covers(FEW, 200, (50, 50), &[(0.05, 0.1)]);
}

#[test]
fn so_it_is_where_half_of_the_calls_are_bad_and_bets_are_on_that() {
    covers(OnHalf, 300, (20, 180), &[(0.4, 0.5)]);
    covers(OnHalf, 300, (20, 180), &[(0.5, 0.5)]);
    covers(OnHalf, 200, (50, 50), &[(0.6, 0.5)]);
}

#[test]
fn so_is_the_average_of_a_difference_that_changes() {
    // Better by two points and worse by two in turn: on average never worse.
    covers(FEW, 200, (20, 180), &[(0.01, 0.03), (0.05, 0.03)]);
}

#[test]
fn the_interval_is_what_the_bets_do_not_reject() {
    let mut generator = Generator::seeded(9);
    let traffic = Traffic {
        calls: (60, 540),
        rates: (0.02, 0.01),
    };
    let blocks: Vec<Block> = (0..10).map(|_| traffic.block(&mut generator)).collect();
    let found = interval(FEW, &blocks, ALPHA);
    for (inside, outside) in [
        (found.low + 1e-6, found.low - 1e-6),
        (found.high - 1e-6, found.high + 1e-6),
    ] {
        assert_eq!(rejected_at_the_end(&blocks, inside), (false, false));
        assert_ne!(rejected_at_the_end(&blocks, outside), (false, false));
    }
}

/// In how many of `runs` the interval of a share is wrong at any of 40 looks.
fn share_misses(runs: u32, rates: &[f64]) -> (u32, u32) {
    let mut generator = Generator::seeded(13);
    let mut misses = (0, 0);
    for _ in 0..runs {
        let (mut bad, mut calls, mut expected) = (0, 0, 0.0);
        let mut missed = (false, false);
        for rate in rates.iter().cycle().take(40) {
            bad += generator.bad(50, *rate);
            calls += 50;
            expected += 50.0 * rate;
            let average = expected / f64::from(calls);
            let found = share_interval(counts(bad, calls), ALPHA);
            missed.0 |= found.low > average;
            missed.1 |= found.high < average;
        }
        misses.0 += u32::from(missed.0);
        misses.1 += u32::from(missed.1);
    }
    misses
}

#[test]
fn the_share_is_inside_its_interval_at_all_looks_even_if_it_changes() {
    for rates in [&[0.0][..], &[0.01], &[0.05], &[0.5], &[0.02, 0.3, 0.01]] {
        let runs = 100;
        let (low, high) = share_misses(runs, rates);
        assert!(low * 20 <= runs, "{rates:?}: low wrong in {low} of {runs}");
        assert!(
            high * 20 <= runs,
            "{rates:?}: high wrong in {high} of {runs}"
        );
    }
}

#[test]
fn nothing_seen_excludes_nothing() {
    let share = share_interval(Counts::default(), 0.01);
    assert_eq!((share.low, share.high), (0.0, 1.0));
    let difference = interval(FEW, &[], 0.01);
    assert_eq!((difference.low, difference.high), (-1.0, 1.0));
}
