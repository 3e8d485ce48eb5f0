//! Statistics that hold however often one looks: counts of bad events of two
//! versions side by side, or of one version against a limit.
//!
//! # What there is
//!
//! | question | answer |
//! |---|---|
//! | is the canary worse than the version beside it, by more than a margin? | [`harm`], or [`Harm`] block by block |
//! | by how much, and what is excluded? | [`effect`], [`interval`], [`excludes`] |
//! | is one version above a limit? | [`above`] |
//! | between which bounds is its rate, on average so far? | [`share_interval`] |
//! | do bad events come in bursts? | [`dispersion()`], then [`Block::thinned`] |
//! | several signals and functions at one `alpha` | [`ln_mean`] |
//!
//! Each promise covers all looks together: the probability that [`harm`] or
//! [`above`] ever rejects a true hypothesis, or that a bound is ever wrong, is at
//! most `alpha`. There is no number of looks to plan and none to pay for. The
//! proofs, and what they assume, stand at the head of each file: E-values by
//! betting (Ville 1939; Ramdas and others 2023).
//!
//! # What it wants
//!
//! - **Blocks are periods of the clock, and complete.** Everything is a pure
//!   function of the blocks, in order, from the first on; each look computes it
//!   anew from all of them. A period that still grows must be left out: its lag
//!   is the time-out of a call and the delay of its metrics. If an old period
//!   grows all the same, the promise holds for the blocks as they are at last,
//!   and a look at what they were before is one that it does not cover.
//! - **Blocks are not merged or cut** from one look to the next. Bets follow the
//!   split of the calls in each block. ([`share_interval`] takes sums.)
//! - **Bad events are outcomes of calls**, so a call that was throttled and never
//!   ran must be among the calls as well as among the bad events.
//! - **One bad event counts once**, or the counts are thinned: see
//!   [`dispersion()`].
//!
//! A minute that is bad for both versions is no evidence: each block compares the
//! two with each other and its rates are its own.
//!
//! # How they share one `alpha`
//!
//! A canary fails if *any* signal of any function shows harm, so these share
//! `alpha`: the mean of the E-values ([`ln_mean`]) rejects at `alpha` as a whole,
//! and each alone may reject at `alpha` over their number. It passes only if harm
//! is excluded for *every* signal, so each interval may have all of `alpha`.
//!
//! # Why these tests
//!
//! Simulated, at `alpha` 0.01: blocks until an alarm in half of the rollouts, and
//! in nine tenths. Rates in percent, baseline to canary; calls of canary and
//! baseline in each block.
//!
//! | rates, calls | this | hypergeometric | GRO mixture | GRO plug-in | Fisher, spending |
//! |---|---|---|---|---|---|
//! | 0.1 to 2.1, 600 and 5400 | 1, 1 | 1, 1 | 1, 1 | 2, 2 | 1, 1 |
//! | 0.5 to 2.5, 600 and 5400 | 1, 2 | 1, 2 | 1, 2 | 2, 3 | 1, 1 |
//! | 0.5 to 2.5, 10 and 90 | 32, 71 | 34, 74 | 37, 79 | 36, 75 | 58, 118 |
//! | 0 to 8, 2 and 18 | 18, 34 | 18, 34 | 21, 42 | 24, 43 | 30, 59 |
//! | 0 to 8, 5 and 45 | 7, 14 | 7, 14 | 9, 17 | 10, 18 | 10, 20 |
//! | 0.1 to 5, 20 and 180 | 4, 7 | 4, 7 | 4, 8 | 5, 9 | 4, 8 |
//! | 1 to 2, 600 and 5400 | 4, 7 | 4, 7 | 4, 7 | 4, 7 | 3, 6 |
//! | 1 to 2, 300 and 300 | 12, 22 | 11, 21 | 12, 22 | 12, 22 | 14, 27 |
//! | 20 to 25, 100 and 900 | 13, 22 | 10, 19 | 12, 20 | 10, 19 | 10, 21 |
//! | 0.5 to 2.5 after 3 even minutes and one of 30 for both | +2, +2 | +5, +6 | +6, +7 | +6, +10 | +5, +7 |
//! | 1 to 3 after 30 even minutes, 100 and 900 | +10, +16 | +15, +21 | +15, +22 | +13, +21 | +19, +27 |
//!
//! *Hypergeometric*: likelihood ratios of the canary's share of a block's bad
//! events, given their number, mixed over odds ratios. *GRO*: growth-rate optimal
//! E-variables of Turner, Ly and Grünwald (2024), mixed over a grid of rates, or
//! with rates learnt from earlier blocks (beta priors of 0.18). *Fisher*: his
//! exact test of the sums, spending `alpha / (k (k + 1))` at the k-th look.
//!
//! The bets used here are as quick as the hypergeometric ones where bad events
//! are rare. Like those they need no base rate, and like GRO they are valid for a
//! margin on the *difference* of rates, which [`interval`] rests on. Following
//! changes is what finds late harm. What it costs: in a first look at thousands
//! of calls Fisher's test has more power, since it spends half of its `alpha`
//! there (94 % against 80 % in the second row), and frequent bad events need some
//! more calls.
//!
//! [`interval`] is narrower by a quarter than two intervals joined, one of each
//! version. Compared with Newcombe's, which holds for a single look, it is 1.1
//! times as wide where nothing was bad, 1.7 times for an hour of 100 calls per
//! second, twice for ten million calls. 300 calls of the canary without a bad
//! event exclude 2 points of harm at 1 %, where a single look needs 228.
//!
//! # Sources
//!
//! - Turner, Ly, Grünwald: Generic E-variables for exact sequential k-sample
//!   tests that allow for optional stopping (J. Stat. Plan. Inference, 2024)
//! - Turner, Grünwald: Exact anytime-valid confidence intervals for contingency
//!   tables and beyond (Stat. Probab. Lett., 2023); Safe sequential testing and
//!   effect estimation in stratified count data (AISTATS 2023)
//! - Lindon, Malek: Anytime-valid inference for multinomial count data (NeurIPS 2022)
//! - Waudby-Smith, Ramdas: Estimating means of bounded random variables by
//!   betting (J. R. Stat. Soc. B, 2024)
//! - Howard, Ramdas, McAuliffe, Sekhon: Time-uniform, nonparametric,
//!   nonasymptotic confidence sequences (Ann. Stat., 2021); Robbins: Statistical
//!   methods related to the law of the iterated logarithm (1970)
//! - Vovk, Wang: E-values: calibration, combination and applications (Ann. Stat., 2021)
//! - Ramdas, Grünwald, Vovk, Shafer: Game-theoretic statistics and safe
//!   anytime-valid inference (Stat. Sci., 2023)
//! - Herbster, Warmuth: Tracking the best expert (Machine Learning, 1998)

mod confidence;
mod counts;
mod difference;
mod dispersion;
mod evidence;
mod mixture;
mod two_streams;

pub use confidence::{above, share_interval};
pub use counts::{Block, Counts};
pub use difference::{effect, excludes, interval};
pub use dispersion::dispersion;
pub use evidence::{Evidence, ln_mean};
pub use two_streams::{Bets, Harm, harm};

#[cfg(test)]
mod tests;
