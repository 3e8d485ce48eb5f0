//! What is there after a run: what must hold whatever failed.

use std::time::Duration;

use aws_sdk_sfn::types::ExecutionStatus;
use sluice_domain::ledger::{Entry, Kind, verify};
use sluice_domain::promotion::{Outcome, Promotion, PromotionId};
use sluice_platform::store::StoreError;
use sluice_tests::World;
use tokio::time::timeout;

use super::run::Run;
use super::scenario::Scenario;
use super::{migrated, restored};

/// How long people may have to wait for a message.
pub(super) const NEWS: Duration = Duration::from_secs(30);

/// What a run has left behind.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) outcome: String,
    pub(super) aliases_settled: bool,
    pub(super) lock_free: bool,
    pub(super) notified: bool,
    pub(super) ledger_ok: bool,
    /// Whether people were called because it could not roll back.
    pub(super) stranded: bool,
    /// How the execution of `promote` ended; none where it never began.
    pub(super) execution: Option<ExecutionStatus>,
    /// How the execution of `release` ended, where there was one.
    pub(super) release: Option<ExecutionStatus>,
    /// What does not hold.
    pub(super) problems: Vec<String>,
}

/// What the state table and the ledger say of a promotion.
pub(super) struct Record {
    promotion: Option<Promotion>,
    entries: Vec<Entry>,
}

impl Record {
    /// What is kept of a promotion.
    pub(super) async fn of(world: &World, id: &PromotionId) -> Self {
        let promotion = match world.reader.store.promotion(id).await {
            Ok((promotion, _)) => Some(promotion),
            Err(StoreError::Missing(_)) => None,
            Err(error) => panic!("{error}"),
        };
        let entries = world.ledger(&id.to_string()).await;
        Self { promotion, entries }
    }

    /// Whether nothing is left to be done for it.
    pub(super) fn is_closed(&self) -> bool {
        let ended = self
            .outcome()
            .is_some_and(|found| found != Outcome::Stranded);
        ended && self.count(Kind::PromotionClosed) > 0
    }

    pub(super) fn count(&self, kind: Kind) -> usize {
        let entries = self.entries.iter();
        entries.filter(|entry| entry.event.kind == kind).count()
    }

    /// The outcome, as the record has it.
    pub(super) fn outcome(&self) -> Option<Outcome> {
        self.promotion.as_ref().and_then(|found| found.outcome)
    }

    /// The outcomes that the ledger tells of, in order.
    fn ends(&self) -> Vec<Outcome> {
        let entries = self.entries.iter().map(|entry| &entry.event);
        let ends = entries.filter(|event| event.kind == Kind::PromotionClosed);
        ends.filter_map(|event| serde_json::from_value(event.facts["outcome"].clone()).ok())
            .collect()
    }

    /// What the ledger should say of this, and does not.
    fn gaps(&self) -> Vec<String> {
        let mut gaps = Vec::new();
        let mut must = |holds: bool, what: &str| {
            if !holds {
                gaps.push(format!("the ledger: {what}"));
            }
        };
        must(verify(&self.entries).is_ok(), "its chain is broken");
        let outcome = self.outcome();
        must(self.ends().len() == 1, "not one end");
        let last = self.ends().pop();
        must(last == outcome, "another outcome in the end");
        let promoted = outcome == Some(Outcome::Promoted);
        must(
            (self.count(Kind::Committed) == 1) == promoted,
            "promoted and committed differ",
        );
        let moved = self.count(Kind::TrafficShifted) > 0;
        let back = self.count(Kind::TrafficRolledBack) > 0;
        must(
            promoted || !moved || back,
            "traffic that moved and never came back",
        );
        gaps
    }
}

impl Seen {
    /// Looks at everything that must hold.
    pub(super) async fn of(run: &Run) -> Self {
        let record = Record::of(&run.world, &run.id).await;
        let outcome = record.outcome();
        let promoted = outcome == Some(Outcome::Promoted);
        let version = if promoted {
            "2"
        } else {
            run.scenario.serving()
        };
        let mut problems = record.gaps();
        let ledger_ok = problems.is_empty();
        let elsewhere = run.world.elsewhere("prod", &run.build, version).await;
        let kept = run.world.kept("prod", &run.build).await;
        let untold = untold(run, &record).await;
        for (function, routing) in &elsewhere {
            problems.push(format!("{function} is not on {version} alone: {routing:?}"));
        }
        problems.extend(kept.iter().cloned());
        problems.extend(untold.iter().map(|kind| format!("nobody heard of {kind}")));
        if run.scenario == Scenario::Restoring {
            problems.extend(restored::problems(run, &run.id, &record).await);
        } else if let Some(data) = &run.data {
            let applied = promoted && run.scenario.migrates();
            problems.extend(migrated::problems(data, applied).await);
        }
        let execution = status(run, "promote").await;
        let release = status(run, "release").await;
        for found in [&execution, &release] {
            let is_well = promoted || outcome == Some(Outcome::Done);
            if *found == Some(ExecutionStatus::Succeeded) && !is_well {
                problems.push("an execution SUCCEEDED and nothing was promoted".to_owned());
            }
        }
        Self {
            outcome: outcome.map_or("none", Outcome::title).to_owned(),
            aliases_settled: elsewhere.is_empty(),
            lock_free: kept.is_empty(),
            notified: untold.is_empty() && record.is_closed(),
            ledger_ok,
            stranded: record.count(Kind::Stranded) > 0,
            execution,
            release,
            problems,
        }
    }
}

/// What people should have heard of, and did not.
async fn untold(run: &Run, record: &Record) -> Vec<String> {
    let mut untold = Vec::new();
    for kind in [Kind::Stranded, Kind::PromotionClosed] {
        if record.count(kind) == 0 {
            continue;
        }
        let title = match kind {
            Kind::Stranded => "",
            _ => record.outcome().map_or("", Outcome::title),
        };
        let name = kind.name();
        let message = run.world.told_of(&run.inbox, &name, title);
        if timeout(NEWS, message).await.is_err() {
            untold.push(name);
        }
    }
    untold
}

/// How an execution of this run ended. None: there is none.
async fn status(run: &Run, machine: &str) -> Option<ExecutionStatus> {
    let execution = run.execution_of(machine)?;
    let standing = run.world.reader.executions.standing(&execution).await;
    standing
        .expect("the execution")
        .map(|standing| standing.status)
}
