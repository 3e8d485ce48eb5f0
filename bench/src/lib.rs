//! Simulated rollouts: Sluice's judge beside its peers, on the same calls.
//!
//! [`cells`] says what is simulated, [`stream`] draws the calls, [`rollout`] lets a
//! judge meet them, [`contenders`] lists who takes part ([`sluice`] and [`peers`]),
//! [`experiment`] runs all of it, [`summary`], [`compare`], [`standings`] and [`goals`] say
//! what came of it, and [`report`] writes it down.
//!
//! Never: reads a clock or the network. The seed alone decides what happens.

pub mod cells;
pub mod compare;
pub mod contenders;
pub mod experiment;
pub mod goals;
pub mod latency;
pub mod peers;
pub mod report;
pub mod rollout;
pub mod seen;
pub mod sluice;
pub mod standings;
pub mod stream;
pub mod summary;
