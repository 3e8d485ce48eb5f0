//! `guard`'s ports on AWS.

use std::collections::BTreeMap;

use aws_config::SdkConfig;
use jiff::Timestamp;
use serde_json::{Value, json};
use sluice_domain::approval::Vote;
use sluice_domain::configuration::FunctionConfiguration;
use sluice_domain::digest::Digest;
use sluice_domain::ledger::Kind;
use sluice_domain::manifest::Manifest;
use sluice_domain::plan::{CurrentVersion, Observed, Plan};
use sluice_domain::promotion::{BundleRef, Generation, Outcome, Promotion, PromotionId};
use sluice_domain::settings::{Role, Settings, Target};
use sluice_platform::aws::config_for;
use sluice_platform::bundle::BundleReader;
use sluice_platform::fault::Fault;
use sluice_platform::lambda::MissingVariable;
use sluice_platform::ledger::Ledger;
use sluice_platform::settings::SettingsReader;
use sluice_platform::store::{OpenRequest, Part, Release, Store, StoreError, TaskToken, Ticket};
use sluice_platform::task::{Resumed, Tasks};

use crate::Error;
use crate::ports::{
    Approvals, Bundles, Environments, Executions, Line, Locks, Lookup, Promotions, Record,
};

/// Everything `guard` works on.
pub struct Aws {
    config: SdkConfig,
    store: Store,
    ledger: Ledger,
    bundles: BundleReader,
    settings: SettingsReader,
    lambda: aws_sdk_lambda::Client,
    tasks: Tasks,
}

impl Aws {
    /// Builds all clients once.
    ///
    /// # Errors
    /// When an environment variable is missing.
    pub fn from_env(config: &SdkConfig) -> Result<Self, MissingVariable> {
        Ok(Self {
            config: config.clone(),
            store: Store::from_env(config)?,
            ledger: Ledger::from_env(config, "guard")?,
            bundles: BundleReader::new(config),
            settings: SettingsReader::new(config),
            lambda: aws_sdk_lambda::Client::new(config),
            tasks: Tasks::new(config),
        })
    }

    /// The attempt that a promotion belongs to.
    async fn release(&self, id: &PromotionId) -> Result<Option<Release>, StoreError> {
        let attempts = self.store.releases(&id.application, &id.version).await?;
        Ok(attempts
            .into_iter()
            .find(|release| release.attempt == id.attempt))
    }

    async fn lambda_for(&self, role: Option<&Role>, id: &PromotionId) -> aws_sdk_lambda::Client {
        match role {
            None => self.lambda.clone(),
            Some(_) => {
                aws_sdk_lambda::Client::new(&config_for(&self.config, role, &id.to_string()).await)
            }
        }
    }
}

impl Promotions for Aws {
    async fn promotion(&self, id: &PromotionId) -> Result<(Promotion, Generation), StoreError> {
        self.store.promotion(id).await
    }

    async fn promotions_of(&self, application: &str) -> Result<Vec<Promotion>, StoreError> {
        let found = self.store.promotions_of(application).await?;
        Ok(found.into_iter().map(|(promotion, _)| promotion).collect())
    }

    async fn plan_of(&self, id: &PromotionId) -> Result<Plan, StoreError> {
        self.store.required_part(id, Part::Plan).await
    }

    async fn keep_plan(&self, id: &PromotionId, plan: &Plan) -> Result<(), StoreError> {
        self.store.put_part(id, Part::Plan, plan).await
    }

    async fn is_rollback(&self, id: &PromotionId) -> Result<bool, StoreError> {
        Ok(self
            .release(id)
            .await?
            .is_some_and(|release| release.rollback))
    }

    async fn environment_before(&self, id: &PromotionId) -> Result<Option<String>, StoreError> {
        let release = self.release(id).await?;
        let path = release
            .map(|release| release.environments)
            .unwrap_or_default();
        let place = path
            .iter()
            .position(|environment| *environment == id.environment);
        Ok(place.and_then(|place| path.get(place.checked_sub(1)?).cloned()))
    }

    async fn fence(&self, id: &PromotionId) -> Result<Generation, StoreError> {
        self.store.raise_generation(id).await
    }

    async fn end(
        &self,
        id: &PromotionId,
        outcome: Outcome,
        reason: &str,
        now: Timestamp,
    ) -> Result<Promotion, StoreError> {
        self.store
            .close_promotion(id, outcome, reason, now)
            .await
            .map(|(promotion, _)| promotion)
    }

    async fn settle(&self, id: &PromotionId) -> Result<(), StoreError> {
        self.store.settle_promotion(id).await
    }
}

impl Bundles for Aws {
    async fn manifest(&self, bundle: &BundleRef) -> Result<Manifest, Error> {
        Ok(self.bundles.manifest(bundle).await?)
    }
}

impl Environments for Aws {
    async fn settings(&self, id: &PromotionId) -> Result<Settings, Error> {
        Ok(self.settings.read(&id.application, &id.environment).await?)
    }
}

impl Lookup for Aws {
    async fn look(
        &self,
        role: Option<&Role>,
        id: &PromotionId,
        target: &Target,
    ) -> Result<Option<Observed>, Fault> {
        let lambda = self.lambda_for(role, id).await;
        let Some(function) = found(&lambda, target, None).await? else {
            return Ok(None);
        };
        let live = match found(&lambda, target, Some(&target.alias)).await? {
            Some(live) => Some((current(&live)?, configuration(&live))),
            None => None,
        };
        Ok(Some(Observed {
            arn: unqualified(function.function_arn().unwrap_or_default()),
            live,
            own: configuration(&function),
        }))
    }
}

/// The function itself, or what its alias serves. None: there is none.
async fn found(
    lambda: &aws_sdk_lambda::Client,
    target: &Target,
    alias: Option<&str>,
) -> Result<Option<Found>, Fault> {
    let request = lambda
        .get_function_configuration()
        .function_name(&target.name)
        .set_qualifier(alias.map(str::to_owned));
    match request.send().await {
        Ok(found) => Ok(Some(found)),
        Err(error) => {
            let operation = format!("lambda:GetFunctionConfiguration of {}", target.name);
            let fault = Fault::new(operation, error);
            if fault.is("ResourceNotFoundException") {
                Ok(None)
            } else {
                Err(fault)
            }
        }
    }
}

type Found = aws_sdk_lambda::operation::get_function_configuration::GetFunctionConfigurationOutput;

/// The ARN without the qualifier that was asked for.
fn unqualified(arn: &str) -> String {
    arn.split(':').take(7).collect::<Vec<_>>().join(":")
}

fn current(found: &Found) -> Result<CurrentVersion, Fault> {
    let version = found.version().unwrap_or_default().to_owned();
    let code = found.code_sha256().unwrap_or_default();
    let operation = || {
        format!(
            "reading the code's digest of {}",
            found.function_name().unwrap_or_default()
        )
    };
    let code = code_digest(code)
        .ok_or_else(|| Fault::other(operation(), format!("`{code}` is no SHA-256")))?;
    Ok(CurrentVersion { version, code })
}

/// Lambda says Base64 for zip files and hex for images.
fn code_digest(text: &str) -> Option<Digest> {
    if let Ok(digest) = format!("sha256:{text}").parse() {
        return Some(digest);
    }
    let bytes: [u8; 32] = aws_smithy_types::base64::decode(text)
        .ok()?
        .try_into()
        .ok()?;
    Some(Digest::from_hash(&bytes))
}

fn configuration(found: &Found) -> FunctionConfiguration {
    let number = |number: Option<i32>| number.and_then(|number| u32::try_from(number).ok());
    let layers = found.layers().iter().filter_map(|layer| layer.arn());
    FunctionConfiguration {
        environment: match found.environment() {
            Some(environment) if environment.error().is_some() => None,
            Some(environment) => {
                let variables = environment.variables().cloned().unwrap_or_default();
                Some(variables.into_iter().collect())
            }
            None => Some(BTreeMap::new()),
        },
        memory_mb: number(found.memory_size()),
        timeout_seconds: number(found.timeout()),
        layers: layers.map(str::to_owned).collect(),
    }
}

impl Approvals for Aws {
    async fn approval(
        &self,
        id: &PromotionId,
    ) -> Result<Option<(OpenRequest, Vec<Vote>)>, StoreError> {
        let Some(name) = self.store.part::<String>(id, Part::Approval).await? else {
            return Ok(None);
        };
        let Some(open) = self.store.request(&name).await? else {
            return Ok(None);
        };
        let votes = self.store.votes(&name).await?;
        Ok((open.request.promotion == *id).then_some((open, votes)))
    }
}

impl Locks for Aws {
    async fn lock(&self, id: &PromotionId, targets: &[String]) -> Result<(), StoreError> {
        self.store.acquire(id, targets).await
    }

    async fn unlock(&self, id: &PromotionId) -> Result<(), StoreError> {
        self.store.release(id).await.map(|_| ())
    }
}

impl Line for Aws {
    async fn join(&self, ticket: &Ticket) -> Result<(), StoreError> {
        self.store.enqueue(ticket).await
    }

    async fn waiting(&self) -> Result<Vec<Ticket>, StoreError> {
        self.store.tickets().await
    }

    async fn leave(&self, ticket: &Ticket) -> Result<(), StoreError> {
        self.store.take_ticket(ticket).await.map(|_| ())
    }
}

impl Executions for Aws {
    async fn resume(&self, token: &TaskToken, generation: Generation) -> Result<Resumed, Fault> {
        let output = json!({ "generation": generation });
        self.tasks.succeed(token, &output).await
    }

    async fn supersede(&self, token: &TaskToken, by: &PromotionId) -> Result<Resumed, Fault> {
        self.tasks.fail(token, "Superseded", &by.to_string()).await
    }
}

impl Record for Aws {
    async fn record(
        &self,
        id: &PromotionId,
        kind: Kind,
        key: &str,
        facts: Value,
    ) -> Result<(), Fault> {
        self.ledger.append(id, kind, key, facts).await.map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_digests_are_read_in_both_of_lambdas_spellings() {
        let digest = Digest::of(b"code");
        let base64 = aws_smithy_types::base64::encode(digest.bytes());
        assert_eq!(code_digest(&base64), Some(digest.clone()));
        assert_eq!(code_digest(digest.hex()), Some(digest));
        assert_eq!(code_digest("nonsense"), None);
    }

    #[test]
    fn a_qualifier_is_taken_off_an_arn() {
        let arn = "arn:aws:lambda:eu-west-1:123456789012:function:shop-api";
        assert_eq!(unqualified(&format!("{arn}:live")), arn);
        assert_eq!(unqualified(arn), arn);
    }
}
