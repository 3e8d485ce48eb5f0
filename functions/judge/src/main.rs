//! Wiring of the `judge` function.

use jiff::Timestamp;
use judge::Judge;
use judge::aws::{CloudWatch, Functions, Table};
use sluice_platform::ledger::Ledger;
use sluice_platform::store::Store;
use sluice_platform::{aws, lambda};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let config = aws::config().await;
    let judge = Judge {
        records: Table(Store::from_env(&config)?),
        metrics: CloudWatch::new(&config),
        functions: Functions::from_env(&config)?,
        ledger: Ledger::from_env(&config, "judge")?,
    };
    // Boxed: futures of SDK calls nest deeper than the compiler follows.
    lambda::serve(|input| Box::pin(judge.handle(input, Timestamp::now()))).await
}
