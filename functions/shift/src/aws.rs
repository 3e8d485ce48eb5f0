//! Aliases through Lambda, deployments through CodeDeploy, records through the state
//! table, facts through `record`.

mod codedeploy;

use aws_config::SdkConfig;
use aws_sdk_lambda::Client;
use aws_sdk_lambda::types::AliasRoutingConfiguration;
use sluice_domain::alias::{Alias, Routing};
use sluice_domain::journal::{Entry, Journal, Versions};
use sluice_domain::plan::Plan;
use sluice_domain::promotion::{Generation, PromotionId};
use sluice_domain::settings::Role;
use sluice_platform::aliases;
use sluice_platform::aws::PerAccount;
use sluice_platform::fault::Fault;
use sluice_platform::function;
use sluice_platform::ledger::Ledger;
use sluice_platform::pace::paced;
use sluice_platform::store::{Part, Store, StoreError};

pub use codedeploy::CodeDeploy;

use crate::{Account, Aliases, Fact, Record, Records, WriteError};

/// The accounts that environments live in.
pub struct Accounts {
    aliases: PerAccount<LambdaAliases>,
    codedeploy: CodeDeploy,
}

impl Accounts {
    /// Builds this account's clients once.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self {
            aliases: PerAccount::new(&paced(config), LambdaAliases::new),
            codedeploy: CodeDeploy::new(&paced(config)),
        }
    }
}

impl Account for Accounts {
    type Aliases = LambdaAliases;
    type Deployments = CodeDeploy;

    async fn deployments(&self) -> CodeDeploy {
        self.codedeploy.clone()
    }

    async fn open(&self, role: Option<&Role>, promotion: &PromotionId) -> LambdaAliases {
        self.aliases.of(role, promotion).await
    }
}

/// Aliases of one account.
#[derive(Clone)]
pub struct LambdaAliases(Client);

impl LambdaAliases {
    /// Through Lambda in the account that the configuration opens.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self(Client::new(config))
    }
}

/// Whether a refused write says that the alias is not what was read: another
/// revision or none at all where one was, and one where there was none.
fn tells_of_a_change(fault: &Fault, was_there: bool) -> bool {
    fault.is("PreconditionFailedException")
        || fault.is(if was_there {
            "ResourceNotFoundException"
        } else {
            "ResourceConflictException"
        })
}

fn operation(action: &str, entry: &Entry) -> String {
    format!("lambda:{action} of {}:{}", entry.name, entry.alias)
}

impl Aliases for LambdaAliases {
    async fn read(&self, entry: &Entry) -> Result<Option<Alias>, Fault> {
        function::alias(&self.0, &entry.name, &entry.alias).await
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
            Some(fault) if tells_of_a_change(&fault, revision.is_some()) => {
                Err(WriteError::Changed)
            }
            Some(fault) => Err(fault.into()),
        }
    }

    async fn delete(&self, entry: &Entry) -> Result<(), Fault> {
        aliases::delete(&self.0, &entry.name, &entry.alias).await
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_that_somebody_deleted_or_created_meanwhile_is_a_change() {
        let fault = |code: &str| Fault {
            operation: "lambda:UpdateAlias of cart:live".to_owned(),
            code: Some(code.to_owned()),
            message: String::new(),
        };
        let gone = fault("ResourceNotFoundException");
        assert!(tells_of_a_change(&gone, true) && !tells_of_a_change(&gone, false));
        let there = fault("ResourceConflictException");
        assert!(tells_of_a_change(&there, false) && !tells_of_a_change(&there, true));
        assert!(tells_of_a_change(
            &fault("PreconditionFailedException"),
            true
        ));
        assert!(!tells_of_a_change(&fault("TooManyRequestsException"), true));
    }
}
