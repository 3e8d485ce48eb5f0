//! Wiring of the `guard` function.

use guard::Guard;
use guard::aws::Aws;
use jiff::Timestamp;
use sluice_platform::{aws, task};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let config = aws::config().await;
    let guard = Guard {
        ports: Aws::from_env(&config)?,
    };
    task::serve(&config, |input| guard.handle(input, Timestamp::now())).await
}
