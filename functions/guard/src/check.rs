//! Is it still what was approved, and may it go on now?

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jiff::Timestamp;
use serde_json::json;
use sluice_domain::codedeploy::LAMBDA;
use sluice_domain::digest::Digest;
use sluice_domain::guards::Checked;
use sluice_domain::ledger::Kind;
use sluice_domain::manifest::Manifest;
use sluice_domain::migrations::{MigrationPlan, RestorePlan};
use sluice_domain::owner;
use sluice_domain::plan::{Change, Observed, Plan};
use sluice_domain::promotion::{Generation, Outcome, Promotion, PromotionId};
use sluice_domain::settings::{Settings, Target};
use sluice_domain::start::NotYet;
use sluice_platform::fault::Fault;
use sluice_platform::pace::IN_FLIGHT;
use sluice_platform::store::StoreError;

use crate::operation::Admitted;
use crate::{Error, Guard, Output, Ports, schedule, signals};

/// What was found of the database.
pub(crate) struct Found {
    pub(crate) migrations: Option<MigrationPlan>,
    pub(crate) restore: Option<RestorePlan>,
}

/// A plan that nothing refuses.
struct Draft {
    settings: Settings,
    plan: Plan,
    hash: Digest,
    /// What it has to soak for in the environment before.
    soaks: Option<NotYet>,
    /// What the guards said.
    guards: Vec<Checked>,
}

impl<P: Ports> Guard<P> {
    /// What would be planned, if nothing refuses it. Keeps nothing.
    async fn draft(&self, id: &PromotionId, found: Found, now: Timestamp) -> Result<Draft, Error> {
        let (promotion, _) = self.ports.promotion(id).await?;
        let settings = self.ports.settings(id).await?;
        refuse_if_frozen(id, &settings)?;
        let manifest = self.ports.manifest(&promotion.bundle).await?;
        let admitted = self.admitted(&promotion).await?;
        let soaks = match &admitted {
            Some(_) => None,
            None => {
                self.refuse_unless_it_may_enter(&promotion, &manifest, now)
                    .await?
            }
        };
        let found = (&manifest, found, admitted.as_ref());
        let (plan, hash) = self.make_plan(&promotion, &settings, found, now).await?;
        let guards = self.refuse_if_stopped(id, &settings, &plan, now).await?;
        Ok(Draft {
            settings,
            plan,
            hash,
            soaks,
            guards,
        })
    }

    /// Whether it would be planned as it is: asked before migrations are tried on a copy,
    /// which takes its time and a server.
    pub(crate) async fn admit(
        &self,
        id: &PromotionId,
        found: Found,
        now: Timestamp,
    ) -> Result<Output, Error> {
        self.draft(id, found, now).await?;
        Ok(Output::Clear { clear: true })
    }

    /// Makes the plan and keeps it.
    pub(crate) async fn plan(
        &self,
        id: &PromotionId,
        found: Found,
        now: Timestamp,
    ) -> Result<Output, Error> {
        let Draft {
            settings,
            plan,
            hash,
            soaks,
            guards,
        } = self.draft(id, found, now).await?;
        self.ports.keep_plan(id, &plan).await?;
        let mut facts = json!({ "plan": plan, "hash": hash });
        signals::note(&mut facts, &guards);
        let closed = self.closed(id, &settings, &plan, now).await?;
        if let Some(not_yet) = NotYet::all(closed.into_iter().chain(soaks)) {
            facts["starts"] = json!(not_yet);
        }
        self.ports
            .record(id, Kind::ChangesPlanned, "plan", facts)
            .await?;
        Ok(Output::Planned {
            plan_hash: hash,
            changes: plan.changes().count(),
            timed: schedule::is_timed(&settings),
            migrates: plan.migrates(),
            approves: plan
                .migrations
                .filter(|_| settings.approval.is_some())
                .map(|migrations| migrations.digest),
            approval_required: settings.approval.is_some(),
            approval_seconds: settings
                .approval
                .map_or(0, |approval| approval.expires_seconds),
        })
    }

    /// Reads everything again: hours may have passed.
    pub(crate) async fn recheck(
        &self,
        id: &PromotionId,
        generation: Generation,
        now: Timestamp,
    ) -> Result<Output, Error> {
        let promotion = self.refuse_if_over(id, generation).await?;
        let settings = self.ports.settings(id).await?;
        refuse_if_frozen(id, &settings)?;
        let manifest = self.ports.manifest(&promotion.bundle).await?;
        let admitted = self.admitted(&promotion).await?;
        if admitted.is_none() {
            self.refuse_unless_it_enters_now(&promotion, &manifest, now)
                .await?;
        }
        let before = self.ports.plan_of(id).await?;
        // What migrations do is not asked for again: `migrate` holds the database against
        // this plan before it applies anything.
        let found = Found {
            migrations: before.migrations.clone(),
            restore: before.restore.clone(),
        };
        let found = (&manifest, found, admitted.as_ref());
        let (plan, hash) = self.make_plan(&promotion, &settings, found, now).await?;
        if before.database.is_some() && before.database != plan.database {
            return Err(Error::DatabaseChanged(id.environment.clone()));
        }
        self.refuse_outside_windows(id, &settings, &plan, now)
            .await?;
        let guards = self.refuse_if_stopped(id, &settings, &plan, now).await?;
        if settings.approval.is_some() {
            let people = (&settings, &manifest);
            self.refuse_unless_approved(&promotion, &hash, people, now)
                .await?;
        }
        // Without an approval to bind to, a promotion that waited in line goes
        // on from what the one before it left.
        self.lock_what_is_new(id, generation, (&before, &plan))
            .await?;
        self.ports.keep_plan(id, &plan).await?;
        let mut facts = json!({ "generation": generation, "plan": hash });
        signals::note(&mut facts, &guards);
        self.ports
            .record(id, Kind::TargetsAcquired, "targets", facts)
            .await?;
        let epoch = now.as_millisecond();
        Ok(Output::Rechecked { epoch })
    }

    /// Before each step.
    pub(crate) async fn check(
        &self,
        id: &PromotionId,
        generation: Generation,
        now: Timestamp,
    ) -> Result<Output, Error> {
        let (promotion, current) = self.ports.promotion(id).await?;
        refuse_if_fenced(&promotion, generation, current)?;
        let settings = self.ports.settings(id).await?;
        refuse_if_frozen(id, &settings)?;
        self.refuse_in_freeze(id, &settings, now).await?;
        self.refuse_step_if_stopped(id, &settings, now).await?;
        Ok(Output::Clear { clear: true })
    }

    /// Refuses a stale generation. What was locked here for a promotion that
    /// had ended by then is given back; one that is only fenced off is still to
    /// be closed, which gives back all it has.
    async fn refuse_if_over(
        &self,
        id: &PromotionId,
        generation: Generation,
    ) -> Result<Promotion, Error> {
        let (promotion, current) = self.ports.promotion(id).await?;
        if !matches!(promotion.outcome, None | Some(Outcome::Stranded)) {
            self.ports.unlock(id).await?;
            self.try_to_hand_over().await;
        }
        refuse_if_fenced(&promotion, generation, current)?;
        Ok(promotion)
    }

    /// Locks what the new plan changes and the one before it did not.
    async fn lock_what_is_new(
        &self,
        id: &PromotionId,
        generation: Generation,
        (before, plan): (&Plan, &Plan),
    ) -> Result<(), Error> {
        let mut all = before.targets();
        let locked = all.len();
        for target in plan.targets() {
            if !all.contains(&target) {
                all.push(target);
            }
        }
        if all.len() == locked {
            return Ok(());
        }
        match self.ports.lock(id, &all).await {
            Err(StoreError::Held { target, holder }) => {
                return Err(Error::NewTargetBusy { target, holder });
            }
            done => done?,
        }
        self.refuse_if_over(id, generation).await?;
        Ok(())
    }

    /// What is there of each function of the manifest. One that the settings lack
    /// is the plan's to refuse.
    async fn observe(
        &self,
        promotion: &Promotion,
        manifest: &Manifest,
        settings: &Settings,
    ) -> Result<BTreeMap<String, Observed>, Error> {
        let named = manifest.functions.keys();
        let targets = named.filter_map(|name| Some((name, settings.functions.get(name)?)));
        let look = async |(name, target): (&String, &Target)| {
            let role = settings.role.as_ref();
            let found = self.ports.look(role, &promotion.id, target).await?;
            let missing = || Error::FunctionMissing {
                function: name.clone(),
                name: target.name.clone(),
            };
            Ok((name.clone(), found.ok_or_else(missing)?))
        };
        let looks = stream::iter(targets).map(look).buffered(IN_FLIGHT);
        looks.try_collect().await
    }

    async fn make_plan(
        &self,
        promotion: &Promotion,
        settings: &Settings,
        (manifest, found, admitted): (&Manifest, Found, Option<&Admitted>),
        now: Timestamp,
    ) -> Result<(Plan, Digest), Error> {
        let observed = self.observe(promotion, manifest, settings).await?;
        let mut plan = Plan::make(
            promotion.bundle.digest.clone(),
            manifest,
            settings,
            &observed,
        )?;
        plan.goes_back = self.goes_back(&promotion.id).await?;
        if let Some(migrations) = &found.migrations {
            migrations.check(&promotion.id.environment, settings)?;
        }
        let is_worked_on = found.migrations.is_some() || found.restore.is_some();
        let database = settings.database.as_ref().filter(|_| is_worked_on);
        if let Some(database) = database {
            plan.name_server(database);
        }
        let database = database.map(Digest::of_canonical).transpose();
        plan.database = database.map_err(|error| Fault::other("hashing the settings", error))?;
        plan.migrations = found.migrations;
        plan.restore = match found.restore {
            Some(restore) => {
                let known = (settings, manifest, &observed);
                Some(self.with_stops(&promotion.id, known, restore).await?)
            }
            None => None,
        };
        if let Some(admitted) = admitted {
            plan = plan.of_operation(admitted.operation.clone());
            let is_approved = settings.approval.is_some();
            let serves = admitted.serves.as_deref();
            plan.check_operation(&promotion.id.environment, is_approved, serves)?;
            self.refuse_while_old_code_runs(promotion, settings, admitted, now)
                .await?;
        }
        self.refuse_foreign_aliases(promotion, settings, &plan)
            .await?;
        self.refuse_if_aliases_are_provisioned(&promotion.id, &plan)
            .await?;
        self.refuse_unfit_groups(&plan).await?;
        let hash = plan
            .hash()
            .map_err(|error| Fault::other("hashing the plan", error))?;
        Ok((plan, hash))
    }

    /// What would be moved must be Sluice's to move. An alias that is not there
    /// yet is nobody's.
    async fn refuse_foreign_aliases(
        &self,
        promotion: &Promotion,
        settings: &Settings,
        plan: &Plan,
    ) -> Result<(), Error> {
        let role = settings.role.as_ref();
        let updates = plan
            .changes()
            .filter(|(_, function)| function.change == Change::Update);
        let updates =
            updates.filter_map(|(name, function)| Some((settings.functions.get(name)?, function)));
        let looks = stream::iter(updates)
            .map(async |(target, function)| {
                let standing = self.ports.standing(role, &promotion.id, function).await?;
                Ok::<_, Error>(owner::check(target, &standing)?)
            })
            .buffered(IN_FLIGHT);
        looks.try_collect::<()>().await
    }

    /// Lambda takes no weights on an alias that has provisioned concurrency itself.
    async fn refuse_if_aliases_are_provisioned(
        &self,
        id: &PromotionId,
        plan: &Plan,
    ) -> Result<(), Error> {
        if !plan.shares_aliases() {
            return Ok(());
        }
        let role = plan.role.as_ref();
        let moves = plan.changes().map(|(_, function)| function);
        let moves = moves.filter(|function| function.current.is_some());
        let refused = stream::iter(moves)
            .map(async |function| {
                let is_provisioned = self.ports.is_provisioned(role, id, function).await?;
                Ok::<_, Error>(
                    is_provisioned.then(|| format!("{}:{}", function.name, function.alias)),
                )
            })
            .buffered(IN_FLIGHT);
        let refused: Vec<_> = refused.try_collect().await?;
        let refused: Vec<String> = refused.into_iter().flatten().collect();
        if refused.is_empty() {
            Ok(())
        } else {
            Err(Error::AliasProvisioned(refused))
        }
    }

    /// What CodeDeploy is to shift has a deployment group that can. Which function
    /// a group is for stands in deployments, not in the group.
    async fn refuse_unfit_groups(&self, plan: &Plan) -> Result<(), Error> {
        let Some(codedeploy) = &plan.codedeploy else {
            return Ok(());
        };
        for (function, _) in plan.changes() {
            let Some(group) = codedeploy.functions.get(function) else {
                continue;
            };
            let found = self.ports.platform(group).await?;
            if found.as_deref() != Some(LAMBDA) {
                return Err(Error::DeploymentGroupUnfit {
                    function: function.clone(),
                    group: group.clone(),
                    found: found.map_or("none".to_owned(), |platform| format!("one of {platform}")),
                });
            }
        }
        Ok(())
    }
}

fn refuse_if_frozen(id: &PromotionId, settings: &Settings) -> Result<(), Error> {
    match &settings.frozen {
        None => Ok(()),
        Some(freeze) => Err(Error::Frozen {
            environment: id.environment.clone(),
            by: freeze.by.clone(),
            reason: freeze.reason.clone(),
        }),
    }
}

fn refuse_if_fenced(
    promotion: &Promotion,
    generation: Generation,
    current: Generation,
) -> Result<(), Error> {
    if generation == current && promotion.outcome.is_none() {
        return Ok(());
    }
    Err(StoreError::Fenced {
        promotion: promotion.id.clone(),
        generation,
    }
    .into())
}
