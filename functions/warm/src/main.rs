//! Wiring of the `warm` function.

use sluice_platform::ledger::Ledger;
use sluice_platform::patience::Patience;
use sluice_platform::store::Store;
use sluice_platform::{aws, lambda};
use warm::aws::{Account, Table};
use warm::{PRUNES_FOR, RESERVES_FOR, SETTLES_IN, WAITS_FOR, WARMS_UP_FOR, Warm};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let config = aws::config().await;
    let warm = Warm {
        accounts: aws::PerAccount::new(&config, Account::new),
        records: Table(Store::from_env(&config)?),
        ledger: Ledger::from_env(&config, "warm")?,
        patience: Patience {
            total: WAITS_FOR,
            ..Patience::default()
        },
        warms_up_for: WARMS_UP_FOR,
        prunes_for: PRUNES_FOR,
        reserves_for: RESERVES_FOR,
        settles: Patience {
            total: SETTLES_IN,
            ..Patience::default()
        },
    };
    lambda::serve(|input| warm.handle(input)).await
}
