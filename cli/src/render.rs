//! Views and timelines as lines of text. Pure: the time comes in as data.

use jiff::Timestamp;
use sluice_domain::approval::State;
use sluice_domain::judge::{Counts, FunctionVerdict, baked_at};
use sluice_domain::ledger::Kind;
use sluice_domain::promotion::Outcome;
use sluice_domain::text::one_line;

use crate::cost::Cost;
use crate::entries::{self, verdict_tone};
use crate::paint::{Style, Table, Tone, bar};
use crate::timeline::{ReleaseTimeline, StepTimeline, Timeline};
use crate::view::{Asked, Question, Record, ReleaseView, seconds_between};

/// The live view of a release.
#[must_use]
pub fn release(view: &ReleaseView, now: Timestamp, style: Style) -> Vec<String> {
    let release = &view.release;
    let title = format!("{} {}", release.application, release.version);
    let facts = format!(
        "  attempt {}, bundle {}",
        release.attempt,
        release.bundle.digest.short()
    );
    let mut lines = vec![format!(
        "{}{}",
        style.paint(Tone::Strong, &title),
        style.paint(Tone::Faint, &facts)
    )];
    let width = view
        .stages
        .iter()
        .map(|(environment, _)| environment.chars().count())
        .max()
        .unwrap_or_default();
    for (environment, record) in &view.stages {
        let head = match record {
            Some(record) => headline(record, now, style),
            None => style.paint(Tone::Faint, "not begun"),
        };
        lines.push(format!("  {environment:<width$}  {head}"));
        if let Some(record) = record {
            lines.extend(
                details(record, now, style)
                    .into_iter()
                    .map(|line| format!("    {line}")),
            );
        }
    }
    lines
}

/// The live view of one promotion.
#[must_use]
pub fn promotion(record: &Record, now: Timestamp, style: Style) -> Vec<String> {
    let title = style.paint(Tone::Strong, &record.promotion.id.to_string());
    let mut lines = vec![format!("{title}  {}", headline(record, now, style))];
    lines.extend(
        details(record, now, style)
            .into_iter()
            .map(|line| format!("  {line}")),
    );
    lines
}

/// An outcome in the colour of its meaning.
#[must_use]
pub fn outcome(outcome: Option<Outcome>, style: Style) -> String {
    let (tone, word) = outcome_cell(outcome);
    style.paint(tone, &word)
}

/// An outcome as a cell of a table.
#[must_use]
pub fn outcome_cell(outcome: Option<Outcome>) -> (Tone, String) {
    let Some(outcome) = outcome else {
        return (Tone::Doubt, "open".to_owned());
    };
    let tone = match outcome {
        Outcome::Promoted | Outcome::Done => Tone::Good,
        Outcome::RolledBack | Outcome::Stranded | Outcome::Refused | Outcome::Failed => Tone::Bad,
        Outcome::Rejected | Outcome::Expired | Outcome::Superseded | Outcome::Aborted => {
            Tone::Doubt
        }
    };
    (tone, outcome.title().to_owned())
}

/// A duration for people: `12 s`, `3 min 05 s`, `2 h 10 min`.
#[must_use]
pub fn duration(seconds: f64) -> String {
    let whole = seconds.max(0.0).round() as u64;
    match whole {
        0..60 => format!("{whole} s"),
        60..3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
    }
}

fn headline(record: &Record, now: Timestamp, style: Style) -> String {
    let took = style.paint(Tone::Faint, &duration(record.seconds(now)));
    if record.promotion.outcome.is_some() {
        let reason = record
            .promotion
            .reason
            .as_deref()
            .filter(|reason| !reason.is_empty());
        let reason = reason
            .map(|reason| format!("  {}", one_line(reason)))
            .unwrap_or_default();
        return format!(
            "{}  {took}{reason}",
            outcome(record.promotion.outcome, style)
        );
    }
    let state = record.state.as_deref().unwrap_or("open");
    format!("{}  {took}", style.paint(Tone::Doubt, state))
}

fn details(record: &Record, now: Timestamp, style: Style) -> Vec<String> {
    if record.promotion.outcome.is_some() {
        return Vec::new();
    }
    let mut lines = Vec::new();
    match &record.approval {
        Some(question) if question.state == State::Pending => {
            lines.push(question_line(question, now));
        }
        Some(_) => {}
        None => lines.extend(record.asked().map(|asked| asked_line(&asked, now))),
    }
    lines.extend(waits_for_its_time(record, now));
    if record.happened(Kind::TargetsQueued) && !record.happened(Kind::TargetsAcquired) {
        lines.push("waits for another promotion to give its targets back".to_owned());
    }
    lines.extend(deploying(record, style));
    if !record.is_baking() {
        return lines;
    }
    lines.extend(bake(record, now, style));
    if let Some(reached) = record.verdict() {
        lines.extend(verdict_table(record, &reached.functions).lines(style));
        let (tone, word) = verdict_tone(reached.outcome);
        lines.push(format!(
            "look {}: {}: {}",
            reached.look,
            style.paint(tone, word),
            reached.rule
        ));
    }
    lines.extend(
        record
            .because()
            .map(|because| style.paint(Tone::Doubt, &one_line(because))),
    );
    lines
}

/// Until when and why it has not started, while that is ahead.
fn waits_for_its_time(record: &Record, now: Timestamp) -> Option<String> {
    let scheduled = record.scheduled()?;
    let why = one_line(&scheduled.why);
    let id = &record.promotion.id;
    let place = format!("{}/{}", id.application, id.environment);
    let overridden = format!("sluice override-windows {place} --reason …");
    Some(match scheduled.not_before {
        Some(time) => format!(
            "starts at {time}, in {}: {why}; sooner with {overridden}",
            duration(seconds_between(now, time))
        ),
        None => format!("does not start by itself: {why}; {overridden}"),
    })
}

fn question_line(question: &Question, now: Timestamp) -> String {
    let request = &question.request;
    let policy = &request.policy;
    let people: Vec<&str> = policy
        .approvers
        .iter()
        .map(|approver| approver.name.as_str())
        .collect();
    let about = match (&request.step, &request.wish) {
        (Some(step), _) => format!(" of {step}"),
        (None, Some(_)) => format!(" of {}", request.about()),
        (None, None) => String::new(),
    };
    format!(
        "asks {} of {} for approval{about}, {} so far, {} left: {}",
        policy.seats().len(),
        people.join(", "),
        question.votes.iter().filter(|vote| vote.stands()).count(),
        duration(seconds_between(now, request.expires_at)),
        request.command("approve"),
    )
}

/// The same for who may not read the question: not how to answer it.
fn asked_line(asked: &Asked, now: Timestamp) -> String {
    let step = asked.weight.map_or_else(String::new, |weight| {
        format!(" of the step with {weight} % of the traffic")
    });
    format!(
        "asks {} of {} for approval{step}, {} left",
        asked.quorum,
        asked.approvers.join(", "),
        duration(seconds_between(now, asked.expires_at)),
    )
}

/// What CodeDeploy shifts, while it does, and what the judge says of it.
fn deploying(record: &Record, style: Style) -> Vec<String> {
    if record.shift().is_some() {
        return Vec::new();
    }
    let entries = || record.entries.iter().rev();
    let Some(shifts) = entries().find_map(entries::deploying) else {
        return Vec::new();
    };
    let verdict = entries().find_map(entries::reached_while_deploying);
    let verdict = verdict.map(|(outcome, words)| {
        let (tone, word) = verdict_tone(outcome);
        format!("{} {words}", style.paint(tone, word))
    });
    std::iter::once(style.paint(Tone::Strong, &shifts))
        .chain(verdict)
        .collect()
}

/// The step with a bar that fills while it bakes.
fn bake(record: &Record, now: Timestamp, style: Style) -> Vec<String> {
    let (Some(shift), Some(plan)) = (record.shift(), record.plan.as_ref()) else {
        return Vec::new();
    };
    let Some(step) = plan.steps.get(shift.step) else {
        return Vec::new();
    };
    let place = format!(
        "step {} of {}: {} % on the new versions",
        shift.step + 1,
        plan.steps.len(),
        shift.weight
    );
    let mut lines = vec![style.paint(Tone::Strong, &place)];
    if step.bake_seconds > 0 {
        let elapsed = seconds_between(shift.shifted_at, now);
        let baked = baked_at(&plan.judge, step, shift.shifted_at);
        let asked = seconds_between(shift.shifted_at, baked);
        lines.push(progress(elapsed, asked, plan.judge.extend_seconds));
    }
    lines
}

fn progress(elapsed: f64, asked: f64, extend_seconds: u64) -> String {
    const WIDTH: usize = 30;
    let bar = bar(elapsed / asked, WIDTH);
    if elapsed <= asked {
        return format!("{bar}  {} of {}", duration(elapsed), duration(asked));
    }
    let most = asked + extend_seconds as f64;
    format!(
        "{bar}  {}, extended to at most {}",
        duration(elapsed),
        duration(most)
    )
}

fn verdict_table<'a>(
    record: &Record,
    functions: impl IntoIterator<Item = (&'a String, &'a FunctionVerdict)>,
) -> Table {
    let mut table = Table::new(&[
        "function",
        "versions",
        "verdict",
        "new",
        "beside it",
        "effect",
        "interval",
    ]);
    for (name, verdict) in functions {
        let published = record.versions.get(name);
        let versions = published.map(|it| {
            format!(
                "{} → {}",
                it.stable.as_deref().unwrap_or("none"),
                it.version
            )
        });
        let (tone, word) = verdict_tone(verdict.outcome);
        let [low, high] = verdict.interval;
        table.row(vec![
            (Tone::Plain, name.clone()),
            (Tone::Plain, versions.unwrap_or_default()),
            (tone, word.to_owned()),
            (Tone::Plain, counts(verdict.canary)),
            (
                Tone::Plain,
                verdict
                    .baseline
                    .map(counts)
                    .unwrap_or_else(|| "nothing".to_owned()),
            ),
            (Tone::Plain, points(verdict.effect)),
            (Tone::Plain, format!("[{}, {}]", points(low), points(high))),
        ]);
    }
    table
}

fn counts(counts: Counts) -> String {
    format!("{} of {} failed", counts.errors, counts.invocations)
}

/// A share as percent with its sign: effects are differences.
pub(crate) fn points(share: f64) -> String {
    format!("{:+.2} %", share * 100.0)
}

/// What a release came to.
#[must_use]
pub fn release_timeline(timeline: &ReleaseTimeline, style: Style) -> Vec<String> {
    let title = format!("{} {}", timeline.application, timeline.version);
    let mut lines = vec![format!(
        "{}  {}  attempt {}",
        style.paint(Tone::Strong, &title),
        outcome(timeline.outcome, style),
        timeline.attempt
    )];
    for promotion in &timeline.promotions {
        lines.extend(
            self::timeline(promotion, style)
                .into_iter()
                .map(|line| format!("  {line}")),
        );
    }
    lines.extend(totals(
        timeline.state_transitions,
        timeline.cost.as_ref(),
        style,
    ));
    lines
}

/// What a promotion came to.
#[must_use]
pub fn timeline(timeline: &Timeline, style: Style) -> Vec<String> {
    let mut lines = vec![format!(
        "{}  {}  {}",
        style.paint(Tone::Strong, &timeline.environment),
        outcome(timeline.outcome, style),
        duration(timeline.seconds)
    )];
    if let Some(reason) = timeline.reason.as_ref().filter(|reason| !reason.is_empty()) {
        lines.push(format!("  {}", one_line(reason)));
    }
    if !timeline.steps.is_empty() {
        lines.extend(
            step_table(&timeline.steps)
                .lines(style)
                .into_iter()
                .map(|line| format!("  {line}")),
        );
    }
    for (function, versions) in &timeline.served {
        let each = versions
            .iter()
            .map(|(version, served)| format!("version {version}: {}", counts(*served)));
        lines.push(format!(
            "  {function}  {}",
            each.collect::<Vec<_>>().join(", ")
        ));
    }
    lines
}

/// The transitions and the cost of whatever they were counted of.
#[must_use]
pub fn totals(transitions: Option<u64>, cost: Option<&Cost>, style: Style) -> Vec<String> {
    let (Some(transitions), Some(cost)) = (transitions, cost) else {
        return vec![
            "the executions' histories are gone or may not be read: transitions and cost are not known".to_owned(),
        ];
    };
    let parts = format!(
        "Step Functions ${:.6}, Lambda ${:.6}, DynamoDB ${:.6}, CloudWatch ${:.6}",
        cost.step_functions, cost.lambda, cost.dynamodb, cost.cloudwatch
    );
    let left_out = format!("not counted: {}", cost.not_counted.join("; "));
    vec![
        format!(
            "{transitions} state transitions, ${:.6} at AWS list prices ({parts})",
            cost.usd
        ),
        style.paint(Tone::Faint, &left_out),
    ]
}

fn step_table(steps: &[StepTimeline]) -> Table {
    let mut table = Table::new(&[
        "weight",
        "lasted",
        "verdict",
        "looks",
        "new",
        "beside it",
        "rule",
    ]);
    for step in steps {
        let (tone, word) = step
            .verdict
            .map_or((Tone::Faint, "not judged"), verdict_tone);
        let judged = step.verdict.is_some();
        table.row(vec![
            (Tone::Plain, format!("{} %", step.weight)),
            (Tone::Plain, duration(step.seconds)),
            (tone, word.to_owned()),
            (Tone::Plain, step.looks.to_string()),
            (
                Tone::Plain,
                if judged {
                    counts(step.canary)
                } else {
                    String::new()
                },
            ),
            (Tone::Plain, step.baseline.map(counts).unwrap_or_default()),
            (Tone::Plain, step.rule.clone().unwrap_or_default()),
        ]);
    }
    table
}

#[cfg(test)]
#[path = "render_tests.rs"]
mod tests;
