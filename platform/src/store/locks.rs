//! Locks on what is really touched, and the queue in front of them.

use aws_sdk_dynamodb::types::{TransactWriteItem, Update};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sluice_domain::promotion::PromotionId;

use super::{
    CONDITION_FAILED, Part, Store, StoreError, TaskToken, document, item, promotion_key, sortable,
    string, text, write,
};
use crate::fault::Fault;

/// A promotion's place in line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// Who waits.
    pub promotion: PromotionId,
    /// For what: function ARNs.
    pub targets: Vec<String>,
    /// What resumes it.
    pub token: TaskToken,
    /// Since when.
    pub queued_at: Timestamp,
}

const QUEUE: &str = "queue";
const LOCK: &str = "lock";

impl Ticket {
    fn sort_key(&self) -> String {
        format!("{}#{}", sortable(self.queued_at), self.promotion)
    }
}

impl Store {
    /// Takes all of these targets or none, beside what it already has. Idempotent.
    ///
    /// # Errors
    /// `Held` when another promotion has one of them.
    pub async fn acquire(&self, id: &PromotionId, targets: &[String]) -> Result<(), StoreError> {
        // Noted first, so that `release` finds whatever is locked.
        let noted: Option<Vec<String>> = self.part(id, Part::Targets).await?;
        let noted = union(noted.unwrap_or_default(), targets);
        self.put_part(id, Part::Targets, &noted).await?;
        let mut request = self.client.transact_write_items();
        for target in targets {
            let update = Update::builder()
                .table_name(&self.table)
                .key("pk", text(format!("{LOCK}#{target}")))
                .key("sk", text(LOCK))
                .update_expression("SET #owner = :me")
                .condition_expression("attribute_not_exists(#owner) OR #owner = :me")
                .expression_attribute_names("#owner", "owner")
                .expression_attribute_values(":me", text(promotion_key(id)))
                .build()
                .map_err(|error| Fault::other(format!("locking {target}"), error))?;
            request = request.transact_items(TransactWriteItem::builder().update(update).build());
        }
        if targets.is_empty() {
            return Ok(());
        }
        let operation = format!("locking the targets of {id}");
        match write(&operation, || request.clone().send()).await {
            Ok(_) => Ok(()),
            Err(fault) if fault.is(CONDITION_FAILED) => Err(self.held(id, targets).await?),
            Err(fault) => Err(fault.into()),
        }
    }

    /// Which of the targets is held by somebody else.
    async fn held(&self, id: &PromotionId, targets: &[String]) -> Result<StoreError, StoreError> {
        for target in targets {
            if let Some(holder) = self.holder(target).await?
                && holder != id.to_string()
            {
                return Ok(StoreError::Held {
                    target: target.clone(),
                    holder,
                });
            }
        }
        // It was given back between the two reads: the caller tries again.
        Ok(StoreError::Held {
            target: targets.join(", "),
            holder: "a promotion that just ended".to_owned(),
        })
    }

    /// Who holds a target, if anybody.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn holder(&self, target: &str) -> Result<Option<String>, StoreError> {
        let found = self.get(&format!("{LOCK}#{target}"), LOCK).await?;
        let owner = found
            .as_ref()
            .map(|item| string(item, "owner"))
            .filter(|owner| !owner.is_empty());
        Ok(owner.map(|owner| owner.trim_start_matches("promotion#").to_owned()))
    }

    /// Gives back every target that this promotion holds. Idempotent.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn release(&self, id: &PromotionId) -> Result<Vec<String>, StoreError> {
        let targets: Vec<String> = self.part(id, Part::Targets).await?.unwrap_or_default();
        for target in &targets {
            let request = self
                .client
                .update_item()
                .table_name(&self.table)
                .key("pk", text(format!("{LOCK}#{target}")))
                .key("sk", text(LOCK))
                .update_expression("REMOVE #owner")
                .condition_expression("#owner = :me")
                .expression_attribute_names("#owner", "owner")
                .expression_attribute_values(":me", text(promotion_key(id)));
            let operation = format!("unlocking {target}");
            match write(&operation, || request.clone().send()).await {
                Err(fault) if !fault.is(CONDITION_FAILED) => return Err(fault.into()),
                _ => {}
            }
        }
        Ok(targets)
    }

    /// Puts a promotion in line.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn enqueue(&self, ticket: &Ticket) -> Result<(), StoreError> {
        let new = item(QUEUE, &ticket.sort_key(), ticket)?;
        let request = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(new));
        let operation = format!("queueing {}", ticket.promotion);
        write(&operation, || request.clone().send()).await?;
        Ok(())
    }

    /// The line, first come first.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn tickets(&self) -> Result<Vec<Ticket>, StoreError> {
        let items = self.query(QUEUE, "").await?;
        Ok(items.iter().map(document).collect::<Result<_, _>>()?)
    }

    /// Takes a ticket out of the line. Says whether this call did: only the
    /// winner may resume its promotion.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn take_ticket(&self, ticket: &Ticket) -> Result<bool, StoreError> {
        let request = self
            .client
            .delete_item()
            .table_name(&self.table)
            .key("pk", text(QUEUE))
            .key("sk", text(ticket.sort_key()))
            .condition_expression("attribute_exists(pk)");
        let operation = format!("taking the ticket of {}", ticket.promotion);
        match write(&operation, || request.clone().send()).await {
            Ok(_) => Ok(true),
            Err(fault) if fault.is(CONDITION_FAILED) => Ok(false),
            Err(fault) => Err(fault.into()),
        }
    }
}

/// What is in either, once.
fn union(mut one: Vec<String>, other: &[String]) -> Vec<String> {
    for target in other {
        if !one.contains(target) {
            one.push(target.clone());
        }
    }
    one
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_that_were_noted_before_stay_noted() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let noted: Vec<String> = names(&["cart", "checkout"]);
        let asked: Vec<String> = names(&["checkout", "orders"]);
        let expected: Vec<String> = names(&["cart", "checkout", "orders"]);
        assert_eq!(union(noted, &asked), expected);
    }
}
