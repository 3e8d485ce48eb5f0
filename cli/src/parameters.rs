//! Environment settings in Parameter Store, as text: reading all, writing one.

use aws_config::SdkConfig;
use aws_sdk_ssm::Client;
use sluice_platform::fault::Fault;
use sluice_platform::settings::{SettingsError, parameter};
use sluice_platform::settings_writer::SettingsWriter;

use crate::amend::Versions;
use crate::error::{Error, Result};

/// Settings as they are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The application.
    pub application: String,
    /// The environment.
    pub environment: String,
    /// The document.
    pub text: String,
    /// The parameter's version.
    pub version: i64,
}

/// All settings, or those of one application, by name.
///
/// # Errors
/// When Parameter Store fails.
pub async fn list(config: &SdkConfig, application: Option<&str>) -> Result<Vec<Stored>> {
    let folder = application.map_or_else(
        || "/sluice".to_owned(),
        |application| format!("/sluice/{application}"),
    );
    let request = Client::new(config)
        .get_parameters_by_path()
        .path(&folder)
        .recursive(true)
        .with_decryption(true);
    let mut pages = request.into_paginator().send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page
            .map_err(|error| Fault::new(format!("ssm:GetParametersByPath of {folder}"), error))?;
        found.extend(page.parameters().iter().filter_map(|parameter| {
            let (application, environment) = parameter
                .name()?
                .strip_prefix("/sluice/")?
                .split_once('/')?;
            Some(Stored {
                application: application.to_owned(),
                environment: environment.to_owned(),
                text: parameter.value().unwrap_or_default().to_owned(),
                version: parameter.version(),
            })
        }));
    }
    found.sort_by(|one, two| {
        (&one.application, &one.environment).cmp(&(&two.application, &two.environment))
    });
    Ok(found)
}

/// The settings of one environment.
///
/// # Errors
/// When there are none, or Parameter Store fails.
pub async fn get(config: &SdkConfig, application: &str, environment: &str) -> Result<Stored> {
    let missing = || {
        let name = parameter(application, environment);
        Error::Absent(format!(
            "there is no parameter {name}; write it with `sluice env put {application} {environment} FILE`"
        ))
    };
    let found = find(config, application, environment).await?;
    found.ok_or_else(missing)
}

/// The settings of one environment, if there are any.
///
/// # Errors
/// When Parameter Store fails.
pub async fn find(
    config: &SdkConfig,
    application: &str,
    environment: &str,
) -> Result<Option<Stored>> {
    let mut found = list(config, Some(application)).await?.into_iter();
    Ok(found.find(|stored| stored.environment == environment))
}

/// Writes the settings of one environment, and answers the parameter's version.
///
/// # Errors
/// When they are too large, or Parameter Store fails.
pub async fn put(
    config: &SdkConfig,
    application: &str,
    environment: &str,
    text: &str,
) -> Result<i64> {
    let writer = SettingsWriter::new(config);
    let written = writer.put(application, environment, text).await;
    written.map_err(|error| match error {
        too_large @ SettingsError::TooLarge { .. } => Error::Usage(too_large.to_string()),
        error => error.into(),
    })
}

/// One environment's settings, version by version.
pub struct History<'a> {
    /// The way to Parameter Store.
    pub config: &'a SdkConfig,
    /// The application.
    pub application: &'a str,
    /// The environment.
    pub environment: &'a str,
}

impl Versions for History<'_> {
    async fn put(&self, text: &str) -> Result<i64> {
        put(self.config, self.application, self.environment, text).await
    }

    async fn at(&self, version: i64) -> Result<String> {
        let name = parameter(self.application, self.environment);
        let request = Client::new(self.config)
            .get_parameter()
            .name(format!("{name}:{version}"))
            .with_decryption(true);
        let answer = request.send().await.map_err(|error| {
            let tried = format!(
                "ssm:GetParameter of {name}:{version}, which somebody else wrote and this command overwrote,"
            );
            Fault::new(tried, error)
        })?;
        let found = answer.parameter().and_then(|found| found.value());
        Ok(found.unwrap_or_default().to_owned())
    }
}
