//! One version against an absolute limit: is its rate of bad events known to be
//! above, or known to be below?
//!
//! A bet against "the rate is at most `limit`" takes the odds of a bad call to
//! be `w` times the limit's, `w > 1`. A call gains `w^y / (1 + (w - 1) limit)`:
//! a likelihood ratio, with a mean of at most 1 for any rate up to the limit.
//! Against "at least `limit`" the same with `w < 1`. Each gain is monotone in the
//! limit, so the limits that are not rejected form an interval (Robbins 1970,
//! Howard and others 2021, Waudby-Smith and Ramdas 2024).
//!
//! Rates may change. With capital that stays on its bets, the gains of `n` calls
//! depend on their sum alone, and have a mean of at most 1 if the average of the
//! `n` probabilities is at most the limit (arithmetic and geometric means again).
//! So the interval holds for the average rate so far, at all looks together.

use super::counts::Counts;
use super::difference::last_known;
use super::evidence::Evidence;
use super::mixture::{EFFECTS, Steady, Tracking};
use crate::stats::Interval;

/// The weight of the bet that nothing at all is bad.
const NOTHING_WEIGHT: f64 = 2.0;

/// Rates are searched by the logarithm of their odds, up to this.
const MOST_LN_ODDS: f64 = 36.0;

/// A bet on other odds of a bad call than the limit's.
#[derive(Debug, Clone, Copy)]
struct Bet {
    /// The odds, in units of the limit's.
    odds: f64,
    weight: f64,
}

fn higher() -> Vec<Bet> {
    let bet = |(excess, weight)| Bet {
        odds: 1.0 + excess,
        weight,
    };
    EFFECTS.into_iter().map(bet).collect()
}

fn lower() -> Vec<Bet> {
    let bet = |(excess, weight)| Bet {
        odds: 1.0 / (1.0 + excess),
        weight,
    };
    let nothing = Bet {
        odds: 0.0,
        weight: NOTHING_WEIGHT,
    };
    EFFECTS.into_iter().map(bet).chain([nothing]).collect()
}

fn weights(bets: &[Bet]) -> Vec<f64> {
    bets.iter().map(|bet| bet.weight).collect()
}

impl Bet {
    fn gain(&self, counts: Counts, limit: f64) -> f64 {
        let bad = if counts.bad() > 0.0 {
            counts.bad() * self.odds.ln()
        } else {
            0.0
        };
        if counts.total() <= 0.0 || bad == f64::NEG_INFINITY {
            return bad;
        }
        let limit = limit.clamp(0.0, 1.0);
        bad - counts.total() * ((self.odds - 1.0) * limit).ln_1p()
    }
}

/// Evidence of these periods, in their order, that the rate of bad events is
/// above the limit, in all of them or in some.
///
/// The hypothesis that it tests is that the rate is at most `limit` in every
/// period. Use it to find harm; for the average see [`share_interval`].
#[must_use]
pub fn above(periods: &[Counts], limit: f64) -> Evidence {
    let bets = higher();
    let mut capital = Tracking::new(&weights(&bets));
    for counts in periods {
        capital.settle(bets.iter().map(|bet| bet.gain(*counts, limit)));
    }
    capital.evidence()
}

/// Bounds of the average rate of bad events among all calls so far.
///
/// Each bound is wrong at any look, however many there are, with a probability
/// of at most `alpha` (between 0 and 1). Above a limit is known if `low` is above
/// it, below a limit if `high` is below it. Nothing seen: from 0 to 1.
#[must_use]
pub fn share_interval(so_far: Counts, alpha: f64) -> Interval {
    let enough = -alpha.ln();
    let (higher, lower) = (higher(), lower());
    let known = |bets: &[Bet], ln_odds: f64| {
        let mut capital = Steady::new(&weights(bets));
        let limit = logistic(ln_odds);
        capital.settle(bets.iter().map(|bet| bet.gain(so_far, limit)));
        capital.ln() - enough
    };
    let above = |ln_odds| known(&higher, ln_odds);
    let below = |ln_odds| known(&lower, ln_odds);
    Interval {
        low: last_known(above, -MOST_LN_ODDS, MOST_LN_ODDS).map_or(0.0, logistic),
        high: last_known(below, MOST_LN_ODDS, -MOST_LN_ODDS).map_or(1.0, logistic),
    }
}

fn logistic(ln_odds: f64) -> f64 {
    1.0 / (1.0 + (-ln_odds).exp())
}
