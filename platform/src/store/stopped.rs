//! Functions that get no calls, and what they had before: by function, since a later
//! promotion may have to go on where the one that stopped them ended.

use aws_sdk_dynamodb::types::Put;
use sluice_domain::migrations::Stopped;
use sluice_domain::promotion::{Generation, PromotionId};

use super::{Store, StoreError, document, item};
use crate::fault::Fault;

const STOPPED: &str = "stopped";

fn key(function: &str) -> String {
    format!("stopped#{function}")
}

impl Store {
    /// What is noted of a function, by its ARN, if anything ever was.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn stopped(&self, function: &str) -> Result<Option<Stopped>, StoreError> {
        let found = self.get(&key(function), STOPPED).await?;
        Ok(found.as_ref().map(document).transpose()?)
    }

    /// Notes it if this generation may still write: both in one transaction.
    ///
    /// # Errors
    /// `Fenced` when it may not.
    pub async fn save_stopped(
        &self,
        id: &PromotionId,
        generation: Generation,
        (function, stopped): (&str, &Stopped),
    ) -> Result<(), StoreError> {
        let operation = format!("noting what {function} has");
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(item(&key(function), STOPPED, stopped)?))
            .build();
        let put = put.map_err(|error| Fault::other(&operation, error))?;
        self.put_behind_fence(id, generation, put, &operation).await
    }
}
