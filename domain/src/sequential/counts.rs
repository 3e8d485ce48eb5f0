//! What is counted: calls and bad events, by period.

/// More calls than any period has. Up to here a count is exact.
const MOST: f64 = 1e15;

/// Calls of one version in one period, and how many of them were bad: failed,
/// throttled, timed out, or slower than a bound.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Counts {
    bad: f64,
    total: f64,
}

impl Counts {
    /// Counts that make sense, whatever was measured: nothing is negative, no
    /// more is bad than there is, and what is not a number is nothing.
    #[must_use]
    pub fn new(bad: f64, total: f64) -> Self {
        let number = |value: f64| if value.is_nan() { 0.0 } else { value };
        let total = number(total).clamp(0.0, MOST);
        Self {
            bad: number(bad).clamp(0.0, total),
            total,
        }
    }

    /// Bad events.
    #[must_use]
    pub fn bad(&self) -> f64 {
        self.bad
    }

    /// All calls.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.total
    }

    /// Calls that were not bad.
    #[must_use]
    pub fn good(&self) -> f64 {
        self.total - self.bad
    }

    /// The same share of bad events in `1 / factor` as many calls. A factor
    /// below 1 changes nothing.
    #[must_use]
    pub fn thinned(&self, factor: f64) -> Self {
        let factor = factor.max(1.0);
        Self::new(self.bad / factor, self.total / factor)
    }
}

/// One period of both versions, side by side.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Block {
    /// The new version.
    pub canary: Counts,
    /// The version that served beside it.
    pub baseline: Counts,
}

impl Block {
    /// Both versions thinned alike.
    #[must_use]
    pub fn thinned(&self, factor: f64) -> Self {
        Self {
            canary: self.canary.thinned(factor),
            baseline: self.baseline.thinned(factor),
        }
    }

    /// Whether both versions were called: otherwise nothing can be compared.
    pub(super) fn compares(&self) -> bool {
        self.canary.total > 0.0 && self.baseline.total > 0.0
    }

    /// The canary's share of all calls.
    pub(super) fn share(&self) -> f64 {
        self.canary.total / (self.canary.total + self.baseline.total)
    }

    /// The bad events of both versions.
    pub(super) fn bad(&self) -> f64 {
        self.canary.bad + self.baseline.bad
    }

    /// The same block with the versions' places exchanged.
    pub(super) fn swapped(&self) -> Self {
        Self {
            canary: self.baseline,
            baseline: self.canary,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_that_can_not_be_are_put_right() {
        let pair = |bad, total| {
            let counts = Counts::new(bad, total);
            (counts.bad(), counts.total())
        };
        assert_eq!(pair(5.0, 3.0), (3.0, 3.0));
        assert_eq!(pair(-1.0, 3.0), (0.0, 3.0));
        assert_eq!(pair(1.0, -3.0), (0.0, 0.0));
        assert_eq!(pair(f64::NAN, 3.0), (0.0, 3.0));
        assert_eq!(pair(1.0, f64::NAN), (0.0, 0.0));
        assert_eq!(pair(1.0, f64::INFINITY), (1.0, MOST));
    }

    #[test]
    fn thinning_keeps_the_share_and_never_adds_calls() {
        let counts = Counts::new(6.0, 30.0);
        assert_eq!(counts.thinned(3.0), Counts::new(2.0, 10.0));
        assert_eq!(counts.thinned(0.5), counts);
        assert_eq!(counts.thinned(f64::NAN), counts);
    }
}
