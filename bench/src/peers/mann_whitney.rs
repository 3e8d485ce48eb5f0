//! The Mann-Whitney U test as Kayenta computes it: normal approximation with
//! continuity correction and ties, and the location shift that goes with it.

/// Two samples, sorted.
#[derive(Debug)]
pub struct Samples {
    first: Vec<f64>,
    second: Vec<f64>,
}

impl Samples {
    /// Of two lists that are not empty. None if one is.
    #[must_use]
    pub fn new(mut first: Vec<f64>, mut second: Vec<f64>) -> Option<Self> {
        first.sort_by(f64::total_cmp);
        second.sort_by(f64::total_cmp);
        (!first.is_empty() && !second.is_empty()).then_some(Self { first, second })
    }

    /// Whether both have the same values.
    #[must_use]
    pub fn are_identical(&self) -> bool {
        self.first == self.second
    }

    /// The value of each, if each has only one.
    #[must_use]
    pub fn constants(&self) -> Option<(f64, f64)> {
        let constant = |sample: &[f64]| {
            let (low, high) = (sample[0], sample[sample.len() - 1]);
            (low >= high).then_some(low)
        };
        Some((constant(&self.first)?, constant(&self.second)?))
    }

    /// The means of both.
    #[must_use]
    pub fn means(&self) -> (f64, f64) {
        let mean = |sample: &[f64]| sample.iter().sum::<f64>() / sample.len() as f64;
        (mean(&self.first), mean(&self.second))
    }

    /// The standardized statistic against a shift of the first sample by this
    /// much: falls as the shift grows. 0 where everything is tied.
    #[must_use]
    pub fn statistic(&self, shift: f64) -> f64 {
        let (n, m) = (self.first.len() as f64, self.second.len() as f64);
        let (excess, ties) = self.excess(shift);
        let all = n + m;
        let variance = n * m / 12.0 * (all + 1.0 - ties / (all * (all - 1.0)));
        if variance <= 0.0 || excess == 0.0 {
            return 0.0;
        }
        (excess - 0.5 * excess.signum()) / variance.sqrt()
    }

    /// How far U is above its expectation, and what the variance loses by ties.
    fn excess(&self, shift: f64) -> (f64, f64) {
        let (n, m) = (self.first.len() as f64, self.second.len() as f64);
        let (rank_sum, ties) = self.ranks(shift);
        (rank_sum - n * (n + 1.0) / 2.0 - n * m / 2.0, ties)
    }

    /// The sum of the ranks of the first sample, less the shift, among all, and
    /// the sum of `t³ - t` over groups of `t` tied values.
    fn ranks(&self, shift: f64) -> (f64, f64) {
        let (mut i, mut j) = (0, 0);
        let (mut rank_sum, mut ties) = (0.0, 0.0);
        while i < self.first.len() || j < self.second.len() {
            let head = |sample: &[f64], at: usize, less: f64| {
                sample.get(at).map_or(f64::INFINITY, |value| value - less)
            };
            let value = head(&self.first, i, shift).min(head(&self.second, j, 0.0));
            let before = (i + j) as f64;
            let of_first = run(&self.first[i..], value, shift);
            let of_second = run(&self.second[j..], value, 0.0);
            let tied = (of_first + of_second) as f64;
            rank_sum += of_first as f64 * (before + (tied + 1.0) / 2.0);
            ties += tied.powi(3) - tied;
            i += of_first;
            j += of_second;
        }
        (rank_sum, ties)
    }

    /// The Hodges–Lehmann estimate of how far the first sample is above the
    /// second: the median of all differences, where U is as expected.
    #[must_use]
    pub fn estimate(&self) -> f64 {
        let (mut low, mut high) = self.reach();
        for _ in 0..50 {
            let middle = f64::midpoint(low, high);
            if self.excess(middle).0 > 0.0 {
                low = middle;
            } else {
                high = middle;
            }
        }
        high
    }

    /// Whether the lower confidence limit of the shift is above `bound`, with
    /// this quantile of the normal distribution.
    #[must_use]
    pub fn is_above(&self, bound: f64, quantile: f64) -> bool {
        let (least, _) = self.reach();
        if self.statistic(least) <= quantile {
            return least > bound;
        }
        self.statistic(bound) > quantile
    }

    /// The least and the largest difference between the samples.
    fn reach(&self) -> (f64, f64) {
        let ends = |sample: &[f64]| (sample[0], sample[sample.len() - 1]);
        let (first, second) = (ends(&self.first), ends(&self.second));
        (first.0 - second.1, first.1 - second.0)
    }
}

/// How many values at the head of a sorted list, less a shift, are this one.
fn run(sorted: &[f64], value: f64, shift: f64) -> usize {
    sorted
        .iter()
        .take_while(|head| **head - shift <= value)
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(first: &[f64], second: &[f64]) -> Samples {
        Samples::new(first.to_vec(), second.to_vec()).expect("values")
    }

    fn close(found: f64, expected: f64) {
        assert!(
            (found - expected).abs() < 1e-6,
            "found {found}, expected {expected}"
        );
    }

    #[test]
    fn separate_samples_give_the_statistic_that_a_hand_computes() {
        // U is 9 of 9: (4.5 - 0.5) / sqrt(9 / 12 * 7).
        let apart = samples(&[4.0, 5.0, 6.0], &[1.0, 2.0, 3.0]);
        close(apart.statistic(0.0), 4.0 / 5.25_f64.sqrt());
        close(apart.estimate(), 3.0);
    }

    #[test]
    fn ties_share_their_ranks_and_shrink_the_variance() {
        // Ranks of 1, 2, 2 among 1, 2, 2, 2, 3: 1, 3, 3; three are tied.
        let tied = samples(&[1.0, 2.0, 2.0], &[2.0, 3.0]);
        let variance = 6.0 / 12.0 * (6.0 - 24.0 / 20.0);
        close(
            tied.statistic(0.0),
            (7.0 - 6.0 - 3.0 + 0.5) / f64::sqrt(variance),
        );
    }

    #[test]
    fn the_estimate_is_the_median_of_all_differences() {
        // They are -4, 0, 1, 1, 5, 5, 6, 9 and 10.
        close(samples(&[2.0, 7.0, 11.0], &[1.0, 2.0, 6.0]).estimate(), 5.0);
    }

    #[test]
    fn the_limit_is_where_the_statistic_crosses_the_quantile() {
        let first: Vec<f64> = (10..30).map(f64::from).collect();
        let second: Vec<f64> = (0..20).map(f64::from).collect();
        let shifted = samples(&first, &second);
        assert!(shifted.is_above(5.0, 2.326));
        assert!(!shifted.is_above(7.0, 2.326));
        assert!(!samples(&second, &first).is_above(0.0, 2.326));
    }

    #[test]
    fn samples_without_values_can_not_be_compared() {
        assert!(Samples::new(Vec::new(), vec![1.0]).is_none());
    }
}
