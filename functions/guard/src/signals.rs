//! What the guards of the settings say: when a promotion is planned, before it begins and
//! before each of its steps.

use jiff::Timestamp;
use serde_json::{Value, json};
use sluice_domain::digest::Digest;
use sluice_domain::guards::{Checked, Guards, not_asked, stopping};
use sluice_domain::path::stays;
use sluice_domain::plan::Plan;
use sluice_domain::promotion::PromotionId;
use sluice_domain::settings::{Role, Settings};
use sluice_platform::guards::Function;

use crate::{Error, Guard, Ports, path};

/// Adds what guards said to the facts of an entry, where there are any.
pub(crate) fn note(facts: &mut Value, guards: &[Checked]) {
    if !guards.is_empty() {
        facts["guards"] = json!(guards);
    }
}

impl<P: Ports> Guard<P> {
    /// Asks every guard, and answers what they say if none stops the promotion.
    pub(crate) async fn refuse_if_stopped(
        &self,
        id: &PromotionId,
        settings: &Settings,
        plan: &Plan,
        now: Timestamp,
    ) -> Result<Vec<Checked>, Error> {
        let changes = plan.changes().map(|(name, function)| Function {
            name,
            function: &function.name,
            alias: &function.alias,
        });
        let functions: Vec<Function<'_>> = changes.collect();
        let role = settings.role.as_ref();
        self.ask(id, role, &settings.guards, &functions, now).await
    }

    /// Asks those guards that may say another thing at each step.
    pub(crate) async fn refuse_step_if_stopped(
        &self,
        id: &PromotionId,
        settings: &Settings,
        now: Timestamp,
    ) -> Result<(), Error> {
        let guards = settings.guards.of_steps();
        let role = settings.role.as_ref();
        self.ask(id, role, &guards, &[], now).await.map(drop)
    }

    /// While a release stands in the environment before, that is watched: what stops a
    /// promotion there stops the next one here, for as long as it is this release that
    /// serves there.
    pub(crate) async fn refuse_if_stopped_before(
        &self,
        id: &PromotionId,
        digest: &Digest,
        now: Timestamp,
    ) -> Result<(), Error> {
        let path = self.ports.path(&id.application).await?;
        let Some(before) = path::before(&path, &id.environment) else {
            return Ok(());
        };
        let promotions = self.ports.promotions_of(&id.application).await?;
        let serves = stays(&promotions, &before.environment);
        if serves.last().is_none_or(|stay| stay.digest != digest) {
            return Ok(());
        }
        let there = PromotionId {
            environment: before.environment.clone(),
            ..id.clone()
        };
        let settings = self.ports.settings(&there).await?;
        let asked = self.refuse_step_if_stopped(&there, &settings, now).await;
        asked.map_err(|error| match error {
            Error::Stopped(checked) => Error::StoppedBefore {
                before: there.environment,
                checked,
            },
            other => other,
        })
    }

    async fn ask(
        &self,
        id: &PromotionId,
        role: Option<&Role>,
        guards: &Guards,
        functions: &[Function<'_>],
        now: Timestamp,
    ) -> Result<Vec<Checked>, Error> {
        if guards.is_empty() {
            return Ok(Vec::new());
        }
        let asked = self.ports.signals(role, id, guards, functions, now);
        let checked = match asked.await {
            Ok(checked) if stopping(&checked).is_none() => checked,
            Ok(checked) if self.is_let_off(id).await? => {
                checked.into_iter().map(Checked::for_rollback).collect()
            }
            Ok(checked) => checked,
            // What can't be told of what it would pass over anyway bars no way back.
            Err(fault) if self.is_let_off(id).await? => {
                let held = guards.of_rollbacks();
                let asked = self.ports.signals(role, id, &held, &[], now);
                let mut checked = asked.await?;
                checked.push(not_asked(&fault.to_string()));
                checked
            }
            Err(fault) => return Err(fault.into()),
        };
        match stopping(&checked) {
            Some(stops) => Err(Error::Stopped(stops.clone())),
            None => Ok(checked),
        }
    }
}
