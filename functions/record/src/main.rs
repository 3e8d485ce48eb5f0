//! Wiring of the `record` function.

use jiff::Timestamp;
use record::Recorder;
use record::aws::{StandardOut, Table};
use sluice_platform::{aws, lambda};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let config = aws::config().await;
    let recorder = Recorder {
        table: Table::from_env(&config)?,
        meter: StandardOut,
    };
    lambda::serve(|input| recorder.handle(input, Timestamp::now())).await
}
