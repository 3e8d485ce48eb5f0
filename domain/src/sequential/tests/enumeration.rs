//! Nobody gains on average while the hypothesis holds: summed over all outcomes
//! of small blocks, for a grid of rates. No chance and no approximation.

use super::simulation::{block, counts};
use crate::sequential::Bets::{OnFew as FEW, OnHalf};
use crate::sequential::mixture::Steady;
use crate::sequential::{Bets, Block, Harm, above, harm};

const RATES: [f64; 7] = [0.0, 0.01, 0.1, 0.3, 0.5, 0.9, 1.0];
const SIZES: [(u32, u32); 9] = [
    (0, 3),
    (3, 0),
    (1, 1),
    (1, 5),
    (5, 1),
    (2, 2),
    (2, 7),
    (3, 4),
    (4, 9),
];

/// The probability of each number of bad calls among `calls`.
fn binomial(calls: u32, rate: f64) -> Vec<f64> {
    let mut chances = vec![1.0];
    for _ in 0..calls {
        let mut next = vec![0.0; chances.len() + 1];
        for (bad, chance) in chances.iter().enumerate() {
            next[bad] += chance * (1.0 - rate);
            next[bad + 1] += chance * rate;
        }
        chances = next;
    }
    chances
}

/// All outcomes of a block, with their probabilities.
fn outcomes(calls: (u32, u32), rates: (f64, f64)) -> Vec<(Block, f64)> {
    let baseline = binomial(calls.1, rates.1);
    let mut all = Vec::new();
    for (own, first) in (0..).zip(binomial(calls.0, rates.0)) {
        for (beside, second) in (0..).zip(&baseline) {
            let chance = first * second;
            if chance > 0.0 {
                all.push((block((own, calls.0), (beside, calls.1)), chance));
            }
        }
    }
    all
}

/// All pairs of rates whose difference is at most the margin.
fn allowed(margin: f64) -> impl Iterator<Item = (f64, f64)> {
    RATES
        .into_iter()
        .flat_map(|own| RATES.map(|beside| (own, beside)))
        .filter(move |(own, beside)| own - beside <= margin + 1e-12)
}

fn fair(mean: f64, what: impl std::fmt::Debug) {
    assert!(mean <= 1.0 + 1e-9, "a mean of {mean}: {what:?}");
}

#[test]
fn no_bet_gains_on_average_unless_the_canary_is_worse_by_more_than_the_margin() {
    are_fair(FEW);
    are_fair(OnHalf);
}

fn are_fair(bets: Bets) {
    for margin in [-0.9, -0.2, 0.0, 0.005, 0.1, 0.4] {
        for (calls, rates) in SIZES
            .into_iter()
            .flat_map(|calls| allowed(margin).map(move |rates| (calls, rates)))
        {
            let mut means = vec![0.0; bets.weights().len()];
            for (block, chance) in outcomes(calls, rates) {
                for (mean, gain) in means.iter_mut().zip(bets.gains(&block, margin)) {
                    *mean += chance * gain.exp();
                }
            }
            for mean in means {
                fair(mean, (margin, calls, rates));
            }
        }
    }
}

#[test]
fn calls_of_one_block_may_differ_as_long_as_their_averages_do_not() {
    // Two kinds of calls in each version, whose rates average to 0.3.
    let (canary, baseline) = ([(1, 0.9), (2, 0.0)], [(2, 0.6), (2, 0.0)]);
    let parts = |kinds: [(u32, f64); 2]| kinds.map(|(calls, rate)| binomial(calls, rate));
    let ([a, b], [c, d]) = (parts(canary), parts(baseline));
    let bets = FEW;
    let mut means = vec![0.0; bets.weights().len()];
    for (i, j, k, l) in (0..2).flat_map(|i| {
        (0..3).flat_map(move |j| (0..3).flat_map(move |k| (0..3).map(move |l| (i, j, k, l))))
    }) {
        let chance = a[i] * b[j] * c[k] * d[l];
        let bad = |first: usize, second: usize| u32::try_from(first + second).unwrap_or(0);
        let block = block((bad(i, j), 3), (bad(k, l), 4));
        for (mean, gain) in means.iter_mut().zip(bets.gains(&block, 0.0)) {
            *mean += chance * gain.exp();
        }
    }
    for mean in means {
        fair(mean, "two kinds of calls");
    }
}

#[test]
fn evidence_is_fair_over_three_blocks_of_unequal_sizes_and_rates() {
    // Rates double from block to block, for both versions: a bad minute for both.
    for base in [0.01, 0.1, 0.25] {
        let blocks = [((2, 3), base), ((1, 4), base * 2.0), ((2, 2), base * 4.0)];
        let [first, second, third] = blocks.map(|(calls, rate)| outcomes(calls, (rate, rate)));
        let (mut at_the_end, mut stopped) = (0.0, 0.0);
        for (one, p1) in &first {
            for (two, p2) in &second {
                let early = harm(FEW, &[*one, *two], 0.0);
                for (three, p3) in &third {
                    let mut late = Harm::beyond(0.0);
                    for block in [one, two, three] {
                        late.see(block);
                    }
                    let chance = p1 * p2 * p3;
                    let end = late.evidence().now;
                    at_the_end += chance * end.exp();
                    // Whoever stops as soon as he is ahead gains nothing by it.
                    let stop = if early.now > 0.0 { early.now } else { end };
                    stopped += chance * stop.exp();
                }
            }
        }
        fair(at_the_end, base);
        fair(stopped, base);
    }
}

#[test]
fn evidence_of_a_canary_that_is_worse_grows_on_average() {
    let mean: f64 = outcomes((4, 9), (0.5, 0.1))
        .iter()
        .map(|(block, chance)| chance * harm(FEW, &[*block], 0.0).now.exp())
        .sum();
    assert!(mean > 1.5, "{mean}");
}

#[test]
fn thinned_counts_are_fair_where_each_bad_event_is_counted_three_times() {
    for (calls, rates) in SIZES
        .into_iter()
        .flat_map(|calls| allowed(0.0).map(move |rates| (calls, rates)))
    {
        let mut mean = 0.0;
        for (events, chance) in outcomes(calls, rates) {
            // Three attempts of each call, all good or all bad.
            let three = |counts: crate::sequential::Counts| {
                crate::sequential::Counts::new(counts.bad() * 3.0, counts.total() * 3.0)
            };
            let counted = Block {
                canary: three(events.canary),
                baseline: three(events.baseline),
            };
            mean += chance * harm(FEW, &[counted.thinned(3.0)], 0.0).now.exp();
        }
        fair(mean, (calls, rates));
    }
}

#[test]
fn no_bet_against_a_limit_gains_on_average_while_the_rate_is_within_it() {
    for limit in [0.01, 0.1, 0.3, 0.5, 1.0] {
        for rate in RATES.into_iter().filter(|rate| *rate <= limit) {
            for calls in [1, 2, 5, 12] {
                let mean: f64 = (0..)
                    .zip(binomial(calls, rate))
                    .map(|(bad, chance)| chance * above(&[counts(bad, calls)], limit).now.exp())
                    .sum();
                fair(mean, (limit, rate, calls));
            }
        }
    }
}

#[test]
fn a_steady_capital_is_fair_where_only_the_averages_of_two_blocks_are_within_the_margin() {
    // Worse by 0.4 in one block, better by 0.4 in the other, with a steady split.
    let (worse, better) = (outcomes((2, 6), (0.5, 0.1)), outcomes((2, 6), (0.1, 0.5)));
    let mut mean = 0.0;
    for (one, p1) in &worse {
        for (two, p2) in &better {
            let mut capital = Steady::new(&FEW.weights());
            capital.settle(FEW.gains(one, 0.0));
            capital.settle(FEW.gains(two, 0.0));
            mean += p1 * p2 * capital.ln().exp();
        }
    }
    fair(mean, "averages");
}
