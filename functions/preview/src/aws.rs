//! Settings through Parameter Store, locks and journals through the state table, aliases
//! through Lambda, facts through `record`.

use aws_config::SdkConfig;
use aws_sdk_lambda::Client;
use serde_json::Value;
use sluice_domain::alias::{Alias, Routing};
use sluice_domain::journal::Journal;
use sluice_domain::ledger::Kind;
use sluice_domain::preview::removal::is_into;
use sluice_domain::promotion::Promotion;
use sluice_domain::settings::{Role, Settings};
use sluice_platform::aliases;
use sluice_platform::aws::PerAccount;
use sluice_platform::fault::Fault;
use sluice_platform::function;
use sluice_platform::ledger::Ledger;
use sluice_platform::pace::paced;
use sluice_platform::session::Session;
use sluice_platform::settings::{SettingsError, SettingsReader};
use sluice_platform::settings_writer::SettingsWriter;
use sluice_platform::store::{Part, Store, StoreError};

use crate::{Documents, Functions, Kept, Open, PreviewName, Promotions, Record};

/// Settings in Parameter Store.
pub struct Parameters {
    reader: SettingsReader,
    writer: SettingsWriter,
}

impl Parameters {
    /// Builds the clients.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self {
            reader: SettingsReader::new(config),
            writer: SettingsWriter::new(config),
        }
    }
}

impl Documents for Parameters {
    async fn previews(&self) -> Result<Vec<Kept>, SettingsError> {
        let all = self.reader.previews().await?.into_iter();
        let readable = all.filter_map(|(application, preview, settings)| match settings {
            Ok(settings) => Some(Kept {
                named: PreviewName {
                    application,
                    preview,
                },
                settings,
            }),
            Err(error) => {
                tracing::error!(%error, "a preview that can't be read stays");
                None
            }
        });
        Ok(readable.collect())
    }

    async fn find(&self, named: &PreviewName) -> Result<Option<Settings>, SettingsError> {
        self.reader.find(&named.application, &named.preview).await
    }

    async fn write(&self, named: &PreviewName, settings: &Settings) -> Result<(), SettingsError> {
        let PreviewName {
            application,
            preview,
        } = named;
        let written = self.writer.write(application, preview, settings).await;
        written.map(|_| ())
    }

    async fn delete(&self, named: &PreviewName) -> Result<(), Fault> {
        self.writer.delete(&named.application, &named.preview).await
    }
}

/// Locks and promotions in the state table.
pub struct Table(pub Store);

impl Promotions for Table {
    async fn holder(&self, arn: &str) -> Result<Option<String>, StoreError> {
        self.0.holder(arn).await
    }

    async fn journals(&self, named: &PreviewName) -> Result<Vec<Journal>, StoreError> {
        let mut journals = Vec::new();
        for (Promotion { id, .. }, _) in self.0.promotions_of(&named.application).await? {
            if is_into(&id, &named.application, &named.preview) {
                journals.extend(self.0.part(&id, Part::Journal).await?);
            }
        }
        Ok(journals)
    }
}

impl Open for PerAccount<Account> {
    type Account = Account;

    async fn open(&self, role: Option<&Role>, named: &PreviewName) -> Account {
        let session = Session::in_environment(&named.application, &named.preview);
        self.of(role, session).await
    }
}

/// The functions of one account.
#[derive(Clone)]
pub struct Account(Client);

impl Account {
    /// Through Lambda in the account that the configuration opens.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self(Client::new(&paced(config)))
    }
}

impl Functions for Account {
    async fn arn(&self, function: &str) -> Result<Option<String>, Fault> {
        function::arn(&self.0, function).await
    }

    async fn alias(&self, function: &str, alias: &str) -> Result<Option<Alias>, Fault> {
        function::alias(&self.0, function, alias).await
    }

    async fn aliases(&self, function: &str) -> Result<Vec<(String, Routing)>, Fault> {
        aliases::list(&self.0, function).await
    }

    async fn unprovision(&self, function: &str, qualifier: &str) -> Result<(), Fault> {
        if (function::provisioned(&self.0, function, qualifier).await?).is_none() {
            return Ok(());
        }
        aliases::unprovision(&self.0, function, qualifier).await
    }

    async fn delete(&self, function: &str, alias: &str) -> Result<(), Fault> {
        aliases::delete(&self.0, function, alias).await
    }
}

impl Record for Ledger {
    async fn record(&self, chain: &str, kind: Kind, key: &str, facts: Value) -> Result<(), Fault> {
        self.append_to(chain, kind, key, facts).await.map(|_| ())
    }
}
