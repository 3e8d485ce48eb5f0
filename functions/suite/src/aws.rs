//! Reports through S3, records through the state table, settings through Parameter Store.

use aws_config::SdkConfig;
use aws_sdk_s3::Client;
use serde::Serialize;
use serde_json::Value;
use sluice_domain::journal::Versions;
use sluice_domain::ledger::Kind;
use sluice_domain::promotion::{Promotion, PromotionId};
use sluice_domain::settings::Settings;
use sluice_domain::suites::{Place, Stage, Suite};
use sluice_domain::test_run::TestRun;
use sluice_platform::fault::Fault;
use sluice_platform::ledger::Ledger;
use sluice_platform::settings::{SettingsError, SettingsReader};
use sluice_platform::store::{Part, Store, StoreError};

use crate::scheduled::{Chain, End, Environments};
use crate::verdict::Verdict;
use crate::{LARGEST_REPORT, ReadError, Record, Records, Reports, Work};

/// The promotion's record in the state table.
pub struct Table(pub Store);

impl Records for Table {
    async fn work(&self, id: &PromotionId) -> Result<Work, StoreError> {
        Ok(Work {
            plan: self.0.required_part(id, Part::Plan).await?,
            versions: self.0.required_part(id, Part::Versions).await?,
        })
    }
}

/// What stands in environments, in the state table and Parameter Store.
pub struct Standing {
    /// Promotions.
    pub store: Store,
    /// Settings.
    pub settings: SettingsReader,
}

impl Environments for Standing {
    async fn settings(
        &self,
        application: &str,
        environment: &str,
    ) -> Result<Settings, SettingsError> {
        self.settings.read(application, environment).await
    }

    async fn promotions(&self, application: &str) -> Result<Vec<Promotion>, StoreError> {
        let found = self.store.promotions_of(application).await?;
        Ok(found.into_iter().map(|(promotion, _)| promotion).collect())
    }

    async fn published(&self, id: &PromotionId) -> Result<Option<Versions>, StoreError> {
        self.store.part(id, Part::Versions).await
    }
}

/// Reports in S3.
#[derive(Clone)]
pub struct Objects(Client);

impl Objects {
    /// Builds the client.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self(Client::new(config))
    }
}

impl Reports for Objects {
    async fn read(&self, place: &Place) -> Result<Vec<u8>, ReadError> {
        let operation = || format!("s3:GetObject of {place}");
        let request = self.0.get_object().bucket(&place.bucket).key(&place.key);
        let answer = request
            .send()
            .await
            .map_err(|error| unread(place, Fault::new(operation(), error)))?;
        let size = answer.content_length().unwrap_or_default();
        if size > LARGEST_REPORT {
            return Err(ReadError::Unusable(format!(
                "its report {place} has {size} bytes; expected {LARGEST_REPORT} at most"
            )));
        }
        let bytes = answer.body.collect().await;
        let bytes = bytes.map_err(|error| ReadError::Fault(Fault::other(operation(), error)))?;
        Ok(bytes.to_vec())
    }
}

/// S3 answers "denied" for what isn't there, where the caller may not list the bucket.
fn unread(place: &Place, fault: Fault) -> ReadError {
    if fault.is_throttling() || fault.is_unavailable() {
        return ReadError::Fault(fault);
    }
    ReadError::Unusable(format!(
        "its report can't be read ({}): expected one at {place}, in a place that the template's \
         parameter ManagedReports names",
        fault.message
    ))
}

/// What the ledger holds of it.
#[derive(Serialize)]
struct Ran<'a> {
    suite: &'a str,
    stage: Stage,
    target: &'a str,
    #[serde(flatten)]
    verdict: &'a Verdict,
}

fn ran<'a>(suite: &'a Suite, verdict: &'a Verdict) -> Ran<'a> {
    Ran {
        suite: &suite.name,
        stage: suite.stage,
        target: suite.target(),
        verdict,
    }
}

impl Record for Ledger {
    async fn ran(&self, id: &PromotionId, suite: &Suite, verdict: &Verdict) -> Result<(), Fault> {
        let operation = || format!("recording suite {} of {id}", suite.name);
        let facts = serde_json::to_value(ran(suite, verdict))
            .map_err(|error| Fault::other(operation(), error))?;
        let key = format!("{}/{}", suite.stage, suite.name);
        self.append(id, Kind::SuiteRan, &key, facts).await.map(drop)
    }
}

/// A fact of a run, with what the run is.
#[derive(Serialize)]
struct OfRun<'a, T> {
    run: String,
    requested_by: &'a str,
    #[serde(flatten)]
    fact: T,
}

impl<'a, T: Serialize> OfRun<'a, T> {
    fn facts(run: &'a TestRun, fact: T) -> Result<Value, Fault> {
        let of_run = Self {
            run: run.name(),
            requested_by: &run.requested_by,
            fact,
        };
        let facts = serde_json::to_value(of_run);
        facts.map_err(|error| Fault::other(format!("recording run {}", run.name()), error))
    }
}

impl Chain for Ledger {
    async fn ran(&self, run: &TestRun, suite: &Suite, verdict: &Verdict) -> Result<(), Fault> {
        let facts = OfRun::facts(run, ran(suite, verdict))?;
        let key = format!("{}/{}", run.name(), suite.name);
        let chain = run.chain();
        let recorded = self.append_to(&chain, Kind::SuiteRan, &key, facts);
        recorded.await.map(drop)
    }

    async fn ended(&self, run: &TestRun, end: &End) -> Result<(), Fault> {
        let facts = OfRun::facts(run, end)?;
        let (chain, key) = (run.chain(), run.name());
        let recorded = self.append_to(&chain, Kind::SuitesEnded, &key, facts);
        recorded.await.map(drop)
    }
}
