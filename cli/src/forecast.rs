//! What the steps of a rollout can find out at the traffic that there was.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use sluice_domain::judge::backtest::Course;
use sluice_domain::judge::{Feasibility, Prospect, Remedy, feasibility, remedies, wanted_at_last};
use sluice_domain::settings::{Settings, Step};

use crate::finding::Finding;
use crate::paint::{Style, Table, Tone};
use crate::traffic::Series;
use crate::words::{self, percent, span};

/// How often an alias was called.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Calls {
    /// Calls.
    pub count: f64,
    /// Within so many seconds.
    pub seconds: u64,
}

impl Calls {
    /// What was counted up to a time since the first period with a call: an alias may
    /// be younger than the series. None: there was no call.
    #[must_use]
    pub fn of(series: &Series, until: Timestamp) -> Option<Self> {
        let first = series.iter().find(|(_, calls)| **calls > 0.0)?.0;
        let seconds = until.duration_since(*first).as_secs().max(60);
        Some(Self {
            count: series.values().sum(),
            seconds: seconds.unsigned_abs(),
        })
    }

    fn per_second(self) -> f64 {
        self.count / self.seconds as f64
    }

    /// `412 calls/min in the last 7 days`.
    fn words(self) -> String {
        format!(
            "{} calls/min in the last {}",
            words::calls(60.0 * self.per_second()),
            about(self.seconds)
        )
    }
}

/// A long time in whole units.
fn about(seconds: u64) -> String {
    let unit = match seconds {
        0..120 => 1,
        120..36_000 => 60,
        36_000..172_800 => 3600,
        _ => 86_400,
    };
    span((seconds + unit / 2) / unit * unit)
}

/// What the steps can find out, function by function.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Forecast {
    /// The shortest rollout, in seconds.
    pub least_seconds: u64,
    /// The longest, if each step is extended as far as it may be.
    pub most_seconds: u64,
    /// Each function.
    pub functions: BTreeMap<String, FunctionForecast>,
}

/// What the steps can find out about one function.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FunctionForecast {
    /// How often its alias was called. None: never.
    pub calls: Option<Calls>,
    /// The steps.
    pub steps: Vec<StepForecast>,
}

/// What one step can find out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepForecast {
    /// The step.
    #[serde(flatten)]
    pub step: Step,
    /// What it finds out if not one call fails.
    #[serde(flatten)]
    pub found: Feasibility,
    /// How it ends then.
    pub prospect: Prospect,
    /// What would let it pass that can't.
    pub remedies: Vec<Remedy>,
    /// The rise, or the share, that must be excluded when its extension is over.
    pub at_last: f64,
}

impl Forecast {
    /// The forecast for functions that were called so often.
    #[must_use]
    pub fn of(settings: &Settings, calls: &BTreeMap<String, Option<Calls>>) -> Self {
        let policy = &settings.judge;
        // What CodeDeploy's own shift can find out, its deployment groups decide.
        let own_steps = settings.own_steps();
        let course = Course {
            steps: &own_steps,
            policy,
        };
        let watched = own_steps.iter().filter(|step| step.bake_seconds > 0);
        let functions = calls.iter().map(|(name, calls)| {
            let steps = own_steps.iter();
            let forecast = FunctionForecast {
                calls: *calls,
                steps: steps
                    .map(|step| StepForecast::of(settings, step, *calls))
                    .collect(),
            };
            (name.clone(), forecast)
        });
        let least_seconds = 60 * course.minutes();
        Self {
            least_seconds,
            most_seconds: least_seconds + policy.extend_seconds * watched.count() as u64,
            functions: functions.collect(),
        }
    }

    /// What a person should know, and how to mend it.
    #[must_use]
    pub fn findings(&self, settings: &Settings) -> Vec<Finding> {
        let functions = self.functions.iter();
        functions
            .flat_map(|(name, function)| function.findings(name, settings))
            .collect()
    }

    /// For people.
    #[must_use]
    pub fn lines(&self, style: Style) -> Vec<String> {
        let mut lines = Vec::new();
        for (name, function) in &self.functions {
            let traffic = match function.calls {
                Some(calls) => calls.words(),
                None => "no call was counted".to_owned(),
            };
            let title = style.paint(Tone::Strong, name);
            lines.push(format!("{title}  {traffic}"));
            if function.calls.is_some() {
                let table = function.table().lines(style).into_iter();
                lines.extend(table.map(|line| format!("  {line}")));
            }
            lines.push(String::new());
        }
        lines.push(format!(
            "a rollout takes {} at least, {} if every step is extended",
            span(self.least_seconds),
            span(self.most_seconds)
        ));
        lines
    }
}

impl StepForecast {
    fn of(settings: &Settings, step: &Step, calls: Option<Calls>) -> Self {
        let policy = &settings.judge;
        let rate = calls.map_or(0.0, Calls::per_second);
        let found = feasibility(policy, step, rate);
        let prospect = found.prospect(policy, step);
        let remedies = match prospect {
            Prospect::GoesOn | Prospect::Waits | Prospect::RollsBack => {
                remedies(policy, step, rate)
            }
            Prospect::NotJudged
            | Prospect::Passes
            | Prospect::PassesLater
            | Prospect::PassesAtLast => Vec::new(),
        };
        Self {
            step: step.clone(),
            found,
            prospect,
            remedies,
            at_last: wanted_at_last(policy, step.weight),
        }
    }

    /// `a rise of 2.00 %`, or of a share where nothing serves beside it.
    fn harm(&self, share: f64) -> String {
        let what = if self.step.weight < 100.0 {
            "a rise"
        } else {
            "a share"
        };
        format!("{what} of {}", percent(share))
    }

    fn excluded(&self) -> String {
        if self.found.excludes < 1.0 {
            self.harm(self.found.excludes)
        } else {
            "nothing".to_owned()
        }
    }

    fn row(&self) -> Vec<(Tone, String)> {
        let (tone, ends) = self.ends();
        let mut row = vec![(Tone::Plain, words::step(&self.step))];
        if self.prospect == Prospect::NotJudged {
            row.extend([(); 4].map(|()| (Tone::Plain, String::new())));
        } else {
            let wanted = self.found.seconds_wanted.map(about);
            row.extend([
                (Tone::Plain, words::calls(self.found.calls)),
                (Tone::Plain, self.excluded()),
                (Tone::Plain, percent(self.found.wanted)),
                (Tone::Plain, wanted.unwrap_or_else(|| "for ever".to_owned())),
            ]);
        }
        row.push((tone, ends));
        row
    }

    fn ends(&self) -> (Tone, String) {
        match self.prospect {
            Prospect::NotJudged => (Tone::Faint, "not judged".to_owned()),
            Prospect::Passes => (Tone::Good, "passes in time".to_owned()),
            Prospect::PassesLater => (Tone::Doubt, "passes when extended".to_owned()),
            Prospect::PassesAtLast => (
                Tone::Doubt,
                format!(
                    "passes, extended, if {} is excluded",
                    self.harm(self.at_last)
                ),
            ),
            Prospect::GoesOn => (Tone::Doubt, "goes on undecided".to_owned()),
            Prospect::Waits => (Tone::Doubt, "waits for a person undecided".to_owned()),
            Prospect::RollsBack => (Tone::Bad, "is rolled back undecided".to_owned()),
        }
    }

    /// Why the step can't pass, and what would let it.
    fn finding(&self, name: &str, settings: &Settings, calls: Calls) -> Option<Finding> {
        let ends = match self.prospect {
            Prospect::GoesOn => "it goes on undecided",
            Prospect::Waits => "it waits for a person's go, for a day at most",
            Prospect::RollsBack => "it is rolled back though nothing fails",
            Prospect::NotJudged
            | Prospect::Passes
            | Prospect::PassesLater
            | Prospect::PassesAtLast => return None,
        };
        let policy = &settings.judge;
        let seconds = self.step.bake_seconds + policy.extend_seconds;
        let most = calls.per_second() * self.step.weight / 100.0 * seconds as f64;
        let needs = self.found.seconds_wanted.map(about);
        let message = format!(
            "can't pass: it gets about {} calls in {}, extended, and takes {} to exclude {}; {ends}",
            words::calls(most),
            span(seconds),
            needs.unwrap_or_else(|| "for ever".to_owned()),
            self.harm(self.found.wanted),
        );
        let subject = format!("{name}, {}", words::step(&self.step));
        let mend = self.mend();
        Some(if self.prospect == Prospect::RollsBack {
            Finding::problem(subject, message, mend)
        } else {
            Finding::note(subject, message, mend)
        })
    }

    fn mend(&self) -> String {
        let mut ways: Vec<String> = self.remedies.iter().map(words_of).collect();
        if self.prospect == Prospect::RollsBack {
            ways.push("`on_inconclusive` to \"advance\" or \"pause\"".to_owned());
        }
        match ways.as_slice() {
            [] => "only more calls would let it pass".to_owned(),
            [one] => format!("set {one}"),
            [one, other] => format!("set {one}, or {other}"),
            [rest @ .., last] => format!("set one of: {}, or {last}", rest.join(", ")),
        }
    }
}

fn words_of(remedy: &Remedy) -> String {
    match remedy {
        Remedy::BakeSeconds(seconds) => {
            format!("its `bake_seconds` to {seconds} ({})", span(*seconds))
        }
        Remedy::MinInvocations(calls) => format!("`min_invocations` to {calls}"),
        Remedy::MaxIncrease(limit) => format!("`errors.max_increase` to {limit:.3}"),
        Remedy::FailAbove(limit) => format!("`errors.fail_above` to {limit:.3}"),
        Remedy::Confidence(confidence) => format!("`confidence` to {confidence}"),
    }
}

impl FunctionForecast {
    fn findings(&self, name: &str, settings: &Settings) -> Vec<Finding> {
        match self.calls {
            Some(calls) => {
                let steps = self.steps.iter();
                steps
                    .filter_map(|step| step.finding(name, settings, calls))
                    .collect()
            }
            None => no_calls(name, self, settings).into_iter().collect(),
        }
    }

    fn table(&self) -> Table {
        let mut table = Table::new(&[
            "step",
            "calls",
            "can exclude",
            "must exclude",
            "which takes",
            "at best it",
        ]);
        for step in &self.steps {
            table.row(step.row());
        }
        table
    }
}

/// No data is not health: what follows from no calls at all.
fn no_calls(name: &str, function: &FunctionForecast, settings: &Settings) -> Option<Finding> {
    let first = function
        .steps
        .iter()
        .find(|step| step.prospect != Prospect::NotJudged)?;
    let policy = &settings.judge;
    let held = span(first.step.bake_seconds + policy.lag() + policy.extend_seconds);
    let known = "CloudWatch counted no call of its alias, and no data is not health";
    let unseen = "send calls through the alias, or nothing is found out";
    Some(match first.prospect {
        Prospect::GoesOn => {
            let message = format!("{known}: each step goes on undecided, the first after {held}");
            Finding::note(name, message, unseen)
        }
        Prospect::Waits => {
            let message = format!("{known}: each step waits for a person, the first after {held}");
            Finding::note(name, message, unseen)
        }
        _ => Finding::problem(
            name,
            format!(
                "{known}: a release is rolled back {held} after its first step at {} %",
                first.step.weight
            ),
            "send calls through the alias, or set `on_inconclusive` to \"advance\" or \"pause\"",
        ),
    })
}

#[cfg(test)]
#[path = "forecast_tests.rs"]
mod tests;
