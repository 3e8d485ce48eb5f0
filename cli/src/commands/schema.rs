//! `sluice schema`: the JSON Schema of what people write.

use schemars::schema_for;
use sluice_domain::manifest::Manifest;
use sluice_domain::settings::Settings;

use crate::error::{Exit, Result};
use crate::paint::Output;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The document
    #[arg(value_enum, value_name = "DOCUMENT")]
    document: Document,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Document {
    /// release.json
    Manifest,
    /// An environment's settings
    Settings,
}

impl Args {
    pub(super) fn run(self, output: &Output) -> Result<Exit> {
        let schema = match self.document {
            Document::Manifest => schema_for!(Manifest),
            Document::Settings => schema_for!(Settings),
        };
        // A schema is JSON for people and machines alike.
        output.document(&format!("{:#}", schema.as_value()))?;
        Ok(Exit::Ok)
    }
}
