//! Puts the storefront on the engine: its stack, its databases, its settings,
//! its approver.

use std::collections::BTreeMap;

use aws_config::SdkConfig;
use aws_sdk_ssm::types::ParameterType;
use serde_json::{Map, Value};
use sluice_cli::parameters;
use sluice_platform::fault::Fault;
use sluice_platform::totp::OneTimeSecret;

use super::DemoError;
use super::approver::APPROVER;
use super::database::Databases;
use super::report::PRODUCTION;
use crate::Error;
use crate::sam;
use crate::session::Session;
use crate::storefront::{ALIAS, APPLICATION, FUNCTIONS, folder, function_name, stack};
use crate::workspace::Workspace;

const ENVIRONMENTS: [&str; 3] = ["dev", "staging", PRODUCTION];

/// Deploys all of it, and answers the secret of the approver's one-time codes.
pub(super) async fn deploy(
    workspace: &Workspace,
    session: &Session,
    config: &SdkConfig,
    databases: &Databases,
) -> Result<OneTimeSecret, DemoError> {
    sam::deploy(
        workspace,
        session.run(),
        &session.state().endpoint,
        &stack(workspace),
    )
    .await?;
    for environment in ENVIRONMENTS {
        let database = databases.create(config, environment).await?;
        let text = settings(workspace, environment, database)?;
        parameters::put(config, APPLICATION, environment, &text).await?;
    }
    let secret = OneTimeSecret::generate()?;
    let name = format!("/sluice-approvers/{APPROVER}");
    let request = aws_sdk_ssm::Client::new(config)
        .put_parameter()
        .name(&name)
        .value(secret.reveal())
        .r#type(ParameterType::SecureString)
        .overwrite(true);
    request
        .send()
        .await
        .map_err(|error| Fault::new(format!("ssm:PutParameter of {name}"), error))?;
    Ok(secret)
}

/// The settings of an environment as the example has them, with the database that they get
/// here.
fn settings(
    workspace: &Workspace,
    environment: &str,
    database: Value,
) -> Result<String, DemoError> {
    let path = folder(workspace).join(format!("settings/{environment}.json"));
    let text = std::fs::read_to_string(&path).map_err(Error::files("read", &path))?;
    let mut settings: Map<String, Value> =
        serde_json::from_str(&text).map_err(|error| Error::files("read", &path)(error.into()))?;
    settings.insert("database".to_owned(), database);
    Ok(Value::Object(settings).to_string())
}

/// Where the aliases of functions point: `3`, or `3 with 10 % on 4`.
pub(super) type Aliases = BTreeMap<String, String>;

/// Where the production aliases point now.
pub(super) async fn aliases(config: &SdkConfig) -> Result<Aliases, DemoError> {
    let lambda = aws_sdk_lambda::Client::new(config);
    let mut aliases = Aliases::new();
    for function in FUNCTIONS {
        let name = function_name(function, PRODUCTION);
        let request = lambda.get_alias().function_name(&name).name(ALIAS);
        let alias = request
            .send()
            .await
            .map_err(|error| Fault::new(format!("lambda:GetAlias of {name}"), error))?;
        let weights = alias
            .routing_config()
            .and_then(|routing| routing.additional_version_weights());
        let extra: String = weights
            .into_iter()
            .flatten()
            .map(|(version, weight)| format!(" with {} % on {version}", weight * 100.0))
            .collect();
        aliases.insert(
            name,
            format!("{}{extra}", alias.function_version().unwrap_or_default()),
        );
    }
    Ok(aliases)
}
