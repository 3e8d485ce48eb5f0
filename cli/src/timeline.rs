//! What a promotion and a release came to: durations, counts, transitions, cost.
//!
//! Counts are the judge's own, from the last look at each step: what decided.
//! Calls after that look (the metrics' lag) are in nobody's verdict.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use sluice_domain::judge::{self, Counts, FunctionVerdict};
use sluice_domain::ledger::Kind;
use sluice_domain::promotion::{Outcome, PromotionId};

use crate::cost::{Cost, Usage, ledger_write_units};
use crate::entries::{Reached, Shifted, reached, shifted};
use crate::view::{Record, ReleaseView, seconds_between};

/// What a promotion came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Timeline {
    /// The promotion's name.
    pub promotion: PromotionId,
    /// The application.
    pub application: String,
    /// The version.
    pub version: String,
    /// The environment.
    pub environment: String,
    /// The attempt.
    pub attempt: u32,
    /// How it ended, once it has.
    #[serde(serialize_with = "title")]
    pub outcome: Option<Outcome>,
    /// Why.
    pub reason: Option<String>,
    /// The `promote` execution.
    pub execution_arn: String,
    /// When it began.
    pub opened_at: Timestamp,
    /// When it ended.
    pub closed_at: Option<Timestamp>,
    /// How long it took, or has taken until now.
    pub seconds: f64,
    /// States entered by it and its rollout. None: their histories are gone, or
    /// the caller may not read them.
    pub state_transitions: Option<u64>,
    /// The shift.
    pub steps: Vec<StepTimeline>,
    /// What was counted of each version, by function and version.
    pub served: BTreeMap<String, BTreeMap<String, Counts>>,
    /// Calls that the new versions answered.
    pub invocations: f64,
    /// Those that failed.
    pub failed_invocations: f64,
    /// At list prices.
    pub cost: Option<Cost>,
}

/// One step of the shift.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepTimeline {
    /// The new version's weight, in percent.
    pub weight: f64,
    /// How long it lasted.
    pub seconds: f64,
    /// What the judge said last. None: the step was not judged.
    pub verdict: Option<judge::Outcome>,
    /// Why.
    pub rule: Option<String>,
    /// How often the judge looked.
    pub looks: usize,
    /// The new versions of the group.
    pub canary: Counts,
    /// The versions beside them. None at 100 %, which reports write as no calls.
    #[serde(serialize_with = "counts")]
    pub baseline: Option<Counts>,
    /// Per function.
    pub functions: BTreeMap<String, FunctionVerdict>,
}

/// What a release came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReleaseTimeline {
    /// The application.
    pub application: String,
    /// The version.
    pub version: String,
    /// The attempt.
    pub attempt: u32,
    /// How it ended, once it has.
    #[serde(serialize_with = "title")]
    pub outcome: Option<Outcome>,
    /// The `release` execution.
    pub execution_arn: String,
    /// States entered by it and all its promotions.
    pub state_transitions: Option<u64>,
    /// At list prices.
    pub cost: Option<Cost>,
    /// Its promotions, in order.
    pub promotions: Vec<Timeline>,
}

/// Outcomes stand in reports under the name that pages and machines use.
///
/// # Errors
/// When the serializer fails.
pub fn title<S: Serializer>(outcome: &Option<Outcome>, serializer: S) -> Result<S::Ok, S::Error> {
    outcome.map(Outcome::title).serialize(serializer)
}

fn counts<S: Serializer>(counts: &Option<Counts>, serializer: S) -> Result<S::Ok, S::Error> {
    counts.unwrap_or_default().serialize(serializer)
}

/// What the executions of a promotion took.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Taken {
    /// States entered.
    pub state_transitions: u64,
    /// Functions called by them.
    pub calls: u64,
    /// Their time, times their memory.
    pub gb_seconds: f64,
}

impl Timeline {
    /// The timeline of a promotion at this time.
    #[must_use]
    pub fn of(record: &Record, taken: Option<Taken>, now: Timestamp) -> Self {
        let id = &record.promotion.id;
        let steps = steps(record, now);
        // (The sum of no floats is -0, which nobody wants to read.)
        let sum = |count: fn(&Counts) -> f64| {
            let counts = steps.iter().map(|step| count(&step.canary));
            counts.fold(0.0, |sum, count| sum + count)
        };
        Self {
            promotion: id.clone(),
            application: id.application.clone(),
            version: id.version.to_string(),
            environment: id.environment.clone(),
            attempt: id.attempt,
            outcome: record.promotion.outcome,
            reason: record.promotion.reason.clone(),
            execution_arn: record.promotion.execution_arn.clone(),
            opened_at: record.promotion.opened_at,
            closed_at: record.promotion.closed_at,
            seconds: record.seconds(now),
            state_transitions: taken.map(|taken| taken.state_transitions),
            served: served(record, &steps),
            invocations: sum(|counts| counts.invocations),
            failed_invocations: sum(|counts| counts.errors),
            steps,
            cost: taken.map(|taken| Cost::of(usage(record, taken))),
        }
    }
}

impl ReleaseTimeline {
    /// The timeline of a release, from those of its promotions and the
    /// transitions of its own execution.
    #[must_use]
    pub fn of(view: &ReleaseView, own_transitions: Option<u64>, promotions: Vec<Timeline>) -> Self {
        let transitions = promotions
            .iter()
            .map(|promotion| promotion.state_transitions)
            .sum::<Option<u64>>();
        let mut usage = own_transitions.map(|own| Usage {
            state_transitions: own,
            ..Usage::default()
        });
        for promotion in &promotions {
            match (&mut usage, &promotion.cost) {
                (Some(sum), Some(cost)) => *sum += cost.usage,
                _ => usage = None,
            }
        }
        Self {
            application: view.release.application.clone(),
            version: view.release.version.to_string(),
            attempt: view.release.attempt,
            outcome: view.outcome(),
            execution_arn: view.release.execution_arn.clone(),
            state_transitions: own_transitions
                .zip(transitions)
                .map(|(own, children)| own + children),
            cost: usage.map(Cost::of),
            promotions,
        }
    }
}

fn steps(record: &Record, now: Timestamp) -> Vec<StepTimeline> {
    let mut shifts: Vec<Shifted> = Vec::new();
    for shift in record.entries.iter().filter_map(shifted) {
        // A step that was taken twice (its answer was lost) is one step.
        if shifts.last().is_none_or(|last| last.step != shift.step) {
            shifts.push(shift);
        }
    }
    let verdicts: Vec<Reached> = record.entries.iter().filter_map(reached).collect();
    let ends = [
        Kind::Committed,
        Kind::TrafficRolledBack,
        Kind::PromotionClosed,
        Kind::Stranded,
    ];
    let end = record
        .entries
        .iter()
        .find(|entry| ends.contains(&entry.event.kind))
        .map(|entry| entry.at);
    let end = end.or(record.promotion.closed_at).unwrap_or(now);
    let step = |(index, shift): (usize, &Shifted)| {
        let until = shifts.get(index + 1).map_or(end, |next| next.shifted_at);
        let looks: Vec<&Reached> = verdicts
            .iter()
            .filter(|reached| reached.step == shift.step)
            .collect();
        let last = looks.last();
        let functions = last
            .map(|reached| reached.functions.clone())
            .unwrap_or_default();
        StepTimeline {
            weight: shift.weight,
            seconds: seconds_between(shift.shifted_at, until),
            verdict: last.map(|reached| reached.outcome),
            rule: last.map(|reached| reached.rule.clone()),
            looks: looks.len(),
            canary: functions
                .values()
                .fold(Counts::default(), |sum, function| add(sum, function.canary)),
            baseline: functions
                .values()
                .filter_map(|function| function.baseline)
                .reduce(add),
            functions,
        }
    };
    shifts.iter().enumerate().map(step).collect()
}

fn add(one: Counts, two: Counts) -> Counts {
    Counts {
        invocations: one.invocations + two.invocations,
        errors: one.errors + two.errors,
    }
}

fn served(record: &Record, steps: &[StepTimeline]) -> BTreeMap<String, BTreeMap<String, Counts>> {
    let mut served: BTreeMap<String, BTreeMap<String, Counts>> = BTreeMap::new();
    for (name, verdict) in steps.iter().flat_map(|step| &step.functions) {
        let Some(published) = record.versions.get(name) else {
            continue;
        };
        let versions = served.entry(name.clone()).or_default();
        let beside = published.stable.as_ref().zip(verdict.baseline);
        for (version, counts) in std::iter::once((&published.version, verdict.canary)).chain(beside)
        {
            let sum = versions.entry(version.clone()).or_default();
            *sum = add(*sum, counts);
        }
    }
    served
}

fn usage(record: &Record, taken: Taken) -> Usage {
    let entries = record.entries.len() as u64;
    let size = |entry| serde_json::to_vec(entry).map_or(0, |bytes| bytes.len());
    Usage {
        state_transitions: taken.state_transitions,
        lambda_requests: taken.calls + entries,
        lambda_gb_seconds: taken.gb_seconds,
        write_units: record
            .entries
            .iter()
            .map(|entry| ledger_write_units(size(entry)))
            .sum(),
        read_units: entries,
        metrics: record
            .entries
            .iter()
            .filter_map(reached)
            .map(|reached| reached.queries.len() as u64)
            .sum(),
    }
}

#[cfg(test)]
pub(crate) mod samples;

#[cfg(test)]
mod tests {
    use super::*;
    use samples::{at, prod_entries, record};

    #[test]
    fn each_step_lasts_until_the_next_and_the_last_until_the_commit() {
        let timeline = Timeline::of(
            &record("prod", Some(Outcome::Promoted), prod_entries()),
            None,
            at(99),
        );
        let steps: Vec<(f64, f64)> = timeline
            .steps
            .iter()
            .map(|step| (step.weight, step.seconds))
            .collect();
        assert_eq!(steps, [(10.0, 20.0), (100.0, 15.0)]);
        assert_eq!(timeline.seconds, 60.0);
    }

    #[test]
    fn the_last_look_at_a_step_is_its_verdict() {
        let timeline = Timeline::of(
            &record("prod", Some(Outcome::Promoted), prod_entries()),
            None,
            at(99),
        );
        let first = &timeline.steps[0];
        assert_eq!(
            (first.verdict, first.looks),
            (Some(judge::Outcome::Pass), 2)
        );
        assert_eq!(
            first.canary,
            Counts {
                invocations: 120.0,
                errors: 1.0
            }
        );
        assert_eq!(
            first.baseline,
            Some(Counts {
                invocations: 1080.0,
                errors: 4.0
            })
        );
        let last = &timeline.steps[1];
        assert_eq!(last.baseline, None, "nothing serves beside it");
    }

    #[test]
    fn calls_are_summed_per_version() {
        let timeline = Timeline::of(
            &record("prod", Some(Outcome::Promoted), prod_entries()),
            None,
            at(99),
        );
        let versions = &timeline.served["checkout"];
        assert_eq!(
            versions["4"],
            Counts {
                invocations: 420.0,
                errors: 3.0
            }
        );
        assert_eq!(
            versions["3"],
            Counts {
                invocations: 1080.0,
                errors: 4.0
            }
        );
        assert_eq!(
            (timeline.invocations, timeline.failed_invocations),
            (420.0, 3.0)
        );
    }

    #[test]
    fn cost_needs_the_histories_and_counts_the_ledger() {
        let record = record("prod", Some(Outcome::Promoted), prod_entries());
        assert_eq!(Timeline::of(&record, None, at(99)).cost, None);
        let taken = Taken {
            state_transitions: 40,
            calls: 12,
            gb_seconds: 1.0,
        };
        let usage = Timeline::of(&record, Some(taken), at(99))
            .cost
            .expect("a cost")
            .usage;
        assert_eq!((usage.state_transitions, usage.metrics), (40, 4 + 4 + 2));
        assert_eq!(usage.lambda_requests, 12 + record.entries.len() as u64);
        assert!(usage.write_units >= 4 * record.entries.len() as u64);
    }

    #[test]
    fn a_report_names_outcomes_as_pages_do() {
        let timeline = Timeline::of(
            &record("prod", Some(Outcome::RolledBack), vec![]),
            None,
            at(99),
        );
        let report = serde_json::to_value(&timeline).expect("json");
        assert_eq!(
            (&report["outcome"], &report["promotion"]),
            (&"RolledBack".into(), &"shop/prod/1.1.0/1".into())
        );
    }

    #[test]
    fn a_releases_transitions_include_its_promotions() {
        let mut view = samples::release_view(&["prod"]);
        let prod = record("prod", Some(Outcome::Promoted), prod_entries());
        let taken = Taken {
            state_transitions: 40,
            calls: 12,
            gb_seconds: 1.0,
        };
        let timeline = Timeline::of(&prod, Some(taken), at(99));
        view.stages[0].1 = Some(prod);
        let release = ReleaseTimeline::of(&view, Some(3), vec![timeline.clone()]);
        assert_eq!(release.state_transitions, Some(43));
        assert_eq!(release.cost.expect("a cost").usage.state_transitions, 43);
        assert_eq!(
            ReleaseTimeline::of(&view, None, vec![timeline]).state_transitions,
            None
        );
    }
}
