//! Sluice's vocabulary and pure decisions.
//!
//! What lives here: the documents people write ([`manifest`], [`settings`]),
//! the records Sluice keeps ([`promotion`], [`plan`], [`journal`],
//! [`approval`], [`controls`], [`ledger`]) and every decision that can be made from data
//! alone ([`judge`], [`steps`], [`entry`], [`may`], [`caller`], [`path`], [`alias`], [`owner`],
//! [`codedeploy`], [`configuration`], [`versions`], [`suites`], [`windows`], [`guards`],
//! [`preview`], [`start`], [`naming`]), with the statistics under them ([`stats`], [`sequential`]).
//!
//! What never does: I/O, async, clocks, environment variables, AWS types.
//! Time comes in as data ([`jiff::Timestamp`]), so that every decision can be
//! replayed.

pub mod alias;
pub mod approval;
mod approvers;
pub mod caller;
pub mod cause;
mod channels;
pub mod codedeploy;
pub mod configuration;
pub mod controls;
pub mod digest;
pub mod document;
pub mod entry;
pub mod evidence;
pub mod generator;
mod glob;
pub mod guards;
pub mod journal;
pub mod judge;
pub mod ledger;
pub mod manifest;
pub mod may;
pub mod migrations;
pub mod naming;
pub mod owner;
pub mod path;
pub mod plan;
mod presets;
pub mod preview;
pub mod promotion;
pub mod repository;
pub mod role;
pub mod sequential;
pub mod settings;
pub mod start;
pub mod stats;
pub mod steps;
pub mod suites;
pub mod targets;
pub mod test_run;
pub mod text;
pub mod versions;
pub mod windows;
