//! A run of an environment's scheduled test suites: nothing is published or shifted, and
//! what serves is tested as it stands.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::path::stays;
use crate::promotion::{Promotion, PromotionId};

/// A run of the suites of an environment whose stage is `scheduled`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestRun {
    /// The application.
    pub application: String,
    /// The environment.
    pub environment: String,
    /// The minute in which it was asked for: asked again within it, it is the same run.
    pub minute: Timestamp,
    /// Who or what asked.
    pub requested_by: String,
}

impl TestRun {
    /// Its name within its environment: `20261102T0200Z`.
    #[must_use]
    pub fn name(&self) -> String {
        self.minute.strftime("%Y%m%dT%H%MZ").to_string()
    }

    /// The chain in the ledger of all runs in its environment.
    #[must_use]
    pub fn chain(&self) -> String {
        format!("suites/{}/{}", self.application, self.environment)
    }
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TestOutcome {
    /// Every suite passed.
    Passed,
    /// A suite did not pass, or the run broke off.
    Failed,
    /// Nothing was tested, or what was tested did not stay: no mistake.
    SetAside,
}

/// The promotion that brought what serves in an environment.
///
/// # Errors
/// With why nothing can be tested there now, for people: nothing was promoted, or
/// traffic is being moved. `rolling` is the promotion that moves it.
pub fn serving<'a>(
    promotions: &'a [Promotion],
    environment: &str,
    rolling: Option<&PromotionId>,
) -> Result<&'a Promotion, String> {
    if let Some(rolling) = rolling {
        return Err(format!(
            "{rolling} is being rolled out: its traffic is no suite's to add to"
        ));
    }
    let there = stays(promotions, environment).pop();
    let there = there.and_then(|there| {
        let mut all = promotions.iter();
        all.find(|promotion| promotion.id == *there.promotion)
    });
    there.ok_or_else(|| format!("nothing was promoted to {environment} yet"))
}

#[cfg(test)]
mod tests {
    use crate::digest::Digest;
    use crate::promotion::{BundleRef, Outcome};

    use super::*;

    fn promotion(id: &str, outcome: Option<Outcome>, closed_at: i64) -> Promotion {
        Promotion {
            id: id.parse().expect("an id"),
            bundle: BundleRef {
                bucket: "artifacts".to_owned(),
                key: "k".to_owned(),
                version_id: "v".to_owned(),
                digest: Digest::of(id.as_bytes()),
            },
            execution_arn: "arn".to_owned(),
            opened_at: Timestamp::UNIX_EPOCH,
            outcome,
            reason: None,
            closed_at: outcome.and_then(|_| Timestamp::from_second(closed_at).ok()),
        }
    }

    #[test]
    fn what_was_promoted_last_is_tested_and_nothing_while_traffic_moves() {
        let promotions = [
            promotion("shop/prod/1.0.0/1", Some(Outcome::Promoted), 1),
            promotion("shop/prod/1.1.0/1", Some(Outcome::Promoted), 2),
            promotion("shop/prod/1.2.0/1", Some(Outcome::RolledBack), 3),
            promotion("shop/dev/1.3.0/1", Some(Outcome::Promoted), 4),
            promotion("shop/prod/1.3.0/1", None, 0),
        ];
        let found = serving(&promotions, "prod", None).expect("it serves");
        assert_eq!(found.id.to_string(), "shop/prod/1.1.0/1");
        let rolling = &promotions[4].id;
        let busy = serving(&promotions, "prod", Some(rolling)).expect_err("traffic moves");
        assert!(
            busy.contains("shop/prod/1.3.0/1 is being rolled out"),
            "{busy}"
        );
        let nothing = serving(&promotions, "staging", None).expect_err("nothing is there");
        assert_eq!(nothing, "nothing was promoted to staging yet");
    }

    #[test]
    fn a_run_has_one_name_for_a_minute() {
        let run = TestRun {
            application: "shop".to_owned(),
            environment: "prod".to_owned(),
            minute: "2026-11-02T02:00:00Z".parse().expect("a time"),
            requested_by: "schedule".to_owned(),
        };
        assert_eq!(run.name(), "20261102T0200Z");
        assert_eq!(run.chain(), "suites/shop/prod");
    }
}
