//! Metrics from CloudWatch, the promotion's record in the state table, probes
//! through `smoke`, and approvers through `approval`.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_cloudwatch::Client;
use aws_sdk_lambda::primitives::Blob;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sluice_domain::approval::{self, AtStep};
use sluice_domain::controls::Controls;
use sluice_domain::journal::Journal;
use sluice_domain::judge::{AlarmState, MetricQuery, Probed, Probing};
use sluice_domain::ledger::Kind;
use sluice_domain::plan::Plan;
use sluice_domain::promotion::PromotionId;
use sluice_domain::settings::Role;
use sluice_platform::aws::PerAccount;
use sluice_platform::cloudwatch;
use sluice_platform::fault::Fault;
use sluice_platform::lambda::{MissingVariable, variable};
use sluice_platform::ledger::Ledger;
use sluice_platform::store::{Part, Store, StoreError};
use tokio::time::timeout;

use crate::{Approvers, Metrics, Probes, Records, Series, Verdicts, Window};

/// How long functions are waited for. Longer than `smoke` takes for probes, and short
/// enough that this function still answers in its own time.
const LONGEST_CALL: Duration = Duration::from_secs(30);

/// CloudWatch in this account, or in another through a role.
pub struct CloudWatch(PerAccount<Client>);

impl CloudWatch {
    /// Builds the client for this account once.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self(PerAccount::new(config, Client::new))
    }
}

impl Metrics for CloudWatch {
    async fn series(
        &self,
        role: Option<&Role>,
        id: &PromotionId,
        queries: &[MetricQuery],
        window: &Window,
    ) -> Result<Vec<Option<Series>>, Fault> {
        series(&self.0.of(role, id).await, queries, window).await
    }

    async fn alarms(
        &self,
        role: Option<&Role>,
        id: &PromotionId,
        names: &[String],
    ) -> Result<BTreeMap<String, AlarmState>, Fault> {
        cloudwatch::alarms(&self.0.of(role, id).await, names).await
    }
}

/// One series for each query, in their order. A series that may lack something is None.
///
/// # Errors
/// When CloudWatch fails.
pub async fn series(
    client: &Client,
    queries: &[MetricQuery],
    window: &Window,
) -> Result<Vec<Option<Series>>, Fault> {
    let between = (window.start, window.end);
    cloudwatch::series(client, queries, between, window.period_seconds).await
}

/// The promotion's record in the state table.
pub struct Table(pub Store);

impl Records for Table {
    async fn plan(&self, id: &PromotionId) -> Result<Plan, StoreError> {
        self.0.required_part(id, Part::Plan).await
    }

    async fn journal(&self, id: &PromotionId) -> Result<Journal, StoreError> {
        self.0.required_part(id, Part::Journal).await
    }

    async fn controls(&self, id: &PromotionId) -> Result<Controls, StoreError> {
        Ok(self.0.part(id, Part::Controls).await?.unwrap_or_default())
    }

    async fn probing(&self, id: &PromotionId) -> Result<Probing, StoreError> {
        Ok(self.0.part(id, Part::Probes).await?.unwrap_or_default())
    }

    async fn keep(&self, id: &PromotionId, probing: &Probing) -> Result<(), StoreError> {
        self.0.put_part(id, Part::Probes, probing).await
    }
}

/// Other functions of Sluice: `smoke`, which may call what it probes, and
/// `approval`, which may ask people. This one may do neither.
pub struct Functions {
    client: aws_sdk_lambda::Client,
    smoke: String,
    approval: String,
    desk_url: String,
}

impl Functions {
    /// From `SLUICE_SMOKE_FUNCTION`, `SLUICE_APPROVAL_FUNCTION` and `SLUICE_DESK_URL`.
    ///
    /// # Errors
    /// When a variable is not set.
    pub fn from_env(config: &SdkConfig) -> Result<Self, MissingVariable> {
        Ok(Self {
            client: aws_sdk_lambda::Client::new(config),
            smoke: variable("SLUICE_SMOKE_FUNCTION")?,
            approval: variable("SLUICE_APPROVAL_FUNCTION")?,
            desk_url: variable("SLUICE_DESK_URL")?,
        })
    }

    /// What a function answers, if it does so in time.
    async fn call<T: DeserializeOwned>(
        &self,
        operation: &str,
        function: &str,
        payload: Value,
    ) -> Result<T, Fault> {
        let request = self
            .client
            .invoke()
            .function_name(function)
            .payload(Blob::new(payload.to_string()));
        let answer = timeout(LONGEST_CALL, request.send())
            .await
            .map_err(|_| Fault::other(operation, format!("{function} did not answer in time")))?
            .map_err(|error| Fault::new(operation, error))?;
        let body = answer.payload().map(Blob::as_ref).unwrap_or_default();
        if answer.function_error().is_some() {
            return Err(Fault::of_function(operation, body));
        }
        serde_json::from_slice(body).map_err(|error| Fault::other(operation, error))
    }
}

/// What `smoke` answers.
#[derive(Deserialize)]
struct Answered {
    #[serde(default)]
    probes: Vec<Probed>,
}

impl Probes for Functions {
    async fn probe(&self, id: &PromotionId) -> Result<Vec<Probed>, Fault> {
        let payload = json!({ "promotion": id, "stage": "probe" });
        let operation = format!("probing {id}");
        let answered: Answered = self.call(&operation, &self.smoke, payload).await?;
        Ok(answered.probes)
    }
}

impl Approvers for Functions {
    async fn ask(&self, id: &PromotionId, step: &AtStep) -> Result<approval::Answer, Fault> {
        let payload =
            json!({ "op": "step", "promotion": id, "step": step, "desk_url": self.desk_url });
        let operation = format!("asking for the approval of step {} of {id}", step.index + 1);
        self.call(&operation, &self.approval, payload).await
    }

    async fn withdraw(&self, id: &PromotionId, step: usize) -> Result<(), Fault> {
        let payload = json!({ "op": "withdraw", "promotion": id, "step": step });
        let operation = format!("taking back what was asked at step {} of {id}", step + 1);
        let _: Value = self.call(&operation, &self.approval, payload).await?;
        Ok(())
    }
}

impl Verdicts for Ledger {
    async fn record(
        &self,
        id: &PromotionId,
        kind: Kind,
        key: &str,
        facts: Value,
    ) -> Result<u64, Fault> {
        Ok(self.append(id, kind, key, facts).await?.sequence)
    }
}
