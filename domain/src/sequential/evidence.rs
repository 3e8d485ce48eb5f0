//! Evidence against a hypothesis, that may be looked at as often as one likes.

/// What a bettor owns who bets against a hypothesis, as natural logarithms. He
/// starts with 1, and while the hypothesis holds he expects to own no more.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Evidence {
    /// Of what he owns after the last period: an E-value.
    pub now: f64,
    /// Of the most that he owned after any period, 0 at least.
    pub peak: f64,
}

impl Evidence {
    /// Nothing seen.
    pub(super) const NONE: Self = Self {
        now: 0.0,
        peak: 0.0,
    };

    /// Whether the hypothesis may be rejected. If it is true, the probability
    /// that this ever happens, over all looks together, is at most `alpha`
    /// (Ville 1939).
    #[must_use]
    pub fn rejects(&self, alpha: f64) -> bool {
        self.peak >= -alpha.ln()
    }

    /// A p-value that holds however often one looks: the probability that a true
    /// hypothesis ever meets this much evidence is at most this.
    #[must_use]
    pub fn p_value(&self) -> f64 {
        (-self.peak).exp()
    }

    /// The evidence after one more period.
    pub(super) fn then(self, now: f64) -> Self {
        Self {
            now,
            peak: self.peak.max(now),
        }
    }
}

/// The logarithm of the mean of E-values that are given as logarithms.
///
/// The mean of E-values is an E-value, however they depend on each other (Vovk
/// and Wang 2021). At `ln_mean(…) >= -alpha.ln()` one may reject that all of
/// their hypotheses hold, and does so whenever Bonferroni's correction would.
/// Take [`Evidence::now`] of tests that have seen the same periods: the mean of
/// peaks is no E-value. Of none at all: 0, no evidence.
#[must_use]
pub fn ln_mean(ln_values: &[f64]) -> f64 {
    if ln_values.is_empty() {
        return 0.0;
    }
    ln_sum(ln_values.iter().copied()) - (ln_values.len() as f64).ln()
}

/// The logarithm of the sum of what is given as logarithms. Never overflows.
pub(super) fn ln_sum(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let most = values.clone().fold(f64::NEG_INFINITY, f64::max);
    if most.is_infinite() {
        return most;
    }
    most + values.map(|value| (value - most).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_of_one_hundred_rejects_at_one_percent_and_not_below() {
        let evidence = Evidence::NONE.then(100.1_f64.ln());
        assert!(evidence.rejects(0.01));
        assert!(!evidence.rejects(0.009));
        assert!((evidence.p_value() - 1.0 / 100.1).abs() < 1e-12);
    }

    #[test]
    fn what_was_rejected_once_stays_rejected() {
        let evidence = Evidence::NONE.then(5.0).then(-3.0);
        assert_eq!((evidence.now, evidence.peak), (-3.0, 5.0));
        assert!(evidence.rejects(0.01));
    }

    #[test]
    fn the_mean_of_evidence_is_taken_of_values_and_not_of_logarithms() {
        // 1, 2 and 30: the mean is 11.
        let mean = ln_mean(&[0.0, 2.0_f64.ln(), 30.0_f64.ln()]);
        assert!((mean - 11.0_f64.ln()).abs() < 1e-12);
        assert_eq!(ln_mean(&[]), 0.0);
    }

    #[test]
    fn a_sum_of_extremes_neither_overflows_nor_becomes_nonsense() {
        let huge = ln_sum([1e9, 1e9].into_iter());
        assert!((huge - (1e9 + 2.0_f64.ln())).abs() < 1e-6);
        let nothing = [f64::NEG_INFINITY, f64::NEG_INFINITY];
        assert_eq!(ln_sum(nothing.into_iter()), f64::NEG_INFINITY);
        assert_eq!(ln_mean(&[f64::INFINITY, 0.0]), f64::INFINITY);
    }
}
