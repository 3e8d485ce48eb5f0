//! The application's own side: Lambda functions, aliases, settings, approvers.

use std::collections::BTreeMap;

use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{AliasRoutingConfiguration, FunctionCode, Runtime};
use aws_sdk_ssm::types::ParameterType;
use serde_json::{Value, json};
use sluice_domain::alias::Routing;

use super::{Build, World, merge};

/// The alias that callers use.
pub const ALIAS: &str = "live";

/// An alias on one version, with no extra weight.
#[must_use]
pub fn alone(version: &str) -> Option<Routing> {
    Some(Routing::only(version))
}

impl World {
    /// The Lambda function behind a name of the manifest in an environment.
    #[must_use]
    pub fn function(&self, environment: &str, function: &str) -> String {
        format!("storefront-{}-{environment}-{function}", self.unique)
    }

    /// Its ARN.
    #[must_use]
    pub fn arn(&self, environment: &str, function: &str) -> String {
        let name = self.function(environment, function);
        format!("arn:aws:lambda:us-east-1:000000000000:function:{name}")
    }

    /// Creates the environment: its functions at version 1 with an alias, as
    /// the application's own stack does, and its settings.
    pub async fn environment(&self, environment: &str, build: &Build, settings: Value) {
        for function in build.functions() {
            self.create(environment, function, build).await;
            self.create_alias(environment, function).await;
        }
        self.settings(environment, build, settings).await;
    }

    /// Creates one function without an alias.
    ///
    /// # Panics
    /// When the engine refuses.
    pub async fn create(&self, environment: &str, function: &str, build: &Build) {
        self.create_on("python3.12", environment, function, build)
            .await;
    }

    /// Creates one function on a runtime, without an alias.
    ///
    /// # Panics
    /// When the engine refuses.
    pub async fn create_on(&self, runtime: &str, environment: &str, function: &str, build: &Build) {
        let name = self.function(environment, function);
        self.create_function(&name, runtime, build.zip(function))
            .await;
    }

    pub(crate) async fn create_function(&self, name: &str, runtime: &str, code: Vec<u8>) -> String {
        let created = self
            .lambda()
            .create_function()
            .function_name(name)
            .runtime(Runtime::from(runtime))
            .role(&self.role)
            .handler("app.lambda_handler")
            .timeout(30)
            .code(FunctionCode::builder().zip_file(Blob::new(code)).build())
            .publish(true)
            .send()
            .await
            .unwrap_or_else(|error| panic!("creating {name}: {error:?}"));
        let arn = created.function_arn().unwrap_or_default();
        arn.split(':').take(7).collect::<Vec<_>>().join(":")
    }

    /// Gives a function its alias, on version 1.
    ///
    /// # Panics
    /// When the engine refuses.
    pub async fn create_alias(&self, environment: &str, function: &str) {
        let name = self.function(environment, function);
        self.lambda()
            .create_alias()
            .function_name(&name)
            .name(ALIAS)
            .function_version("1")
            .send()
            .await
            .unwrap_or_else(|error| panic!("creating the alias of {name}: {error:?}"));
    }

    /// Writes the settings of an environment: those of the functions of this
    /// build, at once and unwatched, unless `more` says otherwise.
    ///
    /// # Panics
    /// When Parameter Store refuses.
    pub async fn settings(&self, environment: &str, build: &Build, more: Value) {
        let functions: BTreeMap<&str, Value> = build
            .functions()
            .map(|function| {
                let name = self.function(environment, function);
                (function, json!({ "name": name, "alias": ALIAS }))
            })
            .collect();
        let mut settings = json!({
            "schema": 1,
            "order": 1,
            "functions": functions,
            "steps": [{ "weight": 100, "bake_seconds": 0 }],
            "judge": {
                "period_seconds": 1,
                "lag_seconds": 0,
                "min_invocations": 1,
                "extend_seconds": 0,
                "on_inconclusive": "advance",
            },
        });
        merge(&mut settings, more);
        self.write_settings(environment, &settings.to_string())
            .await;
    }

    /// Writes anything where settings belong.
    ///
    /// # Panics
    /// When Parameter Store refuses.
    pub async fn write_settings(&self, environment: &str, text: &str) {
        sluice_cli::parameters::put(&self.config, &self.application, environment, text)
            .await
            .expect("settings are written");
    }

    /// An approver with this secret of one-time codes, as settings name them.
    ///
    /// # Panics
    /// When Parameter Store refuses.
    pub async fn approver(&self, name: &str, secret: &str) -> Value {
        let parameter = format!("/sluice-approvers/{}-{name}", self.unique);
        self.parameter(&parameter, secret).await;
        let email = format!("{name}@example.com");
        json!({ "name": name, "email": email, "totp_parameter": parameter })
    }

    /// Writes a secret parameter.
    ///
    /// # Panics
    /// When Parameter Store refuses.
    pub async fn parameter(&self, name: &str, value: &str) {
        aws_sdk_ssm::Client::new(&self.config)
            .put_parameter()
            .name(name)
            .value(value)
            .r#type(ParameterType::SecureString)
            .send()
            .await
            .unwrap_or_else(|error| panic!("writing {name}: {error:?}"));
    }

    /// Under which name an approver signs in to the page: parameters of one-time codes are
    /// each test's own.
    #[must_use]
    pub fn signs_in_as(&self, name: &str) -> String {
        format!("{}-{name}", self.unique)
    }

    /// Writes a secret parameter that all tests of an engine share.
    ///
    /// # Panics
    /// When Parameter Store refuses.
    pub async fn shared_parameter(&self, name: &str, value: &str) {
        aws_sdk_ssm::Client::new(&self.config)
            .put_parameter()
            .name(name)
            .value(value)
            .r#type(ParameterType::SecureString)
            .overwrite(true)
            .send()
            .await
            .unwrap_or_else(|error| panic!("writing {name}: {error:?}"));
    }

    /// Reads a parameter. None: there is none yet.
    ///
    /// # Panics
    /// When Parameter Store can't say.
    pub async fn read_parameter(&self, name: &str) -> Option<String> {
        let request = aws_sdk_ssm::Client::new(&self.config)
            .get_parameters()
            .names(name)
            .with_decryption(true);
        let answer = request.send().await.expect("an answer");
        let found = answer.parameters().first()?;
        found.value().map(str::to_owned)
    }

    /// The settings that are stored for an environment. None: there are none.
    ///
    /// # Panics
    /// When they are no JSON.
    pub async fn stored(&self, environment: &str) -> Option<Value> {
        let name = sluice_platform::settings::parameter(&self.application, environment);
        let text = self.read_parameter(&name).await?;
        Some(serde_json::from_str(&text).expect("settings are JSON"))
    }

    /// Where the alias of a function stands. None: there is none.
    ///
    /// # Panics
    /// When Lambda can't say.
    pub async fn alias(&self, environment: &str, function: &str) -> Option<Routing> {
        self.routing(environment, function, ALIAS).await
    }

    /// Where another alias of a function stands. None: there is none.
    ///
    /// # Panics
    /// When Lambda can't say.
    pub async fn routing(&self, environment: &str, function: &str, alias: &str) -> Option<Routing> {
        let name = self.function(environment, function);
        let request = self.lambda().get_alias().function_name(&name).name(alias);
        match request.send().await {
            Ok(alias) => Some(Routing {
                version: alias.function_version().unwrap_or_default().to_owned(),
                weights: alias
                    .routing_config()
                    .and_then(|routing| routing.additional_version_weights())
                    .map(|weights| weights.clone().into_iter().collect())
                    .unwrap_or_default(),
            }),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_resource_not_found_exception()) =>
            {
                None
            }
            Err(error) => panic!("reading the alias of {name}: {error:?}"),
        }
    }

    /// The RevisionId of a function's alias.
    ///
    /// # Panics
    /// When there is no alias.
    pub async fn revision(&self, environment: &str, function: &str) -> String {
        let name = self.function(environment, function);
        let request = self.lambda().get_alias().function_name(&name).name(ALIAS);
        let alias = request.send().await.expect("the alias");
        alias.revision_id().expect("its RevisionId").to_owned()
    }

    /// Checks that every function of a build has its alias on this version
    /// alone, and that nobody holds a lock on any.
    ///
    /// # Panics
    /// When it is not so.
    #[track_caller]
    pub fn settled<'a>(
        &'a self,
        environment: &'a str,
        build: &'a Build,
        version: &'a str,
    ) -> impl Future<Output = ()> + 'a {
        let caller = std::panic::Location::caller();
        async move {
            let elsewhere = self.elsewhere(environment, build, version).await;
            assert!(elsewhere.is_empty(), "{elsewhere:?}, asked at {caller}");
            self.unlocked(environment, build).await;
        }
    }

    /// The functions of a build whose alias is not on this version alone, each
    /// with where it is.
    pub async fn elsewhere(
        &self,
        environment: &str,
        build: &Build,
        version: &str,
    ) -> Vec<(String, Option<Routing>)> {
        let mut elsewhere = Vec::new();
        for function in build.functions() {
            let found = self.alias(environment, function).await;
            if found != alone(version) {
                elsewhere.push((function.to_owned(), found));
            }
        }
        elsewhere
    }

    /// Checks that nobody holds a lock on the functions of a build, and that
    /// nothing of this application waits in line.
    ///
    /// # Panics
    /// When it is not so.
    pub async fn unlocked(&self, environment: &str, build: &Build) {
        let kept = self.kept(environment, build).await;
        assert!(kept.is_empty(), "{kept:?}");
    }

    /// Who holds a lock on a function of a build, or waits in line for this
    /// application.
    ///
    /// # Panics
    /// When the state table can't be read.
    pub async fn kept(&self, environment: &str, build: &Build) -> Vec<String> {
        let mut kept = Vec::new();
        for function in build.functions() {
            let target = self.arn(environment, function);
            let holder = self.reader.store.holder(&target).await;
            let holder = holder.expect("the lock");
            kept.extend(holder.map(|holder| format!("{holder} holds {function}")));
        }
        let line = self.reader.store.tickets().await.expect("the line");
        let ours = line.iter().map(|ticket| &ticket.promotion);
        let ours = ours.filter(|waiting| waiting.application == self.application);
        kept.extend(ours.map(|waiting| format!("{waiting} waits in line")));
        kept
    }

    /// Moves an alias as somebody would who knows nothing of Sluice.
    ///
    /// # Panics
    /// When Lambda refuses.
    pub async fn move_alias(&self, environment: &str, function: &str, version: &str) {
        self.lambda()
            .update_alias()
            .function_name(self.function(environment, function))
            .name(ALIAS)
            .function_version(version)
            .routing_config(AliasRoutingConfiguration::builder().build())
            .send()
            .await
            .expect("the alias is moved");
    }

    /// Shares an alias with another version, as somebody would who shifts by hand.
    ///
    /// # Panics
    /// When Lambda refuses.
    pub async fn share_alias(&self, environment: &str, function: &str, version: &str, share: f64) {
        let routing = AliasRoutingConfiguration::builder();
        let routing = routing.additional_version_weights(version, share);
        self.lambda()
            .update_alias()
            .function_name(self.function(environment, function))
            .name(ALIAS)
            .routing_config(routing.build())
            .send()
            .await
            .expect("the alias is shared");
    }

    /// Publishes a function's code of this build as somebody would who knows
    /// nothing of Sluice, and answers the version.
    ///
    /// # Panics
    /// When Lambda refuses.
    pub async fn publish(&self, environment: &str, function: &str, build: &Build) -> String {
        let request = self
            .lambda()
            .update_function_code()
            .function_name(self.function(environment, function))
            .zip_file(Blob::new(build.zip(function)))
            .publish(true);
        let published = request.send().await.expect("a version");
        published.version().expect("its number").to_owned()
    }

    /// Gives a version, or an alias, of a function provisioned concurrency.
    ///
    /// # Panics
    /// When Lambda refuses.
    pub async fn provision(&self, environment: &str, function: &str, at: &str, executions: i32) {
        self.lambda()
            .put_provisioned_concurrency_config()
            .function_name(self.function(environment, function))
            .qualifier(at)
            .provisioned_concurrent_executions(executions)
            .send()
            .await
            .expect("it is provisioned");
    }

    /// The provisioned concurrency of a function's version, if it has any.
    pub async fn provisioned(&self, environment: &str, function: &str, at: &str) -> Option<i32> {
        let request = self
            .lambda()
            .get_provisioned_concurrency_config()
            .function_name(self.function(environment, function))
            .qualifier(at);
        let found = request.send().await.ok()?;
        found.requested_provisioned_concurrent_executions()
    }

    /// Reserves concurrency for a function.
    ///
    /// # Panics
    /// When Lambda refuses.
    pub async fn reserve(&self, environment: &str, function: &str, executions: i32) {
        self.lambda()
            .put_function_concurrency()
            .function_name(self.function(environment, function))
            .reserved_concurrent_executions(executions)
            .send()
            .await
            .expect("a reservation");
    }

    /// The concurrency that is reserved for a function, if any is.
    ///
    /// # Panics
    /// When Lambda can't say.
    pub async fn reserved(&self, environment: &str, function: &str) -> Option<i32> {
        let request = self.lambda().get_function_concurrency();
        let request = request.function_name(self.function(environment, function));
        let found = request.send().await.expect("the function");
        found.reserved_concurrent_executions()
    }

    /// The versions of a function that were published, in order.
    ///
    /// # Panics
    /// When Lambda can't say.
    pub async fn versions(&self, environment: &str, function: &str) -> Vec<String> {
        let answer = self
            .lambda()
            .list_versions_by_function()
            .function_name(self.function(environment, function))
            .send()
            .await
            .expect("the versions");
        let versions = answer.versions().iter().filter_map(|found| found.version());
        versions
            .filter(|version| *version != "$LATEST")
            .map(str::to_owned)
            .collect()
    }
}
