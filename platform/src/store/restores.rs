//! Which promotion of an environment was the last to put a server back: a restore that is left
//! in the middle is found by it, whatever version asks next.

use sluice_domain::promotion::{Generation, PromotionId};

use super::{Store, StoreError, document, item};

fn key(id: &PromotionId) -> String {
    format!("restore#{}#{}", id.application, id.environment)
}

fn sort_key(server: &str) -> String {
    format!("server#{server}")
}

impl Store {
    /// The last promotion of this one's environment that put the server back, if any did.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn last_restore(
        &self,
        id: &PromotionId,
        server: &str,
    ) -> Result<Option<PromotionId>, StoreError> {
        let found = self.get(&key(id), &sort_key(server)).await?;
        Ok(found.as_ref().map(document).transpose()?)
    }

    /// Notes that it is this promotion, if this generation may still write: both in one
    /// transaction.
    ///
    /// # Errors
    /// `Fenced` when it may not.
    pub async fn save_last_restore(
        &self,
        id: &PromotionId,
        generation: Generation,
        server: &str,
    ) -> Result<(), StoreError> {
        let operation = format!("noting who puts {server} back");
        let new = item(&key(id), &sort_key(server), id)?;
        self.put_behind_fence((id, generation), &operation, new, |put| put)
            .await
    }
}
