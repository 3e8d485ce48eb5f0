//! A manifest that names a preview goes into that preview alone, whose settings are
//! written as its release starts.

use std::future::Future;

use jiff::Timestamp;
use sluice_domain::manifest::Manifest;
use sluice_domain::may::Deed;
use sluice_domain::preview::{self, NotPreviewed, PreviewOf};
use sluice_domain::settings::Settings;
use sluice_platform::settings::SettingsError;

use crate::request::{To, Wanted};
use crate::{Attempts, Bundles, Catalogue, Error, Intake, Machine, Record};

/// The settings of previews, and of what they are derived from.
pub trait Previews {
    /// The environments of an application's path, with all that their settings say.
    /// Reads only.
    fn environments(
        &self,
        application: &str,
    ) -> impl Future<Output = Result<Vec<(String, Settings)>, SettingsError>>;

    /// The settings under a preview's name, if there are any. Reads only.
    fn settings_of(
        &self,
        application: &str,
        preview: &str,
    ) -> impl Future<Output = Result<Option<Settings>, SettingsError>>;

    /// Writes the settings of a preview over those that are there. Safe to repeat.
    fn write(
        &self,
        application: &str,
        preview: &str,
        settings: &Settings,
    ) -> impl Future<Output = Result<(), SettingsError>>;
}

impl<B: Bundles, C: Catalogue, A: Attempts, M: Machine, L: Record> Intake<B, C, A, M, L> {
    /// Looks whether the release may become the preview that its manifest names, and says
    /// how that is called and when it goes. Writes nothing.
    pub(crate) async fn admit_to_preview(
        &self,
        name: &str,
        wanted: &Wanted,
        manifest: &Manifest,
        now: Timestamp,
    ) -> Result<String, Error> {
        for environment in elsewhere(&wanted.to) {
            preview::is_at_its_place(manifest, environment)?;
        }
        let settings = self.derived(name, manifest, now).await?;
        let principal = wanted.principal.as_ref();
        settings.may.allow(Deed::Start, name, principal)?;
        let expires_at = settings.preview_of.map(|preview| preview.expires_at);
        Ok(format!(
            "Call it at the alias `{name}` of its functions. It is removed at {} unless it is released again",
            expires_at.unwrap_or(now)
        ))
    }

    /// Writes the settings of the preview that a manifest names, which lets it live for
    /// longer, and takes back a removal that was begun.
    pub(crate) async fn refresh_preview(
        &self,
        manifest: &Manifest,
        now: Timestamp,
    ) -> Result<(), Error> {
        let Some(name) = &manifest.preview else {
            return Ok(());
        };
        let settings = self.derived(name, manifest, now).await?;
        let write = self.catalogue.write(&manifest.application, name, &settings);
        Ok(write.await?)
    }

    /// The settings that a preview gets. Settings that people made under its name are
    /// never written over, nor those of a preview on other functions.
    async fn derived(
        &self,
        name: &str,
        manifest: &Manifest,
        now: Timestamp,
    ) -> Result<Settings, Error> {
        let application = &manifest.application;
        let environments = self.catalogue.environments(application).await?;
        let (base, settings, rules) = preview::base(application, &environments)?;
        rules.admit(base, manifest)?;
        let there = self.catalogue.settings_of(application, name).await?;
        if let Some(there) = there {
            refuse_unless_of(base, application, name, there.preview_of)?;
        }
        let wanted = preview::Wanted {
            name,
            base,
            rules,
            branch: manifest.branch.as_deref(),
        };
        Ok(preview::derive(wanted, settings, now))
    }
}

/// The environments that a request names.
fn elsewhere(to: &To) -> &[String] {
    match to {
        To::Path => &[],
        To::From(environment) => std::slice::from_ref(environment),
        To::Only(environments) => environments,
    }
}

fn refuse_unless_of(
    base: &str,
    application: &str,
    name: &str,
    there: Option<PreviewOf>,
) -> Result<(), NotPreviewed> {
    let (application, name) = (application.to_owned(), name.to_owned());
    match there {
        None => Err(NotPreviewed::Taken { application, name }),
        Some(there) if there.environment != base => Err(NotPreviewed::Elsewhere {
            application,
            name,
            found: there.environment,
            expected: base.to_owned(),
        }),
        Some(_) => Ok(()),
    }
}
