//! `guard`'s ports on AWS.

use aws_config::SdkConfig;
use jiff::Timestamp;
use serde_json::{Value, json};
use sluice_domain::codedeploy::DeploymentGroup;
use sluice_domain::controls::Controls;
use sluice_domain::guards::{Checked, Guards};
use sluice_domain::ledger::Kind;
use sluice_domain::manifest::Manifest;
use sluice_domain::migrations::{OldCalls, entrances};
use sluice_domain::owner::Standing;
use sluice_domain::path::Place;
use sluice_domain::plan::{FunctionPlan, Observed, Plan};
use sluice_domain::promotion::{BundleRef, Generation, Outcome, Promotion, PromotionId};
use sluice_domain::settings::{Role, Settings, Target};
use sluice_domain::start::Waiting;
use sluice_platform::aliases;
use sluice_platform::aws::PerAccount;
use sluice_platform::bundle::BundleReader;
use sluice_platform::deployment_group;
use sluice_platform::fault::Fault;
use sluice_platform::function;
use sluice_platform::guards::{self, Callable, Function};
use sluice_platform::lambda::MissingVariable;
use sluice_platform::ledger::Ledger;
use sluice_platform::owner::{self, Stack};
use sluice_platform::pace::paced;
use sluice_platform::seal::{Opened, Seals};
use sluice_platform::settings::SettingsReader;
use sluice_platform::store::{OpenRequest, Part, Release, Store, StoreError, TaskToken, Ticket};
use sluice_platform::task::{Resumed, Tasks};

use crate::Error;
use crate::ports::{
    Approvals, Bundles, Environments, Executions, Line, Locks, Lookup, Owners, Paths, Promotions,
    Record, Signals, Waits,
};

/// Everything `guard` works on.
pub struct Aws {
    store: Store,
    ledger: Ledger,
    bundles: BundleReader,
    settings: SettingsReader,
    lambda: PerAccount<aws_sdk_lambda::Client>,
    owners: PerAccount<owner::Owners>,
    codedeploy: aws_sdk_codedeploy::Client,
    signals: PerAccount<guards::Signals>,
    seals: Seals,
    tasks: Tasks,
}

impl Aws {
    /// Builds all clients once.
    ///
    /// # Errors
    /// When an environment variable is missing.
    pub fn from_env(config: &SdkConfig) -> Result<Self, MissingVariable> {
        let paced = paced(config);
        Ok(Self {
            store: Store::from_env(config)?,
            ledger: Ledger::from_env(config, "guard")?,
            bundles: BundleReader::new(config),
            settings: SettingsReader::new(config),
            lambda: PerAccount::new(&paced, aws_sdk_lambda::Client::new),
            owners: PerAccount::new(&paced, owner::Owners::new),
            codedeploy: aws_sdk_codedeploy::Client::new(config),
            signals: PerAccount::new(config, guards::Signals::new),
            seals: Seals::from_env(config)?,
            tasks: Tasks::new(config),
        })
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

    async fn fence(&self, id: &PromotionId) -> Result<Generation, StoreError> {
        self.store.raise_generation(id).await
    }

    async fn end(
        &self,
        id: &PromotionId,
        said: (Outcome, &str),
        under: Option<Generation>,
        now: Timestamp,
    ) -> Result<Promotion, StoreError> {
        self.store
            .close_promotion(id, said, under, now)
            .await
            .map(|(promotion, _)| promotion)
    }

    async fn close_unopened(&self, closed: &Promotion) -> Result<bool, StoreError> {
        self.store.close_unopened(closed).await
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

impl Paths for Aws {
    async fn path(&self, application: &str) -> Result<Vec<Place>, Error> {
        Ok(self.settings.places(application).await?)
    }

    async fn attempt(&self, id: &PromotionId) -> Result<Option<Release>, StoreError> {
        let attempts = self.store.releases(&id.application, &id.version).await?;
        let is_its = |release: &Release| release.attempt == id.attempt;
        Ok(attempts.into_iter().find(is_its))
    }
}

impl Lookup for Aws {
    async fn look(
        &self,
        role: Option<&Role>,
        id: &PromotionId,
        target: &Target,
    ) -> Result<Option<Observed>, Fault> {
        let lambda = self.lambda.of(role, id).await;
        function::observe(&lambda, target).await
    }

    async fn is_provisioned(
        &self,
        role: Option<&Role>,
        id: &PromotionId,
        function: &FunctionPlan,
    ) -> Result<bool, Fault> {
        let lambda = self.lambda.of(role, id).await;
        let found = function::provisioned(&lambda, &function.name, &function.alias).await?;
        Ok(found.is_some())
    }

    async fn aliases(
        &self,
        role: Option<&Role>,
        id: &PromotionId,
        function: &str,
    ) -> Result<Vec<String>, Fault> {
        let lambda = self.lambda.of(role, id).await;
        let found = aliases::list(&lambda, function).await?;
        Ok(found.into_iter().map(|(name, _)| name).collect())
    }

    async fn platform(&self, group: &DeploymentGroup) -> Result<Option<String>, Fault> {
        let found = deployment_group::find(&self.codedeploy, group).await?;
        Ok(found.map(|found| found.platform))
    }
}

impl Owners for Aws {
    async fn standing(
        &self,
        role: Option<&Role>,
        id: &PromotionId,
        function: &FunctionPlan,
    ) -> Result<Standing, StoreError> {
        let owners = self.owners.of(role, id).await;
        let place = (id.application.as_str(), id.environment.as_str());
        let alias = (function.arn.as_str(), function.alias.as_str());
        let (standing, stack) = owners.look(&self.store, place, alias).await?;
        if let Stack::Untold(reason) = stack {
            // A stack that resets the alias still shows as drift.
            tracing::warn!(function = alias.0, %reason, "not told which stack owns the alias");
        }
        Ok(standing)
    }
}

impl Approvals for Aws {
    async fn approval(
        &self,
        id: &PromotionId,
    ) -> Result<Option<(OpenRequest, Opened)>, StoreError> {
        let Some(name) = self.store.part::<String>(id, Part::Approval).await? else {
            return Ok(None);
        };
        let Some(open) = self.store.request(&name).await? else {
            return Ok(None);
        };
        if open.request.promotion != *id {
            return Ok(None);
        }
        let sealed = self.store.votes(&name).await?;
        let votes = self.seals.open(&open.request, sealed).await?;
        Ok(Some((open, votes)))
    }
}

impl Signals for Aws {
    async fn signals(
        &self,
        role: Option<&Role>,
        id: &PromotionId,
        guards: &Guards,
        functions: &[Function<'_>],
        now: Timestamp,
    ) -> Result<Vec<Checked>, Fault> {
        let signals = self.signals.of(role, id).await;
        signals.check(guards, functions, now).await
    }

    async fn old_calls(
        &self,
        role: Option<&Role>,
        id: &PromotionId,
        between: (Timestamp, Timestamp),
    ) -> Result<Vec<OldCalls>, Error> {
        let path = self.settings.path(&id.application).await?;
        let lambda = self.lambda.of(role, id).await;
        let entrances = entrances(&path, &id.environment);
        let mut functions = Vec::new();
        for entrances in &entrances {
            let function = entrances.function;
            let serves = function::alias(&lambda, function, entrances.alias).await?;
            let serves = serves.map(|alias| alias.routing.version);
            let versions = function::versions(&lambda, function).await?;
            let versions = versions.iter().filter_map(|version| version.version());
            let others = versions.filter(|version| Some(*version) != serves.as_deref());
            let others = others.map(str::to_owned).collect();
            functions.push(Callable {
                entrances,
                serves,
                others,
            });
        }
        let signals = self.signals.of(role, id).await;
        Ok(signals.old_calls(&functions, between).await?)
    }
}

impl Waits for Aws {
    async fn waiting_of(&self, id: &PromotionId) -> Result<Option<Waiting>, StoreError> {
        self.store.part(id, Part::Waiting).await
    }

    async fn keep_waiting(&self, id: &PromotionId, waiting: &Waiting) -> Result<(), StoreError> {
        self.store.put_part(id, Part::Waiting, waiting).await
    }

    async fn controls(&self, id: &PromotionId) -> Result<Controls, StoreError> {
        let found = self.store.part(id, Part::Controls).await?;
        Ok(found.unwrap_or_default())
    }
}

impl Locks for Aws {
    async fn lock(&self, id: &PromotionId, targets: &[String]) -> Result<(), StoreError> {
        self.store.acquire(id, targets).await
    }

    async fn holds(&self, id: &PromotionId, target: &str) -> Result<bool, StoreError> {
        let holders = self.store.holders(target).await?;
        Ok(holders.contains(&id.to_string()))
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
