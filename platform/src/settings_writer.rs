//! Environment settings in Parameter Store, written and deleted.

use aws_config::SdkConfig;
use aws_sdk_ssm::Client;
use aws_sdk_ssm::types::{ParameterTier, ParameterType};

use sluice_domain::settings::Settings;

use crate::fault::Fault;
use crate::settings::{LARGEST, SettingsError, parameter};

/// A standard parameter holds this many bytes.
/// Source: AWS Systems Manager, "Managing parameter tiers".
const STANDARD: usize = 4096;

/// Writes settings.
#[derive(Clone)]
pub struct SettingsWriter {
    client: Client,
}

impl SettingsWriter {
    /// Builds the client.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self {
            client: Client::new(config),
        }
    }

    /// Writes the settings of one environment over those that are there, and answers the
    /// parameter's version.
    ///
    /// # Errors
    /// When they are too large, or Parameter Store fails.
    pub async fn put(
        &self,
        application: &str,
        environment: &str,
        text: &str,
    ) -> Result<i64, SettingsError> {
        let name = parameter(application, environment);
        let tier = tier(&name, text.len())?;
        let request = self
            .client
            .put_parameter()
            .name(&name)
            .value(text)
            .r#type(ParameterType::String)
            .tier(tier)
            .overwrite(true)
            .description(format!("How releases of {application} enter {environment}"));
        let answer = request
            .send()
            .await
            .map_err(|error| Fault::new(format!("ssm:PutParameter of {name}"), error))?;
        Ok(answer.version())
    }

    /// Writes settings that Sluice made.
    ///
    /// # Errors
    /// As [`Self::put`].
    pub async fn write(
        &self,
        application: &str,
        environment: &str,
        settings: &Settings,
    ) -> Result<i64, SettingsError> {
        let operation = || format!("writing {}", parameter(application, environment));
        let text =
            serde_json::to_string(settings).map_err(|error| Fault::other(operation(), error))?;
        self.put(application, environment, &text).await
    }

    /// Deletes the settings of one environment. That there are none is no error.
    ///
    /// # Errors
    /// When Parameter Store fails.
    pub async fn delete(&self, application: &str, environment: &str) -> Result<(), Fault> {
        let name = parameter(application, environment);
        match self.client.delete_parameter().name(&name).send().await {
            Ok(_) => Ok(()),
            Err(error) => match Fault::new(format!("ssm:DeleteParameter of {name}"), error) {
                gone if gone.is("ParameterNotFound") => Ok(()),
                fault => Err(fault),
            },
        }
    }
}

fn tier(name: &str, size: usize) -> Result<ParameterTier, SettingsError> {
    if size > LARGEST {
        return Err(SettingsError::TooLarge {
            name: name.to_owned(),
            size,
        });
    }
    Ok(if size > STANDARD {
        ParameterTier::Advanced
    } else {
        ParameterTier::Standard
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_do_not_fit_a_standard_parameter_become_an_advanced_one() {
        assert_eq!(tier("/x", 4096).expect("fits"), ParameterTier::Standard);
        assert_eq!(tier("/x", 4097).expect("fits"), ParameterTier::Advanced);
        let error = tier("/x", 8193).expect_err("too large").to_string();
        assert!(
            error.contains("8193 bytes; Parameter Store holds 8192"),
            "{error}"
        );
    }
}
