//! Aliases through Lambda, records through the state table, facts through `record`.

use aws_config::SdkConfig;
use aws_sdk_lambda::Client;
use aws_sdk_lambda::types::AliasRoutingConfiguration;
use sluice_domain::alias::{Alias, Routing};
use sluice_domain::journal::{Entry, Journal, Versions};
use sluice_domain::plan::Plan;
use sluice_domain::promotion::{Generation, PromotionId};
use sluice_domain::settings::Role;
use sluice_platform::aws::config_for;
use sluice_platform::fault::Fault;
use sluice_platform::ledger::Ledger;
use sluice_platform::store::{Part, Store, StoreError};

use crate::{Account, Aliases, Fact, Record, Records, WriteError};

/// Opens Lambda in this account, or in another through a role.
pub struct Accounts {
    config: SdkConfig,
    own: Client,
}

impl Accounts {
    /// Builds the client for this account once.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self {
            config: config.clone(),
            own: Client::new(config),
        }
    }
}

impl Account for Accounts {
    type Aliases = LambdaAliases;

    async fn open(&self, role: Option<&Role>, promotion: &PromotionId) -> LambdaAliases {
        match role {
            None => LambdaAliases(self.own.clone()),
            Some(_) => LambdaAliases(Client::new(
                &config_for(&self.config, role, &promotion.to_string()).await,
            )),
        }
    }
}

/// Aliases of one account.
pub struct LambdaAliases(Client);

fn operation(action: &str, entry: &Entry) -> String {
    format!("lambda:{action} of {}:{}", entry.name, entry.alias)
}

impl Aliases for LambdaAliases {
    async fn read(&self, entry: &Entry) -> Result<Option<Alias>, Fault> {
        let request = self
            .0
            .get_alias()
            .function_name(&entry.name)
            .name(&entry.alias);
        match request.send().await {
            Ok(alias) => {
                let weights = alias
                    .routing_config()
                    .and_then(|routing| routing.additional_version_weights());
                Ok(Some(Alias {
                    routing: Routing {
                        version: alias.function_version().unwrap_or_default().to_owned(),
                        weights: weights
                            .into_iter()
                            .flatten()
                            .map(|(v, w)| (v.clone(), *w))
                            .collect(),
                    },
                    revision: alias.revision_id().unwrap_or_default().to_owned(),
                }))
            }
            Err(error) => {
                let fault = Fault::new(operation("GetAlias", entry), error);
                if fault.is("ResourceNotFoundException") {
                    Ok(None)
                } else {
                    Err(fault)
                }
            }
        }
    }

    async fn write(
        &self,
        entry: &Entry,
        routing: &Routing,
        revision: Option<&str>,
        why: &str,
    ) -> Result<String, WriteError> {
        let weights = AliasRoutingConfiguration::builder()
            .set_additional_version_weights(Some(routing.weights.clone().into_iter().collect()))
            .build();
        let (written, fault) = match revision {
            Some(revision) => {
                let request = self
                    .0
                    .update_alias()
                    .function_name(&entry.name)
                    .name(&entry.alias)
                    .function_version(&routing.version)
                    .routing_config(weights)
                    .description(why)
                    .revision_id(revision);
                match request.send().await {
                    Ok(alias) => (alias.revision_id, None),
                    Err(error) => (
                        None,
                        Some(Fault::new(operation("UpdateAlias", entry), error)),
                    ),
                }
            }
            None => {
                let request = self
                    .0
                    .create_alias()
                    .function_name(&entry.name)
                    .name(&entry.alias)
                    .function_version(&routing.version)
                    .description(why);
                match request.send().await {
                    Ok(alias) => (alias.revision_id, None),
                    Err(error) => (
                        None,
                        Some(Fault::new(operation("CreateAlias", entry), error)),
                    ),
                }
            }
        };
        match fault {
            None => Ok(written.unwrap_or_default()),
            Some(fault)
                if fault.is("PreconditionFailedException")
                    || (revision.is_none() && fault.is("ResourceConflictException")) =>
            {
                Err(WriteError::Changed)
            }
            Some(fault) => Err(fault.into()),
        }
    }

    async fn delete(&self, entry: &Entry) -> Result<(), Fault> {
        // Deleting an alias that isn't there succeeds, says Lambda's API reference.
        let request = self
            .0
            .delete_alias()
            .function_name(&entry.name)
            .name(&entry.alias);
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) => {
                let fault = Fault::new(operation("DeleteAlias", entry), error);
                if fault.is("ResourceNotFoundException") {
                    Ok(())
                } else {
                    Err(fault)
                }
            }
        }
    }
}

/// The promotion's record in the state table.
pub struct Table(pub Store);

impl Records for Table {
    async fn journal(&self, id: &PromotionId) -> Result<Option<Journal>, StoreError> {
        self.0.part(id, Part::Journal).await
    }

    async fn begun(&self, id: &PromotionId) -> Result<(Plan, Versions), StoreError> {
        Ok((
            self.0.required_part(id, Part::Plan).await?,
            self.0.required_part(id, Part::Versions).await?,
        ))
    }

    async fn save(
        &self,
        id: &PromotionId,
        generation: Generation,
        journal: &Journal,
    ) -> Result<(), StoreError> {
        self.0
            .put_part_fenced(id, generation, Part::Journal, journal)
            .await
    }
}

impl Record for Ledger {
    async fn record(&self, id: &PromotionId, fact: Fact) -> Result<(), Fault> {
        self.append(id, fact.kind, &fact.key, fact.facts)
            .await
            .map(|_| ())
    }
}
