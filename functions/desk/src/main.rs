//! Wiring of the `desk` function.

use desk::Desk;
use desk::aws::Aws;
use jiff::Timestamp;
use sluice_platform::{aws, lambda};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let config = aws::config().await;
    let desk = Desk {
        ports: Aws::from_env(&config)?,
    };
    // Boxed: the compiler gives up on futures that nest as deeply as the SDK's.
    lambda::serve(|request| Box::pin(desk.handle(request, Timestamp::now()))).await
}
