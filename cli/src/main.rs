//! `sluice`: see the library.

use std::process::ExitCode;

use clap::Parser;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    sluice_cli::run(sluice_cli::Cli::parse()).await.into()
}
