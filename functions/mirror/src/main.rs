//! Wiring of the `mirror` function.

use jiff::Timestamp;
use mirror::Mirror;
use mirror::aws::Aws;
use sluice_platform::{aws, lambda};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let config = aws::config().await;
    let mirror = Mirror {
        ports: Aws::from_env(&config)?,
    };
    // Boxed: the compiler gives up on futures that nest as deeply as the SDK's.
    lambda::serve(|event| Box::pin(mirror.handle(event, Timestamp::now()))).await
}
