//! Wiring of the `desk` function.

use desk::Desk;
use desk::aws::Aws;
use jiff::Timestamp;
use sluice_platform::caller::Callers;
use sluice_platform::{aws, caller};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let config = aws::config().await;
    let desk = Desk {
        ports: Aws::from_env(&config)?,
    };
    let callers = Callers::new(&config);
    caller::serve(&callers, |input, call| {
        // Boxed: the compiler gives up on futures that nest as deeply as the SDK's.
        Box::pin(desk.answer_to(input, call, Timestamp::now()))
    })
    .await
}
