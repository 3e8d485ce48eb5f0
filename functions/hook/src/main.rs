//! Wiring of the `hook` function.

use hook::Hook;
use hook::aws::{CodeDeploy, Lambda, Table};
use sluice_platform::store::Store;
use sluice_platform::{aws, lambda};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let config = aws::config().await;
    let functions = Lambda::from_env(&config)?;
    let hook = Hook {
        deployments: CodeDeploy::new(&config),
        records: Table(Store::from_env(&config)?),
        aliases: functions.clone(),
        tests: functions,
    };
    lambda::serve(|input| hook.handle(input)).await
}
