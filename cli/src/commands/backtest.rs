//! `sluice backtest`: tries the judge on the past. It only reads.

use std::path::{Path, PathBuf};

use aws_config::SdkConfig;
use jiff::{SignedDuration, Timestamp};
use sluice_domain::document::{Invalid, Problem};
use sluice_domain::judge::backtest::Past;
use sluice_domain::judge::replay::Side;
use sluice_domain::settings::{Settings, Target};

use crate::backtested::{Backtested, Trial};
use crate::error::{Exit, Result};
use crate::minutes::Minutes;
use crate::paint::Output;
use crate::settings_source::{of_environment, of_file, read};
use crate::traffic::{Asked, Scope, Series, Traffic, last};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The application
    application: String,
    /// The environment
    environment: String,
    /// How many days of CloudWatch's minutes, which it keeps for 15
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..=15))]
    days: u16,
    /// One function's minutes in a CSV file, instead of CloudWatch: minute,
    /// version, invocations, errors and, if it was counted, slow; `-` reads
    /// standard input
    #[arg(long, value_name = "FILE", conflicts_with = "days")]
    csv: Option<PathBuf>,
    /// Settings that are not written yet, instead of what is stored
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// Faults to try: percentage points by which more calls fail
    #[arg(long, value_name = "POINTS", value_delimiter = ',', default_value = "1,2,5,10", value_parser = points)]
    faults: Vec<f64>,
    /// How many rollouts to try
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..))]
    rollouts: u16,
    /// What chance follows from
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

fn points(text: &str) -> Result<f64, String> {
    let points = text.parse().ok();
    let points = points.filter(|points| *points > 0.0 && *points <= 100.0);
    points
        .map(|points: f64| points / 100.0)
        .ok_or_else(|| format!("found `{text}`; expected more than 0 and at most 100"))
}

impl Args {
    pub(super) async fn run(self, output: &Output) -> Result<Exit> {
        let config = sluice_platform::aws::config().await;
        let settings = match &self.settings {
            Some(file) => of_file(file)?,
            None => of_environment(&config, &self.application, &self.environment).await?,
        };
        let (past, source) = match &self.csv {
            Some(file) => (of_csv(file, &settings)?, file.display().to_string()),
            None => {
                let past = of_cloudwatch(&config, &settings, self.days).await?;
                (past, "CloudWatch".to_owned())
            }
        };
        let trial = Trial {
            place: format!("{}/{}", self.application, self.environment),
            source,
            rollouts: usize::from(self.rollouts),
            faults: self.faults,
            seed: self.seed,
        };
        if output.redraws() {
            // The rollouts are short, but there are many.
            output.line("trying the past …")?;
        }
        let backtested = Backtested::of(trial, settings, &past)?;
        output.answer(&backtested.document(), |style| backtested.lines(style))?;
        Ok(Exit::Ok)
    }
}

/// All versions of the file together are what its alias did.
fn of_csv(file: &Path, settings: &Settings) -> Result<Past> {
    let name = file.display().to_string();
    let minutes = Minutes::parse(&name, read(file)?.as_bytes())?;
    let sides = minutes.together().ok_or_else(|| Invalid {
        document: name,
        problems: vec![Problem::new(
            "column minute",
            "the first and the last are more than 100 days apart; expected minutes in their order",
        )],
    })?;
    let mut names = settings.functions.keys();
    let function = match (names.next(), names.next()) {
        (Some(only), None) => only,
        _ => "function",
    };
    Ok(Past::from([(function.to_owned(), sides)]))
}

const MINUTE: u32 = 60;
const DAY: u64 = 24 * 60 * 60;

async fn of_cloudwatch(config: &SdkConfig, settings: &Settings, days: u16) -> Result<Past> {
    let lag = i64::try_from(settings.judge.lag()).unwrap_or(i64::MAX);
    let now = Timestamp::now();
    let known = now
        .checked_sub(SignedDuration::from_secs(lag))
        .unwrap_or(now);
    // Whole minutes only: the one that runs is not all there yet.
    let end = last(0, known, MINUTE.into()).start;
    let window = last(u64::from(days) * DAY, end, MINUTE.into());
    let targets: Vec<(&String, &Target)> = settings.functions.iter().collect();
    let metrics = ["Invocations", "Errors"];
    let asked: Vec<Asked<'_>> = targets
        .iter()
        .flat_map(|(_, target)| metrics.map(|metric| (*target, metric, Scope::Alias)))
        .collect();
    let traffic = Traffic::of(config, settings.role.as_ref()).await;
    let answers = traffic.sums(&asked, &window).await?;
    let named = targets.iter().map(|(name, _)| (*name).clone());
    Ok(past(named.zip(answers.chunks(2)), end))
}

/// Minute by minute, from the first in which any function was called.
fn past<'a>(
    functions: impl Iterator<Item = (String, &'a [Series])> + Clone,
    end: Timestamp,
) -> Past {
    let firsts = functions
        .clone()
        .filter_map(|(_, series)| series.first()?.keys().next().copied());
    let first = firsts.min().unwrap_or(end).as_second();
    let minutes = (end.as_second() - first).div_euclid(i64::from(MINUTE));
    let sides = |series: &[Series]| -> Vec<Side> {
        let at = |place: usize, minute: i64| {
            let start = Timestamp::from_second(first + minute * i64::from(MINUTE)).ok()?;
            series.get(place)?.get(&start).copied()
        };
        let count = |sum: Option<f64>| sum.unwrap_or_default().max(0.0).round() as u64;
        (0..minutes)
            .map(|minute| Side {
                invocations: count(at(0, minute)),
                errors: count(at(1, minute)),
                slow: None,
            })
            .collect()
    };
    functions
        .map(|(name, series)| (name, sides(series)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_past_begins_with_the_first_call_of_any_function_and_has_no_gaps() {
        let at = |minute: i64| Timestamp::from_second(minute * 60).expect("a time");
        let series = |values: &[(i64, f64)]| -> Series {
            values
                .iter()
                .map(|(minute, value)| (at(*minute), *value))
                .collect()
        };
        let api = [series(&[(3, 10.0), (5, 20.0)]), series(&[(5, 1.0)])];
        let web = [series(&[(4, 7.0)]), series(&[])];
        let named = [("api", &api[..]), ("web", &web[..])];
        let named = named.map(|(name, series)| (name.to_owned(), series));
        let past = past(named.into_iter(), at(7));
        let of = |name: &str| -> Vec<(u64, u64)> {
            past[name]
                .iter()
                .map(|side| (side.invocations, side.errors))
                .collect()
        };
        assert_eq!(of("api"), [(10, 0), (0, 0), (20, 1), (0, 0)]);
        assert_eq!(of("web"), [(0, 0), (7, 0), (0, 0), (0, 0)]);
    }

    #[test]
    fn faults_are_percentage_points() {
        assert_eq!(points("2.5"), Ok(0.025));
        for wrong in ["0", "-1", "101", "x"] {
            assert!(points(wrong).is_err(), "{wrong}");
        }
    }
}
