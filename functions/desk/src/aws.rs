//! The ports on AWS: state table, bundles and ledger through the platform;
//! Parameter Store and the function that counts here.

use aws_config::SdkConfig;
use aws_sdk_lambda::primitives::Blob;
use serde::Deserialize;
use serde_json::json;
use sluice_domain::approval::{Request, State, Vote};
use sluice_domain::ledger::Kind;
use sluice_domain::promotion::PromotionId;
use sluice_platform::bundle::{BundleError, BundleReader};
use sluice_platform::fault::Fault;
use sluice_platform::lambda::{MissingVariable, variable};
use sluice_platform::ledger::Ledger;
use sluice_platform::store::{Part, Store};

use crate::{Code, Codes, Error, Record, Requests, Subject, Subjects, Tally, Window};

/// All ports on AWS.
pub struct Aws {
    store: Store,
    bundles: BundleReader,
    ledger: Ledger,
    ssm: aws_sdk_ssm::Client,
    lambda: aws_sdk_lambda::Client,
    approval: String,
}

impl Aws {
    /// Builds the clients, once.
    ///
    /// # Errors
    /// When a variable is not set.
    pub fn from_env(config: &SdkConfig) -> Result<Self, MissingVariable> {
        Ok(Self {
            store: Store::from_env(config)?,
            bundles: BundleReader::new(config),
            ledger: Ledger::from_env(config, "desk")?,
            ssm: aws_sdk_ssm::Client::new(config),
            lambda: aws_sdk_lambda::Client::new(config),
            approval: variable("SLUICE_APPROVAL_FUNCTION")?,
        })
    }
}

impl Requests for Aws {
    async fn find(&self, id: &str) -> Result<Option<(Request, State)>, Error> {
        Ok(self
            .store
            .request(id)
            .await?
            .map(|open| (open.request, open.state)))
    }

    async fn votes(&self, id: &str) -> Result<Vec<Vote>, Error> {
        Ok(self.store.votes(id).await?)
    }

    async fn cast(&self, id: &str, vote: &Vote) -> Result<bool, Error> {
        Ok(self.store.cast(id, vote).await?)
    }
}

impl Subjects for Aws {
    async fn subject(&self, id: &PromotionId) -> Result<Subject, Error> {
        let (promotion, _) = self.store.promotion(id).await?;
        let plan = self.store.required_part(id, Part::Plan).await?;
        let manifest = match self.bundles.manifest(&promotion.bundle).await {
            Ok(manifest) => Some(manifest),
            Err(BundleError::Fault(fault)) => return Err(fault.into()),
            Err(error) => {
                tracing::error!(promotion = %id, %error, "the manifest can't be shown");
                None
            }
        };
        Ok(Subject {
            bundle: promotion.bundle.digest,
            plan,
            manifest,
        })
    }

    async fn has_ended(&self, id: &PromotionId) -> Result<bool, Error> {
        let (promotion, _) = self.store.promotion(id).await?;
        Ok(promotion.has_ended())
    }
}

impl Codes for Aws {
    async fn code(&self, parameter: &str) -> Result<Option<Code>, Error> {
        match self
            .ssm
            .get_parameter()
            .name(parameter)
            .with_decryption(true)
            .send()
            .await
        {
            Ok(answer) => Ok(answer
                .parameter()
                .and_then(|found| found.value())
                .and_then(Code::new)),
            Err(error) => {
                let fault = Fault::new(format!("ssm:GetParameter of {parameter}"), error);
                if fault.is("ParameterNotFound") {
                    Ok(None)
                } else {
                    Err(fault.into())
                }
            }
        }
    }

    async fn count_try(&self, id: &str, person: &str, window: Window) -> Result<u64, Error> {
        let (number, forgotten_at) = (window.number(), window.forgotten_at());
        let counted = self.store.count_try(id, person, number, forgotten_at);
        Ok(counted.await?)
    }
}

impl Record for Aws {
    async fn vote_cast(&self, request: &Request, vote: &Vote) -> Result<(), Fault> {
        let facts = json!({
            "person": vote.person,
            "choice": vote.choice,
            "comment": vote.comment,
            "method": vote.method,
            "at": vote.at,
            "bundle": request.bundle,
            "plan": request.plan,
            "step": request.step.as_ref().map(|step| step.index),
            "weight": request.step.as_ref().map(|step| step.weight),
        });
        let (person, promotion) = (&vote.person, &request.promotion);
        let key = request.ledger_key(person);
        self.ledger
            .append_as(person, promotion, Kind::VoteCast, &key, facts)
            .await
            .map(drop)
    }
}

/// What `approval` answers.
#[derive(Deserialize)]
struct Tallied {
    state: State,
}

impl Tally for Aws {
    async fn tally(&self, id: &str) -> Result<State, Fault> {
        const OPERATION: &str = "counting the votes";
        let input = json!({"op": "tally", "approval": id}).to_string();
        let request = self
            .lambda
            .invoke()
            .function_name(&self.approval)
            .payload(Blob::new(input));
        let answer = request
            .send()
            .await
            .map_err(|error| Fault::new(OPERATION, error))?;
        let body = answer.payload().map(Blob::as_ref).unwrap_or_default();
        if answer.function_error().is_some() {
            return Err(Fault::other(OPERATION, String::from_utf8_lossy(body)));
        }
        let tallied: Tallied =
            serde_json::from_slice(body).map_err(|error| Fault::other(OPERATION, error))?;
        Ok(tallied.state)
    }
}
