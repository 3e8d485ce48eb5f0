//! Wiring of the `publish` function.

use publish::Publish;
use publish::aws::{Account, Table};
use sluice_platform::bundle::BundleReader;
use sluice_platform::ledger::Ledger;
use sluice_platform::patience::Patience;
use sluice_platform::store::Store;
use sluice_platform::{aws, lambda};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let config = aws::config().await;
    let publish = Publish {
        accounts: aws::PerAccount::new(&config, Account::new),
        records: Table {
            store: Store::from_env(&config)?,
            bundles: BundleReader::new(&config),
        },
        ledger: Ledger::from_env(&config, "publish")?,
        patience: Patience::default(),
    };
    lambda::serve(|input| publish.handle(input)).await
}
