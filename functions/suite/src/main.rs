//! Wiring of the `suite` function.

use sluice_platform::ledger::Ledger;
use sluice_platform::store::Store;
use sluice_platform::{aws, lambda};
use suite::Suites;
use suite::aws::{Objects, Table};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let config = aws::config().await;
    let suites = Suites {
        records: Table(Store::from_env(&config)?),
        reports: Objects::new(&config),
        ledger: Ledger::from_env(&config, "suite")?,
    };
    lambda::serve(|input| suites.handle(input)).await
}
