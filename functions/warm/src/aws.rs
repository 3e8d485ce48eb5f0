//! Versions through Lambda, records through the state table, facts through `record`.

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_sdk_lambda::Client;
use aws_sdk_lambda::operation::get_provisioned_concurrency_config::GetProvisionedConcurrencyConfigOutput;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{FunctionConfiguration, ProvisionedConcurrencyStatusEnum};
use serde_json::Value;
use sluice_domain::alias::Routing;
use sluice_domain::ledger::Kind;
use sluice_domain::migrations::{Restoring, Stopped};
use sluice_domain::promotion::{Generation, PromotionId};
use sluice_domain::settings::Role;
use sluice_domain::versions::{CodeStorage, Listed, Provisions};
use sluice_platform::aliases;
use sluice_platform::aws::PerAccount;
use sluice_platform::fault::Fault;
use sluice_platform::function;
use sluice_platform::ledger::Ledger;
use sluice_platform::pace::paced;
use sluice_platform::store::{Part, Store, StoreError};

use crate::{
    Allocation, Calls, Catalogue, Open, Provisioned, Provisioning, Record, Records, Reserving,
    State, Stops, Work,
};

impl Open for PerAccount<Account> {
    type Account = Account;

    async fn open(&self, role: Option<&Role>, promotion: &PromotionId) -> Account {
        self.of(role, promotion).await
    }
}

/// The functions of one account.
#[derive(Clone)]
pub struct Account {
    /// For all that the control plane answers.
    control: Client,
    /// For calls, which have a rate of their own.
    calls: Client,
}

impl Account {
    /// Through Lambda in the account that the configuration opens.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self {
            control: Client::new(&paced(config)),
            calls: Client::new(config),
        }
    }
}

fn operation(action: &str, function: &str, version: impl std::fmt::Display) -> String {
    format!("lambda:{action} of {function}:{version}")
}

impl Calls for Account {
    async fn state(&self, function: &str, version: &str) -> Result<State, Fault> {
        let found = function::find(&self.control, function, Some(version)).await?;
        let gone = || {
            Fault::other(
                operation("GetFunctionConfiguration", function, version),
                "it is gone",
            )
        };
        let found = found.ok_or_else(gone)?;
        Ok(match found.state() {
            Some(aws_sdk_lambda::types::State::Inactive) => State::Inactive,
            Some(aws_sdk_lambda::types::State::Pending) => State::Pending,
            Some(aws_sdk_lambda::types::State::Failed) => {
                State::Failed(found.state_reason().unwrap_or("no reason named").to_owned())
            }
            _ => State::Active,
        })
    }

    async fn call(&self, function: &str, version: &str, payload: &Value) -> Result<(), String> {
        let request = self
            .calls
            .invoke()
            .function_name(function)
            .qualifier(version)
            .payload(Blob::new(payload.to_string()));
        let answer = request.send().await.map_err(|error| {
            Fault::new(operation("Invoke", function, version), error).to_string()
        })?;
        if answer.function_error().is_none() {
            return Ok(());
        }
        let said = answer.payload().map(Blob::as_ref).unwrap_or_default();
        Err(Fault::of_function("the call", said).to_string())
    }
}

impl Provisioning for Account {
    async fn provisioned(
        &self,
        function: &str,
        version: &str,
    ) -> Result<Option<Provisioned>, Fault> {
        let found = function::provisioned(&self.control, function, version).await?;
        Ok(found.as_ref().map(provisioned))
    }

    async fn provision(&self, function: &str, version: &str, executions: u32) -> Result<(), Fault> {
        let executions = i32::try_from(executions).unwrap_or(i32::MAX);
        let request = self
            .control
            .put_provisioned_concurrency_config()
            .function_name(function)
            .qualifier(version)
            .provisioned_concurrent_executions(executions);
        let operation = || operation("PutProvisionedConcurrencyConfig", function, version);
        let answer = request.send().await;
        answer
            .map(drop)
            .map_err(|error| Fault::new(operation(), error))
    }

    async fn unprovision(&self, function: &str, version: &str) -> Result<(), Fault> {
        aliases::unprovision(&self.control, function, version).await
    }
}

fn provisioned(found: &GetProvisionedConcurrencyConfigOutput) -> Provisioned {
    let executions = found.requested_provisioned_concurrent_executions();
    let status = match found.status() {
        Some(ProvisionedConcurrencyStatusEnum::Ready) => Allocation::Ready,
        Some(ProvisionedConcurrencyStatusEnum::Failed) => Allocation::Failed(
            found
                .status_reason()
                .unwrap_or("no reason named")
                .to_owned(),
        ),
        _ => Allocation::InProgress,
    };
    Provisioned {
        executions: executions
            .and_then(|all| u32::try_from(all).ok())
            .unwrap_or_default(),
        status,
    }
}

impl Reserving for Account {
    async fn reserved(&self, function: &str) -> Result<Option<u32>, Fault> {
        let request = self.control.get_function_concurrency();
        let found = request.function_name(function).send().await;
        let found = found.map_err(|error| {
            Fault::new(
                format!("lambda:GetFunctionConcurrency of {function}"),
                error,
            )
        })?;
        let executions = found.reserved_concurrent_executions();
        Ok(executions.and_then(|all| u32::try_from(all).ok()))
    }

    async fn reserve(&self, function: &str, executions: Option<u32>) -> Result<(), Fault> {
        let Some(executions) = executions else {
            let request = self.control.delete_function_concurrency();
            let request = request.function_name(function).customize();
            let done = request.config_override(once()).send().await;
            return done.map(drop).map_err(|error| {
                let operation = format!("lambda:DeleteFunctionConcurrency of {function}");
                Fault::new(operation, error)
            });
        };
        let request = self
            .control
            .put_function_concurrency()
            .function_name(function)
            .reserved_concurrent_executions(i32::try_from(executions).unwrap_or(i32::MAX));
        let request = request.customize().config_override(once());
        let done = request.send().await;
        done.map(drop).map_err(|error| {
            Fault::new(
                format!("lambda:PutFunctionConcurrency of {function}"),
                error,
            )
        })
    }

    async fn longest_call(&self, function: &str) -> Result<Option<u64>, Fault> {
        let all = function::configurations(&self.control, function).await?;
        let longest = all.iter().filter_map(FunctionConfiguration::timeout).max();
        Ok(longest.and_then(|seconds| u64::try_from(seconds).ok()))
    }
}

/// One try: of several, one that got no answer could still come after a later one did.
fn once() -> aws_sdk_lambda::config::Builder {
    aws_sdk_lambda::Config::builder().retry_config(RetryConfig::disabled())
}

impl Catalogue for Account {
    async fn aliases(&self, function: &str) -> Result<Vec<Routing>, Fault> {
        let found = aliases::list(&self.control, function).await?;
        Ok(found.into_iter().map(|(_, routing)| routing).collect())
    }

    async fn versions(&self, function: &str) -> Result<Vec<Listed>, Fault> {
        let found = function::versions(&self.control, function).await?;
        Ok(found.iter().filter_map(listed).collect())
    }

    async fn is_fed(&self, function: &str, version: u64) -> Result<bool, Fault> {
        let request = self
            .control
            .list_event_source_mappings()
            .function_name(format!("{function}:{version}"))
            .max_items(1);
        let operation = || operation("ListEventSourceMappings", function, version);
        let found = request
            .send()
            .await
            .map_err(|error| Fault::new(operation(), error))?;
        Ok(!found.event_source_mappings().is_empty())
    }

    async fn code_storage(&self) -> Result<CodeStorage, Fault> {
        function::code_storage(&self.control).await
    }

    async fn delete(&self, function: &str, version: u64) -> Result<bool, Fault> {
        let request = self
            .control
            .delete_function()
            .function_name(function)
            .qualifier(version.to_string());
        match request.send().await {
            Ok(_) => Ok(true),
            Err(error) => match Fault::new(operation("DeleteFunction", function, version), error) {
                used if used.is("ResourceConflictException") => Ok(false),
                gone if gone.is("ResourceNotFoundException") => Ok(false),
                fault => Err(fault),
            },
        }
    }
}

/// `$LATEST` is none.
fn listed(version: &FunctionConfiguration) -> Option<Listed> {
    Some(Listed {
        number: version.version()?.parse().ok()?,
        description: version.description().unwrap_or_default().to_owned(),
    })
}

/// The promotion's record in the state table.
pub struct Table(pub Store);

impl Records for Table {
    async fn work(&self, id: &PromotionId) -> Result<Option<Work>, StoreError> {
        let Some(plan) = self.0.part(id, Part::Plan).await? else {
            return Ok(None);
        };
        Ok(Some(Work {
            plan,
            versions: self.0.part(id, Part::Versions).await?,
            journal: self.0.part(id, Part::Journal).await?,
            provisions: self.0.part(id, Part::Provisions).await?,
        }))
    }

    async fn check_fence(
        &self,
        id: &PromotionId,
        generation: Generation,
    ) -> Result<(), StoreError> {
        self.0.check_fence(id, generation).await
    }

    async fn save(
        &self,
        id: &PromotionId,
        generation: Generation,
        provisions: &Provisions,
    ) -> Result<(), StoreError> {
        self.0
            .put_part_fenced(id, generation, Part::Provisions, provisions)
            .await
    }
}

impl Stops for Table {
    async fn restoring(&self, id: &PromotionId) -> Result<Option<Restoring>, StoreError> {
        self.0.part(id, Part::Restoring).await
    }

    async fn save_restoring(
        &self,
        id: &PromotionId,
        generation: Generation,
        restoring: &Restoring,
    ) -> Result<(), StoreError> {
        self.0
            .put_first_part_fenced(id, generation, Part::Restoring, restoring)
            .await
    }

    async fn replace_restoring(
        &self,
        id: &PromotionId,
        generation: Generation,
        read_new: (&Restoring, &Restoring),
    ) -> Result<(), StoreError> {
        self.0
            .replace_part_fenced(id, generation, Part::Restoring, read_new)
            .await
    }

    async fn stopped(&self, function: &str) -> Result<Option<Stopped>, StoreError> {
        self.0.stopped(function).await
    }

    async fn save_stopped(
        &self,
        id: &PromotionId,
        generation: Generation,
        noted: (&str, &Stopped),
    ) -> Result<(), StoreError> {
        self.0.save_stopped(id, generation, noted).await
    }
}

impl Record for Ledger {
    async fn record(
        &self,
        id: &PromotionId,
        kind: Kind,
        key: &str,
        facts: Value,
    ) -> Result<(), Fault> {
        self.append(id, kind, key, facts).await.map(|_| ())
    }
}
