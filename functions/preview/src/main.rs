//! Wiring of the `preview` function.

use jiff::Timestamp;
use preview::aws::{Account, Parameters, Table};
use preview::{Input, Remover};
use sluice_platform::aws::PerAccount;
use sluice_platform::caller::Callers;
use sluice_platform::ledger::Ledger;
use sluice_platform::store::Store;
use sluice_platform::{aws, caller};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let config = aws::config().await;
    let remover = Remover {
        documents: Parameters::new(&config),
        promotions: Table(Store::from_env(&config)?),
        accounts: PerAccount::new(&config, Account::new),
        ledger: Ledger::from_env(&config, "preview")?,
    };
    let (callers, remover) = (Callers::new(&config), &remover);
    caller::serve(&callers, |input: Input, call| {
        // Boxed: futures of SDK calls nest deeper than the compiler follows.
        Box::pin(async move {
            let caller = call.caller?;
            remover.handle(input, caller, Timestamp::now()).await
        })
    })
    .await
}
