//! One look at a step: what is measured, what it says, what follows, and what is
//! recorded of it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};
use sluice_domain::approval::Answer;
use sluice_domain::controls::Controls;
use sluice_domain::journal::Journal;
use sluice_domain::judge::{
    self, Asks, Decision, JudgePolicy, MetricQuery, Next, Outcome, Verdict,
};
use sluice_domain::ledger::Kind;
use sluice_domain::promotion::PromotionId;
use sluice_domain::settings::Step;

use crate::facts::fitting;
use crate::{
    Before, Error, Follows, Functions, Input, Judge, Measurement, Metrics, Output, Records, Series,
    Verdicts, Window,
};

/// The step that is judged.
pub(crate) struct Subject {
    pub(crate) journal: Journal,
    controls: Controls,
    pub(crate) index: usize,
    pub(crate) step: Step,
    /// The plan's, as it stands at this time of the step.
    policy: JudgePolicy,
    /// How long approvers of a step have, in seconds, if one asks them.
    approval_seconds: Option<u64>,
    /// Whether CodeDeploy is still shifting towards this step: then both versions
    /// serve, by a share that is CodeDeploy's to know.
    is_deploying: bool,
    /// When the step had reached every alias, or its deployments began.
    shifted_at: Timestamp,
}

/// What one look found out.
pub(crate) struct Seen {
    /// None: the step is not watched.
    verdict: Option<Verdict>,
    pub(crate) rule: String,
    /// Enough to ask the same again, and to judge it again.
    facts: Value,
}

/// What was normal before the rollout.
#[derive(Default)]
struct Normally {
    normal: Before,
    /// Enough to ask the same again. Null: nothing was asked.
    facts: Value,
}

impl Seen {
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        self.verdict.as_ref().map(|verdict| verdict.outcome)
    }
}

impl<R: Records, M: Metrics, F: Functions, L: Verdicts> Judge<R, M, F, L> {
    /// Looks at the step that the journal is at.
    ///
    /// # Errors
    /// When there is no such step, or a call to AWS fails. There is no verdict then.
    pub async fn handle(&self, input: Input, now: Timestamp) -> Result<Output, Error> {
        let id = &input.promotion;
        let subject = self.subject(id, now).await?;
        let look = judge::look(&subject.policy, subject.shifted_at, now);
        let seen = self.see(id, &subject, look, now).await?;
        let decision = self.decide(id, &subject, &seen, now).await;
        if decision.asks == Some(Asks::Go) {
            self.ask_a_person(id, &subject, &seen, &decision).await?;
        }
        let output = self.tell(id, &subject, look, &seen, decision).await?;
        if let Some(verdict) = &seen.verdict {
            self.warn(id, &subject, verdict).await?;
        }
        Ok(output)
    }

    /// What the step shows, if it is watched.
    async fn see(
        &self,
        id: &PromotionId,
        subject: &Subject,
        look: u64,
        now: Timestamp,
    ) -> Result<Seen, Error> {
        let policy = &subject.policy;
        let before = self.before(id, subject).await?;
        let measurement = Measurement::of(
            policy,
            &subject.journal.functions,
            subject.is_alone(),
            &before.normal,
        );
        if let Some(reason) = not_watched(subject, &measurement) {
            return Ok(Seen {
                verdict: None,
                rule: format!("not watched: {reason}"),
                facts: json!({}),
            });
        }
        let window = measurement.window(subject.shifted_at, now);
        let mut observed = self.observe(id, subject, &measurement, &window).await?;
        let probed = self.probe(id, policy, (subject.shifted_at, look)).await?;
        observed.environment.extend(probed);
        let verdict = judge::judge(policy, &observed, look);
        let queries = measurement.queries().iter().map(ToString::to_string);
        let facts = json!({
            "look": look,
            "functions": verdict.functions,
            "signals": verdict.signals,
            "window": window,
            "queries": queries.collect::<Vec<_>>(),
            "before": before.facts,
        });
        Ok(Seen {
            rule: verdict.rule.clone(),
            verdict: Some(verdict),
            facts,
        })
    }

    /// Records what was seen and what follows from it, and answers it.
    async fn tell(
        &self,
        id: &PromotionId,
        subject: &Subject,
        look: u64,
        seen: &Seen,
        decision: Decision,
    ) -> Result<Output, Error> {
        let (next, wait_seconds) = match decision.next {
            Next::Bake(seconds) => (Follows::Bake, seconds),
            Next::Advance => (Follows::Advance, 0),
            // Who steers holds a step that asks: none is left that asks for ever.
            Next::RollBack | Next::Ask => (Follows::RollBack, 0),
        };
        let outcome = seen.outcome().unwrap_or(Outcome::Pass);
        let mut facts = json!({
            "step": subject.index,
            "weight": subject.weight(),
            "outcome": outcome,
            "rule": seen.rule,
            "next": next,
            "wait_seconds": wait_seconds,
            "shifted_at": subject.shifted_at,
        });
        add(&mut facts, &seen.facts);
        let mut rule = seen.rule.clone();
        if let Some(because) = &decision.because {
            add(&mut facts, &json!({ "because": because }));
            rule = format!("{rule}; {because}");
        }
        // Two looks within one period may end differently: both are recorded.
        let key = match seen.verdict {
            None if next == Follows::Advance => format!("{}/unwatched", subject.key()),
            _ => format!("{}/{look}/{}", subject.key(), name(next)),
        };
        let kind = Kind::VerdictReached;
        Ok(Output {
            outcome,
            rule,
            next,
            step: decision.step,
            wait_seconds,
            sequence: self.ledger.record(id, kind, &key, fitting(facts)).await?,
        })
    }

    /// What was normal before the rollout.
    async fn before(&self, id: &PromotionId, subject: &Subject) -> Result<Normally, Error> {
        let policy = &subject.policy;
        let asked = Before::queries(policy, &subject.journal.functions, subject.is_alone());
        if asked.is_empty() || !subject.is_watched() {
            return Ok(Normally::default());
        }
        let begun_at = subject.journal.begun_at.unwrap_or(subject.shifted_at);
        let window = Window::before(policy, begun_at);
        let queries: Vec<MetricQuery> = asked.iter().map(|(_, query)| query.clone()).collect();
        let role = subject.journal.role.as_ref();
        let answers = self.metrics.series(role, id, &queries, &window).await?;
        let normal = Before::of(&asked, &answers);
        Ok(Normally {
            facts: json!({
                "window": window,
                "functions": normal,
                "queries": queries.iter().map(ToString::to_string).collect::<Vec<_>>(),
            }),
            normal,
        })
    }

    /// What was observed. A window without a whole period asks nobody.
    async fn observe(
        &self,
        id: &PromotionId,
        subject: &Subject,
        measurement: &Measurement<'_>,
        window: &Window,
    ) -> Result<judge::Observed, Error> {
        let role = subject.journal.role.as_ref();
        let names = subject.policy.alarms.iter();
        let names: Vec<String> = names.map(|alarm| alarm.name.clone()).collect();
        let alarms = if names.is_empty() {
            BTreeMap::new()
        } else {
            self.metrics.alarms(role, id, &names).await?
        };
        let answers = if window.is_empty() {
            vec![Some(Series::new()); measurement.queries().len()]
        } else {
            self.metrics
                .series(role, id, measurement.queries(), window)
                .await?
        };
        Ok(measurement.observe(&answers, window, &alarms))
    }

    /// Records what people should hear of: each limit once a step, however
    /// many looks find it exceeded.
    async fn warn(
        &self,
        id: &PromotionId,
        subject: &Subject,
        verdict: &Verdict,
    ) -> Result<(), Error> {
        for warning in verdict.warnings() {
            let key = format!("{}/{warning}", subject.key());
            let mut facts = subject.facts();
            add(&mut facts, &json!({ "warning": warning }));
            self.ledger
                .record(id, Kind::LimitExceeded, &key, facts)
                .await?;
        }
        Ok(())
    }

    /// Records, once a step, that a person has to say go.
    async fn ask_a_person(
        &self,
        id: &PromotionId,
        subject: &Subject,
        seen: &Seen,
        decision: &Decision,
    ) -> Result<(), Error> {
        let mut facts = subject.facts();
        let why = json!({ "rule": seen.rule, "because": decision.because });
        add(&mut facts, &why);
        let key = subject.index.to_string();
        self.ledger
            .record(id, Kind::PersonAwaited, &key, facts)
            .await?;
        Ok(())
    }

    async fn subject(&self, id: &PromotionId, now: Timestamp) -> Result<Subject, Error> {
        let journal = self.records.journal(id).await?;
        let not_shifted = |found: String| Error::NotShifted {
            promotion: id.clone(),
            found,
        };
        let index = journal
            .step
            .ok_or_else(|| not_shifted("that no step was begun".to_owned()))?;
        let deploying_since = journal.deploying_since();
        let shifted_at = deploying_since
            .or(journal.shifted_at)
            .ok_or_else(|| not_shifted(format!("that step {index} was begun and not finished")))?;
        let steps = journal.steps.len();
        let step = journal
            .steps
            .get(index)
            .cloned()
            .ok_or_else(|| not_shifted(format!("step {index} of {steps} steps")))?;
        let plan = self.records.plan(id).await?;
        let controls = self.records.controls(id).await?;
        Ok(Subject {
            policy: judge::asked(&plan.judge, &step, shifted_at, now),
            approval_seconds: plan.approval_seconds,
            journal,
            controls,
            index,
            step,
            is_deploying: deploying_since.is_some(),
            shifted_at,
        })
    }
}

impl Subject {
    /// The new versions' share, in percent, where Sluice set it.
    fn weight(&self) -> Option<f64> {
        (!self.is_deploying).then_some(self.step.weight)
    }

    /// CodeDeploy's shift always is.
    fn is_watched(&self) -> bool {
        self.is_deploying || self.step.bake_seconds > 0
    }

    /// Whether new versions are measured alone: nothing serves beside them.
    fn is_alone(&self) -> bool {
        self.weight().is_some_and(|weight| weight >= 100.0)
    }

    /// What follows, where approvers answered so, or were not asked.
    pub(crate) fn steer(
        &self,
        now: Timestamp,
        outcome: Option<Outcome>,
        answer: Option<&Answer>,
    ) -> Decision {
        if self.is_deploying {
            judge::steer_deploying(self.index, outcome)
        } else {
            judge::steer(&self.look(now, answer), outcome)
        }
    }

    /// Tells verdicts of one step from those of another, and from those before it.
    fn key(&self) -> String {
        if self.is_deploying {
            format!("{}/deploying", self.index)
        } else {
            self.index.to_string()
        }
    }

    fn look<'a>(&'a self, now: Timestamp, answer: Option<&'a Answer>) -> judge::Look<'a> {
        judge::Look {
            policy: &self.policy,
            steps: &self.journal.steps,
            index: self.index,
            shifted_at: self.shifted_at,
            now,
            controls: &self.controls,
            approval_seconds: self.approval_seconds,
            answer,
        }
    }

    /// Which step it is.
    fn facts(&self) -> Value {
        json!({ "step": self.index, "weight": self.weight() })
    }
}

/// Adds the fields of one object to another.
fn add(facts: &mut Value, more: &Value) {
    if let (Value::Object(facts), Value::Object(more)) = (facts, more) {
        facts.extend(more.clone());
    }
}

/// Why a step is not judged, if it isn't.
fn not_watched(subject: &Subject, measurement: &Measurement<'_>) -> Option<&'static str> {
    if !subject.is_watched() {
        return Some("this step has no bake");
    }
    measurement
        .is_empty()
        .then_some("no function receives traffic on a new version at this step")
}

fn name(next: Follows) -> &'static str {
    match next {
        Follows::Bake => "bake",
        Follows::Advance => "advance",
        Follows::RollBack => "roll_back",
    }
}
