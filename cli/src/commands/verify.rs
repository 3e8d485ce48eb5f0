//! `sluice verify`: checks a bundle before it is uploaded, or one that was.

use std::path::PathBuf;
use std::str::FromStr;

use aws_config::SdkConfig;
use sluice_domain::evidence::{Assessment, CheckOutcome};
use sluice_domain::manifest::Manifest;
use sluice_domain::settings::Settings;

use crate::assessed::{Environment, assess};
use crate::error::{Error, Exit, Result};
use crate::folder::Folder;
use crate::paint::Output;
use crate::settings_source::{defaults, of_environment, of_file};
use crate::stored::{Location, Stored};
use crate::{verified, workflow};

/// Digests, packages, secrets and evidence are checked as Sluice checks them after the
/// upload, against the settings of an environment, of a file, or the defaults. Of an
/// environment, its functions are looked at, too. Ends with 0 where nothing refuses the
/// bundle, else with 6.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The bundle's folder, as `sluice pack --out` writes it, or where it was uploaded:
    /// s3://BUCKET/APPLICATION/VERSION
    #[arg(value_name = "BUNDLE")]
    bundle: Place,
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

/// Where a bundle is.
#[derive(Debug, Clone)]
enum Place {
    Folder(PathBuf),
    S3(Location),
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        if text.starts_with("s3://") {
            return text.parse().map(Self::S3);
        }
        Ok(Self::Folder(text.into()))
    }
}

impl Args {
    pub(super) async fn run(self, output: &Output) -> Result<Exit> {
        let config = sluice_platform::aws::config().await;
        let (folder, stored) = match &self.bundle {
            Place::Folder(path) => (Folder::new(path), None),
            Place::S3(location) => {
                let stored = Stored::open(&config, location.clone()).await?;
                (stored.folder(), Some(stored))
            }
        };
        let assessment = match verified::manifest(&folder)? {
            Err(refused) => Assessment::of(vec![refused]),
            Ok(manifest) => {
                let keys = keys(&folder, stored.as_ref(), &manifest).await?;
                self.assess(&config, &folder, keys, &manifest).await?
            }
        };
        if self.github || workflow::is_job() {
            // The copy of what is in S3 is gone soon: then keys are named as they are.
            let shown = stored.map_or(folder, |_| Folder::new(""));
            let annotations = verified::annotations(&assessment, &shown);
            annotations
                .iter()
                .try_for_each(|line| output.command(line))?;
        }
        output.answer(&assessment, |style| verified::lines(&assessment, style))?;
        Ok(match assessment.outcome {
            CheckOutcome::Refuse => Exit::Refused,
            _ => Exit::Ok,
        })
    }

    async fn assess(
        &self,
        config: &SdkConfig,
        folder: &Folder,
        keys: Vec<String>,
        manifest: &Manifest,
    ) -> Result<Assessment> {
        let settings = self.settings(config, manifest).await?;
        let environment = self.environment.as_deref();
        let environment = environment.map(|name| Environment { config, name });
        assess(folder, keys, manifest, &settings, environment).await
    }

    async fn settings(&self, config: &SdkConfig, manifest: &Manifest) -> Result<Settings> {
        match (&self.environment, &self.settings) {
            (Some(environment), _) => {
                let application = self.application.as_ref().unwrap_or(&manifest.application);
                of_environment(config, application, environment).await
            }
            (None, Some(file)) => of_file(file),
            (None, None) => defaults(),
        }
    }
}

/// The keys of all that lies where the bundle is. Of one in S3, what its manifest names
/// is copied first.
async fn keys(
    folder: &Folder,
    stored: Option<&Stored>,
    manifest: &Manifest,
) -> Result<Vec<String>> {
    match stored {
        None => folder.keys().map_err(Error::file("list", folder.path())),
        Some(stored) => {
            stored.complete(manifest).await?;
            Ok(stored.keys().to_vec())
        }
    }
}
