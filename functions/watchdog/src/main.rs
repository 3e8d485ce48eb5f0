//! Wiring of the `watchdog` function.

use jiff::Timestamp;
use sluice_platform::ledger::Ledger;
use sluice_platform::settings::SettingsReader;
use sluice_platform::store::Store;
use sluice_platform::{aws, lambda};
use watchdog::Watchdog;
use watchdog::aws::{ApprovalRequests, Functions, Rds, StateMachines, Table};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let config = aws::config().await;
    let watchdog = Watchdog {
        promotions: Table(Store::from_env(&config)?),
        environments: SettingsReader::new(&config),
        executions: StateMachines::from_env(&config)?,
        functions: Functions::from_env(&config)?,
        approvals: ApprovalRequests::from_env(&config)?,
        ledger: Ledger::from_env(&config, "watchdog")?,
        snapshots: Rds::new(&config),
    };
    // Boxed: futures of SDK calls nest deeper than the compiler follows.
    lambda::serve(|input| Box::pin(watchdog.handle(input, Timestamp::now()))).await
}
