//! Wiring of the `smoke` function.

use sluice_platform::bundle::BundleReader;
use sluice_platform::ledger::Ledger;
use sluice_platform::store::Store;
use sluice_platform::{aws, lambda};
use smoke::aws::{Functions, Table};
use smoke::web::Https;
use smoke::{LIMIT, PROBES_WITHIN, SPREADS_WITHIN, Smoke};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let config = aws::config().await;
    let smoke = Smoke {
        accounts: aws::PerAccount::new(&config, Functions::new),
        web: Https::new(),
        records: Table {
            store: Store::from_env(&config)?,
            bundles: BundleReader::new(&config),
        },
        ledger: Ledger::from_env(&config, "smoke")?,
        limit: LIMIT,
        spreads_within: SPREADS_WITHIN,
        probes_within: PROBES_WITHIN,
    };
    lambda::serve(|input| smoke.handle(input)).await
}
