//! Approval requests in the state table, and `approval`, which counts their votes.

use aws_config::SdkConfig;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sluice_domain::approval::{Matter, State};
use sluice_domain::promotion::PromotionId;
use sluice_platform::fault::Fault;
use sluice_platform::lambda::{MissingVariable, variable};
use sluice_platform::store::{Store, StoreError};

use super::call;
use crate::{Approvals, Asked, CallError, is_due};

/// Requests in the state table, counted by `approval` through Lambda.
pub struct ApprovalRequests {
    store: Store,
    client: aws_sdk_lambda::Client,
    approval: String,
}

impl ApprovalRequests {
    /// From `SLUICE_STATE_TABLE` and `SLUICE_APPROVAL_FUNCTION`.
    ///
    /// # Errors
    /// When a variable is not set.
    pub fn from_env(config: &SdkConfig) -> Result<Self, MissingVariable> {
        Ok(Self {
            store: Store::from_env(config)?,
            client: aws_sdk_lambda::Client::new(config),
            approval: variable("SLUICE_APPROVAL_FUNCTION")?,
        })
    }
}

/// What `approval` is asked.
#[derive(Serialize)]
#[serde(tag = "op", rename_all = "snake_case")]
enum ApprovalRequest<'a> {
    Tally { approval: &'a str },
}

#[derive(Deserialize)]
struct Tallied {
    state: State,
}

impl Approvals for ApprovalRequests {
    async fn due(
        &self,
        id: &PromotionId,
        asked: Asked,
        now: Timestamp,
    ) -> Result<Vec<String>, StoreError> {
        let found = self.store.requests_of(id).await?.into_iter();
        let due = found.filter(|open| {
            let matter = open.request.matter();
            let is_meant = asked == Asked::Whatever || matches!(matter, Matter::Wish(_));
            let is_due = || match matter {
                // Whoever waits for it may not have heard.
                Matter::Promotion => is_due(open.state, open.request.expires_at, now),
                // Whoever wants it asks again.
                Matter::Step(_) | Matter::Wish(_) => {
                    open.state == State::Pending && now >= open.request.expires_at
                }
            };
            let reminders = || open.request.reminders(&open.reminded, now);
            let is_waiting = open.state == State::Pending;
            is_meant && (is_due() || (is_waiting && !reminders().is_empty()))
        });
        Ok(due.map(|open| open.request.id).collect())
    }

    async fn tally(&self, approval: &str) -> Result<State, CallError> {
        let request = ApprovalRequest::Tally { approval };
        let answer = call(&self.client, &self.approval, "approval (tally)", &request).await;
        let Tallied { state } = answer.map_err(|error| match error {
            CallError::Fault(fault) => CallError::Fault(without(approval, fault)),
            CallError::Failed {
                function,
                name,
                message,
            } => CallError::Failed {
                function,
                name,
                message: message.replace(approval, HIDDEN),
            },
        })?;
        Ok(state)
    }
}

/// What stands in an error where a request's id was.
const HIDDEN: &str = "…";

/// A fault that does not tell the id of a request.
fn without(approval: &str, fault: Fault) -> Fault {
    Fault {
        operation: fault.operation.replace(approval, HIDDEN),
        code: fault.code,
        message: fault.message.replace(approval, HIDDEN),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_tally_is_what_approval_takes_and_answers() {
        let request = ApprovalRequest::Tally {
            approval: "mzxw6ytb",
        };
        let json = serde_json::to_value(&request).expect("JSON");
        assert_eq!(json, json!({"op": "tally", "approval": "mzxw6ytb"}));
        let answer = json!({"state": "expired"});
        let answer: Tallied = serde_json::from_value(answer).expect("an answer");
        assert_eq!(answer.state, State::Expired);
    }

    #[test]
    fn a_fault_does_not_tell_the_id_of_a_request() {
        let fault = Fault {
            operation: "dynamodb:GetItem of approval#mzxw6ytb request".to_owned(),
            code: Some("ThrottlingException".to_owned()),
            message: "ThrottlingException: approval#mzxw6ytb is hot".to_owned(),
        };
        let fault = without("mzxw6ytb", fault);
        assert!(fault.is_throttling());
        assert_eq!(
            fault.to_string(),
            "dynamodb:GetItem of approval#… request failed: ThrottlingException: approval#… is hot"
        );
    }
}
