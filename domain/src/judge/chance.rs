//! Draws from a generator whose whole sequence follows from its purpose: what
//! is simulated twice happens twice.

use crate::stats::ln_choose;

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// A source of random numbers: SplitMix64 (Steele, Lea, Flood 2014).
#[derive(Debug, Clone)]
pub(super) struct Chance {
    state: u64,
}

impl Chance {
    /// The generator for this purpose: the same numbers, the same draws.
    pub(super) fn of(purpose: &[u64]) -> Self {
        let state = purpose.iter().fold(GOLDEN, |state, part| {
            mix(state ^ mix(part.wrapping_add(GOLDEN)))
        });
        Self { state }
    }

    /// A number between 0 and 1, neither included.
    fn uniform(&mut self) -> f64 {
        self.state = self.state.wrapping_add(GOLDEN);
        ((mix(self.state) >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    /// How many of `all`, if each has this probability: a draw from the binomial
    /// distribution by inversion, from the likeliest number outwards.
    pub(super) fn binomial(&mut self, all: u64, probability: f64) -> u64 {
        if all == 0 || probability <= 0.0 {
            return 0;
        }
        if probability >= 1.0 {
            return all;
        }
        let (n, odds) = (all as f64, probability / (1.0 - probability));
        let likeliest = ((n + 1.0) * probability).floor().min(n);
        let ln_chance = ln_choose(n, likeliest)
            + likeliest * probability.ln()
            + (n - likeliest) * (-probability).ln_1p();
        let mut left = self.uniform() - ln_chance.exp();
        let (mut less, mut more) = (likeliest, likeliest);
        let (mut below, mut above) = (ln_chance.exp(), ln_chance.exp());
        while left > 0.0 && (below > 0.0 || above > 0.0) {
            below *= less / ((n - less + 1.0) * odds);
            less -= 1.0;
            left -= below;
            if left <= 0.0 {
                return less as u64;
            }
            above *= (n - more) * odds / (more + 1.0);
            more += 1.0;
            left -= above;
            if left <= 0.0 {
                return more as u64;
            }
        }
        likeliest as u64
    }
}

/// The finalizer of SplitMix64.
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_have_the_mean_and_the_variance_of_their_distribution() {
        for (all, p) in [
            (3, 0.5),
            (40, 0.02),
            (600, 0.1),
            (5000, 0.9),
            (1_000_000, 0.1),
        ] {
            let mut chance = Chance::of(&[7]);
            let draws: Vec<f64> = (0..20_000)
                .map(|_| chance.binomial(all, p) as f64)
                .collect();
            let mean = draws.iter().sum::<f64>() / draws.len() as f64;
            let squares: f64 = draws.iter().map(|draw| (draw - mean).powi(2)).sum();
            let variance = squares / draws.len() as f64;
            let (expected, spread) = (all as f64 * p, all as f64 * p * (1.0 - p));
            assert!((mean / expected - 1.0).abs() < 0.03, "{all} {p}: {mean}");
            assert!(
                (variance / spread - 1.0).abs() < 0.05,
                "{all} {p}: {variance}"
            );
        }
    }

    #[test]
    fn the_same_purpose_gives_the_same_draws_and_another_gives_others() {
        let draws = |purpose: &[u64]| {
            let mut chance = Chance::of(purpose);
            [(); 8].map(|()| chance.binomial(1000, 0.5))
        };
        assert_eq!(draws(&[1, 2]), draws(&[1, 2]));
        assert_ne!(draws(&[1, 2]), draws(&[2, 1]));
        assert_ne!(draws(&[0]), draws(&[0, 0]));
    }

    #[test]
    fn nothing_and_everything_need_no_chance() {
        let mut chance = Chance::of(&[1]);
        assert_eq!(chance.binomial(0, 0.5), 0);
        assert_eq!(chance.binomial(10, 0.0), 0);
        assert_eq!(chance.binomial(10, 1.0), 10);
    }
}
