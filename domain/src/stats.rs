//! The statistics behind the judge: intervals for shares and their difference.

/// The standard normal quantile (Acklam's rational approximation, relative
/// error below 1.15e-9), for `0 < p < 1`.
#[must_use]
pub fn normal_quantile(p: f64) -> f64 {
    const A: [f64; 6] = [
        -3.969_683_028_665_376e1,
        2.209_460_984_245_205e2,
        -2.759_285_104_469_687e2,
        1.383_577_518_672_69e2,
        -3.066_479_806_614_716e1,
        2.506_628_277_459_239,
    ];
    const B: [f64; 5] = [
        -5.447_609_879_822_406e1,
        1.615_858_368_580_409e2,
        -1.556_989_798_598_866e2,
        6.680_131_188_771_972e1,
        -1.328_068_155_288_572e1,
    ];
    const C: [f64; 6] = [
        -7.784_894_002_430_293e-3,
        -3.223_964_580_411_365e-1,
        -2.400_758_277_161_838,
        -2.549_732_539_343_734,
        4.374_664_141_464_968,
        2.938_163_982_698_783,
    ];
    const D: [f64; 4] = [
        7.784_695_709_041_462e-3,
        3.224_671_290_700_398e-1,
        2.445_134_137_142_996,
        3.754_408_661_907_416,
    ];
    const LOW: f64 = 0.02425;
    let horner = |coefficients: &[f64], x: f64| coefficients.iter().fold(0.0, |sum, c| sum * x + c);
    if p < LOW {
        let q = (-2.0 * p.ln()).sqrt();
        horner(&C, q) / (horner(&D, q) * q + 1.0)
    } else if p <= 1.0 - LOW {
        let q = p - 0.5;
        let r = q * q;
        horner(&A, r) * q / (horner(&B, r) * r + 1.0)
    } else {
        -normal_quantile(1.0 - p)
    }
}

/// An interval of shares or of their difference.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Lower bound.
    pub low: f64,
    /// Upper bound.
    pub high: f64,
}

/// Wilson's score interval for `bad` of `all`, with `z` standard deviations on
/// each side (Wilson 1927; Brown, Cai, DasGupta 2001 for why not Wald's).
/// Nothing seen: anything is possible.
#[must_use]
pub fn wilson(bad: f64, all: f64, z: f64) -> Interval {
    if all <= 0.0 {
        return Interval {
            low: 0.0,
            high: 1.0,
        };
    }
    let share = bad / all;
    let z2 = z * z / all;
    let middle = share + z2 / 2.0;
    let half = z * (share * (1.0 - share) / all + z2 / (4.0 * all)).sqrt();
    Interval {
        low: if bad <= 0.0 {
            0.0
        } else {
            ((middle - half) / (1.0 + z2)).max(0.0)
        },
        high: if bad >= all {
            1.0
        } else {
            ((middle + half) / (1.0 + z2)).min(1.0)
        },
    }
}

/// Newcombe's hybrid score interval for the difference of two shares, first
/// less second (Newcombe 1998, method 10).
#[must_use]
pub fn difference(first: (f64, f64), second: (f64, f64), z: f64) -> Interval {
    let share = |(bad, all): (f64, f64)| if all > 0.0 { bad / all } else { 0.5 };
    let (p1, p2) = (share(first), share(second));
    let one = wilson(first.0, first.1, z);
    let two = wilson(second.0, second.1, z);
    let effect = p1 - p2;
    Interval {
        low: effect - ((p1 - one.low).powi(2) + (two.high - p2).powi(2)).sqrt(),
        high: effect + ((one.high - p1).powi(2) + (p2 - two.low).powi(2)).sqrt(),
    }
}

/// The natural logarithm of `n!`: Stirling's series from 32 on (error below
/// 1e-12), the sum below that.
pub(crate) fn ln_factorial(n: f64) -> f64 {
    if n < 32.0 {
        return (2..=n as u32).map(|k| f64::from(k).ln()).sum();
    }
    let half_ln_two_pi = 0.918_938_533_204_672_7;
    (n + 0.5) * n.ln() - n + half_ln_two_pi + 1.0 / (12.0 * n) - 1.0 / (360.0 * n.powi(3))
}

/// The natural logarithm of the number of ways to choose `k` of `n`.
fn ln_choose(n: f64, k: f64) -> f64 {
    ln_factorial(n) - ln_factorial(k) - ln_factorial(n - k)
}

/// Adds terms that are known to fall until the rest can't change the sum.
fn falling_sum(terms: impl Iterator<Item = f64>) -> f64 {
    let mut sum = 0.0_f64;
    for term in terms {
        sum += term;
        if term < sum * 1e-16 {
            break;
        }
    }
    sum.min(1.0)
}

/// The probability that chance alone gives the first of two samples as many
/// failures as it has, or more, if both fail equally often: Fisher's exact
/// test, one-sided. Valid for any counts, however small.
///
/// Each sample is `(failures, all)`, in whole numbers.
#[must_use]
pub fn fisher_greater(first: (f64, f64), second: (f64, f64)) -> f64 {
    let (bad, all) = (first.0.round(), first.1.round());
    let failures = bad + second.0.round();
    let calls = all + second.1.round();
    // Below the expected number, chance gives as many more often than not.
    if calls <= 0.0 || bad * calls <= all * failures {
        return 1.0;
    }
    let most = all.min(failures);
    let total = ln_choose(calls, failures);
    let term = |k: f64| (ln_choose(all, k) + ln_choose(calls - all, failures - k) - total).exp();
    falling_sum(counting(bad, most).map(term))
}

/// The probability of as many failures as these, or more, if each call fails
/// with this probability: the exact binomial test, one-sided.
#[must_use]
pub fn binomial_greater(bad: f64, all: f64, share: f64) -> f64 {
    let (bad, all) = (bad.round(), all.round());
    if bad <= all * share {
        return 1.0;
    }
    let (ln_share, ln_rest) = (share.ln(), (1.0 - share).ln());
    let term = |k: f64| {
        let rest = if all > k { (all - k) * ln_rest } else { 0.0 };
        (ln_choose(all, k) + k * ln_share + rest).exp()
    };
    falling_sum(counting(bad, all).map(term))
}

fn counting(from: f64, to: f64) -> impl Iterator<Item = f64> {
    std::iter::successors(Some(from), |k| Some(k + 1.0)).take_while(move |k| *k <= to)
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
    fn the_normal_quantile_agrees_with_published_tables() {
        close(normal_quantile(0.5), 0.0, 1e-9);
        close(normal_quantile(0.975), 1.959_963_985, 1e-8);
        close(normal_quantile(0.999), 3.090_232_306, 1e-8);
        close(normal_quantile(0.001), -3.090_232_306, 1e-8);
    }

    #[test]
    fn wilsons_interval_agrees_with_newcombes_published_example() {
        // Newcombe 1998 (Statistics in Medicine 17:857), 81 of 263: 0.2553 to 0.3662.
        let interval = wilson(81.0, 263.0, normal_quantile(0.975));
        close(interval.low, 0.2553, 5e-5);
        close(interval.high, 0.3662, 5e-5);
    }

    #[test]
    fn the_difference_agrees_with_newcombes_published_example() {
        // Newcombe 1998 (Statistics in Medicine 17:873), 56/70 against 48/80: 0.0524 to 0.3339.
        let interval = difference((56.0, 70.0), (48.0, 80.0), normal_quantile(0.975));
        close(interval.low, 0.0524, 5e-5);
        close(interval.high, 0.3339, 5e-5);
    }

    #[test]
    fn nothing_seen_excludes_nothing() {
        assert_eq!(
            wilson(0.0, 0.0, 2.0),
            Interval {
                low: 0.0,
                high: 1.0
            }
        );
    }

    #[test]
    fn fishers_test_agrees_with_his_own_example() {
        // The lady tasting tea (Fisher 1935): all 4 of 4 right by chance is 1 in 70,
        // 3 of 4 or better 17 in 70.
        close(fisher_greater((4.0, 4.0), (0.0, 4.0)), 1.0 / 70.0, 1e-12);
        close(fisher_greater((3.0, 4.0), (1.0, 4.0)), 17.0 / 70.0, 1e-12);
    }

    #[test]
    fn one_failure_of_five_beside_none_of_195_is_one_chance_in_forty() {
        close(fisher_greater((1.0, 5.0), (0.0, 195.0)), 5.0 / 200.0, 1e-9);
    }

    #[test]
    fn the_binomial_test_agrees_with_counting_by_hand() {
        close(binomial_greater(2.0, 2.0, 0.5), 0.25, 1e-12);
        close(binomial_greater(9.0, 10.0, 0.5), 11.0 / 1024.0, 1e-12);
        close(binomial_greater(3.0, 3.0, 0.0), 0.0, 1e-12);
        assert_eq!(binomial_greater(0.0, 0.0, 0.05), 1.0);
    }

    #[test]
    fn large_counts_neither_overflow_nor_take_long() {
        let p = fisher_greater((60_000.0, 1_000_000.0), (500_000.0, 9_000_000.0));
        assert!((0.0..1e-6).contains(&p), "{p}");
        assert_eq!(fisher_greater((10.0, 1e6), (90.0, 9e6)), 1.0);
    }
}
