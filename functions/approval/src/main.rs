//! Wiring of the `approval` function.

use approval::Approval;
use approval::aws::Aws;
use jiff::Timestamp;
use sluice_platform::{aws, lambda};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let config = aws::config().await;
    // Empty until the first deployment knows its own page's address.
    let desk_url = lambda::variable("SLUICE_DESK_URL").ok();
    let approval = Approval {
        ports: Aws::from_env(&config)?,
        desk_url,
    };
    // Boxed: the compiler gives up on futures that nest as deeply as the SDK's.
    lambda::serve(|input| Box::pin(approval.handle(input, Timestamp::now()))).await
}
