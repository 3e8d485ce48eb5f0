//! Calls to simulate: a small generator with fixed seeds, and traffic.

use crate::sequential::{Block, Counts, Harm};

/// SplitMix64 (Steele, Lea and Flood 2014).
pub(super) struct Generator(u64);

impl Generator {
    pub(super) fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Uniform between 0 and 1, neither of them.
    pub(super) fn uniform(&mut self) -> f64 {
        ((self.next() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    /// How many of `calls` are bad: skips from one bad call to the next.
    pub(super) fn bad(&mut self, calls: u32, rate: f64) -> u32 {
        if rate <= 0.0 {
            return 0;
        }
        let good = (1.0 - rate).ln();
        let (mut at, mut bad) = (0.0, 0);
        loop {
            at += (self.uniform().ln() / good).floor() + 1.0;
            if at > f64::from(calls) {
                return bad;
            }
            bad += 1;
        }
    }

    /// Log-normal with a mean of 1 and this coefficient of variation.
    pub(super) fn burst(&mut self, variation: f64) -> f64 {
        let variance = (1.0 + variation * variation).ln();
        let radius = (-2.0 * self.uniform().ln()).sqrt();
        let normal = radius * (std::f64::consts::TAU * self.uniform()).cos();
        (normal * variance.sqrt() - variance / 2.0).exp()
    }
}

pub(super) fn counts(bad: u32, total: u32) -> Counts {
    Counts::new(f64::from(bad), f64::from(total))
}

pub(super) fn block(canary: (u32, u32), baseline: (u32, u32)) -> Block {
    Block {
        canary: counts(canary.0, canary.1),
        baseline: counts(baseline.0, baseline.1),
    }
}

/// A period's traffic: calls and rates of both versions.
#[derive(Clone, Copy)]
pub(super) struct Traffic {
    pub(super) calls: (u32, u32),
    pub(super) rates: (f64, f64),
}

impl Traffic {
    pub(super) fn block(&self, generator: &mut Generator) -> Block {
        let (canary, baseline) = self.calls;
        block(
            (generator.bad(canary, self.rates.0), canary),
            (generator.bad(baseline, self.rates.1), baseline),
        )
    }
}

/// In which block, from 1, harm beyond the margin is known at `alpha`.
pub(super) fn alarm(blocks: impl Iterator<Item = Block>, margin: f64, alpha: f64) -> Option<usize> {
    let mut harm = Harm::beyond(margin);
    blocks
        .enumerate()
        .find(|(_, block)| {
            harm.see(block);
            harm.evidence().rejects(alpha)
        })
        .map(|(index, _)| index + 1)
}
