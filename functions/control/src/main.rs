//! Wiring of the `control` function.

use control::Control;
use control::aws::{ApprovalFunction, Table};
use jiff::Timestamp;
use sluice_platform::caller::Callers;
use sluice_platform::ledger::Ledger;
use sluice_platform::settings::SettingsReader;
use sluice_platform::store::Store;
use sluice_platform::{aws, caller};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let config = aws::config().await;
    let control = Control {
        environments: SettingsReader::new(&config),
        records: Table(Store::from_env(&config)?),
        approvers: ApprovalFunction::from_env(&config)?,
        ledger: Ledger::from_env(&config, "control")?,
    };
    let callers = Callers::new(&config);
    caller::serve(&callers, |input, call| {
        // Boxed: futures of SDK calls nest deeper than the compiler follows.
        Box::pin(control.handle(input, call.caller, Timestamp::now()))
    })
    .await
}
