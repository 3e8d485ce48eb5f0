//! Wiring of the `shift` function.

use jiff::Timestamp;
use shift::Shift;
use shift::aws::{LambdaAliases, Table};
use sluice_platform::ledger::Ledger;
use sluice_platform::store::Store;
use sluice_platform::{aws, lambda, pace};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let config = aws::config().await;
    let shift = Shift {
        account: aws::PerAccount::new(&pace::paced(&config), LambdaAliases::new),
        records: Table(Store::from_env(&config)?),
        ledger: Ledger::from_env(&config, "shift")?,
    };
    lambda::serve(|input| shift.handle(input, Timestamp::now())).await
}
