//! Wiring of the `approval` function.

use approval::Approval;
use approval::aws::Aws;
use jiff::Timestamp;
use sluice_platform::{aws, task};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let config = aws::config().await;
    let approval = Approval {
        ports: Aws::from_env(&config)?,
    };
    // Boxed: the compiler gives up on futures that nest as deeply as the SDK's.
    task::serve(&config, |input| {
        Box::pin(approval.handle(input, Timestamp::now()))
    })
    .await
}
