//! What the function needs of the world.

use std::fmt;
use std::future::Future;

use serde_json::Value;
use sluice_domain::alias::{Alias, Routing};
use sluice_domain::journal::Journal;
use sluice_domain::ledger::Kind;
use sluice_domain::settings::{Role, Settings};
use sluice_platform::fault::Fault;
use sluice_platform::settings::SettingsError;
use sluice_platform::store::StoreError;

/// A preview by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviewName {
    /// The application.
    pub application: String,
    /// The preview.
    pub preview: String,
}

impl fmt::Display for PreviewName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.application, self.preview)
    }
}

/// A preview that is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    /// Which.
    pub named: PreviewName,
    /// Its settings.
    pub settings: Settings,
}

/// The settings of previews.
pub trait Documents {
    /// All previews whose settings can be read. Reads only.
    fn previews(&self) -> impl Future<Output = Result<Vec<Kept>, SettingsError>>;

    /// What stands under a preview's name. None: nothing. Reads only.
    fn find(
        &self,
        named: &PreviewName,
    ) -> impl Future<Output = Result<Option<Settings>, SettingsError>>;

    /// Writes over what is there. Safe to repeat.
    fn write(
        &self,
        named: &PreviewName,
        settings: &Settings,
    ) -> impl Future<Output = Result<(), SettingsError>>;

    /// Deletes. Safe to repeat: that there is nothing is no error.
    fn delete(&self, named: &PreviewName) -> impl Future<Output = Result<(), Fault>>;
}

/// Promotions: what they hold and what they moved.
pub trait Promotions {
    /// The promotion that holds a function, by its ARN, if one does. Reads only.
    fn holder(&self, arn: &str) -> impl Future<Output = Result<Option<String>, StoreError>>;

    /// What each promotion into a preview wrote down before it moved aliases. Reads only.
    fn journals(
        &self,
        named: &PreviewName,
    ) -> impl Future<Output = Result<Vec<Journal>, StoreError>>;
}

/// The accounts that previews live in.
pub trait Open {
    /// One account.
    type Account: Functions;

    /// Opens the account of this role; none: Sluice's own. `session` is what the other
    /// account's log shows.
    fn open(
        &self,
        role: Option<&Role>,
        session: &PreviewName,
    ) -> impl Future<Output = Self::Account>;
}

/// The functions of one account.
pub trait Functions {
    /// A function's ARN. None: there is no such function. Reads only.
    fn arn(&self, function: &str) -> impl Future<Output = Result<Option<String>, Fault>>;

    /// An alias. None: there is none. Reads only.
    fn alias(
        &self,
        function: &str,
        alias: &str,
    ) -> impl Future<Output = Result<Option<Alias>, Fault>>;

    /// All aliases of a function, by name. Reads only.
    fn aliases(
        &self,
        function: &str,
    ) -> impl Future<Output = Result<Vec<(String, Routing)>, Fault>>;

    /// Takes provisioned concurrency off a version or an alias. Safe to repeat: that it
    /// has none is no error.
    fn unprovision(
        &self,
        function: &str,
        qualifier: &str,
    ) -> impl Future<Output = Result<(), Fault>>;

    /// Deletes an alias. Safe to repeat: that there is none is no error.
    fn delete(&self, function: &str, alias: &str) -> impl Future<Output = Result<(), Fault>>;
}

/// What is written down.
pub trait Record {
    /// Records a fact under a key that makes it recognisable within its chain when it is
    /// recorded again.
    fn record(
        &self,
        chain: &str,
        kind: Kind,
        key: &str,
        facts: Value,
    ) -> impl Future<Output = Result<(), Fault>>;
}
