//! Is the new version worse than the one beside it, by more than a margin?
//!
//! # The bet, and why it is fair
//!
//! A bet has a `stake` in (0, 1] and two reference rates that differ by the
//! margin: `own - beside = margin`. In a block of `n` calls of the canary and
//! `m` of the baseline let `lift = stake m / n`. Then
//!
//! - a call of the canary multiplies what was staked by `1 + lift (y - own)`,
//! - a call of the baseline by `1 - stake (y - beside)`,
//!
//! where `y` is 1 for a bad call and 0 for a good one. Let `p` and `q` be the
//! mean probabilities of a bad call in this block. Calls are independent, so the
//! block's mean gain is a product of `n + m` means; by the inequality of
//! arithmetic and geometric means it is at most
//!
//! ```text
//! (1 + (n lift (p - own) - m stake (q - beside)) / (n + m)) ^ (n + m)
//!     = (1 + stake m (p - q - margin) / (n + m)) ^ (n + m)
//! ```
//!
//! which is at most 1 whenever `p - q <= margin`. Nothing else is assumed: any
//! `n` and `m`, any rates, other rates in every block and even for every call.
//! A bet that could lose more than was staked (`lift own > 1`) is void.
//!
//! This is the E-variable of Turner, Ly and Grünwald (2024) for a block of two
//! Bernoulli streams, for the convex hypothesis `p - q <= margin` of Turner and
//! Grünwald (2023), written by its bets and not by an alternative. With both
//! references at 0 a bad event of the canary multiplies by `(1 + e) / (1 + e s)`
//! and one of the baseline by `1 / (1 + e s)`, where `s` is the canary's share of
//! the calls: the test of the canary's share of the bad events (Lindon and Malek
//! 2022). It needs no guess of the base rate. References above 0 waste less
//! where bad events are frequent.
//!
//! # Given the numbers of calls
//!
//! Callers decide how many calls there are, and the alias tosses a coin for each.
//! So every mean above is taken given `n` and `m` of the block and all blocks
//! before. That is valid as long as an outcome does not decide how many calls
//! either version gets in the same block. (Retries do, a little: see
//! [`dispersion`](super::dispersion()).)
//!
//! A block in which one version was not called gains exactly 1.

use std::sync::LazyLock;

use super::counts::Block;
use super::evidence::Evidence;
use super::mixture::{EFFECTS, Tracking};

/// How frequent bad events are thought to be, and so which bets are placed. What
/// they promise holds for any rates: a good guess is quick, and a bad one slow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Bets {
    /// Few of the calls, as failed ones are.
    #[default]
    OnFew,
    /// About half of them, as those that are slower than a median.
    OnHalf,
}

/// A bet that the canary has more bad events than its share of the calls.
#[derive(Debug, Clone, Copy)]
struct Bet {
    /// How much likelier a bad event is in the canary, less one.
    excess: f64,
    /// The lower of the two reference rates.
    reference: f64,
}

/// Effects that are also bet on with a reference above 0. Where bad events are
/// frequent they can't be many times as many.
const FREQUENT: std::ops::Range<usize> = 1..7;
const FREQUENT_REFERENCE: f64 = 0.2;
const FREQUENT_WEIGHT: f64 = 0.5;

/// The weight of the bet that all bad events are the canary's.
const ALL_WEIGHT: f64 = 1.0;

/// Effects that are bet on where about half of the calls are bad. Large ones are for
/// the interval's other end, where the versions' places are exchanged: if most calls
/// are the first version's, a large effect moves little.
const HALF: [(f64, f64); 10] = [
    (0.03, 0.3),
    (0.1, 0.3),
    (0.2, 0.3),
    (0.4, 1.0),
    (0.8, 1.0),
    (1.5, 1.0),
    (3.0, 1.0),
    (6.0, 1.0),
    (15.0, 1.0),
    (60.0, 1.0),
];
const HALF_REFERENCE: f64 = 0.35;

static ON_FEW: LazyLock<Vec<(Bet, f64)>> = LazyLock::new(|| Bets::OnFew.places());
static ON_HALF: LazyLock<Vec<(Bet, f64)>> = LazyLock::new(|| Bets::OnHalf.places());

impl Bets {
    /// All bets, with their weights.
    fn placed(self) -> &'static [(Bet, f64)] {
        match self {
            Self::OnFew => &ON_FEW,
            Self::OnHalf => &ON_HALF,
        }
    }

    /// The same, put together.
    fn places(self) -> Vec<(Bet, f64)> {
        let with = |reference| {
            move |(excess, weight): &(f64, f64)| {
                let excess = *excess;
                (Bet { excess, reference }, *weight)
            }
        };
        match self {
            Self::OnFew => {
                let frequent = EFFECTS[FREQUENT].iter().map(with(FREQUENT_REFERENCE));
                let all = with(0.0)(&(f64::INFINITY, ALL_WEIGHT));
                let rare = EFFECTS.iter().map(with(0.0));
                rare.chain(frequent.map(|(bet, _)| (bet, FREQUENT_WEIGHT)))
                    .chain([all])
                    .collect()
            }
            Self::OnHalf => HALF.iter().map(with(HALF_REFERENCE)).collect(),
        }
    }

    /// The weights of the bets, in their order.
    pub(super) fn weights(self) -> Vec<f64> {
        self.placed().iter().map(|(_, weight)| *weight).collect()
    }

    /// The logarithm of each bet's gain in a block, against the hypothesis that the
    /// canary's rate is at most `margin` above the baseline's. Falls as the margin
    /// rises, rises with each bad event of the canary, falls with each of the baseline.
    pub(super) fn gains(self, block: &Block, margin: f64) -> impl Iterator<Item = f64> {
        let block = *block;
        let placed = self.placed().iter();
        placed.map(move |(bet, _)| bet.gain(&block, margin))
    }
}

impl Bet {
    fn gain(&self, block: &Block, margin: f64) -> f64 {
        if !block.compares() {
            return 0.0;
        }
        let (canary, baseline) = (block.canary, block.baseline);
        let stake = self.stake(block.share());
        let lift = stake * baseline.total() / canary.total();
        let own = self.reference + margin.max(0.0);
        let beside = self.reference + (-margin).max(0.0);
        if lift * own > 1.0 {
            return f64::NEG_INFINITY;
        }
        times(canary.bad(), lift * (1.0 - own))
            + times(canary.good(), -lift * own)
            + times(baseline.bad(), -stake * (1.0 - beside))
            + times(baseline.good(), stake * beside)
    }

    /// What is staked against the baseline, where this much of all calls is the
    /// canary's.
    fn stake(&self, share: f64) -> f64 {
        if self.excess.is_infinite() {
            return 1.0;
        }
        self.excess * share / (1.0 + self.excess * share)
    }
}

/// The logarithm of `(1 + gain) ^ count`.
fn times(count: f64, gain: f64) -> f64 {
    if count == 0.0 || gain == 0.0 {
        return 0.0;
    }
    count * gain.ln_1p()
}

/// Evidence that the canary's rate of bad events is more than a margin above
/// the baseline's, gathered block by block.
///
/// The hypothesis that it tests is that in every block the canary's rate is at
/// most `margin` above. A bad minute that hits both versions is no evidence.
#[derive(Debug, Clone)]
pub struct Harm {
    bets: Bets,
    margin: f64,
    capital: Tracking,
}

impl Harm {
    /// No evidence yet. The margin is a difference of rates: 0.005 tolerates
    /// half a point.
    #[must_use]
    pub fn beyond(margin: f64) -> Self {
        Self::by(Bets::default(), margin)
    }

    /// The same, by these bets.
    #[must_use]
    pub fn by(bets: Bets, margin: f64) -> Self {
        Self {
            bets,
            margin,
            capital: Tracking::new(&bets.weights()),
        }
    }

    /// Takes in the next block.
    pub fn see(&mut self, block: &Block) {
        self.capital.settle(self.bets.gains(block, self.margin));
    }

    /// What the blocks so far say.
    #[must_use]
    pub fn evidence(&self) -> Evidence {
        self.capital.evidence()
    }
}

/// Evidence of these blocks, in their order, that the canary's rate is more than
/// `margin` above the baseline's. See [`Harm`].
#[must_use]
pub fn harm(bets: Bets, blocks: &[Block], margin: f64) -> Evidence {
    let mut harm = Harm::by(bets, margin);
    for block in blocks {
        harm.see(block);
    }
    harm.evidence()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sequential::Counts;

    fn close(found: f64, expected: f64) {
        assert!(
            (found - expected).abs() < 1e-9,
            "found {found}, expected {expected}"
        );
    }

    fn gain(excess: f64, reference: f64, margin: f64) -> f64 {
        // 2 of 6 beside 0 of 327.
        let block = Block {
            canary: Counts::new(2.0, 6.0),
            baseline: Counts::new(0.0, 327.0),
        };
        Bet { excess, reference }.gain(&block, margin)
    }

    #[test]
    fn a_bad_event_gains_what_the_share_of_the_calls_makes_of_it() {
        // Four times as likely: (1 + 3) / (1 + 3 * 6 / 333) for each of two.
        close(
            gain(3.0, 0.0, 0.0),
            2.0 * (4.0_f64 / (1.0 + 18.0 / 333.0)).ln(),
        );
        // All of them the canary's: 333 / 6 for each.
        close(gain(f64::INFINITY, 0.0, 0.0), 2.0 * (333.0_f64 / 6.0).ln());
    }

    #[test]
    fn a_margin_is_paid_for_by_each_good_call() {
        // stake = 18 / 351, lift = stake * 327 / 6.
        let lift = 18.0_f64 / 351.0 * 327.0 / 6.0;
        let bad = (1.0 + lift * 0.99).ln();
        let good = (1.0 - lift * 0.01).ln();
        close(gain(3.0, 0.0, 0.01), 2.0 * bad + 4.0 * good);
    }

    #[test]
    fn a_bet_that_could_lose_more_than_was_staked_is_void() {
        assert_eq!(gain(f64::INFINITY, 0.0, 0.1), f64::NEG_INFINITY);
        assert!(harm(Bets::OnFew, &[], 0.1).now.abs() < 1e-12);
    }
}
