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
use super::two_streams::Bets;
use crate::stats::Interval;

/// How much more than enough, as a logarithm, may be known at an interval's end.
const SPARE: f64 = 1e-4;

/// So far from enough, as a logarithm, it only matters on which side.
const FAR: f64 = 8.0;

/// How often the search for an interval's end may guess. Every third guess halves
/// what is left: to 2e-9 of a difference of rates.
const GUESSES: u32 = 90;

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
pub fn interval(bets: Bets, blocks: &[Block], alpha: f64) -> Interval {
    let (low, high) = bounds(bets, blocks, alpha);
    // Blocks so different that no one difference fits all leave none between the
    // bounds. Exchanged, each is weaker than what is known.
    Interval {
        low: low.min(high),
        high: high.max(low),
    }
}

/// Whether the upper bound of [`interval`] is below this difference.
#[must_use]
pub fn excludes(bets: Bets, blocks: &[Block], difference: f64, alpha: f64) -> bool {
    let enough = -alpha.ln();
    let swapped: Vec<Block> = blocks.iter().map(Block::swapped).collect();
    ln_against(bets, &swapped, -difference) > enough
        && ln_against(bets, blocks, difference) < enough
}

/// The largest difference that is known to be exceeded, and the smallest that is
/// known not to be reached.
pub(super) fn bounds(bets: Bets, blocks: &[Block], alpha: f64) -> (f64, f64) {
    let enough = -alpha.ln();
    let swapped: Vec<Block> = blocks.iter().map(Block::swapped).collect();
    let above = |margin: f64| ln_against(bets, blocks, margin) - enough;
    let below = |margin: f64| ln_against(bets, &swapped, -margin) - enough;
    (
        last_known(above, -1.0, 1.0).unwrap_or(-1.0),
        last_known(below, 1.0, -1.0).unwrap_or(1.0),
    )
}

/// The logarithm of the capital against "at most `margin` above".
fn ln_against(bets: Bets, blocks: &[Block], margin: f64) -> f64 {
    let mut capital = Steady::new(&bets.weights());
    for block in blocks {
        capital.settle(bets.gains(block, margin));
    }
    capital.ln()
}

/// The last value on the way from one to another at which something is known that
/// is known up to some value and not beyond: where `surplus`, which falls on the
/// way, is not negative. None: not known at the start.
///
/// The secant between what is known and what is not, turned down on the side that
/// stays (the Illinois method, Dowell and Jarratt 1971); halving where there is none.
pub(super) fn last_known(surplus: impl Fn(f64) -> f64, from: f64, to: f64) -> Option<f64> {
    // The target lies in the middle of what is near enough.
    let missed_by = |value: f64| (surplus(value) - SPARE / 2.0).clamp(-FAR, FAR);
    let (mut yes, mut no) = ((from, missed_by(from)), (to, missed_by(to)));
    let is_known = |missed: f64| missed >= -SPARE / 2.0;
    if !is_known(yes.1) {
        return None;
    }
    let mut stayed = None;
    for guess in 1..=GUESSES {
        if yes.1.abs() <= SPARE / 2.0 {
            break;
        }
        let middle = if guess % 3 == 0 {
            f64::midpoint(yes.0, no.0)
        } else {
            crossing(yes, no)
        };
        let missed = missed_by(middle);
        let known = is_known(missed);
        let (moved, other) = if known {
            (&mut yes, &mut no)
        } else {
            (&mut no, &mut yes)
        };
        *moved = (middle, missed);
        if stayed == Some(known) {
            other.1 /= 2.0;
        }
        stayed = Some(known);
    }
    Some(yes.0)
}

/// Where the line through two points, one above and one below, meets zero.
fn crossing(above: (f64, f64), below: (f64, f64)) -> f64 {
    let part = above.1 / (above.1 - below.1);
    if part.is_finite() && part > 0.0 && part < 1.0 {
        above.0 + part * (below.0 - above.0)
    } else {
        f64::midpoint(above.0, below.0)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::sequential::Counts;
    use Bets::OnFew as FEW;

    /// The same minute, this many times.
    fn minutes(calls: f64, bad: f64, many: usize) -> Vec<Block> {
        let block = Block {
            canary: Counts::new(bad, calls),
            baseline: Counts::new(9.0 * bad, 9.0 * calls),
        };
        vec![block; many]
    }

    const MINUTES: [(f64, f64); 4] = [(6.0, 0.0), (60.0, 1.0), (600.0, 12.0), (6000.0, 120.0)];

    #[test]
    fn the_end_of_an_interval_is_found_in_few_guesses() {
        for (calls, bad) in MINUTES {
            for many in [2, 60] {
                let (blocks, guesses) = (minutes(calls, bad, many), Cell::new(0));
                let surplus = |margin: f64| {
                    guesses.set(guesses.get() + 1);
                    ln_against(FEW, &blocks, margin) - 100.0_f64.ln()
                };
                let end = last_known(surplus, -1.0, 1.0).expect("known at the start");
                let found = guesses.get();
                assert!(
                    found <= 25,
                    "{found} guesses for {calls} calls, {many} times"
                );
                let spare = surplus(end);
                assert!((0.0..=SPARE).contains(&spare), "{spare} more than enough");
            }
        }
    }

    #[test]
    fn what_is_excluded_lies_above_the_interval() {
        for (calls, bad) in MINUTES {
            let blocks = minutes(calls, bad, 10);
            let high = interval(FEW, &blocks, 0.01).high;
            assert!(excludes(FEW, &blocks, high * 1.001, 0.01), "{high}");
            assert!(!excludes(FEW, &blocks, high * 0.999, 0.01), "{high}");
        }
    }

    #[test]
    fn of_nothing_an_interval_is_everything() {
        assert_eq!(bounds(FEW, &[], 0.01), (-1.0, 1.0));
        assert!(!excludes(FEW, &[], 1.0, 0.01));
    }
}
