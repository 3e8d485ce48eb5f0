//! What a job of GitHub Actions reads of a step: its summary page, its outputs, and
//! annotations.
//!
//! Source: GitHub Docs, "Workflow commands for GitHub Actions".

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use sluice_domain::promotion::Outcome;
use sluice_domain::text::one_line;

use crate::entries::verdict_tone;
use crate::error::{Error, Result};
use crate::pack::Bundle;
use crate::paint::{Output, Style};
use crate::render;
use crate::timeline::{ReleaseTimeline, StepTimeline, Timeline};
use crate::workflow::annotation;

/// The variable with the file of the summary page, in Markdown.
const SUMMARY: &str = "GITHUB_STEP_SUMMARY";
/// The variable with the file of the step's outputs, `name=value` in each line.
const OUTPUT: &str = "GITHUB_OUTPUT";

/// The job that a command runs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Job {
    summary: PathBuf,
    output: PathBuf,
}

impl Job {
    /// The job that the environment names.
    ///
    /// # Errors
    /// When it names none.
    pub(crate) fn detect() -> Result<Self> {
        let path = |variable: &str| {
            let set = std::env::var_os(variable).filter(|path| !path.is_empty());
            set.map(PathBuf::from).ok_or_else(|| {
                Error::Usage(format!(
                    "--github is for steps of GitHub Actions, which set {variable}; it is not set: leave --github out"
                ))
            })
        };
        Ok(Self {
            summary: path(SUMMARY)?,
            output: path(OUTPUT)?,
        })
    }

    /// Sets outputs of the step.
    ///
    /// # Errors
    /// When the file can't be written.
    fn set(&self, outputs: &[(&str, &str)]) -> Result<()> {
        // A line of its own would be an output of its own.
        let lines = outputs
            .iter()
            .map(|(name, value)| format!("{name}={}\n", one_line(value)));
        append(&self.output, &lines.collect::<String>())
    }

    /// Says which bundle is released.
    ///
    /// # Errors
    /// When the file can't be written.
    pub(crate) fn released(&self, bundle: &Bundle) -> Result<()> {
        let manifest = &bundle.manifest;
        self.set(&[
            ("application", &manifest.application),
            ("version", &manifest.version.to_string()),
            ("digest", &bundle.digest().to_string()),
        ])
    }

    /// Tells what a release came to, on the page and in outputs.
    ///
    /// # Errors
    /// When a file can't be written.
    pub(crate) fn tell(&self, output: &Output, timeline: &ReleaseTimeline) -> Result<()> {
        append(&self.summary, &summary(timeline))?;
        if let Some(missed) = missed(timeline) {
            output.command(&annotation("Sluice", &missed))?;
        }
        self.set(&[
            ("attempt", &timeline.attempt.to_string()),
            ("outcome", timeline.outcome.map_or("", Outcome::title)),
            ("execution-arn", &timeline.execution_arn),
        ])
    }

    /// Adds lines to the page under a heading.
    ///
    /// # Errors
    /// When the page can't be written.
    pub(crate) fn add(&self, heading: &str, lines: &[String]) -> Result<()> {
        let mut text = format!("\n### {}\n\n", markdown(heading));
        for line in lines {
            let _ = writeln!(text, "- {}", markdown(line));
        }
        append(&self.summary, &text)
    }

    /// Tells of a failure, on the page and as an annotation.
    ///
    /// # Errors
    /// When the page can't be written.
    pub(crate) fn failed(&self, output: &Output, error: &Error) -> Result<()> {
        let error = error.to_string();
        append(
            &self.summary,
            &format!("### Not released\n\n{}\n", markdown(&error)),
        )?;
        output.command(&annotation("Sluice", &error))
    }
}

fn append(path: &Path, text: &str) -> Result<()> {
    let file = OpenOptions::new().create(true).append(true).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|source| Error::File {
            doing: "write",
            path: path.to_owned(),
            source,
        })
}

/// Which environment was not entered, and why, if one was not.
fn missed(timeline: &ReleaseTimeline) -> Option<String> {
    let is_good = |outcome| matches!(outcome, Outcome::Promoted | Outcome::Done);
    let ended = |promotion: &&Timeline| !promotion.outcome.is_some_and(is_good);
    let promotion = timeline.promotions.iter().find(ended)?;
    let outcome = promotion.outcome.map_or("not ended", Outcome::title);
    let reason = promotion.reason.as_deref().unwrap_or("no reason is known");
    Some(format!("{}: {outcome}: {reason}", promotion.promotion))
}

/// What a release came to, in Markdown.
fn summary(timeline: &ReleaseTimeline) -> String {
    let outcome = timeline.outcome.map_or("not ended", Outcome::title);
    let mut page = format!(
        "### {} {}: {outcome}\n\n| environment | outcome | took | steps | why |\n|---|---|---|---|---|\n",
        markdown(&timeline.application),
        markdown(&timeline.version),
    );
    for promotion in &timeline.promotions {
        page.push_str(&row(promotion));
    }
    let totals = render::totals(
        timeline.state_transitions,
        timeline.cost.as_ref(),
        Style::PLAIN,
    );
    if let Some(total) = totals.first() {
        // Writing to a String can't fail.
        let _ = write!(page, "\n{}\n", markdown(total));
    }
    page
}

fn row(promotion: &Timeline) -> String {
    let steps: Vec<String> = promotion.steps.iter().map(step).collect();
    format!(
        "| {} | {} | {} | {} | {} |\n",
        markdown(&promotion.environment),
        promotion.outcome.map_or("not ended", Outcome::title),
        render::duration(promotion.seconds),
        steps.join(", "),
        markdown(promotion.reason.as_deref().unwrap_or_default()),
    )
}

fn step(step: &StepTimeline) -> String {
    let verdict = step
        .verdict
        .map_or("not judged", |verdict| verdict_tone(verdict).1);
    format!("{} % {verdict}", step.weight)
}

/// Text as Markdown shows it, whatever it is: one line, every punctuation mark escaped
/// (CommonMark, "Backslash escapes").
fn markdown(text: &str) -> String {
    let mut shown = String::new();
    for character in one_line(text).chars() {
        if character.is_ascii_punctuation()
            && !matches!(character, ',' | '.' | ':' | ';' | '/' | '%' | '-')
        {
            shown.push('\\');
        }
        shown.push(character);
    }
    shown
}

#[cfg(test)]
#[path = "github_tests.rs"]
mod tests;
