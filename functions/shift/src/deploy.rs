//! Through CodeDeploy: one deployment for each alias of the group, created
//! behind the journal, followed, and brought to its end when rolling back.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use sluice_domain::codedeploy::{Ending, Found, Mark, Progress, app_spec, progress};
use sluice_domain::journal::Journal;
use sluice_domain::ledger::Kind;
use sluice_domain::plan::Plan;
use sluice_platform::fault::Fault;

use crate::{
    Account, Deployments, Error, Fact, Input, Next, Order, Output, Record, Records, Shift,
};

/// How far back a deployment is looked for whose id nobody could write down.
const LOOKED_BACK: SignedDuration = SignedDuration::from_hours(24);

impl<A: Account, R: Records, L: Record> Shift<A, R, L> {
    /// Creates the group's deployments, or looks how far they are. None: all have
    /// succeeded.
    ///
    /// `is_repeated` says that an earlier try may have created some.
    pub(crate) async fn deploy(
        &self,
        input: &Input,
        plan: &Plan,
        journal: &mut Journal,
        is_repeated: bool,
        now: Timestamp,
    ) -> Result<Option<Output>, Error> {
        let codedeploy = self.account.deployments().await;
        if journal.begun_at.is_none() {
            self.create_deployments(&codedeploy, input, journal, is_repeated, now)
                .await?;
        }
        let begun_at = journal.begun_at.unwrap_or(now);
        match progress(&followed(&codedeploy, journal).await?) {
            Progress::Succeeded => Ok(None),
            Progress::Failed(failures) => Err(Error::DeploymentFailed(failures)),
            Progress::Running if now >= begun_at + time_for_it(plan) => {
                Err(Error::DeploymentFailed(vec![format!(
                    "found deployments under way {} s after they began; expected all to succeed by then: \
                     `codedeploy.shift_seconds` gives them longer",
                    now.duration_since(begun_at).as_secs()
                )]))
            }
            Progress::Running => Ok(Some(Output {
                next: Some(Next::Bake),
                wait_seconds: Some(plan.judge.period_seconds),
                next_step: input.step,
                ..Output::default()
            })),
        }
    }

    async fn create_deployments(
        &self,
        codedeploy: &A::Deployments,
        input: &Input,
        journal: &mut Journal,
        is_repeated: bool,
        now: Timestamp,
    ) -> Result<(), Error> {
        let id = &input.promotion;
        for function in without_id(journal) {
            let created = self
                .create_deployment(codedeploy, input, journal, &function, is_repeated, now)
                .await?;
            let entry = journal.functions.get_mut(&function);
            if let Some(deployment) = entry.and_then(|entry| entry.deployment.as_mut()) {
                deployment.id = created;
            }
            self.records.save(id, input.generation, journal).await?;
        }
        let fact = Fact {
            kind: Kind::DeploymentsCreated,
            key: "deployments".to_owned(),
            facts: json!({ "deployments": ids(journal) }),
        };
        self.ledger.record(id, fact).await?;
        journal.begun_at = Some(now);
        Ok(self.records.save(id, input.generation, journal).await?)
    }

    /// Answers the id. One that an earlier try created is taken as it is.
    async fn create_deployment(
        &self,
        codedeploy: &A::Deployments,
        input: &Input,
        journal: &Journal,
        function: &str,
        is_repeated: bool,
        now: Timestamp,
    ) -> Result<Option<String>, Error> {
        let Some((entry, group)) = journal.functions.get(function).and_then(|entry| {
            let group = &entry.deployment.as_ref()?.group;
            Some((entry, group))
        }) else {
            return Ok(None);
        };
        let (mark, since) = (mark(input, function), now - LOOKED_BACK);
        if is_repeated {
            let there = codedeploy.find(group, &mark, since).await?;
            if there.is_some() {
                return Ok(there);
            }
        }
        let Some(app_spec) = app_spec(entry, &self.hook) else {
            return Ok(None);
        };
        let order = Order {
            group: group.clone(),
            app_spec: app_spec.to_string(),
            mark,
        };
        match codedeploy.create(&order).await {
            Ok(id) => Ok(Some(id)),
            // It may be there all the same: answers get lost.
            Err(fault) => match codedeploy.find(group, &order.mark, since).await {
                Ok(Some(id)) => Ok(Some(id)),
                Ok(None) | Err(_) => Err(fault.into()),
            },
        }
    }

    /// Brings every deployment of the group to its end, its rollback included.
    /// Answers what went wrong: aliases are put back all the same.
    pub(crate) async fn end_deployments(
        &self,
        input: &Input,
        journal: &Journal,
        now: Timestamp,
    ) -> Option<String> {
        if !journal.is_deployed() || journal.step.is_none() {
            return None;
        }
        let ended = self.try_to_end_deployments(input, journal, now).await;
        ended.err().map(|fault| fault.to_string())
    }

    async fn try_to_end_deployments(
        &self,
        input: &Input,
        journal: &Journal,
        now: Timestamp,
    ) -> Result<(), Fault> {
        let codedeploy = self.account.deployments().await;
        let mut all: Vec<String> = ids(journal).into_values().collect();
        for function in without_id(journal) {
            // Whoever created one may have died before it could say so.
            let entry = &journal.functions[&function];
            if let Some(deployment) = &entry.deployment {
                let mark = mark(input, &function);
                let since = now - LOOKED_BACK;
                all.extend(codedeploy.find(&deployment.group, &mark, since).await?);
            }
        }
        let mut ending = Ending::of(all);
        let waiting = self.patience.start();
        let mut pauses = waiting.pauses();
        loop {
            let look = ending.look(&codedeploy.look(ending.ids()).await?);
            for id in &look.stop {
                codedeploy.stop(id).await?;
            }
            if look.under_way.is_empty() {
                return Ok(());
            }
            if !pauses.pause().await {
                return Err(Fault::other(
                    "ending deployments",
                    format!(
                        "found {} under way after {} s; expected them, and what rolls them back, to end",
                        look.under_way.join(", "),
                        waiting.seconds()
                    ),
                ));
            }
        }
    }
}

fn mark(input: &Input, function: &str) -> Mark {
    Mark {
        promotion: input.promotion.clone(),
        function: function.to_owned(),
        generation: input.generation,
    }
}

/// How long the plan gives CodeDeploy.
fn time_for_it(plan: &Plan) -> SignedDuration {
    let seconds = plan.codedeploy.as_ref();
    let seconds = seconds.map_or(0, |codedeploy| codedeploy.shift_seconds);
    SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX / 2))
}

/// The functions whose deployment has no id yet.
fn without_id(journal: &Journal) -> Vec<String> {
    let entries = journal.functions.iter();
    let waiting = entries.filter(|(_, entry)| {
        let deployment = entry.deployment.as_ref();
        deployment.is_some_and(|deployment| deployment.id.is_none())
    });
    waiting.map(|(name, _)| name.clone()).collect()
}

/// The deployments by function.
fn ids(journal: &Journal) -> BTreeMap<&str, String> {
    let entries = journal.functions.iter();
    let known = entries.filter_map(|(name, entry)| {
        let id = entry.deployment.as_ref()?.id.clone()?;
        Some((name.as_str(), id))
    });
    known.collect()
}

/// How the group's deployments stand, by function.
async fn followed<D: Deployments>(
    codedeploy: &D,
    journal: &Journal,
) -> Result<BTreeMap<String, Found>, Error> {
    let ids = ids(journal);
    let asked: Vec<String> = ids.values().cloned().collect();
    let mut found: BTreeMap<String, Found> = codedeploy
        .look(&asked)
        .await?
        .into_iter()
        .map(|found| (found.id.clone(), found))
        .collect();
    let of = |(function, id): (&str, String)| Some((function.to_owned(), found.remove(&id)?));
    let followed: BTreeMap<String, Found> = ids.into_iter().filter_map(of).collect();
    if followed.len() < asked.len() {
        let problem = format!(
            "asked for {}; was told of {} of them",
            asked.join(", "),
            followed.len()
        );
        return Err(Fault::other("codedeploy:BatchGetDeployments", problem).into());
    }
    Ok(followed)
}
