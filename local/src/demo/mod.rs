//! The demo: the main job for real, on an engine of its own.
//!
//! The storefront runs at 1.0.0 under a steady stream of customers; 1.1.0 is
//! promoted through all environments, 1.2.0 is caught by the judge and rolled
//! back. What is printed about a release is its manifest's or is read back from
//! the engine; the exit status is 0 only if every promotion ended as it should,
//! the production aliases stand where 1.1.0 put them, and production's database has
//! what the migrations of both versions made.

mod approver;
mod database;
mod report;
mod storefront;

use std::path::PathBuf;

use aws_config::SdkConfig;
use jiff::Timestamp;
use sluice_cli::pack::{Bundle, Given};
use sluice_cli::paint::Output;
use sluice_cli::reader::Reader;
use sluice_cli::resources::Resources;
use sluice_cli::upload::Uploader;
use sluice_cli::view::ReleaseView;
use sluice_cli::{follow, render};
use sluice_domain::manifest::{Manifest, Person};
use sluice_platform::store::Release;
use tokio::time::{Duration, Instant, sleep};

use crate::engine::sdk_config;
use crate::load::{Load, Plan};
use crate::session::Session;
use crate::storefront::{folder, orders, targets};
use crate::workspace::Workspace;
use database::Databases;
use report::{PRODUCTION, Released, Report, Served};
use storefront::Aliases;

/// Why the demo could not go on.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The engine.
    #[error(transparent)]
    Engine(#[from] crate::Error),
    /// Reading or showing releases.
    #[error(transparent)]
    Sluice(#[from] sluice_cli::error::Error),
    /// An AWS call.
    #[error(transparent)]
    Fault(#[from] sluice_platform::fault::Fault),
    /// A secret of one-time codes.
    #[error(transparent)]
    Secret(#[from] sluice_platform::totp::NoSecret),
    /// The state table.
    #[error(transparent)]
    Store(#[from] sluice_platform::store::StoreError),
    /// The storefront's PostgreSQL.
    #[error(transparent)]
    Postgres(#[from] sluice_postgres::Error),
    /// The report could not be written.
    #[error("could not write {}: {source}", path.display())]
    Report {
        /// Where.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Something did not happen in time.
    #[error("{0}")]
    TooLate(String),
}

/// What is released, one after the other.
const VERSIONS: [&str; 2] = ["1.1.0", "1.2.0"];
/// Customers' invocations per second, over both functions.
const CUSTOMERS: u32 = 100;
/// An upload must have started its release by then.
const STARTS_WITHIN: Duration = Duration::from_secs(30);
const EVERY: Duration = Duration::from_millis(200);

/// What the demo works with.
struct Stage<'a> {
    workspace: &'a Workspace,
    config: SdkConfig,
    reader: Reader,
    bucket: String,
    output: Output,
    load: Load,
}

/// Runs the demo on a running session. Answers whether all is as promised.
///
/// # Errors
/// When it could not be run to its end.
pub async fn run(workspace: &Workspace, session: &Session) -> Result<bool, DemoError> {
    let state = session.state();
    let config = sdk_config(&state.endpoint);
    let output = Output::detect(false);
    output.line(
        "deploying the storefront 1.0.0 with its aliases, databases, settings and an approver",
    )?;
    let databases = Databases::start()?;
    let secret = storefront::deploy(workspace, session, &config, &databases).await?;
    let resources = Resources::new(state.stack.clone(), state.outputs.clone());
    let reader = Reader::new(&config, &resources)?;
    let desk = resources.desk_url()?.to_owned();
    let approver = tokio::spawn(approver::votes(reader.clone(), desk, secret));
    let load = customers(&state.door)?;
    let stage = Stage {
        workspace,
        bucket: resources.artifacts_bucket()?.to_owned(),
        config,
        reader,
        output,
        load,
    };
    let releases = stage.both().await;
    approver.abort();
    let served = stage.load.stop().await;
    let releases = releases?;
    let aliases = storefront::aliases(&stage.config).await?;
    let columns = databases.columns(PRODUCTION).await?;
    let report = Report::new(&state.endpoint, releases, &served, aliases, columns);
    let path = workspace.root().join("target/demo/report.json");
    report.write(&path)?;
    stage.output.lines(&report.summary())?;
    stage
        .output
        .line(&format!("the same facts: {}", path.display()))?;
    Ok(report.broken().is_empty())
}

fn customers(door: &str) -> Result<Load, DemoError> {
    // Two of three customers order, one looks at the catalogue.
    let [checkout, catalog] = targets(PRODUCTION)
        .try_into()
        .map_err(|_| DemoError::TooLate("the storefront no longer has two functions".to_owned()))?;
    let plan = Plan {
        targets: vec![checkout.clone(), catalog, checkout],
        per_second: CUSTOMERS,
        concurrency: 64,
        seed: 1,
        payload: orders(),
    };
    Ok(Load::start(door, plan)?)
}

impl Stage<'_> {
    async fn both(&self) -> Result<Vec<Released>, DemoError> {
        let mut releases = Vec::new();
        for version in VERSIONS {
            releases.push(self.release(version).await?);
        }
        Ok(releases)
    }

    async fn release(&self, version: &str) -> Result<Released, DemoError> {
        let before = self.load.reading().totals();
        let bundle = self.pack(version)?;
        let manifest = &bundle.manifest;
        self.output.line(&format!(
            "\nreleasing {} {}: {}",
            manifest.application, manifest.version, manifest.notes
        ))?;
        let uploaded = Uploader::new(&self.config, &self.bucket)
            .send(&bundle)
            .await?;
        self.output.line(&format!(
            "uploaded {} files to s3://{}/{}/; EventBridge does the rest",
            uploaded.sent,
            self.bucket,
            Uploader::folder(&bundle)
        ))?;
        let release = self.started(&bundle.manifest).await?;
        let view = follow::release(&self.reader, &self.output, &release).await?;
        let timeline = self
            .reader
            .release_timeline(&view, Timestamp::now())
            .await?;
        self.output.line("")?;
        self.output
            .lines(&render::release_timeline(&timeline, self.output.style()))?;
        Ok(Released {
            timeline,
            served: Served::between(&before, &self.load.reading().totals()),
            published: published(&view),
        })
    }

    fn pack(&self, version: &str) -> Result<Bundle, DemoError> {
        let folder = folder(self.workspace).join(version);
        let author = Person {
            name: "Grace".to_owned(),
            email: "grace@example.com".to_owned(),
        };
        // A checkout has one commit for all three; these stand for the builds'.
        let commit = sluice_domain::digest::Digest::of(version.as_bytes()).hex()[..40].to_owned();
        let given = Given {
            commit: Some(commit),
            author: Some(author),
            ..Given::default()
        };
        Ok(Bundle::pack(&folder, &given, None)?)
    }

    async fn started(&self, manifest: &Manifest) -> Result<Release, DemoError> {
        let deadline = Instant::now() + STARTS_WITHIN;
        while Instant::now() < deadline {
            let attempts = self
                .reader
                .store
                .releases(&manifest.application, &manifest.version)
                .await?;
            if let Some(release) = attempts.into_iter().next_back() {
                return Ok(release);
            }
            sleep(EVERY).await;
        }
        Err(DemoError::TooLate(format!(
            "the upload of {} {} started no release within {} s; see the engine's log",
            manifest.application,
            manifest.version,
            STARTS_WITHIN.as_secs()
        )))
    }
}

/// The Lambda versions that a release published in production.
fn published(view: &ReleaseView) -> Aliases {
    let records = view
        .stages
        .iter()
        .filter_map(|(environment, record)| record.as_ref().filter(|_| environment == PRODUCTION));
    let versions = records.flat_map(|record| record.versions.values());
    versions
        .map(|version| (version.name.clone(), version.version.clone()))
        .collect()
}
