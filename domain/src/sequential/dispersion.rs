//! How much less the counts say because bad events come in bursts.
//!
//! All tests here take calls to be independent, given the rates of their period.
//! Bursts that hit both versions in the same period are part of those rates and
//! need no correction. What needs one:
//!
//! - **Clusters.** Lambda retries a failed asynchronous invocation twice, so one
//!   bad event may be counted three times.
//! - **Bursts of one version.** A stuck instance fails many calls in a row.
//!
//! The correction divides all counts by a factor: the effective number of calls.
//! It has three properties.
//!
//! 1. *It never makes a false alarm likelier.* A gain to the power of `1 / factor`
//!    has a mean of at most 1 if the gain has (Jensen's inequality), and the
//!    capital of thinned counts is at most the larger of 1 and the capital of the
//!    whole counts. So thinning by any factor from 1 on is valid where the tests
//!    are, even if the factor was estimated from the same data and changes from
//!    look to look.
//! 2. *It is enough for clusters.* If a bad event is counted at most `c` times,
//!    all in one period, a factor of `c` or more keeps the promise: the
//!    geometric mean of `c` gains is at most their arithmetic mean. (Retries also
//!    add calls, and some fall in the next period. That matters little while few
//!    calls are bad.)
//! 3. *For bursts of one version it is an estimate.* It brings false alarms down
//!    from many to few, but not to `alpha`: nothing is known of bursts from the
//!    first period alone, nor of one that has not come yet.

use super::counts::Block;

/// How many periods without bursts the estimate starts from.
const PRIOR_PERIODS: f64 = 2.0;

/// The factor by which counts should be divided, `least` or more (and 1 or more).
///
/// It is the sum of squares by which the canary's bad events miss their expected
/// share of each period's, over the sum that chance alone gives (Pearson's
/// statistic, as a ratio of sums so that periods with few events do not decide).
/// The expected share assumes one ratio of the rates throughout (Mantel and
/// Haenszel's estimate), so a canary that is steadily worse does not count as
/// bursts. `least` is how often one bad event may be counted: 3 for functions
/// that are called asynchronously, otherwise 1.
#[must_use]
pub fn dispersion(blocks: &[Block], least: f64) -> f64 {
    let useful: Vec<&Block> = blocks
        .iter()
        .filter(|block| block.compares() && block.bad() > 0.0)
        .collect();
    let own: f64 = useful
        .iter()
        .map(|block| block.canary.bad() * (1.0 - block.share()))
        .sum();
    let beside: f64 = useful
        .iter()
        .map(|block| block.baseline.bad() * block.share())
        .sum();
    let (mut missed, mut chance) = (0.0, 0.0);
    for block in &useful {
        let (squares, variance) = spread(block, own, beside);
        missed += squares;
        chance += variance;
    }
    let least = least.max(1.0);
    if chance <= 0.0 {
        return least;
    }
    let periods = useful.len() as f64;
    let prior = PRIOR_PERIODS * chance / periods;
    // One degree of freedom went into the ratio of the rates.
    let expected = chance * (periods - 1.0) / periods;
    ((prior + missed) / (prior + expected)).max(least)
}

/// By how much, squared, the canary's bad events miss their expected number, and
/// what chance makes of it on average, if rates are as `own` to `beside`.
fn spread(block: &Block, own: f64, beside: f64) -> (f64, f64) {
    let (canary, baseline) = (block.canary, block.baseline);
    let odds = own * canary.total();
    let share = odds / (odds + beside * baseline.total());
    let (bad, calls) = (block.bad(), canary.total() + baseline.total());
    // Without replacement: no call is bad twice.
    let rest = (calls - bad) / (calls - 1.0).max(1.0);
    let variance = bad * share * (1.0 - share) * rest;
    ((canary.bad() - bad * share).powi(2), variance)
}
