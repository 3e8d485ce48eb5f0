//! `target/demo/report.json`, and the last words of the demo.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Serialize;
use sluice_cli::timeline::{ReleaseTimeline, Timeline};
use sluice_domain::promotion::Outcome;

use super::DemoError;
use super::database::TABLE;
use super::storefront::Aliases;
use crate::load::{Count, Totals};

/// What each promotion of the demo must come to: version, environment, outcome.
const PROMISED: [(&str, &str, Outcome); 6] = [
    ("1.1.0", "dev", Outcome::Promoted),
    ("1.1.0", "staging", Outcome::Promoted),
    ("1.1.0", PRODUCTION, Outcome::Promoted),
    ("1.2.0", "dev", Outcome::Promoted),
    ("1.2.0", "staging", Outcome::Promoted),
    ("1.2.0", PRODUCTION, Outcome::RolledBack),
];
/// The version on which every production alias must stand at the end.
const STAYS: &str = "1.1.0";
/// The columns that production's orders must have at the end. The last is what the version
/// that is rolled back has added.
const COLUMNS: [&str; 5] = ["id", "amount_cents", "currency", "ordered_at", "receipt"];
/// The environment that has customers.
pub(super) const PRODUCTION: &str = "prod";

/// A release of the demo, once it is over.
#[derive(Debug)]
pub(super) struct Released {
    /// What it came to.
    pub(super) timeline: ReleaseTimeline,
    /// What customers saw while it ran.
    pub(super) served: Served,
    /// The Lambda versions that it published in production, by function.
    pub(super) published: Aliases,
}

/// What the demo came to.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// Where it ran.
    engine: String,
    /// One line a promotion.
    releases: Vec<Promoted>,
    /// Where the production aliases point at the end.
    aliases: Aliases,
    /// Where they should: on what the version that stays published there.
    expected_aliases: Aliases,
    /// The columns of production's orders at the end, as its database says.
    columns: Vec<String>,
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
        releases: Vec<Released>,
        served: &Totals,
        aliases: Aliases,
        columns: Vec<String>,
    ) -> Self {
        let expected_aliases = releases
            .iter()
            .find(|release| release.timeline.version == STAYS)
            .map(|release| release.published.clone())
            .unwrap_or_default();
        let all = Served::between(&Totals::default(), served);
        Self {
            engine: engine.to_owned(),
            releases: releases.into_iter().flat_map(promotions).collect(),
            aliases,
            expected_aliases,
            columns,
            served: all.0,
            unanswered: served.unanswered,
        }
    }

    /// What is not as it should be: promotions that ended otherwise, production
    /// aliases that are not where the version that stays put them, and columns that
    /// are not what migrations made.
    pub(super) fn broken(&self) -> Vec<String> {
        let outcomes = PROMISED
            .iter()
            .filter_map(|(version, environment, outcome)| {
                let found = self.outcome(version, environment);
                let found = found.map_or("nothing", Outcome::title);
                let expected = outcome.title();
                (found != expected)
                    .then(|| format!("{version} {environment}: expected {expected}, found {found}"))
            });
        let names = self.aliases.keys().chain(self.expected_aliases.keys());
        let aliases = names.collect::<BTreeSet<_>>().into_iter();
        let aliases = aliases.filter_map(|name| {
            let version =
                |aliases: &Aliases| aliases.get(name).map_or("nothing", |on| on).to_owned();
            let (found, expected) = (version(&self.aliases), version(&self.expected_aliases));
            (found != expected)
                .then(|| format!("alias of {name}: expected version {expected}, found {found}"))
        });
        let columns = (self.columns != COLUMNS).then(|| {
            let (found, expected) = (listed(&self.columns), COLUMNS.join(", "));
            format!("columns of {TABLE} in {PRODUCTION}: expected {expected}, found {found}")
        });
        outcomes.chain(aliases).chain(columns).collect()
    }

    /// What the database says of the orders.
    fn schema(&self) -> String {
        let [.., added] = COLUMNS;
        let [.., (last, _, _)] = PROMISED;
        let stays = self.columns.iter().any(|column| column == added);
        let stays = if stays { "stays" } else { "is not there" };
        let columns = listed(&self.columns);
        format!("{TABLE} has the columns {columns}: what {last} added {stays}")
    }

    fn outcome(&self, version: &str, environment: &str) -> Option<Outcome> {
        let timelines = self.releases.iter().map(|promoted| &promoted.timeline);
        timelines
            .filter(|timeline| timeline.version == version && timeline.environment == environment)
            .find_map(|timeline| timeline.outcome)
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
        lines.push(format!("schema of {PRODUCTION} now"));
        lines.push(format!("  {}", self.schema()));
        let broken = self.broken();
        if broken.is_empty() {
            let promised = PROMISED
                .map(|(version, place, outcome)| format!("{version} {place} {}", outcome.title()));
            lines.push(format!("as promised: {}", promised.join(", ")));
        } else {
            lines.push("NOT as promised".to_owned());
            lines.extend(broken.into_iter().map(|problem| format!("  {problem}")));
        }
        lines
    }
}

fn listed(columns: &[String]) -> String {
    if columns.is_empty() {
        return "none".to_owned();
    }
    columns.join(", ")
}

/// The promotions of a release; those in production with what its customers saw.
fn promotions(release: Released) -> impl Iterator<Item = Promoted> {
    let customers = release.served.0;
    release
        .timeline
        .promotions
        .into_iter()
        .map(move |mut timeline| {
            let mut seen = BTreeMap::new();
            if timeline.environment == PRODUCTION {
                // The judge's counts end at its last look; customers go on calling.
                let failed: u64 = customers.values().map(|tally| tally.errors).sum();
                timeline.failed_invocations = failed as f64;
                seen.clone_from(&customers);
            }
            Promoted {
                timeline,
                customers: seen,
            }
        })
}

#[cfg(test)]
#[path = "report_tests.rs"]
mod tests;
