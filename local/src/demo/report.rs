//! `target/demo/report.json`, and the last words of the demo.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;
use sluice_cli::timeline::{ReleaseTimeline, Timeline};

use super::storefront::Aliases;
use super::{DemoError, PROMISED};
use crate::load::{Count, Totals};

/// What the demo came to.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// Where it ran.
    engine: String,
    /// One line a promotion.
    releases: Vec<Promoted>,
    /// Where the production aliases point at the end.
    aliases: Aliases,
    /// What customers saw in all.
    served: BTreeMap<String, Tally>,
    /// Invocations that no version answered.
    unanswered: u64,
}

/// One promotion, with what its release's customers saw.
#[derive(Debug, Serialize)]
struct Promoted {
    #[serde(flatten)]
    timeline: Timeline,
    /// What customers saw of each version while the release ran, by
    /// `<function>:<version>`. Production alone has customers.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    customers: BTreeMap<String, Tally>,
}

/// Invocations, and how many of them failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Tally {
    invocations: u64,
    errors: u64,
}

impl From<Count> for Tally {
    fn from(count: Count) -> Self {
        Self {
            invocations: count.invocations,
            errors: count.errors,
        }
    }
}

/// What customers saw while something ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Served(BTreeMap<String, Tally>);

impl Served {
    pub(super) fn between(before: &Totals, after: &Totals) -> Self {
        let counted = after.versions.iter().map(|((function, version), count)| {
            let earlier = before
                .versions
                .get(&(function.clone(), version.clone()))
                .copied()
                .unwrap_or_default();
            let tally = Tally {
                invocations: count.invocations - earlier.invocations,
                errors: count.errors - earlier.errors,
            };
            (format!("{function}:{version}"), tally)
        });
        Self(counted.filter(|(_, tally)| tally.invocations > 0).collect())
    }
}

impl Report {
    pub(super) fn new(
        engine: &str,
        releases: Vec<(ReleaseTimeline, Served)>,
        served: &Totals,
        aliases: Aliases,
    ) -> Self {
        let promoted = |(release, customers): (ReleaseTimeline, Served)| {
            release.promotions.into_iter().map(move |mut timeline| {
                if timeline.environment != "prod" {
                    return Promoted {
                        timeline,
                        customers: BTreeMap::new(),
                    };
                }
                // The judge's counts end at its last look; customers go on calling.
                let failed: u64 = customers.0.values().map(|tally| tally.errors).sum();
                timeline.failed_invocations = failed as f64;
                Promoted {
                    timeline,
                    customers: customers.0.clone(),
                }
            })
        };
        let all = Served::between(&Totals::default(), served);
        Self {
            engine: engine.to_owned(),
            releases: releases.into_iter().flat_map(promoted).collect(),
            aliases,
            served: all.0,
            unanswered: served.unanswered,
        }
    }

    /// Whether both releases ended as they should, and every production alias
    /// stands on one version.
    pub(super) fn is_as_promised(&self) -> bool {
        let outcomes = PROMISED.iter().all(|(version, outcome)| {
            let prod = self.releases.iter().find(|promoted| {
                promoted.timeline.version == *version && promoted.timeline.environment == "prod"
            });
            prod.is_some_and(|promoted| promoted.timeline.outcome == Some(*outcome))
        });
        let settled = self
            .aliases
            .values()
            .all(|alias| alias.bytes().all(|b| b.is_ascii_digit()));
        outcomes && settled
    }

    pub(super) fn write(&self, path: &Path) -> Result<(), DemoError> {
        let failed = |source| DemoError::Report {
            path: path.to_owned(),
            source,
        };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        let text = serde_json::to_string_pretty(self).map_err(|error| failed(error.into()))?;
        std::fs::write(path, text + "\n").map_err(failed)
    }

    pub(super) fn summary(&self) -> Vec<String> {
        let mut lines = vec![String::new(), "what customers saw".to_owned()];
        lines.extend(self.served.iter().map(|(version, tally)| {
            format!(
                "  {version:<32} {:>6} invocations, {:>4} failed",
                tally.invocations, tally.errors
            )
        }));
        lines.push("production aliases now".to_owned());
        lines.extend(
            self.aliases
                .iter()
                .map(|(name, points)| format!("  {name:<32} version {points}")),
        );
        let verdict = if self.is_as_promised() {
            "as promised"
        } else {
            "NOT as promised"
        };
        let expected: Vec<String> = PROMISED
            .iter()
            .map(|(version, outcome)| format!("{version} {}", outcome.title()))
            .collect();
        lines.push(format!("{verdict}: expected {}", expected.join(", ")));
        lines
    }
}
