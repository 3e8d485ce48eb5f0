//! A small random generator with a documented sequence, and draws from it.
//!
//! SplitMix64 (Steele, Lea, Flood 2014): 64 bits of state, one addition and
//! two multiplications a number. A generator is made from a list of numbers
//! that say what it is for (seed, run, second, …), so that two who ask for the same
//! thing get the same chance, whatever they asked for before.

use crate::stats::ln_factorial;

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// A source of random numbers.
#[derive(Debug, Clone)]
pub struct Generator {
    state: u64,
}

impl Generator {
    /// The generator for this purpose.
    #[must_use]
    pub fn new(purpose: &[u64]) -> Self {
        let state = purpose.iter().fold(GOLDEN, |state, part| {
            mix(state ^ mix(part.wrapping_add(GOLDEN)))
        });
        Self { state }
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GOLDEN);
        mix(self.state)
    }

    /// A number between 0 and 1, neither included.
    pub fn uniform(&mut self) -> f64 {
        ((self.bits() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    /// Whether something of this probability happens.
    pub fn happens(&mut self, probability: f64) -> bool {
        self.uniform() < probability
    }

    /// How many events, if `mean` are expected: a draw from Poisson's
    /// distribution. Small means by inversion, others by Hörmann's transformed
    /// rejection (PTRS, Insurance: Mathematics and Economics 12, 1993).
    pub fn poisson(&mut self, mean: f64) -> u64 {
        if mean <= 0.0 {
            return 0;
        }
        if mean < 10.0 {
            return self.poisson_by_inversion(mean);
        }
        let b = 0.931 + 2.53 * mean.sqrt();
        let a = -0.059 + 0.02483 * b;
        let scale = 1.1239 + 1.1328 / (b - 3.4);
        let sure = 0.9277 - 3.6224 / (b - 2.0);
        loop {
            let (u, v) = (self.uniform() - 0.5, self.uniform());
            let edge = 0.5 - u.abs();
            let k = ((2.0 * a / edge + b) * u + mean + 0.43).floor();
            if edge >= 0.07 && v <= sure {
                return k as u64;
            }
            if k < 0.0 || (edge < 0.013 && v > edge) {
                continue;
            }
            let density = k * mean.ln() - mean - ln_factorial(k);
            if (v * scale / (a / (edge * edge) + b)).ln() <= density {
                return k as u64;
            }
        }
    }

    fn poisson_by_inversion(&mut self, mean: f64) -> u64 {
        let mut left = self.uniform();
        let mut term = (-mean).exp();
        let mut k = 0;
        while left > term && k < 1000 {
            left -= term;
            k += 1;
            term *= mean / k as f64;
        }
        k
    }

    /// How many of `all`, if each has this probability: a draw from the
    /// binomial distribution. Small means by inversion, others by Hörmann's
    /// transformed rejection (BTRS, Journal of Statistical Computation and
    /// Simulation 46, 1993).
    pub fn binomial(&mut self, all: u64, probability: f64) -> u64 {
        if all == 0 || probability <= 0.0 {
            return 0;
        }
        if probability >= 1.0 {
            return all;
        }
        if probability > 0.5 {
            return all - self.binomial(all, 1.0 - probability);
        }
        if all as f64 * probability < 10.0 {
            return self.binomial_by_inversion(all, probability);
        }
        self.binomial_by_rejection(all as f64, probability)
    }

    fn binomial_by_inversion(&mut self, all: u64, probability: f64) -> u64 {
        let n = all as f64;
        let odds = probability / (1.0 - probability);
        let mut left = self.uniform();
        let mut term = (n * (-probability).ln_1p()).exp();
        let mut k = 0;
        while left > term && k < all {
            left -= term;
            term *= odds * (n - k as f64) / (k as f64 + 1.0);
            k += 1;
        }
        k
    }

    fn binomial_by_rejection(&mut self, n: f64, p: f64) -> u64 {
        let deviation = (n * p * (1.0 - p)).sqrt();
        let b = 1.15 + 2.53 * deviation;
        let a = -0.0873 + 0.0248 * b + 0.01 * p;
        let alpha = (2.83 + 5.1 / b) * deviation;
        let sure = 0.92 - 4.2 / b;
        let ln_odds = (p / (1.0 - p)).ln();
        let mode = ((n + 1.0) * p).floor();
        let at_mode = ln_factorial(mode) + ln_factorial(n - mode);
        loop {
            let (v, u) = (self.uniform(), self.uniform() - 0.5);
            let edge = 0.5 - u.abs();
            let k = ((2.0 * a / edge + b) * u + n * p + 0.5).floor();
            if edge >= 0.07 && v <= sure {
                return k as u64;
            }
            if k < 0.0 || k > n {
                continue;
            }
            let density = at_mode - ln_factorial(k) - ln_factorial(n - k) + (k - mode) * ln_odds;
            if (v * alpha / (a / (edge * edge) + b)).ln() <= density {
                return k as u64;
            }
        }
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

    /// Mean and variance of many draws.
    fn moments(mut draw: impl FnMut(&mut Generator) -> u64) -> (f64, f64) {
        let mut generator = Generator::new(&[7]);
        let draws: Vec<f64> = (0..40_000).map(|_| draw(&mut generator) as f64).collect();
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        let squares: f64 = draws.iter().map(|x| (x - mean).powi(2)).sum();
        (mean, squares / draws.len() as f64)
    }

    fn close(found: f64, expected: f64, share: f64) {
        let distance = (found - expected).abs();
        assert!(
            distance < share * expected,
            "found {found}, expected {expected}"
        );
    }

    #[test]
    fn the_sequence_is_the_published_one() {
        // The first numbers of SplitMix64 from the state 1234567.
        let mut generator = Generator { state: 1_234_567 };
        assert_eq!(generator.bits(), 6_457_827_717_110_365_317);
        assert_eq!(generator.bits(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn the_same_purpose_gives_the_same_numbers_and_another_gives_others() {
        let first = |purpose: &[u64]| Generator::new(purpose).bits();
        assert_eq!(first(&[1, 2]), first(&[1, 2]));
        assert_ne!(first(&[1, 2]), first(&[2, 1]));
        assert_ne!(first(&[0]), first(&[0, 0]));
    }

    #[test]
    fn poissons_draws_have_its_mean_and_variance() {
        for mean in [0.3, 4.0, 12.0, 900.0] {
            let (average, variance) = moments(|generator| generator.poisson(mean));
            close(average, mean, 0.02);
            close(variance, mean, 0.04);
        }
    }

    #[test]
    fn binomial_draws_have_their_mean_and_variance() {
        for (all, p) in [
            (3, 0.5),
            (40, 0.02),
            (600, 0.1),
            (5000, 0.9),
            (30_000, 0.001),
        ] {
            let (average, variance) = moments(|generator| generator.binomial(all, p));
            close(average, all as f64 * p, 0.02);
            close(variance, all as f64 * p * (1.0 - p), 0.04);
        }
    }

    #[test]
    fn binomial_tails_are_as_likely_as_they_should_be() {
        // P(X >= 80) for 600 of 10 % is 0.0053 (summed exactly).
        let mut generator = Generator::new(&[11]);
        let tail = (0..200_000)
            .filter(|_| generator.binomial(600, 0.1) >= 80)
            .count();
        close(tail as f64 / 200_000.0, 0.0053, 0.1);
    }

    #[test]
    fn nothing_and_everything_need_no_chance() {
        let mut generator = Generator::new(&[1]);
        assert_eq!(generator.binomial(10, 0.0), 0);
        assert_eq!(generator.binomial(10, 1.0), 10);
        assert_eq!(generator.binomial(0, 0.5), 0);
        assert_eq!(generator.poisson(0.0), 0);
    }
}
