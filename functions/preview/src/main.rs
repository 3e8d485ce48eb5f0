//! Wiring of the `preview` function.

use jiff::Timestamp;
use preview::Remover;
use preview::aws::{Account, Parameters, Table};
use sluice_platform::aws::PerAccount;
use sluice_platform::ledger::Ledger;
use sluice_platform::store::Store;
use sluice_platform::{aws, lambda};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let config = aws::config().await;
    let remover = Remover {
        documents: Parameters::new(&config),
        locks: Table(Store::from_env(&config)?),
        accounts: PerAccount::new(&config, Account::new),
        ledger: Ledger::from_env(&config, "preview")?,
    };
    // Boxed: futures of SDK calls nest deeper than the compiler follows.
    lambda::serve(|input| Box::pin(remover.handle(input, Timestamp::now()))).await
}
