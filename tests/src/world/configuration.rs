//! Configuration: as the team's own stack sets it, and as versions have it.

use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{Environment, LayerVersionContentInput};
use serde_json::{Value, json};

use super::{Build, World};

impl World {
    /// The configuration that a version of a function has, or `$LATEST`, as
    /// manifests write it.
    ///
    /// # Panics
    /// When Lambda can't say.
    pub async fn configuration(&self, environment: &str, function: &str, version: &str) -> Value {
        let request = self
            .lambda()
            .get_function_configuration()
            .function_name(self.function(environment, function))
            .qualifier(version);
        let found = request.send().await.expect("the configuration");
        let layers = found.layers().iter().filter_map(|layer| layer.arn());
        let variables = found
            .environment()
            .and_then(|environment| environment.variables().cloned());
        json!({
            "environment": variables.unwrap_or_default(),
            "memory_mb": found.memory_size(),
            "timeout_seconds": found.timeout(),
            "layers": layers.collect::<Vec<_>>(),
        })
    }

    /// Sets a function's memory and one environment variable, as the team's own
    /// stack does.
    ///
    /// # Panics
    /// When Lambda refuses.
    pub async fn configure(
        &self,
        environment: &str,
        function: &str,
        memory_mb: i32,
        (variable, value): (&str, &str),
    ) {
        let variables = Environment::builder().variables(variable, value).build();
        self.lambda()
            .update_function_configuration()
            .function_name(self.function(environment, function))
            .memory_size(memory_mb)
            .environment(variables)
            .send()
            .await
            .expect("the configuration is set");
    }

    /// Publishes a version of a layer that Sluice may attach, and answers its ARN.
    ///
    /// # Panics
    /// When Lambda refuses.
    pub async fn layer(&self, build: &Build, function: &str) -> String {
        let content = LayerVersionContentInput::builder()
            .zip_file(Blob::new(build.zip(function)))
            .build();
        let published = self
            .lambda()
            .publish_layer_version()
            .layer_name(format!("sluice-managed-{}", self.unique))
            .content(content)
            .send()
            .await
            .expect("a layer version");
        let arn = published.layer_version_arn();
        arn.expect("its ARN").to_owned()
    }
}
