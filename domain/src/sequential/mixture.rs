//! How capital is split among bets: once and for all, or dealt out anew.
//!
//! A bet multiplies what is staked on it by a gain whose mean, given all that
//! came before, is at most 1 while the hypothesis holds. Any split that follows
//! from earlier periods alone keeps that property for the whole (a mixture, as
//! in Robbins 1970).
//!
//! The bets and the rule of the split depend on no outcome. So the capital is
//! always a sum, with constant weights, of products of gains, and is monotone
//! in whatever each gain is monotone in.

use super::evidence::{Evidence, ln_sum};

/// Sizes of an effect: how much likelier a bad event is, less one (0.5: half as
/// many again), and the weight of a bet on it.
///
/// A factor of about two lies between neighbours, so one of them is near
/// whatever is true. Effects that can be known within tens or hundreds of calls
/// weigh most. For a small one much data is needed in any case, and the little
/// more that a low weight costs is a small part of it.
pub(super) const EFFECTS: [(f64, f64); 12] = [
    (0.01, 0.3),
    (0.03, 0.3),
    (0.1, 0.5),
    (0.2, 0.7),
    (0.4, 1.0),
    (0.8, 2.0),
    (1.5, 3.0),
    (3.0, 3.0),
    (6.0, 3.0),
    (15.0, 2.0),
    (60.0, 1.0),
    (1000.0, 1.0),
];

/// The part of a [`Tracking`] capital that is kept in cash at the start.
const CASH: f64 = 0.1;

/// At the t-th deal, one part in `PATIENCE + t` is dealt out anew.
const PATIENCE: f64 = 20.0;

/// What each weight gets of a whole.
fn parts(weights: &[f64], whole: f64) -> impl Iterator<Item = f64> {
    let all: f64 = weights.iter().sum();
    weights.iter().map(move |weight| weight / all * whole)
}

/// Capital that stays where it was put: for what holds on the average of all
/// periods.
#[derive(Debug, Clone)]
pub(super) struct Steady {
    /// The logarithm of what each bet has become.
    staked: Vec<f64>,
}

impl Steady {
    /// A capital of 1, split in proportion to these weights.
    pub(super) fn new(weights: &[f64]) -> Self {
        Self {
            staked: parts(weights, 1.0).map(f64::ln).collect(),
        }
    }

    /// Settles one period: the logarithm of each bet's gain, in order.
    pub(super) fn settle(&mut self, gains: impl Iterator<Item = f64>) {
        for (staked, gain) in self.staked.iter_mut().zip(gains) {
            *staked += gain;
        }
    }

    /// The logarithm of the whole.
    pub(super) fn ln(&self) -> f64 {
        ln_sum(self.staked.iter().copied())
    }
}

/// Capital that follows what changes: between periods a small part is dealt out
/// anew as it was at the start (fixed share, Herbster and Warmuth 1998). Cash is
/// among the bets. So harm that begins late, or goes on after a minute that
/// spoke against it, is found as well.
///
/// That part falls as `1 / t`. A bet that was right all along loses a factor of
/// `1 + t / 20` by it after `t` periods, and not one that grows exponentially.
#[derive(Debug, Clone)]
pub(super) struct Tracking {
    /// Each bet's part of the capital at the start. The last is cash.
    start: Vec<f64>,
    /// Each bet's part of the capital now.
    parts: Vec<f64>,
    deals: f64,
    evidence: Option<Evidence>,
}

impl Tracking {
    /// A capital of 1, split in proportion to these weights, and some cash.
    pub(super) fn new(weights: &[f64]) -> Self {
        let start: Vec<f64> = parts(weights, 1.0 - CASH).chain([CASH]).collect();
        Self {
            parts: start.clone(),
            start,
            deals: 0.0,
            evidence: None,
        }
    }

    /// Settles one period: the logarithm of each bet's gain, in order.
    pub(super) fn settle(&mut self, gains: impl Iterator<Item = f64>) {
        if self.evidence.is_some() {
            self.deal();
        }
        let gains: Vec<f64> = gains.chain([0.0]).collect();
        let most = gains.iter().copied().fold(0.0, f64::max);
        let mut whole = 0.0;
        for (part, gain) in self.parts.iter_mut().zip(gains) {
            *part *= (gain - most).exp();
            whole += *part;
        }
        for part in &mut self.parts {
            *part /= whole;
        }
        let before = self.evidence();
        self.evidence = Some(before.then(before.now + most + whole.ln()));
    }

    fn deal(&mut self) {
        self.deals += 1.0;
        let anew = 1.0 / (PATIENCE + self.deals);
        for (part, start) in self.parts.iter_mut().zip(&self.start) {
            *part = (1.0 - anew) * *part + anew * start;
        }
    }

    /// What the periods so far say.
    pub(super) fn evidence(&self) -> Evidence {
        self.evidence.unwrap_or(Evidence::NONE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: f64, expected: f64) {
        assert!(
            (found - expected).abs() < 1e-12,
            "found {found}, expected {expected}"
        );
    }

    #[test]
    fn a_steady_capital_is_the_weighted_mean_of_its_bets() {
        let mut capital = Steady::new(&[1.0, 3.0]);
        close(capital.ln(), 0.0);
        for _ in 0..2 {
            capital.settle([2.0_f64.ln(), 0.5_f64.ln()].into_iter());
        }
        close(capital.ln(), (0.25_f64 * 4.0 + 0.75 * 0.25).ln());
    }

    #[test]
    fn a_tracking_capital_deals_out_one_part_in_twenty_one_after_the_first_period() {
        // 0.9 on the bet, 0.1 in cash. After a gain of 2: 1.8 and 0.1, in all 1.9.
        let mut capital = Tracking::new(&[1.0]);
        capital.settle([2.0_f64.ln()].into_iter());
        close(capital.evidence().now, 1.9_f64.ln());
        capital.settle([2.0_f64.ln()].into_iter());
        let (kept, anew) = (20.0 / 21.0, 1.9 / 21.0);
        let bet: f64 = (1.8 * kept + 0.9 * anew) * 2.0;
        let cash = 0.1 * kept + 0.1 * anew;
        close(capital.evidence().now, (bet + cash).ln());
    }

    #[test]
    fn a_bet_that_lost_everything_comes_back_with_the_next_deal() {
        let mut capital = Tracking::new(&[1.0]);
        capital.settle([f64::NEG_INFINITY].into_iter());
        close(capital.evidence().now, 0.1_f64.ln());
        for _ in 0..40 {
            capital.settle([2.0_f64.ln()].into_iter());
        }
        assert!(capital.evidence().rejects(1e-6));
    }

    #[test]
    fn a_bet_that_was_right_all_along_loses_little_by_tracking() {
        let (mut tracking, mut steady) = (Tracking::new(&[1.0]), Steady::new(&[1.0]));
        for _ in 0..1000 {
            tracking.settle([0.1].into_iter());
            steady.settle([0.1].into_iter());
        }
        let most = (1.0 + 1000.0 / PATIENCE).ln() - (1.0 - CASH).ln();
        let lost = steady.ln() - tracking.evidence().now;
        assert!((0.0..most).contains(&lost), "{lost} of at most {most}");
    }
}
