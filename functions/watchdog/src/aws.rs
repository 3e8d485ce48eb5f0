//! Promotions in the state table, executions in Step Functions, and the
//! functions that do the mending and the counting.

mod approvals;
mod copies;
mod migrations;
mod snapshots;

use aws_config::SdkConfig;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_sfn::types::{ExecutionStatus, IncludedData};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sluice_domain::ledger::Kind;
use sluice_domain::migrations::{Database, Migrating};
use sluice_domain::naming::{execution_arn, promotion_execution, release_execution};
use sluice_domain::promotion::{BundleRef, Generation, Outcome, Promotion, PromotionId};
use sluice_platform::fault::Fault;
use sluice_platform::lambda::{MissingVariable, variable};
use sluice_platform::ledger::Ledger;
use sluice_platform::store::{Part, Release, Store, StoreError};

use crate::{CallError, Executions, Facts, Promotions, Releases, Settled, Status};

pub use approvals::ApprovalRequests;
pub use snapshots::Rds;

/// Promotions and releases in the state table.
pub struct Table(pub Store);

impl Promotions for Table {
    async fn open(&self) -> Result<Vec<Promotion>, StoreError> {
        let open = self.0.open_promotions().await?;
        Ok(open.into_iter().map(|(promotion, _)| promotion).collect())
    }

    async fn current(&self, id: &PromotionId) -> Result<Promotion, StoreError> {
        self.0.promotion(id).await.map(|(promotion, _)| promotion)
    }

    async fn wants_targets(&self, id: &PromotionId) -> Result<bool, StoreError> {
        let targets = self.0.part::<IgnoredAny>(id, Part::Targets).await?;
        Ok(targets.is_some())
    }

    async fn migrating(&self, id: &PromotionId) -> Result<Option<Migrating>, StoreError> {
        self.0.part(id, Part::Migrating).await
    }

    async fn has_stopped_traffic(&self, id: &PromotionId) -> Result<bool, StoreError> {
        let restoring = self.0.part::<IgnoredAny>(id, Part::Restoring).await?;
        Ok(restoring.is_some())
    }

    async fn take_over(&self, id: &PromotionId) -> Result<Generation, StoreError> {
        self.0.raise_generation(id).await
    }
}

impl Releases for Table {
    async fn open_releases(&self) -> Result<Vec<Release>, StoreError> {
        self.0.open_releases().await
    }

    async fn settle_release(&self, release: &Release) -> Result<(), StoreError> {
        self.0.settle_release(release).await
    }
}

/// Executions in Step Functions.
pub struct StateMachines {
    client: aws_sdk_sfn::Client,
    release: String,
    /// Whatever a promotion runs, in the order in which it does.
    children: [String; 4],
}

impl StateMachines {
    /// From `SLUICE_RELEASE_MACHINE`, `SLUICE_REHEARSAL_MACHINE`,
    /// `SLUICE_MIGRATIONS_MACHINE`, `SLUICE_RESTORE_MACHINE` and `SLUICE_ROLLOUT_MACHINE`.
    ///
    /// # Errors
    /// When a variable is not set.
    pub fn from_env(config: &SdkConfig) -> Result<Self, MissingVariable> {
        Ok(Self {
            client: aws_sdk_sfn::Client::new(config),
            release: variable("SLUICE_RELEASE_MACHINE")?,
            children: [
                variable("SLUICE_REHEARSAL_MACHINE")?,
                variable("SLUICE_MIGRATIONS_MACHINE")?,
                variable("SLUICE_RESTORE_MACHINE")?,
                variable("SLUICE_ROLLOUT_MACHINE")?,
            ],
        })
    }

    /// Stops an execution if it runs. One that ends by itself meanwhile is fine.
    async fn stop_if_running(&self, arn: &str) -> Result<(), Fault> {
        if self.status(arn).await? != Status::Running {
            return Ok(());
        }
        let request = self
            .client
            .stop_execution()
            .execution_arn(arn)
            .error("TakenOver")
            .cause("nobody answered for it any more: the watchdog took over");
        let Err(error) = request.send().await else {
            return Ok(());
        };
        if self.status(arn).await? == Status::Running {
            return Err(Fault::new(format!("states:StopExecution of {arn}"), error));
        }
        Ok(())
    }
}

const NO_SUCH_EXECUTION: &str = "ExecutionDoesNotExist";

impl Executions for StateMachines {
    async fn status(&self, arn: &str) -> Result<Status, Fault> {
        match self
            .client
            .describe_execution()
            .execution_arn(arn)
            // Input and output are encrypted, and not needed.
            .included_data(IncludedData::MetadataOnly)
            .send()
            .await
        {
            Ok(execution) => Ok(match execution.status() {
                ExecutionStatus::Running | ExecutionStatus::PendingRedrive => Status::Running,
                status => Status::Ended(status.as_str().to_owned()),
            }),
            Err(error) => {
                let fault = Fault::new(format!("states:DescribeExecution of {arn}"), error);
                if fault.is(NO_SUCH_EXECUTION) {
                    Ok(Status::Unknown)
                } else {
                    Err(fault)
                }
            }
        }
    }

    async fn release_status(&self, promotion: &Promotion) -> Result<Status, Fault> {
        let Promotion { id, bundle, .. } = promotion;
        let name = release_execution(&id.application, &id.version, &bundle.digest, id.attempt);
        self.status(&execution_arn(&self.release, &name)).await
    }

    async fn stop(&self, promotion: &Promotion) -> Result<(), Fault> {
        // In this order: it would act upon the end of what it runs.
        self.stop_if_running(&promotion.execution_arn).await?;
        let name = promotion_execution(&promotion.id, &promotion.bundle.digest);
        for machine in &self.children {
            self.stop_if_running(&execution_arn(machine, &name)).await?;
        }
        Ok(())
    }
}

/// `shift`, `warm`, `guard` and `migrate` through Lambda.
pub struct Functions {
    client: aws_sdk_lambda::Client,
    shift: String,
    warm: String,
    guard: String,
    /// Sluice's own.
    migrate: String,
}

impl Functions {
    /// From `SLUICE_SHIFT_FUNCTION`, `SLUICE_WARM_FUNCTION`, `SLUICE_GUARD_FUNCTION` and
    /// `SLUICE_MIGRATE_FUNCTION`.
    ///
    /// # Errors
    /// When a variable is not set.
    pub fn from_env(config: &SdkConfig) -> Result<Self, MissingVariable> {
        Ok(Self {
            client: aws_sdk_lambda::Client::new(config),
            shift: variable("SLUICE_SHIFT_FUNCTION")?,
            warm: variable("SLUICE_WARM_FUNCTION")?,
            guard: variable("SLUICE_GUARD_FUNCTION")?,
            migrate: variable("SLUICE_MIGRATE_FUNCTION")?,
        })
    }

    async fn call<T: DeserializeOwned>(&self, request: &Request<'_>) -> Result<T, CallError> {
        let function = match request {
            Request::Shift { .. } => &self.shift,
            Request::Warm { .. } => &self.warm,
            Request::Guard(_) => &self.guard,
        };
        call(&self.client, function, request.what(), request).await
    }
}

/// Calls a function and waits for its answer.
async fn call<T: DeserializeOwned>(
    client: &aws_sdk_lambda::Client,
    function: &str,
    what: &'static str,
    request: &impl Serialize,
) -> Result<T, CallError> {
    let payload = serde_json::to_vec(request).map_err(|error| Fault::other(what, error))?;
    let call = client
        .invoke()
        .function_name(function)
        .payload(Blob::new(payload));
    let answer = call
        .send()
        .await
        .map_err(|error| Fault::new(format!("lambda:Invoke for {what}"), error))?;
    let body = answer.payload().map(Blob::as_ref).unwrap_or_default();
    if answer.function_error().is_some() {
        return Err(failure(what, body));
    }
    Ok(serde_json::from_slice(body)
        .map_err(|error| Fault::other(format!("reading the answer of {what}"), error))?)
}

/// What a function is asked.
#[derive(Serialize)]
#[serde(untagged)]
enum Request<'a> {
    Shift {
        goal: &'static str,
        promotion: &'a PromotionId,
        generation: Generation,
    },
    Warm {
        op: &'static str,
        promotion: &'a PromotionId,
        generation: Generation,
    },
    Guard(GuardRequest<'a>),
}

#[derive(Serialize)]
#[serde(tag = "op", rename_all = "snake_case")]
enum GuardRequest<'a> {
    Close {
        promotion: &'a PromotionId,
        outcome: Outcome,
        cause: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        generation: Option<Generation>,
    },
    CloseUnbegun {
        promotion: PromotionId,
        bundle: &'a BundleRef,
        outcome: Outcome,
        cause: &'a str,
        execution_arn: &'a str,
    },
    Handover {},
}

impl Request<'_> {
    fn what(&self) -> &'static str {
        match self {
            Self::Shift { goal: "verify", .. } => "shift (goal verify)",
            Self::Shift { .. } => "shift (goal stable)",
            Self::Warm { .. } => "warm (retire)",
            Self::Guard(GuardRequest::Close { .. }) => "guard (close)",
            Self::Guard(GuardRequest::CloseUnbegun { .. }) => "guard (close_unbegun)",
            Self::Guard(GuardRequest::Handover {}) => "guard (handover)",
        }
    }
}

/// A function's error, as the Lambda runtime writes it. A function that was
/// killed has no error name.
fn failure(function: &'static str, body: &[u8]) -> CallError {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Failure {
        error_type: Option<String>,
        error_message: String,
    }
    match serde_json::from_slice::<Failure>(body) {
        Ok(failure) => CallError::Failed {
            function,
            name: failure
                .error_type
                .unwrap_or_else(|| "an unnamed error".to_owned()),
            message: failure.error_message,
        },
        Err(_) => CallError::Failed {
            function,
            name: "an unreadable error".to_owned(),
            message: String::from_utf8_lossy(body).into_owned(),
        },
    }
}

/// An answer of which nothing is needed.
#[derive(Deserialize)]
struct Done {}

#[derive(Deserialize)]
struct HandedOver {
    resumed: u64,
}

impl crate::Functions for Functions {
    async fn settle(&self, id: &PromotionId, generation: Generation) -> Result<Settled, CallError> {
        self.call(&Request::Shift {
            goal: "stable",
            promotion: id,
            generation,
        })
        .await
    }

    async fn verify(&self, id: &PromotionId, generation: Generation) -> Result<(), CallError> {
        let Done {} = self
            .call(&Request::Shift {
                goal: "verify",
                promotion: id,
                generation,
            })
            .await?;
        Ok(())
    }

    async fn end_migrations(
        &self,
        id: &PromotionId,
        database: &Database,
        epoch: i64,
    ) -> Result<(), CallError> {
        self.fence_schema(id, database, epoch).await
    }

    async fn retire(&self, id: &PromotionId, generation: Generation) -> Result<(), CallError> {
        let Done {} = self
            .call(&Request::Warm {
                op: "retire",
                promotion: id,
                generation,
            })
            .await?;
        Ok(())
    }

    async fn close(
        &self,
        id: &PromotionId,
        (outcome, cause): (Outcome, &str),
        under: Option<Generation>,
    ) -> Result<(), CallError> {
        let close = GuardRequest::Close {
            promotion: id,
            outcome,
            cause,
            generation: under,
        };
        let Done {} = self.call(&Request::Guard(close)).await?;
        Ok(())
    }

    async fn close_unbegun(
        &self,
        release: &Release,
        environment: &str,
        outcome: Outcome,
        why: &str,
    ) -> Result<(), CallError> {
        let close = GuardRequest::CloseUnbegun {
            promotion: release.promotion(environment),
            bundle: &release.bundle,
            outcome,
            cause: why,
            execution_arn: &release.execution_arn,
        };
        let Done {} = self.call(&Request::Guard(close)).await?;
        Ok(())
    }

    async fn hand_over(&self) -> Result<u64, CallError> {
        let answer: HandedOver = self
            .call(&Request::Guard(GuardRequest::Handover {}))
            .await?;
        Ok(answer.resumed)
    }
}

impl Facts for Ledger {
    async fn record(
        &self,
        id: &PromotionId,
        kind: Kind,
        key: &str,
        facts: Value,
    ) -> Result<(), Fault> {
        self.append(id, kind, key, facts).await.map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sluice_domain::digest::Digest;

    use super::*;

    #[test]
    fn requests_are_what_the_functions_take() {
        let id: PromotionId = "storefront/prod/1.1.0/1".parse().expect("valid");
        let json = |request: &Request<'_>| serde_json::to_value(request).expect("JSON");
        let stable = Request::Shift {
            goal: "stable",
            promotion: &id,
            generation: Generation(4),
        };
        assert_eq!(
            json(&stable),
            json!({"goal": "stable", "promotion": "storefront/prod/1.1.0/1", "generation": 4})
        );
        let retire = Request::Warm {
            op: "retire",
            promotion: &id,
            generation: Generation(4),
        };
        assert_eq!(
            json(&retire),
            json!({"op": "retire", "promotion": "storefront/prod/1.1.0/1", "generation": 4})
        );
        let close = GuardRequest::Close {
            promotion: &id,
            outcome: Outcome::RolledBack,
            cause: "Abandoned: it says why",
            generation: Some(Generation(4)),
        };
        assert_eq!(
            json(&Request::Guard(close)),
            json!({
                "op": "close", "promotion": "storefront/prod/1.1.0/1", "outcome": "rolled_back",
                "cause": "Abandoned: it says why", "generation": 4,
            })
        );
        let bundle = BundleRef {
            bucket: "b".into(),
            key: "k".into(),
            version_id: "v".into(),
            digest: Digest::of(b""),
        };
        let unbegun = GuardRequest::CloseUnbegun {
            promotion: id.clone(),
            bundle: &bundle,
            outcome: Outcome::Aborted,
            cause: "it says why",
            execution_arn: "release",
        };
        assert_eq!(
            json(&Request::Guard(unbegun)),
            json!({
                "op": "close_unbegun", "promotion": "storefront/prod/1.1.0/1", "bundle": bundle,
                "outcome": "aborted", "cause": "it says why", "execution_arn": "release",
            })
        );
        assert_eq!(
            json(&Request::Guard(GuardRequest::Handover {})),
            json!({"op": "handover"})
        );
    }

    #[test]
    fn a_functions_error_keeps_its_name_and_its_text() {
        let error = failure(
            "shift (goal stable)",
            br#"{"errorType":"Fenced","errorMessage":"generation 3"}"#,
        );
        assert!(error.is_fence());
        assert_eq!(
            error.to_string(),
            "shift (goal stable) failed with Fenced: generation 3"
        );
        let killed = failure(
            "guard (close)",
            br#"{"errorMessage":"Task timed out after 3.00 seconds"}"#,
        );
        assert!(
            killed
                .to_string()
                .ends_with("an unnamed error: Task timed out after 3.00 seconds"),
            "{killed}"
        );
        assert!(
            failure("guard (close)", b"gone")
                .to_string()
                .ends_with("gone")
        );
    }
}
