//! `sluice promote`: takes a version that the environment before has promoted into the
//! next one, and from there on as far as environments begin by themselves.

use semver::Version;

use super::release::ask_and_follow;
use crate::context::{Context, Global};
use crate::error::{Exit, Result};
use crate::intake::Request;
use crate::paint::Output;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The application
    application: String,
    /// The version
    #[arg(value_name = "SEMVER")]
    version: Version,
    /// The environment to enter
    environment: String,
    /// Return once the release has started
    #[arg(long)]
    no_follow: bool,
}

impl Args {
    pub(super) async fn run(self, global: &Global, output: &Output) -> Result<Exit> {
        let context = Context::load(global).await?;
        let reader = context.reader()?;
        let request = Request {
            application: self.application,
            version: self.version,
            again: false,
            requested_by: context.caller().await,
            environments: None,
            from: Some(self.environment),
            rollback: false,
            operation: None,
        };
        ask_and_follow(&context, &reader, output, &request, !self.no_follow).await
    }
}
