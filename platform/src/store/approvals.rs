//! Approval requests and votes.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, Put, ReturnValue, TransactWriteItem, Update,
};
use jiff::Timestamp;
use sluice_domain::approval::{Reminder, Request, Sealed, State};
use sluice_domain::promotion::PromotionId;

use super::reminders::reminded;
use super::{
    CONDITION_FAILED, Part, Store, StoreError, TaskToken, document, item, number, promotion_key,
    string, text, unsigned, write,
};
use crate::fault::Fault;

/// The attribute after whose time, in seconds since 1970, DynamoDB deletes an
/// item: counted tries, and what is kept of those who signed in.
pub const EXPIRES_AT: &str = "expires_at";

pub(super) const REQUEST: &str = "request";

/// A request as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenRequest {
    /// What was asked.
    pub request: Request,
    /// How it stands.
    pub state: State,
    /// What people were told of it since.
    pub reminded: BTreeSet<Reminder>,
}

pub(super) fn key(id: &str) -> String {
    format!("approval#{id}")
}

/// Votes have a partition of their own: the page may write there, and IAM knows
/// partitions only.
fn votes_key(id: &str) -> String {
    format!("vote#{id}")
}

fn vote_key(person: &str) -> String {
    format!("vote#{person}")
}

/// Of a vote: it is there, and was not taken back.
const STANDS: &str = "attribute_exists(pk) AND attribute_not_exists(withdrawn)";

pub(super) fn name(state: State) -> &'static str {
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

    /// All that people were asked about a promotion, in the order in which they were.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn requests_of(&self, id: &PromotionId) -> Result<Vec<OpenRequest>, StoreError> {
        let key = Part::Approval.key();
        let mut names = self.query(&Part::Approval.partition(id), &key).await?;
        if names.is_empty() {
            names = self.query(&promotion_key(id), &key).await?;
        }
        let mut requests = Vec::with_capacity(names.len());
        for name in &names {
            let name: String = document(name)?;
            requests.extend(self.request(&name).await?);
        }
        requests.sort_by_key(|open| open.request.opened_at);
        Ok(requests)
    }

    /// A request, if there is one of this name.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn request(&self, id: &str) -> Result<Option<OpenRequest>, StoreError> {
        let Some(found) = self.get(&key(id), REQUEST).await? else {
            return Ok(None);
        };
        let request: Request = document(&found)?;
        if request.id != id {
            // Copied here from elsewhere: votes are sealed with the id.
            return Ok(None);
        }
        Ok(Some(OpenRequest {
            request,
            state: state(string(&found, "status")),
            reminded: reminded(&found),
        }))
    }

    /// Decides a pending request, if none of these people has taken their vote back. Says
    /// whether this call did: only the winner signals.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn decide(
        &self,
        id: &str,
        state: State,
        counted: &[&str],
    ) -> Result<bool, StoreError> {
        let operation = "deciding an approval";
        let decided = Update::builder()
            .table_name(&self.table)
            .key("pk", text(key(id)))
            .key("sk", text(REQUEST))
            .update_expression("SET #status = :state")
            .condition_expression("#status = :pending")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":state", text(name(state)))
            .expression_attribute_values(":pending", text(name(State::Pending)))
            .build()
            .map_err(|error| Fault::other(operation, error))?;
        let mut items = vec![TransactWriteItem::builder().update(decided).build()];
        for person in counted {
            let stands = ConditionCheck::builder()
                .table_name(&self.table)
                .key("pk", text(votes_key(id)))
                .key("sk", text(vote_key(person)))
                .condition_expression(STANDS)
                .build()
                .map_err(|error| Fault::other(operation, error))?;
            items.push(TransactWriteItem::builder().condition_check(stands).build());
        }
        self.transact(operation, items).await
    }

    /// Stores a vote on a pending request: one a person, beside those that were taken back.
    /// Says whether it was stored.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn cast(&self, id: &str, sealed: &Sealed) -> Result<bool, StoreError> {
        let condition = "attribute_not_exists(pk) OR attribute_exists(withdrawn)";
        self.put_vote(id, sealed, condition).await
    }

    /// Stores a vote in the place of one that is no vote, as it was read. Says whether it was
    /// stored.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn replace(
        &self,
        id: &str,
        there: &Sealed,
        sealed: &Sealed,
    ) -> Result<bool, StoreError> {
        let found = self
            .get(&votes_key(id), &vote_key(&there.vote.person))
            .await?;
        let Some(found) = found else {
            return self.cast(id, sealed).await;
        };
        if document::<Sealed>(&found)? != *there {
            return Ok(false);
        }
        let condition = "document = :there";
        let there = Some(string(&found, "document"));
        self.put_vote_if(id, sealed, (condition, there)).await
    }

    /// Takes a vote on a pending request back. Says whether there was one that stood.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn withdraw(&self, id: &str, withdrawn: &Sealed) -> Result<bool, StoreError> {
        self.put_vote(id, withdrawn, STANDS).await
    }

    async fn put_vote(
        &self,
        id: &str,
        sealed: &Sealed,
        condition: &str,
    ) -> Result<bool, StoreError> {
        self.put_vote_if(id, sealed, (condition, None)).await
    }

    /// The same with a condition about the document that is there.
    async fn put_vote_if(
        &self,
        id: &str,
        sealed: &Sealed,
        (condition, there): (&str, Option<&str>),
    ) -> Result<bool, StoreError> {
        let operation = "storing a vote";
        let mut new = item(&votes_key(id), &vote_key(&sealed.vote.person), sealed)?;
        if let Some(at) = sealed.vote.withdrawn_at {
            new.insert("withdrawn".to_owned(), text(at.to_string()));
        }
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(new))
            .condition_expression(condition)
            .set_expression_attribute_values(there.map(|there| {
                let value = (":there".to_owned(), text(there));
                std::iter::once(value).collect()
            }))
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
        let pending = TransactWriteItem::builder()
            .condition_check(pending)
            .build();
        let put = TransactWriteItem::builder().put(put).build();
        self.transact(operation, vec![pending, put]).await
    }

    /// Whether all conditions held.
    async fn transact(
        &self,
        operation: &str,
        items: Vec<TransactWriteItem>,
    ) -> Result<bool, StoreError> {
        let request = self
            .client
            .transact_write_items()
            .set_transact_items(Some(items));
        match write(operation, || request.clone().send()).await {
            Ok(_) => Ok(true),
            Err(fault) if fault.is(CONDITION_FAILED) => Ok(false),
            Err(fault) => Err(fault.into()),
        }
    }

    /// The votes on a request, those that were taken back among them.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn votes(&self, id: &str) -> Result<Vec<Sealed>, StoreError> {
        let items = self.query(&votes_key(id), "vote#").await?;
        Ok(items.iter().map(document).collect::<Result<_, _>>()?)
    }

    /// Notes that a one-time code of this step was used. False: one of this step, or of a
    /// later one, was used before.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn use_step(&self, parameter: &str, step: u64) -> Result<bool, StoreError> {
        let request = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", text(format!("code#{parameter}")))
            .key("sk", text("used".to_owned()))
            .update_expression("SET step = :step")
            .condition_expression("attribute_not_exists(step) OR step < :step")
            .expression_attribute_values(":step", number(step));
        match write("noting that a code was used", || request.clone().send()).await {
            Ok(_) => Ok(true),
            Err(fault) if fault.is(CONDITION_FAILED) => Ok(false),
            Err(fault) => Err(fault.into()),
        }
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
