//! Wiring of the `notify` function.

use notify::Notify;
use notify::aws::SettingsTopics;
use sluice_platform::people::Topics;
use sluice_platform::settings::SettingsReader;
use sluice_platform::{aws, lambda};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let config = aws::config().await;
    let notify = Notify {
        topics: SettingsTopics(SettingsReader::new(&config)),
        people: Topics::from_env(&config)?,
    };
    // Boxed: the compiler gives up on futures that nest as deeply as the SDK's.
    lambda::serve(|event| Box::pin(notify.handle(event))).await
}
