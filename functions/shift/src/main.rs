//! Wiring of the `shift` function.

use jiff::Timestamp;
use shift::aws::{Accounts, Table};
use shift::{PATIENCE, Shift};
use sluice_platform::ledger::Ledger;
use sluice_platform::store::Store;
use sluice_platform::{aws, lambda};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let config = aws::config().await;
    let shift = Shift {
        account: Accounts::new(&config),
        records: Table(Store::from_env(&config)?),
        ledger: Ledger::from_env(&config, "shift")?,
        hook: lambda::variable("SLUICE_HOOK_NAME")?,
        patience: PATIENCE,
    };
    lambda::serve(|input| shift.handle(input, Timestamp::now)).await
}
