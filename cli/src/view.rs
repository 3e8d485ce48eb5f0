//! How a promotion and a release stand, read from the record.

use jiff::Timestamp;
use serde::Deserialize;
use sluice_domain::approval::{Request, State, Vote};
use sluice_domain::journal::Versions;
use sluice_domain::ledger::{Entry, Kind};
use sluice_domain::plan::Plan;
use sluice_domain::promotion::{Outcome, Promotion};
use sluice_domain::start::NotYet;
use sluice_platform::store::Release;

use crate::entries::{Reached, Shifted, reached, shifted};
use crate::execution::Standing;

/// One promotion with all that is known of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Its working record.
    pub promotion: Promotion,
    /// What it would change, once that was planned.
    pub plan: Option<Plan>,
    /// What it published, once it has.
    pub versions: Versions,
    /// What happened, in order.
    pub entries: Vec<Entry>,
    /// The question to people, while it is open. None also where it may not be read:
    /// then [`Record::asked`] is what there is.
    pub approval: Option<Question>,
    /// The state that its execution entered last, while it runs.
    pub state: Option<String>,
    /// Whether its execution goes on.
    pub runs: bool,
}

/// A question to people. Without the token that answers it.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// What was asked.
    pub request: Request,
    /// How it stands.
    pub state: State,
    /// Who said what.
    pub votes: Vec<Vote>,
}

/// What the ledger says of a question to people. Its page's link is not in there.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Asked {
    /// Who may vote.
    pub approvers: Vec<String>,
    /// How many of them must approve.
    pub quorum: usize,
    /// Until when.
    pub expires_at: Timestamp,
    /// The share of the traffic that the step has, in percent. None: it is about the
    /// promotion as a whole.
    #[serde(default)]
    pub weight: Option<f64>,
}

impl Record {
    /// What people were asked last, by the ledger, while nobody has decided.
    #[must_use]
    pub fn asked(&self) -> Option<Asked> {
        let mut entries = self.entries.iter().rev();
        let last = entries.find(|entry| {
            let kinds = [Kind::ApprovalRequested, Kind::ApprovalDecided];
            kinds.contains(&entry.event.kind)
        })?;
        let asks = last.event.kind == Kind::ApprovalRequested;
        asks.then(|| serde_json::from_value(last.event.facts.clone()).ok())?
    }

    /// Where traffic was moved to last.
    #[must_use]
    pub fn shift(&self) -> Option<Shifted> {
        self.entries.iter().rev().find_map(shifted)
    }

    /// What the judge said last of the step that is taken now.
    #[must_use]
    pub fn verdict(&self) -> Option<Reached> {
        let step = self.shift()?.step;
        self.entries
            .iter()
            .rev()
            .find_map(reached)
            .filter(|reached| reached.step == step)
    }

    /// Who or what holds or hurries the step that is taken now, where it is not
    /// the verdict.
    #[must_use]
    pub fn because(&self) -> Option<&str> {
        let step = self.shift()?.step;
        let mut looks = self.entries.iter().rev();
        let last = looks.find(|entry| entry.event.kind == Kind::VerdictReached)?;
        let is_of_this_step = last.event.facts["step"] == step;
        last.event.facts["because"]
            .as_str()
            .filter(|_| is_of_this_step)
    }

    /// For what it waits before it starts, if it still does.
    #[must_use]
    pub fn scheduled(&self) -> Option<NotYet> {
        if self.promotion.outcome.is_some() || self.happened(Kind::TargetsAcquired) {
            return None;
        }
        let entries = self.entries.iter().rev();
        let mut about = entries.map(|entry| match entry.event.kind {
            Kind::StartScheduled => Some(&entry.event.facts),
            Kind::ChangesPlanned => Some(&entry.event.facts["starts"]),
            _ => None,
        });
        let facts = about.find_map(|facts| facts)?;
        serde_json::from_value(facts.clone()).ok()
    }

    /// Whether anything of this kind happened.
    #[must_use]
    pub fn happened(&self, kind: Kind) -> bool {
        self.entries.iter().any(|entry| entry.event.kind == kind)
    }

    /// Whether traffic is on its way, so that a bake may be watched.
    #[must_use]
    pub fn is_baking(&self) -> bool {
        let ended = [
            Kind::Committed,
            Kind::TrafficRolledBack,
            Kind::PromotionClosed,
        ];
        self.promotion.outcome.is_none() && !ended.iter().any(|kind| self.happened(*kind))
    }

    /// Seconds from its first step to its outcome, or until now.
    #[must_use]
    pub fn seconds(&self, now: Timestamp) -> f64 {
        seconds_between(
            self.promotion.opened_at,
            self.promotion.closed_at.unwrap_or(now),
        )
    }

    /// Whether nothing of it will change any more.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.promotion.outcome.is_some() && !self.runs
    }
}

/// Seconds from one time to another, never less than none.
#[must_use]
pub fn seconds_between(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64().max(0.0)
}

/// A release with its promotions, in the order of its environments.
#[derive(Debug, Clone, PartialEq)]
pub struct ReleaseView {
    /// The attempt.
    pub release: Release,
    /// Its execution. None: it is gone (or not begun).
    pub standing: Option<Standing>,
    /// Each environment, with its promotion once that is opened.
    pub stages: Vec<(String, Option<Record>)>,
}

impl ReleaseView {
    /// How the release ended: promoted everywhere, or as its first promotion
    /// that was not promoted.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        let outcomes = || {
            self.stages
                .iter()
                .map(|(_, record)| record.as_ref().and_then(|record| record.promotion.outcome))
        };
        let other = outcomes()
            .flatten()
            .find(|outcome| *outcome != Outcome::Promoted);
        let everywhere = outcomes().all(|outcome| outcome == Some(Outcome::Promoted));
        other.or_else(|| (everywhere && !self.stages.is_empty()).then_some(Outcome::Promoted))
    }

    /// Whether nothing of it will change any more. A promotion that is still
    /// open after its release's execution has ended is the watchdog's to end.
    #[must_use]
    pub fn is_over(&self) -> bool {
        let open = self
            .stages
            .iter()
            .flat_map(|(_, record)| record)
            .any(|record| !record.is_over());
        !open && !self.standing.as_ref().is_some_and(Standing::runs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timeline::samples::{record, release_view};

    #[test]
    fn a_release_ends_as_its_first_promotion_that_was_not_promoted() {
        let mut view = release_view(&["dev", "prod"]);
        assert_eq!(view.outcome(), None);
        view.stages[0].1 = Some(record("dev", Some(Outcome::Promoted), vec![]));
        assert_eq!(view.outcome(), None);
        view.stages[1].1 = Some(record("prod", Some(Outcome::RolledBack), vec![]));
        assert_eq!(view.outcome(), Some(Outcome::RolledBack));
        view.stages[1].1 = Some(record("prod", Some(Outcome::Promoted), vec![]));
        assert_eq!(view.outcome(), Some(Outcome::Promoted));
    }

    #[test]
    fn a_release_is_not_over_while_its_execution_or_an_open_promotion_goes_on() {
        let mut view = release_view(&["prod"]);
        assert!(!view.is_over(), "the execution runs");
        view.standing = None;
        assert!(view.is_over());
        view.stages[0].1 = Some(record("prod", None, vec![]));
        assert!(
            !view.is_over(),
            "the watchdog has not ended the promotion yet"
        );
    }
}
