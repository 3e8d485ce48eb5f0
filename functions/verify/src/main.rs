//! Wiring of the `verify` function.

use jiff::Timestamp;
use sluice_evidence::Scanner;
use sluice_platform::bundle::BundleReader;
use sluice_platform::ledger::Ledger;
use sluice_platform::patience::Patience;
use sluice_platform::store::Store;
use sluice_platform::{aws, lambda};
use verify::Verify;
use verify::aws::{Accounts, Buckets, Registries, S3, Table};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let config = aws::config().await;
    let verify = Verify {
        promotions: Table(Store::from_env(&config)?),
        bundles: BundleReader::new(&config),
        objects: S3::new(&config),
        copies: Buckets::new(&config),
        images: Registries::new(&config),
        environments: Accounts::new(&config),
        ledger: Ledger::from_env(&config, "verify")?,
        scanner: Scanner::new()?,
        patience: Patience::default(),
        migrator: lambda::variable("SLUICE_MIGRATOR")?,
    };
    lambda::serve(|input| verify.handle(input, Timestamp::now())).await
}
