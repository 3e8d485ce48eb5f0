//! Promotions, their parts, and the fence that keeps zombies from writing.

use aws_sdk_dynamodb::types::{ConditionCheck, Put, TransactWriteItem};
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sluice_domain::promotion::{Generation, Outcome, Promotion, PromotionId};

use super::{
    CONDITION_FAILED, Item, Store, StoreError, TRANSACTION_CANCELED, document, item, number,
    promotion_key, text, unsigned,
};
use crate::fault::Fault;

/// A part of a promotion's record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The S3 VersionIds of its artifacts.
    Pins,
    /// What it would change.
    Plan,
    /// The name of its approval request.
    Approval,
    /// The targets it has locked.
    Targets,
    /// The Lambda versions it published.
    Versions,
    /// What is needed to roll it back.
    Journal,
}

impl Part {
    fn key(self) -> &'static str {
        match self {
            Self::Pins => "part#pins",
            Self::Plan => "part#plan",
            Self::Approval => "part#approval",
            Self::Targets => "part#targets",
            Self::Versions => "part#versions",
            Self::Journal => "part#journal",
        }
    }
}

const PROMOTION: &str = "promotion";

impl Store {
    /// Opens a promotion at generation 0. Opening it again under the same
    /// execution changes nothing; says whether it is (still) this execution's.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn open_promotion(&self, promotion: &Promotion) -> Result<bool, StoreError> {
        let pk = promotion_key(&promotion.id);
        let mut new = item(&pk, PROMOTION, promotion)?;
        new.insert("generation".into(), number(0));
        // The sparse index `open` holds what the watchdog looks after.
        new.insert("open".into(), text("open"));
        new.insert("application".into(), text(&promotion.id.application));
        new.insert("opened_at".into(), text(promotion.opened_at.to_string()));
        if self.put_new(new).await? {
            return Ok(true);
        }
        let (there, _) = self.promotion(&promotion.id).await?;
        Ok(there.execution_arn == promotion.execution_arn && there.outcome.is_none())
    }

    /// A promotion with its current generation.
    ///
    /// # Errors
    /// When there is none, or DynamoDB fails.
    pub async fn promotion(&self, id: &PromotionId) -> Result<(Promotion, Generation), StoreError> {
        let found = self.get(&promotion_key(id), PROMOTION).await?;
        let found = found.ok_or_else(|| StoreError::Missing(format!("promotion {id}")))?;
        Ok((
            document(&found)?,
            Generation(unsigned(&found, "generation")),
        ))
    }

    /// Checks that this generation may still write.
    ///
    /// # Errors
    /// `Fenced` when it may not.
    pub async fn check_fence(
        &self,
        id: &PromotionId,
        generation: Generation,
    ) -> Result<(), StoreError> {
        let (_, current) = self.promotion(id).await?;
        if current == generation {
            Ok(())
        } else {
            Err(StoreError::Fenced {
                promotion: id.clone(),
                generation,
            })
        }
    }

    /// Raises the generation: from now on, writers with an older one are fenced off.
    ///
    /// # Errors
    /// When there is no such promotion, or DynamoDB fails.
    pub async fn raise_generation(&self, id: &PromotionId) -> Result<Generation, StoreError> {
        let answer = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", text(promotion_key(id)))
            .key("sk", text(PROMOTION))
            .update_expression("ADD generation :one")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":one", number(1))
            .return_values(aws_sdk_dynamodb::types::ReturnValue::UpdatedNew)
            .send()
            .await
            .map_err(|error| {
                let fault = Fault::new(format!("raising the generation of {id}"), error);
                if fault.is(CONDITION_FAILED) {
                    StoreError::Missing(format!("promotion {id}"))
                } else {
                    fault.into()
                }
            })?;
        Ok(Generation(answer.attributes().map_or(0, |attributes| {
            unsigned(attributes, "generation")
        })))
    }

    /// Ends a promotion and fences off everybody who still works on it. The
    /// outcome that was stored first stays, except `Stranded`, which a later
    /// one mends. Answers the outcome that holds now, and whether this call set it.
    ///
    /// # Errors
    /// When there is no such promotion, or DynamoDB fails.
    pub async fn close_promotion(
        &self,
        id: &PromotionId,
        outcome: Outcome,
        reason: &str,
        at: Timestamp,
    ) -> Result<(Outcome, bool), StoreError> {
        let (mut promotion, generation) = self.promotion(id).await?;
        match promotion.outcome {
            Some(there) if there != Outcome::Stranded || outcome == Outcome::Stranded => {
                return Ok((there, false));
            }
            _ => {}
        }
        promotion.outcome = Some(outcome);
        promotion.reason = Some(reason.to_owned());
        promotion.closed_at = Some(at);
        let mut closed = item(&promotion_key(id), PROMOTION, &promotion)?;
        closed.insert("generation".into(), number(generation.0 + 1));
        closed.insert("application".into(), text(&id.application));
        closed.insert("opened_at".into(), text(promotion.opened_at.to_string()));
        closed.insert("outcome".into(), text(outcome.title()));
        // Stranded stays open: the watchdog keeps trying.
        if outcome == Outcome::Stranded {
            closed.insert("open".into(), text("open"));
        }
        let request = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(closed))
            .condition_expression("generation = :generation")
            .expression_attribute_values(":generation", number(generation.0));
        request.send().await.map_err(|error| {
            let fault = Fault::new(format!("closing {id}"), error);
            if fault.is(CONDITION_FAILED) {
                StoreError::Fenced {
                    promotion: id.clone(),
                    generation,
                }
            } else {
                fault.into()
            }
        })?;
        Ok((outcome, true))
    }

    /// All promotions that have not ended, stranded ones included.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn open_promotions(&self) -> Result<Vec<(Promotion, Generation)>, StoreError> {
        self.indexed("open", "open", "open").await
    }

    /// All promotions of an application, oldest first.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn promotions_of(
        &self,
        application: &str,
    ) -> Result<Vec<(Promotion, Generation)>, StoreError> {
        self.indexed("application", "application", application)
            .await
    }

    async fn indexed(
        &self,
        index: &str,
        attribute: &str,
        value: &str,
    ) -> Result<Vec<(Promotion, Generation)>, StoreError> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(index)
            .key_condition_expression("#attribute = :value")
            .expression_attribute_names("#attribute", attribute)
            .expression_attribute_values(":value", text(value))
            .into_paginator()
            .items()
            .send();
        let mut found = Vec::new();
        while let Some(item) = pages.next().await {
            let item: Item = item
                .map_err(|error| Fault::new(format!("dynamodb:Query of index {index}"), error))?;
            found.push((document(&item)?, Generation(unsigned(&item, "generation"))));
        }
        Ok(found)
    }

    /// A part of a promotion's record, if it was written.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn part<T: DeserializeOwned>(
        &self,
        id: &PromotionId,
        part: Part,
    ) -> Result<Option<T>, StoreError> {
        let found = self.get(&promotion_key(id), part.key()).await?;
        Ok(found.as_ref().map(document).transpose()?)
    }

    /// A part that an earlier step must have written.
    ///
    /// # Errors
    /// When it was not, or DynamoDB fails.
    pub async fn required_part<T: DeserializeOwned>(
        &self,
        id: &PromotionId,
        part: Part,
    ) -> Result<T, StoreError> {
        self.part(id, part)
            .await?
            .ok_or_else(|| StoreError::Missing(format!("{} of {id}", part.key())))
    }

    /// Writes a part before there is anything to fence (no lock is held yet).
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn put_part<T: Serialize>(
        &self,
        id: &PromotionId,
        part: Part,
        value: &T,
    ) -> Result<(), StoreError> {
        let new = item(&promotion_key(id), part.key(), value)?;
        let request = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(new));
        request
            .send()
            .await
            .map_err(|error| Fault::new(format!("writing {} of {id}", part.key()), error))?;
        Ok(())
    }

    /// Writes a part if this generation may still write: both in one transaction.
    ///
    /// # Errors
    /// `Fenced` when it may not.
    pub async fn put_part_fenced<T: Serialize>(
        &self,
        id: &PromotionId,
        generation: Generation,
        part: Part,
        value: &T,
    ) -> Result<(), StoreError> {
        let operation = || format!("writing {} of {id}", part.key());
        let new = item(&promotion_key(id), part.key(), value)?;
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(new))
            .build();
        let fence = ConditionCheck::builder()
            .table_name(&self.table)
            .key("pk", text(promotion_key(id)))
            .key("sk", text(PROMOTION))
            .condition_expression("generation = :generation")
            .expression_attribute_values(":generation", number(generation.0))
            .build();
        let (put, fence) = match (put, fence) {
            (Ok(put), Ok(fence)) => (put, fence),
            (Err(error), _) | (_, Err(error)) => {
                return Err(Fault::other(operation(), error).into());
            }
        };
        let request = self
            .client
            .transact_write_items()
            .transact_items(TransactWriteItem::builder().condition_check(fence).build())
            .transact_items(TransactWriteItem::builder().put(put).build());
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) => {
                let fenced = super::condition_failed(&error);
                let fault = Fault::new(operation(), error);
                if fenced && fault.is(TRANSACTION_CANCELED) {
                    Err(StoreError::Fenced {
                        promotion: id.clone(),
                        generation,
                    })
                } else {
                    Err(fault.into())
                }
            }
        }
    }
}
