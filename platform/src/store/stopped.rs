//! Functions that get no calls, and what they had before: by function, since a later
//! promotion may have to go on where the one that stopped them ended.

use sluice_domain::migrations::Stopped;
use sluice_domain::promotion::{Generation, PromotionId};

use super::{Store, StoreError, document, item, number};
use crate::fault::{Fault, TRANSACTION_CONFLICT};

const STOPPED: &str = "stopped";
/// The attribute that a write looks at.
const REVISION: &str = "revision";

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

    /// Notes it if this generation may still write and nobody has noted anything since:
    /// all in one transaction. Its revision is the one after that which was read.
    ///
    /// # Errors
    /// `Fenced` when it may not, `Throttled` when somebody was faster.
    pub async fn save_stopped(
        &self,
        id: &PromotionId,
        generation: Generation,
        (function, stopped): (&str, &Stopped),
    ) -> Result<(), StoreError> {
        let operation = format!("noting what {function} has");
        let mut new = item(&key(function), STOPPED, stopped)?;
        new.insert(REVISION.to_owned(), number(stopped.revision));
        let read = stopped.revision.saturating_sub(1);
        let noted = self.put_behind_fence((id, generation), &operation, new, |put| match read {
            // An older Sluice noted none.
            0 => put.condition_expression("attribute_not_exists(revision)"),
            read => put
                .condition_expression("revision = :read")
                .expression_attribute_values(":read", number(read)),
        });
        let noted = noted.await;
        if let Err(StoreError::Fenced { .. }) = noted {
            self.check_fence(id, generation).await?;
            return Err(StoreError::Fault(Fault {
                operation,
                code: Some(TRANSACTION_CONFLICT.to_owned()),
                message: "another call has noted something else meanwhile".to_owned(),
            }));
        }
        noted
    }
}
