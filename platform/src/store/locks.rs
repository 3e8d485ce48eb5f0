//! Locks on what is really touched, and the queue in front of them.

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem, Update};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sluice_domain::promotion::PromotionId;
use sluice_domain::targets::{exclude, locked, together};

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
    /// For what: function ARNs, databases, servers.
    pub targets: Vec<String>,
    /// What resumes it.
    pub token: TaskToken,
    /// Since when.
    pub queued_at: Timestamp,
}

/// What somebody holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Held {
    /// The target, as it is held: alone, or together with others.
    pub target: String,
    /// Who holds it.
    pub by: String,
}

const QUEUE: &str = "queue";
const LOCK: &str = "lock";

/// The attribute with those who have a target together.
const HOLDERS: &str = "holders";

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
            let update = self.locking(id, target)?;
            request = request.transact_items(TransactWriteItem::builder().update(update).build());
        }
        if targets.is_empty() {
            return Ok(());
        }
        let operation = format!("locking the targets of {id}");
        match write(&operation, || request.clone().send()).await {
            Ok(_) => Ok(()),
            Err(fault) if fault.is(CONDITION_FAILED) => Err(self.barred(id, targets).await?),
            Err(fault) => Err(fault.into()),
        }
    }

    /// What is locked together has a set of holders, and whoever has it alone is its owner:
    /// only one of both is there.
    fn locking(&self, id: &PromotionId, target: &str) -> Result<Update, Fault> {
        let (key, is_shared) = locked(target);
        let me = promotion_key(id);
        let update = Update::builder()
            .table_name(&self.table)
            .key("pk", text(format!("{LOCK}#{key}")))
            .key("sk", text(LOCK))
            .expression_attribute_names("#owner", "owner")
            .expression_attribute_names("#holders", HOLDERS);
        let update = if is_shared {
            update
                .update_expression("ADD #holders :us")
                .condition_expression("attribute_not_exists(#owner)")
                .expression_attribute_values(":us", AttributeValue::Ss(vec![me]))
        } else {
            update
                .update_expression("SET #owner = :me")
                .condition_expression(
                    "attribute_not_exists(#holders) AND (attribute_not_exists(#owner) OR #owner = :me)",
                )
                .expression_attribute_values(":me", text(me))
        };
        let update = update.build();
        update.map_err(|error| Fault::other(format!("locking {target}"), error))
    }

    /// Which of the targets is held by somebody else.
    async fn barred(&self, id: &PromotionId, targets: &[String]) -> Result<StoreError, StoreError> {
        for target in targets {
            let held = self.held(target).await?;
            let bars = |held: &Held| exclude(&held.target, target) && held.by != id.to_string();
            if let Some(held) = held.into_iter().find(bars) {
                return Ok(StoreError::Held {
                    target: target.clone(),
                    holder: held.by,
                });
            }
        }
        // It was given back between the two reads: the caller tries again.
        Ok(StoreError::Held {
            target: targets.join(", "),
            holder: "a promotion that just ended".to_owned(),
        })
    }

    /// Who holds a target, if anybody; of several the first.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn holder(&self, target: &str) -> Result<Option<String>, StoreError> {
        Ok(self.holders(target).await?.into_iter().next())
    }

    /// All who hold a target.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn holders(&self, target: &str) -> Result<Vec<String>, StoreError> {
        let held = self.held(target).await?.into_iter();
        Ok(held.map(|held| held.by).collect())
    }

    /// All who hold a target, and how: who has it alone, or who have it together.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn held(&self, target: &str) -> Result<Vec<Held>, StoreError> {
        let (key, _) = locked(target);
        let Some(found) = self.get(&format!("{LOCK}#{key}"), LOCK).await? else {
            return Ok(Vec::new());
        };
        let held = |owner: &str, target: String| Held {
            target,
            by: owner.trim_start_matches("promotion#").to_owned(),
        };
        let owner = string(&found, "owner");
        let owner = (!owner.is_empty()).then(|| held(owner, key.to_owned()));
        let holders = found.get(HOLDERS).and_then(|held| held.as_ss().ok());
        let holders = holders.into_iter().flatten();
        let holders = holders.map(|holder| held(holder, together(key)));
        Ok(owner.into_iter().chain(holders).collect())
    }

    /// Gives back every target that this promotion holds. Idempotent.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn release(&self, id: &PromotionId) -> Result<Vec<String>, StoreError> {
        let targets: Vec<String> = self.part(id, Part::Targets).await?.unwrap_or_default();
        for target in &targets {
            let (key, is_shared) = locked(target);
            let me = promotion_key(id);
            let request = self
                .client
                .update_item()
                .table_name(&self.table)
                .key("pk", text(format!("{LOCK}#{key}")))
                .key("sk", text(LOCK));
            let request = if is_shared {
                request
                    .update_expression("DELETE #holders :us")
                    .condition_expression("contains(#holders, :me)")
                    .expression_attribute_names("#holders", HOLDERS)
                    .expression_attribute_values(":us", AttributeValue::Ss(vec![me.clone()]))
            } else {
                request
                    .update_expression("REMOVE #owner")
                    .condition_expression("#owner = :me")
                    .expression_attribute_names("#owner", "owner")
            };
            let request = request.expression_attribute_values(":me", text(me));
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
