//! `sluice plan`: what a release would change, and what its steps can find out.
//! It only reads.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use aws_config::SdkConfig;
use jiff::Timestamp;
use sluice_domain::evidence::Assessment;
use sluice_domain::plan::{Change, Plan, planned_bakes};
use sluice_domain::settings::Settings;
use sluice_platform::aws::PerAccount;
use sluice_platform::guards::{Function, Signals};
use sluice_platform::store::Store;

use super::pack::FactArgs;
use crate::aliases;
use crate::assessed::{Environment, assess};
use crate::context::Global;
use crate::error::{Error, Exit, Result};
use crate::folder::{Folder, scratch};
use crate::forecast::{Calls, Forecast};
use crate::foreseen::Foreseen;
use crate::observe;
use crate::outlook::Outlook;
use crate::pack::Bundle;
use crate::paint::Output;
use crate::planned::{Planned, Release};
use crate::resources::Resources;
use crate::settings_source::{of_environment, of_file};
use crate::traffic::{Scope, Traffic, last};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The application
    application: String,
    /// The environment
    environment: String,
    /// A bundle, or a folder that `sluice pack` would take: what would change
    #[arg(value_name = "BUNDLE_DIR")]
    bundle: Option<PathBuf>,
    #[command(flatten)]
    facts: FactArgs,
    /// Settings that are not written yet, instead of what is stored
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
}

/// The traffic of a week says what a release can count on.
const WEEK: u64 = 7 * 24 * 60 * 60;
const HOUR: u64 = 60 * 60;

impl Args {
    pub(super) async fn run(self, global: &Global, output: &Output) -> Result<Exit> {
        let config = sluice_platform::aws::config().await;
        let mut settings = match &self.settings {
            Some(file) => of_file(file)?,
            None => of_environment(&config, &self.application, &self.environment).await?,
        };
        let release = match self.bundle {
            None => None,
            Some(folder) => {
                let bundle = Bundle::open(&folder, &self.facts.into())?;
                check_application(&bundle, &self.application)?;
                let plan = plan(&config, &settings, &bundle).await?;
                // What settings leave to the plan, it has decided.
                settings.judge = plan.judge.clone();
                Some(Release { bundle, plan })
            }
        };
        let shifted = shifted(&settings, release.as_ref());
        let calls = calls(&config, &settings, &shifted).await?;
        let forecast = Forecast::of(&settings, &calls);
        let store = store(&config, &global.stack).await;
        let place = (self.application.as_str(), self.environment.as_str());
        let aliases = aliases::gather(&config, store.as_ref(), place, &settings).await;
        let aliases = aliases::findings(&settings, &aliases);
        let place = format!("{}/{}", self.application, self.environment);
        let outlook = outlook(&config, &settings, release.as_ref(), &shifted).await?;
        let assessment = match &release {
            None => None,
            Some(release) => {
                Some(assessed(&config, &self.environment, &settings, &release.bundle).await?)
            }
        };
        let migrations = release
            .as_ref()
            .and_then(|release| Foreseen::of(&release.bundle, &self.environment, &settings));
        let planned = Planned::of(place, settings, release, forecast)
            .with(aliases)
            .with_outlook(outlook)
            .with_evidence(assessment)
            .with_migrations(migrations);
        output.answer(&planned.document(), |style| planned.lines(style))?;
        Ok(Exit::Ok)
    }
}

/// The state table, if there is a stack that has one.
async fn store(config: &SdkConfig, stack: &str) -> Option<Store> {
    let resources = Resources::load(config, stack).await.ok()?;
    let table = resources.state_table().ok()?;
    Some(Store::new(config, table.to_owned()))
}

fn check_application(bundle: &Bundle, application: &str) -> Result<()> {
    let found = &bundle.manifest.application;
    if found == application {
        return Ok(());
    }
    Err(Error::Usage(format!(
        "the bundle is {found}'s; expected {application}'s"
    )))
}

async fn plan(config: &SdkConfig, settings: &Settings, bundle: &Bundle) -> Result<Plan> {
    let observed = observe::functions(config, settings, &bundle.manifest).await?;
    Plan::make(bundle.digest(), &bundle.manifest, settings, &observed)
        .map_err(|error| Error::Absent(error.to_string()))
}

/// What the environment says of the bundle's packages and evidence.
async fn assessed(
    config: &SdkConfig,
    environment: &str,
    settings: &Settings,
    bundle: &Bundle,
) -> Result<Assessment> {
    let copy = scratch()?;
    bundle.write(copy.path())?;
    let folder = Folder::new(copy.path());
    let keys = folder.keys().map_err(Error::file("list", copy.path()))?;
    let environment = Environment {
        config,
        name: environment,
    };
    assess(&folder, keys, &bundle.manifest, settings, Some(environment)).await
}

/// What windows and guards say now of this release, or of any.
async fn outlook(
    config: &SdkConfig,
    settings: &Settings,
    release: Option<&Release>,
    names: &BTreeSet<String>,
) -> Result<Outlook> {
    let now = Timestamp::now();
    let functions = settings.functions.iter();
    let functions = functions.filter(|(name, _)| names.contains(*name));
    let functions: Vec<Function<'_>> = functions
        .map(|(name, target)| Function {
            name,
            function: &target.name,
            alias: &target.alias,
        })
        .collect();
    let signals = PerAccount::new(config, Signals::new);
    let signals = signals.of(settings.role.as_ref(), "sluice-plan").await;
    let guards = signals.check(&settings.guards, &functions, now).await?;
    let takes = match release {
        Some(release) => release.plan.planned_bakes(),
        None => planned_bakes(&settings.own_steps(), &settings.judge),
    };
    Ok(Outlook::of(settings, guards, takes, now))
}

/// The functions whose traffic would be shifted.
fn shifted(settings: &Settings, release: Option<&Release>) -> BTreeSet<String> {
    match release {
        None => settings.functions.keys().cloned().collect(),
        Some(release) => release
            .plan
            .changes()
            .filter(|(_, function)| function.change == Change::Update)
            .map(|(name, _)| name.clone())
            .collect(),
    }
}

async fn calls(
    config: &SdkConfig,
    settings: &Settings,
    names: &BTreeSet<String>,
) -> Result<BTreeMap<String, Option<Calls>>> {
    let functions = settings.functions.iter();
    let functions: Vec<_> = functions
        .filter(|(name, _)| names.contains(*name))
        .collect();
    let asked: Vec<_> = functions
        .iter()
        .map(|(_, target)| (*target, "Invocations", Scope::Alias))
        .collect();
    let window = last(WEEK, Timestamp::now(), HOUR);
    let traffic = Traffic::of(config, settings.role.as_ref()).await;
    let answers = traffic.sums(&asked, &window).await?;
    let calls = functions.iter().zip(&answers);
    Ok(calls
        .map(|((name, _), series)| ((*name).clone(), Calls::of(series, window.end)))
        .collect())
}
