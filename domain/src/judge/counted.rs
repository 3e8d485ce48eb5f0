//! What is counted of calls, and what a share of them is held against.

use std::ops::Add;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rule::ShareRule;
use crate::sequential::Counts;

/// How many calls there were, and how many of them were bad.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Share {
    /// All calls.
    pub total: f64,
    /// The bad ones.
    pub bad: f64,
}

impl Add for Share {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            total: self.total + other.total,
            bad: self.bad + other.bad,
        }
    }
}

impl Share {
    pub(super) fn rate(self) -> f64 {
        if self.total > 0.0 {
            self.bad / self.total
        } else {
            0.0
        }
    }

    pub(super) fn counts(self) -> Counts {
        Counts::new(self.bad, self.total)
    }
}

/// One period of a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Block {
    /// When it began.
    pub start: Timestamp,
    /// The new version's calls.
    pub canary: Share,
    /// The calls of the version beside it. None where nothing serves beside it,
    /// or its answer was not complete.
    pub baseline: Option<Share>,
}

/// A share of calls, period by period.
#[derive(Debug, Clone, PartialEq)]
pub struct ShareSignal {
    /// What it is called: `errors`, `throttles`, `p95`.
    pub name: String,
    /// What is bad about a bad call, for the verdict's sentence: `failed`.
    pub bad: String,
    /// What the share is held against.
    pub rule: ShareRule,
    /// What was counted, oldest first. None: the answer was not complete.
    pub blocks: Option<Vec<Block>>,
    /// Whether another version serves beside it.
    pub is_beside: bool,
    /// What the share was before the rollout, where that is known and nothing
    /// serves beside it.
    pub before: Option<Share>,
    /// How long calls took, where that is what is bad about them: shown, and judged
    /// by the counts alone.
    pub took: Option<Took>,
    /// The end of the last whole period that can be known.
    pub until: Timestamp,
}

/// How long calls took, in ms, in one percentile: the median of the periods.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Took {
    /// The new version's.
    pub canary: f64,
    /// Those of the version beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<f64>,
}

impl Took {
    /// `p95 480 ms, beside it 190 ms`.
    pub(super) fn words(self, name: &str) -> String {
        let beside = self
            .baseline
            .map(|baseline| format!(", beside it {baseline:.0} ms"));
        let canary = self.canary;
        format!("{name} {canary:.0} ms{}", beside.unwrap_or_default())
    }
}
