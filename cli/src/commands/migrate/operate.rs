//! `sluice migrate contract`, `undo` and `restore`: promotions that work on an
//! environment's database instead of releasing code.

use semver::Version;
use sluice_domain::migrations::{BackupId, Operation};
use sluice_domain::path::stays;
use sluice_domain::promotion::Promotion;

use crate::commands::release::ask_and_follow;
use crate::context::{Context, Global};
use crate::error::{Error, Exit, Result};
use crate::intake::Request;
use crate::paint::Output;
use crate::reader::Reader;

/// Applies the migrations that contract of the release that serves, once older code has
/// not been called for a while. A promotion of its own: planned, approved and recorded.
#[derive(Debug, clap::Args)]
pub(super) struct Contract {
    /// The application
    application: String,
    /// The environment
    environment: String,
    /// Return once it has started
    #[arg(long)]
    no_follow: bool,
}

/// Takes back, with their own `down`, the migrations that a release brought and the one
/// that serves does not have. A new migration that mends it is the usual way. A promotion
/// of its own: planned, approved and recorded.
#[derive(Debug, clap::Args)]
pub(super) struct Undo {
    /// The application
    application: String,
    /// The version whose migrations are taken back
    #[arg(value_name = "SEMVER")]
    version: Version,
    /// The environment
    environment: String,
    /// Return once it has started
    #[arg(long)]
    no_follow: bool,
}

/// Puts the database back to a backup: traffic stops meanwhile, and whatever was written
/// since the backup was made is lost. A promotion of its own: planned, approved and recorded.
#[derive(Debug, clap::Args)]
pub(super) struct Restore {
    /// The application
    application: String,
    /// The environment
    environment: String,
    /// What the backup is asked for by, as `sluice history --promotion` shows it
    #[arg(long, value_name = "ID")]
    backup: BackupId,
    /// Return once it has started
    #[arg(long)]
    no_follow: bool,
}

impl Contract {
    pub(super) async fn run(self, global: &Global, output: &Output) -> Result<Exit> {
        let place = (self.application, self.environment);
        of_what_serves(
            place,
            Operation::Contract {},
            !self.no_follow,
            global,
            output,
        )
        .await
    }
}

impl Restore {
    pub(super) async fn run(self, global: &Global, output: &Output) -> Result<Exit> {
        let place = (self.application, self.environment);
        let operation = Operation::Restore {
            backup: self.backup,
        };
        of_what_serves(place, operation, !self.no_follow, global, output).await
    }
}

impl Undo {
    pub(super) async fn run(self, global: &Global, output: &Output) -> Result<Exit> {
        let context = Context::load(global).await?;
        let reader = context.reader()?;
        let place = (self.application, self.environment);
        let request = request(&context, place, self.version, Operation::Undo {}).await;
        ask_and_follow(&context, &reader, output, &request, !self.no_follow).await
    }
}

async fn of_what_serves(
    place: (String, String),
    operation: Operation,
    follow: bool,
    global: &Global,
    output: &Output,
) -> Result<Exit> {
    let context = Context::load(global).await?;
    let reader = context.reader()?;
    let version = serving(&reader, &place).await?;
    let (application, environment) = &place;
    output.line(&format!(
        "{application} {environment}: {operation}, in the name of {version}, which serves"
    ))?;
    let request = request(&context, place, version, operation).await;
    ask_and_follow(&context, &reader, output, &request, follow).await
}

async fn serving(
    reader: &Reader,
    (application, environment): &(String, String),
) -> Result<Version> {
    let promotions = reader.store.promotions_of(application).await?;
    let promotions = promotions.into_iter().map(|(promotion, _)| promotion);
    let promotions: Vec<Promotion> = promotions.collect();
    let stays = stays(&promotions, environment);
    let serves = stays.last().map(|stay| stay.promotion.version.clone());
    serves.ok_or_else(|| {
        Error::Absent(format!(
            "nothing was promoted into {application}/{environment} yet: no release of Sluice's serves there"
        ))
    })
}

async fn request(
    context: &Context,
    (application, environment): (String, String),
    version: Version,
    operation: Operation,
) -> Request {
    Request {
        application,
        version,
        again: false,
        requested_by: context.caller().await,
        environments: Some(vec![environment]),
        from: None,
        rollback: false,
        operation: Some(operation),
    }
}
