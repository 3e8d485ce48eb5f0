//! What operators asked of a promotion: written by whoever asks, under the fence
//! and under a count, so that no wish overwrites another.

use sluice_domain::controls::Controls;
use sluice_domain::promotion::{Generation, PromotionId};

use super::{Part, Store, StoreError, item, number, promotion_key};

impl Store {
    /// Writes what operators asked, the last of it new, if this generation may
    /// still write and nobody else has asked anything meanwhile: all in one
    /// transaction. Says whether it did.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn put_controls(
        &self,
        id: &PromotionId,
        generation: Generation,
        controls: &Controls,
    ) -> Result<bool, StoreError> {
        let wishes = controls.asked.len() as u64;
        let mut new = item(&promotion_key(id), &Part::Controls.key(), controls)?;
        new.insert("wishes".to_owned(), number(wishes));
        let operation = format!("writing what was asked of {id}");
        let before = number(wishes.saturating_sub(1));
        let written = self.put_behind_fence((id, generation), &operation, new, |put| {
            put.condition_expression("attribute_not_exists(pk) OR wishes = :before")
                .expression_attribute_values(":before", before)
        });
        match written.await {
            Ok(()) => Ok(true),
            Err(StoreError::Fenced { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
