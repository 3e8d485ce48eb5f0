//! Wiring of the `database` function.

use database::Databases;
use database::aws::{Account, Servers, Table};
use jiff::Timestamp;
use sluice_platform::aws::{self, PerAccount};
use sluice_platform::lambda;
use sluice_platform::ledger::Ledger;
use sluice_platform::store::Store;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let config = aws::config().await;
    let databases = Databases {
        promotions: Table(Store::from_env(&config)?),
        backups: Servers::new(&config, PerAccount::new(&config, Account::new)),
        ledger: Ledger::from_env(&config, "database")?,
    };
    lambda::serve(|input| databases.handle(input, Timestamp::now())).await
}
