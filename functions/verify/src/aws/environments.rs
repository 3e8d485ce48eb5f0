//! What environments ask, and what is there: settings in Parameter Store, functions in
//! Lambda, keys in KMS.

use aws_config::SdkConfig;
use aws_sdk_lambda::operation::get_function_configuration::GetFunctionConfigurationOutput;
use sluice_domain::promotion::PromotionId;
use sluice_domain::settings::{Role, Settings};
use sluice_evidence::Fitting;
use sluice_platform::aws::PerAccount;
use sluice_platform::fault::Fault;
use sluice_platform::function::{self, configuration};
use sluice_platform::pace::paced;
use sluice_platform::settings::{SettingsError, SettingsReader};

use crate::{Environments, Live};

/// The accounts that environments live in.
pub struct Accounts {
    settings: SettingsReader,
    lambda: PerAccount<aws_sdk_lambda::Client>,
    kms: aws_sdk_kms::Client,
}

impl Accounts {
    /// Builds all clients once.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self {
            settings: SettingsReader::new(config),
            lambda: PerAccount::new(&paced(config), aws_sdk_lambda::Client::new),
            kms: aws_sdk_kms::Client::new(config),
        }
    }
}

impl Environments for Accounts {
    async fn settings(&self, id: &PromotionId) -> Result<Settings, SettingsError> {
        self.settings.read(&id.application, &id.environment).await
    }

    async fn function(
        &self,
        id: &PromotionId,
        role: Option<&Role>,
        name: &str,
    ) -> Result<Option<Live>, Fault> {
        let lambda = self.lambda.of(role, id).await;
        let found = function::find(&lambda, name, None).await?;
        Ok(found.as_ref().map(live))
    }

    async fn public_key(&self, arn: &str) -> Result<Vec<u8>, Fault> {
        let request = self.kms.get_public_key().key_id(arn);
        let operation = || format!("kms:GetPublicKey of {arn}");
        let answer = request
            .send()
            .await
            .map_err(|error| Fault::new(operation(), error))?;
        let key = answer
            .public_key
            .map(aws_sdk_kms::primitives::Blob::into_inner);
        key.ok_or_else(|| Fault::other(operation(), "the answer has no key"))
    }
}

fn live(found: &GetFunctionConfigurationOutput) -> Live {
    let owned = |text: &str| text.to_owned();
    let configured = configuration(found);
    Live {
        fitting: Fitting {
            architecture: found.architectures().first().map(|one| owned(one.as_str())),
            handler: found.handler().map(owned),
            runtime: found.runtime().map(|runtime| owned(runtime.as_str())),
            has_layers: !configured.layers.is_empty(),
        },
        variables: configured.environment,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use aws_sdk_lambda::types::{
        Architecture, EnvironmentError, EnvironmentResponse, Layer, Runtime,
    };

    use super::*;

    #[test]
    fn what_a_package_must_fit_is_what_lambda_says_of_the_function() {
        let variables = EnvironmentResponse::builder().variables("TABLE", "orders");
        let found = GetFunctionConfigurationOutput::builder()
            .architectures(Architecture::Arm64)
            .handler("index.handler")
            .runtime(Runtime::from("nodejs99.x"))
            .layers(Layer::builder().arn("arn:layer:1").build())
            .environment(variables.build());
        let live = live(&found.build());
        let expected = Fitting {
            architecture: Some("arm64".to_owned()),
            handler: Some("index.handler".to_owned()),
            runtime: Some("nodejs99.x".to_owned()),
            has_layers: true,
        };
        assert_eq!(live.fitting, expected);
        let variables = BTreeMap::from([("TABLE".to_owned(), "orders".to_owned())]);
        assert_eq!(live.variables, Some(variables));
    }

    #[test]
    fn variables_that_lambda_can_not_decrypt_are_not_taken_for_none() {
        let error = EnvironmentError::builder().error_code("AccessDeniedException");
        let sealed = EnvironmentResponse::builder().error(error.build());
        let found = GetFunctionConfigurationOutput::builder().environment(sealed.build());
        assert_eq!(live(&found.build()).variables, None);
        let none = GetFunctionConfigurationOutput::builder().build();
        assert_eq!(live(&none).variables, Some(BTreeMap::new()));
    }
}
