//! Wiring of the `intake` function.

use intake::Intake;
use intake::aws::{Machines, Parameters, Shelf, Table};
use jiff::Timestamp;
use sluice_platform::caller::Callers;
use sluice_platform::lambda::variable;
use sluice_platform::ledger::Ledger;
use sluice_platform::store::Store;
use sluice_platform::{aws, caller};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let config = aws::config().await;
    let intake = Intake {
        bucket: variable("SLUICE_ARTIFACTS_BUCKET")?,
        bundles: Shelf::new(&config),
        catalogue: Parameters::new(&config),
        attempts: Table(Store::from_env(&config)?),
        machine: Machines::new(
            &config,
            variable("SLUICE_RELEASE_MACHINE")?,
            variable("SLUICE_SUITES_MACHINE")?,
        ),
        ledger: Ledger::from_env(&config, "intake")?,
    };
    let callers = Callers::new(&config);
    caller::serve(&callers, |event, call| {
        intake.handle(event, call.into(), Timestamp::now())
    })
    .await
}
