//! Settings of environments and previews, as Parameter Store has them.

use sluice_domain::document::Document as _;
use sluice_domain::path::Place;
use sluice_domain::settings::Settings;
use sluice_platform::fault::Fault;
use sluice_platform::settings::{SettingsError, is_preview};

use super::*;

impl Previews for &World {
    async fn environments(
        &self,
        application: &str,
    ) -> Result<Vec<(String, Settings)>, SettingsError> {
        self.fail_if_told("path")?;
        let mut path = Vec::new();
        for ((owner, environment), settings) in self.settings.borrow().iter() {
            let text = settings.to_string();
            if owner == application && !is_preview(&text) {
                let name = format!("/sluice/{owner}/{environment}");
                path.push((
                    environment.clone(),
                    Settings::parse(&name, text.as_bytes())?,
                ));
            }
        }
        path.sort_by_key(|(_, settings)| settings.order);
        Ok(path)
    }

    async fn settings_of(
        &self,
        application: &str,
        preview: &str,
    ) -> Result<Option<Settings>, SettingsError> {
        self.fail_if_told("settings_of")?;
        let found = self.document(application, preview);
        let parse = |found: Value| Settings::parse(preview, found.to_string().as_bytes());
        Ok(found.map(parse).transpose()?)
    }

    async fn write(
        &self,
        application: &str,
        preview: &str,
        settings: &Settings,
    ) -> Result<(), SettingsError> {
        self.fail_if_told("write")?;
        self.set(
            application,
            preview,
            &serde_json::to_value(settings).expect("JSON"),
        );
        Ok(())
    }
}

impl Catalogue for &World {
    async fn path(&self, application: &str) -> Result<Vec<Place>, SettingsError> {
        let path = self.environments(application).await?.into_iter();
        let place = |(environment, settings): (String, Settings)| Place {
            environment,
            entry: settings.entry,
            may: settings.may,
        };
        Ok(path.map(place).collect())
    }

    async fn application_of(&self, repository: &str) -> Result<Option<String>, Fault> {
        self.fail_if_told("application_of")?;
        Ok((repository == "storefront/checkout").then(|| "storefront".to_owned()))
    }
}
