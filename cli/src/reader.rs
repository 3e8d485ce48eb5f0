//! Reads how promotions and releases stand, from the state table, the ledger
//! and Step Functions.

use std::collections::BTreeMap;

use aws_config::SdkConfig;
use jiff::Timestamp;
use semver::Version;
use sluice_domain::approval::State;
use sluice_domain::naming;
use sluice_domain::promotion::{Promotion, PromotionId};
use sluice_platform::store::{OpenRequest, Part, Release, Store, StoreError, Ticket};

use crate::error::{Error, Result, is_denial};
use crate::execution::Executions;
use crate::ledger::{LedgerReader, UNKNOWN_RELEASE, refusal, release_chain};
use crate::resources::Resources;
use crate::target::ReleaseTarget;
use crate::timeline::{ReleaseTimeline, Taken, Timeline};
use crate::view::{Question, Record, ReleaseView};

/// Reads promotions and releases.
#[derive(Clone)]
pub struct Reader {
    /// The state table.
    pub store: Store,
    /// The ledger.
    pub ledger: LedgerReader,
    /// Step Functions.
    pub executions: Executions,
    lambda: aws_sdk_lambda::Client,
    promote_machine: String,
    rollout_machine: String,
}

impl Reader {
    /// From the resources of a stack.
    ///
    /// # Errors
    /// When the stack lacks an output.
    pub fn new(config: &SdkConfig, resources: &Resources) -> Result<Self> {
        Ok(Self {
            store: Store::new(config, resources.state_table()?.to_owned()),
            ledger: LedgerReader::new(config, resources.ledger_table()?),
            executions: Executions::new(config),
            lambda: aws_sdk_lambda::Client::new(config),
            promote_machine: resources.promote_machine()?.to_owned(),
            rollout_machine: resources.rollout_machine()?.to_owned(),
        })
    }

    /// The ARN of a promotion's rollout, whether it was started or not.
    #[must_use]
    pub fn rollout_arn(&self, promotion: &Promotion) -> String {
        let name = naming::promotion_execution(&promotion.id, &promotion.bundle.digest);
        naming::execution_arn(&self.rollout_machine, &name)
    }

    /// Everything about a promotion. None: it was not opened yet.
    ///
    /// # Errors
    /// When AWS fails.
    pub async fn record(&self, id: &PromotionId) -> Result<Option<Record>> {
        self.refreshed(id, None).await
    }

    /// The record once more, with what has changed since.
    ///
    /// # Errors
    /// When AWS fails.
    pub async fn refreshed(
        &self,
        id: &PromotionId,
        before: Option<Record>,
    ) -> Result<Option<Record>> {
        let promotion = match self.store.promotion(id).await {
            Ok((promotion, _)) => promotion,
            Err(StoreError::Missing(_)) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let (plan, versions, mut entries) = match before {
            Some(before) => (before.plan, before.versions, before.entries),
            None => (None, BTreeMap::new(), Vec::new()),
        };
        let plan = match plan {
            Some(plan) => Some(plan),
            None => self.store.part(id, Part::Plan).await?,
        };
        let versions = if versions.is_empty() {
            self.store
                .part(id, Part::Versions)
                .await?
                .unwrap_or_default()
        } else {
            versions
        };
        let last = entries
            .last()
            .map_or(0, |entry: &sluice_domain::ledger::Entry| entry.sequence);
        entries.extend(self.ledger.entries(&id.to_string(), last).await?);
        let standing = self.executions.standing(&promotion.execution_arn).await?;
        let runs = standing.is_some_and(|standing| standing.runs());
        let (state, approval) = if runs {
            let question = if_permitted(self.question(id).await)?;
            (self.state(&promotion).await, question)
        } else {
            (None, None)
        };
        Ok(Some(Record {
            promotion,
            plan,
            versions,
            entries,
            approval,
            state,
            runs,
        }))
    }

    /// Where the promotion is: its own state, or its rollout's. Best effort:
    /// few people may read histories, and everybody may see the rest.
    async fn state(&self, promotion: &Promotion) -> Option<String> {
        let state = self
            .executions
            .state(&promotion.execution_arn)
            .await
            .ok()??;
        if state != "Rollout" {
            return Some(state);
        }
        let child = self.executions.state(&self.rollout_arn(promotion)).await;
        child.ok().flatten().or(Some(state))
    }

    /// The places in line. None: who asks may not read them, for each has a task token.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn line(&self) -> Result<Option<Vec<Ticket>>> {
        if_permitted(self.store.tickets().await.map(Some).map_err(Error::from))
    }

    /// What people are asked about a promotion first, or were asked last.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn question(&self, id: &PromotionId) -> Result<Option<Question>> {
        let mut asked = self.store.requests_of(id).await?;
        let is_open = |open: &OpenRequest| open.state == State::Pending;
        let open = match asked.iter().position(is_open) {
            Some(first) => Some(asked.swap_remove(first)),
            None => asked.pop(),
        };
        match open {
            Some(open) => Ok(Some(self.with_votes(open).await?)),
            None => Ok(None),
        }
    }

    /// All that people were asked about a promotion, in the order in which they were.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn questions(&self, id: &PromotionId) -> Result<Vec<Question>> {
        let mut questions = Vec::new();
        for open in self.store.requests_of(id).await? {
            questions.push(self.with_votes(open).await?);
        }
        Ok(questions)
    }

    async fn with_votes(&self, open: OpenRequest) -> Result<Question> {
        let votes = self.store.votes(&open.request.id).await?;
        Ok(Question {
            request: open.request,
            state: open.state,
            votes: votes.into_iter().map(|sealed| sealed.vote).collect(),
        })
    }

    /// The release that is meant: its last attempt, unless one is named.
    ///
    /// # Errors
    /// When there is none, or DynamoDB fails.
    pub async fn release(&self, target: &ReleaseTarget) -> Result<Release> {
        let application = &target.application;
        let version = match &target.version {
            Some(version) => version.clone(),
            None => {
                let promotions = self.store.promotions_of(application).await?;
                let last = promotions
                    .into_iter()
                    .map(|(promotion, _)| promotion)
                    .max_by_key(|promotion| promotion.opened_at);
                let none = || Error::Absent(format!("nothing of {application} was ever promoted"));
                last.ok_or_else(none)?.id.version
            }
        };
        let mut attempts = self.store.releases(application, &version).await?;
        let wanted = match target.attempt {
            Some(attempt) => attempts
                .into_iter()
                .find(|release| release.attempt == attempt),
            None => attempts.pop(),
        };
        match (wanted, target.attempt) {
            (Some(release), _) => Ok(release),
            (None, Some(attempt)) => Err(Error::Absent(format!(
                "there is no attempt {attempt} at {application} {version}; `sluice history {application}` lists what there was"
            ))),
            (None, None) => Err(self.never_begun(application, &version).await?),
        }
    }

    /// Why a release never began: it was refused, or nobody asked for it.
    async fn never_begun(&self, application: &str, version: &Version) -> Result<Error> {
        let folder = format!("{application}/{version}");
        for chain in [
            release_chain(application, version),
            UNKNOWN_RELEASE.to_owned(),
        ] {
            let entries = self.ledger.entries(&chain, 0).await?;
            let must_name_it = chain == UNKNOWN_RELEASE;
            let refusal = |entry| refusal(entry, &folder, must_name_it);
            if let Some(refused) = entries.iter().rev().find_map(refusal) {
                return Ok(refused);
            }
        }
        Ok(Error::Absent(format!(
            "there is no release of {application} {version}, and none was refused"
        )))
    }

    /// A release as it stands.
    ///
    /// # Errors
    /// When AWS fails.
    pub async fn release_view(&self, release: &Release) -> Result<ReleaseView> {
        let stages = release
            .environments
            .iter()
            .map(|environment| (environment.clone(), None))
            .collect();
        self.refreshed_view(ReleaseView {
            release: release.clone(),
            standing: None,
            stages,
        })
        .await
    }

    /// The view once more, with what has changed since.
    ///
    /// # Errors
    /// When AWS fails.
    pub async fn refreshed_view(&self, mut view: ReleaseView) -> Result<ReleaseView> {
        // The execution first: what it had done by then is seen below.
        view.standing = self
            .executions
            .standing(&view.release.execution_arn)
            .await?;
        for (environment, stage) in &mut view.stages {
            if stage.as_ref().is_some_and(Record::is_over) {
                continue;
            }
            let id = PromotionId {
                application: view.release.application.clone(),
                environment: environment.clone(),
                version: view.release.version.clone(),
                attempt: view.release.attempt,
            };
            *stage = self.refreshed(&id, stage.take()).await?;
            // One after the other: behind an open one nothing has begun.
            if stage.as_ref().is_none_or(|record| !record.is_over()) {
                break;
            }
        }
        Ok(view)
    }

    /// What a promotion came to.
    ///
    /// # Errors
    /// When AWS fails.
    pub async fn timeline(&self, record: &Record, now: Timestamp) -> Result<Timeline> {
        let taken = if_permitted(self.taken(record).await)?;
        Ok(Timeline::of(record, taken, now))
    }

    /// What a release came to.
    ///
    /// # Errors
    /// When AWS fails.
    pub async fn release_timeline(
        &self,
        view: &ReleaseView,
        now: Timestamp,
    ) -> Result<ReleaseTimeline> {
        let mut promotions = Vec::new();
        for record in view.stages.iter().filter_map(|(_, record)| record.as_ref()) {
            promotions.push(self.timeline(record, now).await?);
        }
        let own = match view.standing {
            Some(_) => {
                let trace = self.executions.trace(&view.release.execution_arn).await;
                if_permitted(
                    trace
                        .map(|trace| Some(trace.state_transitions))
                        .map_err(Error::from),
                )?
            }
            None => None,
        };
        Ok(ReleaseTimeline::of(view, own, promotions))
    }

    /// What the executions of a promotion took. None: they are gone, Step
    /// Functions keeps them for 90 days; or it never began.
    async fn taken(&self, record: &Record) -> Result<Option<Taken>> {
        let promotion = &record.promotion;
        let standing = self.executions.standing(&promotion.execution_arn).await?;
        if standing.is_none() || !promotion.began() {
            return Ok(None);
        }
        let mut taken = Taken {
            state_transitions: 0,
            calls: 0,
            gb_seconds: 0.0,
        };
        self.add_taken(&mut taken, &promotion.execution_arn, &self.promote_machine)
            .await?;
        let rollout = self.rollout_arn(promotion);
        if self.executions.standing(&rollout).await?.is_some() {
            self.add_taken(&mut taken, &rollout, &self.rollout_machine)
                .await?;
        }
        Ok(Some(taken))
    }

    async fn add_taken(&self, taken: &mut Taken, execution: &str, machine: &str) -> Result<()> {
        let trace = self.executions.trace(execution).await?;
        let functions = self.executions.functions(machine).await?;
        let mut memory = BTreeMap::new();
        taken.state_transitions += trace.state_transitions;
        taken.calls += trace.calls.len() as u64;
        for (state, seconds) in trace.calls {
            let Some(function) = functions.get(&state) else {
                continue;
            };
            if !memory.contains_key(function) {
                memory.insert(function.clone(), self.memory_gb(function).await);
            }
            taken.gb_seconds += seconds * memory.get(function).copied().unwrap_or_default();
        }
        Ok(())
    }

    /// A function's memory in GB; Lambda's least where it can't be read.
    async fn memory_gb(&self, function: &str) -> f64 {
        let answer = self
            .lambda
            .get_function_configuration()
            .function_name(function)
            .send()
            .await;
        let megabytes = answer
            .ok()
            .and_then(|configuration| configuration.memory_size)
            .unwrap_or(128);
        f64::from(megabytes) / 1024.0
    }
}

/// Few people may read histories and requests, and everybody may see the rest.
fn if_permitted<T>(answer: Result<Option<T>>) -> Result<Option<T>> {
    match answer {
        Err(Error::Fault(fault) | Error::Store(StoreError::Fault(fault))) if is_denial(&fault) => {
            Ok(None)
        }
        answer => answer,
    }
}

#[cfg(test)]
mod tests {
    use sluice_platform::fault::Fault;

    use super::*;

    fn fault(code: &str) -> Fault {
        let mut fault = Fault::other("states:GetExecutionHistory", "no");
        fault.code = Some(code.to_owned());
        fault
    }

    #[test]
    fn what_may_not_be_read_is_left_out_and_any_other_failure_is_told() {
        let failed = |error: Error| if_permitted::<u64>(Err(error));
        for code in ["AccessDeniedException", "KmsAccessDeniedException"] {
            let of_the_store = StoreError::Fault(fault(code));
            for error in [fault(code).into(), of_the_store.into()] {
                assert_eq!(failed(error).expect("left out"), None, "{code}");
            }
        }
        failed(fault("InternalServerError").into()).expect_err("told");
        let of_the_store = StoreError::Fault(fault("InternalServerError"));
        failed(of_the_store.into()).expect_err("told");
    }
}
