//! `sluice judge`: says of minutes that were counted before what the judge
//! would have said of them.

use std::path::PathBuf;

use crate::error::{Exit, Result};
use crate::minutes::Minutes;
use crate::paint::Output;
use crate::replayed::{Question, Replayed};
use crate::settings_source::{defaults, of_environment, of_file, read};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A CSV file with the columns minute, version, invocations, errors and,
    /// if it was counted, slow; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    replay: PathBuf,
    /// Judge by the settings in this file, instead of the defaults
    #[arg(long, value_name = "FILE", conflicts_with = "application")]
    settings: Option<PathBuf>,
    /// Judge by an application's settings, with --environment
    #[arg(long, value_name = "NAME", requires = "environment")]
    application: Option<String>,
    /// The environment, with --application
    #[arg(long, value_name = "NAME", requires = "application")]
    environment: Option<String>,
    /// The step's weight in percent. At 100 nothing serves beside the new
    /// version. Left out: that of the step nearest to its share of the calls
    #[arg(long, value_name = "PERCENT")]
    weight: Option<f64>,
    /// The new version, instead of the higher one
    #[arg(long, value_name = "VERSION")]
    canary: Option<u64>,
}

impl Args {
    pub(super) async fn run(self, output: &Output) -> Result<Exit> {
        let (settings, by) = match (&self.settings, &self.application, &self.environment) {
            (Some(file), ..) => (of_file(file)?, file.display().to_string()),
            (None, Some(application), Some(environment)) => {
                let config = sluice_platform::aws::config().await;
                let settings = of_environment(&config, application, environment).await?;
                let by = format!("the settings of {application}/{environment}");
                (settings, by)
            }
            _ => (defaults()?, "the shipped defaults".to_owned()),
        };
        let file = self.replay.display().to_string();
        let minutes = Minutes::parse(&file, read(&self.replay)?.as_bytes())?;
        let question = Question {
            file,
            by,
            weight: self.weight,
            canary: self.canary,
        };
        let replayed = Replayed::of(question, &minutes, &settings)?;
        output.answer(&replayed.document(), |style| replayed.lines(style))?;
        Ok(replayed.exit())
    }
}
