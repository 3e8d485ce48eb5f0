//! What only the generation writes that may still write: each in one transaction with a look
//! at the fence.

use aws_sdk_dynamodb::types::builders::PutBuilder;
use aws_sdk_dynamodb::types::{ConditionCheck, Put, TransactWriteItem};
use serde::Serialize;
use sluice_domain::promotion::{Generation, PromotionId};

use super::promotions::PROMOTION;
use super::{
    CONDITION_FAILED, Item, Part, Store, StoreError, item, number, promotion_key, string, text,
    write,
};
use crate::fault::Fault;

impl Store {
    /// Writes a part if this generation may still write: both in one transaction.
    ///
    /// # Errors
    /// `Fenced` when it may not.
    pub async fn put_part_fenced<T: Serialize>(
        &self,
        id: &PromotionId,
        generation: Generation,
        part: Part<'_>,
        value: &T,
    ) -> Result<(), StoreError> {
        let operation = format!("writing {} of {id}", part.key());
        let new = item(&part.partition(id), &part.key(), value)?;
        self.put_behind_fence((id, generation), &operation, new, |put| put)
            .await
    }

    /// Writes a part that is not there yet if this generation may still write: all in one
    /// transaction.
    ///
    /// # Errors
    /// `Fenced` when it may not, and when the part is there: it stays as it is.
    pub async fn put_first_part_fenced<T: Serialize>(
        &self,
        id: &PromotionId,
        generation: Generation,
        part: Part<'_>,
        value: &T,
    ) -> Result<(), StoreError> {
        let operation = format!("beginning {} of {id}", part.key());
        let new = item(&part.partition(id), &part.key(), value)?;
        self.put_behind_fence((id, generation), &operation, new, |put| {
            put.condition_expression("attribute_not_exists(pk)")
        })
        .await
    }

    /// Replaces a part as it was read, if this generation may still write: all in one
    /// transaction. Safe to repeat.
    ///
    /// # Errors
    /// `Fenced` when it may not, or somebody else has written something else since.
    pub async fn replace_part_fenced<T: Serialize>(
        &self,
        id: &PromotionId,
        generation: Generation,
        part: Part<'_>,
        (read, value): (&T, &T),
    ) -> Result<(), StoreError> {
        let operation = format!("replacing {} of {id}", part.key());
        let pk = part.partition(id);
        let before = item(&pk, &part.key(), read)?;
        let new = item(&pk, &part.key(), value)?;
        let documents = [&before, &new].map(|item| text(string(item, "document")));
        let [before, after] = documents;
        self.put_behind_fence((id, generation), &operation, new, |put| {
            put.condition_expression("document = :read OR document = :new")
                .expression_attribute_values(":read", before)
                .expression_attribute_values(":new", after)
        })
        .await
    }

    /// Puts an item if this generation may still write, and what is added to the request
    /// holds: all in one transaction. `Fenced` also says that it does not hold.
    pub(super) async fn put_behind_fence(
        &self,
        (id, generation): (&PromotionId, Generation),
        operation: &str,
        new: Item,
        condition: impl FnOnce(PutBuilder) -> PutBuilder,
    ) -> Result<(), StoreError> {
        let put = Put::builder().table_name(&self.table).set_item(Some(new));
        let put = condition(put).build();
        let put = put.map_err(|error| Fault::other(operation, error))?;
        let fence = ConditionCheck::builder()
            .table_name(&self.table)
            .key("pk", text(promotion_key(id)))
            .key("sk", text(PROMOTION))
            .condition_expression("generation = :generation")
            .expression_attribute_values(":generation", number(generation.0))
            .build();
        let fence = fence.map_err(|error| Fault::other(operation, error))?;
        let request = self
            .client
            .transact_write_items()
            .transact_items(TransactWriteItem::builder().condition_check(fence).build())
            .transact_items(TransactWriteItem::builder().put(put).build());
        match write(operation, || request.clone().send()).await {
            Ok(_) => Ok(()),
            Err(fault) if fault.is(CONDITION_FAILED) => Err(StoreError::Fenced {
                promotion: id.clone(),
                generation,
            }),
            Err(fault) => Err(fault.into()),
        }
    }
}
