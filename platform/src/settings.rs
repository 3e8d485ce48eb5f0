//! Environment settings from Parameter Store, at `/sluice/<application>/<environment>`.

use std::collections::BTreeSet;

use aws_config::SdkConfig;
use aws_sdk_ssm::Client;
use serde::Deserialize;
use serde::de::IgnoredAny;
use sluice_domain::document::{Document as _, Invalid};
use sluice_domain::path::Place;
use sluice_domain::preview::is_name;
use sluice_domain::settings::Settings;

use crate::fault::Fault;

/// An advanced parameter holds this many bytes.
/// Source: AWS Systems Manager, "Managing parameter tiers".
pub(crate) const LARGEST: usize = 8192;

/// Why settings can't be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// Nobody wrote them.
    #[error("there is no parameter {}; {}", .0, advice(.0))]
    Missing(String),
    /// They are wrong.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// They are too large to be written.
    #[error("{name} would have {size} bytes; Parameter Store holds {LARGEST} at most")]
    TooLarge {
        /// The parameter.
        name: String,
        /// How large they are.
        size: usize,
    },
    /// Parameter Store failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// What to do about a parameter that is missing.
fn advice(parameter: &str) -> &'static str {
    let (_, environment) = parameter.rsplit_once('/').unwrap_or_default();
    if is_name(environment) {
        "the preview was removed: release it again"
    } else {
        "write it with `sluice env put`"
    }
}

/// Whether a document is a preview's, valid or not: a preview that can't be read must
/// keep no release from its path.
#[must_use]
pub fn is_preview(text: &str) -> bool {
    #[derive(Deserialize)]
    struct Marked {
        #[serde(default)]
        preview_of: Option<IgnoredAny>,
    }
    serde_json::from_str::<Marked>(text).is_ok_and(|marked| marked.preview_of.is_some())
}

/// Reads settings.
#[derive(Clone)]
pub struct SettingsReader {
    client: Client,
}

/// A preview: its application, its name and its settings.
pub type Preview = (String, String, Result<Settings, Invalid>);

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

    /// The settings of one environment, if there are any.
    ///
    /// # Errors
    /// When they are wrong, or Parameter Store fails.
    pub async fn find(
        &self,
        application: &str,
        environment: &str,
    ) -> Result<Option<Settings>, SettingsError> {
        match self.read(application, environment).await {
            Ok(settings) => Ok(Some(settings)),
            Err(SettingsError::Missing(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The environments of an application's path, in order. Previews are no part of it.
    ///
    /// # Errors
    /// When one of them is wrong, two have the same place, or Parameter Store fails.
    pub async fn path(&self, application: &str) -> Result<Vec<(String, Settings)>, SettingsError> {
        let folder = format!("/sluice/{application}");
        let mut found = Vec::new();
        for (name, text) in self.documents(&folder, false).await? {
            if is_preview(&text) {
                continue;
            }
            let environment = name.rsplit('/').next().unwrap_or_default().to_owned();
            found.push((environment, Settings::parse(&name, text.as_bytes())?));
        }
        found.sort_by_key(|(_, settings)| settings.order);
        check_order(&folder, &found)?;
        Ok(found)
    }

    /// The names of all applications, in order.
    ///
    /// # Errors
    /// When Parameter Store fails.
    pub async fn applications(&self) -> Result<Vec<String>, Fault> {
        let documents = self.documents("/sluice", true).await?;
        let places = documents.iter().filter_map(|(name, _)| {
            let place = name.strip_prefix("/sluice/")?;
            Some(place.split_once('/')?.0.to_owned())
        });
        let names: BTreeSet<String> = places.collect();
        Ok(names.into_iter().collect())
    }

    /// The previews of all applications, each by application and name.
    ///
    /// # Errors
    /// When Parameter Store fails.
    pub async fn previews(&self) -> Result<Vec<Preview>, Fault> {
        let mut found = Vec::new();
        for (name, text) in self.documents("/sluice", true).await? {
            let place = name.strip_prefix("/sluice/");
            let place = place.and_then(|place| place.split_once('/'));
            if let Some((application, environment)) = place.filter(|_| is_preview(&text)) {
                let settings = Settings::parse(&name, text.as_bytes());
                found.push((application.to_owned(), environment.to_owned(), settings));
            }
        }
        Ok(found)
    }

    /// All documents in a folder, or also below it, with their names.
    async fn documents(&self, folder: &str, below: bool) -> Result<Vec<(String, String)>, Fault> {
        let request = self.client.get_parameters_by_path().path(folder);
        let request = request.recursive(below).with_decryption(true);
        let mut pages = request.into_paginator().send();
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| {
                Fault::new(format!("ssm:GetParametersByPath of {folder}"), error)
            })?;
            found.extend(page.parameters.into_iter().flatten().map(|parameter| {
                let name = parameter.name.unwrap_or_default();
                (name, parameter.value.unwrap_or_default())
            }));
        }
        Ok(found)
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_are_gone_say_what_to_do() {
        let said = |environment| SettingsError::Missing(parameter("shop", environment)).to_string();
        assert!(
            said("pr-7").ends_with("/sluice/shop/pr-7; the preview was removed: release it again")
        );
        assert!(said("prod").ends_with("write it with `sluice env put`"));
    }

    #[test]
    fn a_preview_is_told_from_an_environment_of_the_path_also_where_it_is_damaged() {
        let preview = r#"{"schema": 9, "preview_of": {"environment": "dev"}}"#;
        assert!(is_preview(preview));
        let environment = r#"{"schema": 1, "preview": {}, "preview_of": null}"#;
        assert!(!is_preview(environment) && !is_preview("preview_of") && !is_preview(""));
    }
}
