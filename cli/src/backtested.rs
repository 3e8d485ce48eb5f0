//! A backtest: the judge, tried on the past.

use std::num::NonZero;
use std::panic::resume_unwind;
use std::thread::{available_parallelism, scope};

use serde_json::{Value, json};
use sluice_domain::judge::backtest::{Course, Fault, Past, Rollout, Spread, Summary, starts};
use sluice_domain::settings::Settings;

use crate::error::{Error, Result};
use crate::paint::{Style, Table, Tone};
use crate::words::{self, percent, span};

/// What is tried.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    /// Whose settings judge: `shop/prod`.
    pub place: String,
    /// Where the past comes from.
    pub source: String,
    /// How many rollouts, at most.
    pub rollouts: usize,
    /// The faults, as shares of calls that fail beside those that did.
    pub faults: Vec<f64>,
    /// What chance follows from.
    pub seed: u64,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Backtested {
    trial: Trial,
    settings: Settings,
    minutes: usize,
    functions: Vec<Served>,
    as_good: Summary,
    faulty: Vec<(String, f64, Summary)>,
}

/// What a function did in the past.
#[derive(Debug, Clone, PartialEq)]
struct Served {
    name: String,
    calls: u64,
    failed: u64,
}

impl Backtested {
    /// Tries the judge with these settings on this past.
    ///
    /// # Errors
    /// When the past is too short for a rollout, or nobody called.
    pub fn of(trial: Trial, settings: Settings, past: &Past) -> Result<Self> {
        // CodeDeploy's own shift is its deployment groups' to know.
        let steps = settings.own_steps();
        let course = Course {
            steps: &steps,
            policy: &settings.judge,
        };
        let functions = served(past);
        if functions.iter().all(|function| function.calls == 0) {
            return Err(Error::Absent(format!(
                "{} has no call; there is nothing to try the judge on",
                trial.source
            )));
        }
        let minutes = past.values().map(Vec::len).max().unwrap_or_default();
        let needed = course.minutes();
        if (minutes as u64) < needed {
            return Err(Error::Absent(format!(
                "{} has {minutes} minutes; expected at least the {needed} that a rollout takes by these settings",
                trial.source
            )));
        }
        let starts = starts(minutes, trial.rollouts);
        let roll = |fault| rollouts(course, past, &starts, fault, trial.seed);
        let called = functions.iter().filter(|function| function.calls > 0);
        let faulty = called.flat_map(|function| {
            trial.faults.iter().map(|extra| {
                let fault = Fault {
                    function: &function.name,
                    extra: *extra,
                };
                let summary = Summary::of(&roll(Some(fault)));
                (function.name.clone(), *extra, summary)
            })
        });
        let (faulty, as_good) = (faulty.collect(), Summary::of(&roll(None)));
        Ok(Self {
            faulty,
            as_good,
            functions,
            minutes,
            trial,
            settings,
        })
    }

    /// As one JSON document.
    #[must_use]
    pub fn document(&self) -> Value {
        let functions = self.functions.iter().map(|served| {
            let facts = json!({"calls": served.calls, "failed": served.failed});
            (served.name.clone(), facts)
        });
        let faults = self.faulty.iter().map(|(function, extra, found)| {
            json!({"function": function, "extra": extra, "found": summary(found)})
        });
        json!({
            "place": self.trial.place,
            "source": self.trial.source,
            "minutes": self.minutes,
            "seed": self.trial.seed,
            "steps": self.settings.own_steps(),
            "judge": self.settings.judge,
            "functions": functions.collect::<serde_json::Map<_, _>>(),
            "as_good": summary(&self.as_good),
            "faults": faults.collect::<Vec<_>>(),
        })
    }

    /// For people.
    #[must_use]
    pub fn lines(&self, style: Style) -> Vec<String> {
        let facts = format!(
            "{}: {}, {} rollouts that begin within them, seed {}",
            self.trial.source,
            span(60 * self.minutes as u64),
            self.as_good.rollouts,
            self.trial.seed
        );
        let steps = self.settings.own_steps();
        let steps: Vec<String> = steps.iter().map(words::step).collect();
        let mut lines = vec![
            format!(
                "{}  {}",
                style.paint(Tone::Strong, &self.trial.place),
                steps.join(", ")
            ),
            style.paint(Tone::Faint, &facts),
        ];
        let functions = self.traffic().lines(style).into_iter();
        lines.extend(functions.map(|line| format!("  {line}")));
        lines.push(String::new());
        lines.push(style.paint(Tone::Strong, "a new version that is as good as the old one"));
        lines.extend(
            self.alarms(style)
                .into_iter()
                .map(|line| format!("  {line}")),
        );
        lines.push(String::new());
        lines.push(style.paint(Tone::Strong, "a new version that fails more calls"));
        let faults = self.faults().lines(style).into_iter();
        lines.extend(faults.map(|line| format!("  {line}")));
        lines
    }

    fn traffic(&self) -> Table {
        let mut table = Table::bare();
        for Served {
            name,
            calls,
            failed,
        } in &self.functions
        {
            let mut row = vec![(Tone::Plain, name.clone())];
            if *calls == 0 {
                row.push((Tone::Doubt, "not called: no step passes".to_owned()));
            } else {
                let rate = *calls as f64 / self.minutes.max(1) as f64;
                let share = *failed as f64 / *calls as f64;
                row.push((Tone::Plain, format!("{} calls/min", words::calls(rate))));
                row.push((Tone::Plain, format!("{} failed", percent(share))));
            }
            table.row(row);
        }
        table
    }

    /// What became of versions that are as good.
    fn alarms(&self, style: Style) -> Vec<String> {
        let found = &self.as_good;
        let tone = if found.failed == 0 {
            Tone::Good
        } else {
            Tone::Bad
        };
        let alarms = format!("{} of {}", found.failed, found.rollouts);
        let mut lines = vec![format!(
            "{} taken back by a false alarm: {}",
            style.paint(tone, &alarms),
            share(found)
        )];
        if found.undecided > 0 {
            let undecided = format!("{} of {}", found.undecided, found.rollouts);
            lines.push(format!(
                "{} rolled back undecided: neither harm nor its absence was known in time",
                style.paint(Tone::Doubt, &undecided)
            ));
        }
        lines.push(format!("{} of {} promoted", found.promoted, found.rollouts));
        lines
    }

    fn faults(&self) -> Table {
        let several = self
            .faulty
            .iter()
            .any(|(name, ..)| *name != self.faulty[0].0);
        let mut headings = vec![
            "more failures",
            "found",
            "",
            "minutes until then",
            "9 of 10 within",
            "calls spoiled",
            "9 of 10 within",
            "promoted",
            "undecided",
        ];
        if several {
            headings.insert(0, "function");
        }
        let mut table = Table::new(&headings);
        for (name, extra, found) in &self.faulty {
            let tone = match found.failed {
                0 => Tone::Bad,
                all if all == found.rollouts => Tone::Good,
                _ => Tone::Doubt,
            };
            let mut row = vec![
                (Tone::Plain, points(*extra)),
                (tone, format!("{} of {}", found.failed, found.rollouts)),
                (Tone::Faint, share(found)),
            ];
            row.extend(spread(found.minutes));
            row.extend(spread(found.spoiled));
            row.push((Tone::Plain, found.promoted.to_string()));
            row.push((Tone::Plain, found.undecided.to_string()));
            if several {
                row.insert(0, (Tone::Plain, name.clone()));
            }
            table.row(row);
        }
        table
    }
}

fn served(past: &Past) -> Vec<Served> {
    let functions = past.iter().map(|(name, minutes)| Served {
        name: name.clone(),
        calls: minutes.iter().map(|minute| minute.invocations).sum(),
        failed: minutes.iter().map(|minute| minute.errors).sum(),
    });
    functions.collect()
}

/// A rollout from each start, on all processors.
fn rollouts(
    course: Course<'_>,
    past: &Past,
    starts: &[usize],
    fault: Option<Fault<'_>>,
    seed: u64,
) -> Vec<Rollout> {
    let threads = available_parallelism().map_or(1, NonZero::get);
    let part = starts.len().div_ceil(threads).max(1);
    scope(|scope| {
        let parts: Vec<_> = starts
            .chunks(part)
            .map(|starts| {
                scope.spawn(move || {
                    let starts = starts.iter();
                    let rollouts = starts.map(|start| course.rollout(past, *start, fault, seed));
                    rollouts.collect::<Vec<_>>()
                })
            })
            .collect();
        let parts = parts.into_iter().flat_map(|part| match part.join() {
            Ok(rollouts) => rollouts,
            Err(panic) => resume_unwind(panic),
        });
        parts.collect()
    })
}

/// A summary with what follows from its counts.
fn summary(found: &Summary) -> Value {
    let interval = found.interval();
    let mut document = json!(found);
    document["share"] = json!(found.share());
    document["interval"] = json!([interval.low, interval.high]);
    document
}

/// `1.5 % (0.5 to 4.3 %)`.
fn share(found: &Summary) -> String {
    let interval = found.interval();
    let [share, low, high] =
        [found.share(), interval.low, interval.high].map(|share| format!("{:.1}", share * 100.0));
    format!("{share} % ({low} to {high} %)")
}

/// `+1 point`.
fn points(extra: f64) -> String {
    // As it was typed: shares are hundredths of it.
    let points = (extra * 1e6).round() / 1e4;
    let word = if points == 1.0 { "point" } else { "points" };
    format!("+{points} {word}")
}

fn spread(spread: Option<Spread>) -> [(Tone, String); 2] {
    let values = spread.map(|spread| [spread.half, spread.nine_of_ten].map(|it| it.to_string()));
    values.unwrap_or_default().map(|value| (Tone::Plain, value))
}

#[cfg(test)]
#[path = "backtested_tests.rs"]
mod tests;
