//! How long simulated calls take: log-normal, counted in buckets.
//!
//! The old version's median is 100 ms and its 99th percentile 404 ms, so that one
//! in 270 calls takes longer than [`SLOW_MS`].

/// Bounds of the buckets, in milliseconds. A last bucket has what is slower. 125
/// ms is 1.25 times the old version's median, 268 ms its 95th percentile and 537 ms
/// twice that.
pub const BOUNDS: [f64; 16] = [
    25.0, 50.0, 75.0, 100.0, 125.0, 150.0, 200.0, 268.0, 300.0, 400.0, 500.0, 537.0, 750.0, 1000.0,
    1500.0, 2500.0,
];
const BUCKETS: usize = BOUNDS.len() + 1;

/// Above this a call is slow: the bound that Flagger's documentation uses.
pub const SLOW_MS: f64 = 500.0;

const MEDIAN_MS: f64 = 100.0;
const SIGMA: f64 = 0.6;

use sluice_domain::stats::normal_quantile;

use sluice_domain::generator::Generator;

/// How likely a call falls into each bucket.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shares([f64; BUCKETS]);

impl Shares {
    /// Of a version that takes `factor` times as long as the old one.
    #[must_use]
    pub fn of(factor: f64) -> Self {
        let mut shares = [0.0; BUCKETS];
        let mut below = 0.0;
        for (share, bound) in shares.iter_mut().zip(BOUNDS) {
            let up_to = 1.0 - slower(bound, factor);
            *share = up_to - below;
            below = up_to;
        }
        shares[BUCKETS - 1] = 1.0 - below;
        Self(shares)
    }
}

/// How long this percentage of the old version's calls take at most.
#[must_use]
pub fn percentile_ms(percentile: f64) -> f64 {
    MEDIAN_MS * (SIGMA * normal_quantile(percentile / 100.0)).exp()
}

/// The share of calls slower than this, of a version that takes `factor` times
/// as long as the old one.
#[must_use]
pub fn slower(bound_ms: f64, factor: f64) -> f64 {
    let deviations = (bound_ms / (MEDIAN_MS * factor)).ln() / SIGMA;
    complementary_error(deviations / std::f64::consts::SQRT_2) / 2.0
}

/// Calls by bucket.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Histogram([u64; BUCKETS]);

impl Histogram {
    /// Throws this many calls into buckets.
    #[must_use]
    pub fn draw(calls: u64, shares: &Shares, generator: &mut Generator) -> Self {
        let mut buckets = [0; BUCKETS];
        let (mut left, mut rest) = (calls, 1.0);
        for (bucket, share) in buckets.iter_mut().zip(shares.0) {
            if left == 0 {
                break;
            }
            *bucket = generator.binomial(left, (share / rest).clamp(0.0, 1.0));
            left -= *bucket;
            rest -= share;
        }
        buckets[BUCKETS - 1] += left;
        Self(buckets)
    }

    /// Calls in this histogram.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Calls slower than a bound. Between two of [`BOUNDS`] calls are taken to
    /// spread evenly over the logarithm; above the last one all are slower.
    #[must_use]
    pub fn slower(&self, bound_ms: f64) -> f64 {
        let below = BOUNDS
            .iter()
            .take_while(|bound| **bound <= bound_ms)
            .count();
        let above: u64 = self.0[(below + 1).min(BUCKETS)..].iter().sum();
        let own = self.0[below] as f64;
        let share = match (
            below.checked_sub(1).map(|lower| BOUNDS[lower]),
            BOUNDS.get(below),
        ) {
            (Some(lower), Some(upper)) => (upper / bound_ms).ln() / (upper / lower).ln(),
            _ => 1.0,
        };
        above as f64 + own * share
    }

    /// The mean, each call taken as long as the middle of its bucket. None
    /// without calls.
    #[must_use]
    pub fn mean_ms(&self) -> Option<f64> {
        let calls = self.calls();
        let lower = std::iter::once(0.0).chain(BOUNDS);
        let upper = BOUNDS.into_iter().chain([2.0 * BOUNDS[BOUNDS.len() - 1]]);
        let middles = lower.zip(upper).map(|(low, high)| f64::midpoint(low, high));
        let sum: f64 = self
            .0
            .iter()
            .zip(middles)
            .map(|(n, ms)| *n as f64 * ms)
            .sum();
        (calls > 0).then(|| sum / calls as f64)
    }
}

/// `erfc`, by the rational approximation 7.1.26 of Abramowitz and Stegun
/// (error below 1.5e-7).
fn complementary_error(x: f64) -> f64 {
    const A: [f64; 5] = [
        0.254_829_592,
        -0.284_496_736,
        1.421_413_741,
        -1.453_152_027,
        1.061_405_429,
    ];
    let t = 1.0 / (1.0 + 0.327_591_1 * x.abs());
    let polynomial = A.iter().rev().fold(0.0, |sum, a| (sum + a) * t);
    let tail = polynomial * (-x * x).exp();
    if x >= 0.0 { tail } else { 2.0 - tail }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: f64, expected: f64, within: f64) {
        assert!(
            (found - expected).abs() < within,
            "found {found}, expected {expected}"
        );
    }

    #[test]
    fn half_of_the_calls_are_slower_than_the_median() {
        close(slower(100.0, 1.0), 0.5, 1e-6);
        close(slower(300.0, 3.0), 0.5, 1e-6);
    }

    #[test]
    fn slow_calls_are_one_in_270_and_become_six_times_as_many_at_half_as_long_again() {
        close(slower(SLOW_MS, 1.0), 0.003_65, 1e-5);
        close(slower(SLOW_MS, 1.5), 0.022_39, 1e-5);
        close(slower(SLOW_MS, 3.0), 0.197_3, 1e-4);
    }

    #[test]
    fn every_call_falls_into_one_bucket_in_the_right_share() {
        let mut generator = Generator::new(&[3]);
        let drawn = Histogram::draw(100_000, &Shares::of(3.0), &mut generator);
        assert_eq!(drawn.calls(), 100_000);
        close(drawn.slower(SLOW_MS) / 1e5, 0.1973, 0.005);
        close(drawn.slower(300.0) / 1e5, 0.5, 0.006);
    }

    #[test]
    fn between_two_bounds_calls_are_spread() {
        // All calls between 300 and 400 ms; 346.4 ms is halfway by logarithm.
        let mut buckets = [0; BUCKETS];
        buckets[9] = 100;
        let all = Histogram(buckets);
        close(all.slower(300.0), 100.0, 1e-9);
        close(all.slower(346.41), 50.0, 0.01);
        close(all.slower(400.0), 0.0, 1e-9);
        close(all.slower(10_000.0), 0.0, 1e-9);
    }

    #[test]
    fn percentiles_are_those_of_the_old_version() {
        close(percentile_ms(50.0), 100.0, 1e-6);
        close(2.0 * percentile_ms(95.0), 536.6, 0.1);
        close(percentile_ms(99.0), 403.9, 0.1);
    }

    #[test]
    fn a_mean_needs_a_call() {
        assert_eq!(Histogram::default().mean_ms(), None);
        let mut generator = Generator::new(&[4]);
        let drawn = Histogram::draw(100_000, &Shares::of(1.0), &mut generator);
        // exp(0.6² / 2) times the median, and what the buckets' middles cost.
        close(drawn.mean_ms().unwrap_or_default(), 119.7, 4.0);
    }
}
