//! A replay: minutes that were counted before, judged as if it were now.

use serde::Serialize;
use serde_json::{Value, json};
use sluice_domain::document::{Invalid, Problem};
use sluice_domain::judge::replay::{Minute, ends, replay};
use sluice_domain::judge::{Counts, FunctionVerdict, Next, Outcome, Verdict};
use sluice_domain::settings::{Settings, Step};

use crate::entries::verdict_tone;
use crate::error::{Error, Exit, Result};
use crate::minutes::Minutes;
use crate::paint::{Style, Table, Tone};
use crate::render::points;
use crate::words;

/// What is judged, and by what.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// Where the minutes come from.
    pub file: String,
    /// Where the settings come from, in words.
    pub by: String,
    /// The step's weight, if it was named.
    pub weight: Option<f64>,
    /// The new version, if it was named.
    pub canary: Option<u64>,
}

/// What the judge says of minutes that were counted before.
#[derive(Debug, Clone, PartialEq)]
pub struct Replayed {
    question: Question,
    step: Step,
    canary: u64,
    baseline: Option<u64>,
    minutes: Vec<Minute>,
    verdicts: Vec<Verdict>,
    end: Option<(usize, Next)>,
}

impl Replayed {
    /// Judges the minutes, up to the first that shows harm.
    ///
    /// # Errors
    /// When they are not those of two versions, or the question names a version
    /// or a weight that there is not.
    pub fn of(question: Question, minutes: &Minutes, settings: &Settings) -> Result<Self> {
        let versions = minutes.versions();
        let is_alone = question.weight.is_some_and(|weight| weight >= 100.0);
        let (canary, baseline) = pair(&question, &versions, is_alone)?;
        let minutes = minutes.beside(canary, baseline);
        let steps = settings.own_steps();
        let step = match question.weight {
            Some(weight) => named(weight, &steps)?,
            None => nearest(&minutes, &steps),
        };
        let verdicts = replay(&settings.judge, &step, &minutes);
        let end = ends(&settings.judge, &step, &minutes, &verdicts);
        Ok(Self {
            question,
            step,
            canary,
            baseline,
            minutes,
            verdicts,
            end,
        })
    }

    /// The last verdict.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        self.verdicts
            .last()
            .map_or(Outcome::Inconclusive, |verdict| verdict.outcome)
    }

    /// The exit status that tells of it.
    #[must_use]
    pub fn exit(&self) -> Exit {
        Exit::of_verdict(self.outcome())
    }

    /// Each minute with the verdict after it.
    fn looks(&self) -> impl Iterator<Item = (&Minute, &FunctionVerdict)> {
        let verdicts = self.verdicts.iter();
        let verdicts = verdicts.filter_map(|verdict| verdict.functions.values().next());
        self.minutes.iter().zip(verdicts)
    }

    /// As one JSON document.
    #[must_use]
    pub fn document(&self) -> Value {
        #[derive(Serialize)]
        struct Look<'a> {
            minute: i64,
            #[serde(flatten)]
            verdict: &'a FunctionVerdict,
        }
        let looks: Vec<Look<'_>> = self
            .looks()
            .map(|(minute, verdict)| Look {
                minute: minute.minute,
                verdict,
            })
            .collect();
        let follows = self.end.map(|(place, next)| {
            let next = match next {
                Next::RollBack => "roll_back",
                Next::Ask => "ask",
                Next::Advance | Next::Bake(_) => "advance",
            };
            json!({"after_minute": self.minutes[place].minute, "next": next})
        });
        json!({
            "file": self.question.file,
            "settings": self.question.by,
            "step": self.step,
            "canary": self.canary,
            "baseline": self.baseline,
            "outcome": self.outcome(),
            "rule": self.looks().last().map(|(_, verdict)| &verdict.rule),
            "follows": follows,
            "minutes": looks,
        })
    }

    /// For people.
    #[must_use]
    pub fn lines(&self, style: Style) -> Vec<String> {
        let beside = match self.baseline {
            Some(baseline) => format!("version {} beside version {baseline}", self.canary),
            None => format!("version {} alone", self.canary),
        };
        let mut lines = vec![
            format!(
                "{}, {}",
                style.paint(Tone::Strong, &beside),
                style.paint(Tone::Faint, &format!("judged by {}", self.question.by)),
            ),
            String::new(),
        ];
        lines.extend(self.table().lines(style));
        lines.push(String::new());
        if let Some((minute, verdict)) = self.looks().last() {
            let (tone, word) = verdict_tone(verdict.outcome);
            lines.push(format!(
                "{} after minute {}: {}",
                style.paint(tone, word),
                minute.minute,
                verdict.rule
            ));
        }
        lines.push(self.follows());
        lines
    }

    fn table(&self) -> Table {
        let mut headings = vec!["minute", "verdict", "new: failed", ""];
        if self.baseline.is_some() {
            headings.extend(["beside it", ""]);
        }
        headings.extend(["effect", "interval", "rule"]);
        let mut table = Table::new(&headings);
        for (minute, verdict) in self.looks() {
            let (tone, word) = verdict_tone(verdict.outcome);
            let mut row = vec![
                (Tone::Plain, minute.minute.to_string()),
                (tone, word.to_owned()),
            ];
            let sides = [Some(verdict.canary), verdict.baseline];
            for counts in sides.into_iter().flatten() {
                row.push((Tone::Plain, of(counts)));
                row.push((Tone::Plain, rate(counts)));
            }
            let [low, high] = verdict.interval;
            row.push((Tone::Plain, points(verdict.effect)));
            let low = format!("{:+.2}", low * 100.0);
            row.push((Tone::Faint, format!("{low} to {}", points(high))));
            row.push((Tone::Plain, short(verdict)));
            table.row(row);
        }
        table
    }

    /// What a rollout would have made of it.
    fn follows(&self) -> String {
        let step = words::step(&self.step);
        let after = |place: usize| self.minutes[place].minute;
        match self.end {
            None => format!("a step of {step} would still be watched"),
            Some((place, Next::RollBack)) => {
                format!(
                    "a step of {step} would have been rolled back after minute {}",
                    after(place)
                )
            }
            Some((place, Next::Ask)) => format!(
                "a step of {step} would have waited for a person's go from minute {} on",
                after(place)
            ),
            Some((place, Next::Advance | Next::Bake(_))) => format!(
                "a step of {step} would have ended after minute {}, and the next one begun",
                after(place)
            ),
        }
    }
}

/// Which version is new, and which serves beside it.
fn pair(question: &Question, versions: &[u64], is_alone: bool) -> Result<(u64, Option<u64>)> {
    let file = &question.file;
    let list = || {
        let versions: Vec<String> = versions.iter().map(u64::to_string).collect();
        versions.join(", ")
    };
    if let Some(named) = question.canary
        && !versions.contains(&named)
    {
        return Err(Error::Usage(format!(
            "found --canary {named}; expected a version that {file} has: {}",
            list()
        )));
    }
    let problem = |message: String| Invalid {
        document: file.clone(),
        problems: vec![Problem::new("column version", message)],
    };
    match (versions, is_alone) {
        ([.., highest], true) => Ok((question.canary.unwrap_or(*highest), None)),
        ([low, high], false) => {
            let canary = question.canary.unwrap_or(*high);
            Ok((canary, Some(if canary == *low { *high } else { *low })))
        }
        ([one], false) => Err(problem(format!(
            "found version {one} alone; expected two, the new one and the one beside it. \
             For a step at 100 %, where nothing serves beside the new one, add --weight 100"
        ))
        .into()),
        _ => Err(problem(format!(
            "found {} versions ({}); expected two, the new one and the one beside it: leave \
             out the lines of the others",
            versions.len(),
            list()
        ))
        .into()),
    }
}

/// The step that has this weight.
fn named(weight: f64, steps: &[Step]) -> Result<Step> {
    let found = steps.iter().find(|step| step.weight == weight);
    found.cloned().ok_or_else(|| {
        let weights: Vec<String> = steps.iter().map(|step| step.weight.to_string()).collect();
        Error::Usage(format!(
            "found --weight {weight}; expected the weight of a step of the settings: {}",
            weights.join(", ")
        ))
    })
}

/// The step below 100 % that is nearest to the new version's share of the calls.
fn nearest(minutes: &[Minute], steps: &[Step]) -> Step {
    let calls = |of: fn(&Minute) -> u64| minutes.iter().map(of).sum::<u64>() as f64;
    let own = calls(|minute| minute.canary.invocations);
    let beside = calls(|minute| minute.baseline.map_or(0, |side| side.invocations));
    let share = 100.0 * own / (own + beside).max(1.0);
    let below = steps
        .iter()
        .filter(|step| step.weight > 0.0 && step.weight < 100.0);
    let distance = |step: &Step| (step.weight - share).abs();
    let nearest = below.min_by(|one, other| distance(one).total_cmp(&distance(other)));
    nearest
        .or(steps.first())
        .cloned()
        .unwrap_or(Step::new(share, 0))
}

fn of(counts: Counts) -> String {
    format!("{} of {}", counts.errors, counts.invocations)
}

fn rate(counts: Counts) -> String {
    let share = counts.errors / counts.invocations.max(1.0);
    words::percent(share)
}

/// The rule without the counts that the row shows.
fn short(verdict: &FunctionVerdict) -> String {
    let mut shown = format!("{} failed", of(verdict.canary));
    if let Some(baseline) = verdict.baseline {
        shown.push_str(&format!(", beside it {}", of(baseline)));
    }
    let rule = verdict.rule.strip_prefix(&format!("{shown}: "));
    rule.unwrap_or(&verdict.rule).to_owned()
}

#[cfg(test)]
#[path = "replayed_tests.rs"]
mod tests;
