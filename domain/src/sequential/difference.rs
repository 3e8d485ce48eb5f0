//! How much worse is the new version, and how much can it be?
//!
//! The bets of [`two_streams`](super::two_streams) test every difference at
//! once: what they reject lies outside the interval (Turner and Grünwald 2023).
//! The same bets are placed whatever the difference, and each gain falls as it
//! rises, so what is left is an interval and its ends are found by halving.
//!
//! The capital stays on its bets here. If it followed changes, harm that begins
//! late would leave an upper bound from before it standing.

use super::counts::Block;
use super::mixture::Steady;
use super::two_streams::{gains, weights};
use crate::stats::Interval;

/// How often an interval's end is halved: to 2e-9 of a difference of rates.
const HALVINGS: u32 = 30;

/// The difference of the rates of bad events, canary less baseline, as if each
/// minute were compared on its own (Mantel and Haenszel's weights: a minute that
/// is bad for both does not move it). 0 if there is nothing to compare.
#[must_use]
pub fn effect(blocks: &[Block]) -> f64 {
    let (mut sum, mut weights) = (0.0, 0.0);
    for block in blocks.iter().filter(|block| block.compares()) {
        let (canary, baseline) = (block.canary, block.baseline);
        let weight = canary.total() * (1.0 - block.share());
        sum += weight * (canary.bad() / canary.total() - baseline.bad() / baseline.total());
        weights += weight;
    }
    if weights > 0.0 { sum / weights } else { 0.0 }
}

/// Bounds of the difference of rates, canary less baseline.
///
/// Each bound is wrong at any look, however many there are, with a probability
/// of at most `alpha` (between 0 and 1), if the difference is the same in all
/// blocks. If it changes, the same holds of the difference of the average rates
/// so far while the split of the calls between the versions stays; without that,
/// `low` is below the largest and `high` above the smallest difference of all
/// blocks. Nothing to compare: from -1 to 1.
#[must_use]
pub fn interval(blocks: &[Block], alpha: f64) -> Interval {
    let (low, high) = bounds(blocks, alpha);
    // Blocks so different that no one difference fits all leave none between the
    // bounds. Exchanged, each is weaker than what is known.
    Interval {
        low: low.min(high),
        high: high.max(low),
    }
}

/// The largest difference that is known to be exceeded, and the smallest that is
/// known not to be reached.
pub(super) fn bounds(blocks: &[Block], alpha: f64) -> (f64, f64) {
    let enough = -alpha.ln();
    let swapped: Vec<Block> = blocks.iter().map(Block::swapped).collect();
    let above = |margin: f64| ln_against(blocks, margin) >= enough;
    let below = |margin: f64| ln_against(&swapped, -margin) >= enough;
    (
        last_known(above, -1.0, 1.0).unwrap_or(-1.0),
        last_known(below, 1.0, -1.0).unwrap_or(1.0),
    )
}

/// The logarithm of the capital against "at most `margin` above".
fn ln_against(blocks: &[Block], margin: f64) -> f64 {
    let mut capital = Steady::new(&weights());
    for block in blocks {
        capital.settle(gains(block, margin));
    }
    capital.ln()
}

/// The last value on the way from one to another at which something is known
/// that is known up to some value and not beyond. None: not known at the start.
pub(super) fn last_known(known: impl Fn(f64) -> bool, from: f64, to: f64) -> Option<f64> {
    let (mut yes, mut no) = (from, to);
    if !known(yes) {
        return None;
    }
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(yes, no);
        if known(middle) {
            yes = middle;
        } else {
            no = middle;
        }
    }
    Some(yes)
}
