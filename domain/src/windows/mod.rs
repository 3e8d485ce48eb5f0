//! When releases may enter an environment: freeze windows, in which nothing is
//! released, and maintenance windows, outside which nothing is.
//!
//! A window has a start on the clock of its time zone, a duration and, if it comes
//! again, a recurrence rule (RFC 5545). [`Calendar::read`] reads and checks them; the
//! [`Calendar`] answers at any time whether a rollout may begin, and when the next may.
//!
//! What is worked out is bounded: rules by what `rule` takes, times by [`HORIZON`].

mod calendar;
mod rule;

use jiff::civil::{Date, DateTime};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use calendar::{Calendar, Standing};

/// A time in which releases are kept out, or the only one that lets them in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// What it does.
    pub kind: WindowKind,
    /// When it starts first, on the clock of its time zone: `2026-12-18T17:00`.
    pub starts: DateTime,
    /// How long it lasts: `PT8H`, `P2DT15H`. Days are calendar days, however long
    /// their night is; hours are hours.
    pub lasts: String,
    /// When it comes again, as in RFC 5545: `FREQ=WEEKLY;BYDAY=FR,SA`. Then it is on
    /// the days of the rule, from `starts` on and at its time of day. Left out: once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rrule: Option<String>,
    /// Days on which it does not start, though its rule says so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub except: Vec<Date>,
    /// The time zone, by its IANA name: `Europe/Berlin`.
    pub time_zone: String,
    /// Why: whoever waits or is refused reads it.
    pub reason: String,
}

/// What a window does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WindowKind {
    /// Nothing is released in it.
    Freeze,
    /// Something is released in it alone, or in another one of this kind.
    Maintenance,
}

/// How far ahead openings are looked for, in days.
pub const HORIZON: i64 = 400;

/// So many windows are read at most.
pub const MOST_WINDOWS: usize = 50;

#[cfg(test)]
mod tests;
