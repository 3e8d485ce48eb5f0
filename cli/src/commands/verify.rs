//! `sluice verify`: checks a bundle before it is uploaded.

use std::path::PathBuf;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use sluice_domain::evidence::{Assessment, CheckOutcome};
use sluice_domain::manifest::Manifest;
use sluice_domain::settings::Settings;

use crate::error::{Exit, Result};
use crate::folder::Folder;
use crate::paint::Output;
use crate::settings_source::{defaults, of_environment, of_file};
use crate::{github, verified};

/// Digests, packages, secrets and evidence are checked as Sluice checks them after the
/// upload, against the settings of an environment, of a file, or the defaults. Ends with
/// 0 where nothing refuses the bundle, else with 6.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The bundle's folder, as `sluice pack --out` writes it
    #[arg(value_name = "BUNDLE_DIR")]
    bundle: PathBuf,
    /// The environment whose settings it must meet, as Parameter Store has them
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,
    /// The application, if it isn't the manifest's
    #[arg(long, value_name = "NAME", requires = "environment")]
    application: Option<String>,
    /// A file with settings, instead of those of an environment
    #[arg(long, value_name = "FILE", conflicts_with = "environment")]
    settings: Option<PathBuf>,
    /// Tell of what refuses as annotations of GitHub Actions. As it stands, where
    /// GITHUB_ACTIONS is `true`
    #[arg(long)]
    github: bool,
}

impl Args {
    pub(super) async fn run(self, output: &Output) -> Result<Exit> {
        let folder = Folder::new(&self.bundle);
        let assessment = match verified::manifest(&folder)? {
            Err(refused) => Assessment::of(vec![refused]),
            Ok(manifest) => {
                let settings = self.settings(&manifest).await?;
                let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
                verified::verify(&folder, &manifest, &settings.evidence, today)?
            }
        };
        if self.github || github::is_job() {
            output.lines(&verified::annotations(&assessment, &folder))?;
        }
        output.answer(&assessment, |style| verified::lines(&assessment, style))?;
        Ok(match assessment.outcome {
            CheckOutcome::Refuse => Exit::Refused,
            _ => Exit::Ok,
        })
    }

    async fn settings(&self, manifest: &Manifest) -> Result<Settings> {
        match (&self.environment, &self.settings) {
            (Some(environment), _) => {
                let config = sluice_platform::aws::config().await;
                let application = self.application.as_ref().unwrap_or(&manifest.application);
                of_environment(&config, application, environment).await
            }
            (None, Some(file)) => of_file(file),
            (None, None) => defaults(),
        }
    }
}
