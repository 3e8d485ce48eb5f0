//! Approval requests and votes.

use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, Put, ReturnValue, TransactWriteItem,
};
use jiff::Timestamp;
use sluice_domain::approval::{Request, State, Vote};
use sluice_domain::promotion::PromotionId;

use super::{
    CONDITION_FAILED, Part, Store, StoreError, TaskToken, document, item, number, promotion_key,
    string, text, unsigned, write,
};
use crate::fault::Fault;

/// The attribute after whose time, in seconds since 1970, DynamoDB deletes an
/// item. Only counted tries carry it.
pub const EXPIRES_AT: &str = "expires_at";

pub(super) const REQUEST: &str = "request";

/// A request as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenRequest {
    /// What was asked.
    pub request: Request,
    /// How it stands.
    pub state: State,
}

pub(super) fn key(id: &str) -> String {
    format!("approval#{id}")
}

/// Votes have a partition of their own: the page may write there, and IAM knows
/// partitions only.
fn votes_key(id: &str) -> String {
    format!("vote#{id}")
}

fn name(state: State) -> &'static str {
    match state {
        State::Pending => "pending",
        State::Approved => "approved",
        State::Rejected => "rejected",
        State::Expired => "expired",
        State::Superseded => "superseded",
    }
}

fn state(name: &str) -> State {
    match name {
        "approved" => State::Approved,
        "rejected" => State::Rejected,
        "expired" => State::Expired,
        "superseded" => State::Superseded,
        _ => State::Pending,
    }
}

impl Store {
    /// Opens a request, and keeps the token of whoever waits for it, unless that one asks
    /// again by itself, also where the request was open already. Says whether this call
    /// opened it.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn open_request(
        &self,
        request: &Request,
        token: Option<&TaskToken>,
    ) -> Result<bool, StoreError> {
        // First: whoever decides the request finds the token.
        if let Some(token) = token {
            self.add_token(&request.id, token).await?;
        }
        let mut new = item(&key(&request.id), REQUEST, request)?;
        new.insert("status".into(), text(name(State::Pending)));
        Ok(self.put_new(new).await?)
    }

    /// The name of a promotion's last request: that of the last step that asked, or else
    /// that of the promotion as a whole.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn asked_last(&self, id: &PromotionId) -> Result<Option<String>, StoreError> {
        let key = Part::Approval.key();
        let mut requests = self.query(&Part::Approval.partition(id), &key).await?;
        if requests.is_empty() {
            requests = self.query(&promotion_key(id), &key).await?;
        }
        // In the order of their keys: steps come after the promotion, and in their own.
        Ok(requests.last().map(document).transpose()?)
    }

    /// A request, if there is one of this name.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn request(&self, id: &str) -> Result<Option<OpenRequest>, StoreError> {
        let Some(found) = self.get(&key(id), REQUEST).await? else {
            return Ok(None);
        };
        Ok(Some(OpenRequest {
            request: document(&found)?,
            state: state(string(&found, "status")),
        }))
    }

    /// Decides a pending request. Says whether this call did: only the winner signals.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn decide(&self, id: &str, state: State) -> Result<bool, StoreError> {
        let request = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", text(key(id)))
            .key("sk", text(REQUEST))
            .update_expression("SET #status = :state")
            .condition_expression("#status = :pending")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":state", text(name(state)))
            .expression_attribute_values(":pending", text(name(State::Pending)));
        match write("deciding an approval", || request.clone().send()).await {
            Ok(_) => Ok(true),
            Err(fault) if fault.is(CONDITION_FAILED) => Ok(false),
            Err(fault) => Err(fault.into()),
        }
    }

    /// Stores a vote on a pending request: one a person. Says whether it was stored.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn cast(&self, id: &str, vote: &Vote) -> Result<bool, StoreError> {
        let operation = "storing a vote";
        let new = item(&votes_key(id), &format!("vote#{}", vote.person), vote)?;
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(new))
            .condition_expression("attribute_not_exists(pk)")
            .build()
            .map_err(|error| Fault::other(operation, error))?;
        let pending = ConditionCheck::builder()
            .table_name(&self.table)
            .key("pk", text(key(id)))
            .key("sk", text(REQUEST))
            .condition_expression("#status = :pending")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":pending", text(name(State::Pending)))
            .build()
            .map_err(|error| Fault::other(operation, error))?;
        let request = self
            .client
            .transact_write_items()
            .transact_items(
                TransactWriteItem::builder()
                    .condition_check(pending)
                    .build(),
            )
            .transact_items(TransactWriteItem::builder().put(put).build());
        match write(operation, || request.clone().send()).await {
            Ok(_) => Ok(true),
            Err(fault) if fault.is(CONDITION_FAILED) => Ok(false),
            Err(fault) => Err(fault.into()),
        }
    }

    /// The votes on a request.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn votes(&self, id: &str) -> Result<Vec<Vote>, StoreError> {
        let items = self.query(&votes_key(id), "vote#").await?;
        Ok(items.iter().map(document).collect::<Result<_, _>>()?)
    }

    /// Counts one code that a person tried on a request, and answers how many
    /// there were in this window of time. DynamoDB may forget them at `forgotten_at`.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn count_try(
        &self,
        id: &str,
        person: &str,
        window: i64,
        forgotten_at: Timestamp,
    ) -> Result<u64, StoreError> {
        let forgotten_at = AttributeValue::N(forgotten_at.as_second().to_string());
        let answer = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", text(votes_key(id)))
            .key("sk", text(format!("try#{person}@{window}")))
            .update_expression("SET #expires_at = :forgotten_at ADD tries :one")
            .expression_attribute_names("#expires_at", EXPIRES_AT)
            .expression_attribute_values(":forgotten_at", forgotten_at)
            .expression_attribute_values(":one", number(1))
            .return_values(ReturnValue::UpdatedNew)
            .send()
            .await
            .map_err(|error| Fault::new("counting a tried code", error))?;
        Ok(answer
            .attributes()
            .map_or(0, |attributes| unsigned(attributes, "tries")))
    }
}
