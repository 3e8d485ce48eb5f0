//! Reports through S3, records through the state table.

use aws_config::SdkConfig;
use aws_sdk_s3::Client;
use serde::Serialize;
use sluice_domain::ledger::Kind;
use sluice_domain::promotion::PromotionId;
use sluice_domain::suites::{Place, Stage, Suite};
use sluice_platform::fault::Fault;
use sluice_platform::ledger::Ledger;
use sluice_platform::store::{Part, Store, StoreError};

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

/// Reports in S3.
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

impl Record for Ledger {
    async fn ran(&self, id: &PromotionId, suite: &Suite, verdict: &Verdict) -> Result<(), Fault> {
        let operation = || format!("recording suite {} of {id}", suite.name);
        let ran = Ran {
            suite: &suite.name,
            stage: suite.stage,
            target: suite.target(),
            verdict,
        };
        let facts = serde_json::to_value(ran).map_err(|error| Fault::other(operation(), error))?;
        let key = format!("{}/{}", suite.stage, suite.name);
        self.append(id, Kind::SuiteRan, &key, facts).await.map(drop)
    }
}
