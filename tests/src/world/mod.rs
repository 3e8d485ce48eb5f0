//! A world for each test on the engine: an application of its own, with its own
//! functions, settings, bundles, approver and subscriber.
//!
//! Decides: nothing. It asks as a build server or a person would, and waits
//! until what it was told to see is there, or panics with how things stand.
//!
//! Environment: what `sluice-local with` sets: `AWS_ENDPOINT_URL` and a
//! variable for each output of Sluice's stack.
//!
//! Never: writes the ledger, or shares anything between two tests.

mod account;
mod application;
mod browser;
mod build;
mod colleague;
mod command;
mod configuration;
mod database;
mod deployments;
mod durable;
mod faults;
mod images;
mod inbox;
mod limiter;
mod permissions;
mod signals;
mod slack;
mod suites;
mod watch;

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Mutex;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_lambda::primitives::Blob;
use serde_json::{Value, json};
use sluice_cli::reader::Reader;
use sluice_cli::resources::{OUTPUTS, Resources};
use sluice_local::session::output_variable;

pub use application::{ALIAS, alone};
pub use browser::{Browser, Looks, Seen};
pub use build::{Build, commit, failing, for_another_machine, healthy, in_bash};
pub use colleague::Colleague;
pub use command::{Folder, Person, Run, Running, Sluice};
pub use database::Data;
pub use durable::Durable;
pub use faults::Machines;
pub use images::Image;
pub use inbox::Inbox;
pub use limiter::{Call, Limiter};
pub use permissions::Forbidden;
pub use slack::Channel;
pub use suites::{FAILED, PASSED, says};
pub use watch::Ended;

/// How long anything that is waited for may take.
pub const PATIENCE: Duration = Duration::from_secs(180);
/// How long between two looks.
pub const EVERY: Duration = Duration::from_millis(150);

/// A test's own part of the engine.
pub struct World {
    /// The application's name.
    pub application: String,
    /// How to reach the engine, as its root user.
    pub config: SdkConfig,
    /// Reads what Sluice knows.
    pub reader: Reader,
    resources: Resources,
    /// What points a command at the engine.
    environment: BTreeMap<String, String>,
    unique: String,
    role: String,
    /// The step of the last one-time code, by its secret: each counts once.
    steps: Mutex<BTreeMap<String, u64>>,
}

/// What a function of Sluice's answered instead of an output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The error's name.
    pub name: String,
    /// What it says.
    pub message: String,
}

impl World {
    /// An application that nobody else has.
    ///
    /// # Panics
    /// When there is no engine.
    pub async fn new() -> Self {
        Self::on(std::env::vars()).await
    }

    /// An application on the engine that an environment points to.
    ///
    /// # Panics
    /// When it points to none.
    pub async fn on(environment: impl IntoIterator<Item = (String, String)>) -> Self {
        let environment = environment.into_iter().collect();
        let endpoint = variable(&environment, "AWS_ENDPOINT_URL");
        let config = sluice_local::engine::sdk_config(endpoint);
        let output = |name: &str| variable(&environment, &output_variable(name)).to_owned();
        let outputs: BTreeMap<String, String> = OUTPUTS
            .iter()
            .map(|name| ((*name).to_owned(), output(name)))
            .collect();
        let resources = Resources::new("sluice", outputs);
        let reader = Reader::new(&config, &resources).expect("every output of the stack");
        let unique = format!("{:08x}", RandomState::new().hash_one(()) & 0xffff_ffff);
        let application = format!("flow-{unique}");
        let role = permissions::role(&config, &application).await;
        Self {
            application,
            config,
            reader,
            resources,
            environment,
            unique,
            role,
            steps: Mutex::default(),
        }
    }

    /// Invokes a function of Sluice's, by the name of the stack's output.
    ///
    /// # Errors
    /// With the error that it answers.
    ///
    /// # Panics
    /// When it can't be reached.
    pub async fn invoke(&self, output: &str, payload: &Value) -> Result<Value, Refusal> {
        self.invoke_function(self.output(output), payload).await
    }

    /// Invokes a function by its ARN or name.
    ///
    /// # Errors
    /// With the error that it answers.
    ///
    /// # Panics
    /// When it can't be reached.
    pub async fn invoke_function(&self, function: &str, payload: &Value) -> Result<Value, Refusal> {
        let answer = self
            .lambda()
            .invoke()
            .function_name(function)
            .payload(Blob::new(payload.to_string()))
            .send()
            .await
            .unwrap_or_else(|error| panic!("invoking {function}: {error:?}"));
        let body = answer.payload().map(Blob::as_ref).unwrap_or_default();
        let body: Value = serde_json::from_slice(body)
            .unwrap_or_else(|error| panic!("the answer of {function} is no JSON: {error}"));
        if answer.function_error().is_none() {
            return Ok(body);
        }
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        Err(Refusal {
            name: text("errorType"),
            message: text("errorMessage"),
        })
    }

    /// Asks `intake` as a person does.
    ///
    /// # Errors
    /// With why it refused.
    pub async fn ask(&self, version: &str, more: Value) -> Result<Value, Refusal> {
        let mut request = json!({
            "application": self.application,
            "version": version,
            "requested_by": "ada",
        });
        merge(&mut request, more);
        self.invoke("IntakeFunction", &request).await
    }

    /// Where bundles are uploaded.
    #[must_use]
    pub fn bucket(&self) -> &str {
        self.resources.artifacts_bucket().unwrap_or_default()
    }

    /// Where the desk answers.
    #[must_use]
    pub fn desk(&self) -> &str {
        self.resources.desk_url().unwrap_or_default()
    }

    /// Where callers invoke aliases.
    ///
    /// # Panics
    /// When there is no engine.
    #[must_use]
    pub fn door(&self) -> String {
        variable(&self.environment, "SLUICE_DOOR_URL").to_owned()
    }

    /// An output of Sluice's stack.
    #[must_use]
    pub fn output(&self, name: &str) -> &str {
        variable(&self.environment, &output_variable(name))
    }

    /// The ledger's chain of a version's releases.
    #[must_use]
    pub fn release_chain(&self, version: &str) -> String {
        format!("release/{}/{version}", self.application)
    }

    /// The key with which the desk seals votes.
    ///
    /// # Panics
    /// When the desk has none.
    pub async fn seal_key(&self) -> String {
        let function = self.output("DeskFunction");
        let found = self.lambda().get_function_configuration();
        let found = found.function_name(function).send().await;
        let found = found.expect("the desk's configuration");
        let variables = found.environment().and_then(|all| all.variables());
        let key = variables.and_then(|all| all.get("SLUICE_SEAL_KEY"));
        key.expect("the key").clone()
    }

    /// Lambda, where the application's functions are.
    #[must_use]
    pub fn lambda(&self) -> aws_sdk_lambda::Client {
        aws_sdk_lambda::Client::new(&self.config)
    }

    /// Step Functions.
    #[must_use]
    pub fn executions(&self) -> aws_sdk_sfn::Client {
        aws_sdk_sfn::Client::new(&self.config)
    }
}

/// Puts the fields of `more` into `document`, in place of what is there. Null takes
/// a field away.
fn merge(document: &mut Value, more: Value) {
    if let (Some(document), Value::Object(more)) = (document.as_object_mut(), more) {
        document.extend(more);
        document.retain(|_, value| !value.is_null());
    }
}

fn variable<'a>(environment: &'a BTreeMap<String, String>, name: &str) -> &'a str {
    environment
        .get(name)
        .unwrap_or_else(|| panic!("there is no {name}: these tests run inside `make test`"))
}
