//! Wiring of the `control` function.

use control::Control;
use control::aws::Table;
use jiff::Timestamp;
use sluice_platform::ledger::Ledger;
use sluice_platform::store::Store;
use sluice_platform::{aws, lambda};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let config = aws::config().await;
    let control = Control {
        records: Table(Store::from_env(&config)?),
        ledger: Ledger::from_env(&config, "control")?,
    };
    // Boxed: futures of SDK calls nest deeper than the compiler follows.
    lambda::serve(|input| Box::pin(control.handle(input, Timestamp::now()))).await
}
