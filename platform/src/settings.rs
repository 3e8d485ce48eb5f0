//! Environment settings from Parameter Store, at `/sluice/<application>/<environment>`.

use aws_config::SdkConfig;
use aws_sdk_ssm::Client;
use sluice_domain::document::{Document as _, Invalid};
use sluice_domain::path::Place;
use sluice_domain::settings::Settings;

use crate::fault::Fault;

/// Why settings can't be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// Nobody wrote them.
    #[error("there is no parameter {0}; write it with `sluice env put`")]
    Missing(String),
    /// They are wrong.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// Parameter Store failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Reads settings.
#[derive(Clone)]
pub struct SettingsReader {
    client: Client,
}

/// The name of the parameter that holds an environment's settings.
#[must_use]
pub fn parameter(application: &str, environment: &str) -> String {
    format!("/sluice/{application}/{environment}")
}

impl SettingsReader {
    /// Builds the client.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self {
            client: Client::new(config),
        }
    }

    /// The settings of one environment.
    ///
    /// # Errors
    /// When they are missing or wrong, or Parameter Store fails.
    pub async fn read(
        &self,
        application: &str,
        environment: &str,
    ) -> Result<Settings, SettingsError> {
        let name = parameter(application, environment);
        let answer = self
            .client
            .get_parameter()
            .name(&name)
            .with_decryption(true)
            .send()
            .await
            .map_err(|error| {
                let fault = Fault::new(format!("ssm:GetParameter of {name}"), error);
                if fault.is("ParameterNotFound") {
                    SettingsError::Missing(name.clone())
                } else {
                    fault.into()
                }
            })?;
        let text = answer
            .parameter()
            .and_then(|p| p.value())
            .unwrap_or_default();
        Ok(Settings::parse(&name, text.as_bytes())?)
    }

    /// All environments of an application, in the order of its path.
    ///
    /// # Errors
    /// When one of them is wrong, two have the same place, or Parameter Store fails.
    pub async fn path(&self, application: &str) -> Result<Vec<(String, Settings)>, SettingsError> {
        let folder = format!("/sluice/{application}");
        let mut pages = self
            .client
            .get_parameters_by_path()
            .path(&folder)
            .with_decryption(true)
            .into_paginator()
            .send();
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| {
                Fault::new(format!("ssm:GetParametersByPath of {folder}"), error)
            })?;
            for parameter in page.parameters() {
                let name = parameter.name().unwrap_or_default();
                let environment = name.rsplit('/').next().unwrap_or_default().to_owned();
                let settings =
                    Settings::parse(name, parameter.value().unwrap_or_default().as_bytes())?;
                found.push((environment, settings));
            }
        }
        found.sort_by_key(|(_, settings)| settings.order);
        check_order(&folder, &found)?;
        Ok(found)
    }
}

impl SettingsReader {
    /// The path of an application: its environments in order, each with its rules for
    /// what enters.
    ///
    /// # Errors
    /// As [`Self::path`].
    pub async fn places(&self, application: &str) -> Result<Vec<Place>, SettingsError> {
        let path = self.path(application).await?.into_iter();
        let place = |(environment, settings): (String, Settings)| Place {
            environment,
            entry: settings.entry,
            may: settings.may,
        };
        Ok(path.map(place).collect())
    }
}

fn check_order(folder: &str, path: &[(String, Settings)]) -> Result<(), Invalid> {
    for pair in path.windows(2) {
        if pair[0].1.order == pair[1].1.order {
            let (one, two) = (&pair[0].0, &pair[1].0);
            let problem = format!(
                "`{one}` and `{two}` have the same order {}; expected each place once",
                pair[0].1.order
            );
            return Err(Invalid {
                document: folder.to_owned(),
                problems: vec![sluice_domain::document::Problem::new("order", problem)],
            });
        }
    }
    Ok(())
}
