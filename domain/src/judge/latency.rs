//! The settings' limits on how long calls take.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::is_false;
use crate::document::{Problem, check_range};

/// A limit on how long invocations take, in one percentile. It is judged by
/// counts: p95 is above 400 ms when more than 5 % of the calls take longer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LatencyLimit {
    /// The percentile: 95 for p95.
    pub percentile: f64,
    /// The limit in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub above_ms: Option<f64>,
    /// The limit as a multiple of the same percentile: of the version beside it, or
    /// where none serves, of the version before, in the hour before the step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub above_ratio: Option<f64>,
    /// For how long it has to be above, in seconds. 0: once it is known.
    #[serde(default)]
    pub seconds: u64,
    /// Held only against a version that serves beside it, and not against the time
    /// before where none does.
    #[serde(default, skip_serializing_if = "is_false")]
    pub beside_only: bool,
    /// Judged and shown, and never a reason for anything.
    #[serde(default)]
    pub dry_run: bool,
}

impl LatencyLimit {
    /// The middle and the far end of how long calls take, beside the other version,
    /// and what no caller waits for.
    pub(super) fn defaults() -> Vec<Self> {
        let limit = |percentile, above_ratio, above_ms, seconds| Self {
            percentile,
            above_ms,
            above_ratio,
            seconds,
            // A median moves with the hour of the day.
            beside_only: percentile == 50.0,
            dry_run: false,
        };
        vec![
            limit(50.0, Some(1.25), None, 0),
            limit(95.0, Some(2.0), None, 0),
            limit(99.0, None, Some(10_000.0), 5 * 60),
        ]
    }

    /// Whether it is judged where the new version is alone, or not.
    #[must_use]
    pub fn holds(&self, alone: bool) -> bool {
        !(alone && self.beside_only)
    }

    pub(super) fn check(&self, path: &str, problems: &mut Vec<Problem>) {
        check_range(
            &format!("{path}.percentile"),
            self.percentile,
            50.0,
            99.99,
            problems,
        );
        check_range(
            &format!("{path}.seconds"),
            self.seconds,
            0,
            86_400,
            problems,
        );
        match (self.above_ms, self.above_ratio) {
            (Some(limit), None) => {
                check_range(&format!("{path}.above_ms"), limit, 0.1, 900_000.0, problems);
            }
            (None, Some(ratio)) => {
                check_range(&format!("{path}.above_ratio"), ratio, 1.0, 1000.0, problems);
            }
            (one, _) => problems.push(Problem::new(
                path,
                format!(
                    "found {}; expected one of `above_ms` and `above_ratio`",
                    if one.is_some() { "both" } else { "no limit" }
                ),
            )),
        }
    }
}
