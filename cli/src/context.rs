//! What every command that talks to AWS starts from.

use aws_config::SdkConfig;
use clap::Args;
use sluice_platform::store::Store;

use crate::error::Result;
use crate::reader::Reader;
use crate::resources::Resources;

/// Options of every command.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// The CloudFormation stack that Sluice was deployed as.
    #[arg(
        long,
        global = true,
        env = "SLUICE_STACK",
        default_value = "sluice",
        value_name = "NAME"
    )]
    pub stack: String,
    /// Answer one JSON document on standard output; progress goes to standard error.
    #[arg(long, global = true)]
    pub json: bool,
}

/// A connection: credentials, region, and the resources of the stack.
pub struct Context {
    /// What clients are built from.
    pub config: SdkConfig,
    /// What the stack is made of.
    pub resources: Resources,
}

impl Context {
    /// Finds credentials and the stack.
    ///
    /// # Errors
    /// When the stack can't be read.
    pub async fn load(global: &Global) -> Result<Self> {
        let config = sluice_platform::aws::config().await;
        let resources = Resources::load(&config, &global.stack).await?;
        Ok(Self { config, resources })
    }

    /// The state table.
    ///
    /// # Errors
    /// When the stack lacks an output.
    pub fn store(&self) -> Result<Store> {
        let table = self.resources.state_table()?;
        Ok(Store::new(&self.config, table.to_owned()))
    }

    /// Reads how promotions stand.
    ///
    /// # Errors
    /// When the stack lacks an output.
    pub fn reader(&self) -> Result<Reader> {
        Reader::new(&self.config, &self.resources)
    }

    /// Who asks, as AWS knows them. Best effort: it only says so in the record.
    pub async fn caller(&self) -> String {
        let answer = aws_sdk_sts::Client::new(&self.config)
            .get_caller_identity()
            .send()
            .await;
        answer
            .ok()
            .and_then(|identity| identity.arn)
            .unwrap_or_else(|| "an unknown caller".to_owned())
    }
}
