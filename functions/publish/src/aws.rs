//! Functions through Lambda, secrets and parameters through their stores,
//! records through the state table.

use aws_config::SdkConfig;
use aws_sdk_lambda::operation::get_function_configuration::GetFunctionConfigurationOutput;
use aws_sdk_lambda::types::{Environment, LastUpdateStatus, PackageType, State};
use aws_sdk_secretsmanager as secretsmanager;
use serde_json::json;
use sluice_domain::alias::Alias;
use sluice_domain::digest::Digest;
use sluice_domain::journal::Versions;
use sluice_domain::ledger::Kind;
use sluice_domain::manifest::{Configuration, Requires};
use sluice_domain::promotion::{Generation, PromotionId};
use sluice_domain::settings::Role;
use sluice_platform::aws::PerAccount;
use sluice_platform::bundle::BundleReader;
use sluice_platform::fault::Fault;
use sluice_platform::function;
use sluice_platform::ledger::Ledger;
use sluice_platform::pace;
use sluice_platform::store::{Part, Store, StoreError};

use crate::{
    Change, ChangeError, Code, Deployed, Error, Inspect, Open, Record, Records, Status, Work,
};

/// `GetParameters` takes this many names.
const PARAMETERS_AT_ONCE: usize = 10;

impl Open for PerAccount<Account> {
    type Account = Account;

    async fn open(&self, role: Option<&Role>, promotion: &PromotionId) -> Account {
        self.of(role, promotion).await
    }
}

/// The functions of one account, and what their code reads.
#[derive(Clone)]
pub struct Account {
    lambda: aws_sdk_lambda::Client,
    secrets: secretsmanager::Client,
    parameters: aws_sdk_ssm::Client,
}

impl Account {
    /// Through the clients of the account that the configuration opens.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self {
            lambda: aws_sdk_lambda::Client::new(&pace::paced(config)),
            secrets: secretsmanager::Client::new(config),
            parameters: aws_sdk_ssm::Client::new(config),
        }
    }

    /// The digest of a function's image. `GetFunctionConfiguration` has none.
    async fn image(&self, function: &str, version: Option<&str>) -> Result<Option<Digest>, Fault> {
        let request = self
            .lambda
            .get_function()
            .function_name(function)
            .set_qualifier(version.map(str::to_owned));
        let answer = request
            .send()
            .await
            .map_err(|error| Fault::new(format!("lambda:GetFunction of {function}"), error))?;
        let uri = answer
            .code()
            .and_then(|code| code.resolved_image_uri())
            .unwrap_or_default();
        Ok(uri
            .split_once('@')
            .and_then(|(_, digest)| digest.parse().ok()))
    }

    async fn lacks_secret(&self, secret: &str) -> Result<bool, Fault> {
        match self
            .secrets
            .describe_secret()
            .secret_id(secret)
            .send()
            .await
        {
            Ok(found) => Ok(found.deleted_date().is_some()),
            Err(error) => {
                let fault = Fault::new(format!("secretsmanager:DescribeSecret of {secret}"), error);
                if fault.is("ResourceNotFoundException") {
                    Ok(true)
                } else {
                    Err(fault)
                }
            }
        }
    }
}

impl Inspect for Account {
    async fn deployed(&self, name: &str, version: Option<&str>) -> Result<Option<Deployed>, Fault> {
        let Some(found) = function::find(&self.lambda, name, version).await? else {
            return Ok(None);
        };
        let code = match found.package_type() {
            Some(PackageType::Image) => self.image(name, version).await?,
            _ => function::code_digest(found.code_sha256().unwrap_or_default()),
        };
        Ok(Some(Deployed {
            revision: found.revision_id().unwrap_or_default().to_owned(),
            code,
            code_sha256: found.code_sha256().unwrap_or_default().to_owned(),
            configuration: function::configuration(&found),
            status: status(&found),
        }))
    }

    async fn alias(&self, function: &str, alias: &str) -> Result<Option<Alias>, Fault> {
        function::alias(&self.lambda, function, alias).await
    }

    async fn missing(&self, requires: &Requires) -> Result<Vec<String>, Fault> {
        let mut missing = Vec::new();
        for secret in &requires.secrets {
            if self.lacks_secret(secret).await? {
                missing.push(format!("secret {secret}"));
            }
        }
        for names in requires.parameters.chunks(PARAMETERS_AT_ONCE) {
            // Without decryption: only whether they exist is of interest.
            let request = self
                .parameters
                .get_parameters()
                .set_names(Some(names.to_vec()));
            let answer = request.send().await.map_err(|error| {
                Fault::new(format!("ssm:GetParameters of {}", names.join(", ")), error)
            })?;
            missing.extend(
                answer
                    .invalid_parameters()
                    .iter()
                    .map(|name| format!("parameter {name}")),
            );
        }
        Ok(missing)
    }
}

impl Change for Account {
    async fn configure(
        &self,
        function: &str,
        configuration: &Configuration,
        revision: &str,
    ) -> Result<(), ChangeError> {
        let environment = configuration.environment.clone().map(|variables| {
            Environment::builder()
                .set_variables(Some(variables.into_iter().collect()))
                .build()
        });
        let request = self
            .lambda
            .update_function_configuration()
            .function_name(function)
            .set_environment(environment)
            .set_memory_size(
                configuration
                    .memory_mb
                    .and_then(|memory| memory.try_into().ok()),
            )
            .set_timeout(
                configuration
                    .timeout_seconds
                    .and_then(|timeout| timeout.try_into().ok()),
            )
            .set_layers(configuration.layers.clone())
            .revision_id(revision);
        let operation = || format!("lambda:UpdateFunctionConfiguration of {function}");
        request
            .send()
            .await
            .map(|_| ())
            .map_err(|error| change_error(Fault::new(operation(), error)))
    }

    async fn update_code(
        &self,
        function: &str,
        code: &Code,
        revision: &str,
    ) -> Result<(), ChangeError> {
        let request = self
            .lambda
            .update_function_code()
            .function_name(function)
            .revision_id(revision);
        let request = match code {
            Code::Zip {
                bucket,
                key,
                version_id,
                ..
            } => request
                .s3_bucket(bucket)
                .s3_key(key)
                .set_s3_object_version(version_id.clone()),
            Code::Image { repository, digest } => {
                request.image_uri(format!("{repository}@{digest}"))
            }
        };
        let operation = || format!("lambda:UpdateFunctionCode of {function}");
        request
            .send()
            .await
            .map(|_| ())
            .map_err(|error| change_error(Fault::new(operation(), error)))
    }

    async fn publish(
        &self,
        function: &str,
        latest: &Deployed,
        description: &str,
    ) -> Result<String, ChangeError> {
        let code_sha256 = Some(latest.code_sha256.clone()).filter(|hash| !hash.is_empty());
        let request = self
            .lambda
            .publish_version()
            .function_name(function)
            .set_code_sha256(code_sha256)
            .revision_id(&latest.revision)
            .description(description);
        let operation = || format!("lambda:PublishVersion of {function}");
        let answer = request
            .send()
            .await
            .map_err(|error| change_error(Fault::new(operation(), error)))?;
        let version = answer.version.filter(|version| version != "$LATEST");
        Ok(version.ok_or_else(|| Fault::other(operation(), "the answer names no version"))?)
    }
}

/// Sorts what Lambda said of a change by how to react.
fn change_error(fault: Fault) -> ChangeError {
    const SIGNATURES: [&str; 3] = [
        "CodeSigningConfigNotFoundException",
        "CodeVerificationFailedException",
        "InvalidCodeSignatureException",
    ];
    const REFUSALS: [&str; 5] = [
        "InvalidParameterValueException",
        "InvalidRequestContentException",
        "CodeStorageExceededException",
        "FunctionVersionsPerCapacityProviderLimitExceededException",
        "RequestTooLargeException",
    ];
    match fault.code.as_deref() {
        Some("ResourceConflictException" | "PreconditionFailedException") => ChangeError::Conflict,
        Some(code) if SIGNATURES.contains(&code) => ChangeError::Unsigned(fault.message),
        // So Lambda says in whatever it could not read from S3.
        Some("InvalidParameterValueException") if fault.message.contains("S3 Error Code") => {
            ChangeError::Unreadable(fault.message)
        }
        Some(code) if REFUSALS.contains(&code) => ChangeError::Refused(fault.message),
        _ => ChangeError::Fault(fault),
    }
}

/// `Inactive` is ready too: Lambda wakes such a function at its next use.
fn status(found: &GetFunctionConfigurationOutput) -> Status {
    let failed = |reason: Option<&str>| {
        Status::Failed(reason.unwrap_or("Lambda names no reason").to_owned())
    };
    match (found.state(), found.last_update_status()) {
        (Some(State::Failed), _) => failed(found.state_reason()),
        (Some(State::Pending), _) | (_, Some(LastUpdateStatus::InProgress)) => Status::Pending,
        (_, Some(LastUpdateStatus::Failed)) => failed(found.last_update_status_reason()),
        _ => Status::Ready,
    }
}

/// The promotion's record in the state table, and its bundle.
pub struct Table {
    /// The state table.
    pub store: Store,
    /// Reads the manifest.
    pub bundles: BundleReader,
}

impl Records for Table {
    async fn work(&self, id: &PromotionId) -> Result<Work, Error> {
        let (promotion, _) = self.store.promotion(id).await?;
        Ok(Work {
            plan: self.store.required_part(id, Part::Plan).await?,
            pins: self.store.required_part(id, Part::Pins).await?,
            copies: (self.store.part(id, Part::Copies).await?).unwrap_or_default(),
            published: self.store.part(id, Part::Versions).await?,
            manifest: self.bundles.manifest(&promotion.bundle).await?,
            bundle: promotion.bundle,
        })
    }

    async fn check_fence(
        &self,
        id: &PromotionId,
        generation: Generation,
    ) -> Result<(), StoreError> {
        self.store.check_fence(id, generation).await
    }

    async fn own(
        &self,
        id: &PromotionId,
        function: &str,
    ) -> Result<Option<Configuration>, StoreError> {
        let own: Option<Option<Configuration>> = self.store.part(id, Part::Own(function)).await?;
        Ok(own.flatten())
    }

    async fn remember(
        &self,
        id: &PromotionId,
        generation: Generation,
        function: &str,
        own: Option<&Configuration>,
    ) -> Result<(), StoreError> {
        self.store
            .put_part_fenced(id, generation, Part::Own(function), &own)
            .await
    }

    async fn save(
        &self,
        id: &PromotionId,
        generation: Generation,
        versions: &Versions,
    ) -> Result<(), StoreError> {
        self.store
            .put_part_fenced(id, generation, Part::Versions, versions)
            .await
    }
}

impl Record for Ledger {
    async fn published(&self, id: &PromotionId, versions: &Versions) -> Result<(), Fault> {
        self.append(
            id,
            Kind::VersionsPublished,
            "versions",
            json!({ "functions": versions }),
        )
        .await
        .map(|_| ())
    }
}

#[cfg(test)]
#[path = "aws_tests.rs"]
mod tests;
