//! What ledger entries say: the facts that views and timelines are made of,
//! and one line for people.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use sluice_domain::controls::Wish;
use sluice_domain::judge::{FunctionVerdict, Outcome};
use sluice_domain::ledger::{Entry, Event, Kind};
use sluice_domain::migrations::{Checked, MigrationPlan, Restored};
use sluice_domain::text::one_line;

use crate::paint::{Style, Tone};

/// Alias weights moved.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Shifted {
    /// The step, from 0.
    pub step: usize,
    /// The new version's weight, in percent.
    pub weight: f64,
    /// When the step had reached every alias of the group.
    pub shifted_at: Timestamp,
}

/// The judge spoke.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Reached {
    /// The step, from 0.
    pub step: usize,
    /// The new version's weight, in percent.
    pub weight: f64,
    /// Which look at the step this is, from 1. A step that is not watched has
    /// none, and no verdict either.
    pub look: u64,
    /// What was said of the whole group.
    pub outcome: Outcome,
    /// Why.
    pub rule: String,
    /// Per function.
    pub functions: BTreeMap<String, FunctionVerdict>,
    /// The metrics that were asked for.
    #[serde(default)]
    pub queries: Vec<Value>,
}

/// The shift that an entry tells of, if it does.
#[must_use]
pub fn shifted(entry: &Entry) -> Option<Shifted> {
    if entry.event.kind != Kind::TrafficShifted {
        return None;
    }
    let mut facts = entry.event.facts.clone();
    let object = facts.as_object_mut()?;
    // An entry without its own time was recorded right after the shift.
    object
        .entry("shifted_at")
        .or_insert_with(|| Value::String(entry.at.to_string()));
    serde_json::from_value(facts).ok()
}

/// The verdict that an entry tells of, if it does.
#[must_use]
pub fn reached(entry: &Entry) -> Option<Reached> {
    let is_verdict = entry.event.kind == Kind::VerdictReached;
    is_verdict
        .then(|| serde_json::from_value(entry.event.facts.clone()).ok())
        .flatten()
}

/// Who shifts through CodeDeploy, if an entry tells of that: `CodeDeploy shifts api
/// (d-1), web (d-2)`.
#[must_use]
pub fn deploying(entry: &Entry) -> Option<String> {
    if entry.event.kind != Kind::DeploymentsCreated {
        return None;
    }
    let deployments = entry.event.facts["deployments"].as_object()?;
    let named = deployments
        .iter()
        .map(|(function, id)| format!("{function} ({})", id.as_str().unwrap_or_default()));
    let named: Vec<String> = named.collect();
    Some(format!("CodeDeploy shifts {}", named.join(", ")))
}

/// A verdict while CodeDeploy shifts, if an entry tells of one: there is no weight
/// that Sluice set.
#[must_use]
pub fn reached_while_deploying(entry: &Entry) -> Option<(Outcome, String)> {
    #[derive(Deserialize)]
    struct Facts {
        weight: Option<f64>,
        look: u64,
        outcome: Outcome,
        rule: String,
    }
    if entry.event.kind != Kind::VerdictReached {
        return None;
    }
    let facts: Facts = serde_json::from_value(entry.event.facts.clone()).ok()?;
    let Facts {
        weight,
        look,
        outcome,
        rule,
    } = facts;
    let words = format!("while CodeDeploy shifts, look {look}: {rule}");
    weight.is_none().then_some((outcome, words))
}

/// What a verdict's outcome looks like.
#[must_use]
pub fn verdict_tone(outcome: Outcome) -> (Tone, &'static str) {
    match outcome {
        Outcome::Pass => (Tone::Good, "pass"),
        Outcome::Fail => (Tone::Bad, "fail"),
        Outcome::Inconclusive => (Tone::Doubt, "inconclusive"),
    }
}

/// One line about an entry: when, what, and the facts that matter.
#[must_use]
pub fn line(entry: &Entry, style: Style) -> String {
    let time = entry.at.strftime("%H:%M:%S").to_string();
    let (tone, words) = words(entry);
    let kind = style.paint(tone, &format!("{:<18}", entry.event.kind.name()));
    let words = one_line(&words);
    format!("{}  {kind} {words}", style.paint(Tone::Faint, &time))
        .trim_end()
        .to_owned()
}

fn words(entry: &Entry) -> (Tone, String) {
    let facts = &entry.event.facts;
    if let Some(shift) = shifted(entry) {
        return (
            Tone::Strong,
            format!(
                "step {}: {} % on the new versions",
                shift.step + 1,
                shift.weight
            ),
        );
    }
    if let Some(reached) = reached(entry) {
        let (tone, outcome) = verdict_tone(reached.outcome);
        return (
            tone,
            format!(
                "{outcome} at {} %, look {}: {}{}",
                reached.weight,
                reached.look,
                reached.rule,
                because(facts),
            ),
        );
    }
    if let Some(deploying) = deploying(entry) {
        return (Tone::Strong, deploying);
    }
    if let Some((outcome, words)) = reached_while_deploying(entry) {
        let (tone, outcome) = verdict_tone(outcome);
        return (tone, format!("{outcome} {words}"));
    }
    if entry.event.kind == Kind::VerdictReached {
        return (Tone::Plain, not_watched(facts));
    }
    if let Some(asked) = asked(entry) {
        return (Tone::Doubt, asked);
    }
    if let Some(ran) = suite_ran(entry) {
        return ran;
    }
    if let Some(migrated) = migrated(entry) {
        return (Tone::Plain, migrated);
    }
    let tone = match entry.event.kind {
        Kind::ReleaseRefused | Kind::Stranded | Kind::TrafficRolledBack => Tone::Bad,
        Kind::ApprovalRequested
        | Kind::StartScheduled
        | Kind::TargetsQueued
        | Kind::TakenOver
        | Kind::PersonAwaited => Tone::Doubt,
        Kind::Committed => Tone::Good,
        Kind::PromotionClosed
            if facts.get("outcome").and_then(Value::as_str) == Some("promoted") =>
        {
            Tone::Good
        }
        Kind::PromotionClosed => Tone::Bad,
        _ => Tone::Plain,
    };
    let by = if matches!(entry.event.kind, Kind::VoteCast | Kind::VoteWithdrawn) {
        format!("{}: ", entry.event.actor)
    } else {
        String::new()
    };
    (tone, format!("{by}{}", plain_facts(facts)))
}

/// What came of a test suite, if an entry tells of one.
fn suite_ran(entry: &Entry) -> Option<(Tone, String)> {
    #[derive(Deserialize)]
    struct Facts {
        suite: String,
        stage: String,
        passed: Option<u64>,
        problem: Option<String>,
    }
    if entry.event.kind != Kind::SuiteRan {
        return None;
    }
    let facts: Facts = serde_json::from_value(entry.event.facts.clone()).ok()?;
    let Facts {
        suite,
        stage,
        passed,
        problem,
    } = facts;
    let (tone, found) = match problem {
        Some(problem) => (Tone::Bad, problem),
        None => (
            Tone::Plain,
            format!("{} passed", passed.unwrap_or_default()),
        ),
    };
    Some((tone, format!("{suite}, stage {stage}: {found}")))
}

/// What is applied to a database, or how it changed, if an entry tells of that.
fn migrated(entry: &Entry) -> Option<String> {
    let facts = &entry.event.facts;
    match entry.event.kind {
        Kind::MigrationsBegun => {
            let plan: MigrationPlan = serde_json::from_value(facts.get("plan")?.clone()).ok()?;
            let backup = facts.get("backup").and_then(Value::as_str);
            let backup = backup.map_or_else(String::new, |id| format!("; backup {id}"));
            Some(format!("{}{backup}", plan.sentence()))
        }
        Kind::MigrationsApplied => {
            let stands: Checked = serde_json::from_value(facts.get("stands")?.clone()).ok()?;
            Some(stands.sentence())
        }
        Kind::TrafficStopped => Some(format!(
            "{}; calls may still run for {} s",
            names(facts)?,
            facts.get("wait_seconds")?
        )),
        Kind::TrafficResumed => names(facts),
        Kind::DatabaseRestored => {
            let stands: Restored = serde_json::from_value(facts.get("stands")?.clone()).ok()?;
            let backup = facts.get("backup")?.as_str()?;
            let kept = facts.get("kept").and_then(Value::as_str);
            let kept = kept.map_or_else(String::new, |name| {
                format!("; the server of before is {name}")
            });
            Some(format!(
                "{} as of backup {backup}; {} in{kept}",
                stands.place, stands.applied
            ))
        }
        _ => None,
    }
}

/// The functions that an entry tells of.
fn names(facts: &Value) -> Option<String> {
    let names = facts.get("functions")?.as_object()?.keys();
    Some(names.map(String::as_str).collect::<Vec<_>>().join(", "))
}

/// What decided otherwise than the verdict, as the end of a line.
fn because(facts: &Value) -> String {
    let because = facts.get("because").and_then(Value::as_str);
    because.map_or_else(String::new, |because| format!("; {because}"))
}

fn not_watched(facts: &Value) -> String {
    let rule = facts.get("rule").and_then(Value::as_str);
    format!("{}{}", rule.unwrap_or_default(), because(facts))
}

/// What an operator asked, if the entry tells of it.
fn asked(entry: &Entry) -> Option<String> {
    let Event {
        kind, actor, facts, ..
    } = &entry.event;
    if *kind != Kind::OperatorAsked {
        return None;
    }
    let wish: Wish = serde_json::from_value(facts.get("wish")?.clone()).ok()?;
    let reason = facts.get("reason").and_then(Value::as_str)?;
    Some(format!("{}, asked by {actor}: {reason}", wish.title()))
}

/// Digests and commits are cut to what tells them apart, times to the second.
fn short(text: &str) -> String {
    let is_hex = |text: &str| text.bytes().all(|b| b.is_ascii_hexdigit());
    let hex = text.strip_prefix("sha256:").unwrap_or(text);
    if hex.len() >= 40 && is_hex(hex) {
        return hex[..12].to_owned();
    }
    match text.parse::<jiff::Timestamp>() {
        Ok(time) => time.strftime("%H:%M:%SZ").to_string(),
        Err(_) => text.to_owned(),
    }
}

/// The facts that fit into a line: names with short values.
fn plain_facts(facts: &Value) -> String {
    const LONGEST: usize = 120;
    let Some(facts) = facts.as_object() else {
        return String::new();
    };
    let words = facts.iter().filter_map(|(name, value)| {
        let value = match value {
            // People count from one.
            Value::Number(step) if name == "step" => (step.as_u64()? + 1).to_string(),
            Value::String(text) if text.is_empty() => return None,
            Value::String(text) => short(text),
            Value::Number(_) | Value::Bool(_) => value.to_string(),
            Value::Array(items) if !items.is_empty() => {
                let items: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
                items?.join(" ")
            }
            _ => return None,
        };
        (value.chars().count() <= LONGEST).then(|| format!("{} {value}", name.replace('_', " ")))
    });
    words.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::timeline::samples::{entry, verdict};

    #[test]
    fn migrations_say_what_they_changed() {
        let stands = json!({"applied": 2, "changes": ["+ table public.a", "+ table public.b",
            "+ table public.c", "+ table public.d"], "more_changes": 3, "queries": 0});
        let told = line(
            &entry(
                1,
                Kind::MigrationsApplied,
                json!({"stands": stands, "backup": null}),
            ),
            Style::PLAIN,
        );
        let expected = "2 in; + table public.a, + table public.b, + table public.c and 4 more";
        assert!(told.ends_with(expected), "{told}");
    }

    #[test]
    fn a_restore_says_who_got_no_calls_and_what_became_of_the_server_of_before() {
        let told = |kind, facts| line(&entry(1, kind, facts), Style::PLAIN);
        let functions = json!({"api": null, "jobs": 5});
        let stopped = json!({"functions": functions, "wait_seconds": 30});
        let stopped = told(Kind::TrafficStopped, stopped);
        let expected = "api, jobs; calls may still run for 30 s";
        assert!(stopped.ends_with(expected), "{stopped}");
        let stands = json!({"place": "db:5432/shop", "server": "17.10", "applied": 2});
        let restored = json!({"backup": "nightly", "stands": stands, "kept": "shop-old"});
        let restored = told(Kind::DatabaseRestored, restored);
        let expected = "db:5432/shop as of backup nightly; 2 in; the server of before is shop-old";
        assert!(restored.ends_with(expected), "{restored}");
    }

    #[test]
    fn a_suite_says_how_many_passed_or_what_is_wrong() {
        let ran = |problem: Value| {
            let facts =
                json!({"suite": "orders", "stage": "new", "passed": 12, "problem": problem});
            line(&entry(1, Kind::SuiteRan, facts), Style::PLAIN)
        };
        let passed = ran(Value::Null);
        assert!(passed.ends_with("orders, stage new: 12 passed"), "{passed}");
        let failed = ran(json!("1 of 13 tests failed: `a`"));
        let told = "orders, stage new: 1 of 13 tests failed: `a`";
        assert!(failed.ends_with(told), "{failed}");
    }

    #[test]
    fn a_shift_is_told_in_percent_and_counts_steps_from_one() {
        let entry = entry(
            7,
            Kind::TrafficShifted,
            json!({"step": 0, "weight": 10.0, "shifted_at": "2026-01-01T00:00:06Z"}),
        );
        assert_eq!(
            line(&entry, Style::PLAIN),
            "00:00:07  TrafficShifted     step 1: 10 % on the new versions"
        );
    }

    #[test]
    fn what_codedeploy_shifts_is_told_with_its_deployments_and_judged_without_a_weight() {
        let facts = json!({"deployments": {"api": "d-1", "web": "d-2"}});
        let told = line(&entry(7, Kind::DeploymentsCreated, facts), Style::PLAIN);
        assert!(
            told.ends_with("CodeDeploy shifts api (d-1), web (d-2)"),
            "{told}"
        );
        let facts = json!({
            "step": 0, "weight": null, "look": 3, "outcome": "pass", "rule": "api: fine",
            "functions": {},
        });
        let told = line(&entry(8, Kind::VerdictReached, facts), Style::PLAIN);
        assert!(
            told.ends_with("pass while CodeDeploy shifts, look 3: api: fine"),
            "{told}"
        );
    }

    #[test]
    fn people_read_steps_from_one_and_why_a_step_was_not_watched() {
        let facts = json!({"step": 0, "warning": "api: errors above 1.00 %"});
        let told = line(&entry(7, Kind::LimitExceeded, facts), Style::PLAIN);
        assert!(
            told.ends_with("step 1, warning api: errors above 1.00 %"),
            "{told}"
        );
        let facts = json!({"step": 2, "next": "advance", "rule": "not watched"});
        let told = line(&entry(7, Kind::VerdictReached, facts), Style::PLAIN);
        assert_eq!(told, "00:00:07  VerdictReached     not watched");
    }

    #[test]
    fn a_shift_without_its_own_time_happened_when_it_was_recorded() {
        let entry = entry(7, Kind::TrafficShifted, json!({"step": 0, "weight": 10.0}));
        assert_eq!(shifted(&entry).expect("a shift").shifted_at, entry.at);
    }

    #[test]
    fn a_verdict_is_told_with_its_rule_and_a_step_that_is_not_watched_has_none() {
        let facts = verdict(0, 10.0, 3, "fail", (60.0, 9.0), Some((540.0, 2.0)));
        let expected = "00:00:09  VerdictReached     fail at 10 %, look 3: harm of 2.00 % or more is excluded (at most 1.20 %)";
        assert_eq!(
            line(&entry(9, Kind::VerdictReached, facts), Style::PLAIN),
            expected
        );
        let unwatched = json!({"step": 0, "weight": 10.0, "outcome": "pass", "rule": "not watched: this step has no bake"});
        assert_eq!(reached(&entry(9, Kind::VerdictReached, unwatched)), None);
    }

    #[test]
    fn what_an_operator_asked_and_decided_is_told_with_whose_wish_it_was() {
        let facts = json!({"wish": "promote_now", "reason": "hot fix", "step": 0});
        let told = line(&entry(7, Kind::OperatorAsked, facts), Style::PLAIN);
        assert!(told.contains("promote now, asked by "), "{told}");
        assert!(told.ends_with(": hot fix"), "{told}");
        let mut facts = verdict(0, 10.0, 3, "pass", (60.0, 0.0), None);
        facts["because"] = json!("pause, asked by ada: wrong day");
        let told = line(&entry(9, Kind::VerdictReached, facts), Style::PLAIN);
        assert!(told.ends_with("; pause, asked by ada: wrong day"), "{told}");
    }

    #[test]
    fn digests_commits_and_times_are_cut_to_what_a_person_needs() {
        let digest = format!("sha256:{}", "ab".repeat(32));
        assert_eq!(short(&digest), "abababababab");
        assert_eq!(short(&"c".repeat(40)), "cccccccccccc");
        assert_eq!(short("2026-01-01T00:10:06.827438427Z"), "00:10:06Z");
        assert_eq!(short("promoted"), "promoted");
    }

    #[test]
    fn unknown_facts_are_told_as_they_are_and_long_ones_left_out() {
        let facts = json!({"outcome": "promoted", "lines": ["a", "b"], "deep": {"x": 1}, "long": "x".repeat(200), "none": null});
        let entry = entry(1, Kind::PromotionClosed, facts);
        assert_eq!(
            line(&entry, Style::PLAIN),
            "00:00:01  PromotionClosed    lines a b, outcome promoted"
        );
    }
}
