//! Functions through Lambda, records through the state table.

use std::time::{Duration, Instant};

use aws_config::SdkConfig;
use aws_sdk_lambda::Client;
use aws_sdk_lambda::operation::invoke::InvokeOutput;
use aws_sdk_lambda::primitives::Blob;
use serde_json::{Value, json};
use sluice_domain::ledger::Kind;
use sluice_domain::plan::Plan;
use sluice_domain::promotion::PromotionId;
use sluice_domain::settings::Role;
use sluice_platform::aws::PerAccount;
use sluice_platform::bundle::BundleReader;
use sluice_platform::fault::Fault;
use sluice_platform::ledger::Ledger;
use sluice_platform::store::{Part, Store};

use crate::{Answer, Call, Error, Open, Prober, Record, Records, Source, TestResult, Work};

/// How long a function that Lambda put to sleep may take to wake.
const LONGEST_WAKING: Duration = Duration::from_secs(60);

impl Open for PerAccount<Functions> {
    type Functions = Functions;

    async fn open(&self, role: Option<&Role>, promotion: &PromotionId) -> Functions {
        self.of(role, promotion).await
    }
}

/// The functions of one account.
#[derive(Clone)]
pub struct Functions(Client);

impl Functions {
    /// Through Lambda in the account that the configuration opens.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self(Client::new(config))
    }

    /// Invokes a function, once it is awake: Lambda refuses a call to a
    /// function that was not used for weeks, and wakes it meanwhile.
    async fn invoke_awake(
        &self,
        function: &str,
        qualifier: &str,
        payload: Vec<u8>,
    ) -> Result<(InvokeOutput, Duration), Fault> {
        let until = Instant::now() + LONGEST_WAKING;
        let mut pause = Duration::from_millis(50);
        loop {
            let request = self
                .0
                .invoke()
                .function_name(function)
                .qualifier(qualifier)
                .payload(Blob::new(payload.clone()));
            let started = Instant::now();
            match request.send().await {
                Ok(answer) => return Ok((answer, started.elapsed())),
                Err(error) => {
                    let fault =
                        Fault::new(format!("lambda:Invoke of {function}:{qualifier}"), error);
                    let is_asleep = fault.is("ResourceNotReadyException")
                        || fault.is("ResourceConflictException");
                    if !is_asleep || Instant::now() >= until {
                        return Err(fault);
                    }
                }
            }
            tokio::time::sleep(pause).await;
            pause = Duration::from_secs(2).min(pause * 2);
        }
    }
}

impl Call for Functions {
    async fn invoke(
        &self,
        function: &str,
        qualifier: &str,
        payload: &Value,
    ) -> Result<Answer, Fault> {
        let (answer, latency) = self
            .invoke_awake(function, qualifier, payload.to_string().into_bytes())
            .await?;
        Ok(Answer {
            body: answer.payload.map(Blob::into_inner).unwrap_or_default(),
            latency,
            source: Source::Function {
                version: answer.executed_version,
                error: answer.function_error,
            },
        })
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
        let plan: Plan = self.store.required_part(id, Part::Plan).await?;
        Ok(Work {
            versions: self.store.required_part(id, Part::Versions).await?,
            manifest: self.bundles.manifest(&promotion.bundle).await?,
            role: plan.role,
            bundle: plan.bundle,
            suites: plan.suites,
        })
    }

    async fn probes(&self, id: &PromotionId) -> Result<Prober, Error> {
        let plan: Plan = self.store.required_part(id, Part::Plan).await?;
        Ok(Prober {
            versions: self.store.required_part(id, Part::Versions).await?,
            probes: plan.judge.probes,
            role: plan.role,
        })
    }
}

impl Record for Ledger {
    async fn tested(
        &self,
        id: &PromotionId,
        stage: &'static str,
        function: Option<&str>,
        results: &[TestResult],
    ) -> Result<(), Fault> {
        let failed = results
            .iter()
            .filter(|result| !result.problems.is_empty())
            .count();
        let mut facts = json!({ "stage": stage, "passed": results.len() - failed, "failed": failed, "tests": results });
        let mut key = stage.to_owned();
        if let Some(function) = function {
            facts["function"] = json!(function);
            key = format!("{stage}/{function}");
        }
        self.append(id, Kind::SmokeTested, &key, facts)
            .await
            .map(|_| ())
    }
}
