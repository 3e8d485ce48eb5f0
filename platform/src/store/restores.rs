//! Which promotion was the last to put a server back: a restore that is left in the middle is
//! found by it, whatever version or environment asks next.

use sluice_domain::promotion::{Generation, PromotionId};

use super::{Store, StoreError, document, item};

const LAST: &str = "last";

fn key(server: &str) -> String {
    format!("restore#{server}")
}

impl Store {
    /// The last promotion that put the server back, if any did. `server` says where it is, too.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn last_restore(&self, server: &str) -> Result<Option<PromotionId>, StoreError> {
        let found = self.get(&key(server), LAST).await?;
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
        let new = item(&key(server), LAST, id)?;
        self.put_behind_fence((id, generation), &operation, new, |put| put)
            .await
    }
}
