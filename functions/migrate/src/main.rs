//! Wiring of the `migrate` function.

use migrate::Migrate;
use migrate::aws::{Keyring, Objects};
use sluice_platform::{aws, lambda};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let config = aws::config().await;
    let migrate = Migrate {
        archives: Objects::new(&config),
        keys: Keyring::new(&config),
    };
    lambda::serve(|input| migrate.handle(input)).await
}
