//! Wiring of the `migrate` function.

use migrate::Migrate;
use migrate::aws::{self as own, Keyring, Objects};
use sluice_platform::{aws, lambda};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let config = aws::config().await;
    let (archives, keys) = (Objects::new(&config), Keyring::new(&config));
    let hosts = own::hosts();
    lambda::serve_until(|input, until| {
        let migrate = Migrate {
            archives: archives.clone(),
            keys: keys.clone(),
            hosts: hosts.clone(),
            until,
        };
        async move { migrate.handle(input).await }
    })
    .await
}
