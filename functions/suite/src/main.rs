//! Wiring of the `suite` function.

use sluice_platform::ledger::Ledger;
use sluice_platform::settings::SettingsReader;
use sluice_platform::store::Store;
use sluice_platform::{aws, lambda};
use suite::aws::{Objects, Standing, Table};
use suite::scheduled::Scheduled;
use suite::{Suites, answer};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let config = aws::config().await;
    let store = Store::from_env(&config)?;
    let ledger = Ledger::from_env(&config, "suite")?;
    let reports = Objects::new(&config);
    let suites = Suites {
        records: Table(store.clone()),
        reports: reports.clone(),
        ledger: ledger.clone(),
    };
    let scheduled = Scheduled {
        environments: Standing {
            store,
            settings: SettingsReader::new(&config),
        },
        reports,
        ledger,
    };
    lambda::serve(|event| answer(&suites, &scheduled, event)).await
}
